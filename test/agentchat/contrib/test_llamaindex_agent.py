"""Agents of LlamaIndex as agents of this package. Stand-ins take the part of the library's classes."""

import sys
import types

import pytest

from autogen.agentchat.contrib.llamaindex_conversable_agent import LLamaIndexConversableAgent


class StandInMessage:
    def __init__(self, content, role):
        self.content, self.role = content, role


@pytest.fixture(autouse=True)
def stand_in_library(monkeypatch):
    names = ("llama_index", "llama_index.core", "llama_index.core.llms")
    for name in names:
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    sys.modules[names[-1]].ChatMessage = StandInMessage


class StandInChatAgent:
    """The older form: an answer with the attribute `response`."""

    def __init__(self):
        self.asked = []

    def chat(self, message, chat_history):
        self.asked.append((message, [(item.role, item.content) for item in chat_history]))
        return types.SimpleNamespace(response=f"Answer to {message}")

    async def achat(self, message, chat_history):
        return self.chat(message, chat_history)


class StandInWorkflow:
    """Today's form: `run` needs a running event loop, and returns something to await."""

    def __init__(self):
        self.inner = StandInChatAgent()

    def run(self, user_msg, chat_history):
        import asyncio

        async def work():
            return self.inner.chat(user_msg, chat_history)

        return asyncio.get_running_loop().create_task(work())


@pytest.mark.parametrize("kind", [StandInChatAgent, StandInWorkflow])
def test_a_chat_with_a_stand_in(call, agent, kind):
    inner = kind()
    helper = LLamaIndexConversableAgent("helper", inner, description="Helps.", silent=True)
    user = agent("user", default_auto_reply="And then?")
    result = call(user.initiate_chat, helper, message="Why?", max_turns=2)
    assert result.summary == "Answer to And then?"
    asked = getattr(inner, "inner", inner).asked
    assert asked == [("Why?", []), ("And then?", [("user", "Why?"), ("assistant", "Answer to Why?")])]


def test_an_async_agent_in_a_sync_chat(agent):
    class AsyncOnly:
        async def achat(self, message, chat_history):
            return f"Awaited {message}"

    helper = LLamaIndexConversableAgent("helper", AsyncOnly(), description="Helps.", silent=True)
    assert agent("user").initiate_chat(helper, message="Why?", max_turns=1).summary == "Awaited Why?"


@pytest.mark.parametrize(
    ("inner", "description", "message"),
    [(None, "Helps.", "got None"), (3, "Helps.", "chat, achat or run"), (StandInChatAgent(), " ", "description")],
)
def test_arguments_of_no_use(inner, description, message):
    with pytest.raises(ValueError, match=message):
        LLamaIndexConversableAgent("helper", inner, description=description)
