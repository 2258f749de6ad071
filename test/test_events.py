"""The stream of events: what is told, in which order, and that nobody pays who doesn't listen."""

import asyncio
import json
import pickle
import threading

import pytest

import autogen.events
from autogen import GroupChat, GroupChatManager, register_function
from autogen.coding import LocalCommandLineCodeExecutor
from autogen.testing import Fault, OpenAIServer, ScriptedModel, tool_call


@pytest.fixture
def heard():
    """All events of the test."""
    events = []
    with autogen.events.subscribe(events.append, everywhere=True):
        yield events


def kinds(events, *without):
    return [event.type for event in events if event.type not in {"reply_started", "reply_ended", *without}]


def test_a_chat_between_two(call, agent, heard):
    a, b = agent("a"), agent("b", llm_config=ScriptedModel("hello").llm_config)
    result = call(a.initiate_chat, b, message="hi", max_turns=1)
    assert kinds(heard) == ["chat_started", "message_sent", "model_asked", "model_answered", "message_sent", "chat_ended"]
    started, said, asked, answered, reply, ended = [event for event in heard if not event.type.startswith("reply")]
    assert (started.initiator, started.recipient, started.parent) == ("a", "b", "")
    assert (said.sender, said.recipient, said.message) == ("a", "b", "hi")
    assert (asked.agent, asked.model, asked.attempt, asked.messages) == ("b", "scripted", 1, 2)
    assert (answered.cached, answered.completion_tokens) == (False, 1)
    assert reply.message == "hello"
    assert (ended.stop_reason, ended.summary, ended.messages, ended.error) == ("max_turns", "hello", 2, None)
    assert {event.chat for event in heard} == {started.chat}
    assert result.summary == "hello"


def test_reply_functions_are_told_with_what_they_decided(call, agent, heard):
    call(agent("a", default_auto_reply="x").generate_reply, [{"role": "user", "content": "hi"}])
    replies = [event for event in heard if event.type == "reply_ended"]
    assert [event.function for event in replies] == [
        "check_termination_and_human_reply",
        "generate_function_call_reply",
        "generate_tool_calls_reply",
        "generate_oai_reply",
    ]
    assert not any(event.final for event in replies)


def test_tools(call, agent, heard):
    model = ScriptedModel([tool_call("double", x=2), tool_call("lost")], "done")
    caller, user = (
        agent("caller", llm_config=model.llm_config),
        agent("user", is_termination_msg=lambda m: m["content"] == "done"),
    )

    def double(x: int) -> int:
        return 2 * x

    register_function(double, caller=caller, executor=user, description="Double.")
    call(user.initiate_chat, caller, message="go")
    called = [event for event in heard if event.type == "tool_called"]
    returned = [event for event in heard if event.type == "tool_returned"]
    assert [(event.agent, event.name) for event in called] == [("user", "double"), ("user", "lost")]
    assert next((event.success, event.content) for event in returned) == (True, "4")
    assert returned[1].success is False


@pytest.mark.parametrize("executor", [True, False])
def test_code(call, agent, heard, tmp_path, executor):
    config = {"executor": LocalCommandLineCodeExecutor(work_dir=tmp_path)}
    user = agent("user", code_execution_config=config if executor else {"work_dir": str(tmp_path), "use_docker": False})
    call(user.generate_reply, [{"role": "user", "content": "```python\nprint(6 * 7)\n```"}])
    [started] = [event for event in heard if event.type == "code_started"]
    [ended] = [event for event in heard if event.type == "code_ended"]
    assert started.blocks == [["python", "print(6 * 7)"]]
    assert (ended.exit_code, ended.output.strip()) == (0, "42")


def test_humans_are_asked_by_events_that_can_be_answered(call, agent):
    def answer(event):
        if event.type == "human_asked":
            event.respond(f"to {event.agent}")
            event.respond("too late")

    user = agent("user", human_input_mode="ALWAYS", human_input_source=lambda prompt: pytest.fail("nobody else is asked"))
    with autogen.events.subscribe(answer):
        assert call(agent("a").initiate_chat, user, message="hi", max_turns=1).summary == "to user"


def test_humans_who_answer_otherwise(call, agent, heard):
    user = agent("user", human_input_mode="ALWAYS", human_input_source=lambda prompt: "typed")
    call(agent("a").initiate_chat, user, message="hi", max_turns=1)
    [asked] = [event for event in heard if event.type == "human_asked"]
    [answered] = [event for event in heard if event.type == "human_answered"]
    assert "'exit'" in asked.prompt
    assert (answered.agent, answered.text) == ("user", "typed")


def test_speakers_are_told_with_the_reason(call, agent, heard):
    a, b = agent("a", default_auto_reply="A"), agent("b", default_auto_reply="B")
    group = GroupChat([a, b], max_round=3, speaker_selection_method="round_robin")
    call(a.initiate_chat, GroupChatManager(group), message="hi")
    selected = [(event.speaker, event.why) for event in heard if event.type == "speaker_selected"]
    assert [name for name, _ in selected] == ["b", "a"]
    assert all(why for _, why in selected)
    assert [event.sender for event in heard if event.type == "message_sent"] == ["a", "b", "a"]


def test_failures_of_endpoints(call, agent, heard):
    with OpenAIServer(Fault(status=500), Fault(status=401)) as bad, OpenAIServer("fine") as good:
        entries = [{**bad.config, "max_retries": 1}, good.config]
        config = {"config_list": entries, "cache_seed": None, "retry_policy": {"first_delay": 0.001}}
        call(agent("a", llm_config=config).generate_reply, [{"role": "user", "content": "hi"}])
    assert kinds(heard) == ["model_asked", "model_failed", "model_asked", "model_failed", "model_asked", "model_answered"]
    first, second = [event for event in heard if event.type == "model_failed"]
    assert first.then.startswith("retrying in")
    assert second.then == "trying the next endpoint"
    assert [event.attempt for event in heard if event.type == "model_asked"] == [1, 2, 3]


def test_an_error_ends_the_chat_and_is_told(call, agent, heard):
    def fail(*_, **__):
        raise LookupError("nothing there")

    b = agent("b")
    b.register_reply([type(b), None], fail)
    with pytest.raises(LookupError):
        call(agent("a").initiate_chat, b, message="hi")
    assert heard[-1].type == "chat_ended"
    assert heard[-1].error == "LookupError: nothing there"


def test_chats_inside_chats_name_their_parent(call, agent, heard):
    outer, inner = agent("outer"), agent("inner", default_auto_reply="deep")
    asker = agent("asker")
    outer.register_nested_chats([{"recipient": inner, "max_turns": 1, "silent": True}], trigger=asker)
    call(asker.initiate_chat, outer, message="hi", max_turns=1)
    first, second = [event for event in heard if event.type == "chat_started"]
    assert second.parent == first.chat
    assert [event.chat for event in heard if event.type == "chat_ended"] == [second.chat, first.chat]


def test_every_event_is_json_without_secrets(call, agent, heard):
    key = "sk-0123456789abcdefghijklmnop"
    model = ScriptedModel(tool_call("f", api_key=key), "done")
    caller = agent("caller", llm_config=model.llm_config)
    user = agent("user", function_map={"f": lambda api_key: object}, is_termination_msg=lambda m: m["content"] == "done")
    call(user.initiate_chat, caller, message=f"the key is {key}")
    text = json.dumps([event.to_dict() for event in heard])
    assert key not in text
    assert '"type": "tool_called"' in text


def test_a_listener_that_fails_does_not_harm_the_chat(call, agent, caplog):
    def fail(event):
        raise RuntimeError("no space left")

    with autogen.events.subscribe(fail):
        assert call(agent("a").initiate_chat, agent("b", default_auto_reply="R"), message="hi", max_turns=1).summary == "R"
    assert "no space left" in caplog.text


def test_listeners_hear_their_own_context_only(agent):
    async def main():
        async def one(name):
            mine = []
            with autogen.events.subscribe(mine.append):
                await agent(name).a_initiate_chat(agent("peer"), message="hi", max_turns=1)
            return {event.initiator for event in mine if event.type == "chat_started"}

        return await asyncio.gather(one("a"), one("b"))

    assert asyncio.run(main()) == [{"a"}, {"b"}]


def test_nothing_is_made_while_nobody_listens(call, agent, monkeypatch):
    monkeypatch.setattr(autogen.events, "emit", lambda event: pytest.fail("an event was made"))
    assert autogen.events.has_listeners is False
    call(agent("a").initiate_chat, agent("b"), message="hi", max_turns=2)


def test_threads_are_heard_everywhere(agent, heard):
    chat = threading.Thread(target=lambda: agent("a").initiate_chat(agent("b"), message="hi", max_turns=1))
    chat.start()
    chat.join()
    assert kinds(heard)[0] == "chat_started"


def test_a_pickled_event_leaves_the_objects_of_its_process_behind():
    lock = threading.Lock()
    started = autogen.events.ChatStarted(initiator="a", recipient="b", _agents=(lock, lock))
    asked = autogen.events.HumanAsked(agent="a", prompt="?", _answers=["yes"])
    for event in (started, asked):
        assert pickle.loads(pickle.dumps(event)) == event
    assert pickle.loads(pickle.dumps(started)).agents == ()
    assert pickle.loads(pickle.dumps(asked)).answer is None


def test_the_frequent_events_are_made_like_all_others(agent, heard):
    """They go past their constructors, so they must not lack a field that is added there."""
    agent("a", default_auto_reply="x").generate_reply([{"role": "user", "content": "hi"}])
    assert {type(event) for event in heard} == {autogen.events.ReplyStarted, autogen.events.ReplyEnded}
    for event in heard:
        made = type(event)(**vars(event))
        assert list(vars(event)) == list(vars(made))
        assert (event, repr(event), event.to_dict()) == (made, repr(made), made.to_dict())
    assert len({event.operation for event in heard}) == len(heard) / 2
