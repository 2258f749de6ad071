"""Text that does not show itself: what keys are kept in, once they are read."""

from __future__ import annotations

from typing import Any

from ._secrets import MASK, is_secret_name


class Secret(str):
    """A string whose `repr` is a mask, so that no config that is printed, logged or part of an error shows its key.

    It is a string everywhere else. `str()`, `format()`, JSON and pickle give the text itself: SDKs write it into headers
    with `f"Bearer {key}"`, and a mask in its place would be sent as the key. YAML's safe dumper takes no subclass of str:
    give it `str(key)`.

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

    def __deepcopy__(self, memo: dict[int, Any]) -> Secret:
        return self


def with_secrets_hidden(value: Any) -> Any:
    """A copy of dicts and lists in which text is a `Secret`, at any depth, where the name of a key says that it is one.

    >>> with_secrets_hidden({"api_key": "sk-1", "default_headers": {"x-team": "blue"}, "tags": ["a"]})
    {'api_key': '***', 'default_headers': {'x-team': '***'}, 'tags': ['a']}
    """
    return _copied(value, secret=False)


def _copied(value: Any, secret: bool) -> Any:
    if isinstance(value, dict):
        return {name: _copied(item, secret or is_secret_name(name)) for name, item in value.items()}
    if isinstance(value, list):
        return [_copied(item, secret) for item in value]
    return Secret(value) if secret and isinstance(value, str) and value else value
