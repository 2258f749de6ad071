"""The fold over events: the tree of chats and operations, in a live stream and in a recording."""

import threading
from dataclasses import dataclass
from typing import ClassVar

import pytest

import autogen.events
from autogen import GroupChat, GroupChatManager, register_function
from autogen.coding import LocalCommandLineCodeExecutor
from autogen.events import ChatEnded, ChatStarted, Event, MessageSent, ModelAnswered, ModelAsked, ToolCalled, ToolReturned
from autogen.events._history import History, fold, read_event
from autogen.events._observer import Observer
from autogen.testing import Fault, OpenAIServer, ScriptedModel, tool_call


@pytest.fixture
def watch():
    """Run a chat; return its events, with the operations that each opened or closed, and whether they were open then."""

    def watch(chat):
        observer, steps = Observer(), []

        def listen(event):
            steps.append((event, [(operation, operation.is_open) for operation in observer.observe(event)]))

        with autogen.events.subscribe(listen):
            chat()
        return observer, steps

    return watch


def double(x: int) -> int:
    """Double a number."""
    return 2 * x


def test_each_operation_opens_and_closes_once(call, agent, watch, tmp_path):
    model = ScriptedModel(tool_call("double", x=2), "```python\nprint(1)\n```", "done")
    caller = agent("caller", llm_config=model.llm_config)
    user = agent(
        "user",
        code_execution_config={"executor": LocalCommandLineCodeExecutor(work_dir=tmp_path)},
        is_termination_msg=lambda message: message["content"] == "done",
    )
    register_function(double, caller=caller, executor=user, description="Double.")
    observer, steps = watch(lambda: call(user.initiate_chat, caller, message="go"))
    changes = [change for _, changed in steps for change in changed]
    operations = list(dict.fromkeys(operation for operation, _ in changes))
    assert all([is_open for other, is_open in changes if other is operation] == [True, False] for operation in operations)
    assert all(operation.started and operation.ended and operation.seconds is not None for operation in operations)
    kinds = [operation.kind for operation in operations if operation.kind != "reply"]
    assert kinds == ["chat", "model", "tool", "model", "code", "model"]
    parents = {operation.parent for operation in operations if operation.kind in ("model", "tool", "code")}
    assert parents < {operation.id for operation in operations if operation.kind == "reply" and operation.ended.final}
    assert (observer.totals.messages, observer.totals.responses, observer.totals.tools, observer.totals.code) == (6, 3, 1, 1)
    assert observer.chat_count == 1


def test_attempts_of_one_request_share_its_id(call, agent, watch):
    with OpenAIServer(Fault(status=500)) as bad, OpenAIServer("fine") as good:
        config = {"config_list": [bad.config | {"max_retries": 0}, good.config], "cache_seed": None}
        speaker = agent("a", llm_config=config)
        observer, steps = watch(lambda: call(speaker.generate_reply, [{"role": "user", "content": "hi"}]))
    closed = [op for _, changed in steps for op, is_open in changed if op.kind == "model" and not is_open]
    assert [(op.attempt, op.failed) for op in closed] == [(1, True), (2, False)]
    assert len({op.id for op in closed}) == 1
    assert (observer.totals.requests, observer.totals.failures, observer.totals.responses) == (2, 1, 1)
    assert not observer.root.inner


def test_the_end_of_a_chat_closes_everything_in_it(call, agent, watch):
    def stop(x: int) -> int:
        """Stop."""
        raise KeyboardInterrupt

    caller = agent("caller", llm_config=ScriptedModel(tool_call("stop", x=1)).llm_config)
    user = agent("user")
    register_function(stop, caller=caller, executor=user, description="Stop.")

    def chat():
        with pytest.raises(KeyboardInterrupt):
            user.initiate_chat(caller, message="go")

    observer, steps = watch(chat)
    event, changed = steps[-1]
    assert isinstance(event, ChatEnded)
    assert [(op.kind, is_open) for op, is_open in changed] == [("tool", False), ("reply", False), ("chat", False)]
    assert [op.seconds is None for op, _ in changed] == [True, True, False]
    assert changed[-1][0].failed
    assert not observer.root.inner


def test_the_turns_of_a_group(call, agent, watch):
    a, b = agent("a", default_auto_reply="A"), agent("b", default_auto_reply="B")
    group = GroupChat([a, b], max_round=3, speaker_selection_method="round_robin")
    _, steps = watch(lambda: call(a.initiate_chat, GroupChatManager(group, silent=True), message="hi"))
    turns = [(op.agent, event.type) for event, changed in steps for op, _ in changed if op.kind == "turn"]
    assert turns == [(name, kind) for name in "ba" for kind in ("speaker_selected", "message_sent")]


def test_nothing_is_kept_of_what_has_ended(agent):
    observer = Observer()

    def chats():
        for _ in range(20):
            b = agent("b", llm_config=ScriptedModel(tool_call("double", x=2), "x").llm_config)
            agent("a", function_map={"double": double}).initiate_chat(b, message="hi", max_turns=2)

    with autogen.events.subscribe(observer.observe, everywhere=True):
        threads = [threading.Thread(target=chats) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert observer.totals.messages == 8 * 20 * 4
    assert observer.totals.tools == observer.totals.responses / 2 == 8 * 20
    assert not observer.root.inner
    assert not observer._open


def tool_event(kind, at, operation="", name="f", **more):
    common = {"at": at, "chat": "c", "operation": operation, "parent_operation": "c" if operation else "", "agent": "a"}
    return {"type": kind, **common, "name": name, **more}


def returned(at, content, **more):
    return tool_event("tool_returned", at, content=content, success=True, seconds=1.0, **more)


def test_concurrent_calls_are_matched_by_id():
    chat = fold(
        [
            tool_event("tool_called", 1.0, "c/1", arguments="first"),
            tool_event("tool_called", 2.0, "c/2", arguments="second"),
            returned(3.0, "of the first", operation="c/1"),
            returned(4.0, "of the second", operation="c/2"),
        ]
    )
    contents = [(op.about["arguments"], op.about["content"]) for op in chat.pending.work]
    assert contents == [("first", "of the first"), ("second", "of the second")]


def test_without_ids_the_last_started_operation_of_the_name_ends_first():
    chat = fold(
        [
            tool_event("tool_called", 1.0, arguments="outer"),
            tool_event("tool_called", 2.0, arguments="inner"),
            tool_event("tool_called", 2.0, arguments="other", name="g"),
            returned(3.0, "of the inner"),
            returned(4.0, "of the outer"),
        ]
    )
    contents = [(op.about["arguments"], op.about.get("content")) for op in chat.pending.work]
    assert contents == [("outer", "of the outer"), ("inner", "of the inner"), ("other", None)]


def test_an_operation_that_starts_again_was_lost_with_its_process():
    asked = {
        "type": "model_asked",
        "agent": "a",
        "model": "m",
        "endpoint": "",
        "attempt": 1,
        "chat": "c",
        "operation": "c/m",
    }
    chat = fold(
        [
            {
                "type": "message_sent",
                "at": 1.0,
                "chat": "c",
                "operation": "c",
                "sender": "u",
                "recipient": "a",
                "message": "?",
            },
            asked | {"at": 2.0},
            asked | {"at": 1000.0},
            asked | {"at": 1001.0, "type": "model_answered", "seconds": 1.0},
        ]
    )
    lost, answered = chat.pending.work
    assert (lost.seconds, lost.is_open, answered.seconds) == (None, False, 1.0)
    assert chat.restarts == 1
    assert chat.pending.seconds == 2.0


def test_a_lost_tool_that_is_reported_by_the_next_process():
    called = tool_event("tool_called", 2.0, "c/1", arguments="{}")
    chat = fold([called, {"type": "nonsense"}, "no event", None, returned(500.0, "unknown", operation="c/1")])
    [operation] = [op for op in chat.pending.work if op.kind == "tool"]
    assert operation.about["content"] == "unknown"
    assert chat.restarts == 1


def test_events_of_extensions_are_generic_operations():
    page = {"agent": "surfer", "chat": "c", "operation": "c/page", "parent_operation": "c", "url": "http://a"}
    chat = fold(
        [
            {"type": "chat_started", "at": 0.0, "chat": "c", "operation": "c", "initiator": "u", "recipient": "surfer"},
            page | {"type": "page_opened", "at": 1.0},
            page | {"type": "page_closed", "at": 3.0, "size": 7},
            page | {"type": "context_compacted", "at": 4.0, "operation": "c", "parent_operation": ""},
        ]
    )
    opened, compacted = chat.pending.work
    assert (opened.kind, opened.agent, opened.seconds, opened.is_open) == ("page", "surfer", 2.0, False)
    assert opened.about == {"url": "http://a", "size": 7}
    assert (compacted.kind, compacted.seconds, compacted.failed) == ("context", 0.0, False)


def test_events_of_extensions_may_say_what_they_start_and_end(watch):
    @dataclass(kw_only=True)
    class PageOpened(Event):
        type: ClassVar[str] = "page_opened"
        starts: ClassVar[str] = "page"
        agent: str

    @dataclass(kw_only=True)
    class PageClosed(Event):
        type: ClassVar[str] = "page_closed"
        ends: ClassVar[str] = "page"
        agent: str

    def surf():
        with autogen.events.enter_operation("1"):
            autogen.events.emit(PageOpened(agent="surfer"))
            autogen.events.emit(PageClosed(agent="surfer"))

    _, steps = watch(surf)
    assert [[(op.kind, is_open) for op, is_open in changed] for _, changed in steps] == [[("page", True)], [("page", False)]]


def test_a_history_can_be_read_while_it_grows(call, agent):
    history, texts = History(), []

    def listen(event):
        history.observe(event)
        texts.append([turn.text for turn in history.get_conversation().turns])

    with autogen.events.subscribe(listen):
        call(agent("a").initiate_chat, agent("b", default_auto_reply="there"), message="hi", max_turns=1)
    assert texts[0] == []
    assert texts[-1] == ["hi", "there"]
    assert history.get_conversation().end.stop_reason == "max_turns"


def test_an_event_survives_its_recording(call, agent):
    heard = []
    model = ScriptedModel(tool_call("double", x=2), "x")
    with autogen.events.subscribe(heard.append):
        b = agent("b", llm_config=model.llm_config)
        call(agent("a", function_map={"double": double}).initiate_chat, b, message="hi", max_turns=2)
    assert {type(event) for event in heard} >= {
        ChatStarted,
        MessageSent,
        ModelAsked,
        ModelAnswered,
        ToolCalled,
        ToolReturned,
    }
    assert [read_event(event.to_dict()) for event in heard] == heard
