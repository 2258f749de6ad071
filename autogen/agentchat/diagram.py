"""Sequence diagrams of finished chats, as text for Mermaid.

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
from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from ._core.protocols import Group
from ._core.result import ChatResult
from ._diagrams.story import CALL, NOTE, RESULT, Step, Story, build_story, make_printable, shorten
from .agent import Agent, Message

__all__ = ["SequenceDiagram", "sequence_diagram"]

_ARROWS = {CALL: "->>", RESULT: "-->>"}

# Characters with a meaning for Mermaid, or for a page of HTML around it: syntax, comments and directives, entities and the
# characters that Mermaid replaces them by meanwhile, TeX, and tags. Numeric entities work everywhere.
_SPECIAL = re.compile(r"[#;:%{}$<>&\"`\\ﬂ°¶]")


class SequenceDiagram(str):
    """A sequence diagram as Mermaid text. JupyterLab from 4.1, Notebook 7 and nbconvert render it.

    >>> sequence_diagram(result)  # in a notebook cell: the picture  # doctest: +SKIP
    >>> pathlib.Path("chat.mmd").write_text(sequence_diagram(result), encoding="utf-8")  # doctest: +SKIP
    """

    @property
    def svg(self) -> str:
        """No picture: an `AttributeError` says how to render one.

        Raises:
            AttributeError: always.
        """
        raise AttributeError(
            "A SequenceDiagram has no svg: it is Mermaid text, which notebooks, GitHub and mermaid.live render. For a file, "
            "write the text to chat.mmd and run `mmdc -i chat.mmd -o chat.svg` (npm package @mermaid-js/mermaid-cli)."
        )

    def _repr_markdown_(self) -> str:
        return f"```mermaid\n{self}\n```\n"


def sequence_diagram(
    chat_result_or_messages: ChatResult | Group | Sequence[Mapping[str, object]],
    *,
    participants: Iterable[str | Agent] | None = None,
    max_text: int = 60,
) -> SequenceDiagram:
    """Make a sequence diagram of a chat, as text for Mermaid.

    Tool calls are arrows to the agent that executes them, results are broken arrows back. A message in a group goes to the
    next speaker.

    Args:
        chat_result_or_messages: A `ChatResult`, a `GroupChat`, or a list of messages.
        participants: Agents or their names, in order from left to right; other speakers follow.
        max_text: Maximum length of the text at an arrow, in characters.

    Returns:
        Mermaid text, with one line for each participant, arrow and note. Notebooks render it as a picture.

    Raises:
        TypeError: if it is neither a result, a group nor messages.
        ValueError: if `max_text` is less than 1.
    """
    if max_text < 1:
        raise ValueError(f"max_text must be at least 1, got {max_text!r}.")
    names = [agent if isinstance(agent, str) else agent.name for agent in participants or ()]
    labels = [" ".join(make_printable(name).split()) or "?" for name in names]
    story = build_story(_get_messages(chat_result_or_messages), labels, max_text)
    if isinstance(chat_result_or_messages, ChatResult) and chat_result_or_messages.stop_reason:
        result = chat_result_or_messages
        reason = f"{result.stop_reason}: {result.stop_detail}" if result.stop_detail else str(result.stop_reason)
        # The reason is shown whole even if texts are cut short.
        story.steps.append(Step(NOTE, "", "", shorten(f"ended by {reason}", max(max_text, 60))))
    return SequenceDiagram(_render(story))


def _get_messages(chat: object) -> list[Message]:
    # A group chat is recognised by its record, so that other classes with one work, too.
    messages = chat.chat_history or [] if isinstance(chat, ChatResult) else chat
    if not isinstance(messages, (list, tuple)):
        messages = getattr(messages, "messages", messages)
    if not isinstance(messages, (list, tuple)) or not all(isinstance(message, dict) for message in messages):
        raise TypeError(f"A diagram needs a ChatResult, a GroupChat or a list of messages, got a {type(messages).__name__}.")
    return cast(list[Message], list(messages))


def _render(story: Story) -> str:
    ids = {name: f"p{number}" for number, name in enumerate(story.participants)}
    lines = ["sequenceDiagram"]
    lines += [f"    participant {key} as {_escape(name)}" for name, key in ids.items()]
    # A note spans from the first participant to the last.
    everybody = ",".join(dict.fromkeys(["p0", f"p{len(ids) - 1}"]))
    for step in story.steps:
        if step.kind == NOTE:
            lines.append(f"    Note over {everybody}: {_escape(step.text)}")
        else:
            arrow = _ARROWS.get(step.kind, "->>")
            lines.append(f"    {ids[step.source]}{arrow}{ids[step.target]}: {_escape(step.text)}")
    return "\n".join(lines)


def _escape(text: str) -> str:
    """Escape a text for Mermaid. The blank keeps words apart in viewers that drop the tag."""
    return _SPECIAL.sub(lambda match: f"#{ord(match[0])};", text).replace("\n", " <br/>")
