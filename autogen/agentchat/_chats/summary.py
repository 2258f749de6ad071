"""What is left of a chat when it is over."""

from __future__ import annotations

import warnings
from functools import partial
from typing import TYPE_CHECKING, Any

from ..._steps import Steps, invoke, sync_and_async
from .._core.overrides import as_async_method
from .._replies.model_reply import requested
from ..agent import Agent, Message

if TYPE_CHECKING:
    from .._agent.compat import ClassicMethods
    from ..conversable_agent import ConversableAgent

METHODS = ("last_msg", "reflection_with_llm")


def summarize(
    sender: ConversableAgent, method: Any, args: dict[str, Any] | None, recipient: ConversableAgent, cache: Any
) -> Steps[Any]:
    """The summary of a finished chat, by the method asked for.

    Raises:
        ValueError: There is no such method.
    """
    if method is None:
        return ""
    args = {"cache": cache, **(args or {})}
    if method == "reflection_with_llm":
        twin = as_async_method(sender, "_reflection_with_llm_as_summary", reflection)
        return (yield from invoke(sender._reflection_with_llm_as_summary, twin, sender, recipient, args))
    if method == "last_msg":
        return sender._last_msg_as_summary(sender, recipient, args)
    if callable(method):
        return (yield from invoke(*sync_and_async(method, blocks=True), sender, recipient, args))
    raise ValueError(f"summary_method is {method!r}; it must be None, a callable or one of {METHODS}.")


def last_message(sender: ConversableAgent, recipient: ConversableAgent) -> str:
    """The text of the last message, without the word that ended the chat."""
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


def reflection(sender: ConversableAgent, recipient: ConversableAgent, args: dict[str, Any]) -> Steps[Any]:
    """Let a model sum up the conversation.

    Raises:
        ValueError: The prompt or role is not text, or neither agent has a model.
    """
    prompt = args.get("summary_prompt") or sender.DEFAULT_SUMMARY_PROMPT
    role = args.get("summary_role")
    if not isinstance(prompt, str):
        raise ValueError(f"summary_prompt must be a string, not a {type(prompt).__name__}.")
    if role is not None and not isinstance(role, str):
        raise ValueError(f"summary_role must be a string, not a {type(role).__name__}.")
    history = recipient.chat_messages_for_summary(sender)
    agent = sender if recipient is None or recipient.client is None else recipient
    twin = as_async_method(sender, "_reflection_with_llm", partial(reflect, sender))
    refused: Exception | None = None
    for one in [role] if role else [None, "user"]:  # not every endpoint takes, or heeds, a system message at the end
        try:
            summary = yield from invoke(sender._reflection_with_llm, twin, prompt, history, agent, args.get("cache"), one)
        except Exception as error:
            if type(error).__name__ != "BadRequestError":  # by name: a chat without a model must not load the SDK
                raise
            refused = error
        else:
            if not isinstance(summary, str) or summary.strip():
                return summary
    why = str(refused) if refused else "The model's summary is empty."
    sender._summary_errors[recipient] = why
    warnings.warn(f"The model could not sum up the chat: {why}", UserWarning, stacklevel=2)
    return ""


def reflect(
    owner: ClassicMethods, prompt: str, messages: list[Message], agent: Agent | None, cache: Any, role: str | None
) -> Steps[Any]:
    """Ask a model about a conversation: the messages, then the prompt."""
    client = getattr(agent, "client", None) or owner.client
    if client is None:
        raise ValueError(f"A reflection needs a model, and agent {owner.name!r} has none: give it an llm_config.")
    asked = [*messages, {"role": role or "system", "content": prompt}]
    return (yield from requested(owner, client, asked, cache))
