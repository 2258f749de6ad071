"""Agents and teams as documents: data that can be kept, sent, checked and built, in JSON or YAML.

`to_spec` writes an agent, a group chat or a queue of chats, `from_spec` builds it again. A document is data alone: nothing
is imported or run because it says so, unless the caller permits it by a `Consent`. `check_spec` returns all faults at once,
`needs` what a document wants of the machine.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ._autogen04 import TranslationNote, from_autogen04
from ._building import from_spec
from ._checking import check_spec, needs, schema, upgrade
from ._documents import Document, canonicalize, digest, dump, load, save_text
from ._needs import Consent, ConsentNeeded, Needs
from ._protocols import Build, Writer
from ._registry import ComponentInfo, component, components
from ._to_autogen04 import to_autogen04
from ._writing import to_spec
from .errors import Problem, SpecError

__all__ = [
    "Build",
    "ComponentInfo",
    "Consent",
    "ConsentNeeded",
    "Document",
    "Needs",
    "Problem",
    "SpecError",
    "TranslationNote",
    "Writer",
    "canonicalize",
    "check_spec",
    "component",
    "components",
    "digest",
    "from_autogen04",
    "from_spec",
    "load",
    "needs",
    "save",
    "schema",
    "to_autogen04",
    "to_spec",
    "upgrade",
]


def save(obj: object, path: str | os.PathLike[str]) -> None:
    """Write a document, or an object as a document, into a file: YAML by its suffix, else JSON.

    The file is written whole or not at all.

    Raises:
        OSError: if the file can't be written.
        SpecError: if the object can't be written as a document.
    """
    path = Path(path)
    doc: Mapping[str, Any] = obj if isinstance(obj, Mapping) and "autogen" in obj else to_spec(obj)
    save_text(dump(doc, path), path)
