"""Functions that generated code may import, with their required packages and imports.

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

from .._mistakes import trim_stop

T = TypeVar("T")
P = ParamSpec("P")


@dataclass
class Alias:
    """The import `import name as alias`."""

    name: str
    alias: str


@dataclass
class ImportFromModule:
    """The import `from module import ...`; a single name needs no list."""

    module: str
    imports: list[str | Alias]

    def __post_init__(self) -> None:
        if isinstance(self.imports, (str, Alias)):
            self.imports = [self.imports]


Import = Union[str, ImportFromModule, Alias]
"""An import in the functions' module; a str is the name of a module."""


@dataclass
class FunctionWithRequirements(Generic[T, P]):
    """A callable function with its required packages and imports.

    Attributes:
        func: The function.
        python_packages: Requirements for `pip install`.
        global_imports: Imports above the function.
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
        """Create an instance from a function and its requirements.

        Args:
            func: The function.
            python_packages: Requirements for `pip install`.
            global_imports: Imports above the function.
        """
        return cls(func, python_packages, global_imports)

    @staticmethod
    def from_str(
        func: str, python_packages: Sequence[str] = [], global_imports: Sequence[Import] = []
    ) -> FunctionWithRequirementsStr:
        """Create an instance from source code and its requirements.

        Args:
            func: The source code of the function.
            python_packages: Requirements for `pip install`.
            global_imports: Imports above the function.

        Raises:
            ValueError: if the source does not define exactly one function.
        """
        return FunctionWithRequirementsStr(func, python_packages, global_imports)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call the function."""
        return self.func(*args, **kwargs)


@dataclass(init=False)
class FunctionWithRequirementsStr:
    """The source code of a function with its required packages and imports.

    The source is executed in this process to read the signature, so it must be trusted.

    Attributes:
        func: The source code.
        python_packages: Requirements for `pip install`.
        global_imports: Imports above the function.
    """

    func: str
    python_packages: Sequence[str] = field(default_factory=list)
    global_imports: Sequence[Import] = field(default_factory=list)

    def __init__(self, func: str, python_packages: Sequence[str] = [], global_imports: Sequence[Import] = []) -> None:
        """Compile the source.

        Args:
            func: The source code of the function.
            python_packages: Requirements for `pip install`.
            global_imports: Imports above the function.

        Raises:
            ValueError: if the source does not define exactly one function.
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

    def __call__(self, *args: object, **kwargs: object) -> None:
        """Raise an error: the function runs only in generated code.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError("A function given as source code can only be called by generated code.")


UserFunction = Union[Callable[..., Any], FunctionWithRequirements[Any, Any], FunctionWithRequirementsStr]
"""A function for generated code: plain, or with requirements."""


def with_requirements(
    python_packages: Sequence[str] = [], global_imports: Sequence[Import] = []
) -> Callable[[Callable[P, T]], FunctionWithRequirements[T, P]]:
    """Declare the requirements of a function: a decorator.

    Args:
        python_packages: Requirements for `pip install`.
        global_imports: Imports above the function.
    """

    def wrap(func: Callable[P, T]) -> FunctionWithRequirements[T, P]:
        return FunctionWithRequirements(func, python_packages, global_imports)

    return wrap


def to_stub(func: UserFunction) -> str:
    """Return the signature and docstring of a function, for a prompt."""
    name, function = _get_name_and_function(func)
    doc = inspect.cleandoc(function.__doc__ or "")
    body = f'"""{doc}"""\n...' if doc else "..."
    return f"def {name}{_build_signature(function)}:\n{textwrap.indent(body, '    ')}"


def required_packages(functions: Sequence[UserFunction]) -> list[str]:
    """Return the required packages of functions, without duplicates."""
    return list(dict.fromkeys(package for func in functions for package in getattr(func, "python_packages", ())))


def _build_python_functions_file(functions: Sequence[UserFunction]) -> str:
    """Build the source of the functions' module: imports without duplicates, and definitions.

    Raises:
        ValueError: if a function is not self-contained.
    """
    imports = dict.fromkeys(_format_import(item) for func in functions for item in getattr(func, "global_imports", ()))
    sources = [_get_source(func).strip("\n") + "\n" for func in functions]
    future = ["from __future__ import annotations"] if any(map(_has_postponed_annotations, functions)) else []
    return "\n".join([*future, *imports, "", *sources])


class _VerbatimAnnotation(str):
    """An annotation that is a string already, shown without quotes."""

    __repr__ = str.__str__


def _build_signature(function: Callable[..., object]) -> inspect.Signature:
    signature = inspect.signature(function)

    def unquote(annotation: object) -> object:
        return _VerbatimAnnotation(annotation) if isinstance(annotation, str) else annotation

    parameters = [item.replace(annotation=unquote(item.annotation)) for item in signature.parameters.values()]
    return signature.replace(parameters=parameters, return_annotation=unquote(signature.return_annotation))


def _has_postponed_annotations(func: UserFunction) -> bool:
    """Return True if annotations are not evaluated in the function's module; they may refer to undefined names."""
    code = getattr(inspect.unwrap(_get_name_and_function(func)[1]), "__code__", None)
    return code is not None and bool(code.co_flags & annotations.compiler_flag)


def _format_import(item: Import) -> str:
    if isinstance(item, str):
        return f"import {item}"
    if isinstance(item, Alias):
        return f"import {item.name} as {item.alias}"
    names = [name if isinstance(name, str) else f"{name.name} as {name.alias}" for name in item.imports]
    return f"from {item.module} import {', '.join(names)}"


def _get_name_and_function(func: UserFunction) -> tuple[str, Callable[..., object]]:
    if isinstance(func, FunctionWithRequirementsStr):
        return func._func_name, func._compiled_func
    function = func.func if isinstance(func, FunctionWithRequirements) else func
    return getattr(function, "__name__", repr(function)), function


def _get_source(func: UserFunction) -> str:
    """Return the source of a function without its decorators, which are objects of this process."""
    if isinstance(func, FunctionWithRequirementsStr):
        return func.func
    name, function = _get_name_and_function(func)
    function = inspect.unwrap(function)
    free_variables = getattr(getattr(function, "__code__", None), "co_freevars", ())
    if free_variables:
        raise ValueError(f"{name} is not self-contained: it uses {', '.join(free_variables)} of the enclosing function.")
    try:
        source = textwrap.dedent(inspect.getsource(function))
        definition = ast.parse(source).body[0]
    except (OSError, TypeError, SyntaxError) as error:
        advice = "Pass its source code to FunctionWithRequirements.from_str."
        raise ValueError(f"The source of {name} can't be found: {trim_stop(error)}. {advice}") from error
    if not isinstance(definition, (ast.FunctionDef, ast.AsyncFunctionDef)) or inspect.ismethod(function):
        raise ValueError(f"{name} is not self-contained: it must be a function defined with `def`.")
    return "".join(source.splitlines(keepends=True)[definition.lineno - 1 :])
