"""Conversion of the arguments of tools from JSON to the types that the parameters are annotated with."""

from __future__ import annotations

import ast
import collections.abc
import contextlib
import functools
import inspect
import json
import reprlib
import warnings
from collections.abc import Callable, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, cast, get_args, get_origin

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from pydantic.errors import PydanticUndefinedAnnotation, PydanticUserError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from .._mistakes import suggest
from .._steps import get_callable_name, is_coroutine_function
from .injection import get_injection
from .signatures import (
    expand_alias,
    find_references,
    get_signature,
    get_typed_signature,
    iter_parts,
    list_parameters,
    make_default,
)

F = TypeVar("F", bound=Callable[..., Any])
Path = list[int | str]

SCHEMA_ERRORS = (PydanticUserError, PydanticUndefinedAnnotation)
"""Errors of pydantic about a type without a schema."""

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
_SCALARS = (str, int, float, bool)
# A text within a text within a text is as deep as models go.
_MAX_ROUNDS = 5
_MAX_ERRORS = 5


def get_load_param_if_needed_function(
    t: object,
) -> Callable[[dict[str, object], type[BaseModel]], BaseModel] | None:
    """Return a function that converts a dict to a pydantic model if `t` is such a model, else None."""
    if get_origin(t) is Annotated:
        return get_load_param_if_needed_function(get_args(t)[0])
    return _load_model if isinstance(t, type) and issubclass(t, BaseModel) else None


def load_basemodels_if_needed(func: F) -> F:
    """Wrap a function so that it can be called with JSON: arguments are converted to their annotations, at any depth.

    Values become models, dataclasses, enums, dates, tuples, sets and all other types that pydantic knows. Values that fit
    are passed unchanged. Those that don't fit are mended if only one meaning is possible ("2" for an int, "false" for a
    bool, JSON text for a list or an object), and refused if not. Null for a parameter with a default means the default,
    unless the type includes None. Arguments are left alone if their type is unknown to pydantic, or not defined.

    Positional-only parameters can be named, and defaults in pydantic fields (`x: int = Field(5)`) are used.

    The wrapper of a coroutine function is a coroutine function. It raises `ValueError` for an argument that doesn't fit.

    >>> def day_of(date: datetime.date) -> int:  # doctest: +SKIP
    ...     return date.day
    >>> load_basemodels_if_needed(day_of)(date="2020-01-31")  # doctest: +SKIP
    31
    """
    try:
        binder = _ArgumentBinder(func)
    # Some functions written in C have no signature.
    except (TypeError, ValueError):
        return func
    if not binder.is_needed:
        return func

    @functools.wraps(func)
    async def call_async(*args: object, **kwargs: object) -> object:
        positional, named = binder.bind(args, kwargs)
        return await func(*positional, **named)

    @functools.wraps(func)
    def call(*args: object, **kwargs: object) -> object:
        positional, named = binder.bind(args, kwargs)
        return func(*positional, **named)

    return cast("F", call_async if is_coroutine_function(func) else call)


def convert_scalars(function: Callable[..., object], arguments: Mapping[str, object]) -> dict[str, Any]:
    """Return named arguments with the numbers, texts and bools that the function would get; other values as they are.

    Raises:
        ValueError: if the function can't be called with them.
    """
    try:
        binder = _ArgumentBinder(function)
    # Some functions written in C have no signature.
    except (TypeError, ValueError):
        return dict(arguments)
    converted: dict[str, Any] = {}
    try:
        for name, value in arguments.items():
            result = binder.convert(name, value)
            converted[name] = result if result is None or isinstance(result, _SCALARS) else value
        binder.check_names(arguments)
    except TypeError as error:
        raise ValueError(str(error)) from error
    return converted


class _ArgumentBinder:
    """The parameters of a function, and the conversion of the arguments of a call."""

    def __init__(self, function: Callable[..., object]) -> None:
        self.name = get_callable_name(function)
        self.parameters = dict(list_parameters(get_typed_signature(function)))
        raw_parameters = get_signature(function).parameters
        self.injected = injected = get_injection(function).names
        kinds = inspect.Parameter
        self.takes_any_name = any(p.kind is kinds.VAR_KEYWORD for p in raw_parameters.values())
        self.positional = [name for name, p in self.parameters.items() if p.kind is not kinds.KEYWORD_ONLY]
        self.positional_only = [name for name, p in self.parameters.items() if p.kind is kinds.POSITIONAL_ONLY]
        # A generic function of `functools.singledispatch` takes the argument that decides by position only.
        if hasattr(function, "dispatch") and hasattr(function, "registry"):
            self.positional_only = self.positional[:1]
        # Python takes these fields for the defaults themselves, or sees no default.
        self.fields = [
            name
            for name, p in self.parameters.items()
            if isinstance(p.default, FieldInfo) or raw_parameters[name].default is not p.default
        ]
        self.converters = {
            name: _Converter(p)
            for name, p in self.parameters.items()
            if name not in injected and p.annotation is not inspect.Parameter.empty
        }
        self.is_needed = bool(self.converters or self.positional_only or self.fields)

    def bind(self, args: tuple[object, ...], kwargs: Mapping[str, object]) -> tuple[list[object], dict[str, object]]:
        """Return the converted arguments of a call, by position and by name.

        Raises:
            ValueError: if an argument doesn't fit its parameter.
            TypeError: if a required argument is missing that Python itself would not report.
        """
        positional = [self.convert(name, value) for name, value in zip(self.positional, args, strict=False)]
        # Further positional arguments belong to `*args`.
        positional.extend(args[len(positional) :])
        named = {name: self.convert(name, value) for name, value in kwargs.items()}
        for name in self.fields:
            if name not in named and name not in self.positional[: len(args)]:
                named[name] = self._make_default(name)
        remaining = self.positional_only[len(args) :]
        while any(name in named for name in remaining):
            name = remaining.pop(0)
            positional.append(named.pop(name) if name in named else self._make_default(name))
        return positional, named

    def check_names(self, arguments: Mapping[str, object]) -> None:
        """Check that each name is a parameter, and that none without a default is missing.

        Raises:
            TypeError: if that is not so.
        """
        unknown = [name for name in arguments if name not in self.parameters]
        if unknown and not self.takes_any_name:
            raise TypeError(f"{self.name}() has no parameter {unknown[0]!r}{suggest(unknown[0], self.parameters)}")
        for name, parameter in self.parameters.items():
            is_needed = parameter.default is inspect.Parameter.empty and name not in self.injected
            if is_needed and name not in arguments:
                raise TypeError(f"{self.name}() missing the required argument {name!r}")

    def convert(self, name: str, value: object) -> object:
        """Convert the value of a parameter.

        Raises:
            ValueError: if it doesn't fit.
        """
        converter = self.converters.get(name)
        if converter is None:
            return value
        try:
            return converter.convert(value)
        except ValidationError as error:
            raise ValueError(_describe_errors(name, error)) from error

    def _make_default(self, name: str) -> object:
        if self.parameters[name].default is inspect.Parameter.empty:
            raise TypeError(f"{self.name}() missing the required argument {name!r}")
        return make_default(self.parameters[name])


class _Converter:
    """Conversion of JSON values to the type of a parameter."""

    def __init__(self, parameter: inspect.Parameter) -> None:
        self.parameter = parameter
        annotation: Any = expand_alias(parameter.annotation)
        # Pydantic would validate an iterable item by item, while the function reads it.
        if get_origin(annotation) is collections.abc.Iterable:
            annotation = collections.abc.Sequence[get_args(annotation)]  # type: ignore[misc]
        self.annotation = annotation
        inner = get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation
        self.accepts_anything = expand_alias(inner) in (Any, object)

    def convert(self, value: object) -> object:
        """Convert a value.

        Raises:
            pydantic.ValidationError: If the value doesn't fit, and can't be mended.
        """
        # Most arguments are scalars that fit.
        if type(value) is self.annotation and type(value) in _SCALARS:
            return value
        if self.accepts_anything and isinstance(value, str):
            # Endpoints that demand a type for each parameter get objects and lists as JSON text.
            parsed = _parse_text(value)
            value = value if parsed is None else parsed
        if self._adapter is None:
            return value
        try:
            return self._validate(self._adapter, value)
        except ValidationError:
            # Models send null for a parameter that they don't want to set.
            if value is None and self.parameter.default is not inspect.Parameter.empty:
                return make_default(self.parameter)
            raise

    def _validate(self, adapter: TypeAdapter[object], value: object) -> object:
        if self._is_plain:
            # A value that fits stays the same object: 3 is a float, too.
            with contextlib.suppress(ValidationError):
                validated = adapter.validate_python(value, strict=True)
                return value if validated == value else validated
        for _ in range(_MAX_ROUNDS):
            try:
                return adapter.validate_python(value)
            except ValidationError as error:
                mended = _mend(value, error)
                if mended is None:
                    raise
                [value] = mended
        return adapter.validate_python(value)

    @functools.cached_property
    def _is_plain(self) -> bool:
        """True if JSON has values of all types in the annotation; not for models, dataclasses, enums, dates and the like."""
        return not any(
            isinstance(part, type) and part not in _JSON_TYPES and part.__module__ != "collections.abc"
            for part in iter_parts(self.annotation)
        )

    @functools.cached_property
    def _adapter(self) -> TypeAdapter[object] | None:
        """Validator of the type; None if the type has no schema. It is made for the first call, since that takes time."""
        # JSON can't hold classes: the model's value is passed as it is.
        if find_references(self.annotation) or type in iter_parts(self.annotation):
            return None
        adapter: TypeAdapter[object]
        try:
            try:
                adapter = TypeAdapter(self.annotation, config=ConfigDict(coerce_numbers_to_str=True))
            # Models have a configuration of their own.
            except PydanticUserError:
                adapter = TypeAdapter(self.annotation)
            # A model that refers to an undefined name. Older versions of pydantic raised above.
            if not getattr(adapter, "pydantic_complete", True):
                return None
            # Nor can it hold functions, which have no schema.
            if self._is_plain:
                adapter.json_schema()
        except SCHEMA_ERRORS:
            return None
        return adapter


def _load_model(value: dict[str, object], model: type[BaseModel]) -> BaseModel:
    return model(**value)


def _mend(value: object, error: ValidationError) -> tuple[object] | None:
    """Replace the parts of a value that don't fit, and that have one other meaning.

    Returns:
        A tuple with the new value; None if there is nothing to replace. The value passed in stays as it is.
    """
    is_changed = False
    for item in error.errors(include_url=False):
        path, part = _locate(value, item["loc"])
        if part is not item["input"]:
            continue
        if replacement := _reinterpret(part, item):
            value = _replace(value, path, replacement[0])
            is_changed = True
    return (value,) if is_changed else None


def _reinterpret(part: object, error: ErrorDetails) -> tuple[object] | None:
    """Return another meaning of a value in a tuple; None if it has no other."""
    is_choice = error["type"] in ("literal_error", "enum")
    if is_choice and isinstance(part, (int, float)):
        return (json.dumps(part),)
    # A text that is too long, say, is still meant as text.
    if not isinstance(part, str) or error["type"].startswith("string_"):
        return None
    if part.strip() in ("null", "None"):
        return (None,)
    parsed = _parse_text(part)
    if parsed is None and is_choice:
        with contextlib.suppress(ValueError):
            parsed = json.loads(part.lower())
    return None if parsed is None else (parsed,)


def _parse_text(text: str) -> dict[str, Any] | list[Any] | None:
    """Return the object or list that a text contains, as JSON or as a Python literal; None for any other text."""
    text = text.strip()
    if not text.startswith(("{", "[")) or not text.endswith(("}", "]")):
        return None
    for parse in (json.loads, ast.literal_eval):
        with contextlib.suppress(ValueError, SyntaxError, TypeError, MemoryError, RecursionError), warnings.catch_warnings():
            # Python warns about odd escapes in the model's text.
            warnings.simplefilter("ignore")
            parsed = parse(text)
            return parsed if isinstance(parsed, (dict, list)) else None
    return None


def _locate(value: object, location: tuple[int | str, ...]) -> tuple[Path, object]:
    """Return the path to an error, and the part of the value there. The location may also name members of unions."""
    path: Path = []
    for key in location:
        if isinstance(value, dict):
            is_part = key in value
        else:
            is_part = isinstance(value, list) and isinstance(key, int) and key < len(value)
        # Any other key is the name of a member of a union.
        if is_part:
            path.append(key)
            value = cast("Any", value)[key]
    return path, value


def _replace(value: object, path: Path, part: object) -> object:
    """Return a copy of a value with another part at a path."""
    if not path or not isinstance(value, (dict, list)):
        return part
    copied: Any = value.copy()
    copied[path[0]] = _replace(copied[path[0]], path[1:], part)
    return copied


def _describe_errors(name: str, error: ValidationError) -> str:
    """Describe the faults of an argument for the model: each with its position, the rule and the value."""
    lines = []
    for item in error.errors(include_url=False)[:_MAX_ERRORS]:
        position = ".".join(str(key) for key in (name, *item["loc"]))
        value = "" if item["type"] == "missing" else f", got {reprlib.repr(item['input'])}"
        lines.append(f"Invalid argument {position!r}: {item['msg']}{value}.")
    return "\n".join(lines)
