"""The client classes that 0.2 had for each vendor: each is a row of the table."""

from __future__ import annotations

from typing import Any

from .._requests.cost import compute_cost
from .openai_client import OpenAIClient
from .parameters import TOOL_SETTINGS
from .provider_table import find_provider


class ProviderClient(OpenAIClient):
    """Asks the endpoint of one vendor. In a config list an `api_type` does the same.

    Args:
        **config: `api_key`, `base_url` and what else the connection needs.

    Raises:
        openai.OpenAIError: There are no credentials. It is a ValueError and an AssertionError too.
    """

    api_type = "openai"

    def __init__(self, **config: Any) -> None:
        config = {"api_type": self.api_type, **config}
        provider = find_provider(config)
        self._config = config
        super().__init__(provider.where.endpoint(config, provider.api_type), provider)

    @property
    def api_key(self) -> str | None:
        """The key, from the config or the environment."""
        return self._provider.where.key(self._config)

    def parse_params(self, params: dict[str, Any]) -> dict[str, Any]:
        """The parameters of a request as the vendor takes them, without the messages and the tools."""
        apart = ("messages", *TOOL_SETTINGS)
        return self._provider.adapted({key: value for key, value in params.items() if key not in apart})


def compute_token_cost(input_tokens: int, output_tokens: int, model: str) -> float:
    """USD for the tokens of an answer; 0, with a warning, where the model's price is not known.

    Args:
        input_tokens: Tokens in.
        output_tokens: Tokens out.
        model: The model's name.
    """
    return compute_cost({"prompt_tokens": input_tokens, "completion_tokens": output_tokens, "model": model})
