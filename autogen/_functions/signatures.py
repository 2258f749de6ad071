"""Signatures of callables: evaluated annotations, defaults, and the descriptions of parameters."""

from __future__ import annotations

import collections.abc
import functools
import inspect
import sys
from collections.abc import Callable, Iterator
from types import FunctionType, GenericAlias, MethodType
from typing import Annotated, Any, ForwardRef, Literal, NewType, get_args, get_origin, get_type_hints

from pydantic.fields import FieldInfo

from .markers import Field

# Raised when an annotation is evaluated whose names don't exist.
_NAME_ERRORS = (AttributeError, NameError, TypeError)
# Metadata of these types is neither a description nor a constraint: most likely a mistake.
_CONSTANTS = (int, float, complex, bytes, list, tuple, dict, set, frozenset)


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
    if sys.version_info < (3, 11):
        annotation = _mark_references(annotation)
    if not find_references(annotation):
        return annotation

    def holder() -> None: ...

    holder.__annotations__ = {"it": annotation}
    try:
        evaluated: object = get_type_hints(holder, globalns, include_extras=True)["it"]
    except (*_NAME_ERRORS, SyntaxError):
        return annotation
    # A recursive type is evaluated to a limited depth only, and pydantic would recurse endlessly into the result.
    return annotation if find_references(evaluated) else evaluated


def _mark_references(annotation: object) -> object:
    """Mark text in `list["X"]` as a reference, which Python 3.10 does not do itself."""
    if isinstance(annotation, GenericAlias):
        args = (ForwardRef(arg) if isinstance(arg, str) else _mark_references(arg) for arg in get_args(annotation))
        return GenericAlias(get_origin(annotation), tuple(args))
    return annotation


def get_typed_signature(call: Callable[..., object]) -> inspect.Signature:
    """Return the signature of a callable, with evaluated annotations.

    A pydantic field, as the default or in `Annotated`, is taken apart: its constraints are in the annotation, and its
    default is the default of the parameter. A field with a `default_factory` stays the default; see `make_default`.
    """
    namespace = get_namespace(call)
    parameters = [
        _apply_field(parameter.replace(annotation=get_typed_annotation(parameter.annotation, namespace)))
        for parameter in get_signature(call).parameters.values()
    ]
    return _make_signature(parameters)


def get_typed_return_annotation(call: Callable[..., object]) -> object:
    """Return the evaluated return annotation of a callable, or None if it has none."""
    annotation = get_signature(call).return_annotation
    return None if annotation is inspect.Signature.empty else get_typed_annotation(annotation, get_namespace(call))


def get_param_annotations(typed_signature: inspect.Signature) -> dict[str, object]:
    """Return the annotations of the annotated parameters, by name."""
    parameters = list_parameters(typed_signature)
    return {name: p.annotation for name, p in parameters if p.annotation is not inspect.Signature.empty}


def get_required_params(typed_signature: inspect.Signature) -> list[str]:
    """Return the names of the parameters without a default."""
    return [name for name, p in list_parameters(typed_signature) if p.default is inspect.Signature.empty]


def get_default_values(typed_signature: inspect.Signature) -> dict[str, object]:
    """Return the defaults of the parameters that have one, by name. A default that a factory makes is left out."""
    return {
        name: p.default
        for name, p in list_parameters(typed_signature)
        if p.default is not inspect.Signature.empty and not isinstance(p.default, FieldInfo)
    }


def get_missing_annotations(typed_signature: inspect.Signature, required: list[str]) -> tuple[set[str], set[str]]:
    """Return the names of the parameters without an annotation: of required parameters, and of those with a default."""
    bare = {name for name, p in list_parameters(typed_signature) if p.annotation is inspect.Signature.empty}
    return bare & set(required), bare - set(required)


def list_parameters(signature: inspect.Signature) -> list[tuple[str, inspect.Parameter]]:
    """Return the parameters that a call can name, so without `*args` and `**kwargs`."""
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [(name, p) for name, p in signature.parameters.items() if p.kind not in variadic]


def get_signature(call: Callable[..., object]) -> inspect.Signature:
    """Return the signature of a callable as written, without an error for names that are not defined."""
    # From Python 3.14 on, annotations are evaluated on access, which fails by default if a name is not defined.
    if sys.version_info >= (3, 14):
        from annotationlib import Format

        return inspect.signature(call, annotation_format=Format.FORWARDREF)
    return inspect.signature(call)


def unwrap_function(call: Callable[..., object]) -> Callable[..., object]:
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


def get_namespace(call: Callable[..., object]) -> dict[str, Any]:
    """Return the namespace in which the annotations of a callable are evaluated."""
    function = unwrap_function(call)
    if isinstance(function, type):
        return vars(sys.modules[function.__module__])
    return getattr(function, "__globals__", {})


def iter_parts(annotation: object, seen: tuple[object, ...] = ()) -> Iterator[object]:
    """Yield the types and references that an annotation is composed of.

    Args:
        annotation: The annotation.
        seen: The type aliases that led here. A recursive alias is not followed again.
    """
    origin, args = get_origin(annotation), get_args(annotation)
    if isinstance(annotation, NewType):
        yield from iter_parts(annotation.__supertype__, seen)
        return
    if is_type_alias(alias := origin or annotation):
        if alias not in seen:
            yield from iter_parts(expand_alias(alias), (*seen, alias))
        origin = None if origin is None else object
    if origin is None:
        yield annotation
        return
    yield origin
    # The arguments of these aren't types of values: literals, classes, and signatures.
    if origin in (Literal, type, collections.abc.Callable):
        return
    for argument in args[:1] if origin is Annotated else args:
        yield from iter_parts(argument, seen)


def find_references(annotation: object) -> list[str]:
    """Return the names and expressions in an annotation that are not evaluated."""
    parts = [part for part in iter_parts(annotation) if isinstance(part, (str, ForwardRef))]
    return [part if isinstance(part, str) else part.__forward_arg__ for part in parts]


def is_type_alias(annotation: object) -> bool:
    """Return True for an alias made by the statement `type X = ...`, or by its backport."""
    return type(annotation).__name__ == "TypeAliasType"


def expand_alias(annotation: object) -> object:
    """Return the type that a `type` alias stands for, and any other annotation unchanged.

    An alias with type arguments, or with a name that is not defined, is returned unchanged, too.
    """
    while is_type_alias(annotation) and not getattr(annotation, "__type_params__", ()):
        try:
            value: object = getattr(annotation, "__value__", None)
        except _NAME_ERRORS:
            return annotation
        # The backport takes text, which pydantic evaluates for the alias only.
        if find_references(value):
            return annotation
        annotation = value
    return annotation


def find_description(name: str, annotation: object) -> str | None:
    """Return the description in the metadata of an annotation: a text, a pydantic field, or a `Doc`.

    Args:
        name: The name of the parameter, for errors.
        annotation: The evaluated annotation.

    Returns:
        The description; None if there is none, so that the docstring can be asked.

    Raises:
        ValueError: if the first metadata is a constant that is not text.
    """
    annotation = expand_alias(annotation)
    if get_origin(annotation) is not Annotated:
        return None
    inner, *metadata = get_args(annotation)
    if isinstance(metadata[0], _CONSTANTS):
        raise ValueError(f"The description of the parameter {name!r} must be a string, not {metadata[0]!r}.")
    for item in metadata:
        text: object = item
        if isinstance(item, (FieldInfo, Field)):
            text = item.description
        elif type(item).__name__ == "Doc":
            text = getattr(item, "documentation", None)
        if isinstance(text, str):
            return text
    return find_description(name, inner)


def make_default(parameter: inspect.Parameter) -> object:
    """Return the default of a parameter for one call: a field with a factory makes a new value each time."""
    default = parameter.default
    return default.get_default(call_default_factory=True) if isinstance(default, FieldInfo) else default


def _apply_field(parameter: inspect.Parameter) -> inspect.Parameter:
    """Take apart a pydantic field that is the default of a parameter, or that has its default in `Annotated`."""
    annotation, field = parameter.annotation, parameter.default
    if isinstance(field, FieldInfo):
        if annotation is not inspect.Parameter.empty:
            annotation = Annotated[annotation, field]
    elif field is inspect.Parameter.empty and get_origin(annotation) is Annotated:
        fields = [item for item in get_args(annotation)[1:] if isinstance(item, FieldInfo) and not item.is_required()]
        if not fields:
            return parameter
        field = fields[-1]
    else:
        return parameter
    if field.is_required():
        return parameter.replace(annotation=annotation, default=inspect.Parameter.empty)
    return parameter.replace(annotation=annotation, default=field if field.default_factory else field.default)


def _make_signature(parameters: list[inspect.Parameter]) -> inspect.Signature:
    # `Field(...)` may follow parameters with a default: for Python it is a default, too.
    return inspect.Signature(parameters, __validate_parameters__=False)
