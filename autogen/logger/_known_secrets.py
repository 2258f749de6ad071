"""Secrets that were seen under a secret's name, so that they are known again where no name stands beside them.

An endpoint quotes a wrong key in its error, a tool prints an environment variable: by its look alone not every key can be
told from a word.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Mapping
from typing import Any

from .._secrets import MASK, is_secret_name

_SHORTEST = 8  # characters: shorter values are words like `ollama` and `EMPTY`
_MOST = 256  # a service may serve many users, each with keys of their own; the latest are known
_LARGEST = 10_000  # mappings and lists in one config
_SCHEME = re.compile(r"(?i)(?:bearer|basic|token|apikey) ")

_lock = threading.Lock()
_known: dict[str, None] = {}
_pattern: re.Pattern[str] | None = None


def learn(config: Any) -> None:
    """Remember what stands under the names of secrets in a config, at any depth."""
    _remember(_secrets_in(config))


def learn_environment() -> None:
    """Remember the secrets in the environment variables of this process."""
    learn(dict(os.environ))


def without_known(text: str) -> str:
    """The text, what is known masked."""
    return _pattern.sub(MASK, text) if _pattern else text


def _secrets_in(config: Any) -> dict[str, None]:
    found: dict[str, None] = {}
    seen: set[int] = set()
    left = [config]
    while left and len(seen) < _LARGEST:
        value = left.pop()
        if id(value) in seen or not isinstance(value, (Mapping, list, tuple)):
            continue
        seen.add(id(value))
        try:
            items = list(value.items()) if isinstance(value, Mapping) else [(None, item) for item in value]
        except Exception:  # noqa: BLE001 - a mapping of the user's own: its records are made without its help
            continue
        for name, item in items:
            if isinstance(item, str) and is_secret_name(name):
                secret = _SCHEME.sub("", item.strip(), count=1)
                if len(secret) >= _SHORTEST and not re.search(r"\s", secret):
                    found[secret] = None
            else:
                left.append(item)
    return found


def _remember(found: dict[str, None]) -> None:
    global _pattern
    with _lock:
        if found.keys() <= _known.keys():
            return
        _known.update(found)
        while len(_known) > _MOST:
            del _known[next(iter(_known))]
        longest_first = sorted(_known, key=len, reverse=True)  # one may begin with another
        _pattern = re.compile("|".join(map(re.escape, longest_first)))
