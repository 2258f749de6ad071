"""Functions as tools: their JSON schemas, and the conversion of their arguments and results."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, TypeAdapter
from pydantic.errors import PydanticUndefinedAnnotation

from ._functions.arguments import SCHEMA_ERRORS, load_basemodels_if_needed
from ._functions.arguments import F as F
from ._functions.arguments import get_load_param_if_needed_function as get_load_param_if_needed_function
from ._functions.docstrings import get_docstring, parse_docstring
from ._functions.injection import INJECTED as INJECTED
from ._functions.injection import find_injected, without_parameters
from ._functions.injection import get_injected_parameters as get_injected_parameters
from ._functions.results import serialize_to_str
from ._functions.signatures import (
    expand_alias,
    find_description,
    find_references,
    get_default_values,
    get_missing_annotations,
    get_param_annotations,
    get_required_params,
    get_typed_return_annotation,
    get_typed_signature,
)
from ._functions.signatures import get_typed_annotation as get_typed_annotation
from ._lazy_imports import deprecate
from ._steps import get_callable_name

__all__ = ["get_function_schema", "get_typed_signature", "load_basemodels_if_needed", "serialize_to_str"]

logger = logging.getLogger(__name__)


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

    A parameter is described by the text in `Annotated[..., "text"]` or the description of a pydantic field, or else by the
    docstring (in the style of Google, NumPy or Sphinx), or else by its name.

    Args:
        f: The function, or another callable. Its parameters must be annotated.
        name: The name for the model; None for the function's own name.
        description: The purpose of the function.

    Raises:
        TypeError: if a parameter without a default has no annotation.
        ValueError: if the description of a parameter is not text.
        pydantic.errors.PydanticUserError: If a type has no JSON schema. The message names the function and the parameter.
        pydantic.errors.PydanticUndefinedAnnotation: If an annotation uses a name that is not defined.

    >>> def add(a: Annotated[int, "one"], b: int = 2) -> int: ...
    >>> get_function_schema(add, description="Add.")["function"]["parameters"]["required"]
    ['a']
    """
    function_name = get_callable_name(f)
    signature = without_parameters(get_typed_signature(f), find_injected(f))
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
    for parameter, text in parse_docstring(get_docstring(f)).items():
        # A description in the annotation comes first.
        if parameter in annotations and find_description(parameter, annotations[parameter]) is None:
            parameters.properties[parameter]["description"] = text
    function = Function(description=description, name=name or function_name, parameters=parameters)
    return ToolFunction(function=function).model_dump(serialize_as_any=True)


def get_parameter_json_schema(k: str, v: Any, default_values: Mapping[str, object]) -> dict[str, Any]:
    """Build the schema of a parameter.

    Args:
        k: The name of the parameter, which is also the fallback for its description.
        v: The annotation of the parameter.
        default_values: The defaults of the function's parameters.

    Raises:
        ValueError: if the description is not text.
        pydantic.errors.PydanticUserError: If the type has no JSON schema.
        pydantic.errors.PydanticUndefinedAnnotation: If the annotation uses a name that is not defined.
    """
    description = find_description(k, v)
    v = expand_alias(v)
    with _add_error_context(f"the parameter {k!r}"):
        # Pydantic would look for the name in this module, and may find another object there.
        for name in find_references(v):
            raise PydanticUndefinedAnnotation(name=name, message=f"the name {name!r} is not known")
        adapter: TypeAdapter[object] = TypeAdapter(v)
        schema = adapter.json_schema()
    if k in default_values:
        # A default that JSON can't hold is left out.
        with contextlib.suppress(TypeError, ValueError):
            schema["default"] = _serialize_default(adapter, default_values[k])
    schema["description"] = k if description is None else description
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


__getattr__ = deprecate(globals(), {"injected_parameters": "get_injected_parameters"})


@contextlib.contextmanager
def _add_error_context(subject: str) -> Iterator[None]:
    """Prefix the message of a pydantic error with its subject. The type stays, since programs catch it."""
    try:
        yield
    except SCHEMA_ERRORS as error:
        error.message = f"{subject}: {error.message}"
        raise


def _serialize_default(adapter: TypeAdapter[object], default: object) -> object:
    """Serialise a default to a JSON value, even if it does not match its annotation.

    Raises:
        ValueError: if JSON can't hold the value, such as NaN.
        TypeError: if JSON can't hold the type.
    """
    value: object = adapter.dump_python(default, mode="json", by_alias=True, warnings=False)
    json.dumps(value, allow_nan=False)
    return value
