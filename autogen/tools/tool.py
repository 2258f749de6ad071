"""Tools: functions that models may call, with the name, the description and the schema that models see."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any

from .._steps import get_callable_name

if TYPE_CHECKING:
    from typing_extensions import Self

_ATTRIBUTES = ("name", "description", "func", "register_for_llm", "register_for_execution", "register_tool")
_SCHEMAS = ("tool_schema", "function_schema")


class Tool:
    """A function that a model may call. Calling the tool calls the function.

    Args:
        name: Name for the model; by default the function's own.
        description: Description for the model; by default the docstring of the function.
        func_or_tool: A function or another callable; or a tool, whose name, description and schema are the defaults.
        parameters_json_schema: Schema of the parameters, if it is not to be derived from the annotations. Arguments are then
            passed to the function as the model wrote them.
        reflect: False if an agent that works alone answers with the tool's result, and does not ask its model again.
        approve: Who must approve the calls, as for `register_for_execution`; None for nobody, or as the other tool.
        remember: As for `register_for_execution`.
        approvers: As for `register_for_execution`.
        preview: As for `register_for_execution`.
        returns: Labels of the results, as for `register_for_llm`; None for none, or as the other tool.
        needs: As for `register_for_execution`.

    Raises:
        ValueError: if it can't be called, or the schema is not one of an object.

    >>> def add(a: int, b: int) -> int:
    ...     return a + b
    >>> Tool(func_or_tool=add, name="plus")(1, 2)
    3
    """

    def __init__(
        self,
        *,
        name: str | None = None,
        description: str | None = None,
        func_or_tool: Callable[..., Any] | Tool,
        parameters_json_schema: Mapping[str, Any] | None = None,
        reflect: bool | None = None,
        approve: Any = None,
        remember: str = "call",
        approvers: Iterable[str] = (),
        preview: Callable[..., str | None] | None = None,
        returns: str | Iterable[str] | None = None,
        needs: str | Iterable[str] | None = None,
    ) -> None:
        other = get_tool(func_or_tool)
        if not callable(func_or_tool):
            raise ValueError(f"A tool is made of a function or of another tool, got {func_or_tool!r}.")
        if parameters_json_schema is None and other is not None:
            parameters_json_schema = other.parameters_json_schema
        self._function: Callable[..., Any] = func_or_tool if other is None else other.function
        self._name: str = name or (get_tool_name(func_or_tool) if other is None else other.name)
        if description is None:
            description = _get_description(func_or_tool) if other is None else other.description
        self._description = description
        self._parameters = self._check_parameters(parameters_json_schema)
        self._reflect = reflect if reflect is not None else other is None or other.reflect
        self._approval = None if other is None else other.approval
        if approve is not None:
            self._approval = approve, remember, approvers, preview
        old_returns, old_needs = (None, None) if other is None else other.labels
        self._labels = (old_returns if returns is None else returns, old_needs if needs is None else needs)
        self._schema: dict[str, Any] | None = None
        self.__name__ = self._name
        self.__doc__ = description
        self.__wrapped__ = self._function

    def _check_parameters(self, schema: Mapping[str, Any] | None) -> dict[str, Any] | None:
        """Return a copy of a given schema, without parameters that the framework fills in."""
        if schema is None:
            return None
        if not isinstance(schema, Mapping) or schema.get("type", "object") != "object":
            raise ValueError(f"parameters_json_schema must be the schema of an object, got {schema!r}.")
        parameters = {"type": "object", **copy.deepcopy(dict(schema))}
        from .._functions.injection import get_injection

        injected = get_injection(self._function).names
        if injected & parameters.get("properties", {}).keys():
            parameters["properties"] = {k: v for k, v in parameters["properties"].items() if k not in injected}
            parameters["required"] = [name for name in parameters.get("required", ()) if name not in injected]
        return parameters

    @property
    def name(self) -> str:
        """Name for the model."""
        return self._name

    @property
    def description(self) -> str:
        """Description for the model."""
        return self._description

    @property
    def reflect(self) -> bool:
        """False if an agent that works alone answers with the tool's result."""
        return self._reflect

    @property
    def approval(self) -> tuple[Any, str, Iterable[str], Callable[..., str | None] | None] | None:
        """The arguments `approve`, `remember`, `approvers` and `preview`; None if the calls need no approval."""
        return self._approval

    def with_approval(self, approve: Any, *, remember: str = "call") -> Self:
        """Return a copy of the tool whose calls must be approved; see `register_for_execution`."""
        tool = copy.copy(self)
        _, _, approvers, preview = self._approval or (None, "", (), None)
        tool._approval = approve, remember, approvers, preview
        return tool

    @property
    def labels(self) -> tuple[str | Iterable[str] | None, str | Iterable[str] | None]:
        """The arguments `returns` and `needs`."""
        return self._labels

    def with_labels(self, *, returns: str | Iterable[str] | None = None, needs: str | Iterable[str] | None = None) -> Self:
        """Return a copy of the tool with other labels; None leaves them as they are."""
        tool = copy.copy(self)
        tool._labels = (self._labels[0] if returns is None else returns, self._labels[1] if needs is None else needs)
        return tool

    @property
    def function(self) -> Callable[..., Any]:
        """The function itself."""
        return self._function

    @property
    def _origin(self) -> Callable[..., Any]:
        return self._function

    @property
    def func(self) -> Callable[..., Any]:
        """The function without the parameters that are filled in; see `dependency_injection.inject_params`."""
        from .dependency_injection import inject_params

        return inject_params(self._function)

    @property
    def parameters_json_schema(self) -> dict[str, Any] | None:
        """Schema of the parameters as it was given; None for a schema derived from the annotations."""
        return copy.deepcopy(self._parameters)

    @property
    def tool_schema(self) -> dict[str, Any]:
        """Schema of the tool: `{"type": "function", "function": {...}}`.

        Raises:
            ValueError: if the function has no signature, and no schema was given.
        """
        if self._schema is None:
            self._schema = self._build_schema()
        return copy.deepcopy(self._schema)

    @property
    def function_schema(self) -> dict[str, Any]:
        """Schema of the function: name, description and parameters."""
        schema: dict[str, Any] = self.tool_schema["function"]
        return schema

    @property
    def realtime_tool_schema(self) -> dict[str, Any]:
        """Schema in the flat form of realtime endpoints: `type` beside `name`, `description` and `parameters`."""
        return {"type": "function", **self.function_schema}

    def _build_schema(self) -> dict[str, Any]:
        if self._parameters is not None:
            function = {"description": self._description, "name": self._name, "parameters": self._parameters}
            return {"type": "function", "function": function}
        # Imported when a schema is needed, because they need pydantic.
        from .._functions.signatures import get_signature
        from ..function_utils import get_function_schema

        try:
            get_signature(self._function)
        except (TypeError, ValueError):
            text = f"{self._name!r} has no signature: describe its parameters by parameters_json_schema."
            raise ValueError(text) from None
        return get_function_schema(self._function, name=self._name, description=self._description)

    def register_for_llm(self, agent: Any) -> None:
        """Let the model of an agent call the tool."""
        agent.register_for_llm()(self)

    def register_for_execution(self, agent: Any) -> None:
        """Let an agent execute the tool."""
        agent.register_for_execution()(self)

    def register_tool(self, agent: Any) -> None:
        """Let the model of an agent call the tool, and the agent execute it."""
        self.register_for_llm(agent)
        self.register_for_execution(agent)

    def release(self, agent: Any, executor: Any) -> None:
        """Note the end of a run for which the tool was registered with an agent and its executor."""

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Call the function. The parameters that `Depends` marks are filled in; a coroutine function returns a coroutine."""
        return self.func(*args, **kwargs)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._name!r})"


def tool(name: Any = None, description: str | None = None) -> Any:
    """Make a `Tool` of a function: `@tool`, or `@tool(name=..., description=...)`.

    Args:
        name: Name for the model; by default the function's own.
        description: Description for the model; by default the docstring.

    Returns:
        The tool; with parentheses a decorator that makes it.
    """
    if callable(name):
        return Tool(func_or_tool=name)

    def decorate(function: Callable[..., Any]) -> Tool:
        return Tool(name=name, description=description, func_or_tool=function)

    return decorate


def get_tool(item: object) -> Tool | None:
    """Return a tool, or the tool that a decorator has attached to a function; None for anything else."""
    if isinstance(item, Tool):
        return item
    attached = getattr(item, "tool", None) if isinstance(item, FunctionType) else None
    # A wrapper made with `functools.wraps` has the attributes of its function.
    return attached if isinstance(attached, Tool) and attached.function is item else None


def as_tool(item: Callable[..., Any]) -> Tool:
    """Return a function as a tool. The first sentence of its docstring describes it, unless a decorator did."""
    found = get_tool(item)
    return found or Tool(name=get_tool_name(item), description=describe_function(item), func_or_tool=item)


def attach_tool(item: Any, made: Tool, *, has_schema: bool) -> Any:
    """Return a registered function with the attributes of its tool.

    Args:
        item: The function.
        made: Its tool.
        has_schema: True if the schemas are attributes, too.

    Returns:
        The function. Bound methods, built-in functions and partial objects can't carry the attributes: the tool, which is
        callable. Other callable objects keep attributes of their own, and are returned unchanged.
    """
    if not isinstance(item, FunctionType):
        return made if isinstance(item, (MethodType, BuiltinFunctionType, partial)) else item
    is_ours = get_tool(item) is not None
    attributes = (*_ATTRIBUTES, *_SCHEMAS) if has_schema else _ATTRIBUTES
    # Other decorators may use the same names.
    values = {name: getattr(made, name) for name in attributes if is_ours or name not in vars(item)}
    vars(item).update({**values, "tool": made})
    return item


def get_tool_name(function: Callable[..., object]) -> str:
    """Return the name given to a decorator, or else the function's own."""
    return getattr(function, "_name", None) or get_callable_name(function)


def describe_function(function: Callable[..., object]) -> str:
    """Return the description given to a decorator, or the first sentence of the docstring, or else the name."""
    from .._functions.docstrings import get_summary

    description: str | None = getattr(function, "_description", None)
    if description is not None and isinstance(function, Tool):
        return description
    return description or get_summary(function) or get_callable_name(function)


def _get_description(function: Callable[..., object]) -> str:
    """Return the description given to a decorator, or else the whole docstring."""
    from .._functions.docstrings import get_docstring

    return getattr(function, "_description", None) or get_docstring(function)
