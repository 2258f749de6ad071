"""Responses of runs: when they begin, what each state gives, and which events they have."""

import asyncio
import copy
import dataclasses
import gc
import logging
import pickle
import re
import threading

import pytest
from pydantic import TypeAdapter

from autogen import ConversableAgent, events
from autogen.agentchat.chat import ChatResult, StopReason
from autogen.agentchat.group import (
    AgentNameTarget,
    ReplyResult,
    TerminateTarget,
    a_run_group_chat,
    a_run_group_chat_iter,
    initiate_group_chat,
    run_group_chat,
    run_group_chat_iter,
)
from autogen.agentchat.group.patterns import DefaultPattern, RoundRobinPattern
from autogen.events import BaseEvent, get_annotated_type_for_event_classes, wrap_event
from autogen.events.agent_events import TextEvent, ToolCallEvent
from autogen.events.base_event import get_event_classes
from autogen.io import IOStream
from autogen.io.processors import AsyncConsoleEventProcessor, ConsoleEventProcessor
from autogen.io.run_response import Cost, RunResponse, RunResponseProtocol
from autogen.testing import ScriptedModel, tool_call

WITH_A_TOOL = [
    *("text", "tool_call", "execute_function", "executed_function", "tool_response", "text"),
    *("termination", "run_completion"),
]


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def make_agent(*replies):
    replies = replies or (tool_call("add", a=1, b=2), "It is 3")
    return ConversableAgent("alice", llm_config=ScriptedModel(*replies).llm_config, human_input_mode="NEVER")


def begin(*replies, **kwargs):
    """Make a waiting response."""
    return make_agent(*replies).run(message="What is 1 + 2?", tools=[add], **kwargs)


class Sync:
    """The sync form of what the tests do."""

    async def begin(self, *replies, **kwargs):
        return begin(*replies, **kwargs)

    async def get(self, response, name):
        return getattr(response, name)

    async def read(self, response, until=None):
        types = []
        generator = response.events
        for event in generator:
            types.append(event.type)
            if event.type == until:
                break
        generator.close()
        return types

    async def process(self, response, processor=None):
        response.process(processor)


class Async:
    """The async form of what the tests do."""

    async def begin(self, *replies, **kwargs):
        return await make_agent(*replies).a_run(message="What is 1 + 2?", tools=[add], **kwargs)

    async def get(self, response, name):
        return await getattr(response, name)

    async def read(self, response, until=None):
        types = []
        generator = response.events
        async for event in generator:
            types.append(event.type)
            if event.type == until:
                break
        await generator.aclose()
        return types

    async def process(self, response, processor=None):
        await response.process(processor)


def run(coroutine):
    """Run a coroutine; no thread and no task is left."""

    async def main():
        await coroutine
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main(), debug=True)
    assert not [thread for thread in threading.enumerate() if "iterator" in thread.name]


both = pytest.mark.parametrize("form", [Sync(), Async()], ids=["sync", "async"])


@both
def test_a_waiting_response_begins_at_the_first_value(form, capsys):
    async def main():
        response = await form.begin()
        assert "waiting" in repr(response)
        assert await form.get(response, "summary") == "It is 3"
        assert await form.get(response, "last_speaker") == "alice"
        assert len(await form.get(response, "messages")) == 4
        assert await form.get(response, "context_variables") is None
        cost = await form.get(response, "cost")
        assert (
            cost.usage_including_cached_inference.total_cost == 0 == cost["usage_including_cached_inference"]["total_cost"]
        )
        # the recorded events, as often as wanted
        assert await form.read(response) == await form.read(response) == WITH_A_TOOL

    run(main())
    assert not capsys.readouterr().out


@both
def test_a_waiting_response_begins_with_its_events(form, capsys):
    async def main():
        response = await form.begin()
        assert await form.read(response) == WITH_A_TOOL
        assert not capsys.readouterr().out
        assert await form.get(response, "summary") == "It is 3"
        await form.process(response)
        assert "It is 3" in capsys.readouterr().out

    run(main())


@both
@pytest.mark.parametrize("answers", [[], ["And 2 + 2?", "exit"]], ids=["alone", "with a human"])
def test_process_prints_as_the_chat_does(form, answers, capsys, monkeypatch):
    replies = [tool_call("add", a=1, b=2), "It is 3", "It is 4"]

    async def process():
        await form.process(await form.begin(*replies, user_input=bool(answers)))

    async def chat():
        mode = "ALWAYS" if answers else "NEVER"
        user = ConversableAgent("user", llm_config=False, human_input_mode=mode, default_auto_reply=None)
        user.register_for_execution()(add)
        agent = make_agent(*replies)
        agent.register_for_llm(description="Add.")(add)
        start = user.a_initiate_chat if isinstance(form, Async) else user.initiate_chat
        result = start(agent, message="What is 1 + 2?", max_turns=None if answers else 2)
        if isinstance(form, Async):
            await result

    printed = []
    for main in (process, chat):
        left = iter(["", *answers])
        monkeypatch.setattr("builtins.input", lambda prompt, left=left: print(prompt) or next(left))
        run(main())
        # Each call has an id of its own, and its length counts the stars.
        printed.append(re.sub(r"call_\d+|\*{3,}", "", capsys.readouterr().out))
    assert printed[0] == printed[1]
    assert "It is 3" in printed[0]


@both
def test_inside_of_the_loop_there_is_nothing_yet(form):
    async def main():
        response = await form.begin()
        generator = response.events
        await (anext(generator) if isinstance(form, Async) else asyncio.sleep(0, next(generator)))
        assert await form.get(response, "summary") is None
        assert await form.get(response, "messages") == []
        with pytest.raises(RuntimeError, match="read already"):
            response.events
        with pytest.raises(RuntimeError, match="read already"):
            await form.process(response)
        if isinstance(form, Async):
            await generator.aclose()
        else:
            generator.close()

    run(main())


@both
def test_leaving_the_loop_ends_the_chat(form):
    async def main():
        response = await form.begin()
        assert await form.read(response, until="tool_call") == ["text", "tool_call"]
        result = await response.result() if isinstance(form, Async) else response
        assert result.stop_reason is StopReason.STOPPED
        assert len(result.chat_history) == 2
        assert (await form.read(response))[:2] == ["text", "tool_call"]

    run(main())


@both
@pytest.mark.parametrize("seen", [1, 2, 3])
def test_who_leaves_the_loop_has_the_messages_that_were_read(form, seen):
    """All histories have them, too: of both sides, of the group, and of its members."""
    texts = ["Hello", "one", "two", "three"][:seen]

    async def read(response):
        events_read = response.events
        left = seen
        async for event in events_read if isinstance(form, Async) else iterate(events_read):
            left -= event.type == "text"
            if not left:
                break
        await events_read.aclose() if isinstance(form, Async) else events_read.close()
        assert [message["content"] for message in await form.get(response, "messages")] == texts

    async def main():
        a, b = make_agent("one", "three"), ConversableAgent("bob", llm_config=ScriptedModel("two").llm_config)
        chat = {"message": "Hello", "max_turns": 2}
        await read(b.run(a, **chat) if isinstance(form, Sync) else await b.a_run(a, **chat))
        for first, second in ((a, b), (b, a)):
            assert [message["content"] for message in first.chat_messages[second]] == texts
        a, b = make_agent("one", "three"), ConversableAgent("bob", llm_config=ScriptedModel("two").llm_config)
        pattern = RoundRobinPattern(a, [a, b])
        start = run_group_chat if isinstance(form, Sync) else a_run_group_chat
        response = start(pattern, "Hello")
        await read(response if isinstance(form, Sync) else await response)
        if seen > 1:
            for member in (a, b):
                (history,) = member.chat_messages.values()
                assert [message["content"] for message in history] == texts

    run(main())


async def iterate(generator):
    for item in generator:
        yield item


@both
def test_an_error_is_raised_at_its_place_and_to_every_reader(form):
    async def main():
        response = await form.begin(ZeroDivisionError("no model"))
        for _ in range(2):
            with pytest.raises(ZeroDivisionError, match="no model"):
                await form.get(response, "summary")
        for read in (form.read, form.process):
            with pytest.raises(ZeroDivisionError):
                await read(response)
        response = await form.begin(ZeroDivisionError("no model"))
        with pytest.raises(ZeroDivisionError):
            await form.read(response)
        with pytest.raises(ZeroDivisionError):
            await form.get(response, "messages")
        assert await form.read(response, until="error") == ["text", "error"]

    run(main())


@both
def test_questions_are_answered_by_the_reader(form):
    async def main():
        response = await form.begin("Which one?", "Done", user_input=True)
        answers = iter(["the first", "exit"])

        class Answering(ConsoleEventProcessor if isinstance(form, Sync) else AsyncConsoleEventProcessor):
            if isinstance(form, Sync):

                def process_event(self, event):
                    if event.type == "input_request":
                        event.content.respond(next(answers))
            else:

                async def process_event(self, event):
                    if event.type == "input_request":
                        event.content.respond(next(answers))

        await form.process(response, Answering())
        contents = [message["content"] for message in await form.get(response, "messages")]
        assert contents == ["What is 1 + 2?", "Which one?", "the first", "Done"]
        assert await form.read(response)

    run(main())


def test_no_reader_answers_so_the_stream_of_the_caller_does():
    class Stream(IOStream):
        def print(self, *objects, **kwargs): ...

        def input(self, prompt="", *, password=False):
            return "exit"

    with IOStream.set_default(Stream()):
        response = begin("Which one?", user_input=True)
    assert "input_request" in [event.type for event in response.events]
    assert response.stop_reason is StopReason.HUMAN_EXIT


def test_a_task_by_position_runs_at_once():
    model = ScriptedModel("42")
    agent = ConversableAgent("alice", llm_config=model.llm_config)
    response = agent.run("6 * 7?", silent=True)
    assert len(model.requests) == 1
    assert response.summary == "42"
    assert isinstance(response, ChatResult)


def test_a_finished_response_is_a_result():
    response = begin()
    with pytest.raises(TypeError, match="waiting"):
        copy.copy(response)
    assert response.summary
    result = ChatResult(**{item.name: getattr(response, item.name) for item in dataclasses.fields(ChatResult)})
    assert response == result
    assert result == response
    assert dataclasses.asdict(response) == dataclasses.asdict(result)
    assert dataclasses.replace(response, chat_id=7).chat_id == 7
    for twin in (pickle.loads(pickle.dumps(response)), copy.copy(response)):
        assert twin == response
        assert (twin.last_speaker, twin.uuid) == ("alice", response.uuid)
        assert [event.type for event in twin.events] == WITH_A_TOOL
    assert repr(response) == repr(result)
    response.chat_id = 3
    assert response.chat_id == 3


def test_looking_at_a_response_from_outside_begins_nothing():
    model = ScriptedModel("Hello")
    response = ConversableAgent("alice", llm_config=model.llm_config).run(message="Hi")
    assert isinstance(response, RunResponseProtocol)
    assert isinstance(response, RunResponse)
    assert (response.above_run, len(response.agents)) == (None, 2)
    assert "waiting" in response._repr_html_()
    assert not model.requests
    response.process()


def test_a_response_that_nobody_looked_at_is_reported(caplog):
    with caplog.at_level(logging.WARNING):
        begin()
        gc.collect()
    assert "never looked at" in caplog.text


def test_the_other_side_is_made_anew_for_other_arguments():
    agent = make_agent("one", "two", "three")
    assert agent.run_executor is None
    assert agent.run(message="Hi").summary == "one"
    first = agent.run_executor
    assert agent.run(message="Hi").summary == "two"
    assert agent.run_executor is first
    agent.run(message="Hi", user_input=True).agents
    assert agent.run_executor is not first
    assert agent.run_executor.human_input_mode == "ALWAYS"


def test_tools_are_known_for_the_run_alone():
    for replies, error in (((tool_call("add", a=1, b=2), "3"), None), ((LookupError("down"),), LookupError)):
        agent = make_agent(*replies)
        response = agent.run(message="1 + 2?", tools=[add])
        if error:
            with pytest.raises(error):
                response.summary
        else:
            assert response.summary == "3"
        assert not agent.llm_config.get("tools")


@pytest.mark.parametrize(
    ("kwargs", "error", "words"),
    [
        ({"message": "Hi", "msg_to": "human"}, ValueError, "msg_to must be"),
        ({"message": "Hi", "user_inputs": True}, TypeError, "unexpected keyword argument"),
        ({"recipient": 7, "message": "Hi"}, TypeError, "must be an agent"),
        ({"recipient": "Hi", "message": "Hi"}, TypeError, "twice"),
    ],
)
def test_arguments_without_a_meaning_are_refused_at_once(kwargs, error, words):
    with pytest.raises(error, match=words):
        make_agent().run(**kwargs)


@pytest.mark.parametrize("start", [initiate_group_chat, run_group_chat, run_group_chat_iter, a_run_group_chat_iter])
def test_a_group_chat_needs_a_pattern(start):
    with pytest.raises(TypeError, match="pattern must be a Pattern"):
        start("Hello", [make_agent()])


def test_msg_to_user_lets_the_agent_begin():
    response = make_agent("never").run(message="Hello, user", msg_to="user")
    assert [(event.content.sender, event.content.content) for event in response.events if event.type == "text"] == [
        ("alice", "Hello, user")
    ]


def test_an_iterator_speaks_the_vocabulary_that_is_requested():
    iterator = make_agent().run_iter(message="1 + 2?", tools=[add], yield_on=[TextEvent, "tool_call"])
    assert iterator.summary is None
    assert iterator.messages == []
    assert [type(event) for event in iterator] == [TextEvent, ToolCallEvent, TextEvent]
    assert (iterator.summary, iterator.last_speaker, iterator.result.summary) == ("It is 3", "alice", "It is 3")
    kinds = [event.type for event in make_agent("Hi").run_iter(message="Hi", yield_on=[events.MessageSent])]
    assert kinds == ["message_sent", "message_sent"]
    with pytest.raises(ValueError, match="not both"):
        make_agent().run_iter(message="Hi", yield_on=[TextEvent, events.MessageSent])


@wrap_event
class ParcelLostEvent(BaseEvent):
    """An event of a program."""

    number: int


def test_events_and_lines_of_tools_are_in_order():
    def lose(number: int) -> str:
        """Lose a parcel."""
        stream = IOStream.get_default()
        stream.print("lost", number)
        stream.send(ParcelLostEvent(number=number))
        return "lost"

    agent = make_agent(tool_call("lose", number=7), "sorry")
    found = {event.type: event for event in agent.run(message="Lose it", tools=[lose]).events}
    names = list(found)
    assert names[names.index("execute_function") :][:4] == ["execute_function", "print", "parcel_lost", "executed_function"]
    assert found["print"].content.objects == ["lost", "7"]
    assert found["parcel_lost"].content.number == 7


SAMPLES = {
    "sender": "alice",
    "speaker": "alice",
    "agent": "alice",
    "content": "Hello",
    "name": "add",
    "tool_responses": [{"tool_call_id": "1", "content": "3"}],
    "function_call": {"name": "add", "arguments": "{}"},
    "tool_calls": [{"id": "1", "function": {"name": "add", "arguments": "{}"}}],
    "mentions": {"alice": 1},
    "error": ValueError("broken"),
    "code_blocks": ["python"],
    "objects": ["a line"],
    "agents": ["alice"],
    "actual": {},
    "total": {"total_cost": 0.5},
    "mode": "both",
    "source_agent": make_agent(),
    "transition_target": make_agent(),
    "number": 7,
}


def test_every_event_survives_json_and_prints():
    adapter = TypeAdapter(get_annotated_type_for_event_classes())
    lines = []
    for name, event_class in get_event_classes().items():
        fields = event_class.model_fields["content"].annotation.model_fields
        required = {key: SAMPLES.get(key) for key, field in fields.items() if field.is_required() and key != "uuid"}
        defaults = {str: "text", int: 3, bool: True}
        values = {
            key: defaults.get(fields[key].annotation, "alice") if value is None else value for key, value in required.items()
        }
        event = event_class(*values.pop("objects", ()), **values)
        assert event.type == name
        again = adapter.validate_json(event.model_dump_json())
        assert again == event
        assert type(again) is type(event)
        event.print(lambda *objects, **kwargs: lines.append(objects))
    assert len(get_event_classes()) >= 38
    assert ("a line",) in lines


def test_a_name_without_event_is_refused():
    with pytest.raises(ValueError, match="must end with 'Event'"):

        @wrap_event
        class Parcel(BaseEvent):
            pass


def test_cost_is_a_dict_with_attributes():
    usage = {"total_cost": 0.5, "gpt": {"cost": 0.5, "prompt_tokens": 2, "completion_tokens": 1, "total_tokens": 3}}
    cost = Cost.from_raw({"usage_including_cached_inference": usage})
    assert cost.usage_including_cached_inference.models["gpt"].total_tokens == 3
    assert cost.usage_excluding_cached_inference.total_cost == 0
    assert cost.model_dump(mode="json")["usage_including_cached_inference"] == usage
    with pytest.raises(AttributeError, match="it has"):
        cost.total


IN_A_GROUP = [
    *("text", "group_chat_run_chat", "using_auto_reply", "tool_call"),
    # alice executes her own call
    *("group_chat_run_chat", "execute_function", "executed_function", "reply_result_transition"),
    *("tool_response", "group_chat_run_chat", "text", "after_works_transition", "termination", "run_completion"),
]


def make_pattern():
    """Make a group in which a tool hands over, and the group ends after the answer."""

    def hand_over(reason: str) -> ReplyResult:
        """Hand over."""
        return ReplyResult("over to bob", AgentNameTarget("bob"), {"reason": reason})

    model = ScriptedModel(tool_call("hand_over", reason="tired"), "It is done")
    alice = ConversableAgent("alice", llm_config=model.llm_config, functions=[hand_over])
    bob = ConversableAgent("bob", llm_config=model.llm_config, human_input_mode="NEVER")
    return DefaultPattern(alice, [alice, bob], group_after_work=TerminateTarget())


@both
def test_a_group_has_its_events_and_values(form):
    async def main():
        response = run_group_chat(make_pattern(), "Hello")
        if isinstance(form, Async):
            response = await a_run_group_chat(make_pattern(), "Hello")
        assert await form.read(response) == IN_A_GROUP
        assert await form.get(response, "summary") == "It is done"
        assert await form.get(response, "last_speaker") == "bob"
        variables = await form.get(response, "context_variables")
        assert variables.to_dict() == {"reason": "tired"}

    run(main())
    iterator = run_group_chat_iter(make_pattern(), "Hello", yield_on=["text"])
    assert [event.content.content for event in iterator] == ["Hello", "It is done"]
    assert (iterator.last_speaker, len(iterator.agents)) == ("bob", 2)
    iterator = a_run_group_chat_iter(make_pattern(), "Hello", yield_on=[TextEvent])

    async def read():
        assert [event.content.content async for event in iterator] == ["Hello", "It is done"]

    run(read())


def make_queue(*replies):
    answering = [
        ConversableAgent(f"peer{number}", llm_config=ScriptedModel(reply).llm_config, human_input_mode="NEVER")
        for number, reply in enumerate(replies)
    ]
    asking = ConversableAgent("asking", llm_config=False, human_input_mode="NEVER")
    return asking, [{"recipient": peer, "message": "Go", "max_turns": 1} for peer in answering]


@both
def test_a_sequence_carries_over_and_runs_what_comes_before(form):
    async def main():
        asking, queue = make_queue("one", "two")
        before = copy.deepcopy([list(chat) for chat in queue])
        responses = asking.sequential_run(queue) if isinstance(form, Sync) else await asking.a_sequential_run(queue)
        assert await form.read(responses[1]) == [
            "post_carryover_processing",
            "text",
            "text",
            "termination",
            "run_completion",
        ]
        assert "one" in (await form.get(responses[1], "messages"))[0]["content"]
        assert await form.get(responses[0], "summary") == "one"
        assert [list(chat) for chat in queue] == before
        asking, queue = make_queue(LookupError("down"), "two")
        responses = asking.sequential_run(queue) if isinstance(form, Sync) else await asking.a_sequential_run(queue)
        with pytest.raises(RuntimeError, match="Chat 0 of the queue failed"):
            await form.get(responses[1], "summary")
        with pytest.raises(LookupError):
            await form.get(responses[0], "summary")

    run(main())
