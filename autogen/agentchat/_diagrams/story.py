"""`Story`: a chat as the arrows of a diagram, each with its sender, its receiver and a shortened text."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .._core.termination import get_text
from ..agent import Message

TEXT, CALL, RESULT, NOTE = "text", "call", "result", "note"

CODE_BLOCK = re.compile(r"^[ \t]*```[ \t]*([\w+#.-]*)[^\n]*\n(.*?)(?:^[ \t]*```[ \t]*$|\Z)", re.DOTALL | re.MULTILINE)

# Directional controls, which would turn the text around them.
_BIDI = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)])


class Step(NamedTuple):
    """One arrow, or a note over all participants (then both ends are empty)."""

    kind: str
    source: str
    target: str
    text: str


class Story(NamedTuple):
    """The participants of a chat, in order, and its steps."""

    participants: list[str]
    steps: list[Step]


def build_story(messages: Sequence[Message], participants: Iterable[str], max_text: int) -> Story:
    """Convert messages to steps.

    A message goes to the next speaker, the last one to the previous speaker. Calls and results are separate arrows; if an
    agent executes its own calls, the arrows lead back to it.

    Args:
        messages: Messages of the chat.
        participants: Names to put first.
        max_text: Maximum length of a text, in characters.
    """
    speakers = _find_speakers(messages, [*participants])
    names = list(dict.fromkeys([*participants, *filter(None, speakers)])) or ["nobody"]
    called: dict[object, str] = {}
    steps: list[Step] = []
    for index, (message, speaker) in enumerate(zip(messages, speakers, strict=True)):
        if speaker is None:
            steps.append(Step(NOTE, "", "", shorten(f"system: {format_content(message)}", max_text)))
            continue
        # Nobody knows the real receivers of a group: the next speaker is a good guess.
        next_speaker = next(filter(None, speakers[index + 1 :]), None)
        receiver = next_speaker or _find_last_receiver(speaker, names, speakers[:index])
        for kind, text in _split_message(message, called):
            steps.append(Step(kind, speaker, receiver, shorten(text, max_text)))
    return Story(names, steps)


def shorten(text: str, max_length: int) -> str:
    """Shorten a text: blank lines are dropped, code blocks are replaced by their language and length, the end is cut."""
    text = make_printable(CODE_BLOCK.sub(_summarize_block, text))
    lines = [line for line in (re.sub(r"\s+", " ", line).strip() for line in text.splitlines()) if line]
    text = "\n".join(lines)
    return text if len(text) <= max_length else text[: max(max_length - 1, 0)].rstrip() + "…"


def make_printable(text: str) -> str:
    """Replace control characters and the like by their Unicode pictures, or by the replacement character."""
    return "".join(map(_replace_char, text.replace("\r\n", "\n").replace("\r", "\n"))).translate(_BIDI)


def _replace_char(char: str) -> str:
    code = ord(char)
    if char in "\n\t\u2028\u2029\x85":
        return "\n" if char != "\t" else " "
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    # Controls, surrogates and code points that are not characters.
    is_invalid = unicodedata.category(char) in ("Cc", "Cs") or code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF
    return "\ufffd" if is_invalid else char


def _summarize_block(match: re.Match[str]) -> str:
    count = match[2].count("\n")
    return f"\n[{match[1] or 'code'}, {count} line{'' if count == 1 else 's'}]\n"


def _find_speakers(messages: Sequence[Message], participants: list[str]) -> list[str | None]:
    """Return the speaker of each message; None for a system message.

    Calls have no name: with two participants they belong to the other one.
    """
    names = [_get_own_name(message) for message in messages]
    speakable = list(dict.fromkeys([*participants, *filter(None, names)]))
    speakers: list[str | None] = []
    last: str | None = None
    for index, message in enumerate(messages):
        role = str(message.get("role") or "user")
        if role == "system":
            speakers.append(None)
            continue
        name = names[index]
        # With more than two participants a message without a name could be anybody's.
        if name is None and speakable and len(speakable) <= 2:
            other = last or next(filter(None, names[index + 1 :]), None)
            name = next((candidate for candidate in speakable if candidate != other), None)
        last = name or {"tool": "tools", "function": "tools"}.get(role, role)
        speakers.append(last)
    return speakers


def _get_own_name(message: Message) -> str | None:
    """Return the speaker that a message names. In the result of a function the name is the function's."""
    return None if message.get("role") in ("function", "system") else _format_line(message.get("name")) or None


def _find_last_receiver(speaker: str, names: list[str], before: Sequence[str | None]) -> str:
    """Return the receiver of the last message: the previous speaker, or the other of two."""
    others = [name for name in reversed(before) if name not in (None, speaker)]
    if len(names) == 2:
        others += [name for name in names if name != speaker]
    return others[0] or speaker if others else speaker


def _split_message(message: Message, called: dict[object, str]) -> Iterable[tuple[str, str]]:
    """Yield the arrows of one message: its text, its calls, its results.

    Args:
        message: Message.
        called: Names of called functions by call id; the calls of the message are added.
    """
    responses = [response for response in message.get("tool_responses") or () if isinstance(response, dict)]
    role = message.get("role")
    for response in responses:
        yield RESULT, f"{called.get(response.get('tool_call_id'), 'tool')} → {format_content(response)}"
    calls = [call for call in message.get("tool_calls") or () if isinstance(call, dict)]
    pairs = [*((call.get("id"), call.get("function")) for call in calls), (None, message.get("function_call"))]
    functions = [(call_id, function) for call_id, function in pairs if isinstance(function, dict)]
    text = format_content(message)
    if role in ("tool", "function") and not responses:
        name = message.get("name") if role == "function" else called.get(message.get("tool_call_id"), "tool")
        yield RESULT, f"{_format_line(name)} → {text}"
    elif role != "tool" and (text.strip() or not (functions or responses)):
        yield TEXT, text.strip() or "(empty)"
    for call_id, function in functions:
        called[call_id] = _format_line(function.get("name")) or "?"
        yield CALL, f"{called[call_id]}({format_arguments(function.get('arguments'))})"


def format_arguments(arguments: object) -> str:
    """Return the arguments of a call in Python syntax, or as they are if they are not a JSON object."""
    try:
        values = json.loads(arguments) if isinstance(arguments, str) else arguments
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        return _format_line(arguments)
    return ", ".join(f"{key}={json.dumps(value, ensure_ascii=False, default=str)}" for key, value in values.items())


def format_content(message: Message) -> str:
    """Return the content of a message as text; parts of unknown kinds become tags."""
    content = message.get("content")
    try:
        return get_text(content)
    except (TypeError, ValueError, AssertionError, KeyError):
        parts = content if isinstance(content, list) else [content]
        return " ".join(
            str(part.get("text") or f"<{part.get('type')}>") if isinstance(part, dict) else str(part) for part in parts
        )


def _format_line(text: object) -> str:
    return "" if text is None else " ".join(make_printable(str(text)).split())
