"""Functions as tools: their JSON schema, their arguments, their results."""

from __future__ import annotations

import collections.abc
import contextlib
import functools
import inspect
import json
import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from types import FunctionType, MethodType, NoneType, UnionType
from typing import Annotated, Any, ForwardRef, Literal, NewType, TypeVar, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, Field, TypeAdapter
from pydantic.errors import PydanticUndefinedAnnotation, PydanticUserError
from pydantic_core import to_jsonable_python

from ._docstrings import described_parameters
from ._steps import get_callable_name, is_coroutine_function

__all__ = ["get_function_schema", "get_typed_signature", "load_basemodels_if_needed", "serialize_to_str"]

logger = logging.getLogger(__name__)

F = TypeVar("F", bound=Callable[..., Any])

INJECTED = frozenset({"context_variables"})
"""Parameters that the executing agent fills in, from its attributes of these names: no model sees or sets them."""

_NO_TYPE = (PydanticUserError, PydanticUndefinedAnnotation)  # what pydantic raises if it knows nothing about a type
_UNKNOWN = (AttributeError, NameError, TypeError)  # what evaluating an annotation raises if it names what isn't there
_AS_IN_JSON = {
    str,
    int,
    float,
    bool,
    list,
    dict,
    tuple,
    set,
    object,
    NoneType,
    Any,
    Annotated,
    Literal,
    Union,
    UnionType,
    type,
}


class Parameters(BaseModel):
    """The parameters of a function, as OpenAI's API takes them."""

    type: Literal["object"] = "object"
    properties: dict[str, dict[str, Any]]
    required: list[str]


class Function(BaseModel):
    """A function, as OpenAI's API takes it."""

    description: Annotated[str, Field(description="What it does.")]
    name: Annotated[str, Field(description="Its name.")]
    parameters: Annotated[Parameters, Field(description="Its parameters.")]


class ToolFunction(BaseModel):
    """A tool that is a function."""

    type: Literal["function"] = "function"
    function: Function


def get_function_schema(f: Callable[..., Any], *, name: str | None = None, description: str) -> dict[str, Any]:
    """The schema of a function for a model.

    Args:
        f: The function, or whatever can be called. Its parameters are annotated; text in `Annotated[..., "text"]`
            describes them. If that is missing the docstring does (in the style of Google, NumPy or Sphinx), or else
            their names.
        name: Its name for the model; its own name if None.
        description: What it does.

    Raises:
        TypeError: A parameter without a default has no annotation.
        ValueError: What describes a parameter is not text.
        pydantic.errors.PydanticUserError: A type has no JSON schema. The message names the function and the parameter.
        pydantic.errors.PydanticUndefinedAnnotation: An annotation has a name that is not known where the function stands.

    >>> def add(a: Annotated[int, "one"], b: int = 2) -> int: ...
    >>> get_function_schema(add, description="Add.")["function"]["parameters"]["required"]
    ['a']
    """
    own_name = get_callable_name(f)
    signature = _without_injected(get_typed_signature(f))
    required = get_required_params(signature)
    annotations = get_param_annotations(signature)
    missing, left_out = get_missing_annotations(signature, required)
    if missing:
        names = ", ".join(repr(one) for one in sorted(missing))
        raise TypeError(f"All parameters of {own_name!r} without a default must be annotated; these are not: {names}")
    if left_out:
        names = ", ".join(repr(one) for one in sorted(left_out))
        logger.warning("Parameters of %r without an annotation are left out of its schema: %s", own_name, names)
    if get_typed_return_annotation(f) is None:
        logger.warning("The function %r should be annotated to return a str or a pydantic model.", own_name)
    with _told_of(f"The function {own_name!r}"):
        parameters = get_parameters(required, annotations, get_default_values(signature))
    for parameter, text in described_parameters(inspect.getdoc(_function_of(f)) or "").items():
        if parameter in annotations and get_origin(annotations[parameter]) is not Annotated:
            parameters.properties[parameter]["description"] = text
    function = Function(description=description, name=name or own_name, parameters=parameters)
    return ToolFunction(function=function).model_dump(serialize_as_any=True)


def get_typed_annotation(annotation: Any, globalns: dict[str, Any]) -> Any:
    """An annotation, evaluated if it is text, and so is text in it. One with a name that is not known stays as it is."""
    if isinstance(annotation, str):
        try:
            annotation = eval(annotation, globalns, globalns)  # the annotations of the program's own functions
        except SyntaxError:
            return annotation
        except _UNKNOWN:
            return ForwardRef(annotation)
    if not _references(annotation):
        return annotation

    def holder() -> None: ...

    holder.__annotations__ = {"it": annotation}
    try:
        evaluated = get_type_hints(holder, globalns, include_extras=True)["it"]
    except (*_UNKNOWN, SyntaxError):
        return annotation
    # A type that holds itself is evaluated to some depth only. Pydantic would go down without end in what comes of that.
    return annotation if _references(evaluated) else evaluated


def get_typed_signature(call: Callable[..., Any]) -> inspect.Signature:
    """The signature of whatever can be called, with its annotations evaluated."""
    namespace = _namespace(call)
    return inspect.Signature(
        [
            parameter.replace(annotation=get_typed_annotation(parameter.annotation, namespace))
            for parameter in _signature(call).parameters.values()
        ]
    )


def get_typed_return_annotation(call: Callable[..., Any]) -> Any:
    """The return annotation of whatever can be called, evaluated; None if it has none."""
    annotation = _signature(call).return_annotation
    return None if annotation is inspect.Signature.empty else get_typed_annotation(annotation, _namespace(call))


def get_param_annotations(typed_signature: inspect.Signature) -> dict[str, Any]:
    """The annotations of the parameters that have one."""
    return {name: p.annotation for name, p in _named(typed_signature) if p.annotation is not inspect.Signature.empty}


def get_required_params(typed_signature: inspect.Signature) -> list[str]:
    """The parameters without a default."""
    return [name for name, p in _named(typed_signature) if p.default is inspect.Signature.empty]


def get_default_values(typed_signature: inspect.Signature) -> dict[str, Any]:
    """The defaults of the parameters that have one."""
    return {name: p.default for name, p in _named(typed_signature) if p.default is not inspect.Signature.empty}


def get_missing_annotations(typed_signature: inspect.Signature, required: list[str]) -> tuple[set[str], set[str]]:
    """The parameters without an annotation: those that are required, and those with a default."""
    bare = {name for name, p in _named(typed_signature) if p.annotation is inspect.Signature.empty}
    return bare & set(required), bare - set(required)


def get_parameter_json_schema(k: str, v: Any, default_values: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of one parameter.

    Args:
        k: Its name, which describes it where nothing else does.
        v: Its annotation.
        default_values: The defaults of the function.

    Raises:
        ValueError: What describes it is not text.
        pydantic.errors.PydanticUserError: Its type has no JSON schema.
        pydantic.errors.PydanticUndefinedAnnotation: Its annotation has a name that is not known.
    """
    description = k
    if get_origin(v) is Annotated:
        described = get_args(v)[1]
        if not isinstance(described, str):
            raise ValueError(f"The description of the parameter {k!r} must be a string, not {described!r}.")
        description = described
    with _told_of(f"the parameter {k!r}"):
        for name in _references(v):  # pydantic would look for it in this module
            raise PydanticUndefinedAnnotation(name=name, message=f"the name {name!r} is not known")
        adapter = TypeAdapter(v)
        schema = adapter.json_schema()
    if k in default_values:
        with contextlib.suppress(TypeError, ValueError):  # what JSON can't hold is nothing to tell a model
            schema["default"] = _default_in_json(adapter, default_values[k])
    schema["description"] = description
    return schema


def get_parameters(
    required: list[str], param_annotations: Mapping[str, Any], default_values: Mapping[str, Any]
) -> Parameters:
    """The parameters of a function. Definitions of nested models stand beside the properties, where references point.

    Args:
        required: The names of those without a default.
        param_annotations: The annotation of each.
        default_values: The defaults, by name.
    """
    properties = {k: get_parameter_json_schema(k, v, default_values) for k, v in param_annotations.items()}
    definitions: dict[str, Any] = {}
    for k, schema in properties.items():
        own = schema.pop("$defs", {})
        if any(definitions.get(name, one) != one for name, one in own.items()):  # another model has the same name
            text = json.dumps([schema, {f"{k}_{name}": one for name, one in own.items()}])
            properties[k], own = json.loads(text.replace('"#/$defs/', f'"#/$defs/{k}_'))
        definitions.update(own)
    described = {"properties": properties, "required": required}
    if not definitions:
        return Parameters.model_validate(described)
    return _WithDefinitions.model_validate({**described, "$defs": definitions})


class _WithDefinitions(Parameters, extra="allow"):
    pass


def get_load_param_if_needed_function(t: Any) -> Callable[[dict[str, Any], type[BaseModel]], BaseModel] | None:
    """What makes a pydantic model of a dict, if `t` is such a model; None otherwise."""
    if get_origin(t) is Annotated:
        return get_load_param_if_needed_function(get_args(t)[0])
    return _load_model if isinstance(t, type) and issubclass(t, BaseModel) else None


def load_basemodels_if_needed(func: F) -> F:
    """Let a function be called with JSON: each argument becomes what its parameter is annotated with, at any depth.

    That is a model, a dataclass, an enum, a date, a path, and whatever else pydantic makes of JSON. What JSON holds as it
    is (text, numbers, lists, dicts) is neither checked nor changed, even if the parameter says otherwise. Nor are
    arguments for types that pydantic does not know, or that can't be found where the function stands.

    A plain function stays plain, a coroutine function stays one.

    >>> def day_of(date: datetime.date) -> int:  # doctest: +SKIP
    ...     return date.day
    >>> load_basemodels_if_needed(day_of)(date="2020-01-31")  # doctest: +SKIP
    31
    """
    try:
        signature = get_typed_signature(func)
    except ValueError:  # a function written in C may tell nothing about itself
        return func
    converters = {name: _converter(p) for name, p in _named(signature)}
    if not any(converters.values()):
        return func
    positional = [name for name, p in _named(signature) if p.kind is not inspect.Parameter.KEYWORD_ONLY]

    def load(name: str, value: Any) -> Any:
        convert = converters.get(name)
        return convert(value) if convert else value

    def loaded(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        first = [load(name, value) for name, value in zip(positional, args, strict=False)]
        return [*first, *args[len(first) :]], {name: load(name, value) for name, value in kwargs.items()}

    return _with_loaded(func, loaded)


def _with_loaded(func: F, loaded: Callable[[tuple[Any, ...], dict[str, Any]], tuple[list[Any], dict[str, Any]]]) -> F:
    """A function of the same colour that calls `func` with what `loaded` makes of its arguments."""
    if is_coroutine_function(func):

        @functools.wraps(func)
        async def a_call(*args: Any, **kwargs: Any) -> Any:
            args_loaded, kwargs_loaded = loaded(args, kwargs)
            return await func(*args_loaded, **kwargs_loaded)

        return a_call  # type: ignore[return-value]

    @functools.wraps(func)
    def call(*args: Any, **kwargs: Any) -> Any:
        args_loaded, kwargs_loaded = loaded(args, kwargs)
        return func(*args_loaded, **kwargs_loaded)

    return call  # type: ignore[return-value]


def serialize_to_str(x: Any) -> str:
    """The result of a tool as text: text as it is, a pydantic model and anything else as JSON.

    Anything else may hold models, dataclasses, enums, dates, sets, bytes of text, and what else pydantic makes JSON of.

    Raises:
        TypeError: JSON can't hold it.

    >>> serialize_to_str({"a": {1}})
    '{"a": [1]}'
    """
    if isinstance(x, str):
        return str(x.value) if isinstance(x, Enum) else x
    if isinstance(x, BaseModel):
        return x.model_dump_json()
    with contextlib.suppress(TypeError, ValueError):  # then there is more in it than Python's `json` knows
        return json.dumps(x, ensure_ascii=False)
    try:
        return json.dumps(to_jsonable_python(x, by_alias=False), ensure_ascii=False)
    except ValueError as error:
        raise TypeError(f"JSON can't hold the result, of type {type(x).__name__}: {error}") from error


def injected_parameters(f: Callable[..., Any]) -> tuple[str, ...]:
    """The parameters of a function that the executing agent fills in."""
    try:
        return tuple(name for name, _ in _named(_signature(f)) if name in INJECTED)
    except (TypeError, ValueError):  # a function written in C may tell nothing about itself
        return ()


def _without_injected(signature: inspect.Signature) -> inspect.Signature:
    """A signature as a model is told of it."""
    kept = [p for name, p in signature.parameters.items() if name not in INJECTED]
    return signature if len(kept) == len(signature.parameters) else signature.replace(parameters=kept)


def _named(signature: inspect.Signature) -> list[tuple[str, inspect.Parameter]]:
    """The parameters that a call can name: `*args` and `**kwargs` are none."""
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [(name, p) for name, p in signature.parameters.items() if p.kind not in variadic]


def _signature(call: Callable[..., Any]) -> inspect.Signature:
    if sys.version_info >= (3, 14):  # there annotations are evaluated when they are asked for
        from annotationlib import Format

        return inspect.signature(call, annotation_format=Format.FORWARDREF)
    return inspect.signature(call)


def _function_of(call: Callable[..., Any]) -> Any:
    """The function that runs in the end if a partial object, a method, a wrapper or a callable instance is called."""
    while True:
        inner = inspect.unwrap(call)
        if isinstance(inner, functools.partial):
            inner = inner.func
        elif isinstance(inner, MethodType):
            inner = inner.__func__
        elif not isinstance(inner, (FunctionType, type)) and isinstance(type(inner).__call__, FunctionType):
            inner = type(inner).__call__
        if inner is call:
            return call
        call = inner


def _namespace(call: Callable[..., Any]) -> dict[str, Any]:
    """Where the names in the annotations are looked up."""
    function = _function_of(call)
    if isinstance(function, type):
        return vars(sys.modules[function.__module__])
    return getattr(function, "__globals__", {})


@contextlib.contextmanager
def _told_of(what: str) -> Iterator[None]:
    """Have an error of pydantic's say what it is about. Its type stays: programs catch it."""
    try:
        yield
    except _NO_TYPE as error:
        error.message = f"{what}: {error.message}"
        raise


def _default_in_json(adapter: TypeAdapter[Any], default: Any) -> Any:
    """A default as JSON has it, also one that does not fit its own annotation.

    Raises:
        ValueError, TypeError: JSON can't hold it.
    """
    value = adapter.dump_python(default, mode="json", by_alias=True, warnings=False)
    json.dumps(value, allow_nan=False)
    return value


def _load_model(value: dict[str, Any], model: type[BaseModel]) -> BaseModel:
    return model(**value)


def _converter(parameter: inspect.Parameter) -> Callable[[Any], Any] | None:
    """What makes of JSON what a parameter is annotated with; None if there is nothing to make, or no way to."""
    annotation = parameter.annotation
    if _references(annotation) or not any(_is_made_of_json(part) for part in _parts(annotation)):
        return None
    try:
        adapter = TypeAdapter(annotation)
    except _NO_TYPE:
        return None
    if not getattr(adapter, "pydantic_complete", True):  # a model in it names what isn't there; older ones raised above
        return None

    def convert(value: Any) -> Any:
        if value is None and parameter.default is None:  # `point: Point = None` is common, and models send such nulls
            return None
        return adapter.validate_python(value)

    return convert


def _is_made_of_json(part: Any) -> bool:
    """Whether JSON has to be made into something else for a type: a model, a dataclass, an enum, a date."""
    return isinstance(part, type) and part not in _AS_IN_JSON and part.__module__ != "collections.abc"


def _parts(annotation: Any) -> Iterator[Any]:
    """What an annotation is built of, but for the values of a Literal, what Annotated adds, and types of types and calls."""
    origin, args = get_origin(annotation), get_args(annotation)
    if isinstance(annotation, NewType):
        yield from _parts(annotation.__supertype__)
        return
    if origin is None:
        yield annotation
        return
    yield origin
    if origin in (Literal, type, collections.abc.Callable):
        return
    for one in args[:1] if origin is Annotated else args:
        yield from _parts(one)


def _references(annotation: Any) -> list[str]:
    """The names in an annotation that are still text."""
    parts = [part for part in _parts(annotation) if isinstance(part, (str, ForwardRef))]
    return [part if isinstance(part, str) else part.__forward_arg__ for part in parts]
