"""`GraphRagCapability`: agents that answer from a graph."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ...._steps import Steps, run_async, run_sync, to_thread
from ...._untrusted import clean_text, mark_untrusted
from ....code_utils import content_str
from ..._core.internals import get_conversation
from ..._replies import registry
from ...agent import Agent, Message
from ...conversable_agent import ConversableAgent, Reply
from ..capabilities.agent_capability import AgentCapability
from .graph_query_engine import GraphQueryEngine, GraphStoreQueryResult

__all__ = ["GraphRagCapability"]


class GraphRagCapability(AgentCapability):
    """A capability of agents that answer from a graph.

    An agent without a model replies with the answer of the graph. An agent with a model sees the facts of the graph below
    the last message, marked as text from outside. Any engine with the methods of `GraphQueryEngine` can be used.

    Args:
        query_engine: The engine.
        n_results: Maximum number of facts.

    >>> GraphRagCapability(SqliteGraphQueryEngine("graph.db", llm_config)).add_to_agent(agent)  # doctest: +SKIP
    """

    # Registered as it is, and not as a copy.
    is_live = True

    def __init__(self, query_engine: GraphQueryEngine, *, n_results: int = 10) -> None:
        super().__init__()
        self.query_engine = query_engine
        self.n_results = n_results

    def add_to_agent(self, agent: ConversableAgent) -> None:
        """Give the capability to an agent.

        Raises:
            TypeError: if the engine has no method `query`.
        """
        if not callable(getattr(self.query_engine, "query", None)):
            raise TypeError(f"query_engine must have a method query(question, n_results), got {self.query_engine!r}.")
        if agent.llm_config:
            self.register_hook(agent, "process_all_messages_before_reply", self.add_facts, self.a_add_facts)
        else:
            self.register_reply(agent, [Agent, None], _reply_from_graph, 1, config=self)

    def add_facts(self, messages: list[Message]) -> list[Message]:
        """Return the messages with the facts about the last (a hook)."""
        return run_sync(self._add_facts(messages))

    async def a_add_facts(self, messages: list[Message]) -> list[Message]:
        """Async version of `add_facts`."""
        return await run_async(self._add_facts(messages))

    def _add_facts(self, messages: list[Message]) -> Steps[list[Message]]:
        question = _get_question(messages)
        if question is None:
            return messages
        result = yield from self.ask(question)
        facts = [
            fact if isinstance(fact, str) else json.dumps(fact, ensure_ascii=False, default=str) for fact in result.results
        ]
        text = clean_text("\n".join(facts) or result.answer or "")
        if not text:
            return messages
        block = mark_untrusted(text, "a graph of documents")
        return [*messages[:-1], {**messages[-1], "content": f"{question}\n\nFacts about it:\n{block}"}]

    def ask(self, question: str) -> Steps[GraphStoreQueryResult]:
        """Ask the engine (a step)."""
        query: Callable[..., GraphStoreQueryResult] = self.query_engine.query
        return to_thread(query, question, n_results=self.n_results)


def _reply_from_graph(
    recipient: ConversableAgent, messages: list[Message] | None, sender: Agent | None, config: Any
) -> Reply:
    """Reply with the answer of the graph (a reply function)."""
    return run_sync(_ask_graph(recipient, messages, sender, config))


async def _a_reply_from_graph(
    recipient: ConversableAgent, messages: list[Message] | None, sender: Agent | None, config: Any
) -> Reply:
    return await run_async(_ask_graph(recipient, messages, sender, config))


registry.ASYNC_VARIANTS.add(_reply_from_graph, _a_reply_from_graph)


def _ask_graph(
    recipient: ConversableAgent, messages: list[Message] | None, sender: Agent | None, capability: GraphRagCapability
) -> Steps[Reply]:
    question = _get_question(get_conversation(recipient, messages, sender))
    if question is None:
        return False, None
    result = yield from capability.ask(question)
    return (True, result.answer) if result.answer else (False, None)


def _get_question(messages: list[Message]) -> str | None:
    """Return the text of the last message; None for a call, a result, or an empty text."""
    last = messages[-1] if messages else {}
    if last.get("tool_calls") or last.get("function_call") or last.get("role") in ("tool", "function"):
        return None
    return content_str(last.get("content")).strip() or None
