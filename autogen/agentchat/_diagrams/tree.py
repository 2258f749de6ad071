"""Trees of thoughts as pictures: indented text, Mermaid, SVG, and PNG by Graphviz.

A tree is a dict with `content`, `value`, `visits`, `is_rated`, `is_answer` and `children`, as `ThinkNode.to_dict` makes it.
It may come from a recording, so nothing in it is taken for granted.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

from ..._extras import require
from ..._folders import replace_file
from ...io.base import IOStream
from .story import make_printable, shorten

TREE_FILE = "tree_of_thoughts.png"

_LABEL = 60  # characters
_MAX_NODES = 2_000
_SPECIAL = re.compile(r"[#;:%{}$<>&\"`\\|\[\]()]")
# Sizes of the SVG, in pixels.
_ROW, _INDENT, _CHARACTER, _PAD = 30, 28, 7.2, 10


class TreeDiagram(str):
    """A tree as Mermaid text. JupyterLab from 4.1, Notebook 7 and nbconvert render it."""

    @property
    def markdown(self) -> str:
        """The diagram as a block of Markdown."""
        return f"```mermaid\n{self}\n```\n"

    def _repr_markdown_(self) -> str:
        return self.markdown


class _Row:
    """A node in the order in which it is drawn."""

    def __init__(self, node: Mapping[str, Any], number: int, parent: int | None, depth: int) -> None:
        self.number, self.parent, self.depth = number, parent, depth
        self.content = make_printable(str(node.get("content") or "")).strip()
        self.is_answer = node.get("is_answer") is True
        value = node.get("value")
        is_rated = node.get("is_rated") is True or bool(node.get("visits"))
        self.value = f"{value:.2f}" if is_rated and isinstance(value, (int, float)) else ""

    def make_label(self, length: int) -> str:
        """Return the text of the node in one line."""
        kind = "answer: " if self.is_answer else ""
        value = f"[{self.value}] " if self.value else ""
        return f"{value}{kind}{' '.join(shorten(self.content, length).split())}"


def draw_text(tree: Mapping[str, Any], length: int = 100) -> str:
    """Return a tree as indented text, a line for each node."""
    return "\n".join(f"{'  ' * row.depth}{row.make_label(length)}" for row in _iterate(tree))


def draw_tree(tree: Mapping[str, Any]) -> TreeDiagram:
    """Return a tree as Mermaid text."""
    lines = ["flowchart TD"]
    for row in _iterate(tree):
        opening, closing = ("([", "])") if row.is_answer else ("[", "]")
        label = _SPECIAL.sub(lambda match: f"#{ord(match[0])};", row.make_label(_LABEL))
        # Mermaid takes numeric entities in quotes, and nothing else that has a meaning of its own.
        lines.append(f'    n{row.number}{opening}"{label}"{closing}')
        if row.parent is not None:
            lines.append(f"    n{row.parent} --> n{row.number}")
    return TreeDiagram("\n".join(lines))


def draw_svg(tree: Mapping[str, Any]) -> str:
    """Return a tree as an SVG picture: a list in which each node is below and right of its parent."""
    # A list needs no layout: no two labels can overlap, however long they are.
    rows = list(_iterate(tree))
    labels = [row.make_label(100) for row in rows]
    sides = [_PAD + row.depth * _INDENT for row in rows]
    width = max(side + len(label) * _CHARACTER for side, label in zip(sides, labels, strict=True)) + 3 * _PAD
    height = len(rows) * _ROW + _PAD
    shapes = []
    positions = {row.number: (side, index * _ROW + _PAD) for index, (row, side) in enumerate(zip(rows, sides, strict=True))}
    for row, label in zip(rows, labels, strict=True):
        left, top = positions[row.number]
        if row.parent is not None:
            parent_left, parent_top = positions[row.parent]
            corner = f"M{parent_left + _PAD} {parent_top + _ROW - 6}V{top + 12}H{left}"
            shapes.append(f'<path d="{corner}" fill="none" stroke="#888"/>')
        fill = "#e4f2e4" if row.is_answer else "#f4f4f4"
        size = f'width="{len(label) * _CHARACTER + _PAD:.0f}" height="{_ROW - 6}" rx="4"'
        shapes.append(f'<rect x="{left}" y="{top}" {size} fill="{fill}" stroke="#888"/>')
        shapes.append(f'<text x="{left + _PAD / 2:g}" y="{top + 16}">{html.escape(label)}</text>')
    font = 'font-family="monospace" font-size="12"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height}" {font}>'
    return "\n".join([head, *shapes, "</svg>"])


def write_tree(tree: Mapping[str, Any], path: str | Path | None) -> None:
    """Write a picture of a tree; see `ThinkNode.visualize_tree`.

    Raises:
        ValueError: if the suffix of the path is unknown.
        ImportError: if a `.png` is wanted, and the package `graphviz` is missing.
        OSError: if the file can't be written.
    """
    if path is None:
        try:
            _write_png(tree, Path(TREE_FILE))
        # The package may be there, and its programs not.
        except (ImportError, OSError, RuntimeError) as error:
            IOStream.get_default().print(f"There is no picture in {TREE_FILE}: {error}\n{draw_text(tree)}")
        return
    target = Path(path)
    writers: dict[str, Callable[[Mapping[str, Any]], str]] = {".txt": draw_text, ".mmd": draw_tree, ".svg": draw_svg}
    if target.suffix == ".png":
        _write_png(tree, target)
    elif target.suffix in writers:
        with replace_file(target.absolute(), mode=0o644) as file:
            file.write(writers[target.suffix](tree).encode())
    else:
        raise ValueError(f"The picture of a tree must be a .txt, .mmd, .svg or .png file, got {str(path)!r}.")


def _write_png(tree: Mapping[str, Any], path: Path) -> None:
    graphviz = require("graphviz", feature="A picture of a tree as PNG")
    graph = graphviz.Digraph(format="png", node_attr={"shape": "box"})
    for row in _iterate(tree):
        # Otherwise a backslash would be an escape of Graphviz.
        graph.node(str(row.number), graphviz.escape(row.make_label(_LABEL)), style="rounded" if row.is_answer else "")
        if row.parent is not None:
            graph.edge(str(row.parent), str(row.number))
    with replace_file(path.absolute(), mode=0o644) as file:
        file.write(graph.pipe())


def _iterate(tree: Mapping[str, Any]) -> Iterator[_Row]:
    """Yield the nodes of a tree, depth first."""
    # Not recursive: a recording may be nested more deeply than Python calls functions.
    numbers = count()
    nodes: list[tuple[Any, int | None, int]] = [(tree, None, 0)]
    while nodes:
        node, parent, depth = nodes.pop()
        if not isinstance(node, Mapping):
            continue
        row = _Row(node, next(numbers), parent, depth)
        if row.number == _MAX_NODES:
            yield _Row({"content": f"... and more: only {_MAX_NODES:,} thoughts are drawn"}, row.number, parent, depth)
            return
        yield row
        children = node.get("children")
        nodes.extend((child, row.number, depth + 1) for child in reversed(children if isinstance(children, list) else []))
