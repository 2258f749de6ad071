"""The environment of generated code: an allow-list, so that no key of the parent is in it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from urllib.parse import urlsplit

from .._secrets import is_secret_name

ALLOWED = frozenset(
    {
        "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TERM", "TMPDIR", "TEMP", "TMP",
        "VIRTUAL_ENV", "CONDA_PREFIX", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DISPLAY", "XDG_RUNTIME_DIR",
        "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NO_PROXY",
        "PYTHONPATH", "PYTHONIOENCODING", "PYTHONUTF8", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "MPLBACKEND",
        "SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "APPDATA", "LOCALAPPDATA", "USERPROFILE",
        "PROGRAMFILES", "PROGRAMDATA", "NUMBER_OF_PROCESSORS", "PROCESSOR_ARCHITECTURE",
    }
)  # fmt: skip
"""Variables that generated code may see. Locale variables (`LC_...`) are allowed too."""

ADDRESSES = frozenset({"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"})
"""Variables that it may see if they are URLs with neither a user nor a password in them."""

UNBUFFERED = {"PYTHONIOENCODING": "utf-8", "PYTHONUNBUFFERED": "1"}  # what is printed before a time-out is not lost


def child_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for generated code: what is allowed of this process's, and `extra`."""
    allowed = {name: value for name, value in os.environ.items() if _is_allowed(name, value)}
    return {**allowed, **UNBUFFERED, **(extra or {})}


def with_programs_of(folder: str, environment: Mapping[str, str]) -> dict[str, str]:
    """An environment in which the programs of a folder come first: `pip` is that of the Python there."""
    path = os.pathsep.join(filter(None, [folder, environment.get("PATH")]))
    return {**environment, "PATH": path}


def _is_allowed(name: str, value: str) -> bool:
    if name.upper() in ADDRESSES:
        return all(_is_plain_address(address) for address in value.split())
    return name.upper() in ALLOWED or (name.startswith("LC_") and not is_secret_name(name))


def _is_plain_address(address: str) -> bool:
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return bool(parts.hostname) and "@" not in parts.netloc and not parts.query
