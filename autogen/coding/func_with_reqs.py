"""Functions that generated code may import, with the packages and imports they need.

>>> @with_requirements(python_packages=["pandas"], global_imports=["pandas"])
... def column(path: str, name: str) -> list:
...     '''The values of a column.'''
...     return list(pandas.read_csv(path)[name])
>>> print(to_stub(column))
def column(path: str, name: str) -> list:
    \"\"\"The values of a column.\"\"\"
    ...
"""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, Generic, ParamSpec, TypeVar, Union

T = TypeVar("T")
P = ParamSpec("P")


@dataclass
class Alias:
    """`import name as alias`."""

    name: str
    alias: str


@dataclass
class ImportFromModule:
    """`from module import ...`; a single name needs no list."""

    module: str
    imports: list[str | Alias]

    def __post_init__(self) -> None:
        if isinstance(self.imports, (str, Alias)):
            self.imports = [self.imports]


Import = Union[str, ImportFromModule, Alias]
"""An import at the top of the functions' module; plain text is the name of a module."""


@dataclass
class FunctionWithRequirements(Generic[T, P]):
    """A function, the packages it needs installed, and the imports it needs above it. It can be called.

    Attributes:
        func: The function.
        python_packages: What `pip install` is given.
        global_imports: What is imported above the function.
    """

    func: Callable[P, T]
    python_packages: Sequence[str] = field(default_factory=list)
    global_imports: Sequence[Import] = field(default_factory=list)

    def __post_init__(self) -> None:
        functools.update_wrapper(self, self.func, updated=())

    @classmethod
    def from_callable(
        cls, func: Callable[P, T], python_packages: Sequence[str] = [], global_imports: Sequence[Import] = []
    ) -> FunctionWithRequirements[T, P]:
        """A function with what it needs."""
        return cls(func, python_packages, global_imports)

    @staticmethod
    def from_str(
        func: str, python_packages: Sequence[str] = [], global_imports: Sequence[Import] = []
    ) -> FunctionWithRequirementsStr:
        """A function given as text, with what it needs.

        Raises:
            ValueError: The text does not define exactly one function.
        """
        return FunctionWithRequirementsStr(func, python_packages, global_imports)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.func(*args, **kwargs)


@dataclass(init=False)
class FunctionWithRequirementsStr:
    """The text of a function, and what it needs. The text is executed here once, to know its signature: trust it.

    Attributes:
        func: The text.
        python_packages: What `pip install` is given.
        global_imports: What is imported above the function.
    """

    func: str
    python_packages: Sequence[str] = field(default_factory=list)
    global_imports: Sequence[Import] = field(default_factory=list)

    def __init__(self, func: str, python_packages: Sequence[str] = [], global_imports: Sequence[Import] = []) -> None:
        """
        Raises:
            ValueError: The text does not define exactly one function.
        """
        self.func = func
        self.python_packages = python_packages
        self.global_imports = global_imports
        module = ModuleType("func_module")
        try:
            exec(compile(func, "<function>", "exec", dont_inherit=True), module.__dict__)
        except Exception as error:
            raise ValueError(f"Could not compile function: {error}") from error
        functions = inspect.getmembers(module, inspect.isfunction)
        if len(functions) != 1:
            raise ValueError("The string must contain exactly one function")
        self._func_name, self._compiled_func = functions[0]

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError("A function given as text can't be called here: only generated code can call it.")


UserFunction = Union[Callable[..., Any], FunctionWithRequirements[Any, Any], FunctionWithRequirementsStr]


def with_requirements(
    python_packages: Sequence[str] = [], global_imports: Sequence[Import] = []
) -> Callable[[Callable[P, T]], FunctionWithRequirements[T, P]]:
    """Say what a function needs when generated code calls it.

    Args:
        python_packages: What `pip install` is given.
        global_imports: What is imported above the function.
    """

    def wrap(func: Callable[P, T]) -> FunctionWithRequirements[T, P]:
        return FunctionWithRequirements(func, python_packages, global_imports)

    return wrap


def to_stub(func: UserFunction) -> str:
    """A function's first line and docstring, for a prompt."""
    name, function = _named(func)
    doc = inspect.cleandoc(function.__doc__ or "")
    body = f'"""{doc}"""\n...' if doc else "..."
    return f"def {name}{_signature(function)}:\n{textwrap.indent(body, '    ')}"


def required_packages(functions: Sequence[UserFunction]) -> list[str]:
    """The packages that functions need, each once."""
    return list(dict.fromkeys(package for func in functions for package in getattr(func, "python_packages", ())))


def _build_python_functions_file(functions: Sequence[UserFunction]) -> str:
    """The module of the functions: their imports, each once, and their sources.

    Raises:
        ValueError: A function's source can't stand alone.
    """
    imports = dict.fromkeys(_import_line(one) for func in functions for one in getattr(func, "global_imports", ()))
    sources = [_source(func).strip("\n") + "\n" for func in functions]
    future = ["from __future__ import annotations"] if any(map(_has_late_annotations, functions)) else []
    return "\n".join([*future, *imports, "", *sources])


class _AsWritten(str):
    """An annotation that is text already: it is shown without quotes."""

    __repr__ = str.__str__


def _signature(function: Callable[..., Any]) -> inspect.Signature:
    signature = inspect.signature(function)

    def shown(annotation: Any) -> Any:
        return _AsWritten(annotation) if isinstance(annotation, str) else annotation

    parameters = [one.replace(annotation=shown(one.annotation)) for one in signature.parameters.values()]
    return signature.replace(parameters=parameters, return_annotation=shown(signature.return_annotation))


def _has_late_annotations(func: UserFunction) -> bool:
    """Whether its module reads annotations as text: they may name what can't be imported."""
    code = getattr(inspect.unwrap(_named(func)[1]), "__code__", None)
    return code is not None and bool(code.co_flags & annotations.compiler_flag)


def _import_line(what: Import) -> str:
    if isinstance(what, str):
        return f"import {what}"
    if isinstance(what, Alias):
        return f"import {what.name} as {what.alias}"
    names = [one if isinstance(one, str) else f"{one.name} as {one.alias}" for one in what.imports]
    return f"from {what.module} import {', '.join(names)}"


def _named(func: UserFunction) -> tuple[str, Callable[..., Any]]:
    if isinstance(func, FunctionWithRequirementsStr):
        return func._func_name, func._compiled_func
    function = func.func if isinstance(func, FunctionWithRequirements) else func
    return getattr(function, "__name__", repr(function)), function


def _source(func: UserFunction) -> str:
    """A function's source without its decorators, which belong to this process."""
    if isinstance(func, FunctionWithRequirementsStr):
        return func.func
    name, function = _named(func)
    function = inspect.unwrap(function)
    outer = getattr(getattr(function, "__code__", None), "co_freevars", ())
    if outer:
        raise ValueError(f"{name} can't stand alone: it uses {', '.join(outer)} of the function around it.")
    try:
        source = textwrap.dedent(inspect.getsource(function))
        definition = ast.parse(source).body[0]
    except (OSError, TypeError, SyntaxError) as error:
        advice = "Give it as text, with FunctionWithRequirements.from_str."
        raise ValueError(f"The source of {name} can't be found: {error}. {advice}") from error
    if not isinstance(definition, (ast.FunctionDef, ast.AsyncFunctionDef)) or inspect.ismethod(function):
        raise ValueError(f"{name} can't stand alone: it is no function made with `def`.")
    return "".join(source.splitlines(keepends=True)[definition.lineno - 1 :])
