"""The command with which a human makes the agents of a group chat forget: `clear history [agent] [number]`."""

from __future__ import annotations

import logging
from itertools import pairwise
from typing import Any, NamedTuple

from ...io.base import IOStream
from .._core.protocols import Group
from ..agent import Agent, Message

logger = logging.getLogger("autogen.agentchat.groupchat")

COMMAND = "CLEAR HISTORY"


class Command(NamedTuple):
    """What was told.

    Attributes:
        agent: Who forgets; None: all do.
        keep: How many messages stay; None if no number was given.
        rest: The message without the command.
    """

    agent: Agent | None
    keep: int | None
    rest: str


def clear_as_told(manager: Any, group: Group, reply: Message) -> Message:
    """Obey the command in what a human typed, if there is one; returns the reply without it.

    Neither tools nor models are obeyed: whoever writes a web page could wipe the memory of a team.
    """
    content = reply.get("content")
    if not isinstance(content, str) or COMMAND not in content.upper() or reply.get("role") != "user":
        return reply
    if _parsed(content, group) is None:
        return reply
    return {**reply, "content": manager.clear_agents_history(reply, group)}


def clear(reply: Message, group: Group) -> str:
    """Clear the histories as the reply says; returns its text without the command."""
    command = _parsed(str(reply.get("content") or ""), group)
    if command is None:
        return str(reply.get("content") or "")
    keep = command.keep or 0
    if reply.get("tool_responses") and not keep:
        keep = 1
        logger.warning("The last message has calls that are being answered: it is kept.")
    whose = f"history of {command.agent.name}" if command.agent else "history of all agents"
    kept = f", except the last {keep} messages" if keep else ""
    IOStream.get_default().print(f"Clearing the {whose}{kept}.", flush=True)
    for agent in [command.agent] if command.agent else group.agents:
        if hasattr(agent, "clear_history"):
            agent.clear_history(nr_messages_to_preserve=keep or None)
    if command.agent is None:
        del group.messages[: max(0, len(group.messages) - keep)]
    return command.rest


def _parsed(content: str, group: Group) -> Command | None:
    """The last command of a text; None if there is none."""
    words = content.split()
    starts = [
        place
        for place, (first, second) in enumerate(pairwise(words))
        if first.upper() == "CLEAR" and second.upper().startswith("HISTORY")
    ]
    if not starts:
        return None
    start = starts[-1]
    agent: Agent | None = None
    keep: int | None = None
    for word in words[start + 2 : start + 4]:
        if word.isdecimal() or word[:-1].isdecimal():
            keep = int(word if word.isdecimal() else word[:-1])  # of two numbers the second counts, and stays in the text
        elif agent is None:
            agent = group.agent_by_name(word) or group.agent_by_name(word[:-1])
    taken = 2 + (agent is not None) + (keep is not None)
    return Command(agent, keep, " ".join([*words[:start], *words[start + taken :]]))
