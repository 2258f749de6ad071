"""Approvals of tool calls: by rules and by humans, now or later, in this process or another."""

import json
import os
import pickle
import re
import signal
import sqlite3
import time
from contextlib import closing, nullcontext
from datetime import timedelta

import pytest
from typer.testing import CliRunner

from autogen import ConversableAgent, GroupChat, GroupChatManager, events
from autogen._cli.app import app
from autogen.agentchat.approvals import AlreadyAnswered, Edit, require_approval
from autogen.agentchat.chat import StopReason
from autogen.control import ChatWaiting
from autogen.io import LATER
from autogen.recording import JournalError, Recording
from autogen.testing import ScriptedModel, tool_call
from autogen.tools import Tool, Toolkit


class Payments:
    """A chat in which a model calls a tool that needs an approval."""

    def __init__(self, call, agent, *answers, approve="human", **options):
        self.paid, self.asked, self.call = [], [], call
        self.model = ScriptedModel(*answers)
        self.caller = agent("caller", llm_config=self.model.llm_config)
        self.user = agent("user", default_auto_reply="go on", **options)
        self.caller.register_for_llm(description="Pay.")(self.pay)

        def pay(euros: int) -> str:
            return self.pay(euros)

        remember = "call"
        if isinstance(approve, tuple):
            approve, remember = approve
        self.user.register_for_execution("pay", approve=approve, remember=remember)(pay)

    def pay(self, euros: int) -> str:
        self.paid.append(euros)
        return f"paid {euros}"

    def run(self, turns=10, **options):
        return self.call(self.user.initiate_chat, self.caller, message="go", max_turns=turns, **options)


def call_now(method, *args, **kwargs):
    return method(*args, **kwargs)


def type_in(*answers):
    """Make a human that types some answers, and remembers the questions."""
    texts = list(answers)

    def ask(prompt):
        ask.questions.append(prompt)
        return texts.pop(0)

    ask.questions = []
    return ask


PAY = tool_call("pay", euros=500)
REFUSED = "The call was not made. The reviewer of user refused it"
CHANGED = "The reviewer of user changed the arguments: euros is {} instead of 500.\npaid {}"
AGAIN = "Do not repeat it unchanged."


@pytest.mark.parametrize(
    ("answer", "paid", "told"),
    [
        ("y", [500], "paid 500"),
        ("Yes.", [500], "paid 500"),
        ("", [], f"{REFUSED}. {AGAIN}"),
        ("n", [], f"{REFUSED}. {AGAIN}"),
        ("No, too much", [], f"{REFUSED}: too much. {AGAIN}"),
        ("Ask Ada first!", [], f"{REFUSED}: Ask Ada first! {AGAIN}"),
        ("yes, but only 50", [], f"{REFUSED}: yes, but only 50. {AGAIN}"),
        ('e {"euros": 50}', [50], CHANGED.format(50, 50)),
    ],
)
def test_a_human_decides_in_words_that_the_model_reads(call, agent, answer, paid, told):
    human = type_in(answer)
    payments = Payments(call, agent, PAY, "done", human_input_source=human)
    seen = []
    with events.subscribe(seen.append, types=[events.ApprovalAsked, events.ApprovalGiven, events.ToolCalled]):
        result = payments.run(turns=2)
    assert payments.paid == paid
    assert result.chat_history[2]["content"] == told
    assert 'user is to call pay with {"euros": 500}. Approve?' in human.questions[0]
    kinds = [event.type for event in seen]
    assert kinds == ["approval_asked", "approval_given", *(["tool_called"] if paid else [])]
    assert (seen[1].by, seen[0].operation) == ("human", seen[1].operation)


def test_arguments_of_an_edit_must_be_valid(call, agent):
    human = type_in("e {euros: 50}", 'e {"euro": 50}', "e {}", 'e {"euros": "fifty"}', 'e {"euros": "50"}')
    result = Payments(call, agent, PAY, "done", human_input_source=human).run(turns=2)
    assert result.chat_history[2]["content"] == CHANGED.format(50, 50)
    problems = ("must be a JSON object", "has no parameter 'euro'", "missing the required argument 'euros'", "valid integer")
    for question, problem in zip(human.questions[1:], problems, strict=True):
        assert problem in question


def test_a_human_may_end_the_chat(call, agent):
    payments = Payments(call, agent, PAY, human_input_source=type_in("q"))
    result = payments.run()
    assert (result.stop_reason, payments.paid) == (StopReason.GUARDRAIL, [])
    assert result.stop_detail == "approval of pay: a human ended the chat"


async def allow(call):
    return True


@pytest.mark.parametrize(
    ("approve", "answers", "paid"),
    [
        (lambda call: call.arguments["euros"] <= 500, [], [500]),
        (lambda call: call.arguments["euros"] < 500, [], []),
        (lambda call: None, [], []),
        (lambda call: "Too much.", [], []),
        (lambda call: Edit({"euros": 5}), [], [5]),
        (lambda call: "human" if call.name == "pay" else True, ["y"], [500]),
        (allow, [], [500]),
        ([allow, "human"], ["y"], [500]),
        (["human", lambda call: False], [], []),
        ([lambda call: Edit({"euros": 5}), "human"], ["y"], [5]),
    ],
)
def test_rules_decide_before_a_human(call, agent, approve, answers, paid):
    human = type_in(*answers)
    payments = Payments(call, agent, PAY, "done", approve=approve, human_input_source=human)
    payments.run(turns=2)
    assert (payments.paid, len(human.questions)) == (paid, len(answers))


@pytest.mark.parametrize(
    ("approve", "answer", "questions"),
    [
        ("human", "y", 3),
        (("human", "chat"), "y", 2),
        ("human", "a", 1),
        (["human", lambda call: call.arguments["euros"] < 9], "a", 1),
    ],
)
def test_an_approval_may_count_for_the_chat(call, agent, approve, answer, questions):
    human = type_in(*[answer] * 6)
    calls = [tool_call("pay", euros=1), tool_call("pay", euros=1), tool_call("pay", euros=2)]
    payments = Payments(call, agent, *calls, "done", *calls, "done", approve=approve, human_input_source=human)
    payments.run(turns=4)
    assert (payments.paid, len(human.questions)) == ([1, 1, 2], questions)
    payments.run(turns=4)
    assert len(human.questions) == 2 * questions


def test_a_rule_refuses_whatever_was_remembered(call, agent):
    rules = [lambda call: call.arguments["euros"] < 9, "human"]
    calls = [tool_call("pay", euros=1), tool_call("pay", euros=100)]
    payments = Payments(call, agent, *calls, "done", approve=rules, human_input_source=type_in("a"))
    payments.run(turns=3)
    assert payments.paid == [1]


def test_a_refused_call_is_not_asked_about_again_and_ends_the_chat_in_the_end(call, agent):
    human = type_in("n")
    payments = Payments(call, agent, *[PAY] * 9, human_input_source=human)
    result = payments.run()
    assert (len(human.questions), payments.paid) == (1, [])
    assert "came again and again" in result.stop_detail


def test_calls_without_an_approval_do_not_wait_for_the_others(call, agent):
    payments = Payments(call, agent, human_input_source=type_in("y"))
    order = []

    @payments.user.register_for_execution()
    @payments.caller.register_for_llm(description="Note.")
    def note(text: str) -> str:
        order.append(list(payments.paid))
        return text

    calls = [tool_call("pay", euros=5), tool_call("note", text="x")]
    reply = payments.call(payments.user.generate_reply, messages=[{"content": None, "role": "user", "tool_calls": calls}])
    assert [response["content"] for response in reply["tool_responses"]] == ["paid 5", "x"]
    assert order == [[]]


@require_approval(lambda call: "Never.")
def pay_by_decorator(euros: int) -> str:
    """Pay."""
    raise AssertionError("it was called")


TOOL = Tool(name="pay_by_decorator", description="Pay.", func_or_tool=pay_by_decorator)


@pytest.mark.parametrize(
    ("made_with", "run_with"),
    [
        ({"functions": [pay_by_decorator]}, {}),
        ({"functions": [TOOL]}, {}),
        ({}, {"tools": [pay_by_decorator]}),
        ({}, {"tools": Toolkit([TOOL])}),
        ({}, {"tools": [Tool(name="pay_by_decorator", description="Pay.", func_or_tool=TOOL)]}),
    ],
)
def test_a_function_brings_its_approval_along(made_with, run_with):
    model = ScriptedModel(tool_call("pay_by_decorator", euros=5), "done")
    clerk = ConversableAgent("clerk", llm_config=model.llm_config, **made_with)
    result = clerk.run("go", silent=True, **run_with)
    assert "refused it: Never." in result.chat_history[2]["content"]


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"approve": "humans"}, "must be 'human', a function of the call, Rules, .* got 'humans'"),
        ({"approve": []}, "got an empty list"),
        ({"approve": 5}, "got 5"),
        ({"approve": "human", "remember": "always"}, "remember='always' needs Rules from a file"),
        ({"approve": "human", "remember": "chats"}, "remember must be one of 'call', .* Did you mean 'chat'"),
    ],
)
def test_mistakes_are_reported_at_registration(agent, options, error):
    with pytest.raises((TypeError, ValueError), match=error):
        agent("a").register_for_execution(**options)
    with pytest.raises((TypeError, ValueError), match=error):
        require_approval(**options)


def test_a_rule_must_decide_clearly(call, agent):
    with pytest.raises(TypeError, match="must return True, False, a text, Ask or Edit, got 1"):
        Payments(call, agent, PAY, approve=lambda call: 1).run()


# Later


@pytest.mark.parametrize(
    ("answer", "paid", "told"),
    [
        ({"choice": "approve"}, [500], "paid 500"),
        ({"value": "yes"}, [500], "paid 500"),
        ({"choice": "reject", "value": "too much", "by": "ada"}, [], f"{REFUSED}: too much. {AGAIN}"),
        ({"choice": "edit", "value": {"euros": 5}}, [5], CHANGED.format(5, 5)),
    ],
)
def test_a_call_that_is_approved_later_runs_once(call, agent, tmp_path, answer, paid, told):
    file, all_paid = tmp_path / "chat.db", []

    def run(*answers):
        payments = Payments(call, agent, *answers, human_input_source=LATER)
        payments.paid = all_paid
        return payments.run(turns=2, checkpoint=file)

    first = run(PAY)
    [question] = first.pending
    assert (first.stop_reason, first.summary, all_paid) == (StopReason.WAITING, None, [])
    assert (question.kind, question.tool, question.arguments) == ("approval", "pay", {"euros": 500})
    assert Recording(file).pending == [question]
    # Resumed without an answer, it waits as before: one question, no further events.
    before = Recording(file).events
    assert run().pending[0].id == question.id
    assert Recording(file).events == before
    Recording(file).answer(question.id, **answer)
    assert Recording(file).pending == []
    result = run("done")
    assert (all_paid, result.chat_history[2]["content"], result.summary) == (paid, told, "done")
    assert Recording(file).is_finished
    assert run().summary == "done"
    assert all_paid == paid


def test_answers_of_humans_later(call, agent, tmp_path):
    """The question may be any: here that of `human_input_mode`."""
    file = tmp_path / "chat.db"

    def run():
        user = agent("user", human_input_mode="ALWAYS", human_input_source=LATER)
        other = agent("other", default_auto_reply="hello")
        return call(user.initiate_chat, other, message="hi", checkpoint=file)

    for text in ("go on", "exit"):
        [question] = run().pending
        assert (question.kind, question.agent, question.choices) == ("human", "user", ())
        Recording(file).answer(question, text)
    result = run()
    assert result.human_input == ["go on", "exit"]
    assert result.stop_reason is StopReason.HUMAN_EXIT


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_several_questions_are_answered_in_any_order(call, agent, tmp_path, order):
    file, paid = tmp_path / "chat.db", []
    calls = [tool_call("pay", euros=euros) for euros in (1, 2, 3)]

    def run(*answers):
        payments = Payments(call, agent, *answers, human_input_source=LATER)
        payments.paid = paid
        return payments.run(turns=2, checkpoint=file)

    questions = run(calls).pending
    assert [question.arguments["euros"] for question in questions] == [1, 2, 3]
    for number in order:
        Recording(file).answer(questions[number], choice="reject" if number == 1 else "approve")
        if number != order[-1]:
            run()
    result = run("done")
    assert sorted(paid) == [1, 3]
    assert result.summary == "done"


def test_a_group_waits_as_a_whole(call, agent, tmp_path):
    file, paid = tmp_path / "chat.db", []

    def run(*answers):
        payments = Payments(call, agent, *answers, human_input_source=LATER)
        payments.paid = paid
        group = GroupChat([payments.caller, payments.user], speaker_selection_method="round_robin", max_round=4)
        return call(payments.user.initiate_chat, GroupChatManager(group, silent=True), message="go", checkpoint=file)

    [question] = run(PAY).pending
    assert question.agent == "user"
    Recording(file).answer(question, "yes")
    result = run("done")
    assert (result.stop_reason, result.chat_history[-1]["content"], paid) == (StopReason.MAX_ROUND, "done", [500])


def test_a_checkpoint_of_an_earlier_version_has_no_answers(call, agent, tmp_path):
    file = tmp_path / "chat.db"
    Payments(call, agent, "done").run(turns=1, checkpoint=file)
    with closing(sqlite3.connect(file)) as database:
        database.execute("DROP TABLE answers")
        database.commit()
    assert Recording(file).pending == []
    assert Payments(call, agent).run(turns=1, checkpoint=file).summary == "done"


def test_mistakes_of_answers(call, agent, tmp_path):
    file = tmp_path / "chat.db"
    [question] = Payments(call, agent, PAY, human_input_source=LATER).run(checkpoint=file).pending
    recording = Recording(file)
    for options, error in (
        ({"choice": "aprove"}, "choice must be one of: approve, .* Did you mean 'approve'"),
        ({"choice": "edit"}, "needs the new arguments as a dict"),
        ({"choice": "approve", "value": "x"}, "takes no value"),
        ({"value": {"euros": 1}}, "value must be a text"),
        ({"value": "x" * 100_001}, "at most 100000 characters"),
        ({}, "needs a value or a choice"),
    ):
        with pytest.raises(ValueError, match=error):
            recording.answer(question, **options)
    with pytest.raises(LookupError, match="does not wait for the question 'nothing'; its open questions: "):
        recording.answer("nothing", "yes")
    changed = type(question).from_dict({**question.to_dict(), "digest": "other"})
    with pytest.raises(LookupError, match="does not wait"):
        recording.answer(changed, "yes")
    recording.answer(question, "no", by="ada")
    with pytest.raises(AlreadyAnswered, match="given by ada") as caught:
        recording.answer(question, "yes")
    assert pickle.loads(pickle.dumps(caught.value)).answer.text == "no"
    assert json.loads(json.dumps(question.to_dict()))["id"] == question.id


def test_a_store_without_questions_is_refused(call, agent):
    class PlainStore:
        """A store of the program, for chats that don't wait."""

        name = "plain"

        def open(self, chat):
            return "id"

        def get_step(self, position):
            return None

        def read_events(self, after=0):
            return iter(())

        def add_event(self, event):
            return 1

        def ignore(self, *args):
            return None

        start_step = finish_step = discard_step = has_steps_within = delete_events = ignore

        def close(self):
            pass

    with pytest.raises(JournalError, match="plain can't hold open questions"):
        Payments(call, agent, PAY, human_input_source=LATER).run(checkpoint=PlainStore())


def test_without_a_checkpoint_nobody_could_answer(call, agent):
    with pytest.raises(ChatWaiting, match="Give it a checkpoint"):
        Payments(call, agent, PAY, human_input_source=LATER).run()


def test_an_answer_counts_whoever_is_asked_by_now(call, agent, tmp_path):
    file = tmp_path / "chat.db"
    [question] = Payments(call, agent, PAY, human_input_source=LATER).run(turns=2, checkpoint=file).pending
    Recording(file).answer(question, "yes")
    payments = Payments(call, agent, "done", human_input_source=type_in())
    payments.run(turns=2, checkpoint=file)
    assert payments.paid == [500]


def test_a_fork_asks_its_own_questions(call, agent, tmp_path):
    file = tmp_path / "chat.db"
    [question] = Payments(call, agent, PAY, human_input_source=LATER).run(turns=2, checkpoint=file).pending
    Recording(file).answer(question, "yes")
    fork = Recording(file).fork(tmp_path / "fork.db", messages=2)
    payments = Payments(call, agent, human_input_source=LATER)
    assert payments.run(turns=2, checkpoint=fork.path).stop_reason is StopReason.WAITING
    assert payments.paid == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("point", ["before the call", "in the call"])
def test_killed_after_the_approval(agent, tmp_path, point):
    """The approval is not lost with the process. A call that may have been made is reported, and not made again."""
    file, log = tmp_path / "chat.db", tmp_path / "paid"

    def run(*answers, is_killed=False):
        payments = Payments(call_now, agent, *answers, human_input_source=LATER)

        def pay(euros):
            with open(log, "a") as file:
                file.write(f"{euros}\n")
            if is_killed:
                os._exit(9)
            return f"paid {euros}"

        def die(event):
            os._exit(9)

        payments.pay = pay
        if is_killed and point == "before the call":
            with events.subscribe(die, types=[events.ApprovalGiven]):
                return payments.run(turns=2, checkpoint=file)
        return payments.run(turns=2, checkpoint=file)

    [question] = run(PAY).pending
    Recording(file).answer(question, "yes")
    child = os.fork()
    if not child:
        run("done", is_killed=True)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    result = run("done")
    assert result.summary == "done"
    assert log.read_text() == "500\n"
    unknown = "not known whether it took effect"
    assert (unknown in result.chat_history[2]["content"]) is (point == "in the call")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize(
    "kills", [["chat_waiting"], ["approval_given"], ["tool_returned"], ["chat_waiting", "approval_given"]]
)
def test_an_approval_an_hour_later_in_another_process_after_a_kill(agent, tmp_path, kills):
    """The call runs once, whenever the process is killed: as the question is stored, before the call, or after it."""
    file, log, start = tmp_path / "chat.db", tmp_path / "paid", time.time()

    def run(now, *answers, kill=None):
        source = LATER(expires=timedelta(hours=2), clock=lambda: now)
        payments = Payments(call_now, agent, *answers, human_input_source=source)

        def pay(euros):
            with open(log, "a") as file:
                file.write(f"{euros}\n")
            return f"paid {euros}"

        def die(event):
            os.kill(os.getpid(), signal.SIGKILL)

        payments.pay = pay
        with events.subscribe(die, types=[kill]) if kill else nullcontext():
            return payments.run(turns=2, checkpoint=file)

    def fork(function):
        child = os.fork()
        if not child:
            function()
            os._exit(0)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    first, *rest = kills if kills[0] == "chat_waiting" else [None, *kills]
    assert fork(lambda: run(start, PAY, kill=first)) == (-signal.SIGKILL if first else 0)
    assert fork(lambda: Recording(file).answer(Recording(file).pending[0], choice="approve", by="ada")) == 0
    for kill in rest:
        assert fork(lambda: run(start + 3600, "done", kill=kill)) == -signal.SIGKILL  # noqa: B023
    assert run(start + 3600, "done").summary == "done"
    assert log.read_text() == "500\n"
    # Long after, too.
    assert run(start + 86400).summary == "done"
    assert log.read_text() == "500\n"


def test_questions_are_answered_from_a_shell(agent, tmp_path):
    file = tmp_path / "chat.db"

    def run(*answers):
        payments = Payments(call_now, agent, *answers, human_input_source=LATER)
        return payments.run(turns=2, checkpoint=file)

    def invoke(*arguments):
        return CliRunner().invoke(app, list(map(str, arguments)))

    [question] = run(PAY).pending
    shown = invoke("pending", file)
    assert (question.id in shown.output, "user is to call pay" in shown.output, shown.exit_code) == (True, True, 0)
    assert json.loads(invoke("pending", file, "--json").output)[0]["tool"] == "pay"
    assert "does not wait for the question 'zzz'" in str(invoke("answer", file, "zzz", "yes").exception)
    assert invoke("answer", file, question.id[:8], "no, too much", "--by", "ada").exit_code == 0
    assert invoke("pending", file).exit_code == 1
    assert "given by ada" in str(invoke("answer", file, question.id, "yes").exception)
    assert "too much" in run("done").chat_history[2]["content"]


# The record


def test_the_record_of_decisions(agent, tmp_path):
    """Each has its author, and a record that was changed is noticed."""
    file = tmp_path / "chat.db"

    def run(*answers, **options):
        payments = Payments(call_now, agent, *answers, human_input_source=LATER, **options)
        payments.caller.register_guardrail(lambda text: None, on="input", name="quiet")
        payments.caller.register_guardrail(re.compile("paid"), on="input", name="loud")
        return payments.run(turns=2, checkpoint=file)

    def inspect():
        result = CliRunner().invoke(app, ["inspect", "--decisions", str(file)])
        return [json.loads(line) for line in result.stdout.splitlines()], result.exit_code, result.stderr

    questions = run([PAY, tool_call("pay", euros=5)]).pending
    recording = Recording(file)
    recording.answer(questions[0], choice="approve", by="ada", note="by phone")
    recording.answer(questions[1], choice="reject", value="too little", by="bob")
    run("done")
    decisions, exit_code, _ = inspect()
    approvals = [decision for decision in decisions if decision["kind"] == "approval"]
    assert [(item["arguments"], item["verdict"], item["person"], item["note"], item["words"]) for item in approvals] == [
        ({"euros": 500}, "approve", "ada", "by phone", ""),
        ({"euros": 5}, "reject", "bob", "", "too little"),
    ]
    assert {item["by"] for item in approvals} == {"human"}
    assert approvals[0]["digest"] != approvals[1]["digest"]
    assert [item["name"] for item in decisions if item["kind"] == "guardrail"] == ["loud"]
    assert exit_code == 0
    changes = {
        "UPDATE answers SET author = 'eve' WHERE author = 'bob'": "is not that of the record",
        "UPDATE decisions SET data = replace(data, 'ada', 'eve')": "Row 1 of the record was changed",
        "DELETE FROM decisions WHERE n = 1": "Row 1 of the record is missing",
        "DELETE FROM decisions WHERE n = 2": "is not that of the record",
        "DELETE FROM answers": "is not that of the record",
    }
    original = file.read_bytes()
    for change, problem in changes.items():
        with closing(sqlite3.connect(file)) as database:
            database.execute(change)
            database.commit()
        _, exit_code, problems = inspect()
        assert exit_code == 1
        assert problem in problems
        file.write_bytes(original)
    assert inspect()[1] == 0
