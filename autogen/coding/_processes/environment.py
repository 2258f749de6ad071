"""The environment of generated code: an allow-list, so that the parent's API keys are not passed on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from urllib.parse import urlsplit

from ..._secrets import is_secret_name

ALLOWED_VARIABLES = frozenset(
    {
        "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TERM", "TMPDIR", "TEMP", "TMP",
        "VIRTUAL_ENV", "CONDA_PREFIX", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DISPLAY", "XDG_RUNTIME_DIR",
        "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NO_PROXY",
        "PYTHONPATH", "PYTHONIOENCODING", "PYTHONUTF8", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "MPLBACKEND",
        "SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "APPDATA", "LOCALAPPDATA", "USERPROFILE",
        "PROGRAMFILES", "PROGRAMDATA", "NUMBER_OF_PROCESSORS", "PROCESSOR_ARCHITECTURE",
    }
)  # fmt: skip
"""Variables passed on to generated code, besides locale variables (`LC_...`)."""

URL_VARIABLES = frozenset({"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"})
"""Variables passed on if they are URLs without credentials."""

# Output printed before a timeout would be lost in a buffer.
UNBUFFERED = {"PYTHONIOENCODING": "utf-8", "PYTHONUNBUFFERED": "1"}


def build_child_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Build the environment of generated code: the allowed variables of this process, and `extra`."""
    allowed = {name: value for name, value in os.environ.items() if _is_allowed(name, value)}
    return {**allowed, **UNBUFFERED, **(extra or {})}


def prepend_to_path(folder: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment with a folder at the front of PATH, so that `pip` belongs to the Python in that folder."""
    path = os.pathsep.join(filter(None, [folder, environment.get("PATH")]))
    return {**environment, "PATH": path}


def _is_allowed(name: str, value: str) -> bool:
    if name.upper() in URL_VARIABLES:
        # PIP_EXTRA_INDEX_URL may hold several.
        return all(_has_no_credentials(url) for url in value.split())
    return name.upper() in ALLOWED_VARIABLES or (name.startswith("LC_") and not is_secret_name(name))


def _has_no_credentials(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    # A query may hold a token.
    return bool(parts.hostname) and "@" not in parts.netloc and not parts.query
