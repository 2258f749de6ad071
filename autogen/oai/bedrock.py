"""Amazon Bedrock, under the name that 0.2 had for its client."""

from __future__ import annotations

from ._endpoints.provider_client import ProviderClient

__all__ = ["BedrockClient"]


class BedrockClient(ProviderClient):
    """Asks Amazon Bedrock; `"api_type": "bedrock"` in a config list does the same."""

    api_type = "bedrock"
