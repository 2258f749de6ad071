"""`TestAgent`: an agent whose model replies from a script, in a `with` block."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any

from ..agentchat.conversable_agent import ConversableAgent
from ..oai.client import OpenAIWrapper
from ..types import Message
from ._scripted import ScriptedModel, ScriptExhausted, ScriptItem
from .messages import ToolCall

__all__ = ["TestAgent"]

_TOOL_KEYS = ("tools", "functions")
# Settings of the agent's own model that decide what becomes of an answer.
_KEPT_KEYS = (*_TOOL_KEYS, "response_format", "allow_format_str_template")


class MessagesEnd(ScriptExhausted, StopIteration):
    """Raised in sync chats, where AG2's programs expect a `StopIteration`. No coroutine can raise that."""


class TestAgent:
    """An agent whose model replies from a script in a `with` block, and who asks no human.

    At the end of the block, the agent has its model and its `human_input_mode` back. Tools that were registered in the
    block stay registered.

    Args:
        agent: The agent, with or without a model.
        messages: The replies in their order, also of an endless generator: texts, message dicts, `ToolCall` objects, or
            anything that a `ScriptedModel` takes.
        suppress_messages_end: True to end the block without an error when there is no reply left.

    Raises:
        TypeError: if `agent` is not a `ConversableAgent`, or `messages` is not an iterable of replies.

    >>> agent = ConversableAgent("geographer", llm_config=False)
    >>> with TestAgent(agent, ["Paris."]):
    ...     agent.generate_reply(messages=[{"role": "user", "content": "What is the capital of France?"}])
    'Paris.'
    """

    # Pytest collects classes with this name.
    __test__ = False

    def __init__(
        self,
        agent: ConversableAgent,
        messages: Iterable[ScriptItem | ToolCall] = (),
        *,
        suppress_messages_end: bool = False,
    ) -> None:
        if not isinstance(agent, ConversableAgent):
            raise TypeError(f"agent must be a ConversableAgent, got a {type(agent).__name__}.")
        if isinstance(messages, (str, Mapping)) or not isinstance(messages, Iterable):
            raise TypeError(f"messages must be a list or another iterable of replies, got {messages!r}.")
        self.agent = agent
        self._model = _IterableModel(iter(messages))
        self._suppresses_end = suppress_messages_end
        self._before: list[tuple[Any, Any, Any]] = []

    def __enter__(self) -> ScriptedModel:
        """Give the agent the script, and return the model that replies from it."""
        agent = self.agent
        self._before.append((agent.llm_config, agent.client, agent.human_input_mode))
        kept = _get_kept_settings(agent.llm_config or {})
        # Registering a tool makes a new client from this config.
        agent.llm_config = {**kept, **self._model.llm_config}
        agent.client = OpenAIWrapper(**agent.llm_config)
        agent.human_input_mode = "NEVER"
        return self._model

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, *_: object) -> bool:
        scripted_config = self.agent.llm_config
        self.agent.llm_config, self.agent.client, self.agent.human_input_mode = self._before.pop()
        self._keep_new_tools(scripted_config)
        end = error if isinstance(error, ScriptExhausted) else getattr(error, "__cause__", None)
        if not isinstance(end, ScriptExhausted):
            return False
        if self._suppresses_end:
            return True
        if end is not error:
            # A generator or a thread has wrapped it.
            raise end from None
        return False

    def _keep_new_tools(self, scripted_config: object) -> None:
        """Give the agent's own model the tools that were registered in the block."""
        config = self.agent.llm_config
        if not isinstance(config, dict) or not isinstance(scripted_config, dict):
            return
        if all(config.get(key) == scripted_config.get(key) for key in _TOOL_KEYS):
            return
        for key in _TOOL_KEYS:
            if key in scripted_config:
                config[key] = scripted_config[key]
            else:
                config.pop(key, None)
        if hasattr(self.agent.client, "rebuild"):
            self.agent.client = self.agent.client.rebuild(**config)


class _IterableModel(ScriptedModel):
    """A scripted model that takes its replies from an iterator."""

    def __init__(self, replies: Iterator[ScriptItem | ToolCall]) -> None:
        super().__init__(self._get_next_reply)
        self._iterator = replies
        self._iterator_lock = threading.Lock()
        self._used = 0

    def _get_next_reply(self, messages: list[Message]) -> ScriptItem:
        with self._iterator_lock:
            try:
                reply = next(self._iterator)
            except StopIteration:
                last = messages[-1] if messages else None
                raise ScriptExhausted(
                    f"All {self._used} messages are used, and there was another request: {last!r}"
                ) from None
            self._used += 1
        return reply.to_message() if isinstance(reply, ToolCall) else reply

    def create(self, params: Mapping[str, object]) -> SimpleNamespace:
        """Return the response to a request.

        Raises:
            MessagesEnd: if there is no reply left.
        """
        try:
            return super().create(params)
        except ScriptExhausted as end:
            raise MessagesEnd(str(end)) from None


def _get_kept_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    entry: Mapping[str, Any] = next(iter(config.get("config_list") or ()), {})
    return {key: value for source in (entry, config) for key, value in source.items() if key in _KEPT_KEYS}
