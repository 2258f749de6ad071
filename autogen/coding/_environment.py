"""The environment of generated code: an allow-list, so that no key of the parent is in it."""

from __future__ import annotations

import os
from collections.abc import Mapping

ALLOWED = frozenset(
    {
        "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TERM", "TMPDIR", "TEMP", "TMP",
        "VIRTUAL_ENV", "CONDA_PREFIX", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DISPLAY", "XDG_RUNTIME_DIR",
        "SSL_CERT_FILE", "SSL_CERT_DIR", "PYTHONPATH", "PYTHONIOENCODING", "PYTHONUTF8", "PYTHONDONTWRITEBYTECODE",
        "PYTHONUNBUFFERED", "MPLBACKEND",
        "SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "APPDATA", "LOCALAPPDATA", "USERPROFILE",
        "PROGRAMFILES", "PROGRAMDATA", "NUMBER_OF_PROCESSORS", "PROCESSOR_ARCHITECTURE",
    }
)  # fmt: skip
"""Variables that generated code may see. Locale variables (`LC_...`) are allowed too."""


def child_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for generated code: what is allowed of this process's, and `extra`."""
    allowed = {name: value for name, value in os.environ.items() if name.upper() in ALLOWED or name.startswith("LC_")}
    return {**allowed, "PYTHONIOENCODING": "utf-8", **(extra or {})}
