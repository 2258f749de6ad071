"""Functions as tools: their JSON schema, their arguments, their results."""

from __future__ import annotations

import functools
import inspect
import json
import logging
from collections.abc import Callable, Mapping
from typing import Annotated, Any, ForwardRef, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, Field, TypeAdapter

from ._drive import is_coroutine_function

__all__ = ["get_function_schema", "get_typed_signature", "load_basemodels_if_needed", "serialize_to_str"]

logger = logging.getLogger(__name__)

F = TypeVar("F", bound=Callable[..., Any])


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
        f: The function. Its parameters are annotated; text in `Annotated[..., "text"]` describes them.
        name: Its name for the model; its own name if None.
        description: What it does.

    Raises:
        TypeError: A parameter without a default has no annotation.
        ValueError: What describes a parameter is not text.

    >>> def add(a: Annotated[int, "one"], b: int = 2) -> int: ...
    >>> get_function_schema(add, description="Add.")["function"]["parameters"]["required"]
    ['a']
    """
    signature = get_typed_signature(f)
    required = get_required_params(signature)
    annotations = get_param_annotations(signature)
    missing, left_out = get_missing_annotations(signature, required)
    if missing:
        names = ", ".join(repr(one) for one in sorted(missing))
        raise TypeError(f"All parameters of {f.__name__!r} without a default must be annotated; these are not: {names}")
    if left_out:
        names = ", ".join(repr(one) for one in sorted(left_out))
        logger.warning("Parameters of %r without an annotation are left out of its schema: %s", f.__name__, names)
    if get_typed_return_annotation(f) is None:
        logger.warning("The function %r should be annotated to return a str or a pydantic model.", f.__name__)
    parameters = get_parameters(required, annotations, get_default_values(signature))
    function = Function(description=description, name=name or f.__name__, parameters=parameters)
    return ToolFunction(function=function).model_dump(serialize_as_any=True)


def get_typed_annotation(annotation: Any, globalns: dict[str, Any]) -> Any:
    """An annotation, evaluated if it is text. A name that is not known stays as it is."""
    if not isinstance(annotation, str):
        return annotation
    try:
        return eval(annotation, globalns, globalns)  # the annotations of the program's own functions
    except NameError:
        return ForwardRef(annotation)


def get_typed_signature(call: Callable[..., Any]) -> inspect.Signature:
    """The signature of a function with its annotations evaluated."""
    namespace = _namespace(call)
    return inspect.Signature(
        [
            parameter.replace(annotation=get_typed_annotation(parameter.annotation, namespace))
            for parameter in inspect.signature(call).parameters.values()
        ]
    )


def get_typed_return_annotation(call: Callable[..., Any]) -> Any:
    """The return annotation of a function, evaluated; None if it has none."""
    annotation = inspect.signature(call).return_annotation
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
    """
    description = k
    if get_origin(v) is Annotated:
        described = get_args(v)[1]
        if not isinstance(described, str):
            raise ValueError(f"The description of the parameter {k!r} must be a string, not {described!r}.")
        description = described
    adapter = TypeAdapter(v)
    schema = adapter.json_schema()
    if k in default_values:
        schema["default"] = _as_json(adapter, default_values[k])
    schema["description"] = description
    return schema


def get_parameters(
    required: list[str], param_annotations: Mapping[str, Any], default_values: Mapping[str, Any]
) -> Parameters:
    """The parameters of a function. Definitions of nested models stand beside the properties, where references point."""
    properties = {k: get_parameter_json_schema(k, v, default_values) for k, v in param_annotations.items()}
    definitions: dict[str, Any] = {}
    for schema in properties.values():
        definitions.update(schema.pop("$defs", {}))
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
    """Let a function be called with JSON: dicts become the models, dataclasses and enums that it is annotated with.

    A plain function stays plain, a coroutine function stays one.
    """
    signature = get_typed_signature(func)
    adapters = {
        name: TypeAdapter(annotation)
        for name, annotation in get_param_annotations(signature).items()
        if _structured(annotation)
    }
    if not adapters:
        return func

    def loaded(kwargs: dict[str, Any]) -> dict[str, Any]:
        return {key: adapters[key].validate_python(value) if key in adapters else value for key, value in kwargs.items()}

    if is_coroutine_function(func):

        @functools.wraps(func)
        async def a_call(*args: Any, **kwargs: Any) -> Any:
            return await func(*args, **loaded(kwargs))

        return a_call  # type: ignore[return-value]

    @functools.wraps(func)
    def call(*args: Any, **kwargs: Any) -> Any:
        return func(*args, **loaded(kwargs))

    return call  # type: ignore[return-value]


def serialize_to_str(x: Any) -> str:
    """The result of a tool as text: text as it is, a pydantic model and anything else as JSON.

    Raises:
        TypeError: JSON can't hold it.
    """
    if isinstance(x, str):
        return x
    return x.model_dump_json() if isinstance(x, BaseModel) else json.dumps(x, ensure_ascii=False)


def _named(signature: inspect.Signature) -> list[tuple[str, inspect.Parameter]]:
    """The parameters that a call can name: `*args` and `**kwargs` are none."""
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [(name, p) for name, p in signature.parameters.items() if p.kind not in variadic]


def _namespace(call: Callable[..., Any]) -> dict[str, Any]:
    return getattr(inspect.unwrap(call), "__globals__", {})


def _as_json(adapter: TypeAdapter[Any], default: Any) -> Any:
    """A default as JSON has it; one that doesn't fit its own annotation stays as it is."""
    try:
        return adapter.dump_python(default, mode="json", warnings="none")
    except ValueError:
        return default


def _load_model(value: dict[str, Any], model: type[BaseModel]) -> BaseModel:
    return model(**value)


def _structured(annotation: Any) -> bool:
    """Whether JSON has to be made into something else for it: a model, a dataclass, an enum, at any depth."""
    if get_origin(annotation) is not None:
        return any(_structured(one) for one in get_args(annotation))
    return isinstance(annotation, type) and not issubclass(annotation, (str, int, float, bool, list, dict, tuple, set))
