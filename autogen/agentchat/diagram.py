"""A finished chat as a sequence diagram.

>>> from autogen.agentchat.diagram import sequence_diagram
>>> print(sequence_diagram([{"content": "2 + 2?", "name": "user"}, {"content": "4", "name": "assistant"}]))
sequenceDiagram
    participant p0 as user
    participant p1 as assistant
    p0->>p1: 2 + 2?
    p1->>p0: 4
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ._core.result import ChatResult
from ._diagrams.steps import CALL, NOTE, RESULT, Step, Story, plain, shortened, story
from ._diagrams.svg import drawn
from .agent import Message

if TYPE_CHECKING:
    from .agent import Agent

__all__ = ["SequenceDiagram", "sequence_diagram"]

_ARROWS = {CALL: "->>", RESULT: "-->>"}

# What has a meaning for Mermaid, or for a page of HTML around it: the syntax, comments and directives, entities and the
# characters that Mermaid puts in their place meanwhile, TeX, and tags. A number for each works everywhere.
_SPECIAL = re.compile(r"[#;:%{}$<>&\"`\\ﬂ°¶]")


class SequenceDiagram(str):
    """A sequence diagram: the text is Mermaid's, and notebooks show a picture of it.

    JupyterLab from 4.1, Notebook 7 and nbconvert draw the Mermaid text themselves; others are given an SVG picture, which
    needs no script and no network.

    Attributes:
        svg: The picture, to be written to a file or into a page.

    >>> sequence_diagram(result)  # in a notebook cell: the picture  # doctest: +SKIP
    >>> pathlib.Path("chat.svg").write_text(sequence_diagram(result).svg, encoding="utf-8")  # doctest: +SKIP
    """

    svg: str

    def __new__(cls, text: str, svg: str = "") -> SequenceDiagram:
        """Args:
        text: Mermaid's text.
        svg: The picture of it.
        """
        diagram = super().__new__(cls, text)
        diagram.svg = svg
        return diagram

    def __reduce__(self) -> Any:
        return SequenceDiagram, (str.__str__(self), self.svg)

    def _repr_markdown_(self) -> str:
        return f"```mermaid\n{self}\n```\n"

    def _repr_svg_(self) -> str:
        return self.svg


def sequence_diagram(
    chat_result_or_messages: Any, *, participants: Iterable[str | Agent] | None = None, max_text: int = 60
) -> SequenceDiagram:
    """Draw a chat, as text for Mermaid and as a picture.

    Calls of tools are arrows to whoever carries them out, results are broken arrows back. A message in a group goes to
    whoever speaks next.

    Args:
        chat_result_or_messages: A `ChatResult`, a `GroupChat`, or a list of messages.
        participants: Agents or their names, in the order from left to right; those that are left out, but speak, follow.
        max_text: How long the text at an arrow may be, in characters.

    Returns:
        Mermaid's text, with one line for each participant, arrow and note. It is a `str` that notebooks show as a picture.

    Raises:
        TypeError: It is neither a result nor messages.
        ValueError: `max_text` is less than 1.
    """
    if max_text < 1:
        raise ValueError(f"max_text must be at least 1, not {max_text!r}.")
    names = [one if isinstance(one, str) else one.name for one in participants or ()]
    told = story(_messages(chat_result_or_messages), [" ".join(plain(name).split()) or "?" for name in names], max_text)
    if isinstance(chat_result_or_messages, ChatResult) and chat_result_or_messages.stop_reason:
        result = chat_result_or_messages
        why = f"{result.stop_reason}: {result.stop_detail}" if result.stop_detail else str(result.stop_reason)
        told.steps.append(Step(NOTE, "", "", shortened(f"ended by {why}", max(max_text, 60))))
    return SequenceDiagram(_mermaid(told), drawn(told))


def _messages(given: Any) -> list[Message]:
    if isinstance(given, ChatResult):
        given = given.chat_history or []
    elif not isinstance(given, (list, tuple)):
        given = getattr(given, "messages", given)
    if not isinstance(given, (list, tuple)) or not all(isinstance(message, dict) for message in given):
        raise TypeError(
            f"A diagram is made of a ChatResult, a GroupChat or a list of messages, not of {type(given).__name__}."
        )
    return list(given)


def _mermaid(told: Story) -> str:
    ids = {name: f"p{number}" for number, name in enumerate(told.participants)}
    lines = ["sequenceDiagram"]
    lines += [f"    participant {key} as {_escaped(name)}" for name, key in ids.items()]
    everybody = ",".join(dict.fromkeys(["p0", f"p{len(ids) - 1}"]))
    for step in told.steps:
        if step.kind == NOTE:
            lines.append(f"    Note over {everybody}: {_escaped(step.text)}")
        else:
            arrow = _ARROWS.get(step.kind, "->>")
            lines.append(f"    {ids[step.source]}{arrow}{ids[step.target]}: {_escaped(step.text)}")
    return "\n".join(lines)


def _escaped(text: str) -> str:
    """A text as Mermaid takes it. The blank keeps words apart where a viewer drops the tag."""
    return _SPECIAL.sub(lambda found: f"#{ord(found[0])};", text).replace("\n", " <br/>")
