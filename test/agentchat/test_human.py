"""When the chat ends, and when a human is asked: the whole table."""

import itertools

import pytest

from autogen import ConversableAgent, UserProxyAgent
from autogen.agentchat._replies.termination_and_human import FEEDBACK, LIMIT, MODES, RULES, STOPPING
from autogen.agentchat.chat import StopReason

CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


@pytest.mark.parametrize(("mode", "at_limit", "terminated"), list(itertools.product(MODES, [True, False], [True, False])))
def test_every_situation_has_exactly_one_rule(mode, at_limit, terminated):
    covering = [
        rule
        for rule in RULES
        if rule.mode == mode and rule.at_limit in (None, at_limit) and rule.terminated in (None, terminated)
    ]
    assert len(covering) == 1


PROMPTS = {"A": FEEDBACK, "B": STOPPING, "C": LIMIT, None: None}
STOP, AUTO = "stop", "auto"


def test_pages_find_the_phrases_of_the_questions():
    phrases = ["Replying as me.", "Provide feedback to peer.", "Press enter to skip and use auto-reply", "type 'exit'"]
    question = FEEDBACK.format(agent="me", peer="peer")
    positions = [question.index(phrase) for phrase in phrases]
    assert positions == sorted(positions)


# human_input_mode, at the limit, a termination message, typed, limit 0 -> prompt, outcome (a text: what the human said)
TABLE = [
    ("ALWAYS", False, False, "exit", False, "A", STOP),
    ("ALWAYS", True, True, "exit", False, "A", STOP),
    ("ALWAYS", False, False, "hello", False, "A", "hello"),
    ("ALWAYS", True, True, "hello", False, "A", "hello"),
    ("ALWAYS", False, True, "", False, "A", STOP),
    ("ALWAYS", True, True, "", False, "A", STOP),
    ("ALWAYS", False, False, "", False, "A", AUTO),
    ("ALWAYS", True, False, "", False, "A", AUTO),
    ("ALWAYS", True, False, "", True, "A", ""),
    ("TERMINATE", False, False, None, False, None, AUTO),
    ("TERMINATE", False, True, "", False, "B", STOP),
    ("TERMINATE", False, True, "exit", False, "B", STOP),
    ("TERMINATE", False, True, "go on", False, "B", "go on"),
    ("TERMINATE", True, True, "", False, "B", STOP),
    ("TERMINATE", True, False, "", False, "C", AUTO),
    ("TERMINATE", True, False, "", True, "C", ""),
    ("TERMINATE", True, False, "exit", False, "C", STOP),
    ("TERMINATE", True, True, "exit", False, "B", STOP),
    ("TERMINATE", True, False, "go on", False, "C", "go on"),
    ("TERMINATE", False, False, None, False, None, AUTO),
    ("NEVER", True, True, None, False, None, STOP),
    ("NEVER", True, False, None, False, None, STOP),
    ("NEVER", False, True, None, False, None, STOP),
    ("NEVER", False, False, None, False, None, AUTO),
    ("NEVER", True, False, None, True, None, STOP),
]


@pytest.mark.parametrize("pending", [False, True], ids=["text", "calls"])
@pytest.mark.parametrize(("mode", "at_limit", "terminated", "typed", "zero", "prompt", "outcome"), TABLE)
def test_the_decision_table(call, agent, capsys, mode, at_limit, terminated, typed, zero, prompt, outcome, pending):
    peer, me = agent("peer"), agent("me", human_input_mode=mode, max_consecutive_auto_reply=0 if zero else 2, silent=None)
    me._is_termination_msg = lambda message: terminated
    count = 0 if zero else (2 if at_limit else 1)
    me._consecutive_auto_reply_counter[peer] = count
    asked = []
    me.get_human_input = lambda text: (asked.append(text), typed)[1]
    message = {"content": "x", "role": "user"}
    if pending:
        message |= {"function_call": {"name": "g"}, "tool_calls": [CALL]}

    answer = call(me.check_termination_and_human_reply, [message], peer)

    assert asked == ([PROMPTS[prompt].format(agent="me", peer="peer")] if prompt else [])
    printed = capsys.readouterr().out
    assert ("NO HUMAN INPUT RECEIVED." in printed) is (typed == "")
    assert ("USING AUTO REPLY..." in printed) is (outcome == AUTO and mode != "NEVER")
    if outcome == STOP:
        assert answer == (True, None)
        assert me._consecutive_auto_reply_counter[peer] == 0
    elif outcome == AUTO:
        assert answer == (False, None)
        assert me._consecutive_auto_reply_counter[peer] == count + 1
    else:
        interrupted = [
            {"role": "function", "name": "g", "content": "USER INTERRUPTED"},
            {"role": "tool", "tool_call_id": "c1", "content": "USER INTERRUPTED"},
        ]
        expected = {"role": "user", "content": outcome} | ({"tool_responses": interrupted} if pending else {})
        assert answer == (True, expected)
        assert me._consecutive_auto_reply_counter[peer] == 0


@pytest.mark.parametrize(
    ("mode", "limit", "typed", "asked"),
    [
        ("ALWAYS", 9, "text", 0),
        ("ALWAYS", 9, "", 1),
        ("NEVER", 0, None, 0),
        ("NEVER", 9, None, 1),
        ("TERMINATE", 9, None, 1),
    ],
)
def test_the_predicate_is_asked_only_where_it_decides(call, agent, mode, limit, typed, asked):
    questions = []
    me = agent("me", human_input_mode=mode, max_consecutive_auto_reply=limit)
    me._is_termination_msg = lambda message: questions.append(message)
    me.get_human_input = lambda prompt: typed
    call(me.check_termination_and_human_reply, [{"content": "x"}], agent("peer"))
    assert len(questions) == asked


@pytest.mark.parametrize(
    "content", [None, [{"type": "text", "text": "TERMINATE"}], [{"type": "image_url", "image_url": {}}]]
)
@pytest.mark.parametrize(
    "predicate",
    [
        lambda m: "TERMINATE" in m["content"],
        lambda m: m.get("content", "").rstrip().endswith("TERMINATE"),
        lambda m: m["content"].split()[-1] == "TERMINATE",
    ],
)
def test_a_predicate_for_text_never_raises_on_other_content(call, agent, content, predicate):
    me = agent("me", is_termination_msg=predicate)
    message = {"content": content, "role": "user", "tool_calls": [CALL]}
    final, _ = call(me.check_termination_and_human_reply, [message], agent("peer"))
    assert final == (content is not None and content[0]["type"] == "text")


def test_the_default_predicate_wants_the_exact_word(agent):
    ends = agent("a")._is_termination_msg
    assert ends({"content": "TERMINATE"})
    assert ends({"content": [{"type": "text", "text": "TERMINATE"}]})
    assert not ends({"content": "done TERMINATE"})
    assert not ends({"content": None})
    assert not ends({})


def test_typing_in_a_chat(call, agent):
    typed = iter(["h1", "", "exit"])
    user = agent("user", UserProxyAgent, human_input_mode="ALWAYS", code_execution_config=False)
    user.get_human_input = lambda prompt: (user._human_input.append(text := next(typed)), text)[1]
    bot = agent("bot", default_auto_reply="B")
    result = call(user.initiate_chat, bot, message="x")
    assert [m["content"] for m in result.chat_history] == ["x", "B", "h1", "B", "", "B"]
    assert result.human_input == ["h1", "", "exit"]
    assert result.stop_reason is StopReason.HUMAN_EXIT


def test_an_asynchronous_override_of_human_input_is_asked_in_an_asynchronous_chat(agent):
    import asyncio

    class Remote(ConversableAgent):
        async def a_get_human_input(self, prompt):
            return "from afar"

    me = agent("me", Remote, human_input_mode="ALWAYS")
    _, reply = asyncio.run(me.a_check_termination_and_human_reply([{"content": "x"}], agent("peer")))
    assert reply["content"] == "from afar"


def test_pressing_enter_is_asked_for_once_in_an_asynchronous_chat(call, agent):
    asked = []
    me = agent("me", human_input_mode="ALWAYS", default_auto_reply="auto")
    me.get_human_input = lambda prompt: asked.append(prompt) or ""
    assert call(me.generate_reply, [{"content": "x", "role": "user"}], agent("peer")) == "auto"
    assert len(asked) == 1


@pytest.mark.parametrize("kind", [ConversableAgent, UserProxyAgent])
def test_an_unknown_mode_is_refused(kind):
    with pytest.raises(ValueError, match=r"human_input_mode must be one of .*got 'SOMETIMES'"):
        kind("a", human_input_mode="SOMETIMES", code_execution_config=False)


def test_human_input_comes_through_the_io_stream_of_the_context(agent, call):
    from autogen.io import IOStream

    class Typist(IOStream):
        def print(self, *objects, sep=" ", end="\n", flush=False):
            pass

        def input(self, prompt="", *, password=False):
            return "typed elsewhere"

    me = agent("me", human_input_mode="ALWAYS")
    with IOStream.set_default(Typist()):
        _, reply = call(me.check_termination_and_human_reply, [{"content": "x"}], agent("peer"))
    assert reply["content"] == "typed elsewhere"
    assert me._human_input == ["typed elsewhere"]
