"""Agents that are given functions, variables, hand-offs and updates when they are made."""

import pytest

from autogen import ConversableAgent
from autogen.agentchat.group import ContextVariables, Handoffs, ReplyResult, TerminateTarget, UpdateSystemMessage
from autogen.testing import tool_call


def test_all_of_it_at_once(member, talk):
    def count(context_variables: ContextVariables) -> ReplyResult:
        """Count the guests.

        It takes no time.
        """
        return ReplyResult("Counted.", context_variables=ContextVariables({"guests": context_variables["guests"] + 1}))

    host = member(
        "host",
        tool_call("count"),
        "Welcome.",
        functions=count,
        context_variables=ContextVariables({"guests": 1}),
        handoffs=Handoffs().set_after_work(TerminateTarget()),
        update_agent_state_before_reply=UpdateSystemMessage("There are {guests} guests."),
    )
    talked = talk(host, [host, member("other")], context_variables=host.context_variables)
    assert talked.texts[-2:] == ["Counted.", "Welcome."]
    assert host.model.requests[0]["tools"][0]["function"]["description"] == "Count the guests."
    assert host.system_message == "There are 2 guests."


def test_they_may_be_given_by_position_or_left_out(agent):
    variables = ContextVariables({"guests": 1})
    updates = []
    defaults = ("You are a host.", None, None, "NEVER", None, False, False, "", None, None, True)
    host = ConversableAgent("host", *defaults, variables, None, lambda own, messages: updates.append(own.name), None)
    assert host.context_variables is variables
    host.update_agent_state_before_reply([])
    assert updates == ["host"]
    empty = agent("empty", context_variables=None, functions=None, update_agent_state_before_reply=None, handoffs=None)
    assert (empty.function_map, dict(empty.context_variables)) == ({}, {})
    with pytest.raises(TypeError, match="function"):
        agent("wrong", functions="look")


def test_functions_in_a_chat_of_two(call, agent, member):
    def look(place: str) -> str:
        """Look."""
        return f"nothing in {place}"

    helper = member("helper", tool_call("look", place="the box"), "It is empty.", functions=[look])
    result = call(agent("user").initiate_chat, helper, message="What is in the box?", max_turns=2)
    assert [message["content"] for message in result.chat_history][1:] == [None, "nothing in the box", "It is empty."]


def _find_order(number: int) -> str:
    """Find an order."""
    return f"order {number}"


def test_a_function_needs_a_model_that_calls_it(agent):
    with pytest.raises(AssertionError, match="no llm_config"):
        agent("a", functions=[_find_order])
