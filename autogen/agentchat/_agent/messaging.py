"""Messaging of an agent: private methods of 0.2 that programs override, and the steps behind `send` and `receive`."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from functools import partial
from typing import Any

from ... import events, runtime_logging
from ..._steps import Call, Steps, invoke, is_coroutine_function, run_async, run_sync
from ...types import ChatQueue
from .._approvals.labels import add_labels, get_message_labels, label_reply, usage
from .._chats import carryover, nested, sequence, summary
from .._chats.message_loop import Delivery, LastReceive, Receive, Send
from .._core import messages as messages_module
from .._core import runtime_log
from .._core.display import is_silent, show_received
from .._core.internals import BEFORE_SENDING, get_conversation, is_overridden
from .._core.protocols import AgentCore, ReplyFunction
from .._core.result import count_message
from .._core.token_display import TokenDisplay
from .._guardrails.run import run_guarded
from .._replies import registry
from .._replies.model_reply import run_request
from .._replies.registry import builtin_generate_reply, run_reply_functions
from ..agent import Agent, Message
from . import hooks
from .guardrails import GuardrailsMixin
from .state import HistoriesMixin
from .tool_registration import ToolRegistrationMixin

# Tracebacks of pytest show the program's frames, and not those of this module.
__tracebackhide__ = True


class ClassicMethods(HistoriesMixin, ToolRegistrationMixin):
    """Private methods of `ConversableAgent` that are as good as public."""

    _assert_valid_name = staticmethod(messages_module.assert_valid_name)
    _normalize_name = staticmethod(messages_module.normalize_name)
    _get_chats_to_run = staticmethod(nested.select_chats)
    _summary_from_nested_chats = staticmethod(nested.run_and_summarize)
    _a_summary_from_nested_chats = staticmethod(nested.a_run_and_summarize)

    @staticmethod
    def _last_msg_as_summary(sender: AgentCore, recipient: AgentCore, summary_args: object) -> str:
        return summary.get_last_text(sender, recipient)

    @staticmethod
    def _reflection_with_llm_as_summary(
        sender: AgentCore, recipient: AgentCore, summary_args: dict[str, Any] | None
    ) -> object:
        return run_sync(summary.reflect_on_chat(sender, recipient, summary_args or {}))

    @staticmethod
    def _is_silent(agent: Agent, silent: bool | None = False) -> bool:
        """Return True if messages are not printed. The setting of the agent has precedence over that of the call."""
        return is_silent(agent, silent or False)

    def _match_trigger(self, trigger: object, sender: Agent | None) -> bool:
        return registry.is_triggered_by(trigger, sender)

    def _process_received_message(self, message: Message | str, sender: Agent, silent: bool | None) -> None:
        """Store a received message, and print it."""
        message = self._message_to_dict(message)
        valid = self._append_oai_message(message, "user", sender, is_sending=False)
        if runtime_logging.is_logging:
            runtime_log.log_received(self, message, sender, valid)
        if not valid:
            raise ValueError(
                f"{self.name!r} cannot receive {message!r} from {sender.name!r}: it has neither content nor calls."
            )
        if not self._is_silent(sender, silent):
            self._print_received_message(message, sender)

    def _open_token_display(self) -> TokenDisplay | None:
        """Return a display for a reply that arrives as a stream; None if the agent or the chat is silent."""
        peer = self._internals.reply_peer
        self._internals.token_display = None if is_silent(self) else TokenDisplay(self, peer)
        return self._internals.token_display

    def _process_message_before_send(self, message: Message | str, recipient: Agent, silent: bool) -> Message | str:
        """Apply the hooks for outgoing messages."""
        return run_sync(hooks.transform_before_send(self, message, recipient, silent))

    async def _a_process_message_before_send(self, message: Message | str, recipient: Agent, silent: bool) -> Message | str:
        """Async version of `_process_message_before_send`."""
        return await run_async(hooks.transform_before_send(self, message, recipient, silent))

    async def _a_execute_tool_call(self, tool_call: Message) -> Message:
        """Execute one tool call in an async chat, and return the tool response."""
        _, result = await self.a_execute_function(tool_call.get("function") or {})
        return {"tool_call_id": tool_call.get("id"), "role": "tool", "content": result.get("content", "")}

    def _check_chat_queue_for_sender(self, chat_queue: ChatQueue) -> list[dict[str, Any]]:
        """Return copies of the specs of a queue; those without a sender get this agent."""
        return sequence.add_sender(chat_queue, self)

    def _print_received_message(self, message: Message | str, sender: Agent) -> None:
        show_received(self, self._message_to_dict(message), sender, self._print_received_message)

    def _str_for_tool_response(self, tool_response: Message) -> str:
        return str(tool_response.get("content", ""))

    def _handle_carryover(self, message: Message | str, kwargs: dict[str, Any]) -> Message | str:
        if not kwargs.get("carryover"):
            return message
        return carryover.add_carryover(message, kwargs, self._process_carryover, self._process_multimodal_carryover)

    def _process_carryover(self, content: str, kwargs: dict[str, Any]) -> str:
        return carryover.append_carryover(content, kwargs)

    def _process_multimodal_carryover(self, content: Sequence[Message], kwargs: dict[str, Any]) -> list[Message]:
        return [{"type": "text", "text": self._process_carryover("", kwargs)}, *content]

    def _summarize_chat(
        self,
        summary_method: object,
        summary_args: Mapping[str, object] | None,
        recipient: AgentCore | None = None,
        cache: object = None,
    ) -> object:
        return run_sync(summary.summarize(self, summary_method, summary_args, recipient, cache))  # type: ignore[arg-type]

    def _reflection_with_llm(
        self,
        prompt: str,
        messages: list[Message],
        llm_agent: Agent | None = None,
        cache: object = None,
        role: str | None = None,
    ) -> object:
        return run_sync(summary.request_reflection(self, prompt, messages, llm_agent, cache, role))

    def _generate_oai_reply_from_client(
        self, llm_client: object, messages: list[Message], cache: object
    ) -> str | Message | None:
        """Send one request to a model. Tracing packages wrap this method."""
        return run_sync(run_request(self, llm_client, messages, cache))

    def _raise_exception_on_async_reply_functions(self) -> None:
        """Refuse a sync chat that could not call all reply functions.

        Raises:
            RuntimeError: if a coroutine reply function is registered without `ignore_async_in_sync_chat`.
        """
        names = [
            row["reply_func"].__name__
            for row in self._reply_func_list
            if is_coroutine_function(row["reply_func"]) and not row.get("ignore_async_in_sync_chat")
        ]
        if names:
            raise RuntimeError(
                f"Agent {self.name!r} has coroutine reply functions, which a sync chat can't call: "
                f"{', '.join(sorted(set(names)))}. Use a_initiate_chat, or register them with ignore_async_in_sync_chat."
            )


class MessagingMixin(GuardrailsMixin, ClassicMethods):
    """Steps of an agent in the message loop."""

    def _send_step(self, delivery: Send) -> Steps[Receive]:
        message, recipient = delivery.message, delivery.peer
        if not BEFORE_SENDING.is_untouched(self):
            message = yield from self._call_before_send(message, recipient, self._is_silent(self, delivery.silent))
        elif any(self.hook_lists.values()):
            is_silent = self._is_silent(self, delivery.silent)
            message = yield from hooks.transform_before_send(self, message, recipient, is_silent)
        else:
            return self._record_sent(recipient, message, delivery.request_reply, delivery.silent)
        # A hook may return another message.
        if usage.is_on:
            message = add_labels(message, get_message_labels(delivery.message))
        closing, self._internals.closing = self._internals.closing, None
        if closing is None or closing[0] is not recipient:
            return self._record_sent(recipient, message, delivery.request_reply, delivery.silent)
        self._record_sent(recipient, message, False, delivery.silent)
        return LastReceive(recipient, self, message, False, delivery.silent, guardrail=closing[1])

    def _call_before_send(self, message: Message | str, recipient: Agent, silent: bool) -> Steps[Message | str]:
        """Call the overrides of the methods that apply the hooks; that of the sync method alone serves async chats, too."""
        sync_fn, async_fn = self._process_message_before_send, self._a_process_message_before_send
        is_sync_alone = not is_overridden(self, "_a_process_message_before_send")
        return (yield from invoke(sync_fn, None if is_sync_alone else async_fn, message, recipient, silent))

    def _record_sent(
        self, recipient: Agent, message: Message | str, request_reply: bool | None, silent: bool | None
    ) -> Receive:
        if not self._append_oai_message(message, "assistant", recipient, is_sending=True):
            raise ValueError(
                f"{self.name!r} cannot send {message!r} to {recipient.name!r}: it has neither content nor calls."
            )
        # A manager that passes on the messages of members does not repeat itself.
        if not _is_relayed(self, message):
            count_message(self._internals.repeat_counters, self, recipient, message)
        if events.has_listeners and not _is_relayed(self, message):
            shown = messages_module.get_shown_form(message)
            events.emit(events.MessageSent(sender=self.name, recipient=recipient.name, message=shown))
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
            # `messages` is bound for sync callers alone: async overrides get the sender, as in 0.2.
            reply = yield Call(partial(self.generate_reply, messages=history), self.a_generate_reply, (), {"sender": sender})
        if reply is None:
            return None
        # A reply function may have registered a hook.
        if is_untouched and not any(self.hook_lists.values()):
            return self._record_sent(sender, reply, None, delivery.silent)
        return Send(self, sender, reply, silent=delivery.silent)

    def _reply_step(
        self, messages: list[Message] | None, sender: Agent | None, exclude: Container[ReplyFunction] = (), **_: object
    ) -> Steps[str | Message | None]:
        if messages is None and sender is None:
            raise AssertionError(f"{self.name!r} needs messages or a sender to generate a reply.")
        messages = get_conversation(self, messages, sender)
        if self.hook_lists.get(hooks.GUARDRAILS):
            steps = run_guarded(self, messages, sender, partial(self._generate_step, exclude))
            # A text that a guardrail puts into the reply's position has its labels.
            return label_reply(steps, ()) if usage.is_on else steps
        return self._generate_step(exclude, messages, sender)

    def _generate_step(
        self, exclude: Container[ReplyFunction], messages: list[Message], sender: Agent | None
    ) -> Steps[str | Message | None]:
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
