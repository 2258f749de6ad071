"""Calling the hooks of an agent, which the packages above and beside do at different points."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any, TypeVar

from ..._steps import Call, Steps, is_coroutine_function
from .._core.protocols import AgentCore, Hook

T = TypeVar("T")


class SafeguardHook:
    """Hook of a safeguard policy, for sync and async chats.

    Args:
        sync_form: The hook for sync callers.
        async_form: The hook for async callers.
    """

    def __init__(self, sync_form: Hook, async_form: Hook) -> None:
        self._sync_form = sync_form
        self.async_form = async_form

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the sync form."""
        return self._sync_form(*args, **kwargs)


def pair_hooks(agent: AgentCore, point: str) -> list[tuple[Hook | None, Hook | None]]:
    """Pair sync and async hooks; async chats fall back to sync hooks."""
    registered = agent.hook_lists.get(point, [])
    # They have both forms, and no hook of the program takes their position.
    safeguards = [(hook, hook.async_form) for hook in registered if isinstance(hook, SafeguardHook)]
    sync_hooks = [hook for hook in registered if not is_coroutine_function(hook) and not isinstance(hook, SafeguardHook)]
    async_hooks = [hook for hook in agent.hook_lists.get("a_" + point, ()) if is_coroutine_function(hook)]
    # Side by side, in the order of registration.
    return [*zip_longest(sync_hooks, async_hooks or sync_hooks), *safeguards]


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
