"""Model clients for the entries of a config list."""

from __future__ import annotations

import inspect
import logging
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol, cast

from .litellm_client import LiteLLMClient
from .openai_client import OpenAIClient
from .provider_registry import find_provider

if TYPE_CHECKING:
    from ...types import ConfigEntry
    from .._model_client import ModelClient

    class CustomClient(ModelClient, Protocol):
        """A custom model client, made from the entry that names its class."""

        def __init__(self, config: dict[str, object]) -> None: ...


logger = logging.getLogger("autogen.oai.client")


class PlaceHolderClient:
    """Stand-in for a model client whose class is still to be registered.

    Args:
        config: The entry that names the class.
    """

    def __init__(self, config: Mapping[str, object]) -> None:
        self.config = dict(config)
        self.model_client_cls = str(config["model_client_cls"])


def make_client(
    config: Mapping[str, object],
) -> OpenAIClient | LiteLLMClient | ModelClient | PlaceHolderClient:
    """Make the client for an entry of a config list.

    Raises:
        openai.OpenAIError: if there are no credentials.
        ImportError: if a package that the `api_type` needs is not installed.
    """
    custom = config.get("model_client_cls")
    if isinstance(custom, str):
        logger.info("The config of model %s names the model client %s, to be registered.", config.get("model"), custom)
        return PlaceHolderClient(config)
    if custom is not None:
        if not inspect.isclass(custom):
            return cast("ModelClient", custom)
        return cast("type[CustomClient]", custom)(dict(config))
    # Without a custom client, the entry has the keys of this package.
    entry = cast("ConfigEntry", config)
    if entry.get("api_type") == LiteLLMClient.api_type:
        return LiteLLMClient(entry)
    provider = find_provider(entry)
    endpoint = provider.connection.connect(entry, provider.api_type)
    has_key = entry.get("api_key") or os.environ.get("OPENAI_API_KEY")
    if provider.api_type == "azure" or (provider.api_type == "openai" and not has_key):
        # The SDK looks for credentials in more variables; made now, its client reports missing ones at once.
        endpoint.get_client()
    return OpenAIClient(endpoint, provider)
