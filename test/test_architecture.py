"""The structure of the package is a rule like any other."""

import ast
import pathlib
from graphlib import TopologicalSorter

import pytest

import autogen

ROOT = pathlib.Path(autogen.__file__).parent
SOURCES = {path.relative_to(ROOT.parent): ast.parse(path.read_text()) for path in ROOT.rglob("*.py")}
LAYERS = ("_drive", "io", "cache", "coding", "oai", "agentchat", "testing", "_cli")  # each may import those to its left
STEPS = {
    node.name
    for tree in SOURCES.values()
    for node in ast.walk(tree)
    if isinstance(node, ast.FunctionDef) and node.returns and ast.unparse(node.returns).startswith("Steps[")
}


def imported(path, tree):
    """The modules of this package that a file imports, wherever in it the import stands, but for type checkers' blocks."""
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and id(node) not in skipped:
            base = path.with_suffix("").parts[: -node.level] if node.level else ()
            tails = [f"{node.module}.{a.name}" for a in node.names] if node.module else [a.name for a in node.names]
            for tail in tails:
                whole = (*base, *tail.split("."))
                if whole[0] == "autogen" and len(whole) > 1:
                    yield whole


def test_imports_run_downward():
    for path, tree in SOURCES.items():
        here = path.parts[1].removesuffix(".py")
        for _, there, *_ in imported(path, tree):
            if here in LAYERS and there in LAYERS:
                assert LAYERS.index(there) <= LAYERS.index(here), f"{path} reaches up into {there}"


def test_imports_form_no_circle():
    modules = {path.with_suffix("").parts for path in SOURCES}
    graph = {}
    for path, tree in SOURCES.items():
        found = {target[:size] for target in imported(path, tree) for size in (len(target), len(target) - 1)}
        here = path.with_suffix("").parts
        graph[here] = {target for target in found if target in modules and target != here}
    assert list(TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_rooms_are_small(path):
    assert (ROOT.parent / path).read_text().count("\n") <= 600
    for node in ast.walk(SOURCES[path]):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            docs = len((ast.get_docstring(node, clean=False) or "").splitlines())
            assert node.end_lineno - node.lineno - docs < 60, f"{path}: {node.name} does not fit on a screen"


def called(function: ast.expr) -> str | None:
    """What is called, if it is a function of a module of ours or a method of the object itself; others may be namesakes."""
    if isinstance(function, ast.Name):
        return function.id
    owner = function.value if isinstance(function, ast.Attribute) else None
    own = isinstance(owner, ast.Name) and (owner.id == "self" or owner.id.startswith("_"))
    return function.attr if own else None


def test_no_step_is_forgotten():
    """A generator that nobody runs does nothing, silently: every step stands behind `yield from` or in a driver."""
    for path, tree in SOURCES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
                name = called(node.value.func)
                assert name not in STEPS, f"{path}:{node.lineno}: {name}() is never run"


def public(tree):
    """The public functions and classes that a reader meets: not those in functions, nor in private classes."""
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from public(node)


def test_public_things_have_docstrings():
    told_elsewhere = {"own", "public"}  # by the class that the moves share
    for path, tree in SOURCES.items():
        for node in public(tree):
            setter = any(ast.unparse(d).endswith(".setter") for d in node.decorator_list)
            if not setter and node.name not in told_elsewhere:
                assert ast.get_docstring(node), f"{path}:{node.lineno}: {node.name} has no docstring"
