"""A look at the system texts of agents: a text that changes a little each time is never read from a prompt cache."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import Any
from weakref import WeakKeyDictionary

from .._once import log_once

# Vendors cache no shorter ones: 1,024 tokens of four characters.
_SHORTEST = 4096
_last_texts: WeakKeyDictionary[Any, str] = WeakKeyDictionary()


def watch_system_text(agent: object, messages: object) -> None:
    """Log, once for each agent, that its system text has a value which changes from request to request.

    Args:
        agent: The agent, or its name; None for a program. Only objects are watched.
        messages: The messages of a request.
    """
    if agent is None or isinstance(agent, str) or not isinstance(messages, Sequence):
        return
    leading = takewhile(lambda message: message.get("role") == "system", messages)
    text = "\n".join(content for message in leading if isinstance(content := message.get("content"), str))
    if len(text) < _SHORTEST:
        return
    try:
        earlier = _last_texts.get(agent)
        _last_texts[agent] = text
    # Some objects take no weak references.
    except TypeError:
        return
    if earlier is not None and earlier != text and (number := _find_changed_line(earlier, text)) is not None:
        name = getattr(agent, "name", None) or agent
        log_once(
            f"The system text of {name!r} changes from request to request, first in line {number}: vendors can't read it "
            "from their prompt caches. What changes is cheaper in a message."
        )


def _find_changed_line(earlier: str, later: str) -> int | None:
    """Return the number of the first line that differs, from 1; None if the texts are not of one template."""
    first, second = earlier.split("\n"), later.split("\n")
    changed = [number for number, (old, new) in enumerate(zip(first, second, strict=False), 1) if old != new]
    is_template = len(first) == len(second) and 2 * len(changed) <= len(first)
    return changed[0] if changed and is_template else None
