"""The steps behind `send`, `receive` and `generate_reply`."""

from __future__ import annotations

from collections.abc import Container
from functools import partial

from ... import events
from ..._steps import Call, Steps, invoke
from .._chats.message_loop import Delivery, Receive, Send
from .._core.internals import get_conversation, internals
from .._core.protocols import ReplyFunction
from .._core.repetition import count_message
from .._replies.registry import builtin_generate_reply, run_reply_functions
from ..agent import Agent, Message
from . import hooks
from .compat import ClassicMethods
from .hooks import HooksMixin


class MessagingMixin(HooksMixin, ClassicMethods):
    """Steps of an agent in the message loop."""

    def _send_step(self, delivery: Send) -> Steps[Receive]:
        message, recipient = delivery.message, delivery.peer
        if any(self.hook_lists.values()):
            is_silent = self._is_silent(self, delivery.silent)
            message = yield from hooks.transform_before_send(self, message, recipient, is_silent)
        return self._record_sent(recipient, message, delivery.request_reply, delivery.silent)

    def _record_sent(
        self, recipient: Agent, message: Message | str, request_reply: bool | None, silent: bool | None
    ) -> Receive:
        if not self._append_oai_message(message, "assistant", recipient, is_sending=True):
            raise ValueError(
                f"{self.name!r} cannot send {message!r} to {recipient.name!r}: it has neither content nor calls."
            )
        count_message(internals(self).repeat_counters, self, recipient, message)
        if events.has_listeners and not _is_relayed(self, message):
            events.emit(events.MessageSent(sender=self.name, recipient=recipient.name, message=message))
        return Receive(recipient, self, message, request_reply, silent)

    def _receive_step(self, delivery: Receive, is_untouched: bool = False) -> Steps[Delivery | None]:
        """Receive a message, generate a reply if requested, and return the next delivery.

        Args:
            delivery: Message to receive.
            is_untouched: True if no method is overridden. Without hooks the reply is then sent in the same step.
        """
        sender, request_reply = delivery.peer, delivery.request_reply
        self._process_received_message(delivery.message, sender, delivery.silent)
        if request_reply is False or (request_reply is None and not self.reply_at_receive[sender]):
            return None
        history = self._oai_messages.setdefault(sender, [])
        if is_untouched and not any(self.hook_lists.values()):
            reply = yield from run_reply_functions(self, history, sender, ())
        elif steps := builtin_generate_reply(self, history, sender):
            reply = yield from steps
        else:
            # `messages` is bound for sync callers alone: async overrides get the sender, as in 0.2
            reply = yield Call(partial(self.generate_reply, messages=history), self.a_generate_reply, (), {"sender": sender})
        if reply is None:
            return None
        # a reply function may have registered a hook
        if is_untouched and not any(self.hook_lists.values()):
            return self._record_sent(sender, reply, None, delivery.silent)
        return Send(self, sender, reply, silent=delivery.silent)

    def _reply_step(
        self, messages: list[Message] | None, sender: Agent | None, exclude: Container[ReplyFunction] = (), **_: object
    ) -> Steps[str | Message | None]:
        if messages is None and sender is None:
            raise AssertionError(f"{self.name!r} needs messages or a sender to generate a reply.")
        messages = get_conversation(self, messages, sender)
        if self.hook_lists.get("update_agent_state") or self.hook_lists.get("a_update_agent_state"):
            yield from hooks.update_state(self, messages)
        messages = yield from invoke(self.process_last_received_message, self.a_process_last_received_message, messages)
        messages = yield from invoke(
            self.process_all_messages_before_reply, self.a_process_all_messages_before_reply, messages
        )
        reply: str | Message | None = yield from run_reply_functions(self, messages, sender, exclude)
        return reply


def _is_relayed(agent: Agent, message: Message | str) -> bool:
    """Return True if another agent is the author: managers of group chats pass on the messages of members."""
    return isinstance(message, dict) and message.get("name", agent.name) != agent.name
