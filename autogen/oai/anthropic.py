"""0.2's client class for Anthropic, or Claude through Amazon Bedrock."""

from __future__ import annotations

from ._config.entries import AnthropicLLMConfigEntry
from ._endpoints.provider_client import ProviderClient
from ._endpoints.provider_client import compute_token_cost as _calculate_cost

__all__ = ["AnthropicClient", "_calculate_cost", "AnthropicLLMConfigEntry"]


class AnthropicClient(ProviderClient):
    """Sends requests to Anthropic, or to Claude at Amazon; `"api_type": "anthropic"` in a config list does the same."""

    api_type = "anthropic"

    load_config = ProviderClient.parse_params
