"""The work folder of code whose user names none: a new folder, apart from the program that runs it and from its keys.

In the folder of a program, generated code could read a key file, or leave a module that the program imports.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import tempfile
import time
import uuid
import weakref
from collections.abc import Sequence
from pathlib import Path

from .._folders import get_home

logger = logging.getLogger(__name__)

_MAX_NAMED = 20


def name_default_folder(name: str | None = None) -> Path:
    """Return the path of a new folder for code, or of the folder with a name. It is not created.

    It is in the user's cache directory, or else in that of temporary files: a service may have no home directory.
    """
    folder = _find_parent() / "code"
    return folder / (name or f"{time.strftime('%Y-%m-%d')}-{uuid.uuid4().hex[:12]}")


def create_process_folder(folder: Path) -> None:
    """Create a default folder if it is missing. At the end of the process it is removed if it is empty.

    Raises:
        OSError: if it can't be created.
    """
    if not folder.is_dir():
        _create(folder)
        atexit.register(_remove_if_empty, folder)


def make_default_folder(owner: object, name: str | None = None) -> Path:
    """Create a new folder for code, or that with a name, and return it. It is removed with its owner if it is empty.

    Raises:
        OSError: if it can't be created.
    """
    folder = name_default_folder(name)
    _create(folder)
    logger.info("Code runs in the folder %s", folder)
    weakref.finalize(owner, _remove_if_empty, folder)
    return folder


def describe_files(folder: Path, files: Sequence[str]) -> str:
    """Return a note on the files that code left in a default folder, which the user has not named; empty without files."""
    paths = [os.path.relpath(file, folder.resolve()) for file in files]
    if not paths:
        return ""
    rest = f" and {len(paths) - _MAX_NAMED} more" if len(paths) > _MAX_NAMED else ""
    return f"\n[Files in {folder}: {', '.join(paths[:_MAX_NAMED])}{rest}]"


def _find_parent() -> Path:
    try:
        home = get_home().absolute()
    except RuntimeError:
        return Path(tempfile.gettempdir(), "autogen")
    existing = next(folder for folder in (home, *home.parents) if folder.is_dir())
    if os.access(existing, os.W_OK | os.X_OK):
        return home
    # Another user may own a folder of a common name in the directory of temporary files.
    return Path(tempfile.gettempdir(), f"autogen-{os.getuid()}" if hasattr(os, "getuid") else "autogen")


def _create(folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Other users of the machine have no business in it.
    folder.mkdir(mode=0o700, exist_ok=True)


def _remove_if_empty(folder: Path) -> None:
    # It has files in it, or was removed.
    with contextlib.suppress(OSError):
        folder.rmdir()
