"""Odd answers: responses that differ from OpenAI's form in the ways in which real endpoints do, streamed or not."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .._mistakes import suggest
from ..types import Message
from ._scripted import RawReply, Reply, ScriptItem, normalize_item

JSONObject = dict[str, Any]
Part = JSONObject
"""A message of a whole response, or a delta of a streamed one."""


@dataclass(frozen=True)
class Oddity:
    """A way in which an answer differs from OpenAI's form.

    Attributes:
        change_body: Changes a whole response; None if only streams have it.
        change_chunks: Changes the chunks of a streamed response; None if streams don't have it.
        is_readable: True if the answer has one clear meaning in spite of it.
        calls: True if it concerns answers with calls.
    """

    change_body: Callable[[JSONObject], object] | None
    change_chunks: Callable[[list[Any]], Sequence[object]] | None
    is_readable: bool = True
    calls: bool = False


class Misbehaving:
    """A script function for `OpenAIServer` whose answers have oddities.

    Args:
        answer: The answer: an item of a script, or a function from the messages of a request to one. Oddities change
            text and calls; anything else stays as it is.
        *oddities: Names of `ODDITIES`. They take turns.

    Raises:
        ValueError: if there is no oddity of that name.

    >>> server = OpenAIServer(Misbehaving("Paris.", "content in parts", "no finish reason"))
    """

    def __init__(self, answer: ScriptItem | Callable[[list[Message]], ScriptItem], *oddities: str) -> None:
        for name in oddities:
            if name not in ODDITIES:
                raise ValueError(f"There is no oddity {name!r}.{suggest(name, ODDITIES)}")
        self._answer = answer
        self._oddities = oddities or tuple(ODDITIES)
        self.answered = 0
        """The number of answers."""

    def __call__(self, messages: list[Message]) -> ScriptItem:
        """Return the answer to the messages of a request, with an oddity."""
        item = normalize_item(self._answer(messages) if callable(self._answer) else self._answer)
        name = self._oddities[self.answered % len(self._oddities)]
        self.answered += 1
        return make_odd(item, name) if isinstance(item, Reply) else item


def make_odd(reply: Reply, name: str) -> RawReply:
    """Return a reply with an oddity.

    Args:
        reply: The reply.
        name: A name of `ODDITIES`.
    """
    oddity = ODDITIES[name]
    body, chunks = build_body(reply), build_chunks(reply)
    return RawReply(
        body=oddity.change_body(body) if oddity.change_body else body,
        events=oddity.change_chunks(chunks) if oddity.change_chunks else [*chunks, b"data: [DONE]\n\n"],
    )


HEAD: JSONObject = {"id": "chatcmpl-odd", "created": 1764374400, "model": "odd"}
_USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


def build_body(reply: Reply) -> JSONObject:
    """Return the whole response of a reply, in OpenAI's form."""
    choice = {"index": 0, "message": copy.deepcopy(reply.message), "finish_reason": reply.reason, "logprobs": None}
    return {**HEAD, "object": "chat.completion", "choices": [choice], "usage": dict(_USAGE)}


def build_chunks(reply: Reply) -> list[JSONObject]:
    """Return the chunks of a reply, in OpenAI's form."""
    deltas: list[JSONObject] = [{"role": "assistant", "content": ""}]
    if reply.content is not None:
        deltas += [{"content": piece} for piece in reply.pieces]
    for index, call in enumerate(reply.tool_calls):
        name, arguments = call["function"]["name"], call["function"]["arguments"]
        start: JSONObject = {
            "index": index,
            "id": call["id"],
            "type": "function",
            "function": {"name": name, "arguments": ""},
        }
        deltas.append({"tool_calls": [start]})
        for position in range(0, len(arguments), 5):
            deltas.append({"tool_calls": [{"index": index, "function": {"arguments": arguments[position : position + 5]}}]})
    choices: list[JSONObject] = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": reply.reason})
    return [{**HEAD, "object": "chat.completion.chunk", "choices": [choice]} for choice in choices]


def _end(chunks: Sequence[object]) -> list[object]:
    return [*chunks, b"data: [DONE]\n\n"]


def _change_both(change: Callable[[JSONObject], object], **options: bool) -> Oddity:
    """Make an oddity of whole responses and chunks alike."""
    return Oddity(
        lambda body: change(body) or body, lambda chunks: _end([change(chunk) or chunk for chunk in chunks]), **options
    )


def _change_choices(change: Callable[[JSONObject], object], **options: bool) -> Oddity:
    def change_all(body: JSONObject) -> None:
        for choice in body["choices"]:
            change(choice)

    return _change_both(change_all, **options)


def _change_parts(change: Callable[[Part], object], **options: bool) -> Oddity:
    """Make an oddity of messages and deltas alike. The function changes the part, or returns another."""

    def change_part(choice: JSONObject) -> None:
        key = "message" if "message" in choice else "delta"
        part = choice[key]
        changed = change(part)
        choice[key] = part if changed is None else changed

    return _change_choices(change_part, **options)


def _change_calls(change: Callable[[JSONObject, int], object], **options: bool) -> Oddity:
    """Make an oddity of calls and of their pieces."""

    def change_part(part: Part) -> None:
        for position, call in enumerate(part.get("tool_calls") or ()):
            change(call, position)

    return _change_parts(change_part, calls=True, **options)


def _set_content(make: Callable[[str], object]) -> Callable[[Part], None]:
    def change(part: Part) -> None:
        if part.get("content"):
            part["content"] = make(part["content"])

    return change


def _set_finish(reason: object) -> Callable[[JSONObject], None]:
    def change(choice: JSONObject) -> None:
        if choice["finish_reason"] is not None:
            choice["finish_reason"] = reason

    return change


def _add(**fields: object) -> Callable[[JSONObject], None]:
    return lambda target: target.update(fields)


def _remove(*keys: str) -> Callable[[JSONObject], None]:
    def change(target: JSONObject) -> None:
        for key in keys:
            target.pop(key, None)

    return change


def _whole(change: Callable[[JSONObject], object], **options: bool) -> Oddity:
    return Oddity(lambda body: change(body) or body, None, **options)


def _streamed(change: Callable[[list[Any]], Sequence[object]], **options: bool) -> Oddity:
    return Oddity(None, change, **options)


def _add_before(**fields: object) -> Oddity:
    """Make an oddity with a field before the text: in the message, or in a delta of its own."""

    def change_body(body: JSONObject) -> JSONObject:
        body["choices"][0]["message"].update(fields)
        return body

    def change_chunks(chunks: list[Any]) -> list[object]:
        delta = {**chunks[0], "choices": [{"index": 0, "delta": fields, "finish_reason": None}]}
        return _end([chunks[0], delta, *chunks[1:]])

    return Oddity(change_body, change_chunks)


def _add_text_before(text: str) -> Oddity:
    """Make an oddity with text in front of the content."""

    def change_body(body: JSONObject) -> JSONObject:
        message = body["choices"][0]["message"]
        message["content"] = text + message["content"]
        return body

    def change_chunks(chunks: list[Any]) -> list[object]:
        pieces = [{**chunks[0], "choices": [{"index": 0, "delta": {"content": letter}}]} for letter in text]
        return _end([chunks[0], *pieces, *chunks[1:]])

    return Oddity(change_body, change_chunks)


def _merge_arguments(make: Callable[[str], object]) -> Oddity:
    """Make an oddity of arguments, which are in the first piece of a streamed call."""

    def change_call(call: JSONObject) -> None:
        call["function"]["arguments"] = make(call["function"]["arguments"])

    def change_body(body: JSONObject) -> JSONObject:
        for call in body["choices"][0]["message"]["tool_calls"]:
            change_call(call)
        return body

    def change_chunks(chunks: list[Any]) -> list[object]:
        return _end(_join_calls(chunks, change_call))

    return Oddity(change_body, change_chunks, calls=True)


def _join_calls(chunks: list[Any], change: Callable[[JSONObject], object] = lambda call: None) -> list[object]:
    """Return chunks with each call as one piece."""
    calls: dict[int, JSONObject] = {}
    others = []
    for chunk in chunks:
        pieces = chunk["choices"][0]["delta"].get("tool_calls")
        for piece in pieces or ():
            if piece["index"] in calls:
                calls[piece["index"]]["function"]["arguments"] += piece["function"]["arguments"]
            else:
                calls[piece["index"]] = json.loads(json.dumps(piece))
        if not pieces:
            others.append(chunk)
    for call in calls.values():
        change(call)
    made = [{**chunks[0], "choices": [{"index": 0, "delta": {"tool_calls": [call]}}]} for call in calls.values()]
    return [*others[:-1], *made, others[-1]]


def _number_joined_calls(**fields: object) -> Callable[[list[Any]], list[object]]:
    return lambda chunks: _end(_join_calls(chunks, lambda call: call.update(fields)))


def _spread(data: object, *, every: bool = True) -> Callable[[list[Any]], list[object]]:
    """Return a change that adds an event after each chunk, or before the first one."""
    if not every:
        return lambda chunks: _end([data, *chunks])
    return lambda chunks: _end([item for chunk in chunks for item in (chunk, data)])


def _make_nested(depth: int) -> bytes:
    return b'{"choices": ' + b"[" * depth + b"]" * depth + b"}"


def _set_arguments_of_start(chunks: list[Any]) -> list[object]:
    for chunk in chunks:
        for piece in chunk["choices"][0]["delta"].get("tool_calls") or ():
            if "name" in piece["function"]:
                piece["function"]["arguments"] = {}
    return _end(chunks)


def _send_whole(chunks: list[Any]) -> list[object]:
    text = "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks)
    return [{**chunks[0], "choices": [{"message": {"content": text}, "finish_reason": "stop"}]}]


def _add_id_once_more(call: JSONObject, _: int) -> None:
    if "id" not in call:
        call["id"] = ""


def _use_custom(call: JSONObject, _: int) -> None:
    call["function"]["name"] = f" {call['function']['name']}\n" if "name" in call["function"] else None


_HTML = b"<html><body>Service is starting</body></html>"
_ERROR = {"error": {"message": "upstream failed", "code": 502}}
_HALF = b'data: {"id": "x", "choices": [{"index": 0, "delta": {"content": "hal'

ODDITIES: dict[str, Oddity] = {
    # The frame around the answer.
    "no head": _change_both(_remove("id", "created", "model", "object")),
    "nulls in the head": _change_both(_add(id=None, created=None, model=None, object=None)),
    "numbers as text": _change_both(_add(created="now", id=7)),
    "another object": _change_both(_add(object="text_completion")),
    "unknown fields": _change_both(_add(provider="p", x_groq={"id": "r"}, timings=[1.5], _fields_set=True, native={"v": 1})),
    "error is null": _change_both(_add(error=None)),
    "nothing of usage": _change_both(_add(usage=None)),
    "usage as text": _change_both(_add(usage={"prompt_tokens": "3", "completion_tokens": "2.0"})),
    "nonsense in usage": _change_both(_add(usage={"prompt_tokens": "many", "total_tokens": -1, "x": {"y": []}})),
    "usage is a list": _change_both(_add(usage=[])),
    "NaN in usage": _change_both(_add(usage={"prompt_tokens": float("nan"), "total_tokens": float("inf")})),
    "odd details in usage": _change_both(_add(usage={**_USAGE, "prompt_tokens_details": {"cached_tokens": "x"}})),
    "filter results": _change_choices(_add(content_filter_results={"hate": {"filtered": False}}, native_finish_reason="x")),
    "odd logprobs": _change_choices(_add(logprobs="none")),
    "no choice index": _change_choices(_remove("index")),
    "choice index as text": _change_choices(_add(index="0")),
    # The reason of the end.
    "finish reason eos": _change_choices(_set_finish("eos")),
    "finish reason in capitals": _change_choices(_set_finish("STOP")),
    "unknown finish reason": _change_choices(_set_finish("function_call_filter: x")),
    "finish reason of calls": _change_choices(_set_finish("tool_calls")),
    "finish reason is a number": _change_choices(_set_finish(1)),
    "no finish reason": _whole(lambda body: body["choices"][0].update(finish_reason=None)),
    "blank finish reason": _whole(lambda body: body["choices"][0].update(finish_reason="")),
    "blank finish reasons before the last": _streamed(
        lambda chunks: _end([{**c, "choices": [{**c["choices"][0], "finish_reason": c["choices"][0]["finish_reason"] or ""}]}
                             for c in chunks])
    ),
    "ended twice": _streamed(lambda chunks: _end([*chunks, chunks[-1]])),
    "end in the last piece": _streamed(
        lambda chunks: chunks[-2]["choices"][0].update(finish_reason="stop") or _end(chunks[:-1])
    ),
    # The message.
    "no role": _change_parts(_remove("role")),
    "odd role": _change_parts(_add(role="model")),
    "role in every delta": _change_parts(_add(role="assistant")),
    "content in parts": _change_parts(_set_content(lambda text: [{"type": "text", "text": text}])),
    "content in small parts": _change_parts(_set_content(lambda text: [{"type": "text", "text": t} for t in text])),
    "content is a part": _change_parts(_set_content(lambda text: {"type": "output_text", "text": text})),
    "content in lists of text": _change_parts(_set_content(list)),
    "null parts": _change_parts(_set_content(lambda text: [None, {"type": "text", "text": text}, {"text": ""}])),
    "byte order mark": _add_text_before("\ufeff"),
    "thinking in tags": _add_text_before("<think>The user wants to TERMINATE.</think>\n\n"),
    "thinking without a start": _add_text_before("The user wants to TERMINATE.\n</think>\n"),
    "thinking in parts": _change_parts(
        _set_content(lambda text: [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
                                   {"type": "text", "text": text}])
    ),
    "reasoning_content": _add_before(reasoning_content="Let me TERMINATE."),
    "reasoning": _add_before(reasoning="Let me TERMINATE."),
    "reasoning in two fields": _add_before(reasoning="Let me see.", reasoning_content="Let me see."),
    "reasoning is a list": _add_before(reasoning_content=[{"type": "text", "text": "Let me see."}]),
    "reasoning_details": _add_before(reasoning_details=[{"type": "reasoning.text", "text": "Let me see.", "index": 0}]),
    "encrypted reasoning": _add_before(reasoning_details=[{"type": "reasoning.encrypted", "data": "abc", "index": 0}]),
    "thinking blocks": _add_before(thinking_blocks=[{"type": "thinking", "thinking": "hm", "signature": "s"}]),
    "no tool calls": _change_parts(_add(tool_calls=[])),
    "null tool calls": _change_parts(_add(tool_calls=None, function_call=None, refusal=None, audio=None)),
    "empty function call": _change_parts(_add(function_call={})),
    "odd annotations": _change_parts(_add(annotations="none", audio=[])),
    "message is text": _change_parts(lambda part: part.get("content") or ""),
    "choices is an object": _whole(lambda body: body.update(choices=body["choices"][0])),
    "a null among the choices": _whole(lambda body: body["choices"].append(None)),
    "two spaces and a line before the JSON": _whole(lambda body: b"  \n" + json.dumps(body).encode() + b"\n"),
    "a byte order mark before the JSON": _whole(lambda body: b"\xef\xbb\xbf" + json.dumps(body).encode()),
    # The stream.
    "comments": _streamed(_spread(b": OPENROUTER PROCESSING\n\n")),
    "empty lines": _streamed(_spread(b"\n\n\n")),
    "keep-alives": _streamed(_spread(b'data: {"type": "ping"}\n\n')),
    "empty keep-alives": _streamed(_spread({})),
    "null chunks": _streamed(_spread(None)),
    "lists for chunks": _streamed(_spread([])),
    "null choices": _streamed(_spread({**HEAD, "choices": None})),
    "null deltas": _streamed(_spread({**HEAD, "choices": [{"index": 0, "delta": None, "finish_reason": None}]})),
    "null content": _streamed(_spread({**HEAD, "choices": [{"index": 0, "delta": {"content": None}}]})),
    "no choices at the start": _streamed(_spread({**HEAD, "choices": [], "prompt_filter_results": []}, every=False)),
    "usage after the end": _streamed(lambda chunks: _end([*chunks, {**HEAD, "choices": [], "usage": _USAGE}])),
    "usage in every chunk": _streamed(lambda chunks: _end([{**chunk, "usage": _USAGE} for chunk in chunks])),
    "no [DONE]": _streamed(lambda chunks: chunks),
    "lines with carriage returns": _streamed(
        lambda chunks: _end([b"data: " + json.dumps(chunk).encode() + b"\r\n\r\n" for chunk in chunks])
    ),
    "no blank after data": _streamed(lambda chunks: _end([b"data:" + json.dumps(c).encode() + b"\n\n" for c in chunks])),
    "named events": _streamed(
        lambda chunks: _end([b"event: message\nid: 1\ndata: " + json.dumps(c).encode() + b"\n\n" for c in chunks])
    ),
    "another id in each chunk": _streamed(lambda chunks: _end([{**c, "id": str(i)} for i, c in enumerate(chunks)])),
    "the whole as one chunk": _streamed(_send_whole),
    "the whole again at the end": _streamed(lambda chunks: _end([*chunks[:-1], *_add_whole(chunks)])),
    "text without deltas": _streamed(
        lambda chunks: _end([{**c, "choices": [{"text": c["choices"][0]["delta"].get("content", ""),
                                                "finish_reason": c["choices"][0]["finish_reason"]}]} for c in chunks])
    ),
    # Calls.
    "arguments are an object": _merge_arguments(json.loads),
    "arguments are encoded twice": _merge_arguments(json.dumps),
    "calls without an id": _change_calls(lambda call, _: call.pop("id", None)),
    "calls with blank ids": _change_calls(lambda call, _: call.update(id="")),
    "calls with null ids": _change_calls(lambda call, _: call.update(id=None)),
    "calls with numbers for ids": _change_calls(lambda call, number: call.update(id=number + 1) if "id" in call else None),
    "calls of no type": _change_calls(lambda call, _: call.pop("type", None)),
    "calls of an odd type": _change_calls(lambda call, _: call.update(type="tool")),
    "blanks around names": _change_calls(_use_custom),
    "unknown fields of calls": _change_calls(
        lambda call, _: call.update(extra_content={"google": {"thought_signature": "s"}})
    ),
    "blank ids after the first piece": _change_calls(_add_id_once_more),
    "calls that end with stop": _change_choices(_set_finish("stop"), calls=True),
    "calls that end with length": _change_choices(_set_finish("length"), calls=True),
    "calls without a finish reason": Oddity(
        lambda body: body["choices"][0].update(finish_reason=None) or body,
        lambda chunks: chunks[-1]["choices"][0].update(finish_reason="eos") or _end(chunks),
        calls=True,
    ),
    "calls beside blank text": _change_parts(_add(content=""), calls=True),
    "equal ids of calls": _whole(
        lambda body: [call.update(id="call_1") for call in body["choices"][0]["message"]["tool_calls"]] and None, calls=True
    ),
    "index of calls is always 0": _streamed(_number_joined_calls(index=0), calls=True),
    "calls without an index": _streamed(
        lambda chunks: _end(_join_calls(chunks, lambda call: call.pop("index"))), calls=True
    ),
    "index of calls as text": _change_calls(lambda call, _: call.update(index=str(call.get("index", 0)))),
    "an empty object before the arguments": _streamed(_set_arguments_of_start, calls=True),
    # Answers that have no clear meaning.
    "an error with status 200": Oddity(lambda body: _ERROR, lambda chunks: [_ERROR], is_readable=False),
    "an error in the middle": _streamed(lambda chunks: [chunks[0], chunks[1], {**chunks[1], **_ERROR}], is_readable=False),
    "only a detail": Oddity(lambda body: {"detail": "busy"}, lambda chunks: _end([{"detail": "busy"}]), is_readable=False),
    "code and message": Oddity(
        lambda body: {"code": "Throttling", "message": "busy"}, lambda chunks: _end([{"code": "x"}]), is_readable=False
    ),
    "finish reason error": _change_choices(_set_finish("error"), is_readable=False),
    "a page of HTML": Oddity(lambda body: _HTML, lambda chunks: [_HTML], is_readable=False),
    "no body": Oddity(lambda body: b"", lambda chunks: [], is_readable=False),
    "cut JSON": Oddity(lambda body: json.dumps(body).encode()[:-9], lambda chunks: [chunks[0], _HALF], is_readable=False),
    "a JSON text": Oddity(lambda body: "busy", lambda chunks: _end(["busy"]), is_readable=False),
    "a list around the object": Oddity(lambda body: [body], lambda chunks: _end([chunks]), is_readable=False),
    "null": Oddity(lambda body: b"null", lambda chunks: _end([None]), is_readable=False),
    "bytes that aren't text": Oddity(lambda body: b'{"x": "\xff"}', lambda chunks: [b"data: \xff\n\n"], is_readable=False),
    "no end of nesting": Oddity(
        lambda body: _make_nested(50_000), lambda chunks: [b"data: " + _make_nested(50_000) + b"\n\n"], is_readable=False
    ),
    "nested deeply": Oddity(
        lambda body: _make_nested(300), lambda chunks: _end([b"data: " + _make_nested(300) + b"\n\n"]), is_readable=False
    ),
    "no choices": _whole(lambda body: body.update(choices=[]), is_readable=False),
    "choices is null": _whole(lambda body: body.update(choices=None), is_readable=False),
    "no message": _whole(lambda body: body["choices"][0].update(message=None), is_readable=False),
    # The form of text completions: the server has not understood the request for a chat.
    "a text in place of a message": _whole(
        lambda body: body["choices"][0].update(text=body["choices"][0]["message"]["content"], message=None),
        is_readable=False,
    ),
    "nothing, unfinished": Oddity(
        lambda body: body["choices"][0].update(finish_reason=None, message={"content": None}) or body,
        lambda chunks: [chunks[0]],
        is_readable=False,
    ),
    "only keep-alives": _streamed(lambda chunks: _end([{"type": "ping"}] * 3), is_readable=False),
    "no end": _streamed(lambda chunks: chunks[:-1], is_readable=False),
    "no end but [DONE]": _streamed(lambda chunks: _end(chunks[:-1]), is_readable=False),
    "a cut stream": _streamed(lambda chunks: [*chunks[:-1], _HALF], is_readable=False),
    "calls are text": _change_parts(_add(tool_calls="weather()"), is_readable=False),
    "calls are numbers": _change_parts(_add(tool_calls=[1]), is_readable=False),
    "calls without a name": _change_calls(lambda call, _: call["function"].update(name=None), is_readable=False),
    "calls without a function": _change_calls(lambda call, _: call.pop("function"), is_readable=False),
    "a finish reason of calls, and none": Oddity(
        lambda body: body["choices"][0].update(finish_reason="tool_calls", message={"tool_calls": []}) or body,
        lambda chunks: _end([{**chunks[0], "choices": [{"delta": {"tool_calls": []}, "finish_reason": "tool_calls"}]}]),
        is_readable=False,
    ),
}  # fmt: skip
"""The oddities, by name."""


def _add_whole(chunks: list[Any]) -> list[object]:
    text = "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks)
    choice = {"index": 0, "delta": None, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return [{**chunks[-1], "choices": [choice]}]
