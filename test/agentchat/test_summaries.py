"""What is left of a chat when it is over."""

import pytest

from autogen.testing import Fault, OpenAIServer, ScriptedModel

SYSTEM_AT_THE_END = "a system message must come first"


def particular(messages):
    """An endpoint that takes no system message at the end."""
    return Fault(status=400, message=SYSTEM_AT_THE_END) if messages[-1]["role"] == "system" else "the gist"


def reflect(call, agent, llm_config, **options):
    a, b = agent("a"), agent("b", llm_config=llm_config, default_auto_reply="yes")
    b.register_reply([type(a), None], lambda *_, **__: (True, "yes"))
    return call(a.initiate_chat, b, message="Q", max_turns=1, summary_method="reflection_with_llm", **options)


def test_the_request_is_a_system_message_where_nothing_else_is_said(call, agent):
    model = ScriptedModel("the gist")
    assert reflect(call, agent, model.llm_config).summary == "the gist"
    assert [message["role"] for message in model.asked[0]] == ["user", "assistant", "system"]


def test_an_empty_summary_is_asked_for_again_as_a_user(call, agent):
    model = ScriptedModel(" ", "the gist")
    result = reflect(call, agent, model.llm_config)
    assert (result.summary, result.summary_error) == ("the gist", None)
    assert [request[-1]["role"] for request in model.asked] == ["system", "user"]


def test_a_refused_request_is_made_again_as_a_user(call, agent):
    with OpenAIServer(particular) as server:
        result = reflect(call, agent, server.llm_config)
    assert (result.summary, result.summary_error) == ("the gist", None)


def test_a_role_that_was_asked_for_is_the_only_one_tried(call, agent):
    model = ScriptedModel(" ")
    with pytest.warns(UserWarning, match="could not summarise"):
        result = reflect(call, agent, model.llm_config, summary_args={"summary_role": "system"})
    assert (result.summary, result.summary_error) == ("", "The model's summary is empty.")


def test_why_there_is_no_summary_stands_in_the_result(call, agent):
    with OpenAIServer(lambda _: Fault(status=400, message="no thanks")) as server:
        with pytest.warns(UserWarning, match="no thanks"):
            result = reflect(call, agent, server.llm_config)
    assert result.summary == ""
    assert "no thanks" in result.summary_error


def test_a_coroutine_function_may_sum_up(call, agent):
    async def method(sender, recipient, args):
        return f"{sender.name} and {recipient.name}"

    assert call(agent("a").initiate_chat, agent("b"), message="Q", max_turns=1, summary_method=method).summary == "a and b"


def test_the_next_chat_does_not_keep_the_error(call, agent):
    a, b = agent("a"), agent("b", llm_config=ScriptedModel(" ", " ", "fine").llm_config, default_auto_reply="yes")
    b.register_reply([type(a), None], lambda *_, **__: (True, "yes"))
    chat = {"message": "Q", "max_turns": 1, "summary_method": "reflection_with_llm"}
    with pytest.warns(UserWarning, match="could not summarise"):
        assert call(a.initiate_chat, b, **chat).summary_error
    assert call(a.initiate_chat, b, **chat).summary_error is None


def test_what_was_carried_over_stands_in_the_result(call, agent):
    a, b = agent("a"), agent("b")
    assert call(a.initiate_chat, b, message="Q", max_turns=1, carryover=["x", 5]).carryover == ["x", 5]
    assert call(a.initiate_chat, b, message="Q", max_turns=1).carryover is None
