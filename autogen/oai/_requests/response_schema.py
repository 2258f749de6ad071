"""Structured responses: a pydantic model as `response_format`, and the validation of responses against it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..._mistakes import trim_stop
from ...types import ChatMessage
from .._model_client import ModelResponse
from .._responses.structured import validate_json_in

if TYPE_CHECKING:
    from pydantic import BaseModel

    from ..errors import InvalidResponse

MAX_CORRECTIONS = 2


@dataclass(frozen=True)
class ResponseSchema:
    """Schema of a response.

    Attributes:
        model: The pydantic model.
        parameter: The value of `response_format` that is sent to an endpoint.
    """

    model: type[BaseModel]
    parameter: dict[str, Any]


def make_schema(response_format: object) -> ResponseSchema | None:
    """Return the schema for a pydantic model. For any other `response_format`, which is sent as it is, return None."""
    # Without pydantic loaded, there is no model class of it.
    pydantic = sys.modules.get("pydantic")
    if pydantic is None or not (isinstance(response_format, type) and issubclass(response_format, pydantic.BaseModel)):
        return None
    import openai

    # The SDK's helper makes schemas that the strict mode of endpoints accepts.
    schema = openai.pydantic_function_tool(response_format)["function"]["parameters"]
    description = {"name": response_format.__name__, "schema": schema, "strict": True}
    return ResponseSchema(response_format, {"type": "json_schema", "json_schema": description})


def validate_response(response: ModelResponse, schema: ResponseSchema) -> str | None:
    """Validate the text of each choice, and set `message.parsed` to the resulting object.

    It is None for tool calls and refusals, which are not validated. JSON in a fence or after other text is found, and
    becomes the content of the message.

    Returns:
        A description of the problems; None if the response is valid.
    """
    from pydantic import ValidationError

    for choice in response.choices:
        message = choice.message
        message.parsed = None
        # The model may call a tool first, and respond in the form of the schema afterwards.
        if getattr(message, "tool_calls", None) or getattr(message, "refusal", None):
            continue
        try:
            text, message.parsed = validate_json_in(message.content or "", schema.model.model_validate_json)
        except ValidationError as error:
            problems = error.errors()
            return "; ".join(f"{'.'.join(map(str, p['loc'])) or 'the response'}: {p['msg']}" for p in problems)
        if text != message.content:
            message.content = text
    return None


def make_corrections(response: ModelResponse, problem: str) -> list[ChatMessage]:
    """Return the messages that ask the model to correct a response: the response, and a description of the problem."""
    text = f"Your response does not match the JSON schema ({problem}). Reply with the corrected JSON only."
    content = response.choices[0].message.content or "(empty)"
    return [{"role": "assistant", "content": content}, {"role": "user", "content": text}]


def make_schema_error(problem: str) -> InvalidResponse:
    """Return the error for a response that is invalid after the last correction."""
    # Importing the exception imports the SDK, which a custom client may not need.
    from ..errors import InvalidResponse

    text = f"The response does not match the schema, not even after {MAX_CORRECTIONS} corrections: {trim_stop(problem)}."
    return InvalidResponse(text, received=problem)
