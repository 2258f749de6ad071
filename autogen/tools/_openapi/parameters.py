"""Parameters of operations: their names for models, and their values in requests."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from .document import Document, OpenAPIError

LOCATIONS = ("path", "query", "header", "cookie")
_STYLES = {
    "path": ("simple",),
    "query": ("form", "spaceDelimited", "pipeDelimited", "deepObject"),
    "header": ("simple",),
    "cookie": ("form",),
}
_SEPARATORS = {"form": ",", "simple": ",", "spaceDelimited": " ", "pipeDelimited": "|"}
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# The first three are set by other parts of a document; the others belong to the connection.
_RESERVED_HEADERS_TEXT = """
accept content-type authorization accept-encoding connection content-length cookie expect forwarded host keep-alive
origin proxy-authorization referer te trailer transfer-encoding upgrade user-agent via
"""
_RESERVED_HEADERS = frozenset(_RESERVED_HEADERS_TEXT.split())


@dataclass(frozen=True)
class Parameter:
    """A parameter of an operation.

    Attributes:
        argument: Name of the argument for models.
        name: Name in the request.
        location: `path`, `query`, `header` or `cookie`.
        schema: Schema as the document has it.
        is_required: True if a request needs it.
        description: Description in the document.
        style: Form of lists and objects.
        explode: True if each of their items is written on its own.
        is_json: True if the value is written as JSON.
    """

    argument: str
    name: str
    location: str
    schema: Any
    is_required: bool = False
    description: str = ""
    style: str = "form"
    explode: bool = True
    is_json: bool = False

    def write(self, value: Any) -> list[tuple[str, str]]:
        """Return the names and texts that stand for a value in a request.

        Raises:
            ValueError: if the value can't be written there.
        """
        if self.is_json:
            return [(self.name, json.dumps(value, ensure_ascii=False))]
        if isinstance(value, Mapping):
            return self._write_object(value)
        if isinstance(value, list):
            texts = [_write_scalar(self.argument, item) for item in value]
            if self.explode and self.location in ("query", "cookie") and self.style == "form":
                return [(self.name, text) for text in texts]
            return [(self.name, _SEPARATORS.get(self.style, ",").join(texts))] if texts else []
        return [(self.name, _write_scalar(self.argument, value))]

    def _write_object(self, value: Mapping[str, Any]) -> list[tuple[str, str]]:
        items = [(key, _write_scalar(f"{self.argument}.{key}", item)) for key, item in value.items()]
        if self.style == "deepObject":
            return [(f"{self.name}[{key}]", text) for key, text in items]
        if self.explode and self.style == "form":
            return items
        pairs = [f"{key}={text}" for key, text in items] if self.explode else [part for item in items for part in item]
        return [(self.name, _SEPARATORS[self.style].join(pairs))] if pairs else []


def _write_scalar(argument: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return ""
    if isinstance(value, (str, int, float)):
        return str(value)
    raise ValueError(f"Invalid argument {argument!r}: it can't be nested here, got {type(value).__name__}.")


def write_path_value(argument: str, text: str) -> str:
    """Return a text as a segment of a path.

    Raises:
        ValueError: if it would lead to another path.
    """
    if not text or any(part in (".", "..") for part in re.split(r"[/\\]", text)):
        raise ValueError(
            f"Invalid argument {argument!r}: it must be a name, not empty and without '.' or '..', got {text!r}."
        )
    return quote(text, safe="")


def check_header_value(argument: str, text: str) -> str:
    """Return a text as the value of a header.

    Raises:
        ValueError: if it has line breaks or other characters that no header has.
    """
    if _CONTROL.search(text) or not text.isascii():
        raise ValueError(f"Invalid argument {argument!r}: the value of a header has printable ASCII characters alone.")
    return text


def is_style(location: str, style: object) -> bool:
    """Return True if parameters in a location may have a style."""
    return style in _STYLES[location]


def is_header_name(name: object) -> bool:
    """Return True if a document may have a header of this name set."""
    return isinstance(name, str) and bool(_TOKEN.fullmatch(name)) and name.lower() not in _RESERVED_HEADERS


def read_parameters(document: Document, item: Mapping[str, Any], operation: Mapping[str, Any]) -> list[Parameter]:
    """Read the parameters of an operation, and those of its path item that it doesn't replace.

    Raises:
        OpenAPIError: if there is a parameter that can't be sent.
    """
    nodes: dict[tuple[str, str], Mapping[str, Any]] = {}
    for owner in (item, operation):
        listed = owner.get("parameters")
        for entry in listed if isinstance(listed, list) else ():
            node = document.resolve(entry)
            if not isinstance(node, Mapping) or node.get("in") not in LOCATIONS or not isinstance(node.get("name"), str):
                raise OpenAPIError("it has a parameter without a name or a location")
            nodes[node["name"], node["in"]] = node
    names: set[str] = set()
    parameters = []
    for (name, location), node in nodes.items():
        if location == "header" and not is_header_name(name):
            # No document decides about these headers.
            continue
        argument = make_argument_name(name, location, names)
        names.add(argument)
        parameters.append(_read_parameter(node, argument, location))
    return parameters


def _read_parameter(node: Mapping[str, Any], argument: str, location: str) -> Parameter:
    default_style = "form" if location in ("query", "cookie") else "simple"
    style = node.get("style", default_style)
    content = node.get("content")
    schema, is_json = node.get("schema", True), False
    if isinstance(content, Mapping):
        media = content.get("application/json")
        if not isinstance(media, Mapping):
            raise OpenAPIError(f"its parameter {argument!r} has another form than JSON")
        schema, is_json = media.get("schema", True), True
    elif style not in _STYLES[location]:
        raise OpenAPIError(f"its parameter {argument!r} has the style {str(style)[:40]!r}, which is not supported")
    description = node.get("description")
    return Parameter(
        argument=argument,
        name=node["name"],
        location=location,
        schema=schema,
        is_required=location == "path" or node.get("required") is True,
        description=description if isinstance(description, str) else "",
        style=style,
        explode=bool(node.get("explode", style == "form")),
        is_json=is_json,
    )


def make_argument_name(name: str, location: str, names: set[str]) -> str:
    """Return the name of an argument that endpoints of models take, and that no other argument has."""
    stem = re.sub(r"[^a-zA-Z0-9_-]+", "_", name).strip("_")[:50] or location
    candidate, number = stem, 1
    while candidate in names:
        number += 1
        candidate = f"{stem}_{location}" if number == 2 else f"{stem}_{location}_{number}"
    return candidate
