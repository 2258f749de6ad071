"""Summaries of finished chats."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from functools import partial
from typing import Any

from ..._steps import Steps, invoke, sync_and_async
from .._core.internals import internals, invoke_overridable, is_conversable
from .._core.protocols import AgentCore
from .._replies.model_reply import request_completion
from ..agent import Agent, Message

METHODS = ("last_msg", "reflection_with_llm")


def summarize(
    sender: AgentCore, method: object, args: Mapping[str, object] | None, recipient: AgentCore, cache: object
) -> Steps[Any]:
    """Return the summary of a finished chat by a summary method.

    Raises:
        ValueError: There is no such method.
    """
    if method is None:
        return ""
    arguments = {"cache": cache, **(args or {})}
    if method == "reflection_with_llm":
        name = "_reflection_with_llm_as_summary"
        return (yield from invoke_overridable(sender, name, reflect_on_chat, sender, recipient, arguments))
    if method == "last_msg":
        return sender._last_msg_as_summary(sender, recipient, arguments)
    if callable(method):
        return (yield from invoke(*sync_and_async(method, blocks=True), sender, recipient, arguments))
    raise ValueError(f"summary_method must be None, a callable or one of {METHODS}, got {method!r}.")


def get_last_text(sender: AgentCore, recipient: AgentCore) -> str:
    """Return the text of the last message, without the termination word."""
    message = recipient.last_message(sender)
    if message is None:
        warnings.warn("Cannot summarise a chat without messages: the summary is empty.", UserWarning, stacklevel=2)
        return ""
    content = message.get("content")
    if isinstance(content, str):
        return content.replace("TERMINATE", "")
    if isinstance(content, list):
        return "\n".join(part["text"].replace("TERMINATE", "") for part in content if part.get("type") == "text")
    return ""


def reflect_on_chat(sender: AgentCore, recipient: AgentCore, args: dict[str, Any]) -> Steps[Any]:
    """Let a model summarise the conversation.

    Raises:
        ValueError: The prompt or role is not text, or neither agent has a model.
    """
    prompt = args.get("summary_prompt") or sender.DEFAULT_SUMMARY_PROMPT
    role = args.get("summary_role")
    if not isinstance(prompt, str):
        raise ValueError(f"summary_prompt must be a string, got a {type(prompt).__name__}.")
    if role is not None and not isinstance(role, str):
        raise ValueError(f"summary_role must be a string, got a {type(role).__name__}.")
    history = recipient.chat_messages_for_summary(sender)
    agent = sender if recipient is None or (recipient.client is None and sender.client is not None) else recipient
    refusal: Exception | None = None
    # Not every endpoint accepts, or heeds, a system message at the end.
    for prompt_role in [role] if role else [None, "user"]:
        try:
            reflect = partial(request_reflection, sender)
            cache = args.get("cache")
            summary = yield from invoke_overridable(
                sender, "_reflection_with_llm", reflect, prompt, history, agent, cache, prompt_role
            )
        except Exception as error:
            # By name, because a chat without a model must not load the SDK.
            if type(error).__name__ != "BadRequestError":
                raise
            refusal = error
        else:
            if not isinstance(summary, str) or summary.strip():
                return summary
    reason = str(refusal) if refusal else "The model's summary is empty."
    internals(sender).summary_errors[recipient] = reason
    warnings.warn(f"The model could not summarise the chat: {reason}", UserWarning, stacklevel=2)
    return ""


def request_reflection(
    owner: AgentCore, prompt: str, messages: list[Message], agent: Agent | None, cache: object, role: str | None
) -> Steps[Any]:
    """Send a conversation to a model, followed by a prompt.

    Args:
        owner: Agent whose model is used if `agent` has none.
        prompt: The prompt.
        messages: The conversation.
        agent: Agent whose model is used.
        cache: Cache of responses.
        role: Role of the prompt; None for `system`.
    """
    client = (agent._get_model_client() if is_conversable(agent) else getattr(agent, "client", None)) or owner.client
    if client is None:
        raise ValueError(f"A reflection needs a model, but agent {owner.name!r} has none: give it an llm_config.")
    conversation = [*messages, {"role": role or "system", "content": prompt}]
    return (yield from request_completion(owner, client, conversation, cache))
