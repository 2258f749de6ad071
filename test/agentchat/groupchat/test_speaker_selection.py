"""Who speaks next: the common steps, and the ways that need no model."""

import random

import pytest

from autogen import GroupChat
from autogen.exception_utils import NoEligibleSpeaker
from autogen.io import IOStream
from autogen.testing import tool_call

METHODS = ["manual", "random", "round_robin", "auto"]


@pytest.fixture
def trio(agent):
    return [agent(name) for name in "abc"]


class Human(IOStream):
    """Someone who types, and what they are shown."""

    def __init__(self, *typed):
        self.typed, self.shown = list(typed), []

    def print(self, *objects, sep=" ", end="\n", flush=False):
        self.shown.append(sep.join(map(str, objects)) + end)

    def input(self, prompt="", *, password=False):
        self.shown.append(prompt)
        return self.typed.pop(0)


@pytest.fixture
def choose(call, agent):
    """Let a group choose the speaker after `last`."""

    def choose(group, last, typed=()):
        human = Human(*typed)
        with IOStream.set_default(human):
            chosen = call(group.select_speaker, last, agent("selector"))
        choose.human = human
        return chosen

    return choose


def graph(group_type=GroupChat, *, members, edges, **options):
    by_name = {member.name: member for member in members}
    transitions = {by_name[source]: [by_name[target] for target in targets] for source, targets in edges.items()}
    return group_type(
        members,
        options.pop("messages", []),
        allowed_or_disallowed_speaker_transitions=transitions,
        speaker_transitions_type="allowed",
        **options,
    )


def said(speaker, **message):
    return {"role": "assistant", "content": "", "name": speaker.name, **message}


# Methods and sizes


@pytest.mark.parametrize("method", ["sometimes", "", 7, None])
def test_an_unknown_method_that_is_set_later_is_an_error_when_it_is_first_used(trio, choose, method):
    group = GroupChat(trio, [])
    group.speaker_selection_method = method
    with pytest.raises(ValueError, match="'auto', 'manual', 'random', 'round_robin'"):
        choose(group, trio[0])


@pytest.mark.parametrize("method", METHODS)
def test_methods_are_known_in_any_case(trio, choose, method):
    group = graph(members=trio, edges={"a": "c", "b": "c"}, speaker_selection_method=method.title())
    assert choose(group, trio[0]) is trio[2]


@pytest.mark.parametrize("size", [0, 1])
@pytest.mark.parametrize("method", METHODS)
def test_a_group_needs_two_agents(trio, choose, size, method):
    group = GroupChat(trio[:size], [], speaker_selection_method=method)
    with pytest.raises(ValueError, match="underpopulated"):
        choose(group, trio[0])


@pytest.mark.parametrize(
    ("method", "repeat", "warned"),
    [("random", True, True), ("round_robin", True, False), ("random", False, False), ("random", None, True)],
)
def test_two_agents_that_may_repeat_are_warned_about(trio, choose, caplog, method, repeat, warned):
    group = GroupChat(trio[:2], [], speaker_selection_method=method, allow_repeat_speaker=repeat)
    choose(group, trio[0])
    assert ("round_robin" in caplog.text) is warned


def test_two_agents_that_may_not_repeat_take_turns_without_a_choice(trio, choose):
    group = GroupChat(trio[:2], [], speaker_selection_method="manual", allow_repeat_speaker=False)
    assert choose(group, trio[0]) is trio[1]
    assert not choose.human.shown


def test_round_robin_keeps_the_order_of_the_agents(trio, choose, agent):
    group = graph(members=trio, edges={"a": "cb", "b": "a", "c": "ab"}, speaker_selection_method="round_robin")
    assert choose(group, trio[0]) is trio[1]
    assert choose(group, trio[2]) is trio[0]
    assert choose(group, agent("outsider")) is trio[0]


def test_random_is_the_global_random_and_stays_in_the_graph(trio, choose):
    group = graph(members=trio, edges={"a": "ab", "b": "abc", "c": "c"}, speaker_selection_method="random")
    random.seed(7)
    first = [choose(group, trio[0]) for _ in range(20)]
    random.seed(7)
    assert [choose(group, trio[0]) for _ in range(20)] == first
    assert set(first) == set(trio[:2])


# Repetition and graph


def test_an_agent_that_may_not_repeat_is_not_a_candidate(trio, choose):
    group = GroupChat(trio, [], speaker_selection_method="random", allow_repeat_speaker=False)
    assert all(choose(group, trio[0]) is not trio[0] for _ in range(20))
    group = GroupChat(trio, [], speaker_selection_method="random", allow_repeat_speaker=[trio[0]])
    assert {choose(group, trio[0]) for _ in range(60)} == set(trio)
    assert trio[1] not in {choose(group, trio[1]) for _ in range(20)}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("edges", [{"a": "b", "b": ""}, {"a": "b"}])
def test_a_state_without_a_successor_ends_the_chat(trio, choose, method, edges):
    group = graph(members=trio, edges=edges, speaker_selection_method=method)
    assert choose(group, trio[0]) is trio[1]
    with pytest.raises(NoEligibleSpeaker, match="b"):
        choose(group, trio[1])


def test_after_an_outsider_everybody_may_speak(trio, choose, agent):
    group = graph(members=trio, edges={"a": "b"}, speaker_selection_method="random")
    assert {choose(group, agent("outsider")) for _ in range(60)} == set(trio)


# Calls


@pytest.mark.parametrize("call_key", ["tool_calls", "function_call"])
def test_the_only_one_who_can_carry_out_a_call_is_taken_whatever_else_holds(trio, choose, call_key):
    a, _, c = trio
    c.register_function({"f": lambda: ""})
    calls = {"tool_calls": [tool_call("f")], "function_call": {"name": "f", "arguments": "{}"}}
    group = graph(members=trio, edges={"a": "b", "b": "a"}, messages=[said(a, **{call_key: calls[call_key]})])
    assert choose(group, a) is c
    group = GroupChat(trio, [said(c, **{call_key: calls[call_key]})], allow_repeat_speaker=False)
    assert choose(group, c) is c


def test_of_several_who_can_the_graph_decides_and_repetition_before_it(trio, choose):
    a, _, c = trio
    for member in (a, c):
        member.register_function({"f": lambda: ""})
    messages = [said(a, tool_calls=[tool_call("f")])]
    assert choose(GroupChat(trio, messages, allow_repeat_speaker=False, speaker_selection_method="random"), a) is c
    group = graph(members=trio, edges={"a": "ab"}, messages=messages, speaker_selection_method="random")
    assert choose(group, a) is a
    group = graph(members=trio, edges={"a": "b"}, messages=messages, speaker_selection_method="round_robin")
    assert choose(group, a) in (a, c)


def test_the_filter_can_be_switched_off(trio, choose):
    a, b, c = trio
    c.register_function({"f": lambda: ""})
    messages = [said(a, tool_calls=[tool_call("f")])]
    group = GroupChat(trio, messages, func_call_filter=False, speaker_selection_method="round_robin")
    assert choose(group, a) is b


@pytest.mark.parametrize(
    "calls",
    [
        {"tool_calls": [{"id": "1", "function": {"name": "f", "arguments": ""}}]},
        {"tool_calls": [{"id": "1", "type": None, "function": {"name": "f", "arguments": ""}}]},
        {"tool_calls": None, "function_call": {"name": "f"}},
    ],
)
def test_a_call_without_type_is_one_of_a_function_and_null_is_none(trio, choose, calls):
    trio[2].register_function({"f": lambda: ""})
    assert choose(GroupChat(trio, [said(trio[0], **calls)], speaker_selection_method="round_robin"), trio[0]) is trio[2]


@pytest.mark.parametrize("calls", [{"tool_calls": None}, {"tool_calls": []}, {"function_call": None}])
def test_no_call_is_no_call(trio, choose, calls):
    trio[2].register_function({"f": lambda: ""})
    assert choose(GroupChat(trio, [said(trio[0], **calls)], speaker_selection_method="round_robin"), trio[0]) is trio[1]


@pytest.mark.parametrize("wire", [{"function_call": {"arguments": "{}"}}, {"tool_calls": [{"id": "1", "type": "custom"}]}])
def test_a_call_without_a_name_or_of_another_type_does_not_fail(trio, choose, wire):
    assert choose(GroupChat(trio, [said(trio[0], **wire)], speaker_selection_method="round_robin"), trio[0]) in trio


# A human


@pytest.mark.parametrize(
    ("typed", "chosen"),
    [
        (["2"], "b"),
        ([" 2 "], "b"),
        ([""], "b"),
        (["q"], "b"),
        (["Q", "3"], "c"),
        (["0", "9"], "b"),
        (["x", "1"], "a"),
        (["-1", ""], "b"),
    ],
)
def test_a_human_picks_by_number(trio, choose, typed, chosen):
    group = GroupChat(trio, [], speaker_selection_method="manual")
    assert choose(group, trio[0], typed).name == chosen
    human = choose.human
    assert not human.typed
    assert [line.strip() for line in human.shown[1:4]] == ["1: a", "2: b", "3: c"]
    assert "'q'" in human.shown[4]


def test_a_human_sees_the_error_and_when_the_attempts_are_used_up(trio, choose):
    choose(GroupChat(trio, [], speaker_selection_method="manual"), trio[0], ["0", "9"])
    text = "".join(choose.human.shown)
    assert text.count("from 1 to 3") == 2
    assert "3 attempts" in text
    assert "automatic" in text


@pytest.mark.parametrize("method", ["manual", "Manual", lambda last, group: "manual"])
def test_without_a_pick_the_next_in_order_of_the_candidates_speaks(trio, choose, method):
    group = graph(members=trio, edges={"a": "ac", "b": "a", "c": "a"}, speaker_selection_method=method)
    assert choose(group, trio[0], [""]) is trio[2]


def test_a_human_chooses_among_given_agents(trio):
    with IOStream.set_default(Human("2")):
        assert GroupChat(trio, []).manual_select_speaker([trio[2], trio[0]]) is trio[0]


# Functions


def test_a_function_overrides_graph_and_size(trio, choose):
    a, _, c = trio
    group = graph(members=trio, edges={"a": "b", "b": "a", "c": "a"}, speaker_selection_method=lambda last, group: c)
    assert choose(group, a) is c
    assert choose(GroupChat([a], [], speaker_selection_method=lambda last, group: a), a) is a


def test_a_function_is_given_the_last_speaker_and_the_group(trio, choose, agent):
    seen = []
    group = GroupChat(trio, [], speaker_selection_method=lambda *given: seen.append(given) or trio[1])
    outsider = agent("outsider")
    choose(group, outsider)
    assert seen == [(outsider, group)]
    assert seen[0][1] is group


class Chooser:
    def __init__(self, chosen):
        self.chosen = chosen

    def __call__(self, last, group):
        return self.chosen

    def method(self, last, group):
        return self.chosen

    async def awaited(self, last, group):
        return self.chosen


def test_any_callable_will_do(trio, choose):
    chooser = Chooser(trio[2])
    for function in (chooser, chooser.method, chooser.awaited):
        assert choose(GroupChat(trio, [], speaker_selection_method=function), trio[0]) is trio[2]


def test_a_function_may_name_a_method_for_this_turn(trio, choose):
    for method in ("auto", "Round_Robin", "random", "manual"):
        group = graph(members=trio, edges={"a": "c", "c": "a"}, speaker_selection_method=lambda last, group, m=method: m)
        assert choose(group, trio[0]) is trio[2]


@pytest.mark.parametrize(
    ("answer", "problem"), [("stranger", "not in the group"), ("b", "got 'b'"), (5, "got int"), (["b"], "got list")]
)
def test_what_a_function_can_not_answer(trio, choose, agent, answer, problem):
    chosen = agent("stranger") if answer == "stranger" else answer
    group = GroupChat(trio, [], speaker_selection_method=lambda last, group: chosen)
    with pytest.raises(ValueError, match=problem):
        choose(group, trio[0])


def test_a_function_that_chooses_nobody_ends_the_chat(trio, choose):
    with pytest.raises(NoEligibleSpeaker):
        choose(GroupChat(trio, [], speaker_selection_method=lambda last, group: None), trio[0])


def test_the_error_of_a_function_is_its_own(trio, choose):
    def fail(last, group):
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        choose(GroupChat(trio, [], speaker_selection_method=fail), trio[0])


# What is left to see


def test_a_group_tells_why_it_chose(trio, choose):
    group = GroupChat(trio, [], speaker_selection_method="round_robin")
    choose(group, trio[0])
    assert group.last_selection == "b: next in order"


def test_the_prepared_choice_is_open_for_subclasses(trio):
    group = GroupChat(trio, [said(trio[0], tool_calls=[tool_call("f")])])
    chosen, candidates, messages = group._prepare_and_select_agents(trio[0])
    assert (chosen, candidates) == (None, trio)
    assert "tool_calls" not in messages[-1]
    assert "tool_calls" in group.messages[-1]
    group = GroupChat(trio, [], speaker_selection_method="round_robin")
    assert group._prepare_and_select_agents(trio[0]) == (trio[1], trio, None)
    trio[1].register_function({"f": lambda: ""})
    group = GroupChat(trio, [said(trio[0], tool_calls=[tool_call("f")])])
    assert group._prepare_and_select_agents(trio[0])[0] is trio[1]
