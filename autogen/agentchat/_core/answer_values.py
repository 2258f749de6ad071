"""Parsed answers of models: the type that a run requests, and the objects of the chat in progress."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..._threads import reset_variable

if TYPE_CHECKING:
    from pydantic import BaseModel


@dataclass(frozen=True)
class OutputType:
    """Type of the answer that a run requests from one agent.

    Attributes:
        agent: The agent; others in the run answer as they do otherwise.
        model: Pydantic model of the response.
        is_wrapped: True if the answer is the field `value` of the model.
    """

    agent: object
    model: type[BaseModel]
    is_wrapped: bool

    def unwrap(self, parsed: Any) -> object:
        """Return the answer in a parsed response; None stays None."""
        return getattr(parsed, "value") if self.is_wrapped and isinstance(parsed, self.model) else parsed  # noqa: B009


_values: ContextVar[dict[str, object] | None] = ContextVar("parsed answers of the chat", default=None)
_output_type: ContextVar[OutputType | None] = ContextVar("output type of the run", default=None)


def make_output_type(agent: object, output_type: Any) -> OutputType:
    """Make the output type of a run.

    Args:
        agent: Agent that answers.
        output_type: A pydantic model, or any type that pydantic validates.

    Raises:
        TypeError: if pydantic has no schema for the type.
    """
    from pydantic import BaseModel, PydanticUserError, create_model

    if isinstance(output_type, type) and issubclass(output_type, BaseModel):
        return OutputType(agent, output_type, is_wrapped=False)
    # Endpoints take no schema but that of an object.
    try:
        model = create_model("Answer", value=(output_type, ...))
        model.model_json_schema()
    except (PydanticUserError, SyntaxError, NameError) as error:
        reason = str(error).partition("\n")[0]
        raise TypeError(f"output_type must be a type that pydantic validates, got {output_type!r}: {reason}") from None
    return OutputType(agent, model, is_wrapped=True)


@contextmanager
def enter_output_type(output_type: OutputType | None) -> Iterator[None]:
    """Request answers of this type from its agent in the `with` block; no-op for None."""
    token = _output_type.set(output_type)
    try:
        yield
    finally:
        reset_variable(_output_type, token)


def get_output_model(agent: object) -> type[BaseModel] | None:
    """Return the model that the responses for an agent must match; None if the run requests no type from it."""
    output_type = _output_type.get()
    return output_type.model if output_type is not None and output_type.agent is agent else None


@contextmanager
def collect_values() -> Iterator[dict[str, object]]:
    """Collect the parsed answers of the chat in the `with` block, by their text. Chats inside it have their own."""
    values: dict[str, object] = {}
    token = _values.set(values)
    try:
        yield values
    finally:
        reset_variable(_values, token)


def record_value(response: Any, reply: object) -> None:
    """Record the object of a response, if its request had a schema.

    Args:
        response: Response of a model client.
        reply: Reply made from it: text or a message.
    """
    values = _values.get()
    if values is None:
        return
    choices = getattr(response, "choices", None)
    parsed = getattr(getattr(choices[0], "message", None), "parsed", None) if choices else None
    text = reply.get("content") if isinstance(reply, dict) else reply
    if parsed is not None and isinstance(text, str):
        values[text] = parsed


def find_value(values: Mapping[str, object], messages: Sequence[Mapping[str, Any]]) -> object:
    """Return the object of the last message that was parsed; None if there is none."""
    if not values:
        return None
    texts = (message.get("content") for message in reversed(messages))
    return next((values[text] for text in texts if isinstance(text, str) and text in values), None)
