"""Reading of answers to requests of `schema_calls.py`, as a whole or while they arrive."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from .._responses.assembly import Delta, StreamAssembler
from .._responses.content import read_content
from .._responses.failed_calls import strip_fence, translate_messages

# The text of a JSON string up to the last character that is complete: an escape may be cut anywhere.
_CHARACTERS = re.compile(
    r'(?:[^"\\]|\\["\\/bfnrt]|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u(?![dD][89abAB])[0-9a-fA-F]{4})*'
)
_REPLY = re.compile(r'\s*\{\s*"reply"\s*:\s*(")?')
_CALL = re.compile(r'\s*\{\s*"name"\s*:\s*("(?:[^"\\]|\\.)*")\s*,\s*"arguments"\s*:\s*')
# The longest beginning without a known form; names of tools are short.
_MAX_HEAD = 1000


class SchemaReader:
    """Reader of an answer: replies become the text, calls become calls."""

    def make_assembler(self) -> StreamAssembler:
        """Return an assembler that shows the text of a reply, and the arguments of a call, as they arrive."""
        return _SchemaAssembler()

    def translate(self, body: object) -> object:
        """Return the JSON of a response with its calls under `tool_calls`."""
        return translate_messages(body, _translate_message)


def _translate_message(message: Mapping[str, Any]) -> Mapping[str, Any]:
    content = read_content(message.get("content"))
    text = content.take_text()
    if not text:
        return message
    answer = _read_answer(text)
    if isinstance(answer, str):
        content.texts = [answer]
        return {**message, "content": content.to_json()}
    content.texts = None
    return {**message, "content": content.to_json(), "tool_calls": [{"function": answer}]}


def _read_answer(text: str) -> str | dict[str, Any]:
    """Return the text of a reply, or the function of a call. Of an answer that was cut, it is the part that has arrived."""
    try:
        value = json.loads(strip_fence(text))
    except (ValueError, RecursionError):
        reader = _AnswerStream()
        text = "".join(delta.text for delta in [*reader.feed(text), *reader.finish()])
        return {"name": reader.tool, "arguments": text} if reader.tool else text
    if isinstance(value, dict) and value.keys() == {"reply"}:
        reply = value["reply"]
        return reply if isinstance(reply, str) else json.dumps(reply, ensure_ascii=False)
    if isinstance(value, dict) and value.keys() == {"name", "arguments"} and isinstance(value["arguments"], dict):
        return value
    # A server that doesn't enforce the schema.
    return text


class _SchemaAssembler(StreamAssembler):
    def __init__(self) -> None:
        super().__init__()
        self._answer = _AnswerStream()

    def feed(self, chunk: object) -> list[Delta]:
        return list(self._translate(super().feed(chunk)))

    def finish(self) -> list[Delta]:
        return [*self._translate(super().finish()), *self._answer.finish()]

    def _translate(self, deltas: list[Delta]) -> Iterator[Delta]:
        for delta in deltas:
            if delta.kind == "text":
                yield from self._answer.feed(delta.text)
            else:
                yield delta


class _AnswerStream:
    """The text of a reply, or the arguments of a call, out of the pieces of an answer.

    Attributes:
        tool: Name of the called tool; empty for a reply.
    """

    def __init__(self) -> None:
        self.tool = ""
        self._rest = ""
        self._form = ""
        self._has_begun = False

    def feed(self, text: str) -> Iterator[Delta]:
        """Add a piece, and yield what it has for people."""
        self._rest += text
        if not self._form:
            self._find_form()
        if self._form == "text":
            yield from self._take(len(self._rest))
        elif self._form == "string":
            match = _CHARACTERS.match(self._rest)
            size = match.end() if match else 0
            characters, self._rest = self._rest[:size], self._rest[size:]
            if characters:
                yield Delta("text", json.loads(f'"{characters}"', strict=False))
            if self._rest.startswith('"'):
                self._form = "end"
        elif self._form == "value":
            if not self._has_begun:
                self._rest = self._rest.lstrip()
            # The last brace is that of the answer.
            yield from self._take(len(self._rest.rstrip().removesuffix("}").rstrip()))

    def _find_form(self) -> None:
        if match := _REPLY.match(self._rest):
            # Whether a string follows is known by the next character.
            if match.end() < len(self._rest) or match[1]:
                self._form = "string" if match[1] else "value"
                self._rest = self._rest[match.end() :]
        elif match := _CALL.match(self._rest):
            self._form, self.tool = "value", json.loads(match[1], strict=False)
            self._rest = self._rest[match.end() :]
        elif (self._rest.strip() and not self._rest.lstrip().startswith("{")) or len(self._rest) > _MAX_HEAD:
            self._form = "text"

    def _take(self, size: int) -> Iterator[Delta]:
        text, self._rest = self._rest[:size], self._rest[size:]
        if text:
            self._has_begun = True
            yield Delta("arguments" if self.tool else "text", text, self.tool)

    def finish(self) -> Iterator[Delta]:
        """Yield the last piece, after the end of the answer."""
        if not self._form and not _is_beginning(self._rest):
            yield from self._take(len(self._rest))


def _is_beginning(text: str) -> bool:
    """Return True if a text is the beginning of one of the forms, cut off."""
    compact = re.sub(r"\s", "", text)
    return any(form.startswith(compact) or compact.startswith(form) for form in ('{"reply":', '{"name":'))
