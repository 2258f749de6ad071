"""Messages for a program that displays a chat: small dicts, ready for JSON."""

from __future__ import annotations

import re
import secrets
from typing import Literal, TypedDict, Union

# Only a terminal can display these.
_TERMINAL_STYLES = re.compile(r"\x1b\[[0-9;]*m")


class PrintMessage(TypedDict):
    """Printed text: a line, or a piece of a response that is being streamed."""

    type: Literal["print"]
    text: str


class InputMessage(TypedDict):
    """A question. Its answer must name the `id`."""

    type: Literal["input"]
    id: str
    prompt: str
    password: bool


class WithdrawnMessage(TypedDict):
    """The withdrawal of a question: it timed out, or its caller was cancelled."""

    type: Literal["withdrawn"]
    id: str


class EndMessage(TypedDict):
    """The last message. `reason` is empty after a normal end."""

    type: Literal["end"]
    reason: str


StreamMessage = Union[PrintMessage, InputMessage, WithdrawnMessage, EndMessage]


def format_print(objects: tuple[object, ...], sep: str | None, end: str | None) -> str:
    """Return the text that the built-in `print` would write, in a form that any encoding can carry.

    A lone surrogate (from a model's broken escape) can't be encoded and would break the connection, so it is replaced.

    Args:
        objects: The objects to print.
        sep: The separator; None for a space.
        end: The end; None for a line end.
    """
    return join_surrogates((" " if sep is None else sep).join(map(str, objects)) + ("\n" if end is None else end))


def join_surrogates(text: str) -> str:
    """Join the two halves of each surrogate pair in a text, and replace the halves that are alone."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def make_print_message(text: str) -> PrintMessage | None:
    """Make the message for printed text, without terminal styles; None if no text is left."""
    text = _TERMINAL_STYLES.sub("", text)
    return {"type": "print", "text": text} if text else None


def make_input_message(prompt: str, password: bool) -> InputMessage:
    """Make the message for a new question, with a random id, so that a late answer can't match another question.

    Args:
        prompt: The question.
        password: True if the answer must not be displayed.
    """
    question = format_print((_TERMINAL_STYLES.sub("", prompt),), None, "")
    return {"type": "input", "id": secrets.token_urlsafe(12), "prompt": question, "password": password}
