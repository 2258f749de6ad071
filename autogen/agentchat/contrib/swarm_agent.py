"""The names of swarms, for programs that use them. New programs use `autogen.agentchat.group`, which does the work here.

A swarm is a group chat with hand-offs: `SwarmResult` is a `ReplyResult`, an `AfterWorkOption` is a target, and
`register_hand_off` fills `agent.handoffs`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import Any

from .._agent.tool_registration import as_list
from .._core.messages import normalize_name
from .._handoffs import conditions, targets
from .._handoffs.context_variables import UpdateSystemMessage
from ..agent import Agent, Message
from ..conversable_agent import ConversableAgent
from ..group.chat import GroupResult, a_initiate_group_chat, initiate_group_chat
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
    "initiate_swarm_chat",
    "register_hand_off",
]


class AfterWorkOption(Enum):
    """What happens when an agent has answered with text."""

    TERMINATE = "TERMINATE"
    REVERT_TO_USER = "REVERT_TO_USER"
    STAY = "STAY"
    SWARM_MANAGER = "SWARM_MANAGER"


_OPTIONS: dict[AfterWorkOption, Callable[[], targets.TransitionTarget]] = {
    AfterWorkOption.TERMINATE: targets.TerminateTarget,
    AfterWorkOption.REVERT_TO_USER: targets.RevertToUserTarget,
    AfterWorkOption.STAY: targets.StayTarget,
    AfterWorkOption.SWARM_MANAGER: targets.GroupManagerTarget,
}


class AfterWork:
    """What happens when an agent has answered with text.

    Args:
        agent: An `AfterWorkOption` or its name, an agent or its name, or a function
            `(last_speaker, messages, groupchat)` that gives one of these.
        next_agent_selection_msg: With SWARM_MANAGER: what the manager's model is told before the conversation.
    """

    def __init__(self, agent: Any, next_agent_selection_msg: Any = None) -> None:
        self.agent = agent
        self.next_agent_selection_msg = next_agent_selection_msg
        self.target = _after_work_target(agent, next_agent_selection_msg)


class OnCondition(conditions.OnCondition):
    """A hand-off that the agent's model decides.

    Args:
        target: An agent, or the config of nested chats.
        condition: When, for the model.
        available: Whether it is offered: the name of a context variable (with `!` in front: that it is false), a
            `ContextExpression`, or a function `(agent, messages)`.
    """

    def __init__(self, target: Any, condition: Any = "", available: Any = None) -> None:
        super().__init__(_target(target), condition, _available(available))


class OnContextCondition(conditions.OnContextCondition):
    """A hand-off that data decides. The arguments are those of `OnCondition`."""

    def __init__(self, target: Any, condition: Any = None, available: Any = None) -> None:
        super().__init__(_target(target), _available(condition), _available(available))


class SwarmResult(ReplyResult):
    """What a tool returns that also says who speaks next, or what is known now.

    Args:
        values: The result for the model.
        agent: An agent, its name or an `AfterWorkOption`; None for the agent that called.
        context_variables: Context variables to set.
    """

    def __init__(self, values: Any = "", agent: Any = None, context_variables: Mapping[str, Any] | None = None) -> None:
        super().__init__(values, None if agent is None else _after_work_target(agent), context_variables)
        self.values = values
        self.agent = agent


class SwarmAgent(ConversableAgent):
    """An agent like any other; there is no need for this class.

    Args:
        name: As for `ConversableAgent`, like `system_message`, `llm_config` and `human_input_mode`.
        functions: Functions that its model may call, described by the first lines of their docstrings.
        update_agent_state_before_reply: What brings it up to date before each reply: functions `(agent, messages)`, or
            an `UpdateSystemMessage`; one or a list.
        **kwargs: As for `ConversableAgent`.
    """

    def __init__(
        self,
        name: str,
        system_message: str | list[Any] | None = "You are a helpful AI Assistant.",
        llm_config: Any = None,
        functions: Callable[..., Any] | Iterable[Callable[..., Any]] | None = None,
        update_agent_state_before_reply: Any = None,
        human_input_mode: Any = "NEVER",
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


def register_hand_off(agent: ConversableAgent, hand_to: Any) -> None:
    """Let an agent hand over.

    Args:
        agent: The agent.
        hand_to: An `OnCondition`, `OnContextCondition` or `AfterWork`, or a list of these.

    Raises:
        ValueError: One is something else; nothing is registered then.
    """
    given = as_list(hand_to)
    kinds = (AfterWork, conditions.OnCondition, conditions.OnContextCondition)
    for rule in given:
        if not isinstance(rule, kinds):
            raise ValueError(f"A hand-off is an OnCondition, an OnContextCondition or an AfterWork, not {rule!r}.")
    for rule in given:
        if isinstance(rule, AfterWork):
            agent.handoffs.set_after_work(rule.target)
            continue
        if isinstance(rule, conditions.OnCondition):
            rule.llm_function_name = rule.llm_function_name or _tool_name(agent, rule)
        agent.handoffs.add(rule)


def initiate_swarm_chat(
    initial_agent: ConversableAgent,
    messages: list[Message] | str,
    agents: list[ConversableAgent],
    user_agent: ConversableAgent | None = None,
    swarm_manager_args: dict[str, Any] | None = None,
    max_rounds: int = 20,
    context_variables: Any = None,
    after_work: Any = AfterWorkOption.TERMINATE,
    exclude_transit_message: bool = True,
) -> GroupResult:
    """Hold a group chat with hand-offs; see `autogen.agentchat.group.initiate_group_chat`.

    Args:
        initial_agent: Who answers first.
        messages: The first message, or those of an earlier chat.
        agents: The members.
        user_agent: Who speaks for the human.
        swarm_manager_args: For the `GroupChatManager`.
        max_rounds: How many messages there may be.
        context_variables: What the agents know in common.
        after_work: What happens where no hand-off says who is next; see `AfterWork`.
        exclude_transit_message: Whether models don't see how others handed over.

    Returns:
        The result, the context variables, and the agent that spoke last.
    """
    pattern = _pattern(
        *(initial_agent, agents, user_agent, swarm_manager_args, context_variables, after_work, exclude_transit_message)
    )
    return initiate_group_chat(pattern, messages, max_rounds)


async def a_initiate_swarm_chat(
    initial_agent: ConversableAgent,
    messages: list[Message] | str,
    agents: list[ConversableAgent],
    user_agent: ConversableAgent | None = None,
    swarm_manager_args: dict[str, Any] | None = None,
    max_rounds: int = 20,
    context_variables: Any = None,
    after_work: Any = AfterWorkOption.TERMINATE,
    exclude_transit_message: bool = True,
) -> GroupResult:
    """`initiate_swarm_chat`, awaited."""
    pattern = _pattern(
        *(initial_agent, agents, user_agent, swarm_manager_args, context_variables, after_work, exclude_transit_message)
    )
    return await a_initiate_group_chat(pattern, messages, max_rounds)


def _pattern(
    initial_agent: ConversableAgent,
    agents: list[ConversableAgent],
    user_agent: ConversableAgent | None,
    manager_args: dict[str, Any] | None,
    variables: Any,
    after_work: Any,
    exclude_transit_message: bool,
) -> DefaultPattern:
    work = (after_work if isinstance(after_work, AfterWork) else AfterWork(after_work)).target
    return DefaultPattern(
        initial_agent, agents, user_agent, manager_args, variables, work, exclude_transit_message=exclude_transit_message
    )


def _after_work_target(value: Any, prompt: Any = None) -> targets.TransitionTarget:
    if isinstance(value, AfterWork):
        return value.target
    if isinstance(value, str):
        if value not in AfterWorkOption.__members__:
            return targets.AgentNameTarget(value)
        value = AfterWorkOption[value]
    if isinstance(value, AfterWorkOption):
        return targets.GroupManagerTarget(prompt) if value is AfterWorkOption.SWARM_MANAGER else _OPTIONS[value]()
    if callable(value) and not isinstance(value, (Agent, targets.TransitionTarget)):
        function = value

        def chosen(last_speaker: Any, groupchat: Any) -> Any:
            answer = function(last_speaker, groupchat.messages, groupchat)
            return None if answer is None else _after_work_target(answer, prompt)

        return targets.SelectionTarget(chosen)
    return targets.as_target(value)


def _target(value: Any) -> Any:
    return targets.NestedChatTarget(value) if isinstance(value, (dict, list)) else value


def _available(value: Any) -> Any:
    if isinstance(value, str) and value.startswith("!"):
        name = value[1:].strip()
        return lambda agent, messages: not agent.context_variables.get(name)
    return value


def _tool_name(agent: ConversableAgent, rule: conditions.OnCondition) -> str:
    """`transfer_<from>_to_<to>`, with a number where there is such a tool already."""
    stem = f"transfer_{normalize_name(agent.name)}_to_{normalize_name(rule.target.label)}"
    known, name, number = agent.handoffs.tools(), stem[:64], 1
    while name in known:
        number += 1
        end = f"_{number}"
        name = stem[: 64 - len(end)] + end
    return name
