"""Keyword arguments that subclasses of `ConversableAgent` pass on to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from .._contexts.transform import ContextLike
from .._handoffs.context_variables import ContextVariables
from .._handoffs.handoffs import Handoffs
from ..agent import Message

# The executors need pydantic, which a program without code execution should not load.
if TYPE_CHECKING:
    from ...coding.base import CodeExecutionConfig


class AgentOptions(TypedDict, total=False):
    """Keyword arguments of every kind of agent; see `ConversableAgent`."""

    chat_messages: MutableMapping[Any, list[Message]] | None
    silent: bool | None
    human_input_source: Callable[[str], str | Awaitable[str]] | None
    human_input_timeout: float | None
    human_input_default: str
    concurrent_tool_calls: bool
    model_context: ContextLike | None
    functions: Callable[..., object] | Sequence[Callable[..., object]]
    context_variables: ContextVariables | None
    handoffs: Handoffs | None
    update_agent_state_before_reply: Callable[..., object] | Sequence[Callable[..., object]] | None


class AssistantOptions(AgentOptions, total=False):
    """Keyword arguments of `AssistantAgent`; see `ConversableAgent`."""

    function_map: Mapping[str, Callable[..., object] | None] | None
    code_execution_config: CodeExecutionConfig | Mapping[str, object] | Literal[False]
    default_auto_reply: str | Message | None
