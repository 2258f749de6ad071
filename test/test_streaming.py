"""Replies that arrive as streams: the events, the output of agents, and silence."""

import asyncio
import logging

import pytest

from autogen import (
    AssistantAgent,
    ConversableAgent,
    GroupChat,
    GroupChatManager,
    OpenAIWrapper,
    UserProxyAgent,
    events,
    register_function,
)
from autogen.testing import Fault, OpenAIServer, Reply, ScriptedModel, tool_call

CUT = b'data: {"choices": [{"index": 0, "delta": {"content": "Hel"}}]}\n\n'
LINE = "-" * 80


@pytest.fixture(autouse=True)
def plain(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")


@pytest.fixture
def served():
    """Make an assistant whose streamed replies come from a server."""
    servers = []

    def make(*replies, name="assistant", **options):
        server = OpenAIServer(*replies)
        servers.append(server.__enter__())
        llm_config = {**server.llm_config, "stream": True, "cache_seed": None}
        return AssistantAgent(name, llm_config=llm_config, **options)

    yield make
    for server in servers:
        server.__exit__(None, None, None)


def make_user(**options):
    return UserProxyAgent("user", **{"human_input_mode": "NEVER", "code_execution_config": False, **options})


def city(name: str) -> str:
    """Return the weather of a city."""
    return f"sunny in {name}"


def test_a_streamed_reply_is_printed_once_under_its_speaker(call, served, capsys):
    call(make_user().initiate_chat, served("Hello there, friend."), message="hi", max_turns=1)
    expected = f"user (to assistant):\n\nhi\n\n{LINE}\nassistant (to user):\n\nHello there, friend.\n\n{LINE}\n"
    assert capsys.readouterr().out == expected


def test_the_events_of_a_stream_come_before_its_end(call, served):
    seen = []
    user, assistant = make_user(), served(tool_call("city", name="Oslo"), "It is sunny.")
    register_function(city, caller=assistant, executor=user, description="weather")
    with events.subscribe(seen.append, types=[events.TokenReceived, events.ModelAnswered]):
        call(user.initiate_chat, assistant, message="hi", max_turns=2, silent=True)
    kinds = [(event.kind, event.tool) if isinstance(event, events.TokenReceived) else "end" for event in seen]
    first_end = kinds.index("end")
    assert set(kinds[:first_end]) == {("arguments", "city")}
    assert set(kinds[first_end + 1 : -1]) == {("text", "")}
    assert kinds[-1] == "end"
    pieces = [event.delta for event in seen if isinstance(event, events.TokenReceived)]
    assert "".join(pieces) == '{"name": "Oslo"}It is sunny.'
    assert len({event.chat for event in seen}) == 1
    assert {event.agent for event in seen} == {"assistant"}


def test_the_tokens_of_some_agents_are_a_filter(call, served):
    writer, critic = served("one two", name="writer"), served("three ", "four", name="critic")
    seen = []

    def listen(event):
        if event.agent == "critic":
            seen.append(event.delta)

    with events.subscribe(listen, types="token_received"):
        call(writer.initiate_chat, critic, message="go", max_turns=2, silent=True)
    assert "".join(seen) == "three four"


def test_thinking_is_told_apart_while_it_arrives(call, served, capsys):
    text = "<think>Two and\n\ntwo.</think>\n\nIt is 4."
    user, seen = make_user(), []
    with events.subscribe(seen.append, types=events.TokenReceived):
        result = call(user.initiate_chat, served(Reply(text, chunks=list(text))), message="2+2?", max_turns=1)
    by_kind = {kind: "".join(e.delta for e in seen if e.kind == kind) for kind in ("thinking", "text")}
    assert by_kind == {"thinking": "Two and\n\ntwo.", "text": "It is 4."}
    assert result.summary == "It is 4."
    assert result.chat_history[-1]["reasoning"] == "Two and\n\ntwo."
    printed = capsys.readouterr().out
    assert (printed.count("It is 4."), printed.count("Two and"), printed.count("think>")) == (1, 1, 0)


def test_a_reply_that_breaks_off_is_printed_again_from_its_start(call, capsys, caplog):
    fault = Fault(status=200, body=CUT, headers={"Content-Type": "text/event-stream"})
    with OpenAIServer(fault) as first, OpenAIServer("Hello.") as second, caplog.at_level(logging.CRITICAL):
        entries = [{**server.config, "max_retries": 0} for server in (first, second)]
        assistant = AssistantAgent("assistant", llm_config={"config_list": entries, "stream": True, "cache_seed": None})
        call(make_user().initiate_chat, assistant, message="hi", max_turns=1)
    reply = capsys.readouterr().out.partition(LINE)[2]
    assert reply == f"\nassistant (to user):\n\nHel\n(the reply broke off)\nassistant (to user):\n\nHello.\n\n{LINE}\n"


def test_a_text_that_a_hook_changed_is_printed_as_it_is_sent(call, served, capsys):
    assistant = served("hello")
    assistant.register_hook("process_message_before_send", lambda sender, message, recipient, silent: message.upper())
    call(make_user().initiate_chat, assistant, message="hi", max_turns=1)
    assert "HELLO" in capsys.readouterr().out


def test_the_members_of_a_group_stream_under_their_names(call, served, capsys):
    a, b = served("from a", name="a"), served("from b", name="b")
    group = GroupChat([a, b], [], max_round=3, speaker_selection_method="round_robin")
    call(make_user().initiate_chat, GroupChatManager(group, llm_config=False), message="go")
    printed = capsys.readouterr().out
    for name in "ab":
        assert printed.count(f"from {name}") == 1
        assert f"{name} (to chat_manager):\n\nfrom {name}\n" in printed


def test_sync_and_async_group_chats_print_the_same(served, capsys):
    outputs = []
    for run in ("initiate_chat", "a_initiate_chat"):
        a, b = served("from a", "more of a", name="a"), served("from b", name="b")
        group = GroupChat([a, b], [], max_round=4, speaker_selection_method="round_robin", send_introductions=True)
        result = getattr(make_user(), run)(GroupChatManager(group, llm_config=False), message="go")
        if asyncio.iscoroutine(result):
            asyncio.run(result)
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1]


def test_without_an_agent_the_text_alone_is_printed(mode, capsys):
    with OpenAIServer("one two") as server:
        client = OpenAIWrapper(**{**server.llm_config, "stream": True, "cache_seed": None})
        messages = [{"role": "user", "content": "hi"}]
        response = client.create(messages=messages) if mode == "sync" else asyncio.run(client.a_create(messages=messages))
    assert response.choices[0].message.content == "one two"
    assert capsys.readouterr().out == "one two\n"


def test_a_scripted_model_streams_like_an_endpoint(call, capsys):
    assistant = AssistantAgent("assistant", llm_config={**ScriptedModel("one two").llm_config, "stream": True})
    call(make_user().initiate_chat, assistant, message="hi", max_turns=1)
    assert capsys.readouterr().out.count("one two") == 1


def test_run_iter_yields_the_tokens(served):
    assistant = served("one two")
    chat = make_user().run_iter(assistant, message="hi", max_turns=1, yield_on=[events.TokenReceived])
    assert "".join(event.delta for event in chat) == "one two"


def make_silent_chats(served):
    """Return functions that run chats of every kind, by name. All of them print something if they are not silent."""

    def run_tools(**options):
        user, assistant = make_user(), served(tool_call("city", name="Oslo"), "done")
        register_function(city, caller=assistant, executor=user, description="weather")
        return user.initiate_chat, (assistant,), {"message": "hi", "max_turns": 2, **options}

    def run_code(**options):
        user = make_user(code_execution_config={"use_docker": False})
        return (
            user.initiate_chat,
            (served("```python\nprint(6 * 7)\n```", "ok"),),
            {"message": "hi", "max_turns": 2, **options},
        )

    def run_group(**options):
        a, b = served("from a", name="a"), served("from b", name="b")
        model = ScriptedModel("b", "a")
        group = GroupChat([a, b], [], max_round=3, select_speaker_auto_verbose=True)
        return (
            make_user().initiate_chat,
            (GroupChatManager(group, llm_config=model.llm_config),),
            {"message": "go", **options},
        )

    def run_nested(**options):
        inner, outer = served("deep"), ConversableAgent("outer", llm_config=False, human_input_mode="NEVER")
        user = make_user()
        outer.register_nested_chats([{"recipient": inner, "max_turns": 1, "summary_method": "last_msg"}], trigger=user)
        return user.initiate_chat, (outer,), {"message": "go", "max_turns": 1, **options}

    def run_queue(**options):
        queue = [{"chat_id": 1, "recipient": served("one"), "message": "m", "max_turns": 1, **options}]
        return make_user().initiate_chats, (queue,), {}

    return {"tools": run_tools, "code": run_code, "group": run_group, "nested": run_nested, "queue": run_queue}


@pytest.mark.parametrize("kind", ["tools", "code", "group", "nested", "queue"])
@pytest.mark.parametrize("silent", [True, False])
def test_a_silent_chat_prints_nothing(call, served, capsys, monkeypatch, tmp_path, kind, silent):
    monkeypatch.chdir(tmp_path)
    method, arguments, options = make_silent_chats(served)[kind](silent=silent)
    call(method, *arguments, **options)
    assert (capsys.readouterr().out == "") is silent
