"""The model client for vendors' own protocols, through the optional package `litellm`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ..._extras import require
from ..._steps import Steps, invoke, run_async, run_sync
from .._responses.completion import build_completion
from .._responses.history import prepare_history
from .._responses.native import compute_origin
from .._responses.normalize import normalize_completion
from .._usage.cost import compute_cost
from .connections import CREDENTIALS
from .endpoint_pool import AZURE_KEYS
from .openai_client import OpenAIClient
from .parameters import Params
from .provider_registry import PROVIDERS

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletion, ChatCompletionMessage

    from ...types import ConfigEntry

_NAMES = {"aws_access_key": "aws_access_key_id", "aws_secret_key": "aws_secret_access_key", "aws_region": "aws_region_name"}


class LiteLLMClient:
    """Sends requests through `litellm`, which has the vendors' own protocols.

    A config selects it by `{"api_type": "litellm-native", "model": "..."}`. The model has its name there, with the vendor in
    front. Responses are never streamed.

    Args:
        config: The entry of the config list. Keys and URLs are passed to `litellm` with each request.

    Raises:
        ImportError: if the extra `litellm` is not installed.

    >>> llm_config = {"model": "anthropic/claude-sonnet-4-5", "api_type": "litellm-native"}
    """

    api_type = "litellm-native"
    # Its requests pass `prepare_history`.
    takes_internal_form = True
    RESPONSE_USAGE_KEYS = OpenAIClient.RESPONSE_USAGE_KEYS
    get_usage = staticmethod(OpenAIClient.get_usage)

    def __init__(self, config: ConfigEntry) -> None:
        # Otherwise the import downloads a list of prices.
        os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
        self._litellm = require("litellm", extra="litellm", feature=f'"api_type": "{self.api_type}"')
        keys = (AZURE_KEYS | CREDENTIALS) - {"max_response_bytes"}
        self._settings = {_NAMES.get(key, key): value for key, value in config.items() if key in keys and value is not None}

    def create(self, params: Params) -> ChatCompletion:
        """Send a request.

        Raises:
            openai.APIError: if the endpoint can't be reached, or refuses.
        """
        return run_sync(self._create(params))

    async def a_create(self, params: Params) -> ChatCompletion:
        """Async version of `create`."""
        return await run_async(self._create(params))

    def _create(self, params: Params) -> Steps[ChatCompletion]:
        origin = compute_origin(self.api_type, repr(sorted(self._settings)))
        if "messages" in params:
            params = {**params, "messages": prepare_history(params["messages"], origin)}
        request = PROVIDERS["litellm"].adapt({**params, "stream": False})
        request = {**self._settings, **request, "drop_params": True}
        response = yield from invoke(self._litellm.completion, self._litellm.acompletion, **request)
        body = normalize_completion(response.model_dump(), model=str(params.get("model")), origin=origin)
        return build_completion(body)

    def message_retrieval(self, response: ChatCompletion) -> list[ChatCompletionMessage]:
        """Return the message of each choice."""
        return [choice.message for choice in response.choices]

    def cost(self, response: ChatCompletion) -> float:
        """Return the cost of a response in USD; 0 if the model's price is unknown."""
        return compute_cost(self.get_usage(response))
