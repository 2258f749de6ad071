"""Model clients for the entries of a config list."""

from __future__ import annotations

import inspect
import logging
import os
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, cast

from ..._lazy_imports import get_current
from .connections import DUMMY_KEY
from .endpoint_pool import Endpoint
from .litellm_client import LiteLLMClient
from .native_client import NativeClient
from .openai_client import OpenAIClient
from .protocols import find_native
from .provider_registry import find_provider

if TYPE_CHECKING:
    from ...types import ConfigEntry
    from .._model_client import ModelClient
    from .endpoint_pool import Endpoint

    class CustomClient(ModelClient, Protocol):
        """A custom model client, made from the entry that names its class."""

        def __init__(self, config: dict[str, object]) -> None: ...


logger = logging.getLogger("autogen.oai.client")

EMBEDDED_EXAMPLE = '{"model": "smollm2-135m", "api_type": "local"}'
"""Config of the embedded model, for messages to people."""


class PlaceHolderClient:
    """Stand-in for a model client whose class is still to be registered.

    Args:
        config: The entry that names the class.
    """

    def __init__(self, config: Mapping[str, object]) -> None:
        self.config = dict(config)
        self.model_client_cls = str(config["model_client_cls"])


def _require_credentials(endpoint: Endpoint, entry: ConfigEntry, api_type: str) -> None:
    """Require that the SDK finds credentials. It looks for them in more variables than this package.

    Raises:
        MissingCredentials: if there are none.
    """
    from openai import OpenAIError

    try:
        endpoint.get_client()
    except OpenAIError as error:
        if "credentials" not in str(error):
            raise
        from ..errors import MissingCredentials

        variable = "AZURE_OPENAI_API_KEY" if api_type == "azure" else "OPENAI_API_KEY"
        advice = f'set "api_key" in its config, or the environment variable {variable}'
        if entry.get("base_url"):
            alternative = f'For a server that needs no key, "api_key": "{DUMMY_KEY}" will do.'
        else:
            alternative = f"A model inside this process needs no key: {EMBEDDED_EXAMPLE}."
        text = f"The endpoint {api_type!r} for the model {entry.get('model')!r} has no credentials: {advice}. {alternative}"
        raise MissingCredentials(text) from None


def make_client(
    config: Mapping[str, object],
) -> OpenAIClient | LiteLLMClient | ModelClient | PlaceHolderClient:
    """Make the client for an entry of a config list.

    Raises:
        MissingCredentials: if there are no credentials.
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
    if str(entry.get("api_type")).lower() == LiteLLMClient.api_type:
        return LiteLLMClient(entry)
    provider = find_provider(entry)
    native = find_native(entry, provider)
    connect = native and native.connect
    if connect is not None:
        endpoint = connect(provider.connection, entry, provider.api_type)
    else:
        endpoint = provider.connection.connect(entry, provider.api_type)
    if not callable(endpoint.settings) and (sdk_class := _find_replaced_class(endpoint)):
        return OpenAIClient(sdk_class(**endpoint.settings), provider)
    has_key = entry.get("api_key") or os.environ.get("OPENAI_API_KEY")
    if provider.api_type == "azure" or (provider.api_type in ("openai", "responses") and not has_key):
        _require_credentials(endpoint, entry, provider.api_type)
    if native is not None:
        media = provider.media if native.media is None else native.media
        return NativeClient(endpoint, replace(provider, media=media), native.make())
    return OpenAIClient(endpoint, provider)


def _find_replaced_class(endpoint: Endpoint) -> Any:
    """Return the class that a test has replaced the SDK's class by; None if there is none."""
    name = "AzureOpenAI" if endpoint.kind == "azure" else "OpenAI"
    current: Any = get_current("autogen.oai.client", name, cast("Any", None))
    if current is None:
        return None
    import openai

    return None if current is getattr(openai, name) else current
