"""Hooks: functions that observe, and may change, the messages that an agent sends and replies to."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from typing import Any

from ..._steps import Call, Steps, is_coroutine_function, run_async, run_sync
from .._contexts.transform import ContextLike, apply, check_transform
from .._core.protocols import AgentCapability, AgentCore, Hook
from .._guardrails.hook_points import AgentHook, apply_hooks, pair_hooks
from ..agent import Agent, Message
from .state import AgentState
from .tool_registration import as_list

GUARDRAILS = "guardrails"
"""Key of the registered guardrails among the hooks; see `register_guardrail`."""

HOOKABLE = (
    "update_agent_state",
    "process_last_received_message",
    "process_all_messages_before_reply",
    "process_message_before_send",
    "safeguard_tool_inputs",
    "safeguard_tool_outputs",
    "safeguard_llm_inputs",
    "safeguard_llm_outputs",
    "safeguard_human_inputs",
)
# The guardrails are among them, so that an agent without hooks has nothing else to check.
POINTS = (*(prefix + point for point in HOOKABLE for prefix in ("", "a_")), GUARDRAILS)


_WHOLE_HISTORY = "process_all_messages_before_reply"


class HooksMixin(AgentState):
    """Hooks, capabilities and the model context of an agent."""

    @property
    def model_context(self) -> ContextLike | None:
        """Model context: a context or a transform that selects the part of the history which the model sees.

        None for all of it. It is applied before the hooks for whole conversations. Clones have it, too.

        Raises:
            TypeError: if it is set to something else.
        """
        hook = self._find_context_hook()
        return None if hook is None else hook.context

    @model_context.setter
    def model_context(self, context: ContextLike | None) -> None:
        if context is not None:
            check_transform(context, "model_context")
        hooks = self.hook_lists[_WHOLE_HISTORY]
        if (previous := self._find_context_hook()) is not None:
            hooks.remove(previous)
        if context is not None:
            # Among the hooks, so that an agent without any has nothing else to check.
            hooks.insert(0, ContextHook(context))

    def _find_context_hook(self) -> ContextHook | None:
        hooks = self.hook_lists[_WHOLE_HISTORY]
        return next((hook for hook in hooks if isinstance(hook, ContextHook)), None)

    def register_hook(self, hookable_method: str, hook: Callable[..., object]) -> None:
        """Register a function that observes or changes messages.

        Args:
            hookable_method: `update_agent_state` (agent and messages in, before each reply), `process_last_received_message`
                (content in, content out), `process_all_messages_before_reply` (list in, list out),
                `process_message_before_send` (keywords sender, message, recipient, silent; message out),
                `safeguard_tool_inputs` (a dict with `name` and `arguments`), `safeguard_tool_outputs` (a dict with `name`
                and `content`), `safeguard_llm_inputs` (list of messages), `safeguard_llm_outputs` (reply) or
                `safeguard_human_inputs` (text), where each gets and returns a value, and None blocks it; or one of these
                with `a_` in front, for a coroutine function.
            hook: Function.

        Raises:
            AssertionError: if there is no such hook point, or the hook is already registered there.
        """
        points = POINTS[:-1]
        assert hookable_method in points, f"{hookable_method!r} is not a hookable method; there are: {', '.join(points)}."
        is_registered = hook in self.hook_lists[hookable_method]
        assert not is_registered, f"{hook!r} is already registered as a hook of {hookable_method!r}."
        is_async = hookable_method.startswith("a_")
        if is_coroutine_function(hook) != is_async:
            needed = "a coroutine function" if is_async else "a plain function"
            text = f"A hook of {hookable_method!r} must be {needed}; {hook!r} will be skipped."
            warnings.warn(text, UserWarning, stacklevel=2)
        self.hook_lists[hookable_method].append(hook)

    def unregister_hook(self, hookable_method: str, hook: Callable[..., object]) -> bool:
        """Undo `register_hook`. Return True if the hook was registered there.

        Raises:
            AssertionError: if there is no such hook point.
        """
        points = POINTS[:-1]
        assert hookable_method in points, f"{hookable_method!r} is not a hookable method; there are: {', '.join(points)}."
        is_registered = hook in self.hook_lists[hookable_method]
        if is_registered:
            self.hook_lists[hookable_method].remove(hook)
        return is_registered

    def add_capability(self, capability: AgentCapability) -> None:
        """Give the agent a capability: the same as `capability.add_to_agent(agent)`.

        Raises:
            TypeError: if the capability has no method `add_to_agent`.
        """
        if not callable(getattr(capability, "add_to_agent", None)) or isinstance(capability, type):
            raise TypeError(f"capability must be an object with a method add_to_agent(agent), got {capability!r}.")
        capability.add_to_agent(self)

    def _register_state_hooks(self, hooks: Callable[..., object] | Iterable[Callable[..., object]] | None) -> None:
        """Register hooks that update the agent before each reply."""
        for hook in as_list(hooks):
            self.register_hook("update_agent_state", hook)

    def update_agent_state_before_reply(self, messages: list[Message]) -> None:
        """Apply the hooks that update the agent before it replies."""
        run_sync(update_state(self, messages))

    def process_all_messages_before_reply(self, messages: list[Message]) -> list[Message]:
        """Apply the hooks for whole conversations."""
        return run_sync(transform_messages(self, messages))

    async def a_process_all_messages_before_reply(self, messages: list[Message]) -> list[Message]:
        """Async version of `process_all_messages_before_reply`."""
        return await run_async(transform_messages(self, messages))

    def process_last_received_message(self, messages: list[Message]) -> list[Message]:
        """Apply the hooks for the last message of a conversation."""
        return run_sync(transform_last_message(self, messages))

    async def a_process_last_received_message(self, messages: list[Message]) -> list[Message]:
        """Async version of `process_last_received_message`."""
        return await run_async(transform_last_message(self, messages))


class ContextHook(AgentHook):
    """The model context of an agent, as a hook."""

    def __init__(self, context: ContextLike) -> None:
        self.context = context
        super().__init__(lambda messages: run_sync(self._run(None, messages)), self._run)

    def _run(self, agent: Any, messages: list[Message]) -> Steps[list[Message]]:
        return apply(self.context, agent, messages, verbose=False)


class HookLists(dict[str, list[Hook]]):
    """The hooks of an agent by point: one list for sync and one for async hooks.

    It begins with the lists of 0.2; the others are made on first use. Few agents have a hook, and each message asks whether
    there is any, so a short dict saves time and memory.
    """

    def __missing__(self, point: str) -> list[Hook]:
        if point not in POINTS:
            raise KeyError(point)
        hooks = self[point] = []
        return hooks


def make_hook_lists() -> HookLists:
    """Make the hook lists of a new agent."""
    return HookLists({point: [] for point in HOOKABLE[:4]})


def transform_before_send(agent: AgentCore, message: Message | str, recipient: Agent, silent: bool) -> Steps[Message | str]:
    """Apply the hooks for outgoing messages."""
    point = "process_message_before_send"
    for sync_hook, async_hook in pair_hooks(agent, point):
        arguments = {"sender": agent, "message": message, "recipient": recipient, "silent": silent}
        message = yield Call(sync_hook or _return_message, async_hook or _return_message, (), arguments)
    return message


def update_state(agent: AgentCore, messages: list[Message]) -> Steps[None]:
    """Let the hooks update the agent before it replies."""
    for sync_hook, async_hook in pair_hooks(agent, "update_agent_state"):
        yield Call(sync_hook or _ignore, async_hook or _ignore, (agent, messages), {})


def transform_last_message(agent: AgentCore, messages: list[Message]) -> Steps[list[Message]]:
    """Apply the hooks for the last message. The list gets a changed copy of the message."""
    if not messages:
        return messages
    last = messages[-1]
    content = last.get("content")
    # 0.2 skips calls, templates and the word that ends the chat.
    if "function_call" in last or "context" in last or not isinstance(content, (str, list)) or content == "exit":
        return messages
    processed = yield from apply_hooks(agent, "process_last_received_message", content)
    if processed != content:
        # A new dict, because other histories may hold this one too.
        messages[-1] = {**last, "content": processed}
    return messages


def transform_messages(agent: AgentCore, messages: list[Message]) -> Steps[list[Message]]:
    """Apply the hooks for whole conversations."""
    if not messages:
        return messages
    return (yield from apply_hooks(agent, "process_all_messages_before_reply", messages))


def _ignore(*_: object) -> None:
    return None


def _return_message(*, message: Message | str, **_: object) -> Message | str:
    return message
