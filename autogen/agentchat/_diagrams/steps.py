"""A chat as a sequence of steps that can be drawn: who says what to whom, shortened."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from .._core.termination import get_text
from ..agent import Message

TEXT, CALL, RESULT, NOTE = "text", "call", "result", "note"

_CODE = re.compile(r"^[ \t]*```[ \t]*([\w+#.-]*)[^\n]*\n(.*?)(?:^[ \t]*```[ \t]*$|\Z)", re.DOTALL | re.MULTILINE)
_BIDI = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)])  # they would turn the text around them


class Step(NamedTuple):
    """One arrow, or a note over all (then both ends are empty)."""

    kind: str
    source: str
    target: str
    text: str


class Story(NamedTuple):
    """Who takes part, in order, and what happens."""

    participants: list[str]
    steps: list[Step]


def story(messages: Sequence[Message], participants: Iterable[str], max_text: int) -> Story:
    """Read a chat.

    A message goes to whoever speaks next, and the last one to whoever spoke before. Calls and results are
    arrows of their own; where one agent calls and carries out, they go to itself.
    """
    speakers = _speakers(messages, [*participants])
    names = list(dict.fromkeys([*participants, *filter(None, speakers)])) or ["nobody"]
    called: dict[Any, str] = {}
    steps: list[Step] = []
    for position, (message, speaker) in enumerate(zip(messages, speakers, strict=True)):
        if speaker is None:
            steps.append(Step(NOTE, "", "", shortened(f"system: {_content(message)}", max_text)))
            continue
        following = next(filter(None, speakers[position + 1 :]), None)
        hearer = following or _last_hearer(speaker, names, speakers[:position])
        for kind, text in _parts(message, called):
            steps.append(Step(kind, speaker, hearer, shortened(text, max_text)))
    return Story(names, steps)


def shortened(text: str, most: int) -> str:
    """A text on a few lines, with blocks of code named by their language and length, cut where it is too long."""
    text = plain(_CODE.sub(_block, text))
    lines = [line for line in (re.sub(r"\s+", " ", line).strip() for line in text.splitlines()) if line]
    text = "\n".join(lines)
    return text if len(text) <= most else text[: max(most - 1, 0)].rstrip() + "…"


def plain(text: str) -> str:
    """A text without control characters and the like: a picture of them, or a question mark in a box, stands there."""
    return "".join(map(_printable, text.replace("\r\n", "\n").replace("\r", "\n"))).translate(_BIDI)


def _printable(char: str) -> str:
    code = ord(char)
    if char in "\n\t\u2028\u2029\x85":
        return "\n" if char != "\t" else " "
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    unfit = unicodedata.category(char) in ("Cc", "Cs") or code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF
    return "\ufffd" if unfit else char


def _block(found: re.Match[str]) -> str:
    count = found[2].count("\n")
    return f"\n[{found[1] or 'code'}, {count} line{'' if count == 1 else 's'}]\n"


def _speakers(messages: Sequence[Message], participants: list[str]) -> list[str | None]:
    """Who says each message; None where it is a system message. Calls carry no name: of two agents it is the other's."""
    own = [_own_name(message) for message in messages]
    known = list(dict.fromkeys([*participants, *filter(None, own)]))
    speakers: list[str | None] = []
    last: str | None = None
    for position, message in enumerate(messages):
        role = str(message.get("role") or "user")
        if role == "system":
            speakers.append(None)
            continue
        name = own[position]
        if name is None and known and len(known) <= 2:
            after = last or next(filter(None, own[position + 1 :]), None)
            name = next((one for one in known if one != after), None)
        last = name or {"tool": "tools", "function": "tools"}.get(role, role)
        speakers.append(last)
    return speakers


def _own_name(message: Message) -> str | None:
    """The speaker that a message names. In the result of a function it is the function's name."""
    return None if message.get("role") in ("function", "system") else _line(message.get("name")) or None


def _last_hearer(speaker: str, names: list[str], before: Sequence[str | None]) -> str:
    """To whom the last message goes: to whoever spoke before, or the other of two."""
    others = [name for name in reversed(before) if name not in (None, speaker)]
    if len(names) == 2:
        others += [name for name in names if name != speaker]
    return others[0] or speaker if others else speaker


def _parts(message: Message, called: dict[Any, str]) -> Iterable[tuple[str, str]]:
    """The arrows of one message: its text, its calls, its results."""
    responses = [one for one in message.get("tool_responses") or () if isinstance(one, dict)]
    role = message.get("role")
    for response in responses:
        yield RESULT, f"{called.get(response.get('tool_call_id'), 'tool')} → {_content(response)}"
    calls = [call for call in message.get("tool_calls") or () if isinstance(call, dict)]
    pairs = [*((call.get("id"), call.get("function")) for call in calls), (None, message.get("function_call"))]
    functions = [(call_id, function) for call_id, function in pairs if isinstance(function, dict)]
    text = _content(message)
    if role in ("tool", "function") and not responses:
        name = message.get("name") if role == "function" else called.get(message.get("tool_call_id"), "tool")
        yield RESULT, f"{_line(name)} → {text}"
    elif role != "tool" and (text.strip() or not (functions or responses)):
        yield TEXT, text.strip() or "(empty)"
    for call_id, function in functions:
        called[call_id] = _line(function.get("name")) or "?"
        yield CALL, f"{called[call_id]}({_arguments(function.get('arguments'))})"


def _arguments(arguments: Any) -> str:
    """The arguments of a call as Python would write them, or as they are if they are no JSON object."""
    try:
        values = json.loads(arguments) if isinstance(arguments, str) else arguments
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        return _line(arguments)
    return ", ".join(f"{key}={json.dumps(value, ensure_ascii=False, default=str)}" for key, value in values.items())


def _content(message: Message) -> str:
    content = message.get("content")
    try:
        return get_text(content)
    except (TypeError, ValueError, AssertionError, KeyError):  # parts that we don't know
        parts = content if isinstance(content, list) else [content]
        return " ".join(
            str(part.get("text") or f"<{part.get('type')}>") if isinstance(part, dict) else str(part) for part in parts
        )


def _line(text: Any) -> str:
    return "" if text is None else " ".join(plain(str(text)).split())
