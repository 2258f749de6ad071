"""Conversations of an agent: histories, counters, and whether it replies."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import partial

from ...formatting_utils import colored
from ...io.base import IOStream
from .._core.internals import get_history
from .._core.messages import as_dict, to_stored_form
from .._core.termination import BoundCondition, bind_condition
from ..agent import Agent, Message
from .state import AgentState


class HistoriesMixin(AgentState):
    """Conversations of an agent, one for each peer."""

    _message_to_dict = staticmethod(as_dict)

    def _detach_clone(self) -> None:
        super()._detach_clone()
        self._oai_messages = defaultdict(list)
        self._reset_reply_limits()
        if isinstance(self._is_termination_msg, BoundCondition):
            self._is_termination_msg = bind_condition(self._is_termination_msg.condition)

    def _reset_reply_limits(self) -> None:
        # a partial and not a lambda, so that agents can be pickled and copied deeply
        self._max_consecutive_auto_reply_dict = defaultdict(partial(_get_general_limit, self))

    def chat_messages_for_summary(self, agent: Agent) -> list[Message]:
        """Return the messages that a summary of the chat with `agent` covers."""
        return get_history(self, agent)

    def last_message(self, agent: Agent | None = None) -> Message | None:
        """Return the last message of a conversation; None if it is empty.

        Args:
            agent: Peer. May be omitted if there is only one.

        Raises:
            ValueError: if there are several conversations and no peer is given.
            KeyError: if there was no conversation with this peer.
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
        """Store a message; return False if it has neither content nor calls."""
        speaker = self.name if is_sending else conversation_id.name
        stored = to_stored_form(self._message_to_dict(message), role, speaker)
        if stored is None:
            return False
        self._oai_messages.setdefault(conversation_id, []).append(stored)
        return True

    def clear_history(self, recipient: Agent | None = None, nr_messages_to_preserve: int | None = None) -> None:
        """Delete messages.

        Args:
            recipient: Peer of the conversation to clear; None clears all.
            nr_messages_to_preserve: Number of last messages to keep. One more is kept if the first of them would be a tool
                response without its call.
        """
        keep = nr_messages_to_preserve or 0
        if recipient is None and not keep:
            self._oai_messages.clear()
            return
        for history in [get_history(self, recipient)] if recipient else self._oai_messages.values():
            start = max(0, len(history) - keep)
            # endpoints refuse a tool response without its call
            if keep and start and history[start].get("tool_responses"):
                start -= 1
                text = f"Keeping one more message of {self.name}: a tool response stays with its call."
                IOStream.get_default().print(colored(text, "yellow"), flush=True)
            del history[:start]

    def max_consecutive_auto_reply(self, sender: Agent | None = None) -> int:
        """Return the limit of automatic replies in a row to `sender`; the general limit if None."""
        return self._max_consecutive_auto_reply if sender is None else self._max_consecutive_auto_reply_dict[sender]

    def update_max_consecutive_auto_reply(self, value: int, sender: Agent | None = None) -> None:
        """Set the limit of automatic replies for one peer, or for all."""
        if sender is not None:
            self._max_consecutive_auto_reply_dict[sender] = value
            return
        self._max_consecutive_auto_reply = value
        # peers with a limit of their own get the new one, too
        for peer in self._max_consecutive_auto_reply_dict:
            self._max_consecutive_auto_reply_dict[peer] = value

    def reset_consecutive_auto_reply_counter(self, sender: Agent | None = None) -> None:
        """Reset the counter of automatic replies for one peer, or for all."""
        if sender is None:
            self._consecutive_auto_reply_counter.clear()
        else:
            self._consecutive_auto_reply_counter[sender] = 0

    def stop_reply_at_receive(self, sender: Agent | None = None) -> None:
        """Receive without replying from now on, until the next chat starts.

        Args:
            sender: Peer that gets no more replies; None for all.

        >>> user.initiate_chat(assistant, message="Plan a trip.")  # doctest: +SKIP
        >>> user.stop_reply_at_receive(assistant)  # doctest: +SKIP
        >>> user.send("Sum it up.", assistant)  # the assistant replies once, the user doesn't  # doctest: +SKIP
        """
        if sender is None:
            self.reply_at_receive.clear()
        else:
            # not `del`: programs read the key
            self.reply_at_receive[sender] = False

    def _record_for(self, peer: Agent) -> list[Message] | None:
        """Return the messages of a chat that its initiator has not received; None if it has received all."""
        return None

    def _participants(self) -> Sequence[object]:
        """Return the participants of a chat with this agent that may cause cost, or anything else with a `client`."""
        return [self]

    def _prepare_chat(
        self, recipient: Agent, clear_history: bool, prepare_recipient: bool = True, reply_at_receive: bool = True
    ) -> None:
        """Prepare for a chat with `recipient`, and prepare the recipient too."""
        self.reset_consecutive_auto_reply_counter(recipient)
        self.reply_at_receive[recipient] = reply_at_receive
        if clear_history:
            self.clear_history(recipient)
            self._human_input = []
        if isinstance(self._is_termination_msg, BoundCondition):
            self._is_termination_msg.reset(recipient, get_history(self, recipient))
        # `prepare_recipient=False` ends the mutual calls
        if prepare_recipient and isinstance(recipient, HistoriesMixin):
            recipient._prepare_chat(self, clear_history, False, reply_at_receive)


def _get_general_limit(agent: HistoriesMixin) -> int:
    return agent.max_consecutive_auto_reply()
