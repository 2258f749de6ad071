"""Which client speaks to the endpoint of a config."""

from __future__ import annotations

import inspect
import logging
import os
from functools import partial
from typing import Any

from . import _embedded, _weights
from ._endpoint_pool import AZURE_KEYS, OPENAI_KEYS, Endpoint
from ._openai_client import OpenAIClient

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
    """
    custom = config.get("model_client_cls")
    if isinstance(custom, str):
        logger.info("The config of model %s names the client %s: register it.", config.get("model"), custom)
        return PlaceHolderClient(dict(config))
    if custom is not None:
        return custom(dict(config)) if inspect.isclass(custom) else custom  # type: ignore[call-arg]
    api_type = str(config.get("api_type") or "openai")
    if api_type.startswith("azure"):
        return _with_credentials(_azure(config), "api_key", "azure_ad_token", "azure_ad_token_provider")
    if api_type == "local":
        return _local(config)
    settings = {key: value for key, value in config.items() if key in OPENAI_KEYS}
    return _with_credentials(Endpoint("openai", settings), "api_key")


def _with_credentials(endpoint: Endpoint, *credentials: str) -> OpenAIClient:
    client = OpenAIClient(endpoint)
    settings = endpoint.settings
    complete = isinstance(settings, dict) and any(settings.get(key) for key in credentials)
    if endpoint.kind == "azure" or not (complete or os.environ.get("OPENAI_API_KEY")):
        _ = client._oai_client  # the SDK says now what is missing
    return client


def _azure(config: dict[str, Any]) -> Endpoint:
    settings = {key: value for key, value in config.items() if key in AZURE_KEYS and key != "base_url"}
    if "azure_endpoint" not in settings and config.get("base_url"):
        settings["azure_endpoint"] = config["base_url"]
    deployment = settings.get("azure_deployment") or config.get("model")
    if deployment:
        settings["azure_deployment"] = deployment.replace(".", "")
    return Endpoint("azure", settings)


def _local(config: dict[str, Any]) -> OpenAIClient:
    """The model in this process. The weights are looked for now, the server is started by the first request."""
    model = str(config.get("model"))
    _weights.resolve(model)
    settings = {key: value for key, value in config.items() if key in OPENAI_KEYS}
    return OpenAIClient(Endpoint("openai", partial(_local_settings, model, settings)))


def _local_settings(model: str, settings: dict[str, Any]) -> dict[str, Any]:
    return {**settings, "base_url": _embedded.serve(model).base_url, "api_key": "local"}
