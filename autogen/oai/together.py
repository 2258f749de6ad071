"""0.2's client class for Together."""

from __future__ import annotations

from ._config.entries import TogetherLLMConfigEntry
from ._endpoints.provider_client import ProviderClient
from ._endpoints.provider_client import compute_token_cost as calculate_together_cost

__all__ = ["TogetherClient", "calculate_together_cost", "TogetherLLMConfigEntry"]


class TogetherClient(ProviderClient):
    """Sends requests to Together; `"api_type": "together"` in a config list does the same."""

    api_type = "together"
