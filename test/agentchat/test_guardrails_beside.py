"""Guardrails that run beside the request to the model, and replies that are shown while they arrive."""

import asyncio
import contextlib
import re
import threading

import pytest
from openai.types.chat import ChatCompletion

from autogen import ConversableAgent, events
from autogen.agentchat.chat import StopReason
from autogen.agentchat.guardrails import GuardrailTripped, LLMGuardrail, Tripped, pii
from autogen.testing import ScriptedModel, tool_call


class SlowModel:
    """A model client of the program, whose answer takes until it is released or cancelled."""

    def __init__(self, config, answers, started, released, **_):
        self.answers, self.started, self.released = answers, started, released
        self.asked = []

    def create(self, params):
        self.asked.append(params["messages"])
        self.started.set()
        assert self.released.wait(60)
        return make_response(self.answers.pop(0))

    def message_retrieval(self, response):
        return [choice.message.content for choice in response.choices]

    def cost(self, response):
        return 0

    @staticmethod
    def get_usage(response):
        return {}


def make_response(answer):
    message = {"role": "assistant", "content": answer} if isinstance(answer, str) else {"role": "assistant", **answer}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    return ChatCompletion.model_validate(
        {"id": "1", "created": 0, "model": "slow", "object": "chat.completion", "choices": [choice]}
    )


@pytest.mark.parametrize("is_coroutine", [False, True])
def test_a_check_runs_beside_the_request(call, agent, is_coroutine):
    """Each waits for the other: one after the other they would never end."""
    started, released = threading.Event(), threading.Event()

    def check(text):
        assert started.wait(60)
        released.set()

    async def a_check(text):
        while not started.is_set():
            await asyncio.sleep(0)
        released.set()

    bot = agent("bot", llm_config={"config_list": [{"model": "slow", "model_client_cls": "SlowModel"}], "cache_seed": None})
    bot.register_model_client(SlowModel, answers=["fine"], started=started, released=released)
    bot.register_guardrail(a_check if is_coroutine else check, on="input", beside=True)
    user = agent("user")
    assert call(user.initiate_chat, bot, message="hi", max_turns=1).summary == "fine"


@pytest.mark.parametrize("then", ["replace", "end", "raise"])
def test_nothing_of_an_answer_takes_effect_if_a_check_beside_it_trips(call, agent, then):
    """The request is abandoned: its tool is not called, and no piece of it is shown."""
    model = ScriptedModel(tool_call("pay", euros=5), "done")
    paid, pieces = [], []

    def pay(euros: int) -> str:
        paid.append(euros)
        return "paid"

    bot = agent("bot", llm_config={**model.llm_config, "stream": True}, functions=[pay], default_auto_reply="nothing")
    bot.register_guardrail(re.compile("attack"), on="input", name="guard", then=then, beside=True)
    user = agent("user")
    with events.subscribe(pieces.append, types=[events.TokenReceived]), contextlib.ExitStack() as stack:
        if then == "raise":
            stack.enter_context(pytest.raises(GuardrailTripped))
        result = call(user.initiate_chat, bot, message="attack", max_turns=1)
    assert (paid, pieces) == ([], [])
    if then == "replace":
        assert result.summary == "[Blocked by the guardrail guard: the text matches its pattern]"
    elif then == "end":
        assert (result.stop_reason, result.stop_detail.split(":")[0]) == (StopReason.GUARDRAIL, "guard")


@pytest.mark.parametrize("hook", [False, True], ids=["", "a hook changes the message"])
def test_a_replacement_beside_the_request_is_all_that_the_answer_is_about(call, agent, hook):
    model = ScriptedModel(lambda messages: messages[-1]["content"], lambda messages: messages[-1]["content"])
    bot = agent("bot", llm_config=model.llm_config)
    bot.register_guardrail(pii("mail"), on="input", beside=True)
    if hook:
        bot.register_hook("process_last_received_message", lambda text: f"{text}!")
    user = agent("user")
    seen = []
    with events.subscribe(seen.append, types=[events.GuardrailChecked]):
        result = call(user.initiate_chat, bot, message="to ada@example.com", max_turns=1)
    assert result.summary == ("to [mail]!" if hook else "to [mail]")
    assert bot.chat_messages[user][0]["content"] == result.summary
    assert len(seen) == (2 if hook else 1)


def test_a_human_decides_about_a_check_beside_the_request_once(call, agent):
    asked = []

    def ask(prompt):
        asked.append(prompt)
        return "yes"

    bot = agent("bot", llm_config=ScriptedModel("one", "two").llm_config, human_input_source=ask)
    bot.register_guardrail(re.compile("attack"), on="input", then="ask", beside=True)
    assert call(agent("user").initiate_chat, bot, message="attack", max_turns=1).summary in ("one", "two")
    assert len(asked) == 1


@pytest.mark.parametrize("observed", [False, True])
@pytest.mark.parametrize("kind", ["tool", "reply function"])
def test_tools_and_reply_functions_wait_for_the_checks(call, agent, kind, observed):
    """Without a request the check is over before them."""
    order = []

    def check(text):
        order.append("check")
        return Tripped("no") if "attack" in text else None

    def pay(text: str = "") -> str:
        order.append("pay")
        return "paid"

    bot = agent("bot", functions=[pay] if kind == "tool" else None, llm_config=ScriptedModel().llm_config)
    bot.register_guardrail(check, on="input", name="guard", beside=True)
    if kind != "tool":
        bot.register_reply([ConversableAgent, None], lambda *_, **__: (True, pay()))
    with events.subscribe(lambda event: None, types=[events.ReplyStarted] if observed else [events.ToolReturned]):
        for text, paid in (("attack", False), ("fine", True)):
            order.clear()
            message = {"role": "user", "content": text}
            if kind == "tool":
                message["tool_calls"] = [tool_call("pay", text=text)]
            reply = call(bot.generate_reply, messages=[message])
            assert ("pay" in order, order[0]) == (paid, "check")
            assert ("Blocked" in str(reply)) is not paid


def test_a_check_beside_a_request_that_was_recorded_is_not_repeated(call, agent, tmp_path):
    """Nor is the request that was cancelled for it."""
    requests, verdicts = [], []

    def judge(messages):
        verdicts.append(1)
        return '{"activated": true, "justification": "rude"}'

    def answer(messages):
        requests.append(1)
        return "fine"

    def run(turns):
        bot = agent("bot", llm_config=ScriptedModel(answer, answer).llm_config)
        guard = LLMGuardrail("manners", "It is rude.", llm_config=ScriptedModel(judge, judge).llm_config)
        bot.register_guardrail(guard, on="input", beside=True)
        user = agent("user", default_auto_reply=None)
        return call(user.initiate_chat, bot, message="hi", max_turns=turns, checkpoint=tmp_path / "chat.db")

    first = run(1)
    assert "Justification: rude" in first.summary
    counts = len(verdicts)
    assert counts == 1
    requests.clear()
    assert run(1).summary == first.summary
    assert (len(verdicts), requests) == (counts, [])


def test_mistakes_of_checks_beside_and_of_streams(agent):
    for options, error in (
        ({"on": "output", "beside": True}, "beside=True is for 'input' alone"),
        ({"on": "output", "stream": "thru"}, "stream must be 'hold', 'through' or a positive number"),
        ({"on": "output", "stream": 0}, "stream must be 'hold'"),
        ({"on": "input", "stream": "through"}, "stream is for 'output' alone"),
        ({"on": "output", "stream": 5, "check": lambda text: None}, "stream=5 needs a pattern or a detector"),
    ):
        with pytest.raises(ValueError, match=error):
            agent("a").register_guardrail(**{"check": re.compile("x"), **options})


# Replies that arrive as a stream


@pytest.mark.parametrize(
    ("stream", "text", "shown", "retracted"),
    [
        ("hold", "the code is 1234, ok", "", 0),
        ("through", "the code is 1234, ok", "the code is 1234, ok", 1),
        (10, "the code is 1234, ok", "the co", 1),
        ("hold", "there is no code", "there is no code", 0),
        ("through", "there is no code", "there is no code", 0),
        (10, "there is no code", "there is no code", 0),
        (100, "the code is 1234, ok", "", 0),
    ],
)
def test_how_much_of_a_reply_is_shown_before_the_check(call, agent, stream, text, shown, retracted):
    bot = agent("bot", llm_config={**ScriptedModel(text).llm_config, "stream": True})
    bot.register_guardrail(re.compile(r"code is \d+"), on="output", name="guard", stream=stream)
    seen = []
    with events.subscribe(seen.append, types=[events.TokenReceived, events.ReplyRetracted]):
        result = call(agent("user").initiate_chat, bot, message="hi", max_turns=1)
    pieces = "".join(event.delta for event in seen if event.type == "token_received")
    assert "1234" not in pieces or stream == "through"
    assert shown.startswith(pieces)
    assert [event.type for event in seen].count("reply_retracted") == (retracted if pieces else 0)
    assert ("Blocked" in result.summary) is ("1234" in text)
