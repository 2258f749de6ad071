"""The length guard: a request that an endpoint refuses as too long is sent once more, with fewer messages."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from typing import Any

from .._contexts.counting import get_agent_counter, get_tools, get_window
from .._contexts.limits import TokenFit
from .._contexts.transform import report
from .._contexts.view import View, describe
from ..agent import Message

logger = logging.getLogger("autogen.agentchat.conversable_agent")

_TOO_LONG = re.compile(
    r"context[_ ]length|context[_ ]window|context[_ ]size|context limit|maximum context|max_context"
    r"|prompt is too long|input is too long|input length|too many (input )?tokens"
    r"|input token count|reduce (the length|your message size)|tokens? \+ .*max_new_tokens|string_above_max_length"
    r"|exceeds? the (maximum|max|model'?s) .*tokens",
    re.IGNORECASE,
)
"""How vendors say that a request is too long."""

_LIMITS = (
    r"(?:maximum )?context (?:length|window|size)\D{0,60}?([\d,]{3,})",
    r"> ?([\d,]{3,})|([\d,]{3,}) maximum",
    r"(?:maximum|limit|up to|cannot exceed|<=)\D{0,40}?([\d,]{3,})",
)
"""How they name their limit in tokens."""

# A part of the limit that is left for the response, if the config has no `max_tokens`, and for an inexact count.
_SHARE = 0.85
# Of the request that was refused, if the limit is unknown, or the count seemed to be below it.
_NEXT = 0.6


def shorten_refused(
    agent: Any, messages: list[Message], error: Exception, extra_tools: Sequence[Any]
) -> list[Message] | None:
    """Return fewer messages for a request that an endpoint refused as too long; None if it was refused for another reason.

    The oldest units are left out. Leading system messages stay; the first message of the user and the last unit are
    shortened, if need be. The effect is logged as a warning, and is an event.

    Args:
        agent: Agent that asked.
        messages: Messages of the request.
        error: Error of the endpoint.
        extra_tools: Tools that were offered besides those of the agent.
    """
    text = _get_text(error)
    if not _is_refusal(error) or not _TOO_LONG.search(text):
        return None
    counter = get_agent_counter(agent)
    head = _count_leading_system(messages)
    fixed = counter.count_all(messages[:head]) + counter.count_tools([*get_tools(agent), *extra_tools])
    size = counter.count_all(messages[head:])
    limit = _find_limit(text) or get_window(agent)
    target = (fixed + size) * _NEXT
    if limit is not None:
        target = min(target, limit * _SHARE)
    view = TokenFit(messages[head:], counter, has_frames=True).keep_newest(max(int(target) - fixed, 0))
    if not view.left_out and not view.changed:
        return None
    left_out = [(first + head, last + head) for first, last in view.left_out]
    shown = View([*messages[:head], *view.messages], left_out, [position + head for position in view.changed])
    effect = f"The endpoint refused a request of about {fixed + size} tokens as too long, so it is sent again with fewer."
    logger.warning("Agent %r: %s %s", getattr(agent, "name", ""), effect, describe(shown))
    report(agent, "length_guard", len(messages), shown, effect)
    return shown.messages


def _is_refusal(error: Exception) -> bool:
    """Return True if the endpoint refused the request: an error of the program or of the network says nothing about it."""
    status = getattr(error, "status_code", None)
    return status in (400, 413, 422) if isinstance(status, int) else not isinstance(error, (OSError, TypeError, KeyError))


def _get_text(error: Exception) -> str:
    return f"{getattr(error, 'code', '')} {error}"


def _count_leading_system(messages: list[Message]) -> int:
    return next((index for index, message in enumerate(messages) if message.get("role") != "system"), len(messages))


def _find_limit(text: str) -> int | None:
    """Return the limit in tokens that the text of an error names; None if it names none."""
    for pattern in _LIMITS:
        if match := re.search(pattern, text, re.IGNORECASE):
            return int(next(filter(None, match.groups())).replace(",", "") or 0) or None
    return None
