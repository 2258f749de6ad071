"""Functions as tools: their JSON schemas, and the conversion of their arguments and results."""

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
from typing import (
    Annotated,
    Any,
    ForwardRef,
    Literal,
    NewType,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

from pydantic import BaseModel, Field, TypeAdapter
from pydantic.errors import PydanticUndefinedAnnotation, PydanticUserError
from pydantic_core import to_jsonable_python

from ._lazy_imports import deprecate
from ._steps import get_callable_name, is_coroutine_function

__all__ = ["get_function_schema", "get_typed_signature", "load_basemodels_if_needed", "serialize_to_str"]

logger = logging.getLogger(__name__)

F = TypeVar("F", bound=Callable[..., Any])

INJECTED = frozenset({"context_variables"})
"""Parameters that the executing agent fills in from its attributes of the same names. Models don't see them."""

# Raised by pydantic for a type that has no schema.
_SCHEMA_ERRORS = (PydanticUserError, PydanticUndefinedAnnotation)
# Raised when an annotation is evaluated whose names don't exist.
_NAME_ERRORS = (AttributeError, NameError, TypeError)
# Values of these types are the same in Python and in parsed JSON, as far as tools are concerned.
_JSON_TYPES = {
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
# Sections of Google-style docstrings that the parser does not know by itself.
_PARAMETER_SECTIONS = ("Keyword Args", "Keyword Arguments", "Other Parameters")


class Parameters(BaseModel):
    """The parameters of a function in the OpenAI format."""

    type: Literal["object"] = "object"
    properties: dict[str, dict[str, Any]]
    required: list[str]


class Function(BaseModel):
    """A function in the OpenAI format."""

    description: Annotated[str, Field(description="The purpose of the function.")]
    name: Annotated[str, Field(description="The name of the function.")]
    parameters: Annotated[Parameters, Field(description="The parameters of the function.")]


class ToolFunction(BaseModel):
    """A function tool in the OpenAI format."""

    type: Literal["function"] = "function"
    function: Function


def get_function_schema(f: Callable[..., object], *, name: str | None = None, description: str) -> dict[str, Any]:
    """Build the schema of a function for a model.

    A parameter is described by the text in `Annotated[..., "text"]`, or else by the docstring (in the style of Google, NumPy
    or Sphinx), or else by its name.

    Args:
        f: The function, or another callable. Its parameters must be annotated.
        name: The name for the model; None for the function's own name.
        description: The purpose of the function.

    Raises:
        TypeError: If a parameter without a default has no annotation.
        ValueError: If the description of a parameter is not text.
        pydantic.errors.PydanticUserError: If a type has no JSON schema. The message names the function and the parameter.
        pydantic.errors.PydanticUndefinedAnnotation: If an annotation uses a name that is not defined.

    >>> def add(a: Annotated[int, "one"], b: int = 2) -> int: ...
    >>> get_function_schema(add, description="Add.")["function"]["parameters"]["required"]
    ['a']
    """
    function_name = get_callable_name(f)
    signature = _remove_injected(get_typed_signature(f))
    required = get_required_params(signature)
    annotations = get_param_annotations(signature)
    missing, omitted = get_missing_annotations(signature, required)
    if missing:
        names = ", ".join(map(repr, sorted(missing)))
        raise TypeError(f"All parameters of {function_name!r} without a default must be annotated; these are not: {names}")
    if omitted:
        names = ", ".join(map(repr, sorted(omitted)))
        logger.warning("Parameters of %r without an annotation are left out of its schema: %s", function_name, names)
    if get_typed_return_annotation(f) is None:
        logger.warning("The function %r should be annotated to return a str or a pydantic model.", function_name)
    with _add_error_context(f"The function {function_name!r}"):
        parameters = get_parameters(required, annotations, get_default_values(signature))
    for parameter, text in _parse_docstring(inspect.getdoc(_unwrap_function(f)) or "").items():
        # `Annotated` has its own description.
        if parameter in annotations and get_origin(annotations[parameter]) is not Annotated:
            parameters.properties[parameter]["description"] = text
    function = Function(description=description, name=name or function_name, parameters=parameters)
    return ToolFunction(function=function).model_dump(serialize_as_any=True)


def get_typed_annotation(annotation: object, globalns: dict[str, Any]) -> object:
    """Evaluate an annotation that is text, or contains text. It is returned unchanged if a name in it is not defined."""
    if isinstance(annotation, str):
        text = annotation
        try:
            # Annotations are code of the program itself, so evaluating them is safe.
            annotation = eval(text, globalns, globalns)
        except SyntaxError:
            return text
        except _NAME_ERRORS:
            return ForwardRef(text)
    if not _find_references(annotation):
        return annotation

    def holder() -> None: ...

    holder.__annotations__ = {"it": annotation}
    try:
        evaluated: object = get_type_hints(holder, globalns, include_extras=True)["it"]
    except (*_NAME_ERRORS, SyntaxError):
        return annotation
    # A recursive type is evaluated to a limited depth only, and pydantic would recurse endlessly into the result.
    return annotation if _find_references(evaluated) else evaluated


def get_typed_signature(call: Callable[..., object]) -> inspect.Signature:
    """Return the signature of a callable, with evaluated annotations."""
    namespace = _get_namespace(call)
    return inspect.Signature(
        [
            parameter.replace(annotation=get_typed_annotation(parameter.annotation, namespace))
            for parameter in _get_signature(call).parameters.values()
        ]
    )


def get_typed_return_annotation(call: Callable[..., object]) -> object:
    """Return the evaluated return annotation of a callable, or None if it has none."""
    annotation = _get_signature(call).return_annotation
    return None if annotation is inspect.Signature.empty else get_typed_annotation(annotation, _get_namespace(call))


def get_param_annotations(typed_signature: inspect.Signature) -> dict[str, object]:
    """Return the annotations of the annotated parameters, by name."""
    parameters = _list_parameters(typed_signature)
    return {name: p.annotation for name, p in parameters if p.annotation is not inspect.Signature.empty}


def get_required_params(typed_signature: inspect.Signature) -> list[str]:
    """Return the names of the parameters without a default."""
    return [name for name, p in _list_parameters(typed_signature) if p.default is inspect.Signature.empty]


def get_default_values(typed_signature: inspect.Signature) -> dict[str, object]:
    """Return the defaults of the parameters that have one, by name."""
    return {name: p.default for name, p in _list_parameters(typed_signature) if p.default is not inspect.Signature.empty}


def get_missing_annotations(typed_signature: inspect.Signature, required: list[str]) -> tuple[set[str], set[str]]:
    """Return the names of the parameters without an annotation: of required parameters, and of those with a default."""
    bare = {name for name, p in _list_parameters(typed_signature) if p.annotation is inspect.Signature.empty}
    return bare & set(required), bare - set(required)


def get_parameter_json_schema(k: str, v: Any, default_values: Mapping[str, object]) -> dict[str, Any]:
    """Build the schema of a parameter.

    Args:
        k: The name of the parameter, which is also the fallback for its description.
        v: The annotation of the parameter.
        default_values: The defaults of the function's parameters.

    Raises:
        ValueError: If the description is not text.
        pydantic.errors.PydanticUserError: If the type has no JSON schema.
        pydantic.errors.PydanticUndefinedAnnotation: If the annotation uses a name that is not defined.
    """
    description: object = k
    if get_origin(v) is Annotated:
        description = get_args(v)[1]
        if not isinstance(description, str):
            raise ValueError(f"The description of the parameter {k!r} must be a string, not {description!r}.")
    with _add_error_context(f"the parameter {k!r}"):
        # Pydantic would look for the name in this module, and may find another object there.
        for name in _find_references(v):
            raise PydanticUndefinedAnnotation(name=name, message=f"the name {name!r} is not known")
        adapter: TypeAdapter[object] = TypeAdapter(v)
        schema = adapter.json_schema()
    if k in default_values:
        # A default that JSON can't hold is left out.
        with contextlib.suppress(TypeError, ValueError):
            schema["default"] = _serialize_default(adapter, default_values[k])
    schema["description"] = description
    return schema


def get_parameters(
    required: list[str], param_annotations: Mapping[str, object], default_values: Mapping[str, object]
) -> Parameters:
    """Build the schema of the parameters of a function.

    The definitions of nested models are put beside the properties, since references are relative to the whole schema.

    Args:
        required: The names of the parameters without a default.
        param_annotations: The annotations, by name.
        default_values: The defaults, by name.
    """
    properties = {k: get_parameter_json_schema(k, v, default_values) for k, v in param_annotations.items()}
    all_definitions: dict[str, object] = {}
    for k, schema in properties.items():
        definitions = schema.pop("$defs", {})
        # If two models have the same name, the definitions of the second parameter get a prefix.
        if any(all_definitions.get(name, definition) != definition for name, definition in definitions.items()):
            text = json.dumps([schema, {f"{k}_{name}": definition for name, definition in definitions.items()}])
            properties[k], definitions = json.loads(text.replace('"#/$defs/', f'"#/$defs/{k}_'))
        all_definitions.update(definitions)
    fields = {"properties": properties, "required": required}
    if not all_definitions:
        return Parameters.model_validate(fields)
    return _ParametersWithDefinitions.model_validate({**fields, "$defs": all_definitions})


class _ParametersWithDefinitions(Parameters, extra="allow"):
    pass


def get_load_param_if_needed_function(
    t: object,
) -> Callable[[dict[str, object], type[BaseModel]], BaseModel] | None:
    """Return a function that converts a dict to a pydantic model if `t` is such a model, else None."""
    if get_origin(t) is Annotated:
        return get_load_param_if_needed_function(get_args(t)[0])
    return _load_model if isinstance(t, type) and issubclass(t, BaseModel) else None


def load_basemodels_if_needed(func: F) -> F:
    """Wrap a function so that it can be called with JSON: arguments are converted to their annotations, at any depth.

    Values are converted to models, dataclasses, enums, dates, paths and all other types that pydantic knows. Values that are
    the same in JSON (text, numbers, lists, dicts) are neither validated nor changed, even if the annotation differs. So are
    arguments whose type is unknown to pydantic, or not defined.

    The wrapper of a coroutine function is a coroutine function.

    >>> def day_of(date: datetime.date) -> int:  # doctest: +SKIP
    ...     return date.day
    >>> load_basemodels_if_needed(day_of)(date="2020-01-31")  # doctest: +SKIP
    31
    """
    try:
        signature = get_typed_signature(func)
    # Some functions written in C have no signature.
    except ValueError:
        return func
    parameters = _list_parameters(signature)
    converters = {name: converter for name, p in parameters if (converter := _make_converter(p)) is not None}
    if not converters:
        return func
    positional = [name for name, p in parameters if p.kind is not inspect.Parameter.KEYWORD_ONLY]

    def convert(name: str, value: object) -> object:
        return converters[name](value) if name in converters else value

    def convert_all(args: tuple[object, ...], kwargs: dict[str, object]) -> tuple[list[object], dict[str, object]]:
        named = [convert(name, value) for name, value in zip(positional, args, strict=False)]
        # Further positional arguments belong to `*args`.
        return [*named, *args[len(named) :]], {name: convert(name, value) for name, value in kwargs.items()}

    @functools.wraps(func)
    async def call_async(*args: object, **kwargs: object) -> object:
        converted_args, converted_kwargs = convert_all(args, kwargs)
        return await func(*converted_args, **converted_kwargs)

    @functools.wraps(func)
    def call(*args: object, **kwargs: object) -> object:
        converted_args, converted_kwargs = convert_all(args, kwargs)
        return func(*converted_args, **converted_kwargs)

    return cast("F", call_async if is_coroutine_function(func) else call)


def serialize_to_str(x: object) -> str:
    """Serialise the result of a tool: text as it is, and anything else as JSON.

    Besides JSON values, pydantic models, dataclasses, enums, dates, sets, bytes and other types known to pydantic are
    supported, at any depth.

    Raises:
        TypeError: If JSON can't hold the result.

    >>> serialize_to_str({"a": {1}})
    '{"a": [1]}'
    """
    if isinstance(x, str):
        return str(x.value) if isinstance(x, Enum) else x
    if isinstance(x, BaseModel):
        return x.model_dump_json()
    # Most results are plain JSON values, which don't need pydantic.
    with contextlib.suppress(TypeError, ValueError):
        return json.dumps(x, ensure_ascii=False)
    try:
        return json.dumps(to_jsonable_python(x, by_alias=False), ensure_ascii=False)
    except ValueError as error:
        raise TypeError(f"JSON can't hold the result, of type {type(x).__name__}: {error}") from error


def get_injected_parameters(f: Callable[..., object]) -> tuple[str, ...]:
    """Return the names of the parameters that the executing agent fills in."""
    try:
        return tuple(name for name, _ in _list_parameters(_get_signature(f)) if name in INJECTED)
    # Some functions written in C have no signature.
    except (TypeError, ValueError):
        return ()


__getattr__ = deprecate(globals(), {"injected_parameters": "get_injected_parameters"})


def _remove_injected(signature: inspect.Signature) -> inspect.Signature:
    visible = [p for name, p in signature.parameters.items() if name not in INJECTED]
    return signature if len(visible) == len(signature.parameters) else signature.replace(parameters=visible)


def _list_parameters(signature: inspect.Signature) -> list[tuple[str, inspect.Parameter]]:
    """Return the parameters that a call can name, so without `*args` and `**kwargs`."""
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [(name, p) for name, p in signature.parameters.items() if p.kind not in variadic]


def _get_signature(call: Callable[..., object]) -> inspect.Signature:
    # From Python 3.14 on, annotations are evaluated on access, which fails by default if a name is not defined.
    if sys.version_info >= (3, 14):
        from annotationlib import Format

        return inspect.signature(call, annotation_format=Format.FORWARDREF)
    return inspect.signature(call)


def _unwrap_function(call: Callable[..., object]) -> Callable[..., object]:
    """Return the function behind a partial object, a method, a wrapper or a callable instance."""
    while True:
        inner: Callable[..., object] = inspect.unwrap(call)
        if isinstance(inner, functools.partial):
            inner = inner.func
        elif isinstance(inner, MethodType):
            inner = inner.__func__
        elif not isinstance(inner, (FunctionType, type)) and isinstance(type(inner).__call__, FunctionType):
            inner = type(inner).__call__
        if inner is call:
            return call
        call = inner


def _get_namespace(call: Callable[..., object]) -> dict[str, Any]:
    """Return the namespace in which the annotations of a callable are evaluated."""
    function = _unwrap_function(call)
    if isinstance(function, type):
        return vars(sys.modules[function.__module__])
    return getattr(function, "__globals__", {})


@contextlib.contextmanager
def _add_error_context(subject: str) -> Iterator[None]:
    """Prefix the message of a pydantic error with its subject. The type stays, since programs catch it."""
    try:
        yield
    except _SCHEMA_ERRORS as error:
        error.message = f"{subject}: {error.message}"
        raise


def _serialize_default(adapter: TypeAdapter[object], default: object) -> object:
    """Serialise a default to a JSON value, even if it does not match its annotation.

    Raises:
        ValueError: If JSON can't hold the value, such as NaN.
        TypeError: If JSON can't hold the type.
    """
    value: object = adapter.dump_python(default, mode="json", by_alias=True, warnings=False)
    json.dumps(value, allow_nan=False)
    return value


def _load_model(value: dict[str, object], model: type[BaseModel]) -> BaseModel:
    return model(**value)


def _make_converter(parameter: inspect.Parameter) -> Callable[[object], object] | None:
    """Return a function that converts JSON values to the parameter's type, or None if that is not needed or possible."""
    annotation = parameter.annotation
    if _find_references(annotation) or not any(_must_convert(part) for part in _iter_parts(annotation)):
        return None
    try:
        adapter: TypeAdapter[object] = TypeAdapter(annotation)
    except _SCHEMA_ERRORS:
        return None
    # A model that refers to an undefined name. Older versions of pydantic raised above.
    if not getattr(adapter, "pydantic_complete", True):
        return None

    def convert(value: object) -> object:
        # Defaults such as `point: Point = None` are common, and models send null for them.
        if value is None and parameter.default is None:
            return None
        return adapter.validate_python(value)

    return convert


def _must_convert(part: object) -> bool:
    """Return True if JSON has no values of this type: for models, dataclasses, enums, dates and the like."""
    return isinstance(part, type) and part not in _JSON_TYPES and part.__module__ != "collections.abc"


def _iter_parts(annotation: object) -> Iterator[object]:
    """Yield the types and references that an annotation is composed of."""
    origin, args = get_origin(annotation), get_args(annotation)
    if isinstance(annotation, NewType):
        yield from _iter_parts(annotation.__supertype__)
        return
    if origin is None:
        yield annotation
        return
    yield origin
    # The arguments of these aren't types of values: literals, classes, and signatures.
    if origin in (Literal, type, collections.abc.Callable):
        return
    for argument in args[:1] if origin is Annotated else args:
        yield from _iter_parts(argument)


def _find_references(annotation: object) -> list[str]:
    """Return the names and expressions in an annotation that are not evaluated."""
    parts = [part for part in _iter_parts(annotation) if isinstance(part, (str, ForwardRef))]
    return [part if isinstance(part, str) else part.__forward_arg__ for part in parts]


def _parse_docstring(docstring: str) -> dict[str, str]:
    r"""Return the descriptions of the parameters in a docstring of Google, NumPy or Sphinx style, each on one line.

    >>> _parse_docstring("Add.\n\nArgs:\n    a (int): The first.\n    b: The\n        second.")
    {'a': 'The first.', 'b': 'The second.'}
    """
    # Imported on first use, since `import autogen` must be fast.
    from docstring_parser import ParseError, google, numpydoc, rest

    sections = [google.Section(title, "param", google.SectionType.MULTIPLE) for title in _PARAMETER_SECTIONS]
    parsers = (google.GoogleParser([*google.DEFAULT_SECTIONS, *sections]).parse, numpydoc.parse, rest.parse)
    descriptions: dict[str, str] = {}
    for parse in parsers:
        # Each parser ignores the sections of the other styles, or rejects them. An empty field is an IndexError.
        with contextlib.suppress(ParseError, IndexError):
            for parameter in parse(docstring).params:
                text = " ".join(line.strip() for line in (parameter.description or "").splitlines() if line.strip())
                # NumPy style allows several names in one entry.
                names = parameter.arg_name.split(",") if text and parameter.args[0] != "attribute" else []
                descriptions.update({name.strip().lstrip("*"): text for name in names})
    return descriptions
