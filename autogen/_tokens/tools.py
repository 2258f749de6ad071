"""Token counts of the tools in a request.

An endpoint shows the tools to the model as text. OpenAI's models get declarations in the syntax of TypeScript, which are
much shorter than the JSON; their form is known from `gpt-oss` and from the tokens that the endpoint reports. Other models
get JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeGuard

from .tokenizers import count_tokens

# OpenAI's models, also behind a vendor's prefix.
_DECLARED = re.compile(r"(^|[/.])(gpt|chatgpt|codex|o\d)")
# The heading above the declarations.
_OPENAI_HEADING = 9
# The instructions that Anthropic adds to a request with tools.
_CLAUDE_INSTRUCTIONS = 346
_MAX_DEPTH = 20


def is_tool(value: object) -> TypeGuard[Mapping[str, Any]]:
    """Return True for a tool or a function of a request; False for a call, which has `arguments`."""
    if not isinstance(value, Mapping) or "role" in value:
        return False
    function = value.get("function", value)
    # A bare name may belong to anything.
    if function is value and not ("parameters" in value or "description" in value):
        return False
    return isinstance(function, Mapping) and isinstance(function.get("name"), str) and "arguments" not in function


def count_tool_tokens(tools: Sequence[Mapping[str, Any]], model: str) -> int:
    """Return the tokens that the tools of a request cost, as an estimate; 0 for no tools."""
    if not tools:
        return 0
    name = model.lower()
    if _DECLARED.search(name):
        functions = [tool.get("function") or tool for tool in tools]
        text = render_declarations([function for function in functions if isinstance(function, Mapping)])
        return _OPENAI_HEADING + count_tokens(text, model, estimate=True)
    text = "\n".join(json.dumps(tool, ensure_ascii=False, default=str) for tool in tools)
    return (_CLAUDE_INSTRUCTIONS if "claude" in name else 0) + count_tokens(text, model, estimate=True)


def render_declarations(functions: Sequence[Mapping[str, Any]]) -> str:
    """Return the declarations of functions as OpenAI's models see them."""
    lines = ["namespace functions {", ""]
    for function in functions:
        if description := function.get("description"):
            lines.append(f"// {description}")
        schema = function.get("parameters")
        if isinstance(schema, Mapping) and _get_properties(schema):
            writer = _SchemaWriter(schema)
            lines += [f"type {function.get('name')} = (_: {{", *writer.render_properties(schema, 0), "}) => any;", ""]
        else:
            lines += [f"type {function.get('name')} = () => any;", ""]
    return "\n".join([*lines, "} // namespace functions"])


def _get_properties(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    properties = schema.get("properties")
    return properties if isinstance(properties, Mapping) else {}


class _SchemaWriter:
    """Writes JSON schemas as types of TypeScript.

    Args:
        root: The schema of all parameters, which has the definitions that references name.
    """

    def __init__(self, root: Mapping[str, Any]) -> None:
        definitions = root.get("$defs") or root.get("definitions")
        self._definitions: Mapping[str, Any] = definitions if isinstance(definitions, Mapping) else {}

    def render_properties(self, schema: Mapping[str, Any], depth: int) -> Iterator[str]:
        """Yield the lines for the properties of an object."""
        required = schema.get("required")
        for name, prop in _get_properties(schema).items():
            prop = prop if isinstance(prop, Mapping) else {}
            if prop.get("description"):
                yield f"// {prop['description']}"
            mark = ":" if isinstance(required, (list, tuple)) and name in required else "?:"
            default = f" // default: {prop['default']}" if "default" in prop else ""
            yield f"{name}{mark} {self._render_type(prop, depth + 1)},{default}"

    def _render_type(self, schema: object, depth: int) -> str:
        if not isinstance(schema, Mapping) or depth > _MAX_DEPTH:
            return "any"
        if isinstance(reference := schema.get("$ref"), str):
            return self._render_type(self._definitions.get(reference.rpartition("/")[2]), depth + 1)
        alternatives = schema.get("enum") or ([schema["const"]] if "const" in schema else None)
        if isinstance(alternatives, (list, tuple)):
            return " | ".join(json.dumps(value, ensure_ascii=False, default=str) for value in alternatives)
        for key in ("anyOf", "oneOf"):
            if isinstance(options := schema.get(key), (list, tuple)):
                return " | ".join(self._render_type(option, depth + 1) for option in options)
        kinds = schema.get("type")
        several = kinds if isinstance(kinds, (list, tuple)) else [kinds]
        return " | ".join(self._render_kind(kind, schema, depth) for kind in several)

    def _render_kind(self, kind: object, schema: Mapping[str, Any], depth: int) -> str:
        if kind == "array":
            return f"{self._render_type(schema.get('items'), depth + 1)}[]"
        if kind == "object" and _get_properties(schema):
            return "\n".join(["{", *self.render_properties(schema, depth), "}"])
        return "any" if kind is None else "number" if kind == "integer" else str(kind)
