"""0.2's client class for Cohere."""

from __future__ import annotations

from ._config.entries import CohereLLMConfigEntry
from ._endpoints.provider_client import ProviderClient
from ._endpoints.provider_client import compute_token_cost as calculate_cohere_cost

__all__ = ["CohereClient", "calculate_cohere_cost", "CohereLLMConfigEntry"]


class CohereClient(ProviderClient):
    """Sends requests to Cohere; `"api_type": "cohere"` in a config list does the same."""

    api_type = "cohere"
