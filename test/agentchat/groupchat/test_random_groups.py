"""Random groups: whatever the members say, call or break, a run ends in time and everybody remembers the same."""

import asyncio
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from autogen import Agent, ConversableAgent, GroupChat, GroupChatManager
from autogen.agentchat.chat import StopReason
from autogen.testing import Fault, ScriptedModel

NAMES = ["a", "ab", "a_b", "Coder", "Coder-2", "小王"]
FUNCTIONS = ["f", "g", "unknown", ""]
QUIET = {"human_input_mode": "NEVER", "llm_config": False, "silent": True}


class Broken(Exception):
    """What a member or a tool fails with."""


def call_of(name, number, kind):
    return {"id": f"c{number}", "function": {"name": name, "arguments": "{}"}, **({"type": kind} if kind else {})}


texts = st.one_of(st.text(max_size=8), st.sampled_from(["", "TERMINATE", "clear history", "next: Coder", *NAMES]))
calls = st.builds(
    lambda names, kind, text: {
        "content": text,
        "tool_calls": [call_of(name, number, kind) for number, name in enumerate(names)],
    },
    st.lists(st.sampled_from(FUNCTIONS), min_size=1, max_size=3),
    st.sampled_from(["function", None]),
    st.one_of(st.none(), texts),
)
old_calls = st.builds(
    lambda name: {"content": None, "function_call": {"name": name, "arguments": "{"}}, st.sampled_from(FUNCTIONS)
)
pictures = st.just({"content": [{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": "x"}}]})
private = st.builds(
    lambda text, names: {"content": text, "receivers": names}, texts, st.lists(st.sampled_from(NAMES), max_size=2)
)
replies = st.one_of(
    texts,
    texts,
    calls,
    old_calls,
    pictures,
    private,
    st.sampled_from([None, {}, {"content": 5}, Broken(), KeyboardInterrupt()]),
)


@dataclass
class Plan:
    """A random group, and what came of it."""

    names: list
    scripts: list
    functions: list
    method: str
    repeat: object
    edges: object
    rounds: int
    retries: int
    answers: list
    awaited: bool
    options: dict
    asked: list = field(default_factory=list)
    chosen: list = field(default_factory=list)


@st.composite
def plans(draw):
    names = draw(st.lists(st.sampled_from(NAMES), min_size=2, max_size=4, unique=True))
    indices = st.sampled_from(range(len(names)))
    graphs = st.dictionaries(indices, st.lists(indices, unique=True), min_size=len(names) - 1)
    graph = draw(graphs) if draw(st.integers(0, 2)) == 0 else None
    return Plan(
        names=names,
        scripts=[draw(st.lists(replies, max_size=3)) for _ in names],
        functions=[draw(st.lists(st.sampled_from(["f", "g"]), unique=True)) for _ in names],
        method=draw(st.sampled_from(["auto", "auto", "round_robin", "random", "callable", "name"])),
        repeat=None if graph is not None else draw(st.sampled_from([None, True, False])),
        edges=graph,
        rounds=draw(st.sampled_from([12, 8, 5, 3, 2, 1, 0])),
        retries=draw(st.integers(0, 2)),
        answers=draw(st.lists(st.one_of(texts, st.just(Fault(status=400)), st.just('{"next_speaker": "a"}')), max_size=8)),
        awaited=draw(st.booleans()),
        options={
            "func_call_filter": draw(st.booleans()),
            "send_introductions": draw(st.booleans()),
            "return_results_to_caller": draw(st.sampled_from([None, True, False])),
            "select_speaker_auto_structured": draw(st.sampled_from([None, True])),
            "select_speaker_prompt_template": draw(st.sampled_from([None, "Who of {agentlist}?"])),
        },
    )


def member(name, script, functions):
    script = list(script)

    def answer(recipient, messages, sender, config):
        last = messages[-1] if messages else {}
        if last.get("tool_calls") or last.get("function_call"):
            return False, None
        reply = script.pop(0) if script else f"{name} has nothing new"
        if isinstance(reply, BaseException):
            raise reply
        return True, reply

    agent = ConversableAgent(name, max_consecutive_auto_reply=5, function_map=dict.fromkeys(functions, str), **QUIET)
    agent.register_reply([Agent], answer, position=2)
    return agent


class Watched(GroupChat):
    """A group that notes what was chosen, and from what."""

    plan: Plan

    def select_speaker(self, last_speaker, selector):
        before, state = len(self.plan.asked), list(self.messages)
        chosen = super().select_speaker(last_speaker, selector)
        self.plan.chosen.append((state, last_speaker, chosen, len(self.plan.asked) - before))
        return chosen


def group_of(plan):
    members = [member(*one) for one in zip(plan.names, plan.scripts, plan.functions, strict=True)]
    method = plan.method
    if method == "callable":
        method = lambda last, group: members[len(group.messages) % len(members)]  # noqa: E731
    elif method == "name":
        method = lambda last, group: ("auto", "random", "Round_Robin")[len(group.messages) % 3]  # noqa: E731
    graph = {}
    if plan.edges is not None:
        edges = {members[source]: [members[target] for target in targets] for source, targets in plan.edges.items()}
        graph = {"allowed_or_disallowed_speaker_transitions": edges, "speaker_transitions_type": "allowed"}
    group = Watched(
        members,
        [],
        plan.rounds,
        speaker_selection_method=method,
        allow_repeat_speaker=plan.repeat,
        max_retries_for_selecting_speaker=plan.retries,
        **graph,
        **plan.options,
    )
    group.plan = plan
    return group


def hold(plan, group):
    waiting = list(plan.answers)

    def answer(messages):
        plan.asked.append(messages)
        return waiting.pop(0) if waiting else plan.names[0]

    manager = GroupChatManager(group, llm_config=ScriptedModel(answer).llm_config, silent=True)
    first = group.agents[0]
    try:
        if plan.awaited:
            result = asyncio.run(first.a_initiate_chat(manager, message="go", silent=True, summary_method=None))
        else:
            result = first.initiate_chat(manager, message="go", silent=True, summary_method=None)
    except (Broken, KeyboardInterrupt, ValueError, TypeError) as error:
        return manager, error
    return manager, result


def may_hear(message, agent):
    return message.get("receivers") is None or agent.name in message["receivers"] or message["name"] == agent.name


def text_of(content):
    return "see<image>" if isinstance(content, list) else content or ""


@settings(max_examples=4 * settings.default.max_examples)
@given(plans())
def test_a_random_group(plan):
    group = group_of(plan)
    manager, outcome = hold(plan, group)
    record = group.messages
    assert len(record) <= plan.rounds
    for agent in group.agents:
        heard = [text_of(message["content"]) for message in agent.chat_messages.get(manager, ())]
        if plan.options["send_introductions"] and plan.rounds:
            heard.remove(group.introductions_msg())
        expected = [message["content"] for message in record if may_hear(message, agent)]
        assert heard == (expected if record or agent is not group.agents[0] else ["go"])  # with no round the opening is all
    for state, last, chosen, requests in plan.chosen:
        assert requests <= 1 + plan.retries
        assert chosen in group.agents
        check_choice(plan, group, state, last, chosen)
    if isinstance(outcome, Exception):
        assert not isinstance(outcome, ValueError) or "cannot send" in str(outcome)
    elif not isinstance(outcome, KeyboardInterrupt):
        assert isinstance(outcome.stop_reason, StopReason)
        assert outcome.stop_reason is not StopReason.MAX_ROUND or len(record) == plan.rounds


def check_choice(plan, group, state, last, chosen):
    """Only calls and selection functions may lead out of the graph."""
    pending = state[-1].get("tool_calls") or state[-1].get("function_call")
    if plan.method == "callable" or (pending and plan.options["func_call_filter"]):
        return
    returned = state[-1]["role"] in ("tool", "function") and plan.repeat is not True and plan.edges is None
    assert returned or chosen in group.allowed_speaker_transitions_dict[last]
