"""Speaker selection: the steps that all methods share, and the methods that need no model.

First, pending calls restrict the candidates to the agents that execute them; then `allow_repeat_speaker`, then the graph of
transitions. A single candidate is selected; otherwise a method selects one.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

from ... import events
from ..._mistakes import suggest
from ..._steps import Steps, invoke, run_sync, sync_and_async
from ...control import interruptible
from ...exception_utils import NoEligibleSpeaker, UndefinedNextAgent
from ...io._event_streams import get_asked_stream, has_event_reader
from ...io.base import IOStream
from ...operations import Operation, perform
from .._core.internals import group_internals
from .._core.pending_calls import can_execute, find_caller, get_pending_names
from .._core.protocols import AgentCore, Group
from .._core.selection_strategy import get_selection_strategy, make_eligibility_test
from ..agent import Agent, Message

logger = logging.getLogger("autogen.agentchat.groupchat")

# Number of answers that a human has to pick a speaker; after the last one, the speaker is selected automatically.
MANUAL_ATTEMPTS = 3

_PICK_PROMPT = "The number of the next speaker (nothing or 'q': the next one in order): "

Selection: TypeAlias = tuple[Agent, str]
"""The selected agent, and the reason."""


class PreparedSelection(NamedTuple):
    """Outcome of the shared steps.

    Attributes:
        selected: The next speaker, if there is no choice left.
        method: Name of the method that selects otherwise; empty if a selection function has selected.
        candidates: The agents to select from.
        reason: Reason of the selection.
    """

    selected: Agent | None
    method: str
    candidates: list[Agent]
    reason: str


def select_speaker(group: Group, last: Agent, selector: AgentCore) -> Steps[Agent]:
    """Select the next speaker.

    Raises:
        NoEligibleSpeaker: No agent may speak.
        ValueError: The method is unknown or did not return a speaker, or there are too few agents.
    """
    prepared = yield from prepare_selection(group, last)
    selected, reason = prepared.selected, prepared.reason
    if selected is None:
        select = SELECTION_METHODS[prepared.method]
        selected, reason = yield from select(group, last, prepared.candidates, selector)
    # A selection function that has selected an agent itself has nothing to override.
    if prepared.method:
        selected, reason = _override_choice(group, selected, reason)
    group.last_selection = f"{selected.name}: {reason}"
    logger.info("Next speaker: %s", group.last_selection)
    return selected


def select_without_model(group: Group, last: Agent) -> tuple[Agent | None, list[Agent], list[Message] | None]:
    """Return the next speaker, unless a model has to select it; also the candidates, and the conversation for the model."""
    prepared = run_sync(prepare_selection(group, last))
    selected, candidates = prepared.selected, prepared.candidates
    if selected is None and prepared.method == "auto":
        return None, candidates, remove_pending_calls(group.messages)
    if selected is None:
        selected, _ = run_sync(SELECTION_METHODS[prepared.method](group, last, candidates, None))
    return selected, candidates, None


def _override_choice(group: Group, selected: Agent, reason: str) -> Selection:
    """Let a selection strategy that left the choice to a method override the result."""
    strategy = get_selection_strategy(group)
    override = strategy.override_choice(selected, group)
    if override is None:
        raise NoEligibleSpeaker(f"After {selected.name} was chosen, the selection function ended the chat.")
    return (selected, reason) if override is selected else (_require_member(group, override), strategy.why)


def _select_in_order(group: Group, last: Agent, candidates: list[Agent], selector: AgentCore | None) -> Steps[Selection]:
    yield from ()
    return group.next_agent(last, candidates), "next in order"


def _select_randomly(group: Group, last: Agent, candidates: list[Agent], selector: AgentCore | None) -> Steps[Selection]:
    def pick() -> Steps[Selection]:
        yield from ()
        return group.random_select_speaker(candidates), "chosen by chance"

    return (yield from _perform_pick(group, "random", pick))


def _select_manually(group: Group, last: Agent, candidates: list[Agent], selector: AgentCore | None) -> Steps[Selection]:
    def pick() -> Steps[Selection]:
        picked = yield from group._manual_select_step(candidates, selector.name if selector else "")
        if picked is not None:
            return picked, "picked by a human"
        return group.next_agent(last, candidates), "next in order, as no human picked one"

    return (yield from _perform_pick(group, "manual", pick))


def _perform_pick(group: Group, method: str, pick: Callable[[], Steps[Selection]]) -> Steps[Selection]:
    """Pick an agent by chance or by a human, as an operation: a resumed chat gets the same agent."""
    operation = Operation(
        kind="pick",
        key=lambda: method,
        run=pick,
        encode=lambda selection: [selection[0].name, selection[1]],
        decode=lambda stored: (next(agent for agent in group.agents if agent.name == stored[0]), stored[1]),
    )
    return (yield from perform(operation))


def _select_by_model(group: Group, last: Agent, candidates: list[Agent], selector: AgentCore | None) -> Steps[Selection]:
    messages = remove_pending_calls(group.messages)
    selected = yield from invoke(
        group._auto_select_speaker, group.a_auto_select_speaker, last, selector, messages, candidates
    )
    return selected, group_internals(group).auto_reason or "chosen by the model"


SelectionFunction: TypeAlias = Callable[[Group, Agent, list[Agent], AgentCore | None], Steps[Selection]]
"""A named method, of `(group, last_speaker, candidates, selector)`."""

SELECTION_METHODS: dict[str, SelectionFunction] = {
    "auto": _select_by_model,
    "manual": _select_manually,
    "random": _select_randomly,
    "round_robin": _select_in_order,
}
"""The methods by name: the values of `speaker_selection_method`."""


def prepare_selection(group: Group, last: Agent) -> Steps[PreparedSelection]:
    """Run the steps that all methods share."""
    method: object = group.speaker_selection_method
    if callable(method):
        # An async function also serves sync chats.
        answer = yield from invoke(*sync_and_async(method), last, group)
        if isinstance(answer, Agent):
            reason = get_selection_strategy(group).why
            return PreparedSelection(_require_member(group, answer), "", [answer], reason)
        if answer is None:
            raise NoEligibleSpeaker("The selection function chose nobody.")
        if not isinstance(answer, str):
            kind = type(answer).__name__
            raise ValueError(f"speaker_selection_method must return an agent, a method or None, got {kind}.")
        method = answer
    name = validate_method(method)
    _validate_size(group, name, last)
    return _narrow_candidates(group, last, name)


def _require_member(group: Group, agent: Agent) -> Agent:
    if agent not in group.agents:
        raise ValueError(f"speaker_selection_method chose {agent.name!r}, who is not in the group.")
    return agent


def validate_method(method: object) -> str:
    """Return the name of a selection method in lower case.

    Raises:
        ValueError: There is no such method.
    """
    if not isinstance(method, str) or method.lower() not in SELECTION_METHODS:
        names = ", ".join(map(repr, SELECTION_METHODS))
        hint = suggest(method, SELECTION_METHODS) if isinstance(method, str) else ""
        raise ValueError(f"speaker_selection_method must be one of {names}, or a function, got {method!r}.{hint}")
    return method.lower()


def _can_repeat(group: Group, last: Agent) -> bool | None:
    repeat = group.allow_repeat_speaker
    return last in repeat if isinstance(repeat, list) else repeat


def _validate_size(group: Group, method: str, last: Agent) -> None:
    if len(group.agents) < 2:
        raise ValueError(
            f"The group chat is underpopulated: it has {len(group.agents)} agents. Add agents, or use a direct chat."
        )
    if len(group.messages) < 2 and len(group.agents) == 2 and method != "round_robin" and _can_repeat(group, last):
        logger.warning(
            "The group chat has two agents only. Use speaker_selection_method='round_robin', allow_repeat_speaker=False "
            "or a direct chat between them."
        )


def _narrow_candidates(group: Group, last: Agent, method: str) -> PreparedSelection:
    """Narrow the members down to the candidates.

    Raises:
        NoEligibleSpeaker: No candidate is left.
    """
    candidates = list(group.agents)
    is_eligible = make_eligibility_test(group, last)
    names = get_pending_names(group.messages) if group.func_call_filter else None
    if names is not None:
        candidates = _find_executors(group, names)
        if len(candidates) == 1:
            return PreparedSelection(candidates[0], method, candidates, "the only agent that can execute the call")
    elif (caller := _find_waiting_caller(group, last, method)) and is_eligible(caller):
        return PreparedSelection(caller, method, [caller], "gets the result of its call")
    if _can_repeat(group, last) is False:
        candidates = [agent for agent in candidates if agent is not last]
    allowed = _filter_by_transitions(group, last, candidates)
    if not allowed and names is not None:
        # A pending call has to be executed, whatever the transitions say.
        allowed = candidates or list(group.agents)
    if not allowed:
        raise NoEligibleSpeaker(f"After {last.name} no agent may speak.")
    allowed = list(filter(is_eligible, allowed))
    if not allowed:
        raise NoEligibleSpeaker(f"After {last.name} no agent may speak: the eligibility_policies accept none.")
    # Saves a request or a question.
    if len(allowed) == 1:
        return PreparedSelection(allowed[0], method, allowed, "the only agent that may speak now")
    return PreparedSelection(None, method, allowed, method)


def _find_executors(group: Group, names: list[str]) -> list[Agent]:
    """Return the members that execute all of these functions, or else some; every member if none does."""
    # With `any`, the calls that this agent can't execute are passed on to the others.
    for quantifier in (all, any):
        executors = [agent for agent in group.agents if quantifier(can_execute(agent, [name]) for name in names)]
        if executors:
            return executors
    logger.warning("No agent of the group can execute %s: the model will get an error.", ", ".join(names) or "the call")
    return [agent for agent in group.agents if getattr(agent, "function_map", None)] or list(group.agents)


def _find_waiting_caller(group: Group, last: Agent, method: str) -> Agent | None:
    """Return the agent that waits for the result in the last message, if results return to it and transitions allow."""
    returns_results = group.return_results_to_caller
    if returns_results is None:
        if get_selection_strategy(group).routes_results:
            return None
        returns_results = method == "auto"
    caller = find_caller(group) if returns_results else None
    if caller is None or group.allowed_or_disallowed_speaker_transitions is None:
        return caller
    return caller if _filter_by_transitions(group, last, [caller]) else None


def _filter_by_transitions(group: Group, last: Agent, candidates: Sequence[Agent]) -> list[Agent]:
    """Return the candidates that may speak after `last`, in the order of the members."""
    graph = group.allowed_speaker_transitions_dict
    if last not in group.agents:
        return list(candidates)
    if last not in graph:
        raise NoEligibleSpeaker(f"The last speaker {last.name!r} has no transitions: the chat has come to its end.")
    allowed = set(map(id, graph[last]))
    return [agent for agent in candidates if id(agent) in allowed]


def remove_pending_calls(messages: list[Message]) -> list[Message]:
    """Copy the record for a selecting model, without the calls of the last message: they have no results there."""
    shown = list(messages)
    if shown and (shown[-1].get("tool_calls") or shown[-1].get("function_call")):
        shown[-1] = {key: value for key, value in shown[-1].items() if key not in ("tool_calls", "function_call")}
    return shown


def find_next(members: Sequence[Agent], agent: Agent | None, among: Sequence[Agent]) -> Agent:
    """Return the next of `among` after an agent, in the order of the members; after an unknown agent, the first.

    Raises:
        UndefinedNextAgent: `among` is empty, or contains an agent that is not a member.
    """
    eligible = set(map(id, among))
    if not eligible or not eligible.issubset(map(id, members)):
        raise UndefinedNextAgent()
    start = next((index for index, member in enumerate(members) if member is agent), None)
    if start is None:
        # A clone or a stand-in has the name of the member.
        name = getattr(agent, "name", None)
        start = next((index for index, member in enumerate(members) if member.name == name), -1)
    # Up to the agent itself, which may be the only eligible one.
    for offset in range(1, len(members) + 1):
        member = members[(start + offset) % len(members)]
        if id(member) in eligible:
            return member
    raise UndefinedNextAgent()


def pick_manually(candidates: Sequence[Agent], asker: str = "") -> Steps[Agent | None]:
    """Ask a human for the next speaker; return None for the next agent in order.

    Args:
        candidates: Agents to pick from.
        asker: Name of the agent that asks; empty if a program does.
    """
    names = [agent.name for agent in candidates]
    if events.has_listeners:
        events.emit(events.SpeakerRequested(candidates=names))
    lines = ["Please pick the next speaker:", *(f"{number}: {name}" for number, name in enumerate(names, 1))]
    for attempt in range(1, MANUAL_ATTEMPTS):
        answer = yield from _ask_for_number(asker, lines)
        if answer in ("", "q"):
            return None
        number = int(answer) if answer.strip().isdecimal() else 0
        if 1 <= number <= len(candidates):
            return candidates[number - 1]
        _report_attempt(names, attempt)
        lines = [f"The number must be from 1 to {len(candidates)}, got {answer!r}."]
    _report_attempt(names, MANUAL_ATTEMPTS)
    _show(*lines, f"{MANUAL_ATTEMPTS} attempts are used up: the next speaker is chosen automatically.")
    return None


def _show(*lines: str) -> None:
    """Print lines, unless the reader of the stream gets events in place of them."""
    if not has_event_reader():
        for line in lines:
            IOStream.get_default().print(line, flush=True)


def _report_attempt(names: list[str], attempt: int) -> None:
    if events.has_listeners:
        left = MANUAL_ATTEMPTS - attempt
        event = events.SpeakerAttempted(by="human", candidates=names, mentions={}, attempt=attempt, attempts_left=left)
        events.emit(event)


def _ask_for_number(asker: str, lines: list[str]) -> Steps[str]:
    """Ask a human; the lines explain the question."""
    question: events.HumanAsked | None = None

    def announce() -> events.Event:
        nonlocal question
        question = events.HumanAsked(agent=asker, prompt=_PICK_PROMPT)
        return question

    def run() -> Steps[str]:
        # A listener may have answered in place of the human.
        answer = None if question is None else question.answer
        if answer is None:
            _show(*lines)
            ask, a_ask = sync_and_async(get_asked_stream().input, blocks=True)
            answer = yield from invoke(interruptible(ask), a_ask, _PICK_PROMPT)
        return answer

    operation = Operation(
        kind="human",
        key=lambda: _PICK_PROMPT,
        run=run,
        started=announce,
        finished=lambda text, seconds: events.HumanAnswered(agent=asker, text=text),
        # The selection around it is in the journal.
        is_journaled=False,
    )
    return (yield from perform(operation))


def pick_randomly(candidates: Sequence[Agent]) -> Agent:
    """Return a random candidate."""
    return random.choice(candidates)
