"""Who speaks next: the steps that all ways of choosing share, and the ways that need no model.

The order matters: who can carry out pending calls, then who may speak again, then the graph of transitions. What is left
is the list of candidates; one candidate is the answer.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from ..._steps import Steps, invoke, sync_and_async
from ...exception_utils import NoEligibleSpeaker, UndefinedNextAgent
from ...io.base import IOStream
from ...operations import Operation, perform
from .._core.internals import group_internals
from .._core.protocols import Group
from .._core.selection_strategy import get_selection_method
from ..agent import Agent, Message
from ..conversable_agent import ConversableAgent
from .pending_calls import caller_of, can_execute, pending_names

logger = logging.getLogger("autogen.agentchat.groupchat")

METHODS = ["auto", "manual", "random", "round_robin"]
TRIES = 3  # of a human who chooses the speaker; at the third, nobody is asked any more


class Prepared(NamedTuple):
    """What is settled before a method chooses.

    Attributes:
        chosen: The next speaker, if there is nothing to choose any more.
        method: How the speaker is chosen otherwise.
        candidates: Of whom.
        why: Why it is settled, or how it will be.
    """

    chosen: Agent | None
    method: str
    candidates: list[Agent]
    why: str


def choose(group: Group, last: Agent, selector: ConversableAgent) -> Steps[Agent]:
    """The next speaker.

    Raises:
        NoEligibleSpeaker: Nobody may speak.
        ValueError: The method is not known, or gave something that is no speaker; or there are too few agents.
    """
    settled = yield from settle(group, last)
    chosen, why = settled.chosen, settled.why
    if chosen is None:
        chosen, why = yield from by_method(group, last, selector, settled)
    if settled.method:
        chosen, why = _redirected(group, chosen, why)
    group.last_selection = f"{chosen.name}: {why}"
    logger.info("Next speaker: %s", group.last_selection)
    return chosen


def _redirected(group: Group, chosen: Agent, why: str) -> tuple[Agent, str]:
    """What a selection function that left the choice to a method makes of it."""
    method = get_selection_method(group)
    other = method.override_choice(chosen, group)
    if other is None:
        raise NoEligibleSpeaker(f"After {chosen.name} was chosen, the selection function ended the chat.")
    return (chosen, why) if other is chosen else (_checked_member(group, other), method.why)


def by_method(group: Group, last: Agent, selector: Any, settled: Prepared) -> Steps[tuple[Agent, str]]:
    """Let the method choose one of the candidates; also why."""
    candidates, method = settled.candidates, settled.method
    if method == "round_robin":
        return group.next_agent(last, candidates), "next in order"
    if method != "auto":
        pick = Operation(
            kind="pick",
            key=lambda: method,
            run=partial(_picked, group, last, candidates, method),
            encode=lambda picked: [picked[0].name, picked[1]],
            decode=lambda stored: (next(agent for agent in group.agents if agent.name == stored[0]), stored[1]),
        )
        return (yield from perform(pick))
    shown = without_pending_calls(group.messages)
    chosen = yield from invoke(group._auto_select_speaker, group.a_auto_select_speaker, last, selector, shown, candidates)
    return chosen, group_internals(group).auto_reason or "chosen by the model"


def _picked(group: Group, last: Agent, candidates: list[Agent], method: str) -> Steps[tuple[Agent, str]]:
    """By chance or by a human: what does not come to the same a second time."""
    if method == "random":
        return group.random_select_speaker(candidates), "chosen by chance"
    picked = yield from invoke(*sync_and_async(group.manual_select_speaker, blocks=True), candidates)
    if picked is not None:
        return picked, "picked by a human"
    return group.next_agent(last, candidates), "next in order, as no human picked one"


def settle(group: Group, last: Agent) -> Steps[Prepared]:
    """Go the common steps."""
    method: Any = group.speaker_selection_method
    if callable(method):
        answer = yield from invoke(*sync_and_async(method), last, group)
        if isinstance(answer, Agent):
            return Prepared(_checked_member(group, answer), "", [answer], get_selection_method(group).why)
        if answer is None:
            raise NoEligibleSpeaker("The selection function chose nobody.")
        if not isinstance(answer, str):
            kind = type(answer).__name__
            raise ValueError(f"speaker_selection_method must give an agent, a method or None, not {kind}.")
        method = answer
    method = _checked_method(method)
    _check_size(group, method, last)
    return _narrow(group, last, method)


def _checked_member(group: Group, agent: Agent) -> Agent:
    if agent not in group.agents:
        raise ValueError(f"speaker_selection_method chose {agent.name!r}, who is not in the group.")
    return agent


def _checked_method(method: Any) -> str:
    if not isinstance(method, str) or method.lower() not in METHODS:
        known = ", ".join(map(repr, METHODS))
        raise ValueError(f"The speaker_selection_method {method!r} is not known: it is one of {known}, or a function.")
    return method.lower()


def _may_repeat(group: Group, last: Agent) -> bool | None:
    repeat = group.allow_repeat_speaker
    return last in repeat if isinstance(repeat, list) else repeat


def _check_size(group: Group, method: str, last: Agent) -> None:
    if len(group.agents) < 2:
        raise ValueError(
            f"The group chat is underpopulated: it has {len(group.agents)} agents. Add agents, or use a direct chat."
        )
    if len(group.messages) < 2 and len(group.agents) == 2 and method != "round_robin" and _may_repeat(group, last):
        logger.warning(
            "The group chat has two agents only. Use speaker_selection_method='round_robin', allow_repeat_speaker=False "
            "or a direct chat between them."
        )


def _narrow(group: Group, last: Agent, method: str) -> Prepared:
    candidates = list(group.agents)
    names = pending_names(group.messages) if group.func_call_filter else None
    if names is not None:
        candidates = _able(group, names)
        if len(candidates) == 1:
            return Prepared(candidates[0], method, candidates, "the only one that can carry out the call")
    elif caller := _waiting_caller(group, last, method):
        return Prepared(caller, method, [caller], "gets the result of its call")
    if _may_repeat(group, last) is False:
        candidates = [agent for agent in candidates if agent is not last]
    allowed = _after(group, last, candidates)
    if not allowed and names is not None:
        allowed = candidates or list(group.agents)  # somebody has to carry out the call
    if not allowed:
        raise NoEligibleSpeaker(f"After {last.name} no agent may speak.")
    if len(allowed) == 1:
        return Prepared(allowed[0], method, allowed, "the only one that may speak now")
    return Prepared(None, method, allowed, method)


def _able(group: Group, names: list[str]) -> list[Agent]:
    """Who can carry out the pending calls: all of them, or some; everybody if nobody can, and the model will be told."""
    for wanted in (all, any):
        if able := [agent for agent in group.agents if wanted(can_execute(agent, [name]) for name in names)]:
            return able
    logger.warning("No agent of the group can execute %s: the model is told so.", ", ".join(names) or "the call")
    return [agent for agent in group.agents if getattr(agent, "function_map", None)] or list(group.agents)


def _waiting_caller(group: Group, last: Agent, method: str) -> Agent | None:
    """Who called what the last message answers, if such results return to their caller, and transitions allow it."""
    wanted = group.return_results_to_caller
    if wanted is None and get_selection_method(group).routes_results:
        return None
    caller = caller_of(group) if (method == "auto" if wanted is None else wanted) else None
    if caller is None or group.allowed_or_disallowed_speaker_transitions is None:
        return caller
    return caller if _after(group, last, [caller]) else None


def _after(group: Group, last: Agent, candidates: Sequence[Agent]) -> list[Agent]:
    """Who of the candidates may speak after `last`, in the order of the members."""
    graph = group.allowed_speaker_transitions_dict
    if last not in group.agents:
        return list(candidates)
    if last not in graph:
        raise NoEligibleSpeaker(f"The last speaker {last.name!r} has no transitions: the chat has come to its end.")
    allowed = set(map(id, graph[last]))
    return [agent for agent in candidates if id(agent) in allowed]


def without_pending_calls(messages: list[Message]) -> list[Message]:
    """The record for a model that chooses a speaker: calls of the last message are left out, nobody answers them there."""
    shown = list(messages)
    if shown and (shown[-1].get("tool_calls") or shown[-1].get("function_call")):
        shown[-1] = {key: value for key, value in shown[-1].items() if key not in ("tool_calls", "function_call")}
    return shown


def following(members: Sequence[Agent], agent: Agent | None, among: Sequence[Agent]) -> Agent:
    """The next of `among` after an agent, in the order of the members. A stranger is followed by the first.

    Raises:
        UndefinedNextAgent: There is none, or one of `among` is no member.
    """
    wanted = set(map(id, among))
    if not wanted or not wanted.issubset(map(id, members)):
        raise UndefinedNextAgent()
    start = next((place for place, member in enumerate(members) if member is agent), None)
    if start is None:
        name = getattr(agent, "name", None)
        start = next((place for place, member in enumerate(members) if member.name == name), -1)
    for step in range(1, len(members) + 1):
        member = members[(start + step) % len(members)]
        if id(member) in wanted:
            return member
    raise UndefinedNextAgent()


def pick_by_hand(candidates: Sequence[Agent]) -> Agent | None:
    """Ask a human who speaks next; None if they leave it to the order of the agents."""
    stream = IOStream.get_default()
    stream.print("Please pick the next speaker:", flush=True)
    for number, agent in enumerate(candidates, 1):
        stream.print(f"{number}: {agent.name}", flush=True)
    for _ in range(TRIES - 1):
        typed = stream.input("The number of the next speaker (nothing or 'q': the next one in order): ")
        if typed in ("", "q"):
            return None
        try:
            number = int(typed)
        except ValueError:
            number = 0
        if 1 <= number <= len(candidates):
            return candidates[number - 1]
        stream.print(f"That is no number from 1 to {len(candidates)}.", flush=True)
    stream.print(f"{TRIES} tries are used up: the next speaker is chosen automatically.", flush=True)
    return None


def pick_by_chance(candidates: Sequence[Agent]) -> Agent:
    """Any of the candidates."""
    return random.choice(candidates)
