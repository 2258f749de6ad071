"""Who answers, in which order.

An agent's reply functions stand in a plain list of dicts, because programs insert, delete and swap entries. Each is
called in turn until one gives a final answer. Built-in functions come in pairs, a plain one and its awaitable twin: of a
pair only one is asked, the one of the caller's colour.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Container
from types import FunctionType
from typing import TYPE_CHECKING, Any

from .._drive import Call, Steps, is_coroutine_function
from ..exception_utils import SenderRequired
from .agent import Agent, Message

if TYPE_CHECKING:
    from .conversable_agent import ConversableAgent

ReplyFunction = Callable[..., Any]
TWINS: dict[Any, Any] = {}
"""For each built-in plain reply function its awaitable twin. Filled by the class that defines them."""


def entry(
    trigger: Any,
    reply_func: ReplyFunction,
    config: Any = None,
    reset_config: Callable[[Any], Any] | None = None,
    ignore_async_in_sync_chat: bool = False,
) -> dict[str, Any]:
    """One row of `_reply_func_list`.

    Raises:
        ValueError: The trigger is of no known kind.
    """
    if trigger is not None and not isinstance(trigger, (type, str, Agent, list)) and not callable(trigger):
        raise ValueError(f"A trigger must be a class, a name, an agent, a callable, None or a list of these: {trigger!r}")
    return {
        "trigger": trigger,
        "reply_func": reply_func,
        "config": copy.copy(config),
        "init_config": config,
        "reset_config": reset_config,
        "ignore_async_in_sync_chat": ignore_async_in_sync_chat and is_coroutine_function(reply_func),
    }


def matches(trigger: Any, sender: Agent | None) -> bool:
    """Whether a reply function with this trigger answers this sender.

    Raises:
        SenderRequired: The trigger is a name and there is no sender.
        AssertionError: A callable trigger returned something else than a bool.
        ValueError: The trigger is of no known kind.
    """
    if isinstance(trigger, list):
        return any(matches(one, sender) for one in trigger)
    if trigger is None:
        return sender is None
    if isinstance(trigger, type):  # the nominal test first: a structural one costs several microseconds
        return trigger in type(sender).__mro__ or isinstance(sender, trigger)
    if isinstance(trigger, str):
        if sender is None:
            raise SenderRequired()
        return trigger == sender.name
    if isinstance(trigger, Agent):
        return trigger == sender
    if callable(trigger):
        answer = trigger(sender)
        if not isinstance(answer, bool):
            raise AssertionError(f"Trigger {trigger!r} must return a bool, not {answer!r}.")
        return answer
    raise ValueError(f"Unsupported trigger: {trigger!r}")


def first_final(
    agent: ConversableAgent, messages: list[Message], sender: Agent | None, exclude: Container[ReplyFunction]
) -> Steps[Any]:
    """Ask each reply function in turn; the first final answer counts, the agent's default otherwise."""
    rows = list(agent._reply_func_list)
    functions = [row["reply_func"] for row in rows]
    for row in rows:
        function = row["reply_func"]
        if function in exclude or not matches(row["trigger"], sender):
            continue
        asked = {"messages": messages, "sender": sender, "config": row["config"]}
        answer = yield Call(*_colours(function, functions, exclude), (agent,), asked)
        final, reply = answer
        if final:
            return reply
    return agent._default_auto_reply


def _colours(
    function: ReplyFunction, registered: Container[ReplyFunction], exclude: Container[ReplyFunction]
) -> tuple[ReplyFunction, ReplyFunction]:
    """The plain and the awaitable form of one row of the list."""
    if is_coroutine_function(function):
        return passes, function
    twin = TWINS.get(function, function) if isinstance(function, FunctionType) else function
    if twin is not function and twin in registered and twin not in exclude:
        return function, passes
    return function, twin


def passes(*_: Any, **__: Any) -> tuple[bool, None]:
    """The other form of a function that exists in one colour only: it has nothing to say."""
    return False, None
