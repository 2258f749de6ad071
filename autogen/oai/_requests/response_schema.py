"""Answers of a given form: a pydantic model as `response_format`, and the object that an answer is."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import BaseModel

CORRECTIONS = 2  # how often a model is told what is wrong with its answer


@dataclass(frozen=True)
class ResponseSchema:
    """The form of an answer.

    Attributes:
        model: The pydantic model that it must fit.
        parameter: `response_format`, as an endpoint takes it.
    """

    model: type[BaseModel]
    parameter: dict[str, Any]


def schema_for(response_format: Any) -> ResponseSchema | None:
    """The form that a `response_format` asks for, if it is a pydantic model. Anything else goes to the endpoint as it is."""
    pydantic = sys.modules.get("pydantic")  # who has a model of its has loaded it
    if pydantic is None or not (isinstance(response_format, type) and issubclass(response_format, pydantic.BaseModel)):
        return None
    import openai

    schema = openai.pydantic_function_tool(response_format)["function"]["parameters"]
    described = {"name": response_format.__name__, "schema": schema, "strict": True}
    return ResponseSchema(response_format, {"type": "json_schema", "json_schema": described})


def validation_error(response: Any, form: ResponseSchema | None) -> str | None:
    """What is wrong with the form of an answer; None if nothing is.

    The object that the answer is goes beside its text, as `message.parsed`. Calls and refusals have none.
    """
    if form is None:
        return None
    from pydantic import ValidationError

    for choice in response.choices:
        message = choice.message
        message.parsed = None
        if getattr(message, "tool_calls", None) or getattr(message, "refusal", None):
            continue
        try:
            message.parsed = form.model.model_validate_json(message.content or "")
        except ValidationError as error:
            return "; ".join(f"{'.'.join(map(str, one['loc'])) or 'the answer'}: {one['msg']}" for one in error.errors())
    return None


def correction_messages(response: Any, wrong: str) -> list[dict[str, Any]]:
    """What a model is told whose answer does not fit: the answer, and what is wrong with it."""
    text = f"That answer does not fit the JSON schema ({wrong}). Answer again, with the corrected JSON alone."
    said = response.choices[0].message.content or "(nothing)"
    return [{"role": "assistant", "content": said}, {"role": "user", "content": text}]
