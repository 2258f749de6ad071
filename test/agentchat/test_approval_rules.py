"""Approvals by rules in files and by models that review, and how long an approval counts."""

import stat
import threading
import time
from datetime import timedelta

import pytest

from autogen import ConversableAgent, events, register_function
from autogen.agentchat.approvals import (
    Ask,
    Edit,
    GuardedCall,
    QuestionExpired,
    Reviewer,
    Rules,
    require_approval,
)
from autogen.agentchat.chat import StopReason
from autogen.agentchat.conditions import Refused
from autogen.io import LATER
from autogen.recording import Recording
from autogen.testing import ScriptedModel, tool_call
from autogen.tools import Tool, Toolkit

REFUSED = "The call was not made. The reviewer of user refused it"


class Chat:
    """A chat in which a model calls a tool, with what the tool was called with."""

    def __init__(self, call, agent, *answers, approve="human", remember="call", human=None, **options):
        self.call, self.paid, self.questions = call, [], []
        self.caller = agent("caller", llm_config=ScriptedModel(*answers).llm_config)
        replies = list(human or ())

        def ask(prompt):
            self.questions.append(prompt)
            return replies.pop(0)

        options = {"human_input_source": ask, "default_auto_reply": "go on", **options}
        self.user = agent("user", **options)

        def pay(euros: int, to: str = "") -> str:
            self.paid.append((euros, to))
            return f"paid {euros}"

        self.caller.register_for_llm(name="pay", description="Pay.")(pay)
        self.user.register_for_execution("pay", approve=approve, remember=remember)(pay)

    def run(self, turns=10, **options):
        return self.call(self.user.initiate_chat, self.caller, message="Pay ada.", max_turns=turns, **options)


def pay(euros, **arguments):
    return tool_call("pay", euros=euros, **arguments)


RULES = """
[[rule]]
tool = "p?y"
when = ["euros <= 50", 'to ~ "*@example.com"']
then = "allow"

[[rule]]
when = "euros > 1000"
then = "deny"
why = "Nothing above 1000."

[[rule]]
tool = "pay"
when = "to == 'ask'"
then = "ask"
why = "it says so"
"""


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"euros": 50, "to": "ada@example.com"}, True),
        ({"euros": 50.5, "to": "ada@example.com"}, Ask()),
        ({"euros": 50, "to": "ada@example.com.evil.test"}, Ask()),
        ({"euros": "50", "to": "ada@example.com"}, Ask()),
        ({"euros": True, "to": "ada@example.com"}, Ask()),
        ({"euros": float("nan"), "to": "ada@example.com"}, Ask()),
        ({"euros": 1001, "to": "ask"}, "Nothing above 1000."),
        ({"euros": 60, "to": "ask"}, Ask("it says so")),
        ({}, Ask()),
    ],
)
def test_the_first_rule_that_fits_decides(tmp_path, arguments, expected):
    file = tmp_path / "rules.toml"
    file.write_text(RULES)
    assert Rules(file)(GuardedCall("user", "pay", arguments)) == expected


@pytest.mark.parametrize(
    ("glob", "text", "fits"),
    [
        ("notes/**", "notes/a/b.txt", True),
        ("notes/**", "notes/../secret", False),
        ("notes/**", "notes/a/../../secret", False),
        ("notes/**", "./notes/a", True),
        ("notes/**", "notes\\..\\secret", False),
        ("notes/*", "notes/a/b", False),
        ("https://example.com/**", "https://example.com/a/b", True),
        ("https://example.com/**", "https://example.com/../evil.test/x", False),
        ("a?c", "abc", True),
        ("a.c", "abc", False),
        ("*", "two\nlines", True),
    ],
)
def test_globs_stay_in_their_folder(glob, text, fits):
    for sign, expected in (("~", fits), ("!~", not fits)):
        rules = Rules([{"when": f"path {sign} '{glob}'", "then": "allow"}], otherwise="deny")
        assert rules(GuardedCall("a", "read", {"path": text})) is expected
    nested = Rules([{"when": f"file.path ~ '{glob}'", "then": "allow"}], otherwise="deny")
    assert nested(GuardedCall("a", "read", {"file": {"path": text}})) is fits
    assert nested(GuardedCall("a", "read", {"file": text})) is False


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("[[rule]\n", "is not TOML"),
        ("[[rules]]\nthen = 'ask'\n", "unknown key 'rules'.* Did you mean 'rule'"),
        ("[rule]\nthen = 'ask'\n", r"must have tables \[\[rule\]\]"),
        ("[[rule]]\nthen = 'alow'\n", "rule 1: then must be 'allow', .* Did you mean 'allow'"),
        ("[[rule]]\nthen = 'ask'\n[[rule]]\nwehn = 'a < 1'\nthen = 'ask'\n", "rule 2 has an unknown key 'wehn'"),
        ("[[rule]]\nthen = 'ask'\nwhen = '__import__(1)'\n", "a comparison must be like"),
        ("[[rule]]\nthen = 'ask'\nwhen = 'a < b'\n", "b in 'a < b' must be a number"),
        ("[[rule]]\nthen = 'ask'\nwhen = 'a ~ 5'\n", "must be a text in quotes"),
        ("[[rule]]\nthen = 'ask'\nwhen = 5\n", "when must be a comparison"),
        ("[[rule]]\nthen = 'ask'\ntool = 5\n", "tool and why must be texts"),
    ],
)
def test_mistakes_in_rules_are_found_when_they_are_read(tmp_path, text, error):
    file = tmp_path / "rules.toml"
    file.write_text(text)
    with pytest.raises(ValueError, match=error):
        Rules(file)


def test_rules_of_a_chat(call, agent):
    rules = Rules([{"when": "euros <= 50", "then": "allow"}, {"when": "euros > 1000", "then": "deny", "why": "Too much"}])
    chat = Chat(call, agent, pay(5), pay(2000), pay(500), "done", approve=rules, human=["n, no money"])
    seen = []
    with events.subscribe(seen.append, types=[events.ApprovalGiven]):
        history = chat.run(turns=4).chat_history
    told = [message["content"] for message in history[2::2]]
    assert [text.removeprefix(REFUSED) for text in told[:3]] == [
        "paid 5",
        ": Too much. Do not repeat it unchanged.",
        ": no money. Do not repeat it unchanged.",
    ]
    assert [(event.verdict, event.by) for event in seen] == [("approve", "rule"), ("reject", "rule"), ("reject", "human")]


def test_arguments_are_valid_before_anybody_is_asked(call, agent):
    """The rule compares numbers, though the model wrote a text; a call that can't be made is nobody's question."""
    seen = []

    def check(guarded):
        seen.append((guarded.arguments, [message.get("content") for message in guarded.history]))
        return guarded.arguments["euros"] <= 50

    chat = Chat(call, agent, pay("5"), pay("much"), pay(5, tip=1), "done", approve=check)
    told = [message["content"] for message in chat.run(turns=4).chat_history[2::2]]
    assert seen == [({"euros": 5}, ["Pay ada.", None])]
    assert told[0] == "paid 5"
    assert "valid integer" in told[1]
    assert "has no parameter 'tip'" in told[2]


# Models that review


@pytest.mark.parametrize(
    ("review", "human", "paid", "by", "why"),
    [
        ('{"allow": true, "why": "ok"}', [], 1, "reviewer", ""),
        ('{"allow": false, "why": "not in the rubric"}', ["y"], 1, "human", "not in the rubric"),
        ('{"allow": false, "why": "not in the rubric"}', ["n"], 0, "human", "not in the rubric"),
        (ValueError("down"), ["y"], 1, "human", "the call could not be reviewed"),
    ],
)
def test_a_model_reviews_calls(call, agent, review, human, paid, by, why):
    def answer(messages):
        if isinstance(review, Exception):
            raise review
        return review

    judge = ScriptedModel(answer)
    options = {"approve": Reviewer(judge.llm_config, "Small bills of ada."), "human": human}
    chat = Chat(call, agent, pay(5, to="ada"), "done", **options)
    seen = []
    with events.subscribe(seen.append, types=[events.ApprovalGiven]):
        chat.run(turns=2)
    assert (len(chat.paid), seen[0].by, seen[0].why) == (paid, by, why)
    assert all(why in question for question in chat.questions)
    if not isinstance(review, Exception):
        system, text = (message["content"] for message in judge.asked[0])
        assert system.endswith("Rubric:\nSmall bills of ada.")
        assert 'Task:\nPay ada.\n\nCall:\npay({"euros": 5, "to": "ada"})' in text


def test_a_reviewer_decides_only_where_the_rules_do_not(call, agent):
    judge = ScriptedModel('{"allow": true}')
    rules = Rules([{"when": "euros > 50", "then": "deny"}], otherwise=Reviewer(judge.llm_config, "Anything."))
    chat = Chat(call, agent, pay(500), pay(5), "done", approve=rules)
    chat.run(turns=3)
    assert chat.paid == [(5, "")]
    assert len(judge.asked) == 1


def test_a_reviewer_sees_no_results_of_tools(call, agent):
    judge = ScriptedModel('{"allow": true}', '{"allow": true}')
    chat = Chat(call, agent, pay(5), pay(6), "done", approve=Reviewer(judge.llm_config, "Anything."))
    chat.run(turns=3)
    assert "paid 5" not in str(judge.asked)
    assert "Pay ada." in judge.asked[1][-1]["content"]


def test_mistakes_of_reviewers():
    for arguments in ((None, "x"), ({"model": "m", "api_key": "k"}, " ")):
        with pytest.raises(ValueError, match="needs"):
            Reviewer(*arguments)


# Memory


@pytest.mark.parametrize(
    ("remember", "answers", "asked"),
    [
        ("call", ["y"] * 4, 4),
        ("chat", ["y"] * 2, 2),
        ("session", ["y"], 1),
        ("session", ["a"], 1),
        ("chat", ["a", "a"], 2),
    ],
)
def test_how_long_an_approval_counts(call, agent, remember, answers, asked):
    chat = Chat(call, agent, *[pay(5), pay(5), "done"] * 2, remember=remember, human=answers)
    for _ in range(2):
        chat.run(turns=3)
    assert (len(chat.paid), len(chat.questions)) == (4, asked)


def test_approvals_of_a_session_are_part_of_the_state(call, agent):
    chat = Chat(call, agent, pay(5), "done", remember="session", human=["y"])
    chat.run(turns=2)
    state = chat.user.save_state()
    later = Chat(call, agent, pay(5), "done", remember="session")
    later.user.load_state(state, [later.caller])
    later.run(turns=2)
    assert later.paid == [(5, "")]
    assert later.questions == []
    chat.user.reset()
    assert chat.user.save_state()["approvals"] == []


def test_an_answer_for_always_is_written_to_the_file(call, agent, tmp_path):
    file = tmp_path / "rules.toml"
    file.write_text("# Mine.\n[[rule]]\nwhen = 'euros > 1000'\nthen = 'deny'")
    file.chmod(0o640)
    chat = Chat(call, agent, pay(5), pay(6), pay(2000), "done", approve=Rules(file), remember="always", human=["y", "a"])
    chat.run(turns=4)
    assert [euros for euros, _ in chat.paid] == [5, 6]
    assert file.read_text().startswith("# Mine.")
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert Rules(file)(GuardedCall("user", "pay", {"euros": 7})) is True
    assert Rules(file)(GuardedCall("user", "pay", {"euros": 2000})) is False
    assert Rules(file)(GuardedCall("user", "payout", {"euros": 7})) == Ask()
    assert [path.name for path in tmp_path.iterdir()] == ["rules.toml"]


def test_a_refusal_beats_what_was_approved(call, agent):
    chat = Chat(call, agent, pay(5), pay(2000), "done", approve=["human", Rules([{"when": "euros > 50", "then": "deny"}])])
    chat.user.human_input_source = lambda prompt: "a"
    chat.run(turns=3)
    assert chat.paid == [(5, "")]


def test_the_rest_of_a_message_is_refused(call, agent):
    chat = Chat(call, agent, [pay(1), pay(2), pay(3)], pay(4), "done", human=["y", "r", "y"])
    chat.run(turns=3)
    assert [euros for euros, _ in chat.paid] == [1, 4]
    assert len(chat.questions) == 3


@pytest.mark.parametrize(("limit", "asked"), [(1, 1), (2, 2)])
def test_a_chat_ends_after_so_many_refusals(call, agent, limit, asked):
    chat = Chat(call, agent, *map(pay, range(5)), human=["n"] * 5)
    chat.caller._is_termination_msg = Refused(limit)
    result = chat.run()
    assert (result.stop_reason, len(chat.questions)) == (StopReason.TERMINATION_MESSAGE, asked)
    assert chat.paid == []


# Tools that bring it along


@pytest.mark.parametrize("form", ["tool", "toolkit", "toolkit by name", "run", "run by name"])
def test_where_an_approval_can_be_said(form):
    paid, questions = [], []

    def pay(euros: int) -> str:
        """Pay."""
        paid.append(euros)
        return "paid"

    def ask(prompt):
        questions.append(prompt)
        return "no"

    tools, approve = {
        "tool": (Tool(func_or_tool=pay, approve="human"), None),
        "toolkit": (Toolkit([pay], approve="human"), None),
        "toolkit by name": (Toolkit([pay], approve={"pay": "human"}), None),
        "run": ([pay], "human"),
        "run by name": ([pay], {"pay": "human"}),
    }[form]
    model = ScriptedModel(tool_call("pay", euros=5), "done")
    clerk = ConversableAgent("clerk", llm_config=model.llm_config, human_input_source=ask)
    assert clerk.run("go", tools=tools, approve=approve, silent=True).summary == "done"
    assert (paid, len(questions)) == ([], 1)


def test_a_name_that_is_not_among_the_tools():
    for make in (lambda: Toolkit([len], approve={"lne": "human"}), lambda: Toolkit([], approve={"len": "human"})):
        with pytest.raises(ValueError, match=r"approve names '(lne|len)', and the tools are: (len|none)"):
            make()


def test_an_edit_by_a_rule_must_be_valid(call, agent):
    chat = Chat(call, agent, pay(5), "done", approve=lambda guarded: Edit({"euros": "4"}))
    assert "euros is 4 instead of 5" in chat.run(turns=2).chat_history[2]["content"]
    assert chat.paid == [(4, "")]
    with pytest.raises(ValueError, match="no parameter"):
        Chat(call, agent, pay(5), approve=lambda guarded: Edit({"amount": 4})).run()


# Answers from elsewhere


class Clock:
    """A clock that a test sets."""

    def __init__(self):
        self.now = time.time()

    def __call__(self):
        return self.now


def test_a_question_expires(call, agent, tmp_path):
    file, clock, paid = tmp_path / "chat.db", Clock(), []
    source = LATER(expires=timedelta(days=2), clock=clock)

    def run(*answers):
        chat = Chat(call, agent, *answers, human_input_source=source)
        chat.paid = paid
        return chat.run(turns=2, checkpoint=file)

    [question] = run(pay(500)).pending
    assert question.expires_at == clock.now + 2 * 86400
    clock.now += 86400
    # The time for the answer does not begin again.
    assert run().pending == [question]
    clock.now += 86400
    seen = []
    with events.subscribe(seen.append, types=[events.ApprovalGiven]):
        result = run("done")
    assert "refused it: nobody answered in time." in result.chat_history[2]["content"]
    assert (paid, [event.by for event in seen]) == ([], ["expiry"])
    assert Recording(file).pending == []


@pytest.mark.parametrize(("default", "reason"), [("", StopReason.HUMAN_EXIT), ("go on", StopReason.MAX_TURNS)])
def test_an_expired_question_has_the_default_of_the_agent(call, agent, tmp_path, default, reason):
    clock = Clock()
    clock.now -= 3600
    source = LATER(expires=timedelta(minutes=30), clock=clock)

    def run():
        user = agent("user", human_input_mode="ALWAYS", human_input_source=source, human_input_default=default)
        other = agent("other", default_auto_reply="yes")
        return call(user.initiate_chat, other, message="hi", checkpoint=tmp_path / "chat.db", max_turns=2)

    [question] = run().pending
    with pytest.raises(QuestionExpired, match="has expired"):
        Recording(tmp_path / "chat.db").answer(question, "late")
    clock.now += 3600
    assert run().stop_reason is reason


def test_mistakes_of_limits():
    with pytest.raises(TypeError, match="must be a timedelta"):
        LATER(expires=5)
    with pytest.raises(ValueError, match="must be positive"):
        LATER(expires=timedelta(0))
    with pytest.raises(RuntimeError, match="answers nothing itself"):
        LATER("Your name?")


def test_a_chat_that_waits_here_takes_an_answer_from_elsewhere(call, agent, tmp_path):
    """The question can be answered while the chat is alive; it goes on by itself."""
    file = tmp_path / "chat.db"
    chat = Chat(call, agent, pay(500), "done", human_input_source=LATER, human_input_timeout=120)

    def answer():
        while not (questions := Recording(file).pending):
            time.sleep(0.01)
        Recording(file).answer(questions[0], choice="approve", by="ada")

    thread = threading.Thread(target=answer)
    with events.subscribe(lambda event: thread.start(), types=[events.HumanAsked]):
        result = chat.run(turns=2, checkpoint=file)
    thread.join()
    assert (result.summary, chat.paid) == ("done", [(500, "")])


def test_a_chat_that_waited_in_vain_leaves_the_question_open(call, agent, tmp_path):
    chat = Chat(call, agent, pay(500), human_input_source=LATER, human_input_timeout=0.01)
    [question] = chat.run(turns=2, checkpoint=tmp_path / "chat.db").pending
    assert Recording(tmp_path / "chat.db").pending == [question]


def test_a_decorator_takes_rules(agent):
    @require_approval(Rules([{"then": "deny", "why": "Never."}]))
    def pay(euros: int) -> str:
        """Pay."""
        raise AssertionError("it was called")

    caller = agent("caller", llm_config=ScriptedModel(tool_call("pay", euros=1), "done").llm_config)
    user = agent("user")
    register_function(pay, caller=caller, executor=user, description="Pay.")
    assert "refused it: Never." in user.initiate_chat(caller, message="hi", max_turns=2).chat_history[2]["content"]
