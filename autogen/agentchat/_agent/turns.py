"""How an agent plays its half of a turn: it says something, or hears something and answers."""

from __future__ import annotations

from collections.abc import Container
from functools import partial
from typing import Any

from ... import events
from ..._steps import Call, Steps, invoke
from .._chats.message_loop import Delivery, Receive, Send
from .._core import repetition
from .._core.internals import get_conversation, internals
from .._replies.registry import builtin_generate_reply, run_reply_functions
from ..agent import Agent, Message
from . import hooks
from .compat import ClassicMethods
from .hooks import HooksMixin


class MessagingMixin(HooksMixin, ClassicMethods):
    """What `ConversableAgent` is asked for by an exchange of messages."""

    def _send_step(self, move: Send) -> Steps[Receive]:
        message, recipient = move.message, move.peer
        if any(self.hook_lists.values()):
            message = yield from hooks.transform_before_send(self, message, recipient, self._is_silent(self, move.silent))
        return self._record_sent(recipient, message, move.request_reply, move.silent)

    def _record_sent(self, recipient: Agent, message: Any, request_reply: bool | None, silent: bool | None) -> Receive:
        if not self._append_oai_message(message, "assistant", recipient, is_sending=True):
            raise ValueError(
                f"{self.name!r} cannot send {message!r} to {recipient.name!r}: it has neither content nor calls."
            )
        repetition.count_message(internals(self).repeat_counters, self, recipient, message)
        if events.has_listeners and not _is_relayed(self, message):
            events.emit(events.MessageSent(sender=self.name, recipient=recipient.name, message=message))
        return Receive(recipient, self, message, request_reply, silent)

    def _receive_step(self, move: Receive, is_own: bool = False) -> Steps[Delivery | None]:
        """Half a turn; the whole of it if neither an override nor a hook has a say in it, which `is_own` vouches for."""
        sender, request_reply = move.peer, move.request_reply
        self._process_received_message(move.message, sender, move.silent)
        if request_reply is False or (request_reply is None and not self.reply_at_receive[sender]):
            return None
        history = self._oai_messages.setdefault(sender, [])
        if is_own and not any(self.hook_lists.values()):
            reply = yield from run_reply_functions(self, history, sender, ())
        elif own := builtin_generate_reply(self, history, sender):
            reply = yield from own
        else:
            reply = yield Call(partial(self.generate_reply, messages=history), self.a_generate_reply, (), {"sender": sender})
        if reply is None:
            return None
        if is_own and not any(self.hook_lists.values()):
            return self._record_sent(sender, reply, None, move.silent)
        return Send(self, sender, reply, silent=move.silent)

    def _reply_step(
        self, messages: list[Message] | None, sender: Agent | None, exclude: Container[Any] = (), **_: Any
    ) -> Steps[Any]:
        if messages is None and sender is None:
            raise AssertionError(f"{self.name!r} can answer only if it is given messages or a sender.")
        messages = get_conversation(self, messages, sender)
        if self.hook_lists.get("update_agent_state") or self.hook_lists.get("a_update_agent_state"):
            yield from hooks.update_state(self, messages)
        messages = yield from invoke(self.process_last_received_message, self.a_process_last_received_message, messages)
        messages = yield from invoke(
            self.process_all_messages_before_reply, self.a_process_all_messages_before_reply, messages
        )
        return (yield from run_reply_functions(self, messages, sender, exclude))


def _is_relayed(agent: Agent, message: Message | str) -> bool:
    """Whether somebody else said it first: a manager passes on what members say."""
    return isinstance(message, dict) and message.get("name", agent.name) != agent.name
