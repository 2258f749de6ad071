"""What a page or a program gets that shows a chat: small dicts, ready for JSON."""

from __future__ import annotations

import re
import secrets
from typing import Any, Literal, TypedDict, Union

COLOURS = re.compile(r"\x1b\[[0-9;]*m")  # of a terminal: nothing else can show them


class PrintMessage(TypedDict):
    """Something was printed: a line, or a piece of an answer that is being streamed."""

    type: Literal["print"]
    text: str


class InputMessage(TypedDict):
    """Somebody is asked; the answer names the `id`."""

    type: Literal["input"]
    id: str
    prompt: str
    password: bool


class WithdrawnMessage(TypedDict):
    """A question needs no answer any more: its time is up, or nobody waits for it."""

    type: Literal["withdrawn"]
    id: str


class EndMessage(TypedDict):
    """The last message; `reason` is empty if all went well."""

    type: Literal["end"]
    reason: str


StreamMessage = Union[PrintMessage, InputMessage, WithdrawnMessage, EndMessage]


def printed(objects: tuple[Any, ...], sep: str | None, end: str | None) -> str:
    """The text that the built-in `print` would write, as one that any encoding can carry.

    Half of a surrogate pair (a model's broken escape) has no encoding, and would break the connection.
    """
    text = (" " if sep is None else sep).join(map(str, objects)) + ("\n" if end is None else end)
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def print_message(text: str) -> PrintMessage | None:
    """The message for a printed text, without terminal colours; None if nothing is left."""
    text = COLOURS.sub("", text)
    return {"type": "print", "text": text} if text else None


def input_message(prompt: str, password: bool) -> InputMessage:
    """A new question. Its id can't be guessed, and a late answer can't meet another question."""
    question = printed((COLOURS.sub("", prompt),), None, "")
    return {"type": "input", "id": secrets.token_urlsafe(12), "prompt": question, "password": password}
