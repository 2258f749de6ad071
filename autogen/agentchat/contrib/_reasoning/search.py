"""The ways through a tree of thoughts: beam search, and Monte-Carlo tree search."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

from ...._steps import Steps, gather, run_async, run_sync
from ...._threads import reset_variable
from . import prompts
from .agent_steps import AgentSteps, active_search
from .asking import Models
from .node import TRAJECTORY, ThinkNode
from .settings import LimitReached, ReasonSettings, SearchLimits


class Search:
    """A search for the answer to one question.

    Args:
        models: The models that are asked.
        limits: Limits of the search.
        question: The question.
        truth: What only the grader may know; None for nothing.
        steps: The steps of the agent.
        index: Number of the tree in its forest.

    Attributes:
        root: The question, with the thoughts about it.
        limits: As above.
    """

    def __init__(
        self, models: Models, limits: SearchLimits, question: str, truth: str | None, steps: AgentSteps, index: int = 0
    ) -> None:
        self.root = ThinkNode(question)
        self.limits = limits
        self._models, self._truth, self._steps = models, truth, steps
        self._settings: ReasonSettings = models.settings
        self._random = random.Random(f"{self._settings.seed}:{index}")

    @property
    def context(self) -> str:
        """The earlier tries and their ratings, for LATS; else empty."""
        if self._settings.method != "lats":
            return ""
        answers = [node for node in self.root.iterate() if node.is_answer and node.is_rated]
        tries = []
        for number, node in enumerate(answers, 1):
            steps = node.trajectory.partition(TRAJECTORY)[2].strip()
            tries.append(f"## Try {number}, rated {node.value:.2f} of 1\n{steps}\nIts rating: {node.rating_details}")
        return prompts.EARLIER_TRIES.replace("{tries}", "\n\n".join(tries)) if tries else ""

    def run(self) -> Steps[str]:
        """Search, and return the answer."""
        token = active_search.set(self)
        try:
            return (yield from self._run_mcts() if self._settings.method in ("mcts", "lats") else self._run_beam())
        finally:
            reset_variable(active_search, token)

    # Beam search

    def _run_beam(self) -> Steps[str]:
        width = 1 if self._settings.method == "dfs" else self._settings.beam_size
        leaves, finished = [self.root], list[ThinkNode]()
        try:
            while leaves and len(finished) < width:
                options = yield from self._expand_all(leaves)
                # A path on which the thinker sees no step ends there.
                finished += [leaf for leaf in leaves if not leaf.children]
                kept = yield from self._keep_best(options, width - len(finished))
                finished += [node for node in kept if self._is_terminal(node)]
                leaves = [node for node in kept if not self._is_terminal(node)]
            finished = finished[:width]
            if self._settings.answer_approach == "best" and len(finished) > 1:
                yield from self._rate_all([node for node in finished if not node.is_rated])
        except LimitReached:
            # The answer is written from the paths that there are.
            pass
        paths = finished or [self._find_best_leaf()]
        if self._settings.answer_approach == "best":
            paths = [max(paths, key=lambda node: node.value)]
        return (yield from self._write_answer(paths))

    def _keep_best(self, options: list[ThinkNode], count: int) -> Steps[list[ThinkNode]]:
        """Return the best options, the best first. They are rated only if there are too many."""
        if len(options) <= count:
            return options
        yield from self._rate_all(options)
        return sorted(options, key=lambda node: node.value, reverse=True)[: max(count, 0)]

    def _rate_all(self, nodes: list[ThinkNode]) -> Steps[None]:
        if not self._settings.batch_grading or self._settings.verifier is not None:
            yield from self._gather(lambda node: self._steps.rate(node, self._truth, False), nodes)
            return
        families: dict[int, list[ThinkNode]] = {}
        for node in nodes:
            families.setdefault(id(node.parent), []).append(node)
        yield from self._gather(lambda family: self._steps.rate_batch(family, self._truth), list(families.values()))

    def _find_best_leaf(self) -> ThinkNode:
        """Return the last thought of the best path so far: the highest rating, and of equal ones the longest."""
        leaves = [node for node in self.root.iterate() if not any(not child.is_answer for child in node.children)]
        return max((leaf for leaf in leaves if not leaf.is_answer), key=lambda leaf: (leaf.value, leaf.depth))

    # Monte-Carlo tree search

    def _run_mcts(self) -> Steps[str]:
        try:
            for _ in range(self._settings.nsim):
                yield from self._simulate()
        except LimitReached:
            # As above.
            pass
        answers = [node for node in self.root.iterate() if node.is_answer]
        if answers:
            # An answer that could not be rated any more is worth less than any that was.
            return max(answers, key=lambda node: (node.is_rated, node.value)).content
        return (yield from self._write_answer([self._find_best_leaf()]))

    def _simulate(self) -> Steps[None]:
        """Go down the tree, go on at random to the end of a path, answer, and propagate the rating of the answer back."""
        node = self.root
        while (steps := _list_steps(node)) and not self._is_terminal(node):
            node = max(steps, key=self._score)
            # The first that nobody has looked at.
            if node.visits == 0:
                break
        while not self._is_terminal(node):
            steps = _list_steps(node) or (yield from self._expand(node))
            if not steps:
                break
            node = self._random.choice(steps)
            if self._settings.interim_execution and node.output is None:
                yield from self._steps.execute(node)
        answer = next((child for child in node.children if child.is_answer), None)
        if answer is None:
            text = yield from self._answer_within_limits(node)
            answer = ThinkNode(text, node)
            answer.is_answer = answer.is_final = True
        # The same path is not paid for twice.
        if not answer.is_rated:
            yield from self._steps.rate(answer, self._truth, True)
        answer.visits += 1
        node.backpropagate(answer.value)

    def _answer_within_limits(self, node: ThinkNode) -> Steps[str]:
        self.limits.check()
        return (yield from self._write_answer([node], is_shown=False))

    def _write_answer(self, paths: list[ThinkNode], is_shown: bool = True) -> Steps[str]:
        is_shown = is_shown and self._settings.forest_size == 1
        return (yield from self._steps.write_answer(self._build_question(paths), self.limits, is_shown))

    def _score(self, node: ThinkNode) -> float:
        """Return the upper confidence bound of a thought; those that nobody has looked at come first."""
        # Of equal scores the first is taken, so that equal searches are equal.
        if node.visits == 0:
            return math.inf
        total = node.parent.visits if node.parent is not None else node.visits
        exploration = math.sqrt(math.log(max(total, 1)) / node.visits)
        return node.value + self._settings.exploration_constant * exploration

    # Steps of both

    def _is_terminal(self, node: ThinkNode) -> bool:
        return node.is_final or node.depth >= self._settings.max_depth or "TERMINATE" in node.content

    def _expand(self, node: ThinkNode) -> Steps[list[ThinkNode]]:
        """Add the thoughts that may follow a thought."""
        thoughts = yield from self._models.think(node, self.context, self.limits)
        node.reflection = thoughts.reflection
        for option in thoughts.options:
            child = ThinkNode(option.text, node)
            child.is_final = option.final
        if not thoughts.options:
            node.is_final = True
        return list(node.children)

    def _expand_all(self, leaves: list[ThinkNode]) -> Steps[list[ThinkNode]]:
        """Expand thoughts side by side, execute what follows them if that is wanted, and return it."""
        yield from self._gather(self._expand, leaves)
        options = [node for leaf in leaves for node in leaf.children]
        if self._settings.interim_execution:
            yield from self._gather(self._steps.execute, options)
        return options

    def _gather(self, make_step: Callable[[Any], Steps[Any]], items: list[Any]) -> Steps[None]:
        """Run a step for each item, side by side.

        Raises:
            LimitReached: after all of them, if one has reached a limit.
        """
        if not items:
            return
        reached: list[LimitReached] = []

        def guard(item: Any) -> Steps[None]:
            try:
                yield from make_step(item)
            except LimitReached as error:
                reached.append(error)

        def run(item: Any) -> None:
            run_sync(guard(item))

        async def a_run(item: Any) -> None:
            await run_async(guard(item))

        yield from gather(run, a_run, items, in_threads=True)
        if reached:
            raise reached[0]

    def _build_question(self, paths: list[ThinkNode]) -> str:
        texts = [path.trajectory.partition(TRAJECTORY)[2].strip() or "(no steps)" for path in paths]
        if len(texts) == 1:
            return _fill(prompts.ANSWER_ONE, question=self.root.content, path=texts[0])
        numbered = "\n\n".join(f"## Line of thought {number}\n{text}" for number, text in enumerate(texts, 1))
        return _fill(prompts.ANSWER_POOL, question=self.root.content, count=str(len(texts)), paths=numbered)


def merge_answers(question: str, answers: list[str]) -> str:
    """Return the prompt that merges the answers of several trees."""
    numbered = "\n\n".join(f"## Answer {number}\n{answer}" for number, answer in enumerate(answers, 1))
    return _fill(prompts.MERGE, question=question, count=str(len(answers)), answers=numbered)


def _list_steps(node: ThinkNode) -> list[ThinkNode]:
    return [child for child in node.children if not child.is_answer]


def _fill(template: str, **texts: str) -> str:
    """Fill in a template, in one pass: a text may contain what looks like a placeholder."""
    parts = template.split("{")
    filled = [parts[0]]
    for part in parts[1:]:
        name, _, rest = part.partition("}")
        filled.append(texts[name] + rest)
    return "".join(filled)
