"""Responses of runs with chats inside of the chat, and with tools that ask a human: each state, sync and async."""

import asyncio
import threading

import pytest

from autogen import ConversableAgent, events
from autogen.agentchat.chat import StopReason
from autogen.io import IOStream
from autogen.testing import ScriptedModel, tool_call


def make(name, **options):
    return ConversableAgent(name, **{"llm_config": False, "human_input_mode": "NEVER", **options})


def make_nested(form, reply):
    """Return the agents of a chat whose recipient replies with a nested chat, in which a human is asked."""
    asking, asked = make("asking"), make("asked", human_input_mode="ALWAYS")
    recipient = make("recipient")
    if isinstance(reply, Exception):
        asked.register_reply([ConversableAgent, None], fail_with(reply))
    chat = {"recipient": asked, "message": "Inner?", "max_turns": 1, "summary_method": "last_msg", "chat_id": 1}
    recipient.register_nested_chats([chat], trigger=asking, use_async=form == "async")
    return asking, recipient, {"message": "Hi", "max_turns": 1}


def make_tool(form, reply):
    """Return the agents of a chat in which a tool asks a human."""
    human = make("human", human_input_mode="ALWAYS")

    def ask() -> str:
        """Ask."""
        if isinstance(reply, Exception):
            raise reply
        return human.get_human_input("Inner?")

    async def a_ask() -> str:
        """Ask."""
        if isinstance(reply, Exception):
            raise reply
        return await human.a_get_human_input("Inner?")

    model = ScriptedModel(tool_call("ask"), "It is over")
    asking, recipient = make("asking"), make("recipient", llm_config=model.llm_config)
    tool = a_ask if form == "async" else ask
    recipient.register_for_llm(name="ask", description="Ask.")(tool)
    asking.register_for_execution(name="ask")(tool)
    return asking, recipient, {"message": "Hi", "max_turns": 2}


def fail_with(error):
    def reply(recipient, messages, sender, config):
        raise error

    return reply


class Human(IOStream):
    """The stream of the caller."""

    def __init__(self):
        self.asked, self.printed = [], []

    def print(self, *objects, **kwargs):
        self.printed.append(" ".join(map(str, objects)))

    def input(self, prompt="", *, password=False):
        self.asked.append(prompt)
        return "from the stream"


NESTED = [
    *("text", "post_carryover_processing", "text", "input_request", "text", "termination", "text", "termination"),
    "run_completion",
]
TOOL = [
    *("text", "tool_call", "execute_function", "input_request", "executed_function", "tool_response", "text"),
    *("termination", "run_completion"),
]
CASES = [(make_nested, NESTED, "yes"), (make_tool, TOOL, "It is over")]

inside = pytest.mark.parametrize(("build", "order", "summary"), CASES, ids=["nested chat", "tool"])
both = pytest.mark.parametrize("form", ["sync", "async"])


class Reader:
    """Does in one form what the tests do."""

    def __init__(self, form):
        self.form = form

    async def begin(self, build, reply="yes"):
        asking, recipient, options = build(self.form, reply)
        if self.form == "sync":
            return asking.run(recipient, **options)
        return await asking.a_run(recipient, **options)

    async def read(self, response, *, answer=None, until=None):
        found = []
        generator = response.events

        def take(event):
            found.append(event.type)
            if event.type == "input_request" and answer is not None:
                event.content.respond(answer)
            return event.type == until

        if self.form == "sync":
            for event in generator:
                if take(event):
                    break
            generator.close()
        else:
            async for event in generator:
                if take(event):
                    break
            await generator.aclose()
        return found

    async def get(self, response, name):
        value = getattr(response, name)
        return value if self.form == "sync" else await value


def run(coroutine):
    """Run a coroutine under a stream that answers; no thread and no task is left."""
    stream = Human()

    async def main():
        with IOStream.set_default(stream):
            await coroutine
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main(), debug=True)
    assert not [thread for thread in threading.enumerate() if "iterator" in thread.name]
    return stream


@both
@inside
def test_the_reader_answers(form, build, order, summary):
    reader = Reader(form)

    async def main():
        response = await reader.begin(build)
        assert await reader.read(response, answer="yes") == order
        assert await reader.get(response, "summary") == summary
        # the recorded events, whose questions can't be answered
        assert await reader.read(response) == order

    stream = run(main())
    assert not stream.asked
    assert not stream.printed


@both
@inside
def test_nobody_reads_so_the_stream_of_the_caller_is_asked(form, build, order, summary):
    reader = Reader(form)

    async def main():
        response = await reader.begin(build)
        messages = await reader.get(response, "messages")
        assert messages[-1]["content"] == (summary if build is make_tool else "from the stream")
        assert await reader.read(response) == order

    stream = run(main())
    assert len(stream.asked) == 1
    assert not stream.printed


@both
@inside
def test_the_console_asks_and_prints(form, build, order, summary):
    reader = Reader(form)

    async def main():
        response = await reader.begin(build)
        if form == "sync":
            response.process()
        else:
            await response.process()

    stream = run(main())
    assert len(stream.asked) == 1
    assert "asking (to recipient)" in "\n".join(stream.printed)


@both
@inside
def test_the_reader_leaves_at_the_question(form, build, order, summary):
    reader = Reader(form)

    async def main():
        response = await reader.begin(build)
        found = await reader.read(response, until="input_request")
        assert found == order[: order.index("input_request") + 1]
        assert await reader.get(response, "stop_reason" if form == "sync" else "summary") is not None
        result = response if form == "sync" else await response.result()
        assert result.stop_reason is StopReason.STOPPED
        assert len(result.chat_history) == (1 if build is make_nested else 2)

    run(main())


@both
def test_an_error_inside_is_raised_at_its_place(form):
    reader = Reader(form)

    async def main():
        response = await reader.begin(make_nested, ZeroDivisionError("inside"))
        with pytest.raises(ZeroDivisionError, match="inside"):
            await reader.read(response)
        with pytest.raises(ZeroDivisionError, match="inside"):
            await reader.get(response, "summary")
        assert (await reader.read(response, until="error"))[-2:] == ["text", "error"]
        # a tool that fails is a result for the model
        response = await reader.begin(make_tool, ZeroDivisionError("inside"))
        assert await reader.read(response) == [kind for kind in TOOL if kind != "input_request"]

    run(main())


class AsyncHuman(Human):
    """Its `input` is a coroutine function."""

    async def input(self, prompt="", *, password=False):
        return Human.input(self, prompt, password=password)


@both
@pytest.mark.parametrize("answer", ["from the reader", None], ids=["read", "left open"])
def test_a_tool_asks_the_current_stream(form, answer):
    reader, stream = Reader(form), Human() if form == "sync" else AsyncHuman()

    def ask() -> str:
        """Ask."""
        return IOStream.get_default().input("Sure?", password=True)

    async def a_ask() -> str:
        """Ask."""
        return await IOStream.get_default().input("Sure?", password=True)

    async def main():
        tool = {"sync": ask, "async": a_ask}[form]
        agent = make("agent", llm_config=ScriptedModel(tool_call(tool.__name__), "Over").llm_config, functions=[tool])
        with IOStream.set_default(stream):
            response = agent.run(message="Hi") if form == "sync" else await agent.a_run(message="Hi")
        assert await reader.read(response, answer=answer) == TOOL
        assert (await reader.get(response, "messages"))[2]["content"] == (answer or "from the stream")

    recorded = []
    with events.subscribe(recorded.append, types=[events.HumanAsked, events.HumanAnswered]):
        run(main())
    assert stream.asked == ([] if answer else ["Sure?"])
    assert [event.to_dict().get("is_hidden") for event in recorded] == [True, None]
    assert "from the" not in str([event.to_dict() for event in recorded])


def test_a_sync_tool_asks_in_an_async_run():
    """It blocks the event loop of its reader, who therefore can't answer: the stream of the caller does."""
    reader = Reader("async")

    async def main():
        asking, recipient, options = make_tool("sync", "yes")
        response = await asking.a_run(recipient, **options)
        assert await reader.read(response, answer="too late") == TOOL
        assert (await response.messages)[2]["content"] == "from the stream"

    assert len(run(main()).asked) == 1
