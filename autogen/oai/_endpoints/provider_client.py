"""Base of the client classes that 0.2 had for each vendor; each class names a row of the table of providers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from .._usage.cost import compute_cost
from .openai_client import OpenAIClient
from .parameters import TOOL_SETTINGS, Params
from .provider_registry import find_provider

if TYPE_CHECKING:
    from ...types import ConfigEntry


class ProviderClient(OpenAIClient):
    """Sends requests to the endpoint of one vendor. In a config list an `api_type` does the same.

    Args:
        **config: `api_key`, `base_url` and other keys of the connection.

    Raises:
        MissingCredentials: if there are no credentials. It is an `openai.OpenAIError`, a ValueError and an AssertionError.
    """

    api_type = "openai"

    def __init__(self, **config: Any) -> None:
        entry = cast("ConfigEntry", {"api_type": self.api_type, **config})
        provider = find_provider(entry)
        self._entry = entry
        super().__init__(provider.connection.connect(entry, provider.api_type), provider)

    @property
    def api_key(self) -> str | None:
        """The API key, from the config or the environment."""
        return self._provider.connection.get_key(self._entry)

    def parse_params(self, params: Params) -> Params:
        """Return the parameters of a request in the vendor's form, without the messages and the tools."""
        excluded = ("messages", *TOOL_SETTINGS)
        return self._provider.adapt({key: value for key, value in params.items() if key not in excluded})


def compute_token_cost(input_tokens: int, output_tokens: int, model: str) -> float:
    """Return the cost of a response in USD; 0, with a warning, if the model's price is unknown.

    Args:
        input_tokens: The tokens of the request.
        output_tokens: The tokens of the response.
        model: The model's name.
    """
    return compute_cost({"prompt_tokens": input_tokens, "completion_tokens": output_tokens, "model": model})
