"""`LLamaIndexConversableAgent`: an agent of LlamaIndex as an agent of this package."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..._extras import require
from ..._steps import Steps, invoke, run_async, run_coroutine, run_sync, wrap_in_thread
from ...code_utils import content_str
from .._core.internals import get_conversation
from .._replies import registry
from ..agent import Agent, Message
from ..conversable_agent import ConversableAgent, Reply

__all__ = ["LLamaIndexConversableAgent"]


class LLamaIndexConversableAgent(ConversableAgent):
    """An agent whose replies come from an agent of LlamaIndex.

    Either form of LlamaIndex's agents can be used: objects with `chat` and `achat`, and workflows with `run(user_msg=...)`,
    which are coroutines.

    >>> workflow = FunctionAgent(tools=[search], llm=llm)  # doctest: +SKIP
    >>> agent = LLamaIndexConversableAgent("researcher", workflow, description="Answers from documents.")  # doctest: +SKIP
    """

    def __init__(self, name: str, llama_index_agent: Any, description: str | None = None, **kwargs: Any) -> None:
        """Create an agent.

        Args:
            name: Name that others see.
            llama_index_agent: The agent of LlamaIndex.
            description: Purpose of the agent.
            **kwargs: Further arguments of `ConversableAgent`.

        Raises:
            ValueError: if there is no agent, or no description.
        """
        if llama_index_agent is None:
            raise ValueError("llama_index_agent must be an agent of LlamaIndex, got None.")
        if not any(callable(getattr(llama_index_agent, method, None)) for method in ("chat", "achat", "run")):
            raise ValueError(f"llama_index_agent must have a method chat, achat or run, got {llama_index_agent!r}.")
        if not description or not description.strip():
            raise ValueError(f"description must say what {name!r} is for, got {description!r}.")
        super().__init__(name, description=description, **kwargs)
        self._llama_index_agent = llama_index_agent
        self.replace_reply_func(ConversableAgent.generate_oai_reply, LLamaIndexConversableAgent._generate_oai_reply)
        self.replace_reply_func(ConversableAgent.a_generate_oai_reply, LLamaIndexConversableAgent._a_generate_oai_reply)

    def _generate_oai_reply(
        self, messages: list[Message] | None = None, sender: Agent | None = None, config: object = None
    ) -> Reply:
        """Reply with the answer of LlamaIndex's agent (a reply function)."""
        return run_sync(self._ask(messages, sender))

    async def _a_generate_oai_reply(
        self, messages: list[Message] | None = None, sender: Agent | None = None, config: object = None
    ) -> Reply:
        """Async version of `_generate_oai_reply`."""
        return await run_async(self._ask(messages, sender))

    def _ask(self, messages: list[Message] | None, sender: Agent | None) -> Steps[Reply]:
        conversation = get_conversation(self, messages, sender)
        if not conversation:
            return False, None
        question = content_str(conversation[-1].get("content"))
        history = [
            _convert_message(message) for message in conversation[:-1] if message.get("role") in ("user", "assistant")
        ]
        agent = self._llama_index_agent
        chat, a_chat = getattr(agent, "chat", None), getattr(agent, "achat", None)
        if chat is not None:
            async_fn = a_chat or wrap_in_thread(chat)
            answer = yield from invoke(chat, async_fn, message=question, chat_history=history)
        elif a_chat is not None:
            answer = yield from invoke(*_pair_coroutine(a_chat), message=question, chat_history=history)
        else:
            answer = yield from invoke(*_pair_coroutine(agent.run), user_msg=question, chat_history=history)
        text = getattr(answer, "response", answer)
        # The answer of a workflow is a message.
        text = getattr(text, "content", text)
        return True, str(text) if text is not None else ""


def _pair_coroutine(function: Callable[..., Any]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return a sync and an async form of a function whose result is awaited inside a running event loop."""

    async def call(*args: Any, **kwargs: Any) -> Any:
        return await function(*args, **kwargs)

    return lambda *args, **kwargs: run_coroutine(lambda: call(*args, **kwargs)), call


def _convert_message(message: Message) -> Any:
    """Return a message in LlamaIndex's form.

    Raises:
        ImportError: if LlamaIndex is not installed.
    """
    package = require("llama_index.core.llms", feature="A message for an agent of LlamaIndex")
    return package.ChatMessage(content=content_str(message.get("content")), role=message["role"])


registry.ASYNC_VARIANTS.add(LLamaIndexConversableAgent._generate_oai_reply, LLamaIndexConversableAgent._a_generate_oai_reply)
