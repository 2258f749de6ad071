"""The names of 0.2's swarms, for programs that use them. New programs use `autogen.agentchat.group`, which implements them.

A swarm is a group chat with hand-offs: `SwarmResult` is a `ReplyResult`, an `AfterWorkOption` is a target, and
`register_hand_off` fills `agent.handoffs`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from ...types import LLMConfigDict
from .._agent.tool_registration import as_list
from .._handoffs.context_expression import ContextExpression
from .._handoffs.context_variables import ContextStr, ContextVariables, UpdateSystemMessage
from .._handoffs.swarm_rules import (
    AfterWork,
    AfterWorkOption,
    HandOff,
    OnCondition,
    OnContextCondition,
    SwarmTarget,
    convert_after_work,
    register_hand_off,
)
from .._runs import AsyncRunResponse, RunResponse
from ..agent import Message
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
    "ContextExpression",
    "ContextStr",
    "ContextVariables",
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


class SwarmResult(ReplyResult):
    """A tool result that also selects the next speaker, or sets context variables.

    Args:
        values: Result for the model.
        agent: Agent, its name or an `AfterWorkOption`; None for the agent that called.
        context_variables: Context variables to set.
    """

    values: object
    agent: SwarmTarget | None

    def __init__(
        self,
        values: object = "",
        agent: SwarmTarget | None = None,
        context_variables: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(values, None if agent is None else convert_after_work(agent), context_variables)
        self.values = values
        self.agent = agent

    def serialize_agent(self, agent: SwarmTarget | None) -> str:
        """Return the name of an agent, or the text of an option; an empty text for None."""
        if agent is None or isinstance(agent, str):
            return agent or ""
        return str(agent.value if isinstance(agent, AfterWorkOption) else getattr(agent, "name", agent))


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

    def register_hand_off(self, hand_to: HandOff | Iterable[HandOff]) -> None:
        """Register hand-offs; see the function `register_hand_off`."""
        register_hand_off(self, hand_to)


AFTER_WORK = AfterWork
ON_CONDITION = OnCondition
ON_CONTEXT_CONDITION = OnContextCondition
UPDATE_SYSTEM_MESSAGE = UpdateSystemMessage


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
    target = convert_after_work(after_work)
    return DefaultPattern(
        initial_agent, agents, user_agent, manager_args, variables, target, exclude_transit_message=exclude_transit_message
    )
