"""What the tests of group chats with hand-offs share."""

from __future__ import annotations

from typing import Any

import pytest

from autogen import GroupChat, GroupChatManager
from autogen.agentchat.group import HandoffSelector
from autogen.testing import ScriptedModel


@pytest.fixture
def member(agent):
    """Make a member: with a script its model says that, and is its attribute `model`."""

    def make(name: str, *script: Any, **options: Any):
        model = ScriptedModel(*script) if script else None
        made = agent(name, llm_config=model.llm_config if model else False, **options)
        made.model = model
        return made

    return make


@pytest.fixture
def talk(call):
    """Hold a chat that somebody begins in a group of the members, chosen by their hand-offs; gives the names that spoke."""

    def talk(
        starter, members, *, message: str = "Hello", max_round: int = 12, group: dict[str, Any] | None = None, **options
    ):
        selector = options.pop("selector", None) or HandoffSelector(members[0], **options)
        chat = GroupChat(members, max_round=max_round, speaker_selection_method=selector, **(group or {}))
        manager = GroupChatManager(chat, llm_config=False, silent=True)
        result = call(starter.initiate_chat, manager, message=message, silent=True)
        return Talk(chat, manager, selector, result)

    return talk


class Talk:
    """A chat that was held."""

    def __init__(self, group, manager, selector, result) -> None:
        self.group, self.manager, self.selector, self.result = group, manager, selector, result

    @property
    def speakers(self) -> list[str]:
        """Who spoke, in order."""
        return [message["name"] for message in self.group.messages]

    @property
    def texts(self) -> list[str]:
        """What was said."""
        return [message["content"] for message in self.group.messages]
