"""Calling the hooks of an agent, which the packages above and beside do at different points."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from ..._steps import Call, Steps, is_coroutine_function, run_async, run_sync
from .._core.protocols import AgentCore, Hook

T = TypeVar("T")


class PairedHook:
    """A hook for sync and async chats. It is equal to its sync form.

    Args:
        sync_form: The hook for sync callers.
        async_form: The hook for async callers.
    """

    def __init__(self, sync_form: Hook, async_form: Hook) -> None:
        self.sync_form = sync_form
        self.async_form = async_form

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the sync form."""
        return self.sync_form(*args, **kwargs)

    def __eq__(self, other: object) -> bool:
        return self.sync_form == (other.sync_form if isinstance(other, PairedHook) else other)

    def __hash__(self) -> int:
        return hash(self.sync_form)


class AgentHook(PairedHook):
    """A hook that also gets the agent. It is equal to its sync form, which is without one.

    Args:
        sync_form: Hook for callers that have no agent.
        steps: Step of the agent and the value.
    """

    def __init__(self, sync_form: Hook, steps: Callable[[Any, Any], Steps[Any]]) -> None:
        super().__init__(sync_form, sync_form)
        self.steps = steps

    def bind(self, agent: AgentCore) -> tuple[Hook, Hook]:
        """Return the sync and the async form for an agent. Clones of an agent share its hooks."""

        def call(value: Any) -> Any:
            return run_sync(self.steps(agent, value))

        async def a_call(value: Any) -> Any:
            return await run_async(self.steps(agent, value))

        return call, a_call


class SafeguardHook(PairedHook):
    """Hook of a safeguard policy. It is called after all others."""


def pair_hooks(agent: AgentCore, point: str) -> list[tuple[Hook | None, Hook | None]]:
    """Return the sync and the async form of each hook, in the order of their calls.

    Coroutine functions take the positions of plain functions in async chats, in the order of registration. Without any,
    plain functions are called there, too.
    """
    if not has_hooks(agent, point):
        return []
    coroutines = [hook for hook in agent.hook_lists.get("a_" + point, ()) if is_coroutine_function(hook)]
    unpaired = iter(coroutines)
    pairs: list[tuple[Hook | None, Hook | None]] = []
    safeguards: list[tuple[Hook | None, Hook | None]] = []
    for hook in agent.hook_lists.get(point, ()):
        if isinstance(hook, AgentHook):
            pairs.append(hook.bind(agent))
        elif isinstance(hook, PairedHook):
            # No hook of the program takes its position.
            (safeguards if isinstance(hook, SafeguardHook) else pairs).append((hook, hook.async_form))
        elif not is_coroutine_function(hook):
            pairs.append((hook, next(unpaired, None) if coroutines else hook))
    return [*pairs, *((None, hook) for hook in unpaired), *safeguards]


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
