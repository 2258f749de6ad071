"""Letting a model answer."""

from __future__ import annotations

import logging
import warnings
from functools import partial
from typing import TYPE_CHECKING, Any

from ..._steps import Steps, invoke, wrap_in_thread
from .._core import turn_context
from .._core.messages import normalized_name, unrolled
from .._core.overrides import ORIGINAL_METHODS, as_async_method, is_overridden
from ..agent import Agent, Message
from .history_repair import repair_history

if TYPE_CHECKING:
    from .._agent.compat import ClassicMethods
    from .._agent.state import AgentState
    from ..conversable_agent import ConversableAgent

logger = logging.getLogger(__name__)

NOT_FOR_MODELS = ("context", "receivers")


def model_reply(
    agent: ConversableAgent, client: Any, messages: list[Message], sender: Agent | None
) -> Steps[tuple[bool, str | Message | None]]:
    """Ask the model for the next message of a conversation."""
    if client is None:
        return False, None
    turn = turn_context.current_turn(agent, sender)
    if turn is None:
        reply = yield from requested(agent, client, agent._oai_system_message + messages, agent.client_cache)
    else:
        history = agent._oai_system_message + turn.visible_messages(messages)
        with turn_context.extra_tools_scope(turn.tools()):
            reply = yield from requested(agent, client, history, agent.client_cache)
    return (False, None) if reply is None else (True, reply)


def model_step(agent: ConversableAgent, messages: list[Message], sender: Agent | None, config: Any) -> Steps[Any] | None:
    """`generate_oai_reply`, as `_reply_chain.STEPS` has it. An override is for the awaitable form to find."""
    if is_overridden(agent, "generate_oai_reply"):
        return invoke(
            ORIGINAL_METHODS["generate_oai_reply"], ORIGINAL_METHODS["a_generate_oai_reply"], agent, messages, sender, config
        )
    return None if config is None and agent.client is None else agent._oai_reply(messages, sender, config)


def requested(agent: ClassicMethods, client: Any, messages: list[Message], cache: Any) -> Steps[Any]:
    """`completion`, by the agent's method for it."""
    twin = as_async_method(agent, "_generate_oai_reply_from_client", partial(completion, agent))
    return (yield from invoke(agent._generate_oai_reply_from_client, twin, client, messages, cache))


def completion(
    agent: AgentState, client: Any, messages: list[Message], cache: Any, **more: Any
) -> Steps[str | Message | None]:
    """One request to the model, and its answer as a wire message; None if it has nothing to say."""
    from_last = messages[-1].get("context") if messages else None
    asked = {"context": from_last, "messages": _for_model(agent, messages), "cache": cache, "agent": agent, **more}
    if lent := turn_context.extra_tools():
        asked["more_tools"] = lent
    response = yield from invoke(client.create, getattr(client, "a_create", None) or wrap_in_thread(client.create), **asked)
    reply = client.extract_text_or_completion_object(response)[0]
    if reply is None:
        ended = [getattr(choice, "finish_reason", None) for choice in getattr(response, "choices", None) or ()]
        text = f"The model gave agent {agent.name!r} an empty answer, and ended it for the reason {ended}."
        warnings.warn(text, UserWarning, stacklevel=2)
        return None
    return reply if isinstance(reply, str) else _as_message(reply)


def _for_model(agent: AgentState, messages: list[Message]) -> list[Message]:
    """The history as it goes to an endpoint, without what matters here alone: who hears it, what fills in its templates."""
    ordered, notes = repair_history(unrolled(messages))
    if notes:
        logger.warning("The history of agent %r was mended for its model: %s.", agent.name, "; ".join(notes))
    return [
        {key: value for key, value in message.items() if key not in NOT_FOR_MODELS}
        if "context" in message or "receivers" in message
        else message
        for message in ordered
    ]


def _as_message(reply: Any) -> Message:
    """A model's message object as a dict, its calls in the form that every endpoint takes back."""
    message: Message = dict(reply) if isinstance(reply, dict) else reply.model_dump()
    if call := message.get("function_call"):
        message["function_call"] = {**call, "name": normalized_name(call["name"])}
    if calls := message.get("tool_calls"):
        message["tool_calls"] = [_as_tool_call(call) for call in calls]
    return message


def _as_tool_call(call: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in call.items() if value is not None or key not in ("id", "type")}
    function = call.get("function") or {}
    return {**kept, "function": {**function, "name": normalized_name(function.get("name") or "")}}
