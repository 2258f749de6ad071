"""What humans see of calls that they approve, and how they answer: by numbers, here or elsewhere, and who may."""

import contextlib
import random
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from typer.testing import CliRunner

from autogen import ConversableAgent, events
from autogen._cli.app import app
from autogen.agentchat.approvals import (
    AlreadyAnswered,
    Ask,
    NotAnApprover,
    preview_diff,
    require_approval,
)
from autogen.agentchat.chat import StopReason
from autogen.io import LATER
from autogen.recording import Recording
from autogen.testing import ScriptedModel, tool_call
from autogen.tools import Tool


class Office:
    """A clerk whose model calls tools, and a user who executes them."""

    def __init__(self, agent, *script, **options):
        self.calls = []
        self.clerk = agent("clerk", llm_config=ScriptedModel(*script).llm_config)
        self.user = agent("user", **options)

    def add(self, name="pay", **options):
        def execute(**arguments):
            self.calls.append(tuple(arguments.values()))
            return f"did {name}"

        schema = {"type": "object", "properties": {"euros": {"type": "integer"}}, "additionalProperties": True}
        made = Tool(name=name, description="Do it.", func_or_tool=execute, parameters_json_schema=schema, **options)
        made.register_for_llm(self.clerk)
        made.register_for_execution(self.user)
        return self

    def run(self, call, turns=2, **options):
        return call(self.user.initiate_chat, self.clerk, message="go", max_turns=turns, silent=True, **options)


def type_in(*answers):
    """Make a human that types some answers, and remembers the questions."""
    texts = list(answers)

    def ask(prompt):
        ask.questions.append(prompt)
        return texts.pop(0)

    ask.questions = []
    return ask


def run_now(office, **options):
    return office.run(lambda method, *args, **kwargs: method(*args, **kwargs), **options)


THREE = [tool_call("pay", euros=euros) for euros in (1, 2, 3)]


@pytest.mark.parametrize(
    ("answers", "paid"),
    [
        (["1,3 y", "n"], [1, 3]),
        (["1-3 yes"], [1, 2, 3]),
        (["1 and 2: no, too little", "y"], [3]),
        (["2,3 y", "y"], [1, 2, 3]),
        (["3 y", "1 n", "n"], [3]),
        (["y", "y", "n"], [1, 2]),
        (["1 a"], [1, 2, 3]),
        (["2 n", "r"], []),
        (["4 y", "0 y", "3-99999999999 y", "1-3 y"], [1, 2, 3]),
        # A refusal in words, and not a number.
        (["2 euros would do", "y", "y"], [2, 3]),
        (["2 a bit more", "y", "y"], [2, 3]),
    ],
)
def test_several_calls_are_answered_by_their_numbers(call, agent, answers, paid):
    human = type_in(*answers)
    office = Office(agent, THREE, "done", human_input_source=human).add(approve="human")
    office.run(call)
    assert office.calls == [(euros,) for euros in paid]
    assert len(human.questions) == len(answers)
    listed = '  1: pay with {"euros": 1}\n  2: pay with {"euros": 2}\n  3: pay with {"euros": 3}\n'
    assert human.questions[0].startswith(f"3 calls need an approval:\n{listed}")
    assert all(question.endswith("and the model reads it) ") for question in human.questions)


def test_a_call_with_a_reason_or_other_arguments_is_shown_before_it_is_approved(call, agent):
    human = type_in("1-3 y", "n")
    rule = [lambda call: Ask("it is odd") if call.arguments["euros"] == 2 else "human"]
    office = Office(agent, THREE, "done", human_input_source=human).add(approve=rule)
    office.run(call)
    assert office.calls == [(1,), (3,)]
    assert "(it is odd)" in human.questions[1]


def test_numbers_outlive_the_process(call, agent, tmp_path):
    class Crash(BaseException):
        pass

    def crash(event):
        raise Crash

    def run(*answers, script=()):
        human = type_in(*answers)
        office = Office(agent, *script, human_input_source=human).add(approve="human")
        office.calls = calls
        return office.run(call, checkpoint=tmp_path / "chat.db")

    calls = []
    with pytest.raises(Crash), events.subscribe(crash, types=[events.ToolCalled], essential=True):
        run("1,3 y", script=[THREE])
    run("n", script=["done"])
    assert (3,) in calls
    assert (2,) not in calls


def test_a_question_elsewhere_stands_alone(call, agent, tmp_path):
    office = Office(agent, THREE, "done", human_input_source=LATER).add(approve="human")
    questions = office.run(call, checkpoint=tmp_path / "chat.db").pending
    assert not any("calls need an approval" in question.prompt for question in questions)
    Recording(tmp_path / "chat.db").answer(questions[0], "1-3 y")
    office = Office(agent, human_input_source=LATER).add(approve="human")
    assert len(office.run(call, checkpoint=tmp_path / "chat.db").pending) == 2
    assert office.calls == []


# The console, and elsewhere


class Keyboard:
    """Standard input: what happens when somebody is asked, and a line; None if nobody types."""

    def __init__(self, line, act=lambda: None):
        self._line, self._act, self.is_over = line, act, threading.Event()

    def isatty(self):
        return False

    def readline(self):
        self._act()
        if self._line is None:
            self.is_over.wait(60)
            return ""
        return f"{self._line}\n"


@pytest.mark.parametrize(
    ("typed", "elsewhere", "paid", "author"),
    [("y", None, [(1,)], "console"), (None, "yes", [(1,)], "ada"), ("y", "no", [], "ada"), ("y", "y", [(1,)], "ada")],
)
def test_the_console_and_an_answer_elsewhere_race(
    call, agent, tmp_path, monkeypatch, capsys, typed, elsewhere, paid, author
):
    file = tmp_path / "chat.db"

    def answer():
        [question] = Recording(file).pending
        asked.append(question)
        if elsewhere is not None:
            Recording(file).answer(question, elsewhere, by="ada")

    asked = []
    keyboard = Keyboard(typed, answer)
    monkeypatch.setattr(sys, "stdin", keyboard)
    office = Office(agent, tool_call("pay", euros=1), "done", silent=False).add(approve="human")
    try:
        office.run(call, checkpoint=file)
    finally:
        keyboard.is_over.set()
    assert office.calls == paid
    assert ("ANSWERED ELSEWHERE BY ada" in capsys.readouterr().out) is (author == "ada")
    # Whoever comes second is told.
    with pytest.raises(AlreadyAnswered, match=f"given by {author}") as second:
        Recording(file).answer(asked[0], "no")
    assert second.value.answer.text == (elsewhere or typed)
    assert [item["person"] for item in Recording(file).decisions] == [author]
    assert Recording(file).find_changed_answers() == []


def test_a_console_that_nobody_types_at_has_its_limit(call, agent, tmp_path, monkeypatch):
    keyboard = Keyboard(None)
    monkeypatch.setattr(sys, "stdin", keyboard)
    office = Office(agent, tool_call("pay", euros=1), "done", human_input_timeout=0.01, human_input_default="no")
    try:
        office.add(approve="human").run(call, checkpoint=tmp_path / "chat.db")
    finally:
        keyboard.is_over.set()
    assert office.calls == []


def test_a_console_of_the_program_is_asked_as_it_is(call, agent, tmp_path, monkeypatch):
    monkeypatch.setattr("builtins.input", lambda prompt: "y")
    office = Office(agent, tool_call("pay", euros=1), "done").add(approve="human")
    office.run(call, checkpoint=tmp_path / "chat.db")
    assert office.calls == [(1,)]


def test_of_many_answers_at_once_one_counts(agent, tmp_path):
    file = tmp_path / "chat.db"
    office = Office(agent, tool_call("pay", euros=1), human_input_source=LATER).add(approve="human")
    [question] = run_now(office, checkpoint=file).pending

    def answer(number):
        try:
            return Recording(file).answer(question, "yes", by=str(number)).by
        except AlreadyAnswered as error:
            return error.answer.by

    with ThreadPoolExecutor(8) as pool:
        authors = set(pool.map(answer, range(24)))
    assert len(authors) == 1


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_answers_in_any_order_with_any_crashes(agent, tmp_path, seed):
    """The history is the same, and each call is made once."""

    class Crash(BaseException):
        pass

    def answer(messages):
        return "done" if messages[-1]["role"] == "tool" else five

    def run():
        office = Office(agent, answer, human_input_source=LATER).add(approve="human")
        office.calls = calls
        return run_now(office, checkpoint=file)

    def crash(event):
        nonlocal remaining
        remaining -= 1
        if remaining == 0:
            raise Crash

    draw, file, calls = random.Random(seed), tmp_path / "chat.db", []
    # The ids of calls are part of the history.
    five = [{**tool_call("pay", euros=euros), "id": f"call_{euros}"} for euros in range(5)]
    order = run().pending
    draw.shuffle(order)
    kinds = [events.ApprovalAsked, events.ApprovalGiven, events.HumanAnswered, events.ChatWaiting, events.MessageSent]
    for question in order:
        Recording(file).answer(question, choice="reject" if question.arguments["euros"] == 3 else "approve")
        remaining = draw.randrange(12)
        with contextlib.suppress(Crash), events.subscribe(crash, types=kinds, essential=True):
            run()
    result = run()
    assert sorted(calls) == [(0,), (1,), (2,), (4,)]
    contents = [response["content"] for response in result.chat_history[2]["tool_responses"]]
    assert [text == "did pay" for text in contents] == [True, True, True, False, True]
    assert result.summary == "done"


# Who may answer


@pytest.mark.parametrize(
    ("of_tool", "of_recording", "allowed", "refused"),
    [
        (["ada"], None, ["ada"], ["", "eve"]),
        ((), ["ada", "bob"], ["ada", "bob"], ["", "eve"]),
        (["ada", "bob"], ["bob"], ["bob"], ["ada"]),
        ((), lambda question, by: by == question.tool, ["pay"], ["ada"]),
        (["ada"], lambda question, by: True, ["ada"], ["eve"]),
        ((), None, ["", "eve"], []),
    ],
)
def test_who_may_answer(agent, tmp_path, of_tool, of_recording, allowed, refused):
    for name in allowed:
        file = tmp_path / f"{name}.db"
        office = Office(agent, tool_call("pay", euros=1), human_input_source=LATER)
        office.add(approve="human", approvers=of_tool)
        [question] = run_now(office, checkpoint=file).pending
        assert question.approvers == tuple(of_tool)
        recording = Recording(file, approvers=of_recording)
        for other in refused:
            with pytest.raises(NotAnApprover, match=f"{other or 'Somebody without a name'} may not answer"):
                recording.answer(question, choice="approve", by=other)
        recording.answer(question, choice="approve", by=name)


def test_a_shell_is_no_way_around(agent, tmp_path):
    file = tmp_path / "chat.db"
    office = Office(agent, tool_call("pay", euros=1), human_input_source=LATER).add(approve="human", approvers=["ada"])
    [question] = run_now(office, checkpoint=file).pending
    result = CliRunner().invoke(app, ["answer", str(file), question.id, "yes", "--by", "eve"])
    assert "eve may not answer" in str(result.exception)
    assert CliRunner().invoke(app, ["answer", str(file), question.id, "yes", "--by", "ada"]).exit_code == 0


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"approve": "human", "approvers": "ada"}, "approvers must be a list of names, got 'ada'"),
        ({"approve": "human", "approvers": [5]}, "approvers must be a list of names"),
        ({"approve": "human", "preview": "diff"}, "preview must be a function"),
        ({"approvers": ["ada"]}, "approvers and preview are for a tool with approve="),
    ],
)
def test_mistakes_are_reported_at_registration(agent, options, error):
    with pytest.raises((TypeError, ValueError), match=error):
        agent("a").register_for_execution(**options)(lambda: None)


# Previews


@pytest.mark.parametrize(
    ("options", "arguments", "shown"),
    [
        (
            {},
            {"path": "a.txt", "content": "one\nthree\n"},
            "--- a.txt\n+++ a.txt (after the call)\n@@ -1,2 +1,2 @@\n one\n-two\n+three\n",
        ),
        ({}, {"path": "new.txt", "content": "x"}, "@@ -0,0 +1 @@\n+x\n"),
        ({"old": "old", "new": "new"}, {"path": "a.txt", "old": "two", "new": "2"}, "-two\n+2\n"),
        ({"old": "old", "new": "new"}, {"path": "a.txt", "old": "no", "new": "2"}, "(The text to replace is not in a.txt.)"),
        ({}, {"path": "a.txt", "content": "one\ntwo\n"}, "(a.txt does not change.)"),
        ({}, {"path": "a.txt", "content": "one\r\ntwo\n"}, "only line ends change"),
        ({}, {"path": "../secret", "content": "x"}, "(../secret is not a text file in the folder of the tool"),
        ({}, {"path": "binary", "content": "x"}, "(binary is not a text file"),
        ({}, {"path": "a\0b", "content": "x"}, "is not a text file"),
        ({"path": "file", "content": "text"}, {"file": "a.txt", "text": "x\u202e"}, "+x\\u202e"),
        ({}, {"path": "a.txt", "content": "x\n" * 20_000}, "more characters]"),
    ],
)
def test_the_change_of_a_file_is_shown(call, agent, tmp_path, options, arguments, shown):
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "a.txt").write_text("one\ntwo\n")
    (folder / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "secret").write_text("a secret")
    human = type_in("y")
    office = Office(agent, tool_call("write", **arguments), "done", human_input_source=human)
    office.add("write", approve="human", preview=preview_diff(folder=folder, **options)).run(call)
    assert shown in human.questions[0]
    assert "a secret" not in human.questions[0]
    assert len(human.questions[0]) < 25_000
    assert len(office.calls) == 1


def test_a_file_that_changed_meanwhile_is_another_question(call, agent, tmp_path):
    def run(*script):
        office = Office(agent, *script, human_input_source=LATER)
        office.add("write", approve="human", preview=preview_diff(folder=tmp_path))
        office.calls = calls
        return office.run(call, checkpoint=tmp_path / "chat.db")

    calls = []
    [question] = run(tool_call("write", path="a.txt", content="new")).pending
    Recording(tmp_path / "chat.db").answer(question, "yes")
    (tmp_path / "a.txt").write_text("somebody else's")
    [second] = run().pending
    assert "-somebody else's" in second.prompt
    Recording(tmp_path / "chat.db").answer(second, "yes")
    assert run("done").stop_reason is not StopReason.WAITING
    assert len(calls) == 1


def test_a_preview_that_fails_is_no_reason_not_to_ask(call, agent):
    def fail(**arguments):
        raise LookupError("no such table")

    human = type_in("n")

    @require_approval(preview=fail)
    def drop(table: str) -> str:
        """Drop a table."""
        raise AssertionError("it was called")

    clerk = ConversableAgent(
        "clerk",
        llm_config=ScriptedModel(tool_call("drop", table="x"), "done").llm_config,
        functions=[drop],
        human_input_source=human,
    )
    call(clerk.run, "go", silent=True)
    assert "(The preview failed: LookupError: no such table)" in human.questions[0]
