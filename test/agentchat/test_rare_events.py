"""The events of what happens rarely in chats: cleared histories, selections, resumptions, printed usage, silent chats."""

import asyncio
import gc
import logging

import pytest

from autogen import ConversableAgent, GroupChat, GroupChatManager, events
from autogen.agentchat.group import AgentTarget, a_run_group_chat, run_group_chat
from autogen.agentchat.group.patterns import AutoPattern, DefaultPattern, ManualPattern
from autogen.events.agent_events import TextEvent
from autogen.io import IOStream
from autogen.testing import ScriptedModel, tool_call


def make(name, **options):
    defaults = {"llm_config": False, "default_auto_reply": f"from {name}", "human_input_mode": "NEVER"}
    return ConversableAgent(name, description=name, **{**defaults, **options})


def read(response, *answers):
    """Read the events of a response in its form, and answer its questions."""
    answers = iter(answers)
    found = []

    def take(event):
        found.append(event)
        if event.type == "input_request":
            event.content.respond(next(answers))

    async def a_read():
        async for event in response.events:
            take(event)

    if hasattr(response.events, "__anext__"):
        asyncio.run(a_read())
    else:
        for event in response.events:
            take(event)
    return found


def get_types(found, *unwanted):
    return [event.type for event in found if event.type not in ("run_completion", "termination", *unwanted)]


@pytest.fixture(params=["sync", "async"])
def run_group(request):
    if request.param == "sync":
        return run_group_chat
    return lambda *args, **kwargs: asyncio.run(a_run_group_chat(*args, **kwargs))


def test_a_human_picks_the_speaker_by_events(run_group, capsys):
    a, b, c = map(make, "abc")
    response = run_group(ManualPattern(a, [a, b, c]), "Hi", max_rounds=5)
    found = read(response, "x", "2", "9", "nobody", "q")
    assert get_types(found, "text", "after_works_transition") == [
        "group_chat_run_chat",
        *("select_speaker", "input_request", "select_speaker_invalid_input", "input_request", "group_chat_run_chat"),
        *("select_speaker", "input_request", "select_speaker_invalid_input", "input_request"),
        *("select_speaker_invalid_input", "select_speaker_try_count_exceeded", "group_chat_run_chat"),
        *("select_speaker", "input_request", "group_chat_run_chat"),
    ]
    assert next(event for event in found if event.type == "select_speaker").content.agents == ["a", "b", "c"]
    assert [event.content.speaker for event in found if event.type == "group_chat_run_chat"] == ["a", "b", "c", "a"]
    assert not capsys.readouterr().out


def test_a_replaced_pick_is_called():
    class Group(GroupChat):
        def manual_select_speaker(self, agents=None):
            return agents[-1]

    a, b, c = map(make, "abc")
    group = Group([a, b, c], [], 2, speaker_selection_method="manual")
    assert group.select_speaker(a, GroupChatManager(group, llm_config=False)) is c
    group = GroupChat([a, b, c], [], 2, speaker_selection_method="manual")
    group.manual_select_speaker = lambda agents: agents[1]
    assert group.select_speaker(a, GroupChatManager(group, llm_config=False)) is b


ATTEMPTS = ["failed_multiple_agents", "failed_no_agents", "successful"]


@pytest.mark.parametrize("verbose", [True, False])
def test_attempts_of_a_model_to_select_a_speaker(run_group, verbose):
    model = ScriptedModel("a or b", "nobody", "b")
    a, b, c = map(make, "abc")
    pattern = AutoPattern(a, [a, b, c], group_manager_args={"llm_config": model.llm_config})
    build = pattern.build

    def build_verbose(*args):
        group, manager = build(*args)
        group.select_speaker_auto_verbose = verbose
        return group, manager

    pattern.build = build_verbose
    seen = []
    with events.subscribe(seen.append, types="speaker_attempted"):
        found = read(run_group(pattern, "Hi", max_rounds=3))
    attempts = [event.type for event in found if event.type.startswith("speaker_attempt")]
    assert attempts == ([f"speaker_attempt_{word}" for word in ATTEMPTS] if verbose else [])
    # the project's stream has them in any case
    assert [(event.mentions, event.attempts_left) for event in seen] == [({"a": 1, "b": 1}, 2), ({}, 1), ({"b": 1}, 0)]
    # the dialogue of the selection is no part of the chat
    texts = [event.content.content for event in found if event.type == "text"]
    assert [text for text in texts if text in ("Hi", "from a", "from b")] == ["Hi", "from a", "from b"]
    assert (len(texts) == 3) is not verbose
    assert [event.content.stop_reason for event in found if event.type == "termination"][-1] == "max_round"


def test_silent_chats_inside_of_a_run_are_not_shown():
    for silent in (True, False):
        a, b, c = map(make, "abc")
        queue = [{"recipient": c, "message": "inner", "max_turns": 1, "silent": silent, "summary_method": "last_msg"}]
        b.register_nested_chats(queue, trigger=a)
        found = read(a.run(b, message="Hi", max_turns=1, silent=True))
        texts = [event.content.content for event in found if event.type == "text"]
        assert texts == (["Hi", "from c"] if silent else ["Hi", "inner", "from c", "from c"])
        assert [event.type for event in found].count("termination") == (1 if silent else 2)


def test_histories_that_a_command_clears(run_group):
    user, a, b = make("user", human_input_mode="ALWAYS"), make("a"), make("b")
    group = GroupChat([user, a, b], [], 6, speaker_selection_method="round_robin", enable_clear_history=True)
    manager = GroupChatManager(group, llm_config=False)
    found = read(a.run(manager, message="Hi"), "clear history a 1", "CLEAR HISTORY")
    cleared = [(event.type, event.content) for event in found if event.type.startswith("clear")]
    assert [type_ for type_, _ in cleared] == [
        *("clear_agents_history", "clear_conversable_agent_history", "clear_agents_history")
    ]
    assert [(content.agent, getattr(content, "nr_events_to_preserve", 0)) for _, content in cleared] == [
        *(("a", 1), ("a", 0), (None, None))
    ]


def test_a_result_that_stays_with_its_call_is_counted(agent):
    peer = agent("peer")
    calls = {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "function": {"name": "f"}}]}
    results = {"role": "tool", "tool_responses": [{"tool_call_id": "1", "content": "3"}], "content": "3"}
    me = agent("me", chat_messages={peer: [{"role": "user", "content": "Hi"}, calls, results]})
    seen = []
    with events.subscribe(seen.append):
        me.clear_history(nr_messages_to_preserve=1)
        me.clear_history(peer)
    assert [(event.agent, event.kept, event.extra, event.by) for event in seen] == [("me", 1, 1, "program")]


def test_a_group_that_is_resumed(run_group, capsys):
    a, b = map(make, "ab")
    messages = [{"role": "user", "content": "one", "name": "a"}, {"role": "user", "content": "two", "name": "b"}]
    found = read(run_group(DefaultPattern(a, [a, b], group_after_work=AgentTarget(b)), messages, max_rounds=3))
    assert get_types(found)[:2] == ["group_chat_resume", "text"]
    assert found[0].content.last_speaker_name == "b"
    assert [message["content"] for message in found[0].content.events] == ["one", "two"]
    assert not capsys.readouterr().out


def test_enter_in_place_of_an_answer():
    user = make("user", human_input_mode="ALWAYS")
    found = read(make("a").run(user, message="Hi", max_turns=1), "")
    assert get_types(found) == [
        *("text", "input_request", "termination_and_human_reply_no_input", "using_auto_reply", "text")
    ]
    assert (found[2].content.sender, found[2].content.recipient) == ("a", "user")


def print_usage(*agents):
    for agent in agents:
        agent.print_usage_summary(["actual"])
    return "done"


USAGE = ["conversable_agent_usage_summary", "usage_summary", "conversable_agent_usage_summary_no_cost_incurred"]


def test_usage_that_is_printed_in_a_run():
    model = ScriptedModel(tool_call("report"), "Done")
    alice, bob = make("alice", llm_config=model.llm_config), make("bob")

    def report() -> str:
        """Report."""
        return print_usage(alice, bob)

    found = read(alice.run(message="Report", tools=[report]))
    types = get_types(found)
    assert types[types.index("execute_function") :][1:4] == USAGE
    usage = next(event.content for event in found if event.type == "usage_summary")
    assert usage.mode == "actual"
    assert usage.actual.usages[0].total_tokens > 0
    # arguments are read, as far as they can be
    assert next(event.content for event in found if event.type == "execute_function").arguments == {}


class Own(IOStream):
    """A stream of a program that takes events."""

    def __init__(self):
        self.sent, self.printed = [], []

    def print(self, *objects, **kwargs):
        self.printed.append(objects)

    def send(self, event):
        self.sent.append(event.type)

    def input(self, prompt="", *, password=False):
        return "exit"


def test_a_stream_of_a_program_gets_events_in_place_of_lines():
    alice, bob = make("alice", llm_config=ScriptedModel("Hello").llm_config), make("bob")
    alice.generate_reply([{"role": "user", "content": "Hi"}])
    manager = GroupChatManager(GroupChat([alice, bob], []), llm_config=False)
    stream = Own()
    with IOStream.set_default(stream):
        print_usage(alice, bob)
        manager.resume([{"role": "user", "content": "Hi", "name": "alice"}], silent=True)
        manager.resume([{"role": "user", "content": "Hi", "name": "alice"}])
    assert stream.sent == [*USAGE, "group_chat_resume"]
    assert not stream.printed


def test_on_the_console_the_lines_stay(capsys):
    alice, bob = make("alice", llm_config=ScriptedModel("Hello").llm_config), make("bob")
    alice.generate_reply([{"role": "user", "content": "Hi"}])
    seen = []
    with events.subscribe(seen.append):
        print_usage(alice, bob)
    printed = capsys.readouterr().out
    assert "Agent 'alice':" in printed
    assert "Agent 'bob' has no model" in printed
    assert "Usage summary" in printed
    assert [(event.agent, event.mode) for event in seen] == [("alice", "heading"), ("", "actual"), ("bob", "none")]


def test_the_events_of_a_response_that_is_gone_can_be_read(caplog):
    with caplog.at_level(logging.WARNING):
        found = read(type("Gone", (), {"events": make("a").run(make("b"), message="Hi", max_turns=1).events}))
        gc.collect()
    assert get_types(found) == ["text", "text"]
    assert "never looked at" not in caplog.text


@pytest.mark.parametrize("name", ["content", "print", "model_dump"])
def test_names_of_ag2_events_are_explained_on_the_projects(name):
    event = events.MessageSent(sender="a", recipient="b", message="Hi")
    with pytest.raises(AttributeError, match=r"yield_on=\[TextEvent"):
        getattr(event, name)
    with pytest.raises(AttributeError, match=r"no attribute 'kontent'$"):
        event.kontent
    assert hasattr(TextEvent(content="", sender="a", recipient="b"), name)


def test_who_executes_the_call_of_another_agent_replies_without_a_human(capsys):
    def look() -> str:
        """Look."""
        return "found"

    for mode, is_reported in (("TERMINATE", True), ("NEVER", False)):
        user = make("user", human_input_mode=mode)
        alice = make("alice", llm_config=ScriptedModel(tool_call("look"), "Done").llm_config)
        alice.register_for_llm(description="Look.")(look)
        user.register_for_execution()(look)
        found = read(user.run(alice, message="Look", max_turns=2))
        assert ("using_auto_reply" in get_types(found)) is is_reported
