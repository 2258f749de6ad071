"""`ModelProtocol`: the interface between a model client and the protocol of a vendor.

A protocol is pure but for the call of the SDK: it builds the body of a request from a history in the internal form, and
reads the JSON of an answer, streamed or not, into the form of a chat completion. The client keeps the vendor's items beside
the message (see `_responses/native.py`), and hands them back while the message is unchanged and its origin is the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from ..._models.abilities import Abilities
from ..._steps import Steps
from ...types import JSON, Message
from .._responses.assembly import Assembler

Body = dict[str, Any]
"""JSON of a request."""
Fields = Mapping[str, Any]
"""JSON object of a vendor or of a message, with whatever values."""


@dataclass(frozen=True)
class Adaptation:
    """A change to a request that an endpoint refused.

    Attributes:
        name: A description for the log.
        refusal: A pattern of the error messages that it helps against.
        adapt: A function of the request and the error message that returns the changed request.
        is_remembered: False if it concerns this request alone, and says nothing about the next.
    """

    name: str
    refusal: re.Pattern[str]
    adapt: Callable[[Body, str], Body]
    is_remembered: bool = True


def make_adaptation(
    name: str, refusal: str, adapt: Callable[[Body, str], Body], *, is_remembered: bool = True
) -> Adaptation:
    """Return an adaptation.

    Args:
        name: A description for the log.
        refusal: The regular expression of the error messages, in any case.
        adapt: A function of the request and the error message that returns the changed request.
        is_remembered: False if it says nothing about the next request.
    """
    return Adaptation(name, re.compile(refusal, re.IGNORECASE), adapt, is_remembered)


@dataclass(frozen=True)
class NeutralRequest:
    """A request in the internal form.

    Attributes:
        model: Name of the model.
        messages: The history; ids of calls are unique, arguments are JSON objects, functions are tools.
        items: For each message the vendor's items of an answer of this origin that is unchanged; None for any other.
        records: For each message with such items its `native`, which says to which response they belong; None for any other.
        tools: Function tools in the form of chat completions, and the vendor's own tools.
        params: The other parameters, under their names in chat completions or the vendor's own.
        label: Name of the endpoint in messages to people.
        abilities: Abilities of the model.
    """

    model: str
    messages: Sequence[Message]
    items: Sequence[list[JSON] | None] = ()
    records: Sequence[Fields | None] = ()
    tools: Sequence[Fields] = ()
    params: Fields = field(default_factory=dict)
    label: str = "The endpoint"
    abilities: Abilities = field(default_factory=Abilities)


@dataclass(frozen=True)
class Answer:
    """An answer that was read.

    Attributes:
        message: The message, with the neutral keys.
        finish_reason: Reason of the end in the words of chat completions.
        items: The vendor's items, which go back with the next request.
        response_id: Id of the response.
        model: Name of the model that answered.
        usage: Token counts under the names of chat completions; None if the endpoint reports none.
        stop: The vendor's own word for the end.
        record: Further fields of `native`.
    """

    message: Message
    finish_reason: str
    items: list[JSON]
    response_id: str = ""
    model: str = ""
    usage: dict[str, JSON] | None = None
    stop: str = ""
    record: Fields = field(default_factory=dict)


def join_answers(first: Answer, second: Answer) -> Answer:
    """Return an answer that came in two parts as one."""
    text = first.message.get("content") or ""
    message: Message = {**first.message, **second.message, "content": text + (second.message.get("content") or "")}
    for key in ("tool_calls", "hosted", "files"):
        if parts := [*(first.message.get(key) or ()), *(second.message.get(key) or ())]:
            message[key] = parts
    moved = [_move_citation(citation, len(text)) for citation in second.message.get("citations") or ()]
    if citations := [*(first.message.get("citations") or ()), *moved]:
        message["citations"] = citations
    if thoughts := [part.message["reasoning"] for part in (first, second) if part.message.get("reasoning")]:
        message["reasoning"] = "\n\n".join(thoughts)
    return replace(second, message=message, items=[*first.items, *second.items], usage=_add_usage(first.usage, second.usage))


def _move_citation(citation: Fields, offset: int) -> dict[str, Any]:
    places = {key: citation[key] + offset for key in ("start", "end") if isinstance(citation.get(key), int)}
    return {**citation, **places}


def _add_usage(first: Mapping[str, JSON] | None, second: Mapping[str, JSON] | None) -> dict[str, JSON] | None:
    if not first or not second:
        return dict(first or second or {}) or None
    total: dict[str, JSON] = {**first, **second}
    for key in first.keys() & second.keys():
        one, other = first[key], second[key]
        if isinstance(one, int) and isinstance(other, int):
            total[key] = one + other
        elif isinstance(one, dict) and isinstance(other, dict):
            total[key] = _add_usage(one, other)
    return total


class ModelProtocol(Protocol):
    """Protocol of a vendor."""

    @property
    def name(self) -> str:
        """Name in `native`, and part of the origin of answers."""
        ...

    @property
    def tool_name(self) -> re.Pattern[str]:
        """Names that tools may have. Others are mapped to such names and back."""
        ...

    @property
    def max_unstreamed(self) -> int | None:
        """Maximum tokens of a response that is not streamed; None if it is that of the model."""
        ...

    @property
    def adaptations(self) -> Sequence[Adaptation]:
        """Changes that help against refusals, in the order in which they are tried."""
        ...

    def build_body(self, request: NeutralRequest) -> Body:
        """Return the JSON of a request. It is a pure function: equal requests have equal bytes."""
        ...

    def send(self, sdk: Any, body: Body, options: Fields) -> Steps[object]:
        """Send a request that is answered as a whole, and return the JSON of the answer.

        Args:
            sdk: Client of the SDK.
            body: JSON of the request.
            options: `timeout`, `extra_headers` and `extra_query`, if they are set.
        """
        ...

    def open_stream(self, sdk: Any, body: Body, options: Fields) -> Steps[Any]:
        """Send a request that is answered in events, and return the stream; the JSON of a server that doesn't stream."""
        ...

    def make_assembler(self) -> Assembler:
        """Return an assembler for the events of a new answer."""
        ...

    def read_answer(self, data: object) -> Answer:
        """Return an answer from its JSON.

        Raises:
            UnreadableAnswer: if it isn't one.
            openai.APIError: if it reports an error.
        """
        ...

    def describe_request(self, body: Body) -> Fields:
        """Return the fields that are kept in `native` beside the answer to a request."""
        ...

    def continue_body(self, body: Body, answer: Answer) -> Body | None:
        """Return the request that continues an answer which the vendor has paused; None if the answer is finished."""
        ...

    def translate_error(self, error: Exception) -> Exception | None:
        """Return the error of the `openai` SDK that means the same as one of the vendor's; None for any other error."""
        ...
