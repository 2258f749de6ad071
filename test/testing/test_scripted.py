"""What users test their agents with."""

import asyncio
import json
import time
import urllib.request

import openai
import pytest

from autogen import ConversableAgent, OpenAIWrapper
from autogen.testing import Fault, OpenAIServer, Reply, ScriptedModel, ScriptExhausted, ScriptNotFinished, tool_call

HI = [{"role": "user", "content": "hi"}]


def test_replies_come_in_order_and_requests_are_remembered():
    with ScriptedModel("one", {"content": "two"}, Reply("three")) as model:
        assert [model(HI), model(HI), model(HI)] == ["one", "two", "three"]
    assert model.asked == [HI] * 3


def test_a_function_answers_everything():
    model = ScriptedModel(lambda messages: messages[-1]["content"] * 2)
    assert [model(HI), model(HI)] == ["hihi", "hihi"]


def test_a_script_may_hold_functions():
    assert ScriptedModel("x", lambda messages: "made")(HI) == "x"


def test_a_script_that_is_not_used_up_is_told():
    with pytest.raises(ScriptNotFinished, match="1 of 2 scripted replies was not requested; the next is 'two'"):
        with ScriptedModel("one", "two") as model:
            model(HI)


def test_an_error_in_the_block_is_not_hidden():
    with pytest.raises(ZeroDivisionError):
        with ScriptedModel("one"):
            raise ZeroDivisionError


def test_a_script_that_is_used_up_is_told():
    model = ScriptedModel("one")
    model(HI)
    with pytest.raises(ScriptExhausted, match="has 1 replies, and there was another request"):
        model(HI)


def test_an_exception_is_raised():
    with pytest.raises(ZeroDivisionError):
        ScriptedModel(ZeroDivisionError())(HI)


@pytest.mark.parametrize(
    ("status", "error"), [(401, openai.AuthenticationError), (429, openai.RateLimitError), (503, openai.InternalServerError)]
)
def test_a_fault_is_what_the_sdk_makes_of_it(status, error):
    with pytest.raises(error):
        ScriptedModel(Fault(status=status))(HI)


def test_something_that_no_model_says_is_refused():
    with pytest.raises(TypeError, match="A script may hold"):
        ScriptedModel(42)(HI)


def test_delays_do_not_hold_up_others():
    model = ScriptedModel(lambda messages: Reply("x", delay=0.2))

    async def many():
        wrapper = OpenAIWrapper(**model.llm_config)
        await asyncio.gather(*(wrapper.a_create(messages=HI) for _ in range(20)))

    began = time.monotonic()
    asyncio.run(many())
    assert time.monotonic() - began < 20 * 0.2


def test_an_agent_calls_a_tool(call, agent):
    with ScriptedModel(tool_call("add", call_id="c1", a=1, b=2), "It is 3.") as model:
        bot = agent("bot", llm_config=model.llm_config)
        user = agent("user", function_map={"add": lambda a, b: a + b})
        result = call(user.initiate_chat, bot, message="1 + 2?", max_turns=2)
    assert result.summary == "It is 3."
    assert model.asked[1][-1] == {"tool_call_id": "c1", "role": "tool", "content": "3"}


@pytest.fixture(params=[False, True], ids=["whole", "streamed"])
def ask(request):
    """Ask a server through the SDK, streamed or not; returns the message."""

    def ask(server, **options):
        with openai.OpenAI(base_url=server.base_url, api_key="x", max_retries=0) as client:
            if not request.param:
                return client.chat.completions.create(model="m", messages=HI, **options).choices[0].message.model_dump()
            text, calls = "", {}
            for chunk in client.chat.completions.create(model="m", messages=HI, stream=True, **options):
                delta = chunk.choices[0].delta
                text += delta.content or ""
                for part in delta.tool_calls or ():
                    known = calls.setdefault(part.index, {"function": {"name": "", "arguments": ""}})
                    known["function"]["name"] += part.function.name or ""
                    known["function"]["arguments"] += part.function.arguments or ""
            return {"content": text, "tool_calls": list(calls.values())}

    return ask


def test_the_server_answers_the_sdk(ask):
    with OpenAIServer("some words here", tool_call("add", a=1, b=2)) as server:
        assert ask(server)["content"] == "some words here"
        [call] = ask(server)["tool_calls"]
    assert call["function"]["name"] == "add"
    assert json.loads(call["function"]["arguments"]) == {"a": 1, "b": 2}


def test_the_server_refuses_as_scripted(ask):
    with OpenAIServer(Fault(status=429, headers={"Retry-After": "7"})) as server:
        with pytest.raises(openai.RateLimitError) as caught:
            ask(server)
        assert caught.value.response.headers["retry-after"] == "7"


def test_the_server_says_that_its_script_is_used_up(ask):
    with OpenAIServer("one") as server:
        ask(server)
        with pytest.raises(openai.APIStatusError, match="there was another request"):
            ask(server)


def test_the_server_checks_the_key(ask):
    with OpenAIServer("x", api_key="right") as server, pytest.raises(openai.AuthenticationError):
        ask(server)


def test_the_server_lists_its_model():
    with OpenAIServer() as server, urllib.request.urlopen(f"{server.base_url}/models") as answer:
        assert json.load(answer)["data"][0]["id"] == "scripted"


def test_the_fixtures(scripted_model, openai_server):
    assert scripted_model("x")(HI) == "x"
    server = openai_server("y")
    agent = ConversableAgent("a", llm_config=server.llm_config, human_input_mode="NEVER")
    assert agent.generate_reply(HI) == "y"
