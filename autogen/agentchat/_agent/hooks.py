"""Hooks: functions that see, and may change, what an agent sends and what it answers to."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from ..._steps import Call, Steps, is_coroutine_function
from ..agent import Message

if TYPE_CHECKING:
    from .state import AgentState

HOOKABLE = (
    "update_agent_state",
    "process_last_received_message",
    "process_all_messages_before_reply",
    "process_message_before_send",
)


def empty_lists() -> dict[str, list[Callable[..., Any]]]:
    """The hook lists of a new agent: one of plain hooks and one of coroutine hooks for each point."""
    return {prefix + point: [] for point in HOOKABLE for prefix in ("", "a_")}


def register(lists: dict[str, list[Callable[..., Any]]], point: str, hook: Callable[..., Any]) -> None:
    """Add a hook.

    Raises:
        AssertionError: There is no such point, or the hook is registered there already.
    """
    assert point in lists, f"{point!r} is not a hookable method; there are: {', '.join(lists)}."
    assert hook not in lists[point], f"{hook!r} is already registered as a hook of {point!r}."
    if is_coroutine_function(hook) != point.startswith("a_"):
        needed = "a coroutine function" if point.startswith("a_") else "a plain function"
        warnings.warn(f"A hook of {point!r} must be {needed}; {hook!r} will be skipped.", UserWarning, stacklevel=3)
    lists[point].append(hook)


def before_send(agent: AgentState, message: Any, recipient: Any, silent: bool) -> Steps[Any]:
    """The message as the hooks let it go out."""
    point = "process_message_before_send"
    for plain, awaited in _hooks_of(agent, point):
        details = {"sender": agent, "message": message, "recipient": recipient, "silent": silent}
        message = yield Call(plain or _same_message, awaited or _same_message, (), details)
    return message


def update_state(agent: AgentState, messages: list[Message]) -> Steps[None]:
    """Let the hooks bring the agent up to date before it answers."""
    for plain, awaited in _hooks_of(agent, "update_agent_state"):
        yield Call(plain or _nothing, awaited or _nothing, (agent, messages), {})


def last_received(agent: AgentState, messages: list[Message]) -> Steps[list[Message]]:
    """The conversation with its last message as the hooks want it. The stored message is changed, the list is not."""
    if not messages:
        return messages
    last = messages[-1]
    content = last.get("content")
    if "function_call" in last or "context" in last or not isinstance(content, (str, list)) or content == "exit":
        return messages
    processed = yield from _passed_through(agent, "process_last_received_message", content)
    if processed != content:
        messages[-1] = {**last, "content": processed}  # not in the message itself: others may hold it too
    return messages


def all_messages(agent: AgentState, messages: list[Message]) -> Steps[list[Message]]:
    """The conversation as the hooks want it."""
    if not messages:
        return messages
    return (yield from _passed_through(agent, "process_all_messages_before_reply", messages))  # type: ignore[no-any-return]


def _passed_through(agent: AgentState, point: str, value: Any) -> Steps[Any]:
    """What the hooks of a point make of a value, each working on the result of the one before."""
    for plain, awaited in _hooks_of(agent, point):
        value = yield Call(plain or _same, awaited or _same, (value,), {})
    return value


def _hooks_of(agent: AgentState, point: str) -> list[tuple[Callable[..., Any] | None, Callable[..., Any] | None]]:
    """For each colour its hooks, side by side. Where no coroutine hook is registered, the plain ones serve both."""
    plain = [hook for hook in agent.hook_lists[point] if not is_coroutine_function(hook)]
    awaited = [hook for hook in agent.hook_lists["a_" + point] if is_coroutine_function(hook)]
    return list(zip_longest(plain, awaited or plain))


def _same(value: Any) -> Any:
    return value


def _nothing(*_: Any) -> None:
    return None


def _same_message(*, message: Any, **_: Any) -> Any:
    return message
