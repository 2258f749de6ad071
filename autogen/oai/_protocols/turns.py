"""A history as turns: calls beside their results, for protocols that require each call to be followed by its result."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ...types import JSON, Message

SYSTEM = ("system", "developer")
NO_RESULT = "No result: the call was not executed."
CONTINUE = "Please continue."
"""The user's turn that is inserted where an endpoint requires a user's turn."""


@dataclass(frozen=True)
class Turn:
    """A part of a history.

    Attributes:
        kind: `results` are the results of the calls in the turn before, in their order.
        message: The message; empty for results.
        items: The vendor's items of an unchanged answer; None for any other message.
        record: The `native` of such an answer.
        results: The messages of tools.
    """

    kind: Literal["system", "user", "assistant", "results"]
    message: Message
    items: list[JSON] | None = None
    results: tuple[Message, ...] = ()
    record: Mapping[str, Any] | None = None


def split_history(
    messages: Sequence[Message],
    items: Sequence[list[JSON] | None] = (),
    records: Sequence[Mapping[str, Any] | None] = (),
) -> list[Turn]:
    """Return the turns of a history, each call with a result right after it.

    A call without a result gets a note instead. A result without a call becomes a turn of the user, so that its text
    isn't lost. Both depend on the messages alone, so a longer history begins with the same turns.

    Args:
        messages: The history; ids of calls are unique.
        items: For each message the vendor's items, or None.
        records: For each message with items its `native`.
    """
    waiting = _index_results(messages)
    taken: set[int] = set()
    turns: list[Turn] = []
    for index, message in enumerate(messages):
        role = message.get("role")
        if role in SYSTEM:
            turns.append(Turn("system", message))
        elif role in ("tool", "function"):
            if index not in taken:
                turns.append(Turn("user", _render_orphan(message)))
        elif role == "assistant":
            kept = items[index] if index < len(items) else None
            turns.append(Turn("assistant", message, kept, record=records[index] if index < len(records) else None))
            if calls := message.get("tool_calls"):
                results = tuple(_take_result(call["id"], index, messages, waiting, taken) for call in calls)
                turns.append(Turn("results", {}, results=results))
        else:
            turns.append(Turn("user", message))
    return turns


def split_system(turns: Sequence[Turn]) -> tuple[list[str], list[Turn]]:
    """Return the texts of the system messages that a history begins with, and the turns after them."""
    count = next((index for index, turn in enumerate(turns) if turn.kind != "system"), len(turns))
    return [join_text(turn.message.get("content")) for turn in turns[:count]], list(turns[count:])


def alternate_roles(
    turns: Sequence[Turn],
    build_blocks: Callable[[Turn], Sequence[JSON]],
    make_text: Callable[[str], JSON],
    *,
    heeds_system: bool = False,
) -> list[dict[str, Any]]:
    """Return the turns as messages of the user and the assistant in alternation; the first and the last are the user's.

    Args:
        turns: The turns; those of a system and of tools are the user's.
        build_blocks: A function that returns the content of a turn. A turn without content is left out.
        make_text: A function that returns a text as a block.
        heeds_system: True for a model that heeds messages of the system here; they are not the user's then.
    """
    messages: list[dict[str, Any]] = []
    has_results = False
    for turn in turns:
        role = "assistant" if turn.kind == "assistant" else "user"
        blocks = build_blocks(turn)
        # After results, some models take it for one of them.
        if turn.kind == "system" and heeds_system and messages and not has_results:
            text = join_text(turn.message.get("content"))
            role, blocks = "system", [make_text(text)] if text.strip() else []
        if not blocks:
            continue
        if role == "assistant" and messages and messages[-1]["role"] != "user":
            # The request for this answer ended with it, and later ones begin like that one.
            messages.append({"role": "user", "content": [make_text(CONTINUE)]})
        if messages and messages[-1]["role"] == role:
            messages[-1]["content"] += blocks
            has_results = has_results or turn.kind == "results"
        else:
            messages.append({"role": role, "content": list(blocks)})
            has_results = turn.kind == "results"
    if not messages or messages[0]["role"] == "assistant":
        messages.insert(0, {"role": "user", "content": [make_text(CONTINUE)]})
    if messages[-1]["role"] != "user":
        # Newer models don't take the beginning of their answer.
        messages.append({"role": "user", "content": [make_text(CONTINUE)]})
    return messages


def name_speakers(messages: Sequence[Message]) -> list[Message]:
    """Return a history with the names of its users in front of their text, once there are several.

    A message of the first user before another one speaks keeps its text: a name that is added later would change the start
    of the next request, and the vendor's cache would be lost.
    """
    named: list[Message] = []
    speakers: set[object] = set()
    for message in messages:
        name = message.get("name")
        if message.get("role") == "user" and name:
            speakers.add(name)
            if len(speakers) > 1:
                label = {"type": "text", "text": f"{name}:"}
                content = message.get("content")
                text = [label, *content] if isinstance(content, list) else f"{name}: {content or ''}"
                message = {**message, "content": text}
        named.append({key: value for key, value in message.items() if key != "name"} if name else message)
    return named


def _index_results(messages: Sequence[Message]) -> dict[object, list[int]]:
    positions: defaultdict[object, list[int]] = defaultdict(list)
    for index in range(len(messages) - 1, -1, -1):
        if messages[index].get("role") == "tool":
            positions[messages[index].get("tool_call_id")].append(index)
    return positions


def _take_result(
    call_id: str, index: int, messages: Sequence[Message], waiting: dict[object, list[int]], taken: set[int]
) -> Message:
    positions = waiting.get(call_id, [])
    while positions and positions[-1] < index:
        positions.pop()
    if not positions:
        return {"role": "tool", "tool_call_id": call_id, "content": NO_RESULT, "is_error": True}
    position = positions.pop()
    taken.add(position)
    return messages[position]


def _render_orphan(message: Message) -> Message:
    name = message.get("name")
    label = f"Result of {name}" if name else "Result of a tool"
    return {"role": "user", "content": [{"type": "text", "text": f"{label}:"}, *iter_parts(message.get("content"))]}


def iter_parts(content: object) -> Iterator[Message]:
    """Yield the parts of a message's content; text is a part. Empty text has none."""
    if isinstance(content, str):
        if content:
            yield {"type": "text", "text": content}
        return
    for part in content if isinstance(content, list) else []:
        if isinstance(part, str):
            yield {"type": "text", "text": part}
        elif isinstance(part, dict):
            yield part


def join_text(content: object) -> str:
    """Return the text of a message's content, of its parts with a blank line between them; other parts as words."""
    if isinstance(content, str):
        return content
    return "\n\n".join(filter(None, map(render_part, iter_parts(content))))


def render_part(part: Mapping[str, Any]) -> str:
    """Return a part of a message as text: a part that an endpoint can't take is named, so that the model knows of it."""
    kind = str(part.get("type") or "")
    for key in ("text", "refusal"):
        if isinstance(text := part.get(key), str):
            return text
    if kind == "image_url":
        return "<image>"
    if kind == "search_result":
        texts = "\n".join(map(str, part.get("content") or ()))
        return f"[search result: {part.get('title') or part.get('source') or 'untitled'}]\n{texts}"
    name = get_file_name(part)
    if kind in ("file", "input_audio", "video_url"):
        label = {"file": "file", "input_audio": "audio", "video_url": "video"}[kind]
        return f"[{label}: {name}]" if name else f"<{label}>"
    return json.dumps(part, ensure_ascii=False, default=str)


def render_call(call: Mapping[str, Any]) -> str:
    """Return a call as text, for requests that may not have calls."""
    return f"Call of {call['function'].get('name')}: {call['function'].get('arguments')}"


def describe_format(response_format: Mapping[str, Any]) -> str:
    """Return a system text that asks for JSON of a format, for endpoints that can't be given one; empty for text."""
    kind = response_format.get("type")
    if kind == "json_schema":
        schema = json.dumps(response_format["json_schema"].get("schema"))
        return f"Answer with JSON alone, which fits this schema: {schema}"
    return "Answer with JSON alone." if kind == "json_object" else ""


def get_file_name(part: Mapping[str, Any]) -> str:
    """Return the name of the file in a part; empty if it has none."""
    holder = part.get("file")
    fields = holder if isinstance(holder, Mapping) else part
    return str(fields.get("filename") or fields.get("file_id") or "")


def parse_arguments(call: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call, which the door for requests has made a JSON object."""
    arguments = json.loads(call["function"].get("arguments") or "{}")
    return arguments if isinstance(arguments, dict) else {"value": arguments}


def split_data_uri(uri: str) -> tuple[str, str] | None:
    """Return the media type and the base64 text of a data URI; None for any other text."""
    if not uri.startswith("data:"):
        return None
    head, _, data = uri[5:].partition(",")
    return (head.partition(";")[0] or "text/plain", data) if head.endswith(";base64") else None
