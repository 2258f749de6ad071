"""Threads: the conversation of an assistant with one partner, with the steps of its runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ....code_utils import content_str
from ....oai._legacy.assistant_store import make_id
from ...agent import Message

# Keys of a message that a thread keeps.
_KEPT = ("content", "name", "context", "receivers")


class AssistantThread:
    """The conversation with one partner. It has the steps of the assistant's runs, which the chat's history has not.

    Args:
        partner: Name of the partner; empty for a program.
        thread_id: Id; None to make one.

    Attributes:
        id: As above.
        partner: As above.
        messages: The messages, with calls and their results.
        is_remote: True if it is a thread of a service, which knows its id.
        sent: Number of messages that the service has got.
    """

    def __init__(self, partner: str, thread_id: str | None = None, is_remote: bool = False) -> None:
        self.id = thread_id or make_id("thread")
        self.is_remote = is_remote
        self.partner = partner
        self.messages: list[Message] = []
        self.sent = 0
        # The messages that were copied, by identity. The references keep other objects from getting their identity.
        self._copied: dict[int, Message] = {}
        self._reply: tuple[str, int] | None = None

    def __repr__(self) -> str:
        return f"AssistantThread({self.id!r}, partner={self.partner!r}, messages={len(self.messages)})"

    def count_copied(self, history: Sequence[Message]) -> int:
        """Return how many messages of a history have been copied."""
        return sum(id(message) in self._copied for message in history)

    def mark_copied(self, messages: Sequence[Message]) -> None:
        """Take messages as copied."""
        self._copied.update({id(message): message for message in messages})

    def add_unread(self, messages: Sequence[Message], history: Sequence[Message]) -> None:
        """Copy the messages that are new.

        Args:
            messages: The conversation as the agent's hooks show it: some messages may be changed, or left out.
            history: The conversation as it is.
        """
        for message in self._select_unread(messages, history):
            self._add(message)
        self.mark_copied([*history, *messages])

    def add_reply(self, text: str) -> None:
        """Note the text of a reply, so that it is recognised when it comes back as a message."""
        index = next((i for i in range(len(self.messages) - 1, -1, -1) if self.messages[i]["role"] == "assistant"), None)
        self._reply = None if index is None else (text, index)

    def _select_unread(self, messages: Sequence[Message], history: Sequence[Message]) -> Sequence[Message]:
        if not messages or id(messages[-1]) in self._copied:
            return []
        fresh = [message for message in messages if id(message) not in self._copied]
        unread = sum(id(message) not in self._copied for message in history)
        if unread == len(history):
            return fresh
        # Hooks may have copied messages that are known; the end of a conversation is the same, changed or not.
        if unread:
            return messages[-unread:] if len(fresh) > unread else fresh
        return [] if messages[-1].get("content") == history[-1].get("content") else fresh

    def _add(self, message: Message) -> None:
        role = message.get("role", "user")
        if role == "assistant" and self._reply is not None and not message.get("tool_calls"):
            self._correct_reply(message.get("content"))
            return
        if role == "user":
            self._reply = None
        content = message.get("content")
        # Calls of others are not the assistant's to answer.
        if not content_str(content).strip() and not isinstance(content, list):
            return
        kept = {key: message[key] for key in _KEPT if message.get(key) is not None}
        if role == "user":
            self.messages.append({**kept, "role": "user"})
        else:
            kept.pop("name", None)
            self.messages.append({**kept, "role": "assistant"})

    def _correct_reply(self, content: Any) -> None:
        """Replace the last reply by the text that the partner got, if a hook has changed it."""
        assert self._reply is not None
        text, index = self._reply
        self._reply = None
        if content != text and index < len(self.messages):
            self.messages[index] = {"role": "assistant", "content": content}

    def dump(self, history: Sequence[Message]) -> dict[str, Any]:
        """Return the thread as JSON.

        Args:
            history: The conversation of the agent with the partner.
        """
        return {
            "id": self.id,
            "messages": [dict(message) for message in self.messages],
            "copied": self.count_copied(history),
            "is_remote": self.is_remote,
            "sent": self.sent,
            "reply": self._reply,
        }

    @classmethod
    def load(cls, partner: str, state: Mapping[str, Any], history: Sequence[Message]) -> AssistantThread:
        """Return the thread of a state that `dump` made."""
        thread = cls(partner, state["id"], bool(state["is_remote"]))
        thread.messages = [dict(message) for message in state["messages"]]
        thread.sent = int(state["sent"])
        thread.mark_copied(history[: int(state["copied"])])
        reply = state["reply"]
        thread._reply = None if reply is None else (str(reply[0]), int(reply[1]))
        return thread
