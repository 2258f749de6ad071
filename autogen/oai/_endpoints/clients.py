"""Which client speaks to the endpoint of a config."""

from __future__ import annotations

import inspect
import logging
import os
from typing import Any

from .litellm_client import LiteLLMClient
from .openai_client import OpenAIClient
from .provider_table import find_provider

logger = logging.getLogger("autogen.oai.client")


class PlaceHolderClient:
    """Keeps the place of a model client that is still to be registered."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self.model_client_cls = config["model_client_cls"]


def make_client(config: dict[str, Any]) -> Any:
    """The client for one entry of a config list.

    Raises:
        openai.OpenAIError: There are no credentials.
        ImportError: What the `api_type` needs is not installed.
    """
    custom = config.get("model_client_cls")
    if isinstance(custom, str):
        logger.info("The config of model %s names the client %s: register it.", config.get("model"), custom)
        return PlaceHolderClient(dict(config))
    if custom is not None:
        return custom(dict(config)) if inspect.isclass(custom) else custom  # type: ignore[call-arg]
    if config.get("api_type") == LiteLLMClient.api_type:
        return LiteLLMClient(config)
    provider = find_provider(config)
    client = OpenAIClient(provider.where.endpoint(config, provider.api_type), provider)
    if provider.api_type == "azure" or (provider.api_type == "openai" and not _has_key(config)):
        _ = client._oai_client  # the SDK says now what is missing
    return client


def _has_key(config: dict[str, Any]) -> bool:
    return bool(config.get("api_key") or os.environ.get("OPENAI_API_KEY"))
