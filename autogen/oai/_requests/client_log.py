"""What a wrapper reports of itself when `autogen.runtime_logging` is on. Callers look at `is_logging` first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ... import runtime_logging
from .._endpoints.clients import PlaceHolderClient
from .._endpoints.openai_client import OpenAIClient
from .._endpoints.provider_table import get_connection_keys

if TYPE_CHECKING:
    from ..client import OpenAIWrapper


def new_wrapper(wrapper: OpenAIWrapper, config_list: list[dict[str, Any]] | None, base_config: dict[str, Any]) -> None:
    """A wrapper was made, and with it its clients."""
    runtime_logging.log_new_wrapper(wrapper, {"config_list": config_list, "base_config": base_config})
    for client, entry in zip(wrapper._clients, config_list or [{}], strict=True):
        if not isinstance(client, PlaceHolderClient):
            new_client(client, wrapper, {**base_config, **entry})


def new_client(client: Any, wrapper: OpenAIWrapper, config: dict[str, Any]) -> None:
    """A wrapper got a client. One of our own is made from a part of the config, others from the whole."""
    if isinstance(client, OpenAIClient):
        own = wrapper.openai_kwargs | get_connection_keys(config) | {"api_type", "model"}
        config = {name: value for name, value in config.items() if name in own}
    runtime_logging.log_new_client(client, wrapper, config)
