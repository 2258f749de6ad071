"""The names that secrets came from, so that an object which was built from a document can be written again."""

from __future__ import annotations

import hashlib
import os

# By digest, so that no second copy of a secret is kept.
_names: dict[bytes, str] = {}


def remember_name(value: str, name: str) -> None:
    """Remember the name that a secret was found under."""
    _names[_hash(value)] = name


def find_name(value: str, default: str) -> str:
    """Return the name of a secret: that of a document, or of an environment variable with this value; else the default."""
    if name := _names.get(_hash(value)):
        return name
    return next((name for name, text in os.environ.items() if text == value and name.isidentifier()), default)


def _hash(value: str) -> bytes:
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).digest()
