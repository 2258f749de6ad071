"""0.2's client class for Cerebras."""

from __future__ import annotations

from ._config.entries import CerebrasLLMConfigEntry
from ._endpoints.provider_client import ProviderClient
from ._endpoints.provider_client import compute_token_cost as calculate_cerebras_cost

__all__ = ["CerebrasClient", "calculate_cerebras_cost", "CerebrasLLMConfigEntry"]


class CerebrasClient(ProviderClient):
    """Sends requests to Cerebras; `"api_type": "cerebras"` in a config list does the same."""

    api_type = "cerebras"
