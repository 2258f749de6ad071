"""0.2's client class for Google, with an API key or through Vertex AI."""

from __future__ import annotations

from ._config.entries import GeminiLLMConfigEntry
from ._endpoints.provider_client import ProviderClient

__all__ = ["GeminiClient", "GeminiLLMConfigEntry"]


class GeminiClient(ProviderClient):
    """Sends requests to Google, also through Vertex AI; `"api_type": "google"` in a config list does the same."""

    api_type = "google"
