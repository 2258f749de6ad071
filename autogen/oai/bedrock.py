"""0.2's client class for Amazon Bedrock."""

from __future__ import annotations

from ._config.entries import BedrockLLMConfigEntry
from ._endpoints.provider_client import ProviderClient

__all__ = ["BedrockClient", "BedrockLLMConfigEntry"]


class BedrockClient(ProviderClient):
    """Sends requests to Amazon Bedrock; `"api_type": "bedrock"` in a config list does the same."""

    api_type = "bedrock"
