"""`RetrieveAssistantAgent`: 0.2's assistant for chats about documents."""

from __future__ import annotations

from typing import Any

from ..._mistakes import warn_caller
from ...code_utils import content_str
from .._core.internals import get_conversation
from ..agent import Agent, Message
from ..assistant_agent import AssistantAgent
from ..conversable_agent import Reply
from ._rag.prompts import UPDATE_CONTEXT

__all__ = ["RetrieveAssistantAgent"]

SUCCESS = "exitcode: 0 (execution succeeded)"
MARGIN = 20


class RetrieveAssistantAgent(AssistantAgent):
    """An assistant that ends the chat when code has succeeded. Deprecated: any `AssistantAgent` does."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Create an agent. Takes the arguments of `AssistantAgent`."""
        warn_caller("RetrieveAssistantAgent is deprecated, use AssistantAgent.", DeprecationWarning)
        super().__init__(*args, **kwargs)
        self.register_reply(Agent, RetrieveAssistantAgent._generate_retrieve_assistant_reply)

    def _generate_retrieve_assistant_reply(
        self, messages: list[Message] | None = None, sender: Agent | None = None, config: object = None
    ) -> Reply:
        """Reply `TERMINATE` to code that succeeded, and pass a request for other documents on (a reply function)."""
        conversation = get_conversation(self, messages, sender)
        text = content_str(conversation[-1].get("content")) if conversation else ""
        if SUCCESS in text:
            return True, "TERMINATE"
        if UPDATE_CONTEXT in text[:MARGIN].upper() or UPDATE_CONTEXT in text[-MARGIN:].upper():
            return True, UPDATE_CONTEXT
        return False, None
