"""Members of group chats, and the talks that tests hold with them."""

import pytest

from autogen import Agent, GroupChat, GroupChatManager


@pytest.fixture
def speaker(agent):
    """Make a member that says these things in turn, and after the last of them nothing: the chat ends."""

    def make(name, *replies, **options):
        member = agent(name, **options)
        waiting = list(replies)

        def answer(recipient, messages, sender, config):
            last = messages[-1] if messages else {}
            if last.get("tool_calls") or last.get("function_call"):
                return False, None  # tools come first
            reply = waiting.pop(0) if waiting else None
            if isinstance(reply, BaseException):
                raise reply
            return True, reply(messages) if callable(reply) else reply

        member.register_reply([Agent, None], answer, position=2)  # after the check of what ends a chat
        return member

    return make


@pytest.fixture
def manage():
    """Make a quiet manager of these members; `options` are the manager's, further keywords the group's."""

    def make(members, name="chat_manager", silent=True, max_round=10, method="round_robin", options=None, **group):
        group = GroupChat(members, [], max_round, speaker_selection_method=method, **group)
        return GroupChatManager(group, name, silent=silent, **{"llm_config": False, **(options or {})})

    return make


@pytest.fixture
def record():
    """What was said: names and texts."""

    def record(manager):
        return [(message.get("name"), message["content"]) for message in manager.groupchat.messages]

    return record
