"""Calls that an endpoint could not read itself, and sends as the text of the answer, or of an error (Groq)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from ...types import JSON, Message
from .assembly import Assembler, StreamAssembler
from .calls import has_calls
from .content import read_content

if TYPE_CHECKING:
    import openai

_FAILURE_CODE = "tool_use_failed"
# Arguments that don't fit to the schema of the tool have another code, or none.
_FAILURE_TEXT = "tool call validation failed"
# <function=read={"path": "x"}</function>, with other characters between the name and the object, too.
_TAGGED = re.compile(r"<function=([\w.-]{1,100})[\s=>(]{0,5}(\{.*?\})\s*\)?>?\s*(?:</function>|\Z)", re.DOTALL)
_FENCED = re.compile(r"\A\s*```[\w-]{0,20}[ \t]*\n(.*?)\n?[ \t]*```\s*\Z", re.DOTALL)
_MAX_LENGTH = 100_000


class AnswerReader(Protocol):
    """Reader of the answers of models that write calls as text."""

    def make_assembler(self) -> Assembler:
        """Return an assembler for the chunks of a new answer."""
        ...

    def translate(self, body: object) -> object:
        """Return the JSON of a response with its calls under `tool_calls`; of anything else the same JSON."""
        ...


class TextCallReader:
    """Reader that takes a text for calls if it is nothing else: JSON that names tools of the request, and fits to them.

    Args:
        tools: The tools of the request.

    Attributes:
        has_read: True if it has read such a text.
    """

    def __init__(self, tools: Sequence[Mapping[str, Any]]) -> None:
        functions = [tool["function"] for tool in tools if isinstance(tool.get("function"), Mapping)]
        self._parameters = {str(function.get("name")): function.get("parameters") or {} for function in functions}
        self.has_read = False

    def make_assembler(self) -> StreamAssembler:
        """Return an assembler, which shows the text as it arrives."""
        return StreamAssembler()

    def translate(self, body: object) -> object:
        """Return the JSON of a response with its calls under `tool_calls`."""
        return translate_messages(body, self._translate_message)

    def _translate_message(self, message: Mapping[str, Any]) -> Mapping[str, Any]:
        content = read_content(message.get("content"))
        text = strip_fence(content.take_text() or "")
        # Text with anything else around it is not a call.
        if has_calls(message) or not text.startswith(("{", "[")) or len(text) > _MAX_LENGTH:
            return message
        value = _parse(text)
        calls = value if isinstance(value, list) else [value]
        if not calls or not all(map(self._is_call, calls)):
            return message
        self.has_read = True
        content.texts = None
        return {**message, "content": content.to_json(), "tool_calls": [{"function": call} for call in calls]}

    def _is_call(self, value: object) -> bool:
        if not isinstance(value, dict) or value.keys() != {"name", "arguments"}:
            return False
        name, arguments = value["name"], value["arguments"]
        parameters = self._parameters.get(name) if isinstance(name, str) else None
        if parameters is None:
            return False
        known = parameters.get("properties") or {}
        return isinstance(arguments, dict) and set(parameters.get("required") or ()) <= arguments.keys() <= known.keys()


def translate_messages(body: object, translate: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> object:
    """Return the JSON of a response with another message in each choice; of anything else the same JSON."""
    choices = body.get("choices") if isinstance(body, Mapping) else None
    if not isinstance(body, Mapping) or not isinstance(choices, list):
        return body
    return {
        **body,
        "choices": [
            {**choice, "message": translate(choice["message"])}
            if isinstance(choice, Mapping) and isinstance(choice.get("message"), Mapping)
            else choice
            for choice in choices
        ],
    }


def strip_fence(text: str) -> str:
    """Return the text of a fence of code that is all of a text; of any other text, the text without blanks around it."""
    match = _FENCED.match(text)
    return (match[1] if match else text).strip()


def is_failed_call(error: openai.APIError) -> bool:
    """Return True if an endpoint refuses the call that its model has just made, and not the request."""
    return error.code == _FAILURE_CODE or _FAILURE_TEXT in error.message.lower()


def read_failed_generation(error_body: object, params: Mapping[str, Any]) -> dict[str, JSON] | None:
    """Return the text of an error as the response that the model meant; None if it isn't calls of tools of the request.

    Args:
        error_body: JSON of the error.
        params: Parameters of the request.
    """
    text = error_body.get("failed_generation") if isinstance(error_body, Mapping) else None
    if not isinstance(text, str) or len(text) > _MAX_LENGTH:
        return None
    calls = list(_iter_calls(text.strip()))
    names = {str((tool.get("function") or {}).get("name")) for tool in params.get("tools") or () if isinstance(tool, dict)}
    if not calls or not names.issuperset(str(call["name"]) for call in calls):
        return None
    message: Message = {"role": "assistant", "content": None, "tool_calls": [{"function": call} for call in calls]}
    return {"choices": [{"message": message, "finish_reason": "tool_calls"}]}


def _iter_calls(text: str) -> Iterator[Message]:
    tagged = list(_TAGGED.finditer(text))
    if tagged and not _TAGGED.sub("", text).strip():
        for match in tagged:
            yield {"name": match[1], "arguments": match[2]}
        return
    value = _parse(text)
    for call in value if isinstance(value, Sequence) and not isinstance(value, str) else [value]:
        arguments = call.get("arguments", call.get("parameters")) if isinstance(call, dict) else None
        if not isinstance(arguments, dict):
            return
        yield {"name": call.get("name"), "arguments": arguments}


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
