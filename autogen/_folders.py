"""The folder of files that the package keeps between runs, and the replacement of files."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


def get_home() -> Path:
    """Return AUTOGEN_HOME, or `autogen` in the user's cache directory. It may not exist.

    Raises:
        RuntimeError: if the user's home directory is unknown.
    """
    if home := os.environ.get("AUTOGEN_HOME"):
        return Path(home)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "autogen"


@contextmanager
def replace_file(path: Path, mode: int = 0o600) -> Iterator[BinaryIO]:
    """Give a `with` block a new file, which replaces another at its end, so that nobody reads half of it.

    If the block raises an error, the file that was there stays.

    Args:
        path: The file to replace, which may not exist. Its folder must.
        mode: Permissions of the new file.

    Raises:
        OSError: if the file can't be written.
    """
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name[:100]}.", dir=path.parent)
    try:
        with open(handle, "wb") as file:
            yield file
        os.chmod(temporary, mode)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
