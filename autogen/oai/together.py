"""Together, under the name that 0.2 had for its client."""

from __future__ import annotations

from ._endpoints.provider_client import ProviderClient
from ._endpoints.provider_client import compute_token_cost as calculate_together_cost

__all__ = ["TogetherClient", "calculate_together_cost"]


class TogetherClient(ProviderClient):
    """Asks Together; `"api_type": "together"` in a config list does the same."""

    api_type = "together"
