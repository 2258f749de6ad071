"""Tools in the forms that endpoints take. What is given stays as it is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

Schema = dict[str, Any]

_REFUSED = ("$schema", "$defs", "definitions", "additionalProperties", "title", "default", "strict")
_A_JSON_OBJECT = "a JSON object, as text"


def simplify_tools(tools: Sequence[Schema]) -> list[Schema]:
    """Tools in the JSON schema that the strictest endpoints know.

    - A function without parameters has no parameters at all, not an empty object.
    - `default` goes into the description.
    - `anyOf` with null is the other type, `nullable`; of other alternatives the first is the type, and the description
      names the rest.
    - References are followed; `additionalProperties` and titles go.
    - An object whose keys are not known is a text with JSON in it.
    """
    return [{**tool, "function": _plain_function(tool["function"])} if "function" in tool else tool for tool in tools]


def _plain_function(function: Schema) -> Schema:
    kept = {key: value for key, value in function.items() if key not in ("parameters", "strict")}
    parameters = function.get("parameters") or {}
    if not parameters.get("properties"):
        return kept
    definitions = {**parameters.get("definitions", {}), **parameters.get("$defs", {})}
    return {**kept, "parameters": _plain(parameters, definitions, ())}


def _plain(schema: Any, definitions: Schema, within: tuple[str, ...]) -> Schema:
    """A schema without what is refused. `within` are the references that led here: a type that holds itself ends there."""
    if not isinstance(schema, dict):
        return {}
    if reference := schema.get("$ref"):
        name = str(reference).rsplit("/", 1)[-1]
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        if name in within or name not in definitions:
            return _described({"type": "string"}, beside.get("description"), _A_JSON_OBJECT)
        return _plain({**definitions[name], **beside}, definitions, (*within, name))
    if alternatives := schema.get("anyOf") or schema.get("oneOf"):
        return _one_of(schema, alternatives, definitions, within)
    if len(schema.get("allOf") or ()) == 1:
        beside = {key: value for key, value in schema.items() if key != "allOf"}
        return _plain({**schema["allOf"][0], **beside}, definitions, within)
    if isinstance(schema.get("type"), list):
        beside = {key: value for key, value in schema.items() if key != "type"}
        return _plain({**beside, "anyOf": [{"type": one} for one in schema["type"]]}, definitions, within)
    return _parts(schema, definitions, within)


def _parts(schema: Schema, definitions: Schema, within: tuple[str, ...]) -> Schema:
    kept = {key: value for key, value in schema.items() if key not in _REFUSED}
    if "default" in schema and schema["default"] is not None:
        kept = _described(kept, schema.get("description"), f"default: {json.dumps(schema['default'])}")
    if "const" in kept:
        kept["enum"] = [kept.pop("const")]
    if kept.get("items"):
        kept["items"] = _plain(kept["items"], definitions, within)
    if kept.get("properties"):
        kept["properties"] = {name: _plain(part, definitions, within) for name, part in kept["properties"].items()}
    elif kept.get("type") == "object":
        return _described({"type": "string"}, kept.get("description"), _A_JSON_OBJECT)
    return kept


def _one_of(schema: Schema, alternatives: Sequence[Schema], definitions: Schema, within: tuple[str, ...]) -> Schema:
    beside = {key: value for key, value in schema.items() if key not in ("anyOf", "oneOf")}
    real = [one for one in alternatives if one.get("type") != "null"] or [{"type": "string"}]
    first = _plain({**real[0], **beside}, definitions, within)
    if len(real) < len(alternatives):
        first["nullable"] = True
    if len(real) > 1:
        others = ", ".join(json.dumps(_plain(one, definitions, within)) for one in real[1:])
        first = _described(first, first.get("description"), f"or {others}")
    return first


def _described(schema: Schema, description: Any, note: str) -> Schema:
    text = f"{str(description).rstrip('.')} ({note})." if description else f"{note[0].upper()}{note[1:]}."
    return {**schema, "description": text}
