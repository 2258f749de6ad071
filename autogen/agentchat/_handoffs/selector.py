"""Decisions about hand-offs: `HandoffSelector`, the rules for the next speaker of a group chat."""

from __future__ import annotations

import copy
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple, cast

from ..._steps import Steps
from .._core import turn_context
from .._core.pending_calls import find_caller
from .._core.protocols import Group
from .._core.result import StopReason
from .._core.selection_strategy import SelectionStrategy
from ..agent import Agent, Message
from .conditions import OnContextCondition, is_available
from .context_variables import ContextStr, ContextVariables
from .handoffs import get_handoffs
from .member_turn import MemberTurn, get_llm_conditions
from .targets import (
    HandoffContext,
    ReplyTarget,
    Resolution,
    TargetLike,
    TerminateTarget,
    TransitionTarget,
    announce_handoff,
    as_target,
)
from .tool_effects import EncodedTarget, decode_target, encode_target

__all__ = ["HandoffSelector"]

logger = logging.getLogger("autogen.agentchat.groupchat")


class HandoffSelector(SelectionStrategy):
    """A `speaker_selection_method` that follows the hand-offs of the agents. A selector serves one group.

    The first rule that applies selects the next speaker:

    1. The initial agent has the first turn.
    2. Pending calls are executed: in the turn of the agent that called, by any member that can.
    3. A model, or a tool by its result, has handed over.
    4. The result of a call returns to the agent that called.
    5. After a message of the user: the after-works of the user agent, or else `user_after_work`, or else the agent that
       spoke before.
    6. The after-works of the last speaker, the first that holds.
    7. `after_work`.

    Then the context conditions of the selected agent are checked: the first that holds hands over once more.

    Args:
        initial_agent: First agent to reply.
        after_work: Next speaker if there is no hand-off: a target, an agent, a function `(last_speaker, groupchat)`, or
            None to end the chat.
        user_agent: Agent that speaks for the human.
        context_variables: Variables that the agents share. A `ContextVariables` object is used itself, a dict is copied.
        user_after_work: Next speaker after the user agent; None for the agent that spoke before.
        exclude_transit_message: True if models don't see the hand-offs of other agents.

    Attributes:
        why: Reason of the last decision.
        stop_reason: Reason of the end, if these rules ended the chat.

    Raises:
        TypeError: if a target is invalid.

    >>> triage.handoffs.add_llm_condition(OnCondition(refund, "They want their money back."))  # doctest: +SKIP
    >>> group = GroupChat([triage, refund, user], speaker_selection_method=HandoffSelector(triage))  # doctest: +SKIP
    """

    routes_results = True

    def __init__(
        self,
        initial_agent: Agent,
        after_work: TargetLike | None = None,
        user_agent: Agent | None = None,
        *,
        context_variables: ContextVariables | Mapping[str, object] | None = None,
        user_after_work: TargetLike | None = None,
        exclude_transit_message: bool = True,
    ) -> None:
        if not isinstance(initial_agent, Agent):
            raise TypeError(f"initial_agent must be an agent, got {initial_agent!r}.")
        self.initial_agent = initial_agent
        self.after_work: TransitionTarget = TerminateTarget() if after_work is None else as_target(after_work)
        self.user_agent = user_agent
        self.user_after_work: TransitionTarget | None = None if user_after_work is None else as_target(user_after_work)
        if not isinstance(context_variables, ContextVariables):
            context_variables = ContextVariables(context_variables)
        self.context_variables = context_variables
        self.exclude_transit_message = exclude_transit_message
        self._transfer_tools: set[str] = set()
        self.reset()

    def reset(self) -> None:
        """Forget the run: the initial agent has the next turn."""
        self.why = ""
        self.stop_reason: StopReason | None = None
        self._has_started = False
        # The target that a model or a tool selected in the last turn.
        self._pending_target: TransitionTarget | None = None
        # The chats that the selected agent runs in its turn.
        self._nested: ReplyTarget | None = None
        self._after_nested = False
        self.selection_message = None

    def __call__(self, last_speaker: Agent, groupchat: Group) -> Agent | str | None:
        """Return the next speaker, the name of the method that selects it, or None to end the chat.

        Raises:
            ValueError: if a hand-off leads to an agent outside the group, or to the user if there is none.
        """
        # Conditions and functions of the program read the variables from their agents.
        with turn_context.enter_turn(None, self.context_variables):
            # A manager that starts a new chat clears the record.
            if not self._has_started or len(groupchat.messages) <= 1:
                self.reset()
                self._validate_targets(groupchat)
                self._has_started = True
                resolution, self.why = Resolution(self.initial_agent), "the initial agent"
            else:
                resolution, self.why = self._apply_rules(last_speaker, groupchat)
            return self._accept(self._apply_context_conditions(resolution, groupchat))

    def override_choice(self, chosen: Agent, group: Group) -> Agent | None:
        """Return the next speaker after a method has selected `chosen`, whose context conditions may hand over."""
        with turn_context.enter_turn(None, self.context_variables):
            self.selection_message = None
            resolution = self._apply_context_conditions(Resolution(chosen), group)
            # A condition leads to a method, but a method has just selected.
            if resolution.speaker is None and resolution.method is not None:
                return chosen
            self._accept(resolution)
            return resolution.speaker

    def save_state(self) -> dict[str, object]:
        """Return the context variables and the progress of the chat.

        Raises:
            TypeError: if JSON can't represent a variable.
        """
        return {
            "context_variables": json.loads(self.context_variables.to_json()),
            "started": self._has_started,
            "target": encode_target(self._pending_target),
        }

    def load_state(self, state: Mapping[str, object], group: Group) -> None:
        """Restore a state that `save_state` returned."""
        self.reset()
        # The same object stays, because the program may hold it.
        self.context_variables.clear()
        self.context_variables.update(cast("Mapping[str, object]", state["context_variables"]))
        self._has_started = bool(state["started"])
        encoded = cast("EncodedTarget | None", state["target"])
        self._pending_target = decode_target(encoded, group) if encoded else None

    def rebind(self, agent_map: Callable[[Agent], Agent]) -> HandoffSelector:
        """Copy the selector for a cloned group, with a copy of the context variables.

        Args:
            agent_map: Maps an agent to its clone.
        """
        after_user = self.user_after_work
        return HandoffSelector(
            agent_map(self.initial_agent),
            self.after_work.rebind(agent_map),
            None if self.user_agent is None else agent_map(self.user_agent),
            context_variables=copy.deepcopy(self.context_variables.to_dict()),
            user_after_work=None if after_user is None else after_user.rebind(agent_map),
            exclude_transit_message=self.exclude_transit_message,
        )

    def take_turn(self, speaker: Agent, manager: Agent, group: Group) -> Steps[str | Message | None]:
        """Let a member reply, with the tools for its hand-offs and the context variables.

        Args:
            speaker: Member.
            manager: Manager of the group.
            group: Group chat.
        """
        # For this turn only.
        nested, self._nested = self._nested, None
        variables = self.context_variables
        hidden_tools = partial(self._get_hidden_tools, group)
        turn = MemberTurn(group, speaker, manager, variables, hidden_tools, self._set_pending_target)
        with turn_context.enter_turn(turn, variables):
            if nested is not None:
                return (yield from nested.run_chats(speaker, manager))
            return (yield from super().take_turn(speaker, manager, group))

    def _set_pending_target(self, target: TransitionTarget) -> None:
        self._pending_target = target

    def _get_hidden_tools(self, group: Group) -> set[str]:
        """Return the names of the tools whose calls other models don't see."""
        if not self.exclude_transit_message:
            return set()
        # Added to earlier names: a program may remove a hand-off, but its calls stay in the histories.
        for agent in group.agents:
            rules = get_llm_conditions(agent).items()
            self._transfer_tools.update(name for name, rule in rules if not isinstance(rule.target, ReplyTarget))
        return self._transfer_tools

    def _apply_rules(self, last: Agent, group: Group) -> tuple[Resolution, str]:
        """Return the outcome of the first rule that applies, and the reason."""
        message: Message = group.messages[-1]
        is_member = any(agent is last for agent in group.agents)
        if message.get("tool_calls") or message.get("function_call"):
            # The author of an opening with calls may be outside of the group.
            return Resolution(last if is_member else self.initial_agent), "executes its calls"
        situation = HandoffContext(last, group, self.user_agent)
        if self._pending_target is not None:
            target, self._pending_target = self._pending_target, None
            return target.follow(situation), f"{last.name} handed over"
        if message.get("role") in ("tool", "function"):
            return Resolution(find_caller(group) or last), "gets the result of its call"
        # Nested chats were themselves an after-work: without this they would run for ever.
        after_nested, self._after_nested = self._after_nested, False
        resolution = None if after_nested else self._find_first(_get_after_works(last), situation, "after_work")
        if resolution is not None:
            self._after_nested = resolution.nested is not None
            return resolution, f"an after-work of {last.name}"
        if not is_member or last is self.user_agent:
            if self.user_after_work is not None:
                announce_handoff(last, self.user_after_work, "after_work")
                return self.user_after_work.follow(situation), "follows the user"
            return Resolution(self._find_speaker_before_user(group)), "spoke before the user"
        announce_handoff(last, self.after_work, "after_work")
        return self.after_work.follow(situation), f"the after-work of the group, after {last.name}"

    def _find_first(self, rules: Iterable[OnContextCondition], situation: HandoffContext, by: str) -> Resolution | None:
        """Return the outcome of the first rule that holds; None if none does. `by` is the word of its event."""
        agent, messages, variables = situation.agent, situation.group.messages, self.context_variables
        for rule in rules:
            if not is_available(rule, agent, messages, variables):
                continue
            if rule.condition is None or rule.condition.holds(agent, messages, variables):
                announce_handoff(agent, rule.target, by)
                return rule.target.follow(situation)
        return None

    def _apply_context_conditions(self, resolution: Resolution, group: Group) -> Resolution:
        """Follow the context conditions of the selected agents. They may lead to each other, but not in circles."""
        visited: list[Agent] = []
        message = group.messages[-1] if group.messages else {}
        has_calls = message.get("tool_calls") or message.get("function_call")
        # Calls have to be executed in the turn of the agent that called.
        while resolution.speaker is not None and resolution.nested is None and not has_calls:
            speaker = resolution.speaker
            visited.append(speaker)
            situation = HandoffContext(speaker, group, self.user_agent)
            following = self._find_first(_get_context_conditions(speaker), situation, "context")
            if following is None or (following.nested is None and any(following.speaker is agent for agent in visited)):
                break
            self.why = f"a context condition of {speaker.name}"
            resolution = following
        return resolution

    def _accept(self, resolution: Resolution) -> Agent | str | None:
        """Store the parts of a decision that the turn needs later, and return the speaker or the method."""
        self._nested = resolution.nested
        prompt = resolution.prompt
        self.selection_message = None if prompt is None else _PromptTemplate(prompt, self.context_variables)
        self.stop_reason = None
        if resolution.speaker is None and resolution.method is None:
            self.stop_reason = StopReason.TERMINATE_TARGET
        speaker = resolution.speaker
        logger.debug("Hand-off to %s: %s", speaker.name if speaker else resolution.method or "the end", self.why)
        return speaker if speaker is not None else resolution.method

    def _find_speaker_before_user(self, group: Group) -> Agent:
        """Return the last speaker besides the user."""
        agents = {agent.name: agent for agent in group.agents if agent is not self.user_agent}
        names = (message.get("name") for message in reversed(group.messages))
        return next((agents[name] for name in names if name in agents), self.initial_agent)

    def _validate_targets(self, group: Group) -> None:
        """Validate the targets of all hand-offs, before the first turn.

        Raises:
            ValueError: if a hand-off leads to an agent outside the group.
        """
        targets: list[tuple[str, TransitionTarget]] = [("The group", self.after_work)]
        for agent in group.agents:
            handoffs = get_handoffs(agent)
            if handoffs is not None:
                data_rules = (*handoffs.context_conditions, *handoffs.after_works)
                targets += [(f"Agent {agent.name!r}", rule.target) for rule in data_rules]
                targets += [(f"Agent {agent.name!r}", rule.target) for rule in handoffs.llm_conditions]
        for owner, target in targets:
            for member in target.members(group):
                if not any(member is agent for agent in group.agents):
                    name = member if isinstance(member, str) else member.name
                    raise ValueError(f"{owner} hands over to {name!r}, who is not in the group.")


class _PromptTemplate(NamedTuple):
    """A selection prompt with placeholders for context variables, too. Their values are not searched for placeholders."""

    template: str | ContextStr
    variables: Mapping[str, Any]

    def format(self, **values: object) -> str:
        template = ContextStr(self.template) if isinstance(self.template, str) else self.template
        return template.format({**self.variables, **values})


def _get_context_conditions(agent: Agent) -> list[OnContextCondition]:
    handoffs = get_handoffs(agent)
    return [] if handoffs is None else handoffs.context_conditions


def _get_after_works(agent: Agent) -> list[OnContextCondition]:
    handoffs = get_handoffs(agent)
    return [] if handoffs is None else handoffs.after_works
