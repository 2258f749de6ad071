"""The choice of the protocol for an entry of a config list: the vendor's own, or chat completions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from .._protocols.protocol import ModelProtocol

if TYPE_CHECKING:
    from ...types import ConfigEntry
    from .provider_spec import Provider


def _make_responses() -> ModelProtocol:
    from .._protocols.responses.protocol import ResponsesProtocol

    return ResponsesProtocol()


_FACTORIES: Mapping[str, Callable[[], ModelProtocol]] = {"responses": _make_responses}


def find_protocol(entry: ConfigEntry, provider: Provider) -> ModelProtocol | None:
    """Return the vendor's own protocol for an entry; None for chat completions.

    Raises:
        ValueError: if `protocol` in the entry is neither `native` nor `chat`, or the provider has none of its own.
    """
    choice = entry.get("protocol")
    if choice not in (None, "native", "chat"):
        raise ValueError(f'"protocol" must be "native" or "chat", got {choice!r}.')
    if choice == "native" and not provider.protocol:
        raise ValueError(f'{provider.title} has no protocol of its own here: leave "protocol": "native" out.')
    if choice == "chat" or not provider.protocol:
        return None
    return _FACTORIES[provider.protocol]()
