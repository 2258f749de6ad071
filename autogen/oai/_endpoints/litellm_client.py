"""The package `litellm`, imported when asked for: a way to what vendors offer in their own protocols alone."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ..._extras import require
from ..._steps import Steps, invoke, run_async, run_sync
from .._requests.cost import compute_cost
from .connections import CREDENTIALS
from .endpoint_pool import AZURE_KEYS
from .openai_client import OpenAIClient
from .provider_table import PROVIDERS

_NAMES = {"aws_access_key": "aws_access_key_id", "aws_secret_key": "aws_secret_access_key", "aws_region": "aws_region_name"}


class LiteLLMClient:
    """Asks through `litellm`, which knows the vendors' own protocols: `{"api_type": "litellm-native", "model": "..."}`.

    The model is named as there, with its vendor in front. Answers come whole, also where `stream` is asked for.

    Args:
        config: The entry of the config list. Keys and URLs go to `litellm` with each request.

    Raises:
        ImportError: The extra `litellm` is not installed.

    >>> llm_config = {"model": "anthropic/claude-sonnet-4-5", "api_type": "litellm-native"}
    """

    api_type = "litellm-native"
    RESPONSE_USAGE_KEYS = OpenAIClient.RESPONSE_USAGE_KEYS
    get_usage = staticmethod(OpenAIClient.get_usage)

    def __init__(self, config: Mapping[str, Any]) -> None:
        os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # or its import asks the network
        self._litellm = require("litellm", extra="litellm", feature=f'"api_type": "{self.api_type}"')
        own = {key: value for key, value in config.items() if key in AZURE_KEYS | CREDENTIALS and value is not None}
        self._settings = {_NAMES.get(key, key): value for key, value in own.items()}

    def create(self, params: dict[str, Any]) -> Any:
        """Ask the model."""
        return run_sync(self._create(params))

    async def a_create(self, params: dict[str, Any]) -> Any:
        """`create`, awaited."""
        return await run_async(self._create(params))

    def _create(self, params: dict[str, Any]) -> Steps[Any]:
        from openai.types.chat import ChatCompletion

        request = PROVIDERS["litellm"].adapted({**params, "stream": False})
        request = {**self._settings, **request, "drop_params": True}
        answer = yield from invoke(self._litellm.completion, self._litellm.acompletion, **request)
        return ChatCompletion.model_validate(answer.model_dump())

    def message_retrieval(self, response: Any) -> list[Any]:
        """For each choice its message."""
        return [choice.message for choice in response.choices]

    def cost(self, response: Any) -> float:
        """USD for an answer; 0 where the model's price is not known."""
        return compute_cost(self.get_usage(response))
