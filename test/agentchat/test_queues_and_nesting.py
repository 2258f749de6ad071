"""First messages, summaries, queues of chats, and agents that answer by chats of their own."""

import asyncio

import pytest

from autogen import ConversableAgent, InvalidCarryOverType, initiate_chats
from autogen.agentchat.chat import a_initiate_chats
from autogen.testing import Fault, ScriptedModel, tool_call

PICTURE = {"type": "image_url", "image_url": {"url": "http://x/a.png"}}
CALLS = {"content": None, "tool_calls": [tool_call("f", call_id="c1")]}
STARS = "\n" + "*" * 80
REFLECTED = {"message": "M", "max_turns": 1, "summary_method": "reflection_with_llm"}
EXCLUDE = "finished_chat_indexes_to_exclude_from_carryover"
NESTING = pytest.mark.parametrize(("mode", "use_async"), [("sync", None), ("async", None), ("async", True)])


@pytest.fixture
def says(agent):
    """Make agents that always give one answer."""
    return lambda name, answer="R", **options: agent(name, default_auto_reply=answer, **options)


def first(result):
    return result.chat_history[0]["content"]


def contents(agent, peer):
    return [message["content"] for message in agent.chat_messages[peer]]


def once(recipient, message="M", **entry):
    return {"recipient": recipient, "message": message, "max_turns": 1, "silent": True, **entry}


@pytest.mark.parametrize(
    ("message", "carryover", "content"),
    [
        ("M", None, "M"),
        ("M", "", "M"),
        ("M", [], "M"),
        ("M", "c", "M\nContext: \nc"),
        ("M", ["a", {"content": [1]}, {"x": 1}, 2.5], "M\nContext: \na\n[1]\n{'x': 1}\n2.5"),
        ({"content": "M"}, "c", "M\nContext: \nc"),
        ({"content": [PICTURE]}, ["c"], [{"type": "text", "text": "\nContext: \nc"}, PICTURE]),
        (CALLS, "c", None),
        ({"content": len}, "c", len),
    ],
)
def test_what_is_taken_over_stands_below_the_first_message(call, agent, message, carryover, content):
    before = dict(message) if isinstance(message, dict) else message
    b = agent("b", is_termination_msg=lambda message: False)
    result = call(agent("a").initiate_chat, b, message=message, carryover=carryover, max_turns=1)
    assert first(result) == content
    assert message == before


@pytest.mark.parametrize(("message", "carryover"), [("M", {"a": 1}), ("M", 5), (("content", "M"), "c")])
def test_what_cannot_be_taken_over_is_refused(call, agent, message, carryover):
    with pytest.raises(InvalidCarryOverType):
        call(agent("a").initiate_chat, agent("b"), message=message, carryover=carryover, max_turns=1)


def test_a_typed_first_message_takes_over_too(call, agent, monkeypatch):
    prompts = []
    monkeypatch.setattr("builtins.input", lambda prompt: prompts.append(prompt) or "typed")
    result = call(agent("a").initiate_chat, agent("b"), carryover="c", max_turns=1)
    assert (first(result), prompts, result.human_input) == ("typed\nContext: \nc", [">"], ["typed"])


def test_a_callable_makes_the_first_message_as_it_is(call, agent, says):
    seen = []

    def ask(*arguments):
        seen.append(arguments)
        return {"content": "asked"}

    a, b, c = agent("a"), says("b", "B"), says("c")
    assert first(call(a.initiate_chat, b, message=ask, carryover="c", topic="t", max_turns=1)) == "asked"
    assert seen.pop() == (a, b, {"carryover": "c", "topic": "t"})
    call(a.initiate_chats, [once(b, chat_id=1), once(c, ask, topic="t", chat_id=2, prerequisites=[1])])
    [(sender, recipient, context)] = seen
    assert (sender, recipient) == (a, c)
    assert (context["sender"], context["carryover"], context["topic"]) == (a, ["B"], "t")


def test_a_coroutine_function_makes_the_first_message_of_an_asynchronous_chat(agent):
    async def ask(sender, recipient, context):
        return "asked later"

    assert first(asyncio.run(agent("a").a_initiate_chat(agent("b"), message=ask, max_turns=1))) == "asked later"


@pytest.mark.parametrize(
    ("answer", "summary"),
    [
        ("PRETERMINATED by TERMINATE ", "PRED by  "),
        ({"content": [{"type": "text", "text": "a TERMINATE"}, PICTURE, {"type": "text", "text": "b"}]}, "a \nb"),
        (CALLS, ""),
        ("", ""),
    ],
)
def test_the_last_message_as_a_summary(call, agent, says, answer, summary):
    assert call(agent("a").initiate_chat, says("b", answer), message="M", max_turns=1).summary == summary


def test_a_chat_without_messages_has_an_empty_summary(call, agent):
    with pytest.warns(UserWarning, match="summar"):
        assert call(agent("a").initiate_chat, agent("b"), message="M", max_turns=0).summary == ""
    assert call(agent("a").initiate_chat, agent("b"), message="M", max_turns=1, summary_method=None).summary == ""


@pytest.mark.parametrize("owner", ["sender", "recipient", "both"])
def test_a_reflection_asks_the_model_of_the_recipient_or_else_of_the_sender(call, says, owner):
    models = {name: ScriptedModel(lambda messages, name=name: name) for name in ("sender", "recipient")}
    a, b = (says(n, llm_config=models[n].llm_config if owner in (n, "both") else False) for n in ("sender", "recipient"))
    result = call(a.initiate_chat, b, **REFLECTED)
    assert result.summary == ("sender" if owner == "sender" else "recipient")
    assert models[result.summary].asked[-1][-1] == {"role": "system", "content": ConversableAgent.DEFAULT_SUMMARY_PROMPT}
    tokens = result.cost["usage_including_cached_inference"]["scripted"]["completion_tokens"]
    assert tokens == len(models[result.summary].requests)


def test_what_a_model_may_answer_to_a_reflection(call, agent):
    def gist(answer, **args):
        b = agent("b", llm_config=ScriptedModel("R", answer, answer).llm_config)  # a refused one is asked again
        return call(agent("a").initiate_chat, b, **REFLECTED, summary_args=args or None).summary

    assert gist("gist") == "gist"
    assert gist(tool_call("f g"))["tool_calls"][0]["function"]["name"] == "f_g"
    with pytest.warns(UserWarning, match="scripted"):
        assert gist(Fault(400)) == ""
    with pytest.raises(Exception, match="scripted"):
        gist(Fault(401))
    for wrong in ("summary_prompt", "summary_role"):
        with pytest.raises(ValueError, match=wrong):
            gist("gist", **{wrong: 5})


def test_a_summary_of_your_own_gets_the_cache_and_a_dict_of_its_own(call, agent):
    a, b, given, seen = agent("a"), agent("b"), {"n": 1}, []
    method = lambda *arguments: seen.append(arguments) or 5  # noqa: E731
    options = {"message": "M", "max_turns": 1, "summary_method": method, "cache": "the cache"}
    assert call(a.initiate_chat, b, **options, summary_args=given).summary == 5
    assert call(a.initiate_chat, b, **options, summary_args={"cache": "another"}).summary == 5
    assert seen == [(a, b, {"n": 1, "cache": "the cache"}), (a, b, {"cache": "another"})]
    assert given == {"n": 1}


def test_a_queue_takes_over_its_own_texts_and_then_the_summaries(agent, says):
    a, method = agent("a"), lambda sender, recipient, args: {"content": recipient.name}
    queue = [
        once(says("b"), sender=a, carryover="own", summary_method=method),
        once(says("c"), sender=a, carryover=["x", "y"], summary_method=lambda *arguments: None),
        once(says("d"), sender=a, **{EXCLUDE: [0]}),
    ]
    before = [dict(entry) for entry in queue]
    for hold in (initiate_chats, initiate_chats, a.initiate_chats):
        told = [first(result) for result in hold(queue)]
        assert told == ["M\nContext: \nown", "M\nContext: \nx\ny\nb", "M\nContext: \nNone"]
    assert queue == before


def test_a_queue_of_an_agent_may_have_other_senders(agent, says, call):
    a, other, b, c = agent("a"), agent("other"), says("b"), says("c")
    assert a.get_chat_results() in ([], {}, None)
    queue = [once(b, chat_id=0), once(c, chat_id=1, sender=other)]
    results = call(a.initiate_chats, queue)
    assert "sender" not in queue[0]
    assert (list(b.chat_messages), list(c.chat_messages)) == ([a], [other])
    assert a.get_chat_results() == results
    assert a.get_chat_results(1) is results[1]


@pytest.mark.parametrize("missing", ["sender", "recipient"])
def test_a_queue_is_checked_before_the_first_chat(agent, says, missing):
    a, b = agent("a"), says("b")
    queue = [once(b, sender=a, chat_id=1), once(says("c"), sender=a, chat_id=2)]
    del queue[1][missing]
    for start in (initiate_chats, lambda queue: asyncio.run(a_initiate_chats(queue))):
        with pytest.raises(AssertionError, match=missing):
            start(queue)
    assert not b.chat_messages


def test_a_queue_warns_of_what_is_likely_a_mistake(agent, says, monkeypatch):
    a, b = agent("a"), says("b")
    monkeypatch.setattr("builtins.input", lambda prompt: "typed")
    with pytest.warns(UserWarning, match="recipient"):
        a.initiate_chats([once(b), once(b)])
    with pytest.warns(UserWarning, match="message"):
        assert first(a.initiate_chats([{"recipient": b, "max_turns": 1}])[0]) == "typed"
    for carryover in ({"a": 1}, 5, ("a",)):
        with pytest.raises(TypeError, match="carryover"):
            a.initiate_chats([once(b, carryover=carryover)])


@pytest.mark.parametrize(
    ("message", "shown"),
    [("M", "M"), (lambda *_: "M", "Callable: <lambda>"), ({"content": "M"}, "Dict: {'content': 'M'}"), (None, "None")],
)
def test_a_banner_announces_each_chat(call, agent, says, capsys, monkeypatch, message, shown):
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr("builtins.input", lambda prompt: "M")
    a, b = agent("a"), says("b")
    options = {"message": message, "chat_id": 1, "carryover": ["x", "y"], "max_turns": 1}
    call(a.initiate_chats, [{"recipient": b, **options}])
    plain = capsys.readouterr().out
    call(a.initiate_chats, [{"recipient": b, **options, "verbose": True}])
    verbose = capsys.readouterr().out
    call(a.initiate_chats, [{"recipient": b, **options, "verbose": True, "silent": True}])
    assert capsys.readouterr().out == ""
    assert plain.startswith(f"{STARS}\n")
    assert plain.endswith(f"\n{STARS}\n")
    assert verbose == plain.removesuffix(f"{STARS}\n") + f"Message:\n{shown}\nCarryover:\nx\ny\n{STARS}\n"


def meeting(agent, waits):
    """Agents by number, of which each answers only when those that it waits for have been asked too."""
    asked = {}

    def make(number):
        async def answer(recipient, messages, sender, config):
            asked.setdefault(number, asyncio.Event()).set()
            for other in waits[number]:
                await asked.setdefault(other, asyncio.Event()).wait()
            return True, f"R{number}"

        member = agent(f"b{number}")
        member.register_reply([ConversableAgent, None], answer)
        return member

    return {number: make(number) for number in waits}


def test_chats_that_need_nothing_from_each_other_overlap(agent):
    a, both = agent("a"), meeting(agent, {1: [2], 2: [1]})
    queue = [
        once(agent("b3"), sender=a, chat_id=3, prerequisites=[1, 2]),
        once(both[1], sender=a, chat_id=1),
        once(both[2], sender=a, chat_id=2, carryover="own"),
        once(agent("end"), sender=a, chat_id="end", prerequisites=[3, 1], **{EXCLUDE: [1]}),
    ]
    for hold in (a_initiate_chats, a_initiate_chats, a.a_initiate_chats):
        results = asyncio.run(hold(queue))
        assert [result.chat_id for result in results.values()] == list(results) == [1, 2, 3, "end"]
        told = ["M", "M\nContext: \nown", "M\nContext: \nR1\nR2", "M\nContext: \n"]
        assert [first(result) for result in results.values()] == told
    assert a.get_chat_results() == results


def test_a_chat_begins_as_soon_as_its_own_prerequisites_are_done(agent):
    slow, after_slow, quick, after_quick = 1, 2, 3, 4
    agents = meeting(agent, {slow: [after_quick], after_slow: [], quick: [], after_quick: []})
    queue = [once(b, chat_id=number, prerequisites={2: [1], 4: [3]}.get(number, [])) for number, b in agents.items()]
    assert asyncio.run(agent("a").a_initiate_chats(queue))[after_slow].summary == "R2"


def test_an_error_in_one_chat_ends_the_others_and_is_told(agent):
    async def main():
        running = asyncio.Event()

        async def fail(recipient, messages, sender, config):
            await running.wait()
            raise LookupError("in one chat")

        async def forever(recipient, messages, sender, config):
            running.set()
            await asyncio.Event().wait()

        b, c = agent("b"), agent("c")
        b.register_reply([ConversableAgent, None], fail)
        c.register_reply([ConversableAgent, None], forever)
        queue = [once(b, chat_id=1), once(c, chat_id=2), once(agent("d"), chat_id=3, prerequisites=[1])]
        with pytest.raises(LookupError, match="in one chat"):
            await agent("a").a_initiate_chats(queue)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())


@pytest.mark.parametrize("prerequisites", [{1: [1]}, {1: [2], 2: [3], 3: [1]}, {3: [9]}])
def test_nothing_is_said_in_a_queue_that_is_refused(agent, prerequisites):
    a, others = agent("a"), {chat_id: agent(f"b{chat_id}") for chat_id in (1, 2, 3)}
    queue = [once(b, chat_id=chat_id, prerequisites=prerequisites.get(chat_id, [])) for chat_id, b in others.items()]
    with pytest.raises(ValueError, match="wait"):
        asyncio.run(a.a_initiate_chats(queue))
    assert not a.chat_messages


def test_where_nested_chats_are_registered(agent):
    def answer(chat_queue, recipient, messages, sender, config):
        return True, config["count"]

    me, outer, calls = agent("me"), agent("outer"), []
    me.register_nested_chats([], outer, answer, config={"count": 1}, reset_config=calls.append)
    row = me._reply_func_list[2]
    assert (row["trigger"], row["reply_func"].__name__, row["config"]) == (outer, "answer", {"count": 1})
    me.reset()
    assert calls == [{"count": 1}]
    me.register_nested_chats([], outer, position=0)
    assert me._reply_func_list[0]["reply_func"].__name__ in ("_summary_from_nested_chats", "run_and_summarize")
    assert me.generate_reply([{"role": "user", "content": "hi"}], agent("somebody else")) == ""


@NESTING
def test_a_function_of_your_own_gets_the_queue_and_the_conversation(call, agent, use_async):
    seen = []

    def answer(*arguments):
        seen.append(arguments)
        return True, "answered"

    async def a_answer(*arguments):
        return answer(*arguments)

    me, outer, queue = agent("me"), agent("outer"), [once(agent("inner"), chat_id=1)]
    me.register_nested_chats(queue, outer, a_answer if use_async else answer, use_async=use_async, config="config")
    assert call(outer.initiate_chat, me, message="Q", max_turns=1).summary == "answered"
    [(given, recipient, messages, sender, config)] = seen
    assert (given, recipient, sender, config) == (queue, me, outer, "config")
    assert messages is me.chat_messages[outer]


def test_asynchronous_nested_chats_may_be_passed_over_in_a_synchronous_chat(agent, says):
    me, outer = says("me", "alone"), agent("outer")
    me.register_nested_chats([once(says("b"), chat_id=1)], outer, use_async=True, ignore_async_in_sync_chat=True)
    with pytest.raises(ValueError, match="chat_id"):
        me.register_nested_chats([once(says("b"), chat_id=None)], outer, use_async=True)
    assert outer.initiate_chat(me, message="Q", max_turns=1).summary == "alone"
    assert asyncio.run(outer.a_initiate_chat(me, message="Q", max_turns=1)).summary == "R"


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ([None, "M"], ["Q", "M"]),
        ([..., ..., "M"], ["Q", None, "M"]),
        (["M", None], ["M", None]),
        (["", "M"], [None, "M"]),
        ([lambda *arguments: None, "M"], [None, "M"]),
        ([lambda me, said, peer, config: f"{me.name} {peer.name} {len(said)} {config}"], ["me outer 1 5"]),
        (["M", lambda *arguments: ""], ["M", None]),
        ([{"content": "M"}], ["M"]),
        (["", None], [None, None]),
        ([], []),
    ],
)
@NESTING
def test_nested_chats_without_a_message_are_left_out(call, agent, says, messages, said, use_async):
    me, outer, others = agent("me"), agent("outer"), [says(f"b{n}", f"S{n}") for n in range(len(messages))]
    queue = [once(b, message, chat_id=n) for n, (b, message) in enumerate(zip(others, messages, strict=True))]
    queue = [{key: value for key, value in entry.items() if value is not ...} for entry in queue]  # ...: no such key
    me.register_nested_chats(queue, outer, use_async=use_async, config=5)
    before = [dict(entry) for entry in queue]
    for _ in range(2):
        result = call(outer.initiate_chat, me, message="Q", max_turns=1)
        begun = [contents(me, b)[0].partition("\n")[0] if b in me.chat_messages else None for b in others]
        assert begun == said
        answered = [f"S{n}" for n, text in enumerate(said) if text]
        assert [m["content"] for m in result.chat_history] == ["Q", *answered[-1:]]
    assert queue == before


def society(agent, name, worker, use_async):
    """An agent that lets two others talk, of which the second may be such an agent too, and tells what came out."""
    member, lead = agent(name), agent(f"{name}'s lead", default_auto_reply="once more")
    entry = {"chat_id": 1, "sender": lead, "recipient": worker, "max_turns": 2, "silent": True}
    member.register_nested_chats([entry], trigger=lambda sender: True, use_async=use_async)
    return member, lead


@NESTING
def test_societies_two_levels_deep_answer_alike_each_time(call, agent, use_async):
    worker = agent("worker")
    worker.register_reply(ConversableAgent, lambda me, messages, sender, config: (True, f"<{messages[-1]['content']}>"))
    team, team_lead = society(agent, "team", worker, use_async)
    firm, firm_lead = society(agent, "firm", team, use_async)
    customer = agent("customer", default_auto_reply="and then?")
    for _ in range(2):
        result = call(customer.initiate_chat, firm, message="Q", max_turns=2)
        assert [m["content"] for m in result.chat_history] == ["Q", "<once more>", "and then?", "<once more>"]
        assert contents(firm_lead, team) == ["and then?", "<once more>", "once more", "<once more>"]
        assert contents(team_lead, worker) == ["once more", "<once more>", "once more", "<once more>"]
    call(customer.initiate_chat, team, message="Q", max_turns=1)
    assert contents(team_lead, worker) == ["Q", "<Q>", "once more", "<once more>"]


def test_societies_talk_at_the_same_time(agent):
    left, right = (society(agent, f"team {n}", b, True)[0] for n, b in meeting(agent, {1: [2], 2: [1]}).items())
    queue = [once(left, "to the left", chat_id=1), once(right, "to the right", chat_id=2)]
    results = asyncio.run(agent("a").a_initiate_chats(queue))
    assert [result.summary for result in results.values()] == ["R1", "R2"]
