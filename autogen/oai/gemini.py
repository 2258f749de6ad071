"""Google, by API key or Vertex AI, under the name that 0.2 had for its client."""

from __future__ import annotations

from ._endpoints.provider_client import ProviderClient

__all__ = ["GeminiClient"]


class GeminiClient(ProviderClient):
    """Asks Google, by API key or Vertex AI; `"api_type": "google"` in a config list does the same."""

    api_type = "google"
