"""`Secret`: a string with a masked `repr`, for keys in configs."""

from __future__ import annotations

import copy
from typing import Any

from ._secrets import ADDRESS_NAMES, MASK, is_secret_name, mask_url


class Secret(str):
    """A string with a masked `repr`, so that a config that is printed, logged or part of an error doesn't show its keys.

    In every other way it is a plain string. `str()`, `format()`, JSON and pickle give the text itself: SDKs write it into
    headers with `f"Bearer {key}"`, and would send a mask as the key. YAML's safe dumper rejects subclasses of str: pass it
    `str(key)`.

    >>> config = {"model": "gpt-4o", "api_key": Secret("sk-1")}
    >>> print(config)
    {'model': 'gpt-4o', 'api_key': '***'}
    >>> config["api_key"] == "sk-1"
    True
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(MASK)

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Secret:
        return self


class SecretAddress(Secret):
    """An address with a masked `repr`: its credentials are not shown, the rest is.

    >>> SecretAddress("https://me:pw@host/v1?code=1234")
    'https://***@host/v1?code=***'
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(mask_url(self))


def hide_secrets(value: Any) -> Any:
    """Copy dicts and lists, and make each text under a secret name a `Secret`, at any depth.

    The addresses of endpoints become a `SecretAddress` if they have credentials in them.

    >>> hide_secrets({"api_key": "sk-1", "default_headers": {"x-team": "blue"}, "tags": ["a"]})
    {'api_key': '***', 'default_headers': {'x-team': '***'}, 'tags': ['a']}
    """
    return _copy(value, is_secret=False)


def _has_credentials(address: object) -> bool:
    return isinstance(address, str) and mask_url(address) != address


def _hide_value(name: object, value: object, is_secret: bool) -> object:
    if name in ADDRESS_NAMES and _has_credentials(value):
        return SecretAddress(value)
    return _copy(value, is_secret or is_secret_name(name))


def _copy(value: object, is_secret: bool) -> object:
    if isinstance(value, dict):
        items = {name: _hide_value(name, item, is_secret) for name, item in value.items()}
        if type(value) is dict:
            return items
        # An entry of an `LLMConfig` stays one.
        clone = copy.copy(value)
        clone.update(items)
        return clone
    if isinstance(value, list):
        return [_copy(item, is_secret) for item in value]
    # An empty text hides nothing, and code may test for it.
    return Secret(value) if is_secret and isinstance(value, str) and value else value
