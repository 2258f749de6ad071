"""The protocols of agents: `Agent`, and `LLMAgent` for agents that use a model."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from ..types import Message as Message

DEFAULT_SUMMARY_METHOD = "last_msg"
"""Summary method of chats without one."""


@runtime_checkable
class Agent(Protocol):
    """An agent that can send, receive and answer messages. The check by `isinstance` is structural."""

    @property
    def name(self) -> str:
        """Name that others see."""
        ...

    @property
    def description(self) -> str:
        """Purpose of the agent; a group chat selects its speakers by it."""
        ...

    def send(self, message: Message | str, recipient: Agent, request_reply: bool | None = None) -> None:
        """Send a message to another agent.

        Args:
            message: Text, or a dict in the OpenAI form.
            recipient: Receiving agent.
            request_reply: True to request a reply, False for none; None leaves it to the recipient.
        """

    async def a_send(self, message: Message | str, recipient: Agent, request_reply: bool | None = None) -> None:
        """Async version of `send`."""

    def receive(self, message: Message | str, sender: Agent, request_reply: bool | None = None) -> None:
        """Receive a message from another agent.

        Args:
            message: Text, or a dict in the OpenAI form.
            sender: Sending agent.
            request_reply: True to request a reply, False for none; None leaves it to this agent.
        """

    async def a_receive(self, message: Message | str, sender: Agent, request_reply: bool | None = None) -> None:
        """Async version of `receive`."""

    def generate_reply(
        self, messages: list[Message] | None = None, sender: Agent | None = None, **kwargs: Any
    ) -> str | Message | None:
        """Generate a reply to a conversation.

        Args:
            messages: Conversation; the history with `sender` if None.
            sender: Agent that gets the reply.
            **kwargs: Further arguments of other kinds of agents.

        Returns:
            Text, or a dict in the OpenAI form; None for no reply.
        """

    async def a_generate_reply(
        self, messages: list[Message] | None = None, sender: Agent | None = None, **kwargs: Any
    ) -> str | Message | None:
        """Async version of `generate_reply`."""


@runtime_checkable
class LLMAgent(Agent, Protocol):
    """An agent that uses a model."""

    @property
    def system_message(self) -> str:
        """System message of the model."""
        ...

    def update_system_message(self, system_message: str) -> None:
        """Replace the system message."""
