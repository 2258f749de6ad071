"""0.2's client class for Mistral."""

from __future__ import annotations

from ._config.entries import MistralLLMConfigEntry
from ._endpoints.provider_client import ProviderClient
from ._endpoints.provider_client import compute_token_cost as calculate_mistral_cost

__all__ = ["MistralAIClient", "calculate_mistral_cost", "MistralLLMConfigEntry"]


class MistralAIClient(ProviderClient):
    """Sends requests to Mistral; `"api_type": "mistral"` in a config list does the same."""

    api_type = "mistral"
