"""Display of a reply while it arrives, under its speaker's name."""

from __future__ import annotations

from ...formatting_utils import colored
from ...io.base import IOStream
from ...oai._responses.assembly import Delta
from ...oai._responses.text import repair_text
from ..agent import Agent


class TokenDisplay:
    """Display of one reply on the current `IOStream`.

    The name is printed before the first piece of text, so that a reply of calls alone is displayed by its message as usual.

    Args:
        speaker: Agent that replies.
        recipient: Agent that it replies to; None if it replies to a program, which gets the text without names.

    Attributes:
        text: The text that was printed so far.
    """

    def __init__(self, speaker: Agent, recipient: Agent | None) -> None:
        self._head = None if recipient is None else (colored(speaker.name, "yellow"), f"(to {recipient.name}):\n")
        self._show = IOStream.get_default().print
        self._kind = ""
        self.text = ""

    def show(self, delta: Delta) -> None:
        """Print a piece of the text or the thinking. Arguments are displayed with the whole call."""
        if delta.kind == "arguments":
            return
        if not self._kind and self._head:
            self._show(*self._head, flush=True)
        if self._kind == "thinking" and delta.kind == "text":
            self._show("\n", flush=True)
        self._kind = delta.kind
        text = repair_text(delta.text)
        if delta.kind == "text":
            self.text += text
            self._show(text, end="", flush=True)
        else:
            self._show(colored(text, attrs=["dark"]), end="", flush=True)

    def finish(self, error: BaseException | None = None) -> None:
        """End the line of the text. After an error, the next attempt starts again."""
        if self._kind:
            self._show("" if error is None else "\n(the reply broke off)", flush=True)
        self._kind = ""
        if error is not None:
            self.text = ""
