"""Holding a group chat by a pattern."""

from __future__ import annotations

from typing import Any

from ..._steps import Steps, invoke, run_async, run_sync
from .._core.result import ChatResult
from .._handoffs.context_variables import ContextVariables
from ..agent import Agent, Message
from ..conversable_agent import ConversableAgent
from ..groupchat import GroupChat, GroupChatManager
from .patterns import Pattern
from .selector import HandoffSelector

__all__ = ["a_initiate_group_chat", "initiate_group_chat"]

GroupResult = tuple[ChatResult, ContextVariables, Agent]


def initiate_group_chat(
    pattern: Pattern, messages: list[Message] | Message | str, max_rounds: int = 20, **kwargs: Any
) -> GroupResult:
    """Hold a group chat by a pattern.

    Args:
        pattern: Who takes part, and who is next where no hand-off says so.
        messages: The first message; or those of an earlier chat, which goes on with the last of them. One without a name
            is the user's: that of the `user_agent`, or else of somebody from outside of the group.
        max_rounds: How many messages there may be.
        **kwargs: As for `initiate_chat`: `silent`, `cache`, `max_cost`...

    Returns:
        The result, the context variables, and the agent that spoke last.

    Raises:
        ValueError: There is no message, one is by somebody who is not in the group, or a hand-off leads to such.

    >>> result, known, last = initiate_group_chat(pattern, "My parcel never came.")  # doctest: +SKIP
    """
    return run_sync(_held(pattern, messages, max_rounds, kwargs))


async def a_initiate_group_chat(
    pattern: Pattern, messages: list[Message] | Message | str, max_rounds: int = 20, **kwargs: Any
) -> GroupResult:
    """`initiate_group_chat`, awaited."""
    return await run_async(_held(pattern, messages, max_rounds, kwargs))


def _held(pattern: Pattern, messages: Any, max_rounds: int, options: dict[str, Any]) -> Steps[GroupResult]:
    group, manager = pattern.build(max_rounds)
    selector = group.speaker_selection_method
    assert isinstance(selector, HandoffSelector)
    given = _checked(messages, group)
    if len(given) == 1:
        starter, message = _author(given[0], pattern, group), given[0]
    else:
        starter, message = _resumed(given, pattern, group, manager)
    options = {"summary_method": pattern.summary_method, "clear_history": len(given) == 1, **options}
    result = yield from invoke(starter.initiate_chat, starter.a_initiate_chat, manager, message=message, **options)
    return result, selector.context_variables, manager.last_speaker or starter


def _checked(messages: Any, group: GroupChat) -> list[Message]:
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    given = [dict(message) for message in ([messages] if isinstance(messages, dict) else messages)]
    if not given:
        raise ValueError("A group chat needs a first message.")
    for message in given:
        name = message.get("name")
        if name and message.get("role") != "function" and name not in group.agent_names:  # there it is the function's name
            raise ValueError(
                f"A message is by {name!r}, who is not in the group; these are: {', '.join(group.agent_names)}."
            )
    return given


def _author(message: Message, pattern: Pattern, group: GroupChat) -> ConversableAgent:
    """Who says the first message: the member of that name, the user agent, or somebody from outside."""
    found: Any = group.agent_by_name(message["name"]) if message.get("name") else pattern.user_agent
    return found if found is not None else _outsider(group)


def _outsider(group: GroupChat) -> ConversableAgent:
    name = "user"
    while name in group.agent_names:
        name = f"_{name}"
    return ConversableAgent(name, human_input_mode="NEVER", llm_config=False)


def _resumed(
    given: list[Message], pattern: Pattern, group: GroupChat, manager: GroupChatManager
) -> tuple[ConversableAgent, Message]:
    """Bring the group into the state of an earlier chat; returns who goes on with which message."""
    for message in given:
        message.setdefault("role", "user")
        if pattern.user_agent is not None and message["role"] == "user":
            message.setdefault("name", pattern.user_agent.name)
    author, last = manager.resume(given, silent=True)
    if isinstance(author, ConversableAgent) and author is not manager:
        return author, last
    return _outsider(group), {key: value for key, value in last.items() if key != "name"}
