"""The command `clear history [agent] [number]`, with which a human clears the histories of a group chat."""

from __future__ import annotations

import logging
from itertools import pairwise
from typing import NamedTuple

from ... import events
from ...io.base import IOStream
from .._core.display import is_silent
from .._core.protocols import AgentCore, Group
from ..agent import Agent, Message

logger = logging.getLogger("autogen.agentchat.groupchat")

COMMAND = "CLEAR HISTORY"


class Command(NamedTuple):
    """A parsed command.

    Attributes:
        agent: Agent whose history is cleared; None for all.
        keep: Number of messages to keep; None if not specified.
        rest: The message without the command.
    """

    agent: Agent | None
    keep: int | None
    rest: str


def apply_command(manager: AgentCore, group: Group, reply: Message) -> Message:
    """Execute the command in a human's reply, if there is one, and return the reply without it.

    Commands from tools and models are ignored: the author of a web page could wipe the memory of a team.
    """
    content = reply.get("content")
    if not isinstance(content, str) or COMMAND not in content.upper() or reply.get("role") != "user":
        return reply
    if _parse_command(content, group) is None:
        return reply
    # Any agent can manage a group, but only a `GroupChatManager` has the method.
    clear = getattr(manager, "clear_agents_history", clear_histories)
    return {**reply, "content": clear(reply, group)}


def clear_histories(reply: Message, group: Group) -> str:
    """Clear the histories as a reply says, and return its text without the command."""
    command = _parse_command(str(reply.get("content") or ""), group)
    if command is None:
        return str(reply.get("content") or "")
    keep = command.keep or 0
    # An endpoint refuses results without their calls.
    if reply.get("tool_responses") and not keep:
        keep = 1
        logger.warning("The last message has calls that are being answered: it is kept.")
    whose = f"history of {command.agent.name}" if command.agent else "history of all agents"
    kept = f", except the last {keep} messages" if keep else ""
    if events.has_listeners:
        name = command.agent.name if command.agent else None
        events.emit(events.HistoryCleared(agent=name, peer=None, kept=keep, by="command"))
    if not is_silent():
        IOStream.get_default().print(f"Clearing the {whose}{kept}.", flush=True)
    for agent in [command.agent] if command.agent else group.agents:
        if hasattr(agent, "clear_history"):
            agent.clear_history(nr_messages_to_preserve=keep or None)
    if command.agent is None:
        del group.messages[: max(0, len(group.messages) - keep)]
    return command.rest


def _parse_command(content: str, group: Group) -> Command | None:
    """Return the last command of a text; None if there is none."""
    words = content.split()
    starts = [
        index
        for index, (first, second) in enumerate(pairwise(words))
        if first.upper() == "CLEAR" and second.upper().startswith("HISTORY")
    ]
    if not starts:
        return None
    start = starts[-1]
    agent: Agent | None = None
    keep: int | None = None
    for word in words[start + 2 : start + 4]:
        if word.isdecimal() or word[:-1].isdecimal():
            # Of two numbers the second is used, and both stay in the text.
            keep = int(word if word.isdecimal() else word[:-1])
        # A punctuation mark may follow the name.
        elif agent is None:
            agent = group.agent_by_name(word) or group.agent_by_name(word[:-1])
    length = 2 + (agent is not None) + (keep is not None)
    return Command(agent, keep, " ".join([*words[:start], *words[start + length :]]))
