"""Chats that survive the death of their process."""

import asyncio
import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing

import pytest

from autogen import Cache, GroupChat, GroupChatManager, events, register_function
from autogen.agentchat.group import ContextVariables, HandoffSelector, RandomAgentTarget
from autogen.coding import CodeResult, LocalCommandLineCodeExecutor, MarkdownCodeExtractor
from autogen.control import ChatControl
from autogen.exception_utils import BudgetExceeded
from autogen.io import IOStream
from autogen.oai._requests.retry import forget_failures
from autogen.operations import JournalError, SQLiteStore
from autogen.testing import Fault, OpenAIServer, Reply, ScriptedModel, tool_call

USAGE = {"prompt_tokens": 60, "completion_tokens": 40, "total_tokens": 100}


def contents(history):
    return [message["content"] for message in history]


class Killed(BaseException):
    """Stands in for the end of the process: nobody catches it."""


@pytest.fixture
def file(tmp_path):
    return tmp_path / "chat.db"


def test_a_finished_chat_is_replayed_without_a_model(call, agent, file):
    model = ScriptedModel("one", "two")
    first = call(
        agent("a", default_auto_reply="more").initiate_chat,
        agent("b", llm_config=model.llm_config),
        message="hi",
        max_turns=2,
        checkpoint=file,
    )
    again = call(
        agent("a", default_auto_reply="more").initiate_chat,
        agent("b", llm_config=ScriptedModel().llm_config),  # it would raise if it were asked
        message="hi",
        max_turns=2,
        checkpoint=file,
    )
    assert contents(again.chat_history) == contents(first.chat_history) == ["hi", "one", "more", "two"]
    assert again.cost["usage_excluding_cached_inference"] == {"total_cost": 0}


@pytest.mark.parametrize("dies_at", range(1, 8))
def test_wherever_it_dies_it_goes_on_there(call, agent, file, dies_at):
    """A chat with a model, a tool, a human and a reply function of the program, cut off after each step."""
    world = {"steps": 0, "paid": 0, "worked": 0, "asked": 0, "replied": 0}

    def step(what):
        world["steps"] += 1
        if world["steps"] == dies_at:
            raise Killed
        world[what] += 1

    def answer(messages):
        step("paid")
        last = messages[-1]
        if last["role"] == "tool":
            return f"The tool said {last['content']}."
        return Reply(tool_calls=[tool_call("work", n=len(messages))], usage=USAGE)

    def work(n: int) -> str:
        step("worked")
        return f"done {n}"

    def ask(prompt):
        step("asked")
        return "and now?" if world["asked"] < 2 else "exit"

    def spy(recipient, messages, sender, config):
        step("replied")
        return False, None

    def hold():
        caller = agent("caller", llm_config=ScriptedModel(answer).llm_config)
        user = agent("user", human_input_mode="TERMINATE", human_input_source=ask)
        user._is_termination_msg = lambda message: str(message.get("content")).startswith("The tool")
        caller.register_reply([type(user), None], spy)
        register_function(work, caller=caller, executor=user, name="work", description="Work.")
        return call(user.initiate_chat, caller, message="go", checkpoint=file, on_unfinished="rerun")

    try:
        result = hold()
    except Killed:
        result = hold()
    history = contents(result.chat_history)
    assert history[0] == "go"
    assert history[3].startswith("The tool said done")
    assert history[4] == "and now?"
    assert result.human_input == ["and now?", "exit"]
    assert result.stop_reason == "human_exit"
    assert (world["paid"], world["worked"], world["asked"]) == (4, 2, 2)
    assert world["steps"] == (dies_at <= world["steps"]) + sum(world[key] for key in ("paid", "worked", "asked", "replied"))


@pytest.mark.parametrize(
    ("way", "worked", "told"), [("report", 1, "not known"), ("rerun", 2, "done"), ("ask", 1, "by hand")]
)
def test_a_tool_that_was_under_way(call, agent, file, way, worked, told):
    started = []

    def work() -> str:
        started.append(1)
        if len(started) == 1:
            os_exit()
        return "done"

    def os_exit():
        """As the process would leave it: the call is begun in the journal, and nothing comes after."""
        database = sqlite3.connect(file)
        rows = database.execute("SELECT * FROM steps").fetchall()
        database.close()
        saved.extend(rows)
        raise Killed

    def hold():
        model = ScriptedModel(tool_call("work"), "fine") if not started else ScriptedModel("fine")
        caller = agent("caller", llm_config=model.llm_config)
        user = agent("user", human_input_source=lambda prompt: "by hand")
        user._is_termination_msg = lambda message: message.get("content") == "fine"
        register_function(work, caller=caller, executor=user, name="work", description="Work.")
        return call(user.initiate_chat, caller, message="go", checkpoint=file, on_unfinished=way)

    saved = []
    with pytest.raises(Killed):
        hold()
    database = sqlite3.connect(file)
    database.execute("DELETE FROM steps")
    database.executemany("INSERT INTO steps VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", saved)
    database.commit()
    database.close()
    result = hold()
    assert told in result.chat_history[2]["tool_responses"][0]["content"]
    assert len(started) == worked


@pytest.mark.parametrize("interruption", ["ctrl-c", "stop", "cancel"])
def test_a_tool_that_was_interrupted_is_not_called_again_unasked(agent, file, interruption):
    """It may have taken effect: the model is told so, as after a crash."""
    paid = []
    control, released = ChatControl(), threading.Event()

    def pay() -> str:
        paid.append(5)
        if interruption == "ctrl-c":
            raise KeyboardInterrupt
        if interruption == "cancel":
            raise asyncio.CancelledError
        control.stop()
        released.wait(60)
        return "too late"

    def run(*replies):
        caller = agent("caller", llm_config=ScriptedModel(*replies).llm_config)
        user = agent("user")
        user._is_termination_msg = lambda message: message.get("content") == "fine"
        register_function(pay, caller=caller, executor=user, name="pay", description="Pay.")
        chosen = control if interruption == "stop" and not paid else None
        return user.initiate_chat(caller, message="go", checkpoint=file, control=chosen)

    with contextlib.suppress(KeyboardInterrupt, asyncio.CancelledError):
        run(tool_call("pay"), "never")
    released.set()
    result = run("fine")
    assert "not known whether it took effect" in result.chat_history[2]["tool_responses"][0]["content"]
    assert paid == [5]


def test_code_is_not_run_twice(call, agent, file, tmp_path):
    def hold(model):
        executor = LocalCommandLineCodeExecutor(work_dir=tmp_path)
        user = agent("user", code_execution_config={"executor": executor})
        user._is_termination_msg = lambda message: message.get("content") == "fine"
        caller = agent("caller", llm_config=model.llm_config)
        return call(user.initiate_chat, caller, message="go", checkpoint=file)

    code = "```python\nwith open('ran', 'a') as file:\n    file.write('x')\n```"
    hold(ScriptedModel(code, "fine"))
    result = hold(ScriptedModel())
    assert (tmp_path / "ran").read_text() == "x"
    assert "execution succeeded" in result.chat_history[2]["content"]


class FailingOnce:
    """An executor that raises when it is first used: nothing ran, so nothing is under way."""

    code_extractor = MarkdownCodeExtractor()

    def __init__(self):
        self.runs = 0

    def execute_code_blocks(self, code_blocks):
        self.runs += 1
        if self.runs == 1:
            raise ConnectionError("the engine is gone")
        return CodeResult(exit_code=0, output="ran")

    def restart(self):
        pass


@pytest.mark.parametrize("on_unfinished", ["report", "ask"])
def test_code_that_failed_to_run_is_run_by_the_resumed_chat(call, agent, file, on_unfinished):
    """An error ends the run: only a step that the death of the process cut off is unfinished."""
    executor = FailingOnce()

    def chat(model):
        user = agent("user", code_execution_config={"executor": executor}, human_input_source=lambda prompt: "by hand")
        user._is_termination_msg = lambda message: message.get("content") == "fine"
        assistant = agent("assistant", llm_config=model.llm_config)
        return call(user.initiate_chat, assistant, message="go", checkpoint=file, on_unfinished=on_unfinished)

    with pytest.raises(ConnectionError):
        chat(ScriptedModel("```python\n1\n```"))
    result = chat(ScriptedModel("fine"))
    assert contents(result.chat_history)[2:] == ["exitcode: 0 (execution succeeded)\nCode output: ran", "fine"]
    assert executor.runs == 2


@pytest.mark.parametrize("method", ["round_robin", "random", "auto"])
def test_group_chats_are_taken_up_with_their_record_and_speakers(call, agent, file, method):
    def hold(fails_at):
        said = []

        def answer(messages):
            if len(said) == fails_at:
                raise Killed
            said.append(1)
            return f"words {len(messages)}"

        members = [agent(name, llm_config=ScriptedModel(answer).llm_config) for name in ("ann", "bob", "cy")]
        group = GroupChat(members, max_round=6, speaker_selection_method=method)
        chooser = ScriptedModel(lambda messages: ["ann", "bob", "cy"][len(messages) % 3])
        manager = GroupChatManager(group, llm_config=chooser.llm_config if method == "auto" else False, silent=True)
        try:
            result = call(members[0].initiate_chat, manager, message="go", checkpoint=file)
        except Killed:
            return None, len(said), group
        return result, len(said), group

    _, before, _ = hold(fails_at=3)
    result, after, group = hold(fails_at=-1)
    assert before + after == 5
    assert len(result.chat_history) == len(group.messages) == 6
    replayed, none, same = hold(fails_at=0)
    assert none == 0
    assert [(m["name"], m["content"]) for m in same.messages] == [(m["name"], m["content"]) for m in group.messages]
    assert replayed.stop_reason == "max_round"


@pytest.mark.slow
@pytest.mark.parametrize("dies_at", range(1, 8))
def test_a_selection_that_was_under_way_comes_to_the_same(call, agent, file, dies_at):
    """The process ends after a step of the second selection is on disk, and before the selection is."""

    def hold(checkpoint):
        members = [agent(name, default_auto_reply=f"I am {name}.") for name in ("ann", "bob", "cy")]
        group = GroupChat(members, max_round=4, max_retries_for_selecting_speaker=2)
        names = {1: "nobody knows", 2: "ann or bob", 3: "cy"}
        chooser = ScriptedModel(lambda messages: names[sum(message["role"] == "assistant" for message in messages) + 1])
        manager = GroupChatManager(group, llm_config=chooser.llm_config, silent=True)
        call(members[0].initiate_chat, manager, message="go", checkpoint=checkpoint)
        return [(message["name"], message["content"]) for message in group.messages]

    finished = []

    class DyingStore(SQLiteStore):
        def finish_step(self, position, value):
            super().finish_step(position, value)
            finished.append(position)
            if len(finished) == dies_at:
                raise Killed

    with pytest.raises(Killed):
        hold(DyingStore(file))
    assert len(finished) == dies_at
    assert hold(file) == [("ann", "go"), *[("cy", "I am cy.")] * 3]


@pytest.mark.parametrize("method", ["random", "manual", "target"])
def test_speakers_that_were_drawn_or_picked_come_again(call, agent, file, method):
    """Also where a function leaves the choice to chance, or to a human."""
    asked = []

    class Typing(IOStream):
        def print(self, *objects, sep=" ", end="\n", flush=False):
            pass

        def input(self, prompt="", *, password=False):
            asked.append(prompt)
            return str(len(asked) % 3 + 1)

    def hold():
        members = [agent(name, default_auto_reply=f"I am {name}.") for name in ("ann", "bob", "cy", "dee")]
        target = RandomAgentTarget(members)
        if method == "target":
            for member in members:
                member.handoffs.set_after_work(target)
        choose = HandoffSelector(members[0]) if method == "target" else lambda last, group: method
        group = GroupChat(members, max_round=12, speaker_selection_method=choose)
        manager = GroupChatManager(group, llm_config=False, silent=True)
        with IOStream.set_default(Typing()):
            call(members[0].initiate_chat, manager, message="go", checkpoint=file)
        return [message["name"] for message in group.messages]

    first, questions = hold(), len(asked)
    assert hold() == first
    assert len(asked) == questions


def test_an_answer_of_a_fallback_is_not_asked_for_again(call, agent, file):
    with OpenAIServer(Fault(status=500), "from the first", "too") as first, OpenAIServer("from the second") as second:

        def hold(entries=2):
            listed = [{**server.config, "max_retries": 0} for server in (first, second)[:entries]]
            b = agent("b", llm_config={"config_list": listed, "cache_seed": None})
            return call(agent("a").initiate_chat, b, message="hi", max_turns=1, checkpoint=file)

        assert contents(hold().chat_history) == ["hi", "from the second"]
        forget_failures()
        assert contents(hold().chat_history) == ["hi", "from the second"]
        assert contents(hold(entries=1).chat_history) == ["hi", "from the second"]  # which has left the list
        assert (len(first.requests), len(second.requests)) == (1, 1)


def test_an_answer_from_the_cache_is_in_the_file_too(call, agent, file, tmp_path):
    with OpenAIServer("fine") as server, Cache.disk(1, str(tmp_path / "cache")) as cache:
        other = agent("b", llm_config=server.llm_config)
        call(agent("a").initiate_chat, other, message="hi", max_turns=1, cache=cache)
        call(agent("a").initiate_chat, other, message="hi", max_turns=1, cache=cache, checkpoint=file)
        result = call(agent("a").initiate_chat, other, message="hi", max_turns=1, checkpoint=file)
    assert contents(result.chat_history) == ["hi", "fine"]
    assert len(server.requests) == 1


def test_a_budget_knows_what_was_spent_before(call, agent, file):
    said = []

    def hold(dies):
        def answer(messages):
            if dies and len(said) == 2:
                raise Killed
            said.append(1)
            return Reply(f"words {len(messages)}", usage=USAGE)

        a, b = agent("a", default_auto_reply="more"), agent("b", llm_config=ScriptedModel(answer).llm_config)
        call(a.initiate_chat, b, message="hi", max_tokens_total=400, checkpoint=file)

    with pytest.raises(Killed):
        hold(dies=True)
    for _ in range(2):
        with pytest.raises(BudgetExceeded):
            hold(dies=False)
    assert len(said) == 4  # which it has tokens for


def test_a_human_who_answers_an_event_is_not_asked_twice(call, agent, file):
    asked = []

    def answer(event):
        asked.append(event.prompt)
        event.respond("exit" if len(asked) == 3 else f"word {len(asked)}")

    def hold():
        user = agent("user", human_input_mode="ALWAYS")
        with events.subscribe(answer, types=["human_asked"]):
            return call(user.initiate_chat, agent("b", default_auto_reply="yes"), message="hi", checkpoint=file)

    first = hold()
    assert hold().human_input == first.human_input == ["word 1", "word 2", "exit"]
    assert len(asked) == 3


def test_variables_that_tools_changed_are_known_again(call, agent, file):
    def hold(*script):
        def count(by: int, context_variables: ContextVariables) -> str:
            context_variables["n"] = context_variables.get("n", 0) + by
            return f"n is {context_variables['n']}"

        caller = agent("caller", llm_config=ScriptedModel(*script).llm_config)
        user = agent("user")
        register_function(count, caller=caller, executor=user, description="Count.")
        result = call(user.initiate_chat, caller, message="go", max_turns=3, checkpoint=file)
        return contents(result.chat_history)[2:5:2], dict(user.context_variables.items())

    with pytest.raises(Killed):
        hold(tool_call("count", by=2), Killed())
    assert hold(tool_call("count", by=3), "fine") == (["n is 2", "n is 5"], {"n": 5})


def test_a_tool_that_held_a_chat_is_not_called_again(call, agent, file):
    called = []

    def hold(model, planner_model):
        planner, inner = agent("planner", llm_config=planner_model.llm_config), agent("inner")

        def plan() -> str:
            called.append(1)
            return inner.initiate_chat(planner, message="plan", max_turns=1).summary

        user, caller = agent("user"), agent("caller", llm_config=model.llm_config)
        register_function(plan, caller=caller, executor=user, description="Plan.")
        return call(user.initiate_chat, caller, message="go", max_turns=2, checkpoint=file)

    first = hold(ScriptedModel(tool_call("plan"), "fine"), ScriptedModel("the plan"))
    assert contents(hold(ScriptedModel(), ScriptedModel()).chat_history) == contents(first.chat_history)
    assert called == [1]


def test_chats_inside_chats_are_taken_up_too(call, agent, file):
    paid = []

    def hold(dies):
        def deep(messages):
            if dies and len(paid) == 1:
                raise Killed
            paid.append(1)
            return f"depth {len(paid)}"

        inner = agent("inner", llm_config=ScriptedModel(deep).llm_config)
        outer, asker = agent("outer"), agent("asker", default_auto_reply="again")
        outer.register_nested_chats([{"recipient": inner, "max_turns": 1, "silent": True}], trigger=asker)
        return call(asker.initiate_chat, outer, message="hi", max_turns=2, checkpoint=file), inner, outer

    with pytest.raises(Killed):
        hold(dies=True)
    result, inner, outer = hold(dies=False)
    assert contents(result.chat_history) == ["hi", "depth 1", "again", "depth 2"]
    assert len(paid) == 2
    assert contents(inner.chat_messages[outer]) == ["again", "depth 2"]
    result, inner, outer = hold(dies=False)  # nothing is left to do, and everybody remembers
    assert contents(result.chat_history) == ["hi", "depth 1", "again", "depth 2"]
    assert contents(inner.chat_messages[outer]) == ["again", "depth 2"]
    assert len(paid) == 2


def test_a_file_of_another_chat_is_refused(call, agent, file):
    call(agent("a").initiate_chat, agent("b"), message="hi", max_turns=1, checkpoint=file)
    with pytest.raises(JournalError, match="another chat"):
        call(agent("a").initiate_chat, agent("b"), message="something else", max_turns=1, checkpoint=file)
    with pytest.raises(JournalError, match="another chat"):
        call(agent("a").initiate_chat, agent("c"), message="hi", max_turns=1, checkpoint=file)
    again = call(agent("a").initiate_chat, agent("b"), message="hi", max_turns=1, checkpoint=file)  # it was let go
    assert contents(again.chat_history) == ["hi", ""]


SECRET_MESSAGES = {
    "a parameter": "Summarise https://example.org/doc?key={}",
    "a key": "Use sk-abcdefghijklmnop{}",
    "a password": "Fetch https://ada:{}@example.org/",
    "a secret name": {"content": "Log in.", "password": "{}"},
    "a text in a message": {"content": [{"type": "text", "text": "api_key: {}"}]},
}


@pytest.mark.parametrize("message", SECRET_MESSAGES)
def test_chats_that_differ_only_in_a_secret_are_different(call, agent, file, message):
    def hold(secret):
        chosen = SECRET_MESSAGES[message]
        text = json.loads(json.dumps(chosen).replace("{}", secret))
        b = agent("b", llm_config=ScriptedModel("fine").llm_config)
        return call(agent("a").initiate_chat, b, message=text, max_turns=1, checkpoint=file).summary

    assert hold("FIRSTSECRET") == "fine"
    with pytest.raises(JournalError, match="another chat") as error:
        hold("SECONDSECRET")
    assert "SECRET" not in str(error.value)
    assert hold("FIRSTSECRET") == "fine"
    assert b"SECRET" not in file.read_bytes()


def test_requests_that_differ_only_in_a_secret_are_different(call, agent, file):
    """A key in a header may change, though: that is no part of the question."""

    def hold(secret, header, *answers):
        model = ScriptedModel(*answers)
        config = {**model.llm_config, "extra_headers": {"x-key": header}}
        b = agent("b", system_message=f"Read https://example.org/doc?key={secret}", llm_config=config)
        return call(agent("a").initiate_chat, b, message="hi", max_turns=1, checkpoint=file).summary

    assert hold("AAAA", "h1", "about A") == "about A"
    assert hold("AAAA", "h2") == "about A"
    assert hold("BBBB", "h1", "about B") == "about B"
    assert b"AAAA" not in file.read_bytes()


def test_a_file_that_is_none_or_of_another_version_is_refused(call, agent, file):
    file.write_text("these are my notes " * 100)
    with pytest.raises(JournalError, match="checkpoint"):
        call(agent("a").initiate_chat, agent("b"), message="hi", max_turns=1, checkpoint=file)
    assert file.read_text().startswith("these are my notes")
    file.unlink()
    call(agent("a").initiate_chat, agent("b"), message="hi", max_turns=1, checkpoint=file)
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("UPDATE meta SET value = '99' WHERE key = 'version'")
    database.close()
    with pytest.raises(JournalError, match="version 99"):
        call(agent("a").initiate_chat, agent("b"), message="hi", max_turns=1, checkpoint=file)


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        ("UPDATE steps SET value = substr(value, 1, 20)", "is damaged: the result of .* is not JSON"),
        ("UPDATE steps SET value = '{}'", "is damaged: the result of .* is not a response"),
        ("UPDATE meta SET value = 'two' WHERE key = 'version'", "has version two"),
        ("DROP TABLE steps; CREATE TABLE steps (n)", "can't be used as a checkpoint"),
    ],
)
def test_a_file_that_was_edited_is_refused(call, agent, file, edit, told):
    def hold():
        b = agent("b", llm_config=ScriptedModel("fine").llm_config)
        return call(agent("a").initiate_chat, b, message="hi", max_turns=1, checkpoint=file)

    hold()
    with closing(sqlite3.connect(file)) as database, database:
        database.executescript(edit)
    database.close()
    with pytest.raises(JournalError, match=told):
        hold()


DAMAGED_RESULTS = {
    "tool": ["5", "[]", "[true, []]", "[true, {}]", '[true, {"content": "x"}, {"changed": 5}]'],
    "code": ["null", "[0]", '["0", "x"]', "[0, 5]"],
    "human": ["null", "[]", "5"],
    "reply": ["null", "5", "[true]"],
}


@pytest.mark.parametrize("kind", DAMAGED_RESULTS)
def test_a_result_of_a_wrong_form_is_refused(call, agent, file, tmp_path, kind):
    def hold():
        config = {"executor": LocalCommandLineCodeExecutor(work_dir=tmp_path)}
        model = ScriptedModel("```sh\necho 1\n```" if kind == "code" else tool_call("work"), "fine")
        caller = agent("caller", llm_config=model.llm_config)
        mode = "ALWAYS" if kind == "human" else "NEVER"
        user = agent("user", code_execution_config=config, human_input_mode=mode, human_input_source=lambda prompt: "exit")
        if kind == "reply":
            caller.register_reply([type(user), None], lambda *given, **named: (True, "fine"))
        register_function(lambda: "done", caller=caller, executor=user, name="work", description="Work.")
        call(user.initiate_chat, caller, message="go", max_turns=None if kind == "human" else 2, checkpoint=file)

    hold()
    for value in DAMAGED_RESULTS[kind]:
        with closing(sqlite3.connect(file)) as database, database:
            assert database.execute("UPDATE steps SET value = ? WHERE kind = ?", (value, kind)).rowcount
        database.close()
        with pytest.raises(JournalError, match=r"is damaged: the result of .* can't be read"):
            hold()


def test_a_file_in_use_is_refused_and_its_chat_goes_on(call, agent, file):
    def meanwhile(messages):
        with pytest.raises(JournalError, match="in use by another chat"):
            agent("a").initiate_chat(agent("c"), message="hi", max_turns=1, checkpoint=file)
        code = f"from autogen.operations import SQLiteStore; SQLiteStore({str(file)!r}).open({{}})"
        other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
        assert "in use by another chat" in other.stderr
        return "fine"

    model = ScriptedModel(meanwhile)
    result = call(
        agent("a").initiate_chat, agent("b", llm_config=model.llm_config), message="hi", max_turns=1, checkpoint=file
    )
    assert contents(result.chat_history) == ["hi", "fine"]
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_a_folder_that_is_not_there_is_told(call, agent, tmp_path):
    with pytest.raises(JournalError, match="can't be used as a checkpoint"):
        call(agent("a").initiate_chat, agent("b"), message="hi", max_turns=1, checkpoint=tmp_path / "nowhere" / "chat.db")
    assert not any(tmp_path.iterdir())


def test_no_key_is_in_the_file(call, agent, file):
    key = "sk-planted-0123456789abcdefghijklmnop"
    with OpenAIServer("fine", api_key=key) as server:
        call(agent("a").initiate_chat, agent("b", llm_config=server.llm_config), message="hi", max_turns=1, checkpoint=file)
    assert key.encode() not in b"".join(path.read_bytes() for path in file.parent.iterdir())


def test_what_happened_is_in_the_file_once(call, agent, file):
    for model in (ScriptedModel("one"), ScriptedModel()):
        call(agent("a").initiate_chat, agent("b", llm_config=model.llm_config), message="hi", max_turns=1, checkpoint=file)
    with closing(sqlite3.connect(file)) as database, database:
        kinds = [kind for (kind,) in database.execute("SELECT type FROM events ORDER BY n")]
        data = [json.loads(text) for (text,) in database.execute("SELECT data FROM events")]
    database.close()
    assert [kind for kind in kinds if not kind.startswith("reply")] == [
        "chat_started",
        "message_sent",
        "model_asked",
        "model_answered",
        "message_sent",
        "chat_ended",
    ]
    assert all(event["type"] in kinds for event in data)


PROGRAM = """
import os, signal, sys
from autogen import AssistantAgent, UserProxyAgent, register_function

url, file, die_at = sys.argv[1], sys.argv[2], int(sys.argv[3])
steps = 0

def step():
    global steps
    steps += 1
    if steps == die_at:
        os.kill(os.getpid(), signal.SIGKILL)

def work(n: int) -> str:
    "Work."
    step()
    with open(file + ".worked", "a") as log:
        log.write(f"{n}\\n")
    step()
    return f"done {n}"

entry = {"model": "m", "base_url": url, "api_key": "none", "max_retries": 0}
caller = AssistantAgent("caller", llm_config={"config_list": [entry], "cache_seed": None})
user = UserProxyAgent("user", human_input_mode="NEVER", code_execution_config=False,
                      is_termination_msg=lambda message: message.get("content") == "finished")
register_function(work, caller=caller, executor=user, description="Work.")
caller.register_hook("process_message_before_send", lambda sender, message, recipient, silent: (step(), message)[1])
result = user.initiate_chat(caller, message="go", checkpoint=file, on_unfinished="rerun", silent=True)
print([message["content"] for message in result.chat_history])
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there is no kill -9")
@pytest.mark.parametrize("die_at", [pytest.param(at, marks=() if at == 5 else pytest.mark.slow) for at in range(1, 10)])
def test_kill_9(tmp_path, die_at):
    file = tmp_path / "chat.db"

    def answer(messages):
        done = sum(message["role"] == "tool" for message in messages)
        return "finished" if done == 3 else tool_call("work", call_id=f"c{done}", n=done)

    with OpenAIServer(answer) as server:
        command = [sys.executable, "-c", PROGRAM, server.base_url, str(file)]
        killed = subprocess.run([*command, str(die_at)], capture_output=True, timeout=60)
        asked = len(server.requests)
        done = subprocess.run([*command, "0"], capture_output=True, timeout=60, text=True)
        assert done.returncode == 0, done.stderr
    assert killed.returncode in (-signal.SIGKILL, 0)
    assert len(server.requests) == 4
    assert asked <= 4
    assert done.stdout.splitlines()[-1] == str(["go", None, "done 0", None, "done 1", None, "done 2", "finished"])
    worked = (tmp_path / "chat.db.worked").read_text().split()
    assert sorted(set(worked)) == ["0", "1", "2"]
    assert len(worked) <= 4  # one may have been under way, and was run again as told


def test_humans_are_not_asked_twice_over_a_stream(call, agent, file):
    class Typing(IOStream):
        def __init__(self, *lines):
            self.lines = list(lines)

        def print(self, *objects, sep=" ", end="\n", flush=False):
            pass

        def input(self, prompt="", *, password=False):
            return self.lines.pop(0)

    for lines in (["hello", "exit"], []):
        user = agent("user", human_input_mode="ALWAYS")
        with IOStream.set_default(Typing(*lines)):
            result = call(user.initiate_chat, agent("b", default_auto_reply="yes"), message="hi", checkpoint=file)
        assert result.human_input == ["hello", "exit"]
    assert os.path.exists(file)
