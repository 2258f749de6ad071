"""Keeping keys out of everything that is shown or written down."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

MASK = "***"

_SECRET_NAME = re.compile(
    r"(^|[_-])(api[_-]?key|key|secret|token|password|passwd|credentials?|authorization|cookie)$|headers$", re.IGNORECASE
)
_SECRET_TEXT = re.compile(
    r"""(?x)
    \b(?:sk|pk|rk|gsk|xai|csk|hf|r8|pplx|AIza|AKIA|ASIA|ghp|gho)[-_]?[A-Za-z0-9_-]{12,}  # vendors' keys
    | (?<=[Bb]earer\s)[^\s'",}]+                                                       # HTTP authorisation
    | (?<=://)[^/\s:@]+:[^/\s@]+(?=@)                                                  # user:password in a URL
    | (?<=API\ key\ provided:\ )\S*[^\s.]                                              # as vendors quote a wrong key
    """
)


def redact(value: Any) -> Any:
    """A copy of a value with everything secret masked: by the name of a key at any depth, and by its look in text.

    >>> redact({"api_key": "sk-1", "max_tokens": 5, "url": "https://me:pw@host/"})
    {'api_key': '***', 'max_tokens': 5, 'url': 'https://***@host/'}
    """
    if isinstance(value, str):
        return _SECRET_TEXT.sub(MASK, value)
    if isinstance(value, Mapping):
        return {key: MASK if item and is_secret_name(key) else redact(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return type(value)(redact(item) for item in value)
    return value


def is_secret_name(name: Any) -> bool:
    """Whether what bears this name is secret: `api_key` is, `max_tokens` is not."""
    return isinstance(name, str) and bool(_SECRET_NAME.search(name))
