"""The documentation that is in the package itself, as passages: its docstrings."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import NamedTuple

PACKAGE = Path(__file__).parent.parent
_MIN_CHARS = 60


class Passage(NamedTuple):
    """The docstring of a public module, class, function or method, under its name."""

    name: str
    text: str


@cache
def list_passages() -> tuple[Passage, ...]:
    """Return the docstrings of the package, those of a line aside. The code is read, and not imported."""
    passages: list[Passage] = []
    # Sorted, so that passages of the same rank come in the same order everywhere.
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        # The docstring is that of the package.
        if parts[-1] == "__init__":
            parts = parts[:-1]
        # This package has the questions.
        if parts[1:2] == ("bench",) or any(part.startswith("_") for part in parts):
            continue
        passages += _list_of_node(ast.parse(path.read_text(encoding="utf-8")), ".".join(parts))
    return tuple(passages)


def _list_of_node(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef, name: str) -> list[Passage]:
    text = ast.get_docstring(node)
    passages = [Passage(name, f"{name}\n{text}")] if text and len(text) >= _MIN_CHARS else []
    if not isinstance(node, (ast.Module, ast.ClassDef)):
        return passages
    for child in node.body:
        if isinstance(child, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and not child.name.startswith("_"):
            passages += _list_of_node(child, f"{name}.{child.name}")
    return passages
