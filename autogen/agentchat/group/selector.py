"""Who speaks next by the hand-offs of the agents: a selection method for a `GroupChat`."""

from __future__ import annotations

import copy
import json
import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from ..._steps import Steps
from .._core import turn_context
from .._core.protocols import Group
from .._core.result import StopReason
from .._core.selection_strategy import SelectionMethod
from .._groupchat.pending_calls import find_caller
from .._handoffs.conditions import OnContextCondition, is_available
from .._handoffs.context_variables import ContextStr, ContextVariables
from .._handoffs.handoffs import get_handoffs
from .._handoffs.targets import HandoffContext, NestedChatTarget, Resolution, TerminateTarget, TransitionTarget, as_target
from ..agent import Agent, Message
from ._effects import decode_target, encode_target
from ._turns import MemberTurn, get_llm_conditions

__all__ = ["HandoffSelector"]

logger = logging.getLogger("autogen.agentchat.groupchat")


class HandoffSelector(SelectionMethod):
    """A `speaker_selection_method` that follows the hand-offs of the agents. One selector serves one group.

    The first of these that applies says who is next:

    1. The first turn is the initial agent's.
    2. Pending calls are carried out: in the name of the agent that called, by whichever member can.
    3. A model, or a tool by its result, said who is next.
    4. The result of a call goes back to the agent that called.
    5. When the user has spoken: the after-works of the user agent, or else `user_after_work`, or else the agent that spoke
       before.
    6. The after-works of the agent that spoke, the first that holds.
    7. `after_work`.

    Then the context conditions of whoever that is are looked at: the first that holds leads on.

    Args:
        initial_agent: Who answers first.
        after_work: What happens where no hand-off says it: a target, an agent, a function `(last_speaker, groupchat)`, or
            None for the end of the chat.
        user_agent: Who speaks for the human.
        context_variables: What the agents know in common. The object itself is used, a dict is copied.
        user_after_work: What happens when the user agent has spoken; None: the agent that spoke before goes on.
        exclude_transit_message: Whether models don't see how others handed over.

    Attributes:
        why: Why the last decision was made.
        stop_reason: Why the chat ended, if it did so by these rules.

    Raises:
        TypeError: A target is none.

    >>> triage.handoffs.add_llm_condition(OnCondition(refund, "They want their money back."))  # doctest: +SKIP
    >>> group = GroupChat([triage, refund, user], speaker_selection_method=HandoffSelector(triage))  # doctest: +SKIP
    """

    routes_results = True

    def __init__(
        self,
        initial_agent: Agent,
        after_work: Any = None,
        user_agent: Agent | None = None,
        *,
        context_variables: ContextVariables | dict[str, Any] | None = None,
        user_after_work: Any = None,
        exclude_transit_message: bool = True,
    ) -> None:
        if not isinstance(initial_agent, Agent):
            raise TypeError(f"initial_agent must be an agent, not {initial_agent!r}.")
        self.initial_agent = initial_agent
        self.after_work: TransitionTarget = TerminateTarget() if after_work is None else as_target(after_work)
        self.user_agent = user_agent
        self.user_after_work: TransitionTarget | None = None if user_after_work is None else as_target(user_after_work)
        known = context_variables
        self.context_variables = known if isinstance(known, ContextVariables) else ContextVariables(known)
        self.exclude_transit_message = exclude_transit_message
        self._transfers: set[str] = set()
        self.reset()

    def reset(self) -> None:
        """Forget the run: the next turn is the initial agent's."""
        self.why = ""
        self.stop_reason: StopReason | None = None
        self._started = False
        self._target: TransitionTarget | None = None
        self._nested: NestedChatTarget | None = None
        self._has_nested = False
        self.selection_message = None

    def __call__(self, last_speaker: Agent, groupchat: Group) -> Agent | str | None:
        """Who is next: a member, the method that chooses one, or None for the end.

        Raises:
            ValueError: A hand-off leads to somebody who is not in the group, or to a user where there is none.
        """
        with turn_context.enter_turn(None, self.context_variables):
            if not self._started or len(groupchat.messages) <= 1:
                self.reset()
                self._check(groupchat)
                self._started = True
                found, self.why = Resolution(self.initial_agent), "the initial agent"
            else:
                found, self.why = self._decided(last_speaker, groupchat)
            return self._taken(self._led_on(found, groupchat))

    def override_choice(self, chosen: Agent, group: Group) -> Agent | None:
        """Who is next after a method has chosen: a context condition of that agent may lead on. None: the chat ends."""
        with turn_context.enter_turn(None, self.context_variables):
            self.selection_message = None
            found = self._led_on(Resolution(chosen), group)
            if found.speaker is None and found.method is not None:  # it was chosen so just now
                return chosen
            self._taken(found)
            return found.speaker

    def save_state(self) -> dict[str, Any]:
        """The context variables, and how far the chat has come.

        Raises:
            TypeError: JSON can't hold a variable.
        """
        known = json.loads(self.context_variables.to_json())
        return {"context_variables": known, "started": self._started, "target": encode_target(self._target)}

    def load_state(self, state: Mapping[str, Any], group: Group) -> None:
        """Bring them back."""
        self.reset()
        self.context_variables.clear()
        self.context_variables.update(state["context_variables"])
        self._started = bool(state["started"])
        self._target = decode_target(state["target"], group) if state["target"] else None

    def rebind(self, mine: Callable[[Any], Any]) -> HandoffSelector:
        """A selector for a group of other members, with variables of its own, of the same values."""
        after_user = self.user_after_work
        return HandoffSelector(
            mine(self.initial_agent),
            self.after_work.rebind(mine),
            None if self.user_agent is None else mine(self.user_agent),
            context_variables=copy.deepcopy(self.context_variables.to_dict()),
            user_after_work=after_user and after_user.rebind(mine),
            exclude_transit_message=self.exclude_transit_message,
        )

    def take_turn(self, speaker: Any, manager: Any, group: Group) -> Steps[Any]:
        """Let a member answer: with the tools for its hand-offs, and the context variables in sight.

        Args:
            speaker: The member.
            manager: The group's manager.
            group: The group.
        """
        nested, self._nested = self._nested, None
        variables = self.context_variables
        turn = MemberTurn(group, speaker, manager, variables, partial(self._hidden, group), self._lead_to)
        with turn_context.enter_turn(turn, variables):
            if nested is not None:
                return (yield from nested.run_chats(speaker, manager))
            return (yield from super().take_turn(speaker, manager, group))

    def _lead_to(self, target: TransitionTarget) -> None:
        """A model or a tool says who is next."""
        self._target = target

    def _hidden(self, group: Group) -> set[str]:
        """The tools whose calls are not for the eyes of other models."""
        if not self.exclude_transit_message:
            return set()
        for agent in group.agents:
            rules = get_llm_conditions(agent).items()
            self._transfers.update(name for name, rule in rules if not isinstance(rule.target, NestedChatTarget))
        return self._transfers

    def _decided(self, last: Any, group: Group) -> tuple[Resolution, str]:
        """What the rules say, and which of them does."""
        message: Message = group.messages[-1]
        is_member = any(agent is last for agent in group.agents)
        if message.get("tool_calls") or message.get("function_call"):
            return Resolution(last if is_member else self.initial_agent), "carries out its calls"
        situation = HandoffContext(last, group, self.user_agent)
        if self._target is not None:
            target, self._target = self._target, None
            return target.resolve(situation), f"{last.name} handed over"
        if message.get("role") in ("tool", "function"):
            return Resolution(find_caller(group) or last), "gets the result of its call"
        after_nested, self._has_nested = self._has_nested, False
        found = None if after_nested else self._first(_rules(last, "after_works"), situation)
        if found is not None:
            self._has_nested = found.nested is not None
            return found, f"an after-work of {last.name}"
        if not is_member or last is self.user_agent:
            if self.user_after_work is not None:
                return self.user_after_work.resolve(situation), "follows the user"
            return Resolution(self._before(group)), "spoke before the user"
        return self.after_work.resolve(situation), f"the after-work of the group, after {last.name}"

    def _first(self, rules: list[OnContextCondition], situation: HandoffContext) -> Resolution | None:
        """Where the first rule that holds leads."""
        agent, messages, variables = situation.agent, situation.group.messages, self.context_variables
        for rule in rules:
            if not is_available(rule, agent, messages, variables):
                continue
            if rule.condition is None or rule.condition.holds(agent, messages, variables):
                target: TransitionTarget = rule.target
                return target.resolve(situation)
        return None

    def _led_on(self, found: Resolution, group: Group) -> Resolution:
        """Where the context conditions of whoever is next lead in the end. They may lead to each other, not in circles."""
        seen: list[Any] = []
        message = group.messages[-1] if group.messages else {}
        pending = message.get("tool_calls") or message.get("function_call")
        while found.speaker is not None and found.nested is None and not pending:
            seen.append(found.speaker)
            situation = HandoffContext(found.speaker, group, self.user_agent)
            led = self._first(_rules(found.speaker, "context_conditions"), situation)
            if led is None or (led.nested is None and any(led.speaker is one for one in seen)):
                break
            self.why = f"a context condition of {found.speaker.name}"
            found = led
        return found

    def _taken(self, found: Resolution) -> Agent | str | None:
        """Remember what a decision has in it besides the speaker or the method."""
        self._nested = found.nested
        self.selection_message = None if found.prompt is None else _Prompt(found.prompt, self.context_variables)
        self.stop_reason = None
        if found.speaker is None and found.method is None:
            self.stop_reason = StopReason.TERMINATE_TARGET
        logger.debug("Hand-off to %s: %s", found.speaker.name if found.speaker else found.method or "the end", self.why)
        return found.speaker if found.speaker is not None else found.method

    def _before(self, group: Group) -> Agent:
        """The agent that spoke last, but for the user."""
        agents = {agent.name: agent for agent in group.agents if agent is not self.user_agent}
        spoken = (message.get("name") for message in reversed(group.messages))
        return next((agents[name] for name in spoken if name in agents), self.initial_agent)

    def _check(self, group: Group) -> None:
        """Raises:
        ValueError: A hand-off leads to somebody who is not in the group.
        """
        places: list[tuple[str, TransitionTarget]] = [("The group", self.after_work)]
        for agent in group.agents:
            handoffs = get_handoffs(agent)
            if handoffs is not None:
                rules: tuple[Any, ...] = (*handoffs.context_conditions, *handoffs.llm_conditions, *handoffs.after_works)
                places += [(f"Agent {agent.name!r}", rule.target) for rule in rules]
        for who, target in places:
            for member in target.members(group):
                if not any(member is agent for agent in group.agents):
                    name = member if isinstance(member, str) else member.name
                    raise ValueError(f"{who} hands over to {name!r}, who is not in the group.")


class _Prompt(NamedTuple):
    """A template that is filled in from context variables too. Their values are never taken for templates."""

    template: str | ContextStr
    variables: Mapping[str, Any]

    def format(self, **values: Any) -> str:
        template = ContextStr(self.template) if isinstance(self.template, str) else self.template
        return template.format({**self.variables, **values})


def _rules(agent: Any, kind: str) -> list[OnContextCondition]:
    return getattr(get_handoffs(agent), kind, [])
