"""The steps of a search that an agent takes by methods which programs override."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from contextvars import ContextVar
from functools import partial
from typing import Any, Protocol

from ...._steps import Steps, invoke, sync_and_async
from ....oai._responses.tokens import hold_tokens
from ....oai._usage.ledger import UsageLedger
from ..._core.internals import invoke_overridable
from ...conversable_agent import ConversableAgent
from .asking import MIDDLE, Models, ask_model
from .node import ThinkNode
from .parsing import Grade
from .settings import ReasonSettings, SearchLimits


class ActiveSearch(Protocol):
    """The search that a step belongs to."""

    limits: SearchLimits

    @property
    def context(self) -> str:
        """The text in front of each prompt."""
        ...


active_search: ContextVar[ActiveSearch | None] = ContextVar("search of a reasoning agent", default=None)
"""Set while a tree is searched, also in the threads and tasks of its search."""


class AgentSteps:
    """The steps of an agent's searches.

    Args:
        agent: The agent. Its methods `rate_node`, `rate_batch_nodes` and `execute_node` may be overridden.
        models: The models that it asks.
    """

    def __init__(self, agent: ConversableAgent, models: Models) -> None:
        self._agent = agent
        self._models = models
        self._settings: ReasonSettings = models.settings

    def write_answer(self, prompt: str, limits: SearchLimits, is_shown: bool) -> Steps[str]:
        """Answer a question with the help of paths.

        Args:
            prompt: Question and paths.
            limits: Limits of the search, by which it is counted.
            is_shown: True if it is the reply, which may be shown while it arrives.
        """
        limits.begin_call(is_last=True)
        # An answer that is only a candidate, or a part of the reply, must not appear on the screen as the reply.
        with nullcontext() if is_shown else hold_tokens():
            return (yield from ask_model(self._agent, [{"role": "user", "content": prompt}]))

    def rate(self, node: ThinkNode, truth: str | None, is_outcome: bool) -> Steps[float]:
        """Rate a thought, or an answer, by the agent's method."""
        value: float = yield from self._call("rate_node", self.rate_step, node, truth, is_outcome)
        return value

    def rate_batch(self, nodes: list[ThinkNode], truth: str | None) -> Steps[list[float]]:
        """Rate thoughts that may follow the same thought, by the agent's method."""
        values: list[float] = yield from self._call("rate_batch_nodes", self.rate_batch_step, nodes, truth)
        return values

    def execute(self, node: ThinkNode) -> Steps[str | None]:
        """Execute a thought, by the agent's method."""
        output: str | None = yield from self._call("execute_node", self.execute_step, node)
        return output

    def rate_step(self, node: ThinkNode, truth: str | None = None, is_outcome: bool = False) -> Steps[float]:
        """Rate a thought, or an answer, unless it is rated."""
        # Programs rate nodes of their own, and those of a tree again.
        if node.is_rated:
            return node.value
        if (verifier := self._settings.verifier) is not None:
            value = yield from invoke(*sync_and_async(verifier, blocks=True), node)
            return _set_grade(node, Grade(min(max(float(value), 0.0), 1.0), "the verifier's value"))
        limits, context = self._find_search()
        return _set_grade(node, (yield from self._models.rate(node, truth, is_outcome, context, limits)))

    def rate_batch_step(self, nodes: list[ThinkNode], truth: str | None = None) -> Steps[list[float]]:
        """Rate thoughts that are not rated, in one request. A thought that the grader leaves out is rated alone."""
        unrated = [node for node in nodes if not node.is_rated]
        if self._settings.verifier is None and len(unrated) > 1:
            limits, context = self._find_search()
            grades = yield from self._models.rate_batch(unrated, truth, context, limits)
            for node, grade in zip(unrated, grades, strict=True):
                if grade is not None:
                    _set_grade(node, grade)
        for node in nodes:
            yield from self.rate_step(node, truth)
        return [node.value for node in nodes]

    def execute_step(self, node: ThinkNode) -> Steps[str | None]:
        """Execute a thought, and store its output."""
        limits, context = self._find_search()
        node.output = yield from self._models.execute(node, context, limits)
        return node.output

    def _call(self, method: str, step: Callable[..., Steps[Any]], *args: object) -> Steps[Any]:
        return (yield from invoke_overridable(self._agent, method, partial(step), *args))

    def _find_search(self) -> tuple[SearchLimits, str]:
        """Return the limits and the context of the search; for a program's own call, neither."""
        # Not passed on as an argument: overrides of the agent's methods stand between the search and its steps.
        search = active_search.get()
        if search is None:
            return SearchLimits(ReasonSettings(), UsageLedger()), ""
        return search.limits, search.context


def _set_grade(node: ThinkNode, grade: Grade | None) -> float:
    """Give a thought its rating. Without a rating it is in the middle of the scale, and stays unrated."""
    node.value = MIDDLE if grade is None else grade.value
    node.rating_details = "" if grade is None else grade.details
    node.is_rated = grade is not None
    return node.value
