"""The hand-offs of swarms, the spelling before `agent.handoffs`: an option is a target, and a rule is a hand-off."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol, TypeAlias, Union

from ..._mistakes import warn_caller
from .._core.messages import normalize_name
from ..agent import Agent, Message
from . import conditions, targets
from .conditions import DataConditionLike, LLMConditionLike
from .context_variables import ContextStr, ContextVariables
from .handoffs import Handoffs

# The longest function name that endpoints accept.
_MAX_NAME_LENGTH = 64


class HandoffOwner(Protocol):
    """An agent that has hand-offs."""

    @property
    def name(self) -> str:
        """Name that others see."""

    @property
    def handoffs(self) -> Handoffs:
        """Hand-offs of the agent in a group chat."""

    @property
    def context_variables(self) -> ContextVariables:
        """Context variables of the agent, or of the group chat that it is in."""


class AfterWorkOption(Enum):
    """The next speaker after a reply with text."""

    TERMINATE = "TERMINATE"
    REVERT_TO_USER = "REVERT_TO_USER"
    STAY = "STAY"
    SWARM_MANAGER = "SWARM_MANAGER"


_TARGETS: dict[AfterWorkOption, Callable[[], targets.TransitionTarget]] = {
    AfterWorkOption.TERMINATE: targets.TerminateTarget,
    AfterWorkOption.REVERT_TO_USER: targets.RevertToUserTarget,
    AfterWorkOption.STAY: targets.StayTarget,
    AfterWorkOption.SWARM_MANAGER: targets.GroupManagerTarget,
}

NestedChats: TypeAlias = dict[str, Any] | list[Any]
"""The config of nested chats, or their queue."""

SwarmTarget: TypeAlias = Union[targets.TransitionTarget, Agent, AfterWorkOption, str, Callable[..., object], "AfterWork"]
"""A target, an `AfterWorkOption` or its name, an agent or its name, or a function `(last_speaker, messages, groupchat)`."""


# Equality stays that of objects, so that rules can be keys.
@dataclass(init=False, eq=False)
class AfterWork:
    """The next speaker after a reply with text.

    Args:
        agent: An `AfterWorkOption` or its name, an agent or its name, or a function
            `(last_speaker, messages, groupchat)` that returns one of these.
        next_agent_selection_msg: For SWARM_MANAGER: system message of the manager's model.
    """

    agent: SwarmTarget
    next_agent_selection_msg: str | ContextStr | None = None

    def __init__(self, agent: SwarmTarget, next_agent_selection_msg: str | ContextStr | None = None) -> None:
        self.agent = agent
        self.next_agent_selection_msg = next_agent_selection_msg
        self.target = convert_after_work(agent, next_agent_selection_msg)


class OnCondition(conditions.OnCondition):
    """A hand-off that the agent's model decides.

    Args:
        target: Agent or its name, config of nested chats, or an `AfterWorkOption`.
        condition: When to hand over, for the model.
        available: Condition to offer the hand-off: the name of a context variable (with `!` in front: that it is false), a
            `ContextExpression`, or a function `(agent, messages)`.
        agent: The same as `target`, in the first swarms.

    Raises:
        TypeError: if there is no target, or two.
    """

    def __init__(
        self,
        target: SwarmTarget | NestedChats | None = None,
        condition: LLMConditionLike = "",
        available: DataConditionLike = None,
        *,
        agent: SwarmTarget | NestedChats | None = None,
    ) -> None:
        if (target is None) == (agent is None):
            raise TypeError(f"OnCondition takes a target, got {'none' if agent is None else 'a target and an agent'}.")
        if target is None:
            warn_caller("The agent of OnCondition is deprecated, use target.", DeprecationWarning)
            target = agent
        super().__init__(_convert_target(target), condition, _convert_condition(available))


class OnContextCondition(conditions.OnContextCondition):
    """A hand-off that data decides. The arguments are those of `OnCondition`."""

    def __init__(
        self,
        target: SwarmTarget | NestedChats,
        condition: DataConditionLike = None,
        available: DataConditionLike = None,
    ) -> None:
        super().__init__(_convert_target(target), _convert_condition(condition), _convert_condition(available))


HandOff: TypeAlias = conditions.OnCondition | conditions.OnContextCondition | AfterWork


def register_hand_off(agent: HandoffOwner, hand_to: HandOff | Iterable[HandOff]) -> None:
    """Register hand-offs at an agent.

    Args:
        agent: Agent.
        hand_to: An `OnCondition`, `OnContextCondition` or `AfterWork`, or a list of these.

    Raises:
        ValueError: if an item is something else; then none is registered.
    """
    rules: list[Any] = list(hand_to) if isinstance(hand_to, (list, tuple)) else [hand_to]
    # All before the first is registered.
    kinds = (AfterWork, conditions.OnCondition, conditions.OnContextCondition)
    for item in rules:
        if not isinstance(item, kinds):
            raise ValueError(f"A hand-off must be an OnCondition, an OnContextCondition or an AfterWork, got {item!r}.")
    for rule in rules:
        if isinstance(rule, AfterWork):
            agent.handoffs.set_after_work(rule.target)
            continue
        if isinstance(rule, conditions.OnCondition):
            # The names of tools in swarms, which prompts of programs may mention.
            rule.llm_function_name = rule.llm_function_name or _make_tool_name(agent, rule)
        agent.handoffs.add(rule)


def convert_after_work(value: object, prompt: str | ContextStr | None = None) -> targets.TransitionTarget:
    """Return the target of an `AfterWork`, or of an object that its constructor takes.

    Args:
        value: The object.
        prompt: For SWARM_MANAGER: system message of the manager's model.
    """
    if isinstance(value, AfterWork):
        return value.target
    if isinstance(value, str):
        # The name of an option wins over that of an agent.
        if value not in AfterWorkOption.__members__:
            return targets.AgentNameTarget(value)
        value = AfterWorkOption[value]
    if isinstance(value, AfterWorkOption):
        return targets.GroupManagerTarget(prompt) if value is AfterWorkOption.SWARM_MANAGER else _TARGETS[value]()
    if callable(value) and not isinstance(value, (Agent, targets.TransitionTarget)):
        function = value

        # Functions of swarms take the messages, too.
        def select(last_speaker: Any, groupchat: Any) -> object:
            answer = function(last_speaker, groupchat.messages, groupchat)
            return None if answer is None else convert_after_work(answer, prompt)

        return targets.SelectionTarget(select)
    return targets.as_target(value)


def _convert_target(value: object) -> targets.TransitionTarget:
    return targets.NestedChatTarget(value) if isinstance(value, (dict, list)) else convert_after_work(value)


def _convert_condition(value: DataConditionLike) -> DataConditionLike:
    if not isinstance(value, str) or not value.startswith("!"):
        return value
    name = value[1:].strip()

    # By the agent, because a function condition does not get the variables.
    def is_false(agent: HandoffOwner, messages: list[Message]) -> bool:
        return not agent.context_variables.get(name)

    return is_false


def _make_tool_name(agent: HandoffOwner, rule: conditions.OnCondition) -> str:
    """Return `transfer_<from>_to_<to>`, with a number if the agent has such a tool already."""
    stem = f"transfer_{normalize_name(agent.name)}_to_{normalize_name(rule.target.label)}"
    tools, name, number = agent.handoffs.tools(), stem[:_MAX_NAME_LENGTH], 1
    while name in tools:
        number += 1
        suffix = f"_{number}"
        name = stem[: _MAX_NAME_LENGTH - len(suffix)] + suffix
    return name
