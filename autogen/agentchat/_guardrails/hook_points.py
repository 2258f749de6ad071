"""Calling the hooks of an agent, which the packages above and beside do at different points."""

from __future__ import annotations

from itertools import zip_longest
from typing import TypeVar

from ..._steps import Call, Steps, is_coroutine_function
from .._core.protocols import AgentCore, Hook

T = TypeVar("T")


def pair_hooks(agent: AgentCore, point: str) -> list[tuple[Hook | None, Hook | None]]:
    """Pair sync and async hooks; async chats fall back to sync hooks."""
    sync_hooks = [hook for hook in agent.hook_lists.get(point, ()) if not is_coroutine_function(hook)]
    async_hooks = [hook for hook in agent.hook_lists.get("a_" + point, ()) if is_coroutine_function(hook)]
    # Side by side, in the order of registration.
    return list(zip_longest(sync_hooks, async_hooks or sync_hooks))


def apply_hooks(agent: AgentCore, point: str, value: T) -> Steps[T]:
    """Pass a value through the hooks of a point, each working on the result of the previous hook."""
    for sync_hook, async_hook in pair_hooks(agent, point):
        value = yield Call(sync_hook or _return_same, async_hook or _return_same, (value,), {})
    return value


def has_hooks(agent: AgentCore, point: str) -> bool:
    """Return True if the agent has hooks at a point."""
    hooks = agent.hook_lists
    return bool(hooks.get(point) or hooks.get("a_" + point))


def _return_same(value: T) -> T:
    return value
