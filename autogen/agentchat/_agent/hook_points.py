"""Where hooks are registered, and the methods that run them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..._steps import run_async, run_sync
from ..agent import Message
from . import hooks
from .state import AgentState


class HooksMixin(AgentState):
    """The hooks of an agent."""

    def register_hook(self, hookable_method: str, hook: Callable[..., Any]) -> None:
        """Let a function see, and change, what passes.

        Args:
            hookable_method: `update_agent_state` (agent and messages in, before each reply), `process_last_received_message`
                (content in, content out), `process_all_messages_before_reply` (list in, list out),
                `process_message_before_send` (keywords sender, message, recipient, silent; message out), or one of these
                with `a_` in front, for a coroutine function.
            hook: The function.

        Raises:
            AssertionError: There is no such method, or the hook is registered there already.
        """
        hooks.register(self.hook_lists, hookable_method, hook)

    def process_all_messages_before_reply(self, messages: list[Message]) -> list[Message]:
        """The conversation as the hooks want it."""
        return run_sync(hooks.all_messages(self, messages))

    async def a_process_all_messages_before_reply(self, messages: list[Message]) -> list[Message]:
        """`process_all_messages_before_reply`, awaited."""
        return await run_async(hooks.all_messages(self, messages))

    def process_last_received_message(self, messages: list[Message]) -> list[Message]:
        """The conversation with its last message as the hooks want it."""
        return run_sync(hooks.last_received(self, messages))

    async def a_process_last_received_message(self, messages: list[Message]) -> list[Message]:
        """`process_last_received_message`, awaited."""
        return await run_async(hooks.last_received(self, messages))
