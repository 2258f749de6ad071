"""The messages that a group chat begins with, and their author."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from ..agent import Message
from ..conversable_agent import ConversableAgent
from ..groupchat import GroupChat

Messages: TypeAlias = Sequence[Message] | Message | str
"""A first message, or the messages of an earlier chat."""


def validate_messages(messages: Messages, group: GroupChat) -> list[Message]:
    """Return copies of the messages, which may be changed.

    Raises:
        ValueError: There is no message, or the author of a message is not in the group.
    """
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    copies = [dict(message) for message in ([messages] if isinstance(messages, dict) else messages)]
    if not copies:
        raise ValueError("A group chat needs a first message.")
    for message in copies:
        name = message.get("name")
        # The name in a function message is that of the function.
        if name and message.get("role") != "function" and name not in group.agent_names:
            names = ", ".join(group.agent_names)
            raise ValueError(f"The author of a message must be in the group ({names}), got {name!r}.")
    return copies


def find_author(message: Message, user_agent: Any, group: GroupChat) -> Any:
    """Return the author of the first message: a member, the user agent, or an agent outside the group."""
    author = group.agent_by_name(message["name"]) if message.get("name") else user_agent
    return author if author is not None else make_outsider(group)


def make_outsider(group: GroupChat) -> ConversableAgent:
    """Make an agent outside the group, which never replies."""
    name = "user"
    # Messages are attributed by name, so it must differ from those of the members.
    while name in group.agent_names:
        name = f"_{name}"
    return ConversableAgent(name, human_input_mode="NEVER", llm_config=False)
