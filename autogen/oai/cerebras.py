"""Cerebras, under the name that 0.2 had for its client."""

from __future__ import annotations

from ._endpoints.provider_client import ProviderClient
from ._endpoints.provider_client import compute_token_cost as calculate_cerebras_cost

__all__ = ["CerebrasClient", "calculate_cerebras_cost"]


class CerebrasClient(ProviderClient):
    """Asks Cerebras; `"api_type": "cerebras"` in a config list does the same."""

    api_type = "cerebras"
