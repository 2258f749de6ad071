"""Names of early 0.2 for long histories, and the capability of tools."""

import warnings

import pytest

from autogen import ConversableAgent
from autogen.agentchat.contrib.capabilities.context_handling import TransformChatHistory, truncate_str_to_tokens
from autogen.agentchat.contrib.capabilities.tools_capability import ToolsCapability
from autogen.agentchat.contrib.compressible_agent import CompressibleAgent
from autogen.testing import ScriptedModel, tool_call
from autogen.tools import tool


def make_history(count):
    return [{"role": "user", "content": f"message {number} " + "word " * 30} for number in range(count)]


def make_agent(model, compress_config, **options):
    with pytest.warns(DeprecationWarning, match="CompressibleAgent is deprecated.*SummaryTransform"):
        return CompressibleAgent(
            "agent", llm_config=model.llm_config, compress_config=compress_config, silent=True, **options
        )


def test_it_compresses_by_a_summary(call):
    with ScriptedModel("A summary.", "fine") as model:
        agent = make_agent(model, {"mode": "COMPRESS", "trigger_count": 100})
        assert call(agent.generate_reply, make_history(8)) == "fine"
        contents = [message["content"] for message in model.asked[-1]]
    assert contents[1].endswith("A summary.")
    assert len(contents) == 4


@pytest.mark.parametrize(("is_success", "count"), [(True, 2), (False, 11)])
def test_it_compresses_by_a_function_above_the_trigger(call, is_success, count):
    config = {"mode": "CUSTOMIZED", "trigger_count": 100, "compress_function": lambda messages: (is_success, messages[-1:])}
    with ScriptedModel("fine", "fine") as model:
        agent = make_agent(model, config)
        call(agent.generate_reply, make_history(10))
        call(agent.generate_reply, make_history(2))
        assert [len(request) for request in model.asked] == [count, 3]


@pytest.mark.parametrize(("config", "reply"), [(True, None), ({"mode": "TERMINATE"}, None), (False, "fine")])
def test_it_ends_a_chat_that_no_longer_fits_the_model(call, config, reply):
    with ScriptedModel(*["fine"] * (1 + (reply is not None)), name="gpt-3.5-turbo-0613") as model:
        agent = make_agent(model, config)
        assert call(agent.generate_reply, make_history(3)) == "fine"
        assert call(agent.generate_reply, make_history(200)) == reply


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"mode": "OTHER"}, "mode must be one of TERMINATE, COMPRESS, CUSTOMIZED"),
        ({"mode": "CUSTOMIZED"}, "needs a compress_function"),
        ({"trigger_count": 0}, "trigger_count must be above 0"),
        ({"trigger_count": -0.5}, "trigger_count must be above 0"),
        ({"leave_last_n": -1}, "leave_last_n must be at least 0"),
        ({"triger_count": 1}, "Did you mean 'trigger_count'"),
        ("COMPRESS", "must be True, False or a dict"),
    ],
)
def test_invalid_settings_are_refused(config, text):
    with ScriptedModel() as model, pytest.raises(ValueError, match=text):
        make_agent(model, config)


def test_histories_of_others_are_not_rewritten():
    with ScriptedModel() as model, warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        CompressibleAgent("agent", llm_config=model.llm_config, compress_config={"broadcast": True, "async": True})
    assert [str(warning.message)[:23] for warning in seen if warning.category is UserWarning] == ["broadcast has no effect"]


def test_the_early_name_of_transforms(call):
    with pytest.warns(DeprecationWarning, match="TransformChatHistory is deprecated"):
        capability = TransformChatHistory(max_messages=3, max_tokens_per_message=5)
    with ScriptedModel("fine") as model:
        agent = ConversableAgent("agent", llm_config=model.llm_config, silent=True)
        capability.add_to_agent(agent)
        call(agent.generate_reply, make_history(10))
        contents = [message["content"] for message in model.asked[0]][1:]
    assert contents == [f"message {number} word word" for number in (7, 8, 9)]
    assert truncate_str_to_tokens("one two three", 2) == "one two"
    assert truncate_str_to_tokens("one two three", 5, "gpt-4o") == "one two three"


def test_tools_are_given_and_taken(call):
    @tool(name="add", description="Add one.")
    def add(n: int) -> int:
        return n + 1

    def double(n: int) -> int:
        """Double a number."""
        return n * 2

    capability = ToolsCapability([add, double])
    with ScriptedModel([tool_call("add", n=1), tool_call("double", n=4)], "fine") as model:
        agent = ConversableAgent("agent", llm_config=model.llm_config, human_input_mode="NEVER", silent=True)
        agent.add_capability(capability)
        reply = call(agent.generate_reply, [{"role": "user", "content": "go"}])
        results = call(agent.generate_reply, [{"role": "user", "content": "go"}, {**reply, "role": "user"}])
        assert [result["content"] for result in results["tool_responses"]] == ["2", "8"]
        assert [entry["function"]["name"] for entry in model.requests[0]["tools"]] == ["add", "double"]
        capability.remove_from_agent(agent)
        assert call(agent.generate_reply, [{"role": "user", "content": "go"}]) == "fine"
        assert "tools" not in model.requests[1]
    assert not agent.function_map
    capability.remove_from_agent(agent)
