"""A chat is a loop: any length at one stack depth, and overridden methods are still called."""

import asyncio
import sys

import pytest

from autogen import ConversableAgent


def depth() -> int:
    frame, count = sys._getframe(), 0
    while frame:
        frame, count = frame.f_back, count + 1
    return count


class DepthProbe(list):
    """A reply function that notes how deep it runs, and stops the chat after so many replies."""

    def __init__(self, replies: int) -> None:
        self.left = replies

    def __call__(self, recipient, messages=None, sender=None, config=None):
        self.left -= 1
        self.append(depth())
        return True, "more" if self.left else None


class Overriding(ConversableAgent):
    """Overrides everything through `super()`, as logging and web pages do."""

    def __init__(self, name, **options):
        super().__init__(name, **options)
        self.calls = []

    def send(self, message, recipient, request_reply=None, silent=False):
        self.calls.append("send")
        super().send(message, recipient, request_reply, silent)

    async def a_send(self, message, recipient, request_reply=None, silent=False):
        self.calls.append("a_send")
        await super().a_send(message, recipient, request_reply, silent)

    def receive(self, message, sender, request_reply=None, silent=False):
        self.calls.append("receive")
        super().receive(message, sender, request_reply, silent)

    async def a_receive(self, message, sender, request_reply=None, silent=False):
        self.calls.append("a_receive")
        await super().a_receive(message, sender, request_reply, silent)

    def generate_reply(self, messages=None, sender=None, **kwargs):
        self.calls.append("generate_reply")
        return super().generate_reply(messages, sender, **kwargs)

    async def a_generate_reply(self, messages=None, sender=None, **kwargs):
        self.calls.append("a_generate_reply")
        return await super().a_generate_reply(messages, sender, **kwargs)


def pair(agent, replies, kind=ConversableAgent):
    probe = DepthProbe(replies)
    both = agent("a", kind), agent("b", kind)
    for one in both:
        one.register_reply([ConversableAgent, None], probe)
    return *both, probe


@pytest.mark.parametrize("turns", [10_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_a_long_chat_ends_normally_in_constant_stack(call, agent, turns):
    a, b, probe = pair(agent, 2 * turns)
    result = call(a.initiate_chat, b, message="go")
    assert len(result.chat_history) == 2 * turns
    assert len(b.chat_messages[a]) == 2 * turns
    assert probe[0] == probe[-1] == max(probe)


def test_the_stack_is_flat_with_max_turns_too(call, agent):
    a, b, probe = pair(agent, 10_000)
    result = call(a.initiate_chat, b, message="go", max_turns=2_000)
    assert len(result.chat_history) == 4_000
    assert max(probe) - min(probe) <= 4  # the first speaker is asked from the loop, the other one from the exchange


def test_overrides_are_called_once_a_message_and_the_stack_stays_flat(call, mode, agent):
    a, b, probe = pair(agent, 3_000, Overriding)
    call(a.initiate_chat, b, message="go")
    prefix = "" if mode == "sync" else "a_"
    assert a.calls.count(prefix + "send") == 1_500
    assert b.calls.count(prefix + "receive") == 1_500
    assert b.calls.count(prefix + "generate_reply") == 1_500
    assert {name.startswith("a_") for name in a.calls + b.calls} == {mode == "async"}
    assert probe[1] == probe[-1]


def test_a_method_replaced_on_the_instance_is_called(agent):
    a, b, probe = pair(agent, 3_000)
    heard = []
    receive = b.receive
    b.receive = lambda *args, **kwargs: (heard.append(args[0]), receive(*args, **kwargs))[1]
    a.initiate_chat(b, message="go")
    assert len(heard) == 1_500
    assert probe[1] == probe[-1]


def test_a_wrapper_on_the_class_is_called(agent, monkeypatch):
    a, b, _ = pair(agent, 2_000)
    seen = []
    original = ConversableAgent.receive

    def traced(self, *args, **kwargs):
        seen.append(self.name)
        return original(self, *args, **kwargs)

    monkeypatch.setattr(ConversableAgent, "receive", traced)
    a.initiate_chat(b, message="go")
    assert (seen.count("a"), seen.count("b")) == (1_000, 1_000)


def test_a_receive_written_anew_is_the_last_word(call, agent):
    class Deaf(ConversableAgent):
        def receive(self, message, sender, request_reply=None, silent=False):
            self.heard = message

        async def a_receive(self, message, sender, request_reply=None, silent=False):
            self.heard = message

    a, b = agent("a"), agent("b", Deaf)
    result = call(a.initiate_chat, b, message="hi", summary_method=None)
    assert b.heard == "hi"
    assert [m["content"] for m in result.chat_history] == ["hi"]


def test_an_override_may_call_super_twice(agent):
    class Repeating(ConversableAgent):
        def receive(self, message, sender, request_reply=None, silent=False):
            super().receive(message, sender, request_reply, silent)
            super().receive(f"{message} again", sender, False, silent)

    a, b = agent("a"), agent("b", Repeating, default_auto_reply="R", max_consecutive_auto_reply=1)
    a.initiate_chat(b, message="hi", max_turns=1)
    assert [m["content"] for m in b.chat_messages[a]] == ["hi", "R", "hi again"]


def test_an_error_in_a_reply_function_keeps_its_type_and_the_histories(call, agent):
    def fail(recipient, messages, sender, config):
        raise ZeroDivisionError("in the reply")

    a, b = agent("a"), agent("b")
    b.register_reply([ConversableAgent, None], fail)
    with pytest.raises(ZeroDivisionError, match="in the reply"):
        call(a.initiate_chat, b, message="hi")
    assert [m["content"] for m in a.chat_messages[b]] == ["hi"]
    assert [m["content"] for m in b.chat_messages[a]] == ["hi"]


def test_a_synchronous_chat_works_inside_a_running_loop(agent):
    async def cell():
        a, b = agent("a"), agent("b", default_auto_reply="R")
        return a.initiate_chat(b, message="hi", max_turns=1)

    assert asyncio.run(cell()).summary == "R"


def test_many_chats_run_concurrently(agent):
    async def slow(recipient, messages, sender, config):
        await asyncio.sleep(0.01)
        return True, f"to {sender.name}"

    async def one(number):
        a, b = agent(f"a{number}"), agent("b")
        b.register_reply([ConversableAgent, None], slow)
        return (await a.a_initiate_chat(b, message="hi", max_turns=3)).summary

    async def main():
        return await asyncio.gather(*(one(number) for number in range(200)))

    assert asyncio.run(main()) == [f"to a{number}" for number in range(200)]


def test_cancelling_a_chat_leaves_whole_histories(agent):
    async def main():
        waiting = asyncio.Event()

        async def forever(recipient, messages, sender, config):
            waiting.set()
            await asyncio.Event().wait()

        a, b = agent("a"), agent("b")
        b.register_reply([ConversableAgent, None], forever)
        task = asyncio.ensure_future(a.a_initiate_chat(b, message="hi"))
        await waiting.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return a.chat_messages[b], b.chat_messages[a]

    left, right = asyncio.run(main())
    assert [m["content"] for m in left] == [m["content"] for m in right] == ["hi"]


def test_a_chat_started_from_within_a_reply_is_a_chat_of_its_own(call, agent):
    inner_a, inner_b = agent("ia"), agent("ib", default_auto_reply="inner")

    def ask_others(recipient, messages, sender, config):
        return True, inner_a.initiate_chat(inner_b, message="q", max_turns=1).summary

    a, b = agent("a"), agent("b", Overriding)
    b.register_reply([ConversableAgent, None], ask_others)
    assert call(a.initiate_chat, b, message="hi", max_turns=1).summary == "inner"
