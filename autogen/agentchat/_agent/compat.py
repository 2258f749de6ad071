"""Private 0.2 methods that programs call or override; each delegates to its module."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ... import runtime_logging
from ..._steps import is_coroutine_function, run_sync
from .._chats import carryover, nested, summary
from .._core import messages as messages_module
from .._core import runtime_log
from .._core.display import show_received
from .._core.protocols import AgentCore
from .._replies import registry
from .._replies.model_reply import run_request
from ..agent import Agent, Message
from .histories import HistoriesMixin
from .tool_registration import ToolRegistrationMixin


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
        setting = getattr(agent, "silent", None)
        return bool(silent if setting is None else setting)

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
