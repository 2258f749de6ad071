"""Assembly of streamed responses. There is no I/O here: chunks go in, deltas to show and the whole response come out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import Literal, NamedTuple, Protocol

from ...types import JSON, Message
from .calls import UnreadableCalls, format_arguments
from .content import REASONING_KEYS, Content, read_content, read_text
from .thinking import ThinkingStream

DeltaKind = Literal["text", "thinking", "arguments"]


class Delta(NamedTuple):
    """Piece of a streamed answer.

    Attributes:
        kind: What it is a piece of: the text, the thinking, or the arguments of a call.
        text: The piece.
        tool: Name of the called function, for arguments.
    """

    kind: DeltaKind
    text: str
    tool: str = ""


class Assembler(Protocol):
    """Assembler of the events of a streamed answer. There is no I/O in it."""

    skipped: int
    """Number of frames that are not events."""

    @property
    def complete(self) -> bool:
        """True if the answer has its end."""
        ...

    @property
    def is_empty(self) -> bool:
        """True if nothing of an answer has arrived."""
        ...

    def feed(self, event: object) -> list[Delta]:
        """Add an event, and return the pieces that it has for people.

        Raises:
            openai.APIError: if the event is an error.
        """
        ...

    def finish(self) -> list[Delta]:
        """Return the last pieces for people, after the last event."""
        ...

    def build_response(self) -> dict[str, JSON]:
        """Return the answer in the form of a whole one.

        Raises:
            UnreadableCalls: if a piece may belong to several calls.
        """
        ...


class StreamAssembler:
    """Assembles the chunks of a streamed chat completion, as JSON in the form of a response that was not streamed.

    Servers differ in the fields that they repeat, number or leave out. The result still has to be normalised.

    Attributes:
        skipped: Number of frames that are not chunks.
    """

    def __init__(self) -> None:
        self._head: dict[str, JSON] = {}
        self._choices: dict[int, _ChoiceAssembler] = {}
        self._complete = False
        self.skipped = 0

    @property
    def complete(self) -> bool:
        """True if the server marked the end of the response."""
        return self._complete

    def feed(self, chunk: object) -> list[Delta]:
        """Add a chunk, and return the pieces that it has for people."""
        # Keep-alive frames of some servers are JSON, but no chunk.
        if not isinstance(chunk, Mapping):
            self.skipped += 1
            return []
        for key, value in chunk.items():
            if key not in ("choices", "object") and (value or key not in self._head):
                self._head[key] = value
        choices = chunk.get("choices")
        deltas: list[Delta] = []
        for choice in choices if isinstance(choices, list) else [choices]:
            if isinstance(choice, Mapping):
                assembler = self._choices.setdefault(_read_index(choice.get("index")) or 0, _ChoiceAssembler())
                deltas += assembler.feed(choice)
                self._complete = self._complete or assembler.finish_reason is not None
        return deltas

    def finish(self) -> list[Delta]:
        """Return the last pieces for people, after the last chunk."""
        return [delta for assembler in self._choices.values() for delta in assembler.finish()]

    @property
    def is_empty(self) -> bool:
        """True if nothing of an answer has arrived."""
        return not any(assembler.has_content for assembler in self._choices.values())

    def build_response(self) -> dict[str, JSON]:
        """Return the response.

        Raises:
            UnreadableCalls: if a piece may belong to several calls.
        """
        choices: list[JSON] = [assembler.build(index) for index, assembler in sorted(self._choices.items())]
        return {**self._head, "object": "chat.completion", "choices": choices}


class _ChoiceAssembler:
    def __init__(self) -> None:
        self._message: dict[str, JSON] = {}
        self._content = Content()
        self._thinking = ThinkingStream()
        self._calls = _CallAssembler()
        self._fields: dict[str, JSON] = {}
        self.finish_reason: str | None = None

    @property
    def has_content(self) -> bool:
        """True if text, calls or another field of the message has arrived."""
        content = self._content
        return bool(
            content.texts or content.thoughts or content.refusals or self._message.keys() - {"role"} or self._calls.count
        )

    def feed(self, choice: Mapping[str, object]) -> Iterator[Delta]:
        if reason := choice.get("finish_reason"):
            self.finish_reason = str(reason)
        for key, value in choice.items():
            if key not in ("delta", "message", "text", "index", "finish_reason") and value is not None:
                self._fields[key] = value  # type: ignore[assignment]
        delta = choice.get("delta")
        if delta is None:
            # Some servers use the form of text completions, or send a whole answer as the only chunk.
            delta = choice.get("text") if self.has_content else choice.get("message") or choice.get("text")
        return self._add(delta if isinstance(delta, Mapping) else {"content": delta} if isinstance(delta, str) else {})

    def _add(self, delta: Mapping[str, object]) -> Iterator[Delta]:
        content = read_content(delta.get("content"))
        fields = {key: text for key in REASONING_KEYS if (text := read_text(delta.get(key)))}
        # Some servers send the same thinking in several fields.
        if thinking := next(iter(fields.values()), None) or "".join(content.thoughts):
            yield Delta("thinking", thinking)
        if text := "".join(content.texts or ()):
            yield from self._split(self._thinking.feed(text))
        if content.texts is not None:
            self._content.texts = self._content.texts or []
            self._content.texts += content.texts
        self._content.thoughts += content.thoughts
        self._content.refusals += content.refusals
        yield from self._calls.feed(delta.get("tool_calls"))
        rest = {key: value for key, value in delta.items() if key not in ("content", "tool_calls", *REASONING_KEYS)}
        merge_delta(self._message, {**rest, **fields})

    def finish(self) -> Iterator[Delta]:
        """Yield the piece that waited for the next one, because it might have been a tag."""
        return self._split(self._thinking.finish())

    def _split(self, pieces: Iterable[tuple[bool, str]]) -> Iterator[Delta]:
        return (Delta("thinking" if is_thinking else "text", piece) for is_thinking, piece in pieces)

    def build(self, index: int) -> dict[str, JSON]:
        message: dict[str, JSON] = {**self._message, "content": self._content.to_json()}
        if calls := self._calls.build():
            message["tool_calls"] = [*calls]
        return {**self._fields, "index": index, "finish_reason": self.finish_reason, "message": message}


class _CallAssembler:
    """Assembles the pieces of calls, which servers number, name by id, both or neither."""

    def __init__(self) -> None:
        self._calls: list[Message] = []
        # The call that the pieces of an index belong to. None is the index of pieces without one.
        self._by_index: dict[int | None, Message] = {}
        self._problem = ""

    @property
    def count(self) -> int:
        """Number of calls so far."""
        return len(self._calls)

    def feed(self, pieces: object) -> Iterator[Delta]:
        if pieces is None:
            return
        if not isinstance(pieces, list):
            self._problem = f"the calls of a chunk must be a list, got {type(pieces).__name__}"
            return
        for piece in pieces:
            if not isinstance(piece, Mapping):
                self._problem = f"a piece of a call must be an object, got {type(piece).__name__}"
                continue
            call = self._find_call(piece)
            before = len(call["function"]["arguments"])
            self._add(call, piece)
            if text := call["function"]["arguments"][before:]:
                yield Delta("arguments", text, str(call["function"].get("name") or ""))

    def _find_call(self, piece: Mapping[str, object]) -> Message:
        """Return the call that a piece belongs to, which may be a new one."""
        index = _read_index(piece.get("index"))
        if self._by_index and (index is None) != (None in self._by_index):
            # Is the piece a part of an earlier call, or one of its own? A guess would execute the wrong call.
            self._problem = "some pieces of calls have an index and others have none"
        current = self._by_index.get(index)
        if current is None or _begins_call(current, piece):
            by_id = (
                [call for call in self._calls if call.get("id") and call["id"] == piece.get("id")] if index is None else []
            )
            current = by_id[0] if by_id else {"id": "", "type": "function", "function": {"name": "", "arguments": ""}}
            if not by_id:
                self._calls.append(current)
            self._by_index[index] = current
        return current

    def _add(self, call: Message, piece: Mapping[str, object]) -> None:
        function = piece.get("function")
        # OpenAI's custom tools take text in place of an object; they are not streamed in pieces by other servers.
        if isinstance(function, Mapping):
            name, arguments = function.get("name"), function.get("arguments")
            call["function"]["name"] = call["function"]["name"] or name or ""
            # An empty object stands for arguments that are still to come.
            if arguments is not None and arguments != {}:
                call["function"]["arguments"] += arguments if isinstance(arguments, str) else format_arguments(arguments)
            rest = {key: value for key, value in function.items() if key not in ("name", "arguments")}
            merge_delta(call["function"], rest)
        call["id"] = call["id"] or piece.get("id") or ""
        merge_delta(call, {key: value for key, value in piece.items() if key not in ("id", "type", "function", "index")})

    def build(self) -> list[Message]:
        if self._problem:
            raise UnreadableCalls(self._problem)
        return self._calls


def _begins_call(current: Mapping[str, JSON], piece: Mapping[str, object]) -> bool:
    """Return True if a piece begins a new call, though its index is that of another: many servers number all calls 0."""
    if piece.get("id") and current.get("id"):
        return piece["id"] != current["id"]
    if piece.get("id"):
        return False
    function = piece.get("function")
    # Without ids, a name after complete arguments begins the next call. Some servers repeat the name in every piece.
    return (
        isinstance(function, Mapping)
        and bool(function.get("name"))
        and bool(function.get("arguments"))
        and not current.get("id")
        and _is_complete(current["function"])
    )


def _is_complete(function: JSON) -> bool:
    try:
        json.loads(function["arguments"])  # type: ignore[call-overload,index,arg-type]
    except (ValueError, RecursionError):
        return False
    return True


def _read_index(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    try:
        return int(value)  # type: ignore[call-overload, no-any-return]
    except (TypeError, ValueError, OverflowError):
        return None


_SINGLE = ("role", "id", "type", "name", "format", "signature", "data", "index")


def merge_delta(target: MutableMapping[str, JSON], delta: Mapping[str, object]) -> None:
    """Add the fields of a delta to those of the earlier ones: text is appended, lists and objects are merged.

    Names, ids, signatures and encrypted data are whole in each delta that has them: the last one counts.
    """
    for key, value in delta.items():
        earlier = target.get(key)
        if value is None:
            continue
        if isinstance(value, str) and isinstance(earlier, str) and key not in _SINGLE:
            target[key] = earlier + value
        elif isinstance(value, Mapping) and isinstance(earlier, dict):
            merge_delta(earlier, value)
        elif isinstance(value, list) and isinstance(earlier, list):
            target[key] = _merge_lists(earlier, value)
        elif isinstance(value, Mapping):
            target[key] = dict(value)
        elif isinstance(value, list):
            # A first list may have several pieces of a text, too.
            target[key] = _merge_lists([], value)
        else:
            target[key] = value  # type: ignore[assignment]


def _merge_lists(earlier: list[JSON], later: list[JSON]) -> list[JSON]:
    """Merge lists of pieces: those of one type and index belong together."""
    for piece in later:
        is_numbered = isinstance(piece, dict) and piece.get("index") is not None
        partner = next((other for other in earlier if _belongs_to(piece, other)), None) if is_numbered else None
        if isinstance(partner, dict) and isinstance(piece, dict):
            merge_delta(partner, piece)
        else:
            earlier.append(dict(piece) if isinstance(piece, dict) else piece)
    return earlier


def _belongs_to(piece: JSON, other: JSON) -> bool:
    if not isinstance(piece, dict) or not isinstance(other, dict):
        return False
    return (piece.get("type"), piece["index"]) == (other.get("type"), other.get("index"))
