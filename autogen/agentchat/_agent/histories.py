"""What an agent remembers of each conversation: its messages, its counters, whether it answers."""

from __future__ import annotations

from typing import Any

from ...formatting_utils import colored
from ...io.base import IOStream
from .._core.messages import as_dict, stored_form
from .._core.termination import BoundCondition
from ..agent import Agent, Message
from .state import AgentState


class HistoriesMixin(AgentState):
    """The conversations of an agent, one for each peer."""

    _message_to_dict = staticmethod(as_dict)

    def _history(self, peer: Agent | None) -> list[Message]:
        """The live history with a peer; a new one for a new peer, also where a plain dict holds them."""
        return self._oai_messages.setdefault(peer, [])

    def chat_messages_for_summary(self, agent: Agent) -> list[Message]:
        """The messages that a summary of the chat with `agent` is made of."""
        return self._history(agent)

    def last_message(self, agent: Agent | None = None) -> Message | None:
        """The last message of a conversation; None if it is empty.

        Args:
            agent: The peer. It may be left out if there is only one.

        Raises:
            ValueError: There are several conversations and no peer is given.
            KeyError: There was no conversation with this peer.
        """
        if agent is None:
            if len(self._oai_messages) > 1:
                names = ", ".join(sorted(str(peer.name) for peer in self._oai_messages))
                raise ValueError(f"{self.name!r} has several conversations ({names}): name the peer.")
            history = next(iter(self._oai_messages.values()), [])
        elif agent in self._oai_messages:
            history = self._oai_messages[agent]
        else:
            raise KeyError(f"The agent {agent.name!r} is not in any conversation with {self.name!r}.")
        return history[-1] if history else None

    def _append_oai_message(self, message: Message | str, role: str, conversation_id: Agent, is_sending: bool) -> bool:
        """Remember a message; False if it has neither content nor calls."""
        speaker = self.name if is_sending else conversation_id.name
        stored = stored_form(self._message_to_dict(message), role, speaker)
        if stored is None:
            return False
        self._oai_messages.setdefault(conversation_id, []).append(stored)
        return True

    def clear_history(self, recipient: Agent | None = None, nr_messages_to_preserve: int | None = None) -> None:
        """Forget messages.

        Args:
            recipient: The peer whose conversation is cleared; None clears all.
            nr_messages_to_preserve: How many of the last messages stay. One more stays where the first of them would be
                a tool's answer without its call.
        """
        keep = nr_messages_to_preserve or 0
        if recipient is None and not keep:
            self._oai_messages.clear()
            return
        for history in [self._history(recipient)] if recipient else self._oai_messages.values():
            start = max(0, len(history) - keep)
            if keep and start and history[start].get("tool_responses"):
                start -= 1
                text = f"Keeping one more message of {self.name}: a tool's answer stays with its call."
                IOStream.get_default().print(colored(text, "yellow"), flush=True)
            del history[:start]

    def max_consecutive_auto_reply(self, sender: Agent | None = None) -> int:
        """How many automatic replies in a row the agent gives to `sender`; the general limit if None."""
        return self._max_consecutive_auto_reply if sender is None else self._max_consecutive_auto_reply_dict[sender]

    def update_max_consecutive_auto_reply(self, value: int, sender: Agent | None = None) -> None:
        """Set the limit of automatic replies for one peer, or for all."""
        if sender is not None:
            self._max_consecutive_auto_reply_dict[sender] = value
            return
        self._max_consecutive_auto_reply = value
        for peer in self._max_consecutive_auto_reply_dict:
            self._max_consecutive_auto_reply_dict[peer] = value

    def _limit_for(self, sender: Agent | None) -> int:
        return self._max_consecutive_auto_reply_dict[sender]

    def reset_consecutive_auto_reply_counter(self, sender: Agent | None = None) -> None:
        """Begin to count automatic replies anew, for one peer or for all."""
        if sender is None:
            self._consecutive_auto_reply_counter.clear()
        else:
            self._consecutive_auto_reply_counter[sender] = 0

    def stop_reply_at_receive(self, sender: Agent | None = None) -> None:
        """Receive without answering from now on, until the next chat is started.

        Args:
            sender: The agent that gets no more answers. None: nobody does.

        >>> user.initiate_chat(assistant, message="Plan a trip.")  # doctest: +SKIP
        >>> user.stop_reply_at_receive(assistant)  # doctest: +SKIP
        >>> user.send("Sum it up.", assistant)  # the assistant answers once, the user doesn't  # doctest: +SKIP
        """
        if sender is None:
            self.reply_at_receive.clear()
        else:
            self.reply_at_receive[sender] = False  # not `del`: other code reads the key

    def _record_for(self, peer: Agent) -> list[Message] | None:
        """The messages of a chat that its initiator has not heard; None where it has heard all."""
        return None

    def _participants(self) -> list[Any]:
        """Who takes part when a chat is held with this agent, and may spend something."""
        return [self]

    def _prepare_chat(
        self, recipient: Agent, clear_history: bool, prepare_recipient: bool = True, reply_at_receive: bool = True
    ) -> None:
        """Get ready for a chat with `recipient`, and make it ready too."""
        self.reset_consecutive_auto_reply_counter(recipient)
        self.reply_at_receive[recipient] = reply_at_receive
        if clear_history:
            self.clear_history(recipient)
            self._human_input = []
        if isinstance(self._is_termination_msg, BoundCondition):
            self._is_termination_msg.reset(recipient, self._history(recipient))
        if prepare_recipient and isinstance(recipient, HistoriesMixin):
            recipient._prepare_chat(self, clear_history, False, reply_at_receive)
