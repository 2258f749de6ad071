"""`ThinkNode`: a thought in a tree, and the data sets that are made of a tree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..._diagrams.tree import TreeDiagram, draw_tree, write_tree

QUESTION, TRAJECTORY = "# Question:", "# Trajectory:"
_FIELDS = (
    "content",
    "value",
    "depth",
    "reflection",
    "rating_details",
    "output",
    "visits",
    "is_final",
    "is_rated",
    "is_answer",
)


class ThinkNode:
    """A thought, with the thoughts that follow it.

    Args:
        content: Its text; that of the root is the question.
        parent: The thought before it, whose child it becomes; None for a root.

    Attributes:
        content: As above.
        value: Its rating from 0 to 1; the mean of the ratings below it, if they are propagated back.
        parent: As above.
        reflection: What the thinker said about the path before it found the next thoughts.
        rating_details: What the grader said.
        output: The result of the step; None if it was not executed.
        depth: Number of thoughts before it.
        children: The thoughts that follow.
        visits: Number of ratings in its value, if they are propagated back.
        is_final: True if the path ends with it.
        is_rated: True if the grader, or the verifier, gave it its value.
        is_answer: True for the answer to the question that was written after a path.
    """

    def __init__(self, content: str, parent: ThinkNode | None = None) -> None:
        self.content = content
        self.value = 0.0
        self.parent = parent
        self.reflection = ""
        self.rating_details = ""
        self.output: str | None = None
        self.depth: int = 0 if parent is None else parent.depth + 1
        self.children: list[ThinkNode] = []
        self.visits = 0
        self.is_final = self.is_rated = self.is_answer = False
        if parent is not None:
            parent.children.append(self)

    def __str__(self) -> str:
        return f"{self.content} -> Depth: {self.depth} Value: {self.value} Visits: {self.visits}"

    def __repr__(self) -> str:
        return f"ThinkNode({self.content[:60]!r}, depth={self.depth}, value={self.value:.2f}, children={len(self.children)})"

    def _repr_markdown_(self) -> str:
        return self.diagram.markdown

    @property
    def path(self) -> list[ThinkNode]:
        """The thoughts from the root to this one."""
        nodes: list[ThinkNode] = []
        node: ThinkNode | None = self
        while node is not None:
            nodes.insert(0, node)
            node = node.parent
        return nodes

    @property
    def trajectory(self) -> str:
        """The question and the steps to this thought, as text."""
        question, *steps = self.path
        return "\n".join([QUESTION, question.content, "---", "", TRAJECTORY, *_describe_steps(steps)])

    @property
    def diagram(self) -> TreeDiagram:
        """The tree from here on, as Mermaid text, which notebooks draw."""
        return draw_tree(self.to_dict())

    def backpropagate(self, reward: float) -> None:
        """Add a rating to the mean of this thought, and of all before it."""
        for node in self.path:
            # A moving mean, so that no sum has to be kept.
            node.visits += 1
            node.value += (reward - node.value) / node.visits

    def iterate(self) -> Iterator[ThinkNode]:
        """Yield this thought and all that follow it, depth first."""
        nodes = [self]
        while nodes:
            node = nodes.pop()
            yield node
            nodes.extend(reversed(node.children))

    def to_dict(self) -> dict[str, Any]:
        """Return the tree from here on as a dict of JSON values."""
        fields = {name: getattr(self, name) for name in _FIELDS}
        return {**fields, "children": [child.to_dict() for child in self.children]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], parent: ThinkNode | None = None) -> ThinkNode:
        """Make a tree from a dict.

        Args:
            data: The dict, as of `to_dict`; `content` is required.
            parent: The thought whose child it becomes; None for a root.
        """
        node = cls(data["content"], parent)
        for name in _FIELDS:
            if name in data:
                setattr(node, name, data[name])
        for child in data.get("children") or ():
            cls.from_dict(child, node)
        return node

    def visualize_tree(self, path: str | Path | None = None) -> None:
        """Write a picture of the tree.

        Args:
            path: The file. Its suffix decides: `.txt` for indented text, `.mmd` for Mermaid, `.svg`, or `.png`, which needs
                the package `graphviz` and its programs. None for `tree_of_thoughts.png`, or, without graphviz, for a hint
                and the text on the console.

        Raises:
            ValueError: if the suffix is another one.
            ImportError: if a `.png` is wanted, and graphviz is missing.
        """
        write_tree(self.to_dict(), path)


def extract_sft_dataset(root: ThinkNode) -> list[dict[str, Any]]:
    """Return the best paths of a tree as data for supervised fine-tuning.

    Returns:
        For each leaf with the highest value a dict with `instruction`, the question, and `response`, the steps.
    """
    # Answers are leaves, too: that of the best path belongs to the sample.
    leaves = [node for node in root.iterate() if not node.children]
    highest = max(leaf.value for leaf in leaves)
    best = [leaf for leaf in leaves if leaf.value == highest]
    return [
        {"instruction": root.content, "response": "\n".join([TRAJECTORY, *_describe_steps(leaf.path[len(root.path) :])])}
        for leaf in best
    ]


def extract_rlhf_preference_dataset(root: ThinkNode, contrastive_threshold: float = 0.2) -> list[dict[str, Any]]:
    """Return pairs of a better and a worse thought, as data for learning from preferences.

    Args:
        root: The tree.
        contrastive_threshold: Difference of the values from which on a pair counts, between 0 and 1.

    Returns:
        For each pair of siblings that were rated a dict with `instruction`, the path before them, `reflection`,
        `preferred_response` and `dispreferred_response`.

    Raises:
        ValueError: if the threshold is not between 0 and 1.
    """
    if not 0 < contrastive_threshold < 1:
        raise ValueError(f"contrastive_threshold must lie between 0 and 1, got {contrastive_threshold!r}.")
    pairs = []
    for node in root.iterate():
        # The values of siblings that nobody looked at say nothing.
        rated = [child for child in node.children if child.is_rated or child.visits or child.value]
        for index, first in enumerate(rated):
            for second in rated[index + 1 :]:
                if abs(first.value - second.value) <= contrastive_threshold:
                    continue
                better, worse = (first, second) if first.value > second.value else (second, first)
                pairs.append(
                    {
                        "instruction": node.trajectory,
                        "reflection": node.reflection,
                        "preferred_response": f"Step {better.depth}: {better.content}",
                        "dispreferred_response": f"Step {worse.depth}: {worse.content}",
                    }
                )
    return pairs


def visualize_tree(root: ThinkNode) -> None:
    """Write a picture of a tree; see `ThinkNode.visualize_tree`."""
    root.visualize_tree()


def _describe_steps(steps: list[ThinkNode]) -> Iterator[str]:
    for number, step in enumerate(steps, 1):
        yield f"Step {number}:"
        yield f"Content: {step.content}"
        if step.output is not None:
            yield f"Output: {step.output}"
