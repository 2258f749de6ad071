"""The names of 0.2's swarms, for programs that use them. New programs use `autogen.agentchat.group`, which implements them.

A swarm is a group chat with hand-offs: `SwarmResult` is a `ReplyResult`, an `AfterWorkOption` is a target, and
`register_hand_off` fills `agent.handoffs`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import Any, Literal, TypeAlias, Union

from ...types import LLMConfigDict
from .._agent.tool_registration import as_list
from .._core.messages import normalize_name
from .._handoffs import conditions, targets
from .._handoffs.conditions import DataConditionLike, LLMConditionLike
from .._handoffs.context_variables import ContextStr, ContextVariables, UpdateSystemMessage
from .._runs import AsyncRunResponse, RunResponse
from ..agent import Agent, Message
from ..conversable_agent import ConversableAgent, HumanInputMode
from ..group.chat import GroupResult, a_initiate_group_chat, a_run_group_chat, initiate_group_chat, run_group_chat
from ..group.patterns import DefaultPattern
from ..group.reply_result import ReplyResult

__all__ = [
    "AFTER_WORK",
    "ON_CONDITION",
    "ON_CONTEXT_CONDITION",
    "UPDATE_SYSTEM_MESSAGE",
    "AfterWork",
    "AfterWorkOption",
    "OnCondition",
    "OnContextCondition",
    "SwarmAgent",
    "SwarmResult",
    "a_initiate_swarm_chat",
    "a_run_swarm",
    "initiate_swarm_chat",
    "register_hand_off",
    "run_swarm",
]


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


class AfterWork:
    """The next speaker after a reply with text.

    Args:
        agent: An `AfterWorkOption` or its name, an agent or its name, or a function
            `(last_speaker, messages, groupchat)` that returns one of these.
        next_agent_selection_msg: For SWARM_MANAGER: system message of the manager's model.
    """

    def __init__(self, agent: SwarmTarget, next_agent_selection_msg: str | ContextStr | None = None) -> None:
        self.agent = agent
        self.next_agent_selection_msg = next_agent_selection_msg
        self.target = _convert_after_work(agent, next_agent_selection_msg)


class OnCondition(conditions.OnCondition):
    """A hand-off that the agent's model decides.

    Args:
        target: Agent, or config of nested chats.
        condition: When to hand over, for the model.
        available: Condition to offer the hand-off: the name of a context variable (with `!` in front: that it is false), a
            `ContextExpression`, or a function `(agent, messages)`.
    """

    def __init__(
        self,
        target: targets.TargetLike | NestedChats,
        condition: LLMConditionLike = "",
        available: DataConditionLike = None,
    ) -> None:
        super().__init__(_convert_target(target), condition, _convert_condition(available))


class OnContextCondition(conditions.OnContextCondition):
    """A hand-off that data decides. The arguments are those of `OnCondition`."""

    def __init__(
        self,
        target: targets.TargetLike | NestedChats,
        condition: DataConditionLike = None,
        available: DataConditionLike = None,
    ) -> None:
        super().__init__(_convert_target(target), _convert_condition(condition), _convert_condition(available))


class SwarmResult(ReplyResult):
    """A tool result that also selects the next speaker, or sets context variables.

    Args:
        values: Result for the model.
        agent: Agent, its name or an `AfterWorkOption`; None for the agent that called.
        context_variables: Context variables to set.
    """

    def __init__(
        self,
        values: object = "",
        agent: SwarmTarget | None = None,
        context_variables: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(values, None if agent is None else _convert_after_work(agent), context_variables)
        self.values = values
        self.agent = agent


class SwarmAgent(ConversableAgent):
    """An agent like any other; programs don't need this class.

    Args:
        name: As for `ConversableAgent`, like `system_message`, `llm_config` and `human_input_mode`.
        functions: Functions that its model may call, described by the first lines of their docstrings.
        update_agent_state_before_reply: Functions `(agent, messages)` called before each reply, or an
            `UpdateSystemMessage`; a single object or a list.
        **kwargs: As for `ConversableAgent`.
    """

    def __init__(
        self,
        name: str,
        system_message: str | list[Any] | None = "You are a helpful AI Assistant.",
        llm_config: LLMConfigDict | Mapping[str, object] | Literal[False] | None = None,
        functions: Callable[..., object] | Iterable[Callable[..., object]] | None = None,
        update_agent_state_before_reply: Callable[..., object] | Iterable[Callable[..., object]] | None = None,
        human_input_mode: HumanInputMode = "NEVER",
        **kwargs: Any,
    ) -> None:
        text = "SwarmAgent is deprecated: any ConversableAgent has hand-offs."
        warnings.warn(text, DeprecationWarning, stacklevel=2)
        super().__init__(
            name,
            system_message,
            llm_config=llm_config,
            human_input_mode=human_input_mode,
            functions=as_list(functions),
            update_agent_state_before_reply=as_list(update_agent_state_before_reply),
            **kwargs,
        )


AFTER_WORK = AfterWork
ON_CONDITION = OnCondition
ON_CONTEXT_CONDITION = OnContextCondition
UPDATE_SYSTEM_MESSAGE = UpdateSystemMessage

HandOff: TypeAlias = conditions.OnCondition | conditions.OnContextCondition | AfterWork


def register_hand_off(agent: ConversableAgent, hand_to: HandOff | Iterable[HandOff]) -> None:
    """Register hand-offs at an agent.

    Args:
        agent: Agent.
        hand_to: An `OnCondition`, `OnContextCondition` or `AfterWork`, or a list of these.

    Raises:
        ValueError: if an item is something else; then none is registered.
    """
    rules: list[HandOff] = as_list(hand_to)
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


def initiate_swarm_chat(
    initial_agent: ConversableAgent,
    messages: list[Message] | str,
    agents: list[ConversableAgent],
    user_agent: ConversableAgent | None = None,
    swarm_manager_args: Mapping[str, object] | None = None,
    max_rounds: int = 20,
    context_variables: ContextVariables | Mapping[str, object] | None = None,
    after_work: SwarmTarget = AfterWorkOption.TERMINATE,
    exclude_transit_message: bool = True,
) -> GroupResult:
    """Run a group chat with hand-offs; see `autogen.agentchat.group.initiate_group_chat`.

    Args:
        initial_agent: First agent to reply.
        messages: First message, or the messages of an earlier chat.
        agents: Members.
        user_agent: Agent that speaks for the human.
        swarm_manager_args: Arguments of the `GroupChatManager`.
        max_rounds: Maximum number of messages.
        context_variables: Variables that the agents share.
        after_work: Next speaker if there is no hand-off; see `AfterWork`.
        exclude_transit_message: True if models don't see the hand-offs of other agents.

    Returns:
        The result, the context variables, and the last speaker.
    """
    pattern = _make_pattern(
        initial_agent, agents, user_agent, swarm_manager_args, context_variables, after_work, exclude_transit_message
    )
    return initiate_group_chat(pattern, messages, max_rounds)


async def a_initiate_swarm_chat(
    initial_agent: ConversableAgent,
    messages: list[Message] | str,
    agents: list[ConversableAgent],
    user_agent: ConversableAgent | None = None,
    swarm_manager_args: Mapping[str, object] | None = None,
    max_rounds: int = 20,
    context_variables: ContextVariables | Mapping[str, object] | None = None,
    after_work: SwarmTarget = AfterWorkOption.TERMINATE,
    exclude_transit_message: bool = True,
) -> GroupResult:
    """Async version of `initiate_swarm_chat`."""
    pattern = _make_pattern(
        initial_agent, agents, user_agent, swarm_manager_args, context_variables, after_work, exclude_transit_message
    )
    return await a_initiate_group_chat(pattern, messages, max_rounds)


def run_swarm(
    initial_agent: ConversableAgent,
    messages: list[Message] | str,
    agents: list[ConversableAgent],
    user_agent: ConversableAgent | None = None,
    swarm_manager_args: Mapping[str, object] | None = None,
    max_rounds: int = 20,
    context_variables: ContextVariables | Mapping[str, object] | None = None,
    after_work: SwarmTarget = AfterWorkOption.TERMINATE,
    exclude_transit_message: bool = True,
) -> RunResponse:
    """Make the response of a swarm, which begins when somebody looks at it; see `initiate_swarm_chat`."""
    pattern = _make_pattern(
        initial_agent, agents, user_agent, swarm_manager_args, context_variables, after_work, exclude_transit_message
    )
    return run_group_chat(pattern, messages, max_rounds)


async def a_run_swarm(
    initial_agent: ConversableAgent,
    messages: list[Message] | str,
    agents: list[ConversableAgent],
    user_agent: ConversableAgent | None = None,
    swarm_manager_args: Mapping[str, object] | None = None,
    max_rounds: int = 20,
    context_variables: ContextVariables | Mapping[str, object] | None = None,
    after_work: SwarmTarget = AfterWorkOption.TERMINATE,
    exclude_transit_message: bool = True,
) -> AsyncRunResponse:
    """Async version of `run_swarm`."""
    pattern = _make_pattern(
        initial_agent, agents, user_agent, swarm_manager_args, context_variables, after_work, exclude_transit_message
    )
    return await a_run_group_chat(pattern, messages, max_rounds)


def _make_pattern(
    initial_agent: ConversableAgent,
    agents: list[ConversableAgent],
    user_agent: ConversableAgent | None,
    manager_args: Mapping[str, object] | None,
    variables: ContextVariables | Mapping[str, object] | None,
    after_work: SwarmTarget,
    exclude_transit_message: bool,
) -> DefaultPattern:
    target = _convert_after_work(after_work)
    return DefaultPattern(
        initial_agent, agents, user_agent, manager_args, variables, target, exclude_transit_message=exclude_transit_message
    )


def _convert_after_work(value: object, prompt: str | ContextStr | None = None) -> targets.TransitionTarget:
    """Return the target of an `AfterWork`, or of an object that its constructor takes."""
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
            return None if answer is None else _convert_after_work(answer, prompt)

        return targets.SelectionTarget(select)
    return targets.as_target(value)


def _convert_target(value: targets.TargetLike | NestedChats) -> targets.TargetLike:
    return targets.NestedChatTarget(value) if isinstance(value, (dict, list)) else value


def _convert_condition(value: DataConditionLike) -> DataConditionLike:
    if not isinstance(value, str) or not value.startswith("!"):
        return value
    name = value[1:].strip()

    # By the agent, because a function condition does not get the variables.
    def is_false(agent: ConversableAgent, messages: list[Message]) -> bool:
        return not agent.context_variables.get(name)

    return is_false


def _make_tool_name(agent: ConversableAgent, rule: conditions.OnCondition) -> str:
    """Return `transfer_<from>_to_<to>`, with a number if the agent has such a tool already."""
    stem = f"transfer_{normalize_name(agent.name)}_to_{normalize_name(rule.target.label)}"
    # The name is cut to the length that endpoints accept.
    tools, name, number = agent.handoffs.tools(), stem[:64], 1
    while name in tools:
        number += 1
        suffix = f"_{number}"
        name = stem[: 64 - len(suffix)] + suffix
    return name
