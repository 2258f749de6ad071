"""0.2's client class for Groq."""

from __future__ import annotations

from ._config.entries import GroqLLMConfigEntry
from ._endpoints.provider_client import ProviderClient
from ._endpoints.provider_client import compute_token_cost as calculate_groq_cost

__all__ = ["GroqClient", "calculate_groq_cost", "GroqLLMConfigEntry"]


class GroqClient(ProviderClient):
    """Sends requests to Groq; `"api_type": "groq"` in a config list does the same."""

    api_type = "groq"
