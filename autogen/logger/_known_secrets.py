"""Secrets that were once seen under a name such as `api_key`, so that they are also masked where that name is missing.

An endpoint quotes a wrong key in its error message, a tool prints an environment variable: not every key can be recognised
by its form alone.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Mapping

from .._secrets import MASK, is_secret_name

# Shorter values are words like `ollama` and `EMPTY`.
_MIN_LENGTH = 8
# A service may serve many users, each with keys of their own. The latest are kept.
_MAX_SECRETS = 256
_MAX_CONTAINERS = 10_000
# Keys of vendors are longer.
_MAX_WORD = 16
_DATA_KEY = re.compile(r"(^|[_-])key$", re.IGNORECASE)
_SECRET_KEY = re.compile(
    r"(access|account|api|auth|encryption|private|secret|service|signing|subscription)[_-]?key$", re.IGNORECASE
)
_SCHEME = re.compile(r"(?i)(?:bearer|basic|token|apikey) ")

_lock = threading.Lock()
_known: dict[str, None] = {}
_pattern: re.Pattern[str] | None = None


def learn(config: object) -> None:
    """Remember the values under secret names in a config, at any depth."""
    _remember(_find_secrets(config))


def learn_environment() -> None:
    """Remember the secrets in the environment variables of this process."""
    learn(dict(os.environ))


def mask_known(text: str) -> str:
    """Mask the remembered secrets in a text."""
    return _pattern.sub(MASK, text) if _pattern else text


def is_secret(name: object, value: object) -> bool:
    """Return True if a value is secret because of its name.

    `key` and `primary_key` are names of secrets, but also of arguments of tools. Their values are secret unless they are
    numbers, text with spaces, or short words.
    """
    if not is_secret_name(name):
        return False
    text = name.decode("latin-1") if isinstance(name, bytes) else str(name)
    return not (_DATA_KEY.search(text) and not _SECRET_KEY.search(text) and _is_plain(value))


def _is_plain(value: object) -> bool:
    if isinstance(value, (str, bytes)):
        text = value.decode("latin-1") if isinstance(value, bytes) else value
        has_both = re.search(r"[^\W\d]", text) and re.search(r"\d", text)
        return bool(re.search(r"\s", text.strip())) or (len(text) < _MAX_WORD and not has_both)
    return value is None or isinstance(value, (bool, int, float))


def _find_secrets(config: object) -> dict[str, None]:
    secrets: dict[str, None] = {}
    visited: set[int] = set()
    pending = [config]
    while pending and len(visited) < _MAX_CONTAINERS:
        value = pending.pop()
        if id(value) in visited or not isinstance(value, (Mapping, list, tuple)):
            continue
        visited.add(id(value))
        try:
            items = list(value.items()) if isinstance(value, Mapping) else [(None, item) for item in value]
        # A mapping may be of a class of the user's, with methods that fail.
        except Exception:  # noqa: BLE001
            continue
        for name, item in items:
            if isinstance(item, str) and is_secret_name(name):
                secret = _SCHEME.sub("", item.strip(), count=1)
                if is_secret(name, item) and len(secret) >= _MIN_LENGTH and not re.search(r"\s", secret):
                    secrets[secret] = None
            else:
                pending.append(item)
    return secrets


def _remember(secrets: dict[str, None]) -> None:
    global _pattern
    with _lock:
        if secrets.keys() <= _known.keys():
            return
        _known.update(secrets)
        while len(_known) > _MAX_SECRETS:
            del _known[next(iter(_known))]
        # The longest first, because one secret may begin with another.
        _pattern = re.compile("|".join(map(re.escape, sorted(_known, key=len, reverse=True))))
