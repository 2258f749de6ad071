"""What every agent offers: the two protocols."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from ..types import Message as Message


@runtime_checkable
class Agent(Protocol):
    """Somebody who can send, receive and answer messages. The check by `isinstance` is structural."""

    @property
    def name(self) -> str:
        """The name that others see."""
        ...

    @property
    def description(self) -> str:
        """What the agent is good for; a group chat chooses its speakers by it."""
        ...

    def send(self, message: Message | str, recipient: Agent, request_reply: bool | None = None) -> None:
        """Send a message to another agent.

        Args:
            message: Text, or a dict in the OpenAI form.
            recipient: Who receives it.
            request_reply: Whether an answer is wanted; None leaves it to the recipient.
        """

    async def a_send(self, message: Message | str, recipient: Agent, request_reply: bool | None = None) -> None:
        """`send`, awaited."""

    def receive(self, message: Message | str, sender: Agent, request_reply: bool | None = None) -> None:
        """Receive a message from another agent.

        Args:
            message: Text, or a dict in the OpenAI form.
            sender: Who has sent it.
            request_reply: Whether an answer is wanted; None leaves it to this agent.
        """

    async def a_receive(self, message: Message | str, sender: Agent, request_reply: bool | None = None) -> None:
        """`receive`, awaited."""

    def generate_reply(
        self, messages: list[Message] | None = None, sender: Agent | None = None, **kwargs: Any
    ) -> str | Message | None:
        """Answer a conversation.

        Args:
            messages: The conversation; the history with `sender` if None.
            sender: Who is answered.
            **kwargs: What an agent of another kind needs besides.

        Returns:
            Text, or a dict in the OpenAI form; None means no answer.
        """

    async def a_generate_reply(
        self, messages: list[Message] | None = None, sender: Agent | None = None, **kwargs: Any
    ) -> str | Message | None:
        """`generate_reply`, awaited."""


@runtime_checkable
class LLMAgent(Agent, Protocol):
    """An agent that a model speaks for."""

    @property
    def system_message(self) -> str:
        """What the model is told before the conversation."""
        ...

    def update_system_message(self, system_message: str) -> None:
        """Change what the model is told before the conversation."""
