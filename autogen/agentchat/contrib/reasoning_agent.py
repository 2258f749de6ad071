"""`ReasoningAgent`: an agent that searches for its answer in a tree of thoughts."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ... import events
from ..._mistakes import warn_caller
from ..._steps import Steps, gather, run_async, run_sync
from ...coding.base import CodeExecutionConfig
from ...oai._usage.ledger import enter_chat_budget
from ...types import LLMConfigDict
from .._core.internals import ORIGINAL_METHODS, get_conversation
from .._replies import registry
from ..agent import Agent, Message
from ..assistant_agent import AssistantAgent
from ..conversable_agent import ConversableAgent, Reply
from ._reasoning.agent_steps import AgentSteps, active_search
from ._reasoning.asking import Models, get_reply_text
from ._reasoning.node import ThinkNode, extract_rlhf_preference_dataset, extract_sft_dataset, visualize_tree
from ._reasoning.search import Search, merge_answers
from ._reasoning.settings import ReasonSettings, SearchLimits

__all__ = [
    "ReasoningAgent",
    "SearchReport",
    "ThinkNode",
    "extract_rlhf_preference_dataset",
    "extract_sft_dataset",
    "visualize_tree",
]

logger = logging.getLogger(__name__)

_TRUTH = "GROUND_TRUTH"
_DEPRECATED = {"max_depth": 4, "beam_size": 3, "answer_approach": "pool"}


@dataclass(frozen=True)
class SearchReport:
    """Expenses of a reply of a `ReasoningAgent`.

    Attributes:
        calls: Number of requests to models.
        cost: Their cost (USD).
        seconds: Duration.
        stopped_by: Limit that ended the search early: `max_calls`, `max_cost` or `deadline`; None if none did.
    """

    calls: int
    cost: float
    seconds: float
    stopped_by: str | None = None


class ReasoningAgent(AssistantAgent):
    """An agent that searches for its answer: it lets a model propose steps, rates them, and answers from the best paths.

    A thinker proposes steps, a grader, which may have a model of its own, rates them, and the agent's own model writes the
    answer. Each of them is asked many times for a reply; `max_calls`, `max_cost` and `deadline` of the `reason_config` limit
    that: when one is reached, the best path so far is answered. What follows the word `GROUND_TRUTH` in a message is shown
    to the grader alone.

    Attributes:
        settings: The `reason_config`, complete.
        last_trees: Trees of the last reply: one, or as many as `forest_size`.
        last_report: What the last reply took, and whether a limit ended it; None before the first.

    >>> agent = ReasoningAgent("reasoner", llm_config, reason_config={"method": "mcts", "nsim": 5})  # doctest: +SKIP
    >>> user.initiate_chat(agent, message="Which of these plans is cheaper? ...", max_turns=1).summary  # doctest: +SKIP
    """

    DEFAULT_SYSTEM_MESSAGE = (
        "You answer questions with the help of lines of thought that others have worked out. Check them, and give a "
        "complete answer in plain language."
    )
    DEFAULT_DESCRIPTION = "Answers difficult questions by trying out several lines of thought."

    def __init__(
        self,
        name: str,
        llm_config: LLMConfigDict | Mapping[str, object] | Literal[False] | None = None,
        grader_llm_config: LLMConfigDict | Mapping[str, object] | Literal[False] | None = None,
        max_depth: int = 4,
        beam_size: int = 3,
        answer_approach: Literal["pool", "best"] = "pool",
        reason_config: Mapping[str, Any] | None = None,
        code_execution_config: CodeExecutionConfig | Mapping[str, object] | Literal[False] = False,
        scope: str | None = None,
        **kwargs: Any,
    ) -> None:
        """Create an agent.

        Args:
            name: Name that others see.
            llm_config: Config of the model that thinks and answers.
            grader_llm_config: Config of the model that rates; None for the same.
            max_depth: Deprecated, like the next two arguments: a key of `reason_config`.
            beam_size: Deprecated.
            answer_approach: Deprecated.
            reason_config: Settings of the search; see the documentation of `ReasonSettings` for its keys.
            code_execution_config: How the code in thoughts is run. It needs `interim_execution` in the `reason_config`.
            scope: Field of the questions and readers of the answers, in words, for thinker and grader.
            **kwargs: Further arguments of `AssistantAgent`. `verbose` is the opposite of `silent`, and deprecated.

        Raises:
            ValueError: if a key or a value of the `reason_config` is not valid, or there is a `code_execution_config`
                without `interim_execution`.
            RuntimeError: if code is to run in Docker, and Docker is not available.
        """
        config = dict(reason_config or {})
        for key, value in (("max_depth", max_depth), ("beam_size", beam_size), ("answer_approach", answer_approach)):
            if value != _DEPRECATED[key]:
                warn_caller(f"{key} is deprecated, use reason_config={{{key!r}: {value!r}}}.", DeprecationWarning)
                config.setdefault(key, value)
        if "verbose" in kwargs:
            warn_caller("verbose is deprecated, use silent, its opposite.", DeprecationWarning)
            kwargs.setdefault("silent", not kwargs["verbose"])
            del kwargs["verbose"]
        self.settings = ReasonSettings.from_config(config)
        if code_execution_config is not False and not self.settings.interim_execution:
            raise ValueError(
                "A code_execution_config needs reason_config={'interim_execution': True}: otherwise no thought is executed."
            )
        kwargs.setdefault("system_message", self.DEFAULT_SYSTEM_MESSAGE)
        kwargs.setdefault("description", self.DEFAULT_DESCRIPTION)
        super().__init__(name, llm_config=llm_config, **kwargs)
        self._models = Models(
            self.settings,
            self.llm_config,
            self.llm_config if grader_llm_config is None else grader_llm_config,
            code_execution_config,
            scope,
        )
        self._steps = AgentSteps(self, self._models)
        self.last_trees: list[ThinkNode] = []
        self.last_report: SearchReport | None = None
        # The search replaces the single request; tools, code and the end of a chat are handled before it.
        self.replace_reply_func(ConversableAgent.generate_oai_reply, ReasoningAgent.generate_forest_response)
        self.replace_reply_func(ConversableAgent.a_generate_oai_reply, ReasoningAgent.a_generate_forest_response)

    @property
    def method(self) -> str:
        """The method of search."""
        return self.settings.method

    @property
    def last_tree(self) -> ThinkNode | None:
        """The tree of the last reply; of several, the last. None before the first reply."""
        return self.last_trees[-1] if self.last_trees else None

    # Names of AG2.
    @property
    def _root(self) -> ThinkNode | None:
        return self.last_tree

    @property
    def _thinker(self) -> ConversableAgent:
        return self._models.thinker

    @property
    def _grader(self) -> ConversableAgent:
        return self._models.grader

    @property
    def _executor(self) -> ConversableAgent:
        return self._models.executor

    @property
    def _prompt_rewriter(self) -> ConversableAgent:
        return self._models.rewriter

    @property
    def _lats_context(self) -> str:
        search = active_search.get()
        return search.context if search is not None else ""

    def generate_forest_response(
        self, messages: list[Message] | None = None, sender: Agent | None = None, config: object = None
    ) -> Reply:
        """Reply to a conversation by a search.

        Args:
            messages: Conversation; the history with `sender` if None.
            sender: Agent that gets the reply.
            config: Not used.

        Returns:
            True and the answer; `TERMINATE` if the last message has no text.

        Raises:
            ValueError: if the agent has no model.
        """
        return run_sync(self._reply(messages, sender))

    async def a_generate_forest_response(
        self, messages: list[Message] | None = None, sender: Agent | None = None, config: object = None
    ) -> Reply:
        """Async version of `generate_forest_response`."""
        return await run_async(self._reply(messages, sender))

    def rate_node(self, node: ThinkNode, ground_truth: str | None = None, is_outcome: bool = False) -> float:
        """Rate a thought, unless it is rated.

        Args:
            node: The thought.
            ground_truth: What the grader knows, and the thinker does not.
            is_outcome: True if the thought is an answer to the question.

        Returns:
            Its value, from 0 to 1. That of a thought for which there is no rating is in the middle, and `is_rated` is False.
        """
        return run_sync(self._steps.rate_step(node, ground_truth, is_outcome))

    def rate_batch_nodes(self, nodes: list[ThinkNode], ground_truth: str | None = None) -> list[float]:
        """Rate thoughts that may follow the same thought, in one request. The values are those of `rate_node`."""
        return run_sync(self._steps.rate_batch_step(nodes, ground_truth))

    def execute_node(self, node: ThinkNode) -> str | None:
        """Execute a thought, and store the result as its `output`.

        Returns:
            The result: what its code printed, or what the executor's model found.
        """
        return run_sync(self._steps.execute_step(node))

    def visualize_tree(self, path: str | Path | None = None) -> None:
        """Write a picture of the last tree; see `ThinkNode.visualize_tree`.

        Raises:
            RuntimeError: before the first reply.
        """
        self._require_tree().visualize_tree(path)

    def extract_sft_dataset(self) -> list[dict[str, Any]]:
        """Return the best paths of the last tree; see the function of this name.

        Raises:
            RuntimeError: before the first reply.
        """
        return extract_sft_dataset(self._require_tree())

    def extract_rlhf_preference_dataset(self, contrastive_threshold: float = 0.2) -> list[dict[str, Any]]:
        """Return pairs of a better and a worse thought of the last tree; see the function of this name.

        Raises:
            RuntimeError: before the first reply.
        """
        return extract_rlhf_preference_dataset(self._require_tree(), contrastive_threshold)

    def register_model_client(self, model_client_cls: type, **kwargs: Any) -> None:
        """Register a custom client class for the agent's model, and those that think and execute for it."""
        super().register_model_client(model_client_cls, **kwargs)
        for agent in self._models.agents:
            # A grader with a config of its own may have another client.
            if agent is not self._grader or self._models.shares_config:
                agent.register_model_client(model_client_cls, **kwargs)

    def _participants(self) -> list[Any]:
        # The usage of the models that think for the agent counts as its own.
        return [self, *self._models.agents]

    def _require_tree(self) -> ThinkNode:
        tree = self.last_tree
        if tree is None:
            raise RuntimeError(f"{self.name!r} has no tree yet: it has to reply first.")
        return tree

    def _beam_reply(self, prompt: str, ground_truth: str | None = None) -> str:
        return run_sync(self._search(prompt, ground_truth))

    def _mcts_reply(self, prompt: str, ground_truth: str | None = None) -> str:
        return run_sync(self._search(prompt, ground_truth))

    def _reply(self, messages: list[Message] | None, sender: Agent | None) -> Steps[Reply]:
        conversation = get_conversation(self, messages, sender)
        if not conversation or not get_reply_text(conversation[-1]).strip():
            return True, "TERMINATE"
        if self.client is None:
            raise ValueError(f"{self.name!r} has no model that could think: pass an llm_config.")
        conversation, truth = _split_truth(conversation)
        # The cache of a chat is set when the chat begins.
        for agent in self._models.agents:
            agent.client_cache = self.client_cache
        # A single message is the question as it is.
        if len(conversation) == 1:
            question = get_reply_text(conversation[0]).strip()
        else:
            question = yield from self._models.restate(conversation)
        return True, (yield from self._search(question, truth))

    def _search(self, question: str, truth: str | None) -> Steps[str]:
        """Search for the answer to a question, in as many trees as there are to be."""
        with enter_chat_budget({}) as ledger:
            limits = SearchLimits(self.settings, ledger)
            indexes = range(self.settings.forest_size)
            searches = [Search(self._models, limits, question, truth, self._steps, index) for index in indexes]
            self.last_trees = [search.root for search in searches]
            try:
                answers = yield from gather(
                    lambda search: run_sync(search.run()), lambda search: run_async(search.run()), searches, in_threads=True
                )
                if len(answers) == 1:
                    return answers[0]
                return (yield from self._steps.write_answer(merge_answers(question, answers), limits, is_shown=True))
            finally:
                self.last_report = SearchReport(limits.calls, limits.cost, limits.seconds, limits.stopped_by)
                self._report()

    def _report(self) -> None:
        report = self.last_report
        if report is None:
            return
        if report.stopped_by is not None:
            logger.warning(
                "%s: the search of %r ended early; it answers from the best path so far.", report.stopped_by, self.name
            )
        if not events.has_listeners:
            return
        for tree in self.last_trees:
            event = events.ReasoningTree(
                agent=self.name,
                name=self.method,
                tree=tree.to_dict(),
                calls=report.calls,
                cost=report.cost,
                stopped_by=report.stopped_by,
                seconds=report.seconds,
            )
            events.emit(event)


def _split_truth(messages: list[Message]) -> tuple[list[Message], str | None]:
    """Return messages without what only the grader may know, and that: the text from the first GROUND_TRUTH on."""
    for index, message in enumerate(messages):
        text = get_reply_text(message)
        if _TRUTH in text:
            position = text.index(_TRUTH)
            shown = {**message, "content": text[:position].rstrip()}
            return [*messages[:index], shown, *messages[index + 1 :]], text[position:]
    return list(messages), None


registry.ASYNC_VARIANTS.add(ReasoningAgent.generate_forest_response, ReasoningAgent.a_generate_forest_response)
for _method in ("rate_node", "rate_batch_nodes", "execute_node"):
    ORIGINAL_METHODS[_method] = getattr(ReasoningAgent, _method)
