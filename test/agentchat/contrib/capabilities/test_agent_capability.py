"""Capabilities: what they register with agents, and how it is undone."""

import pytest

from autogen import ConversableAgent
from autogen.agentchat.contrib.capabilities import agent_capability
from autogen.agentchat.contrib.capabilities.agent_capability import AgentCapability

POINT = "process_all_messages_before_reply"
HELLO = [{"role": "user", "content": "hello"}]


class Shouting(AgentCapability):
    """A hook without an async form, a reply function, and a piece of system text."""

    # Programs subclass without calling it.
    def __init__(self):
        pass

    def add_to_agent(self, agent):
        self.register_hook(agent, POINT, self.shout)
        self.register_reply(agent, [ConversableAgent, None], self.reply)
        self.append_system_text(agent, " Shout.")
        self.append_system_text(agent, " Loudly.")

    def shout(self, messages):
        return [{**message, "content": message["content"].upper()} for message in messages]

    def reply(self, recipient, messages, sender, config):
        return True, messages[-1]["content"] + "!"


class Marking(AgentCapability):
    """A hook in both forms."""

    def add_to_agent(self, agent):
        self.register_hook(agent, POINT, self.mark, self.a_mark)

    def mark(self, messages):
        return [*messages[:-1], {**messages[-1], "content": messages[-1]["content"] + " sync"}]

    async def a_mark(self, messages):
        return [*messages[:-1], {**messages[-1], "content": messages[-1]["content"] + " async"}]


def make_agent():
    return ConversableAgent("agent", "You talk.", llm_config=False, human_input_mode="NEVER", default_auto_reply="nothing")


def test_the_base_class_gives_nothing():
    with pytest.raises(NotImplementedError, match="add_to_agent"):
        AgentCapability().add_to_agent(make_agent())
    assert agent_capability.AgentCapability is AgentCapability


@pytest.mark.parametrize("wrong", [None, "teachability", AgentCapability])
def test_something_else_is_refused(wrong):
    with pytest.raises(TypeError, match="must be an object with a method add_to_agent"):
        make_agent().add_capability(wrong)


def test_a_capability_is_given_and_taken(call):
    shouting, first, second = Shouting(), make_agent(), make_agent()
    for agent in (first, second):
        agent.add_capability(shouting)
        assert agent.system_message == "You talk. Shout. Loudly."
        assert call(agent.generate_reply, HELLO) == "HELLO!"
    clone = first.clone()
    for agent in (first, clone):
        shouting.remove_from_agent(agent)
        assert call(agent.generate_reply, HELLO) == "nothing"
    assert first.system_message == "You talk."
    assert call(second.generate_reply, HELLO) == "HELLO!"
    # It may come back, and going twice does no harm.
    shouting.remove_from_agent(first)
    first.add_capability(shouting)
    assert call(first.generate_reply, HELLO) == "HELLO!"


def test_a_system_message_of_the_program_stays():
    shouting, agent = Shouting(), make_agent()
    agent.add_capability(shouting)
    agent.update_system_message("You whisper.")
    shouting.remove_from_agent(agent)
    assert agent.system_message == "You whisper."


@pytest.mark.parametrize("is_first", [True, False])
def test_hooks_in_both_forms_and_in_one_stand_side_by_side(call, is_first):
    capabilities = [Shouting(), Marking()] if is_first else [Marking(), Shouting()]
    agent = make_agent()
    for capability in capabilities:
        agent.add_capability(capability)
    marked = {"sync": " sync", "async": " async"}
    texts = {call(agent.process_all_messages_before_reply, HELLO)[-1]["content"]}
    expected = {f"HELLO{mark}" if is_first else f"HELLO{mark}".upper() for mark in marked.values()}
    assert texts < expected


def test_a_capability_is_not_given_twice():
    marking, agent = Marking(), make_agent()
    agent.add_capability(marking)
    with pytest.raises(AssertionError, match="already registered"):
        agent.add_capability(marking)
    assert marking.mark in agent.hook_lists[POINT]
    assert agent.unregister_hook(POINT, marking.mark)
    assert not agent.unregister_hook(POINT, marking.mark)
    with pytest.raises(AssertionError, match="not a hookable method"):
        agent.unregister_hook("nowhere", marking.mark)
