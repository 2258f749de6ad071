"""Chats as iterators of their events: they wait for who reads, and end with the loop."""

import asyncio
import gc
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogen import ConversableAgent, GroupChat, GroupChatManager
from autogen.agentchat.chat import StopReason
from autogen.coding import LocalCommandLineCodeExecutor
from autogen.control import ChatControl
from autogen.events import Event, HumanAsked, MessageSent, ModelAsked
from autogen.io import IOStream
from autogen.testing import OpenAIServer, Reply, ScriptedModel, tool_call

WHOLE = 10**9


@pytest.fixture(autouse=True)
def nothing_is_left():
    """No test leaves a thread behind."""
    yield
    gc.collect()
    assert not [thread for thread in threading.enumerate() if thread.name == "autogen-chat-iterator"]


@pytest.fixture
def read(mode):
    """Read the events of a chat, sync or async, until `until` is true of an event. Returns the events and the iterator."""

    def read(agent, *args, until=lambda event: False, **kwargs):
        seen = []
        if mode == "sync":
            with agent.run_iter(*args, **kwargs) as chat:
                for event in chat:
                    seen.append(event)
                    if until(event):
                        break
            return seen, chat

        async def main():
            async with agent.a_run_iter(*args, **kwargs) as chat:
                async for event in chat:
                    seen.append(event)
                    if until(event):
                        break
            return seen, chat

        return asyncio.run(main())

    return read


def talkers(agent):
    """Two agents that talk for ever, and how often each was asked."""
    asked = []

    def count(recipient, messages, **_):
        asked.append(recipient.name)
        return True, f"number {len(messages)}"

    a, b = (agent(name, max_consecutive_auto_reply=WHOLE) for name in "ab")
    for one in (a, b):
        one.register_reply([type(one), None], lambda recipient, messages, sender, config: count(recipient, messages))
    return a, b, asked


def test_all_events_come_in_order_and_the_result_after_them(read, agent):
    a, b = agent("a"), agent("b", llm_config=ScriptedModel("hello").llm_config)
    seen, chat = read(a, b, message="hi", max_turns=1)
    kinds = [event.type for event in seen if not event.type.startswith("reply")]
    assert kinds == ["chat_started", "message_sent", "model_asked", "model_answered", "message_sent", "chat_ended"]
    assert chat.result.summary == "hello"
    assert chat.result.stop_reason is StopReason.MAX_TURNS
    assert [message["content"] for message in chat.result.chat_history] == ["hi", "hello"]


@pytest.mark.parametrize("wanted", [[MessageSent, HumanAsked], ["message_sent", "human_asked"], "message_sent"])
def test_only_the_wanted_kinds_are_given(read, agent, wanted):
    seen, chat = read(agent("a"), agent("b", default_auto_reply="B"), message="hi", max_turns=2, yield_on=wanted)
    assert [event.message for event in seen] == ["hi", "B", "", "B"]
    assert chat.result.stop_reason is StopReason.MAX_TURNS


def test_all_derived_kinds_are_meant_by_their_base(read, agent):
    seen, _ = read(agent("a"), agent("b"), message="hi", max_turns=1, yield_on=[Event])
    assert {"chat_started", "reply_started", "chat_ended"} <= {event.type for event in seen}


@pytest.mark.parametrize("unknown", [["message"], [int], [None], "nothing"])
def test_kinds_that_do_not_exist_are_refused_at_once(agent, unknown):
    for method in (agent("a").run_iter, agent("a").a_run_iter):
        with pytest.raises(ValueError, match=r"Unknown kind of event.*message_sent"):
            method(agent("b"), message="hi", yield_on=unknown)


def test_a_task_in_the_place_of_the_recipient_is_told(agent):
    with pytest.raises(TypeError, match="message="):
        agent("a").run_iter("What is 6 times 7?", message=None)


def test_the_chat_waits_until_the_next_event_is_asked_for(call, agent, mode):
    a, b, asked = talkers(agent)
    if mode == "sync":
        with a.run_iter(b, message="go", yield_on=["message_sent"]) as chat:
            assert asked == []
            for count in range(4):
                assert next(chat).message == ("go" if count == 0 else f"number {count}")
                assert len(asked) == count
    else:

        async def main():
            async with a.a_run_iter(b, message="go", yield_on=["message_sent"]) as chat:
                assert asked == []
                for count in range(4):
                    assert (await anext(chat)).message == ("go" if count == 0 else f"number {count}")
                    for _ in range(20):  # whatever else the event loop does meanwhile
                        await asyncio.sleep(0)
                    assert len(asked) == count

        asyncio.run(main())
    assert len(asked) == 3


def test_nothing_that_costs_begins_before_it_was_asked_for(read, agent, tmp_path):
    ran = tmp_path / "ran"
    model = ScriptedModel(lambda messages: tool_call("touch"))
    caller = agent("caller", llm_config=model.llm_config)
    user = agent("user")
    for name, made in (("model_asked", 0), ("tool_called", 1)):
        read(user, caller, message="hi", tools=[touch(ran)], until=lambda event, name=name: event.type == name)
        assert len(model.requests) == made
    assert not ran.exists()
    code = f"```python\nopen({str(ran)!r}, 'w')\n```"
    runner = agent("runner", code_execution_config={"executor": LocalCommandLineCodeExecutor(work_dir=tmp_path)})
    read(user, runner, message=code, until=lambda event: event.type == "code_started")
    assert not ran.exists()


def touch(path):
    def touch() -> str:
        """Make the file."""
        path.touch()
        return "done"

    return touch


def test_leaving_the_loop_stops_the_chat_and_its_history_is_whole(read, agent):
    a, b, asked = talkers(agent)
    _, chat = read(a, b, message="go", until=lambda event: getattr(event, "message", None) == "number 5")
    assert chat.result.stop_reason is StopReason.STOPPED
    texts = [message["content"] for message in chat.result.chat_history]
    assert texts[:6] == ["go", "number 1", "number 2", "number 3", "number 4", "number 5"][: len(texts)]
    assert len(asked) == 5
    assert a.initiate_chat(b, message="again", max_turns=1).stop_reason is StopReason.MAX_TURNS


def test_a_bare_loop_stops_the_chat_too(agent):
    a, b, asked = talkers(agent)
    for event in a.run_iter(b, message="go", yield_on=["message_sent"]):
        if event.message == "number 3":
            break
    assert len(asked) == 3

    async def main():
        chat = a.a_run_iter(b, message="go", yield_on=["message_sent"])
        async for event in chat:
            if event.message == "number 3":
                break
        await chat.aclose()
        return chat.result

    assert asyncio.run(main()).stop_reason is StopReason.STOPPED
    assert len(asked) == 6


def test_a_bare_async_loop_that_is_left_is_not_abandoned(agent):
    a, b, asked = talkers(agent)

    async def main():
        async for event in a.a_run_iter(b, message="go", yield_on=["message_sent"]):
            if event.message == "number 3":
                break
        gc.collect()
        for _ in range(20):
            await asyncio.sleep(0)

    asyncio.run(main())
    gc.collect()
    assert len(asked) == 3


def test_an_error_in_the_loop_stops_the_chat(agent):
    a, b, asked = talkers(agent)
    chat = a.run_iter(b, message="go")

    def read_and_fail():
        for event in chat:
            if event.type == "message_sent":
                raise LookupError

    with pytest.raises(LookupError):
        read_and_fail()
    assert chat.result.stop_reason is StopReason.STOPPED
    assert asked == []


def test_an_iterator_that_is_forgotten_stops_its_chat(agent):
    a, b, asked = talkers(agent)
    chats = [a.run_iter(b, message="go", yield_on=["message_sent"])]
    next(chats[0])
    thread = chats[0]._thread
    with pytest.warns(ResourceWarning, match="abandoned"):
        chats.clear()
    gc.collect()
    thread.join()
    assert asked == []


def test_a_request_that_takes_long_is_not_waited_for(read, agent):
    with OpenAIServer(Reply("late", delay=300)) as server:
        speaker = agent("speaker", llm_config=server.llm_config)
        control = ChatControl()

        def stop_soon(event):
            if event.type == "model_asked":
                threading.Timer(0.2, control.stop).start()

        _, chat = read(agent("user"), speaker, message="hi", control=control, until=stop_soon)
    assert chat.result.stop_reason is StopReason.STOPPED


def test_an_error_of_the_chat_is_raised_to_who_reads(read, agent):
    with pytest.raises(ZeroDivisionError):
        read(agent("a"), agent("b", llm_config=ScriptedModel(ZeroDivisionError()).llm_config), message="hi")


def test_an_error_is_raised_once_and_kept_for_the_result(agent):
    chat = agent("a").run_iter(agent("b", llm_config=ScriptedModel(ZeroDivisionError()).llm_config), message="hi")
    with pytest.raises(ZeroDivisionError):
        list(chat)
    assert list(chat) == []
    with pytest.raises(ZeroDivisionError):
        chat.result


def test_there_is_no_result_before_the_end(agent):
    chat = agent("a").run_iter(agent("b"), message="hi", max_turns=1)
    with pytest.raises(RuntimeError, match="not over"):
        chat.result
    next(chat)
    with pytest.raises(RuntimeError, match="not over"):
        chat.result
    chat.close()
    chat.close()
    assert chat.result.stop_reason is StopReason.STOPPED
    unread = agent("a").run_iter(agent("b"), message="hi")
    unread.close()
    assert list(unread) == []
    with pytest.raises(RuntimeError, match="before its first event"):
        unread.result


def test_humans_are_answered_by_who_reads(call, agent, mode):
    user = agent("user", human_input_mode="ALWAYS", human_input_source=lambda prompt: pytest.fail("nobody else is asked"))
    if mode == "sync":
        chat = agent("a").run_iter(user, message="hi", max_turns=2, yield_on=[HumanAsked])
        for number, event in enumerate(chat):
            event.respond(f"answer {number}")
    else:

        async def main():
            chat = agent("a").a_run_iter(user, message="hi", max_turns=2, yield_on=[HumanAsked])
            number = 0
            async for event in chat:
                await asyncio.sleep(0)
                event.respond(f"answer {number}")
                number += 1
            return chat

        chat = asyncio.run(main())
    assert [message["content"] for message in chat.result.chat_history] == ["hi", "answer 0", "", "answer 1"]


def test_without_an_answer_the_human_is_asked_as_usual(read, agent):
    user = agent("user", human_input_mode="ALWAYS", human_input_source=lambda prompt: "typed")
    seen, chat = read(agent("a"), user, message="hi", max_turns=1)
    assert "human_asked" in {event.type for event in seen}
    assert chat.result.summary == "typed"


def test_nobody_is_asked_when_the_loop_is_left_at_the_question(read, agent):
    user = agent("user", human_input_mode="ALWAYS", human_input_source=lambda prompt: pytest.fail("it was asked"))
    _, chat = read(agent("a"), user, message="hi", until=lambda event: event.type == "human_asked")
    assert chat.result.stop_reason is StopReason.STOPPED


def multiply(a: int, b: int) -> int:
    """Multiply two numbers."""
    return a * b


def test_without_a_recipient_it_works_alone(read, agent):
    with ScriptedModel(tool_call("multiply", a=6, b=7), "It is 42.") as model:
        me = agent("me", llm_config=model.llm_config)
        seen, chat = read(me, message="6 times 7?", tools=[multiply], max_turns=None, yield_on=["tool_returned"])
    assert [event.content for event in seen] == ["42"]
    assert chat.result.summary == "It is 42."
    assert "tools" not in me.llm_config


def test_tools_are_lent_to_the_two_that_talk(read, agent):
    user = agent("user", function_map={"multiply": lambda a, b: "its own"})
    caller = agent("caller", llm_config=ScriptedModel(tool_call("multiply", a=6, b=7), "It is 42.").llm_config)
    seen, _ = read(user, caller, message="?", tools=[multiply], max_turns=2, yield_on=["tool_returned"])
    assert [(event.agent, event.content) for event in seen] == [("user", "42")]
    assert "tools" not in caller.llm_config
    assert user.function_map["multiply"](1, 2) == "its own"


def test_groups_and_chats_inside_are_read_too(read, agent):
    a, b, inner = agent("a", default_auto_reply="A"), agent("b"), agent("inner", default_auto_reply="deep")
    b.register_nested_chats(
        [{"recipient": inner, "max_turns": 1, "silent": True}], trigger=lambda sender: sender.name == "m"
    )
    group = GroupChat([a, b], max_round=3, speaker_selection_method="round_robin")
    seen, chat = read(a, GroupChatManager(group, name="m", silent=True), message="hi", yield_on=[MessageSent])
    assert [
        (event.sender, event.message if isinstance(event.message, str) else event.message["content"]) for event in seen
    ] == [
        ("a", "hi"),
        ("b", "hi"),
        ("inner", "deep"),
        ("b", "deep"),
        ("a", "A"),
    ]
    assert chat.result.stop_reason is StopReason.MAX_ROUND


def test_a_pause_of_the_user_outlasts_the_reading(agent):
    control = ChatControl()
    a, b, asked = talkers(agent)
    control.pause()
    chat = a.run_iter(b, message="go", control=control, yield_on=["message_sent"])
    reader = threading.Thread(target=lambda: [next(chat) for _ in range(3)])
    reader.start()
    reader.join(0.2)
    assert asked == []
    assert control.is_paused
    control.resume()
    reader.join()
    assert len(asked) == 2
    chat.close()


def test_the_stream_in_use_is_that_of_the_caller(agent):
    class Stream(IOStream):
        lines = []

        def print(self, *objects, sep=" ", end="\n", flush=False):
            self.lines.append(sep.join(map(str, objects)))

    with IOStream.set_default(Stream()):
        chat = agent("a", silent=False).run_iter(agent("b", silent=False), message="hi", max_turns=1)
    list(chat)
    assert "hi" in Stream.lines


@given(leave_at=st.integers(0, 30), data=st.data())
def test_wherever_the_loop_is_left_the_history_is_whole(leave_at, data):
    options = {"llm_config": False, "human_input_mode": "NEVER", "silent": True}
    a = ConversableAgent("a", default_auto_reply="A", **options)
    b = ConversableAgent("b", default_auto_reply="B", **options)
    kinds = data.draw(st.sampled_from([None, [MessageSent], [ModelAsked, MessageSent], ["reply_ended"]]))
    chat = a.run_iter(b, message="go", max_turns=3, yield_on=kinds)
    for place, _ in enumerate(chat):
        if place == leave_at:
            break
    mine, theirs = ([message["content"] for message in one] for one in (a.chat_messages[b], b.chat_messages[a]))
    whole = ["go", "B", "A", "B", "A", "B"]
    assert mine == whole[: len(mine)]
    assert theirs == whole[: len(theirs)]
    assert abs(len(mine) - len(theirs)) <= 1
    assert [message["content"] for message in chat.result.chat_history] == mine
