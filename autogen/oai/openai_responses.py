"""AG2's client class for OpenAI's Responses API; `"api_type": "responses"` in a config list does the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._steps import Steps
from ._endpoints.native_client import NativeClient
from ._endpoints.parameters import Params
from ._endpoints.provider_registry import PROVIDERS
from ._protocols.responses.protocol import ResponsesProtocol
from ._requests.response_schema import make_schema

if TYPE_CHECKING:
    import openai

    from ._endpoints.openai_client import Response

__all__ = ["OpenAIResponsesClient"]


class OpenAIResponsesClient(NativeClient):
    """Sends requests to the Responses API through a client of the `openai` SDK.

    Args:
        client: The SDK's client.
        response_format: The form of the answers, for requests that don't set one: a Pydantic class, or a JSON schema in the
            form of chat completions.
    """

    def __init__(self, client: openai.OpenAI, response_format: object = None) -> None:
        super().__init__(client, PROVIDERS["responses"], ResponsesProtocol())
        schema = make_schema(response_format)
        self.response_format = response_format if schema is None else schema.parameter

    def _create(self, params: Params) -> Steps[Response]:
        if self.response_format is not None and params.get("response_format") is None:
            params = {**params, "response_format": self.response_format}
        return super()._create(params)
