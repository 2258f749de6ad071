"""The folder of files that the package keeps between runs."""

from __future__ import annotations

import os
import sys
from pathlib import Path


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
