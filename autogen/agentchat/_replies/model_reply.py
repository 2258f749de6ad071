"""The reply of a model."""

from __future__ import annotations

import logging
import warnings
from functools import partial
from typing import Any

from ..._steps import Steps, invoke, wrap_in_thread
from ...oai._responses.text import repair_text
from ...oai._responses.thinking import split_thinking
from ...oai._responses.tokens import hold_tokens
from ...oai.client import OpenAIWrapper
from .._core import turn_context
from .._core.answer_values import get_output_model, record_value
from .._core.internals import (
    ORIGINAL_METHODS,
    get_conversation,
    get_system_messages,
    internals,
    invoke_overridable,
    is_overridden,
)
from .._core.messages import ANSWER_KEYS, AnswerText, normalize_name, unroll_tool_responses
from .._core.protocols import AgentCore
from .._guardrails.beside import BesideTripped, get_pending_checks
from .._guardrails.hook_points import has_hooks
from .._guardrails.run import filter_value
from ..agent import Agent, Message
from .history_repair import repair_history
from .length_guard import shorten_refused

logger = logging.getLogger("autogen.agentchat.conversable_agent")

# Keys of messages that only this package reads: template values, the members that see a message, fields of messages that
# were converted from another form, and the sources of texts.
INTERNAL_KEYS = ("context", "receivers", "metadata", "labels")


def generate_model_reply(
    agent: AgentCore,
    messages: list[Message] | None,
    sender: Agent | None,
    config: Any,
    tools: turn_context.Schemas = (),
) -> Steps[tuple[bool, str | Message | None]]:
    """Request the next message of a conversation from the model.

    Args:
        agent: Agent that replies.
        messages: Conversation; the history with `sender` if None.
        sender: Agent that is answered.
        config: Model client; None for that of the agent.
        tools: Tools that the model has in this request, besides those of the agent.
    """
    client = agent._get_model_client() if config is None else config
    if client is None:
        return False, None
    messages = get_conversation(agent, messages, sender)
    internals(agent).reply_peer = sender
    is_group_turn = turn_context.get_active_turn() is not None
    turn = turn_context.get_current_turn(agent, sender) if is_group_turn else None
    beside = get_pending_checks(agent)
    try:
        reply = yield from _request_reply(agent, client, messages, turn, tools)
    except BesideTripped:
        if beside is None:
            raise
        # The message is blocked, which leaves this reply, or it is replaced.
        messages = list(messages)
        yield from beside.apply(messages)
        reply = yield from _request_reply(agent, client, messages, turn, tools)
    return (False, None) if reply is None else (True, reply)


def _request_reply(
    agent: AgentCore, client: Any, messages: list[Message], turn: Any, tools: turn_context.Schemas
) -> Steps[Any]:
    """Return the request for a completion, with the tools and the messages of the turn if there are any."""
    if turn is None and not tools:
        return _request_filtered(agent, client, get_system_messages(agent) + messages)
    return _request_with_tools(agent, client, messages, turn, tools)


def _request_with_tools(
    agent: AgentCore, client: Any, messages: list[Message], turn: Any, tools: turn_context.Schemas
) -> Steps[Any]:
    if turn is not None:
        messages, tools = turn.visible_messages(messages), [*tools, *turn.get_tools()]
    with turn_context.extra_tools_scope(tools):
        return (yield from _request_filtered(agent, client, get_system_messages(agent) + messages))


def make_model_step(agent: AgentCore, messages: list[Message], sender: Agent | None, config: object) -> Steps[Any] | None:
    """Return `generate_model_reply` as a built-in step; None to decline."""
    if is_overridden(agent, "generate_oai_reply"):
        # The original async method looks for an override of the sync one.
        sync_method, async_method = ORIGINAL_METHODS["generate_oai_reply"], ORIGINAL_METHODS["a_generate_oai_reply"]
        return invoke(sync_method, async_method, agent, messages, sender, config)
    if config is None and agent.client is None and not (agent._awaits_model and agent._get_model_client()):
        return None
    return generate_model_reply(agent, messages, sender, config)


def _request_filtered(agent: AgentCore, client: Any, messages: list[Message]) -> Steps[Any]:
    """Return the request for a completion, between the hooks of safeguards for the model if there are any."""
    if not has_hooks(agent, "safeguard_llm_inputs") and not has_hooks(agent, "safeguard_llm_outputs"):
        return request_completion(agent, client, messages, agent.client_cache)
    return _request_between_filters(agent, client, messages)


def _request_between_filters(agent: AgentCore, client: Any, messages: list[Message]) -> Steps[Any]:
    messages = yield from filter_value(agent, "safeguard_llm_inputs", messages)
    if not has_hooks(agent, "safeguard_llm_outputs"):
        return (yield from request_completion(agent, client, messages, agent.client_cache))
    with hold_tokens() as held:
        reply = yield from request_completion(agent, client, messages, agent.client_cache)
    if reply is None:
        return None
    checked = yield from filter_value(agent, "safeguard_llm_outputs", reply)
    if checked == reply:
        held.release()
    return checked


def request_completion(agent: AgentCore, client: Any, messages: list[Message], cache: object) -> Steps[Any]:
    """Request a completion through the agent's method for it, which programs override."""
    method, steps = "_generate_oai_reply_from_client", partial(run_request, agent)
    return invoke_overridable(agent, method, steps, client, messages, cache)


def run_request(
    agent: AgentCore, client: Any, messages: list[Message], cache: object, **options: object
) -> Steps[str | Message | None]:
    """Send one request to the model, and return its response as text or as a message; None if it is empty."""
    request: dict[str, Any] = {
        "context": messages[-1].get("context") if messages else None,
        "messages": _prepare_messages(agent, messages),
        "cache": cache,
        "agent": agent,
        **options,
    }
    if extra_tools := turn_context.get_extra_tools():
        request["more_tools"] = extra_tools
    if (output_model := get_output_model(agent)) is not None:
        # Of a config entry's `response_format` and that of a call, the entry's wins.
        request["output_type" if isinstance(client, OpenAIWrapper) else "response_format"] = output_model
    async_create = getattr(client, "a_create", None) or wrap_in_thread(client.create)
    beside = get_pending_checks(agent)
    shorter = None
    try:
        if beside is None:
            response = yield from invoke(client.create, async_create, **request)
        else:
            response = yield from beside.request(client.create, async_create, request)
    except Exception as error:
        shorter = shorten_refused(agent, request["messages"], error, extra_tools or ())
        if shorter is None:
            raise
    if shorter is not None:
        response = yield from invoke(client.create, async_create, **{**request, "messages": shorter})
    reply = client.extract_text_or_completion_object(response)[0]
    if reply is None and _has_files(response):
        # A picture without a word is an answer, too.
        reply = ""
    if isinstance(reply, str):
        cleaned = _clean_text(reply, response, agent.name)
        record_value(response, cleaned)
        return cleaned
    if reply is None:
        reasons = [getattr(choice, "finish_reason", None) for choice in getattr(response, "choices", None) or ()]
        text = f"The model of agent {agent.name!r} returned an empty response (finish_reason: {reasons})."
        warnings.warn(text, UserWarning, stacklevel=2)
        return None
    return _convert_reply(reply, agent.name)


def _has_files(response: Any) -> bool:
    choices = getattr(response, "choices", None)
    return bool(choices and getattr(getattr(choices[0], "message", None), "files", None))


def _clean_text(text: str, response: Any, speaker: str) -> str:
    """Return the text of an answer, with the fields that its message has besides.

    The responses of endpoints are clean already, those of custom clients may be anything.
    """
    choices = getattr(response, "choices", None)
    message = getattr(choices[0], "message", None) if choices else None
    extra = getattr(message, "model_extra", None)
    if isinstance(extra, dict):
        # The SDK's objects raise an error for each attribute that they lack, which takes longer than the rest of this.
        attributes = {**vars(message), **extra}
        fields = {key: value for key in ANSWER_KEYS if (value := attributes.get(key))}
    else:
        fields = {key: value for key in ANSWER_KEYS if (value := getattr(message, key, None))}
    if not text.isascii():
        text = repair_text(text)
    # Most answers have no tag.
    if "<" in text:
        text, thinking = split_thinking(text)
        if thinking:
            fields["reasoning"] = thinking
    if "native" in fields:
        fields["native"] = _add_speaker(fields["native"], speaker)
    return AnswerText(text, fields) if fields else text


def _add_speaker(native: object, speaker: str) -> object:
    """Add the name of the agent to the fields that the vendor needs back: calls of others are in its history, too."""
    return {**native, "agent": speaker} if isinstance(native, dict) else native


def _drop_foreign_native(message: Message, speaker: str) -> Message:
    native = message.get("native")
    if native is None or (isinstance(native, dict) and native.get("agent") == speaker):
        return message
    return {key: value for key, value in message.items() if key != "native"}


def _prepare_messages(agent: AgentCore, messages: list[Message]) -> list[Message]:
    """Return the history as it goes to an endpoint: repaired, and without internal keys."""
    if _has_only_text(messages):
        return messages
    repaired, notes = repair_history(unroll_tool_responses(messages))
    if notes:
        logger.warning("The history of agent %r was repaired for its model: %s.", agent.name, "; ".join(notes))
    prepared = []
    for message in repaired:
        if "context" in message or "receivers" in message or "metadata" in message or "labels" in message:
            message = {key: value for key, value in message.items() if key not in INTERNAL_KEYS}
        prepared.append(_drop_foreign_native(message, agent.name) if "native" in message else message)
    return prepared


def _has_only_text(messages: list[Message]) -> bool:
    """Return True if all messages have a text, a role and a name alone, so that there is nothing to repair or to remove."""
    # One plain loop, because a long history spends most of its time here.
    try:
        for message in messages:
            if message["content"] is None or message["role"] == "tool":
                return False
            if len(message) > 2 and (len(message) > 3 or "name" not in message):
                return False
    except KeyError:
        return False
    return True


def _convert_reply(reply: Any, speaker: str) -> Message:
    """Convert the message object of a response to a dict, with calls in the form that every endpoint accepts."""
    message: Message = dict(reply) if isinstance(reply, dict) else reply.model_dump()
    if isinstance(content := message.get("content"), str) and "<" in content:
        message["content"], thinking = split_thinking(content)
        if thinking:
            message["reasoning"] = thinking
    if "native" in message:
        message["native"] = _add_speaker(message["native"], speaker)
    if call := message.get("function_call"):
        message["function_call"] = {**call, "name": normalize_name(call["name"])}
    if calls := message.get("tool_calls"):
        message["tool_calls"] = [_convert_call(call) for call in calls]
    return message


def _convert_call(call: Message) -> Message:
    present = {key: value for key, value in call.items() if value is not None or key not in ("id", "type")}
    function = call.get("function") or {}
    return {**present, "function": {**function, "name": normalize_name(function.get("name") or "")}}
