"""The source of the package, parsed once for the tests of its structure and its wording."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import autogen

ROOT = Path(autogen.__file__).parent
PATHS = sorted(ROOT.rglob("*.py"))


def get_module_name(path: Path) -> str:
    """Return the dotted name of the module in a file; that of a package for its `__init__.py`."""
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


class Trees(Mapping[str, ast.Module]):
    """The syntax trees of all modules by name, each parsed when it is read: not by each worker that collects tests."""

    def __getitem__(self, module: str) -> ast.Module:
        return parse_module(FILES[module])

    def __iter__(self) -> Iterator[str]:
        return iter(FILES)

    def __len__(self) -> int:
        return len(FILES)


@cache
def parse_module(path: Path) -> ast.Module:
    """Parse a file."""
    return ast.parse(path.read_text(encoding="utf-8"))


TREES = Trees()
FILES = {get_module_name(path): path for path in PATHS}
PACKAGES = {name for name, path in FILES.items() if path.name == "__init__.py"}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@cache
def find_imports(module: str) -> tuple[tuple[str, int], ...]:
    """Return the modules of this package that a module imports, each with the line.

    Imports in functions and those for type checkers count like any other.
    """
    found = []
    package = module if module in PACKAGES else module.rpartition(".")[0]
    for node in ast.walk(TREES[module]):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")
            base = parents[: len(parents) - node.level + 1] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            names = [f"{source}.{alias.name}" for alias in node.names]
        for name in names:
            # the last part may be a name in a module
            target = name if name in TREES else name.rpartition(".")[0]
            if target in TREES and target != module:
                found.append((target, node.lineno))
    return tuple(found)


def find_docstrings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the docstrings of a module, its classes and its functions, with the line."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, *FUNCTIONS)) and (text := ast.get_docstring(node)):
            yield getattr(node, "lineno", 1), text


def find_comments(path: Path) -> Iterator[tuple[int, str, bool]]:
    """Yield the comments of a file: line, text, and True if the comment has a line of its own."""
    with io.StringIO(path.read_text(encoding="utf-8")) as source:
        for token in tokenize.generate_tokens(source.readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string, token.line.lstrip().startswith("#")


SQL = re.compile(r"\s*(?:BEGIN|CREATE|DELETE|INSERT|PRAGMA|SELECT|UPDATE)\b")


def find_texts(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the prose of a file, with the line: docstrings, messages and comments."""
    for node in ast.walk(TREES[get_module_name(path)]):
        # a text without a space is a key or a name
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value
        if is_text and not SQL.match(node.value):
            yield node.lineno, node.value
    for line, text, _ in find_comments(path):
        yield line, text
