"""Bodies of requests: JSON, forms, texts and files."""

from __future__ import annotations

import json
import mimetypes
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

from ..._extras import httpx
from .document import Document, OpenAPIError
from .parameters import Parameter, is_style, make_argument_name

JSON_TYPES = ("application/json", "*/*")
FORM_TYPE = "application/x-www-form-urlencoded"
MULTIPART_TYPE = "multipart/form-data"
MAX_FILE_BYTES = 50 * 2**20
_TEXT_TYPE = re.compile(r"text/[\w.+-]+|application/([\w.+-]+\+)?(xml|yaml)|application/x-ndjson")
_MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+")
_FILE = {"type": "string", "description": "Name of a file to send."}


class Content(NamedTuple):
    """A body as it is sent.

    Attributes:
        data: The bytes.
        media_type: Their content type.
    """

    data: bytes
    media_type: str


class UploadFolder:
    """The folder of the files that models may send.

    Args:
        folder: Its path.

    Raises:
        ValueError: if it is not a folder.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._path = Path(folder).resolve()
        if not self._path.is_dir():
            raise ValueError(f"upload_folder must be a folder, got {str(folder)!r}.")

    def read(self, argument: str, name: Any, media_type: str | None = None) -> tuple[str, bytes, str]:
        """Return the name, the content and the content type of a file.

        Raises:
            ValueError: if there is no such file in the folder, or it is too large.
        """
        try:
            path = (self._path / str(name)).resolve()
            if not path.is_relative_to(self._path) or not path.is_file():
                raise OSError
            with path.open("rb") as file:
                data = file.read(MAX_FILE_BYTES + 1)
        # A cycle of links is a RuntimeError before Python 3.13.
        except (OSError, ValueError, RuntimeError):
            raise ValueError(f"Invalid argument {argument!r}: there is no file {name!r} that may be sent.") from None
        if len(data) > MAX_FILE_BYTES:
            raise ValueError(f"Invalid argument {argument!r}: the file is larger than {MAX_FILE_BYTES:,} bytes.")
        return path.name, data, media_type or mimetypes.guess_type(path.name)[0] or "application/octet-stream"


@dataclass(frozen=True)
class Body:
    """The body of an operation's requests.

    Attributes:
        argument: Name of the argument for models.
        media_type: Content type.
        schema: Schema as the document has it.
        is_required: True if a request needs it.
        description: Description in the document.
        files: Properties of a form that are files, with their content types if the document has any.
        encoding: How the document has other properties of a form encoded.
        folder: Folder of files; None if no file may be sent.
    """

    argument: str
    media_type: str
    schema: Any
    is_required: bool = False
    description: str = ""
    files: Mapping[str, str | None] = field(default_factory=dict)
    encoding: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    folder: UploadFolder | None = None

    @property
    def is_json(self) -> bool:
        """True if it is sent as JSON."""
        return self.media_type in JSON_TYPES

    def write(self, value: Any) -> Content:
        """Return the body for a value that fits the schema, unless it is JSON.

        Raises:
            ValueError: if a value can't be sent.
        """
        if self.media_type in (FORM_TYPE, MULTIPART_TYPE) and not isinstance(value, Mapping):
            raise ValueError(f"Invalid argument {self.argument!r}: it must be an object, got {type(value).__name__}.")
        if self.media_type == FORM_TYPE:
            pairs = [pair for name, item in value.items() for pair in self._write_property(name, item)]
            return Content(urlencode(pairs).encode(), FORM_TYPE)
        if self.media_type == MULTIPART_TYPE:
            parts = [part for name, item in value.items() for part in self._list_parts(name, item)]
            request = httpx.Request("POST", "http://body", files=parts)
            return Content(request.read(), request.headers["content-type"])
        if _TEXT_TYPE.fullmatch(self.media_type):
            return Content(str(value).encode("utf-8", "replace"), f"{self.media_type}; charset=utf-8")
        assert self.folder is not None
        _, data, _ = self.folder.read(self.argument, value)
        return Content(data, self.media_type)

    def _write_property(self, name: str, value: Any) -> list[tuple[str, str]]:
        encoding = self.encoding.get(name, {})
        style = encoding.get("style", "form")
        is_json = str(encoding.get("contentType", "")).partition(";")[0].strip() == "application/json"
        return Parameter(
            argument=f"{self.argument}.{name}",
            name=name,
            location="query",
            schema=True,
            style=style if is_style("query", style) else "form",
            explode=bool(encoding.get("explode", style == "form")),
            is_json=is_json,
        ).write(value)

    def _list_parts(self, name: str, value: Any) -> list[tuple[str, tuple[str | None, bytes, str]]]:
        """Return the parts that stand for a property: a part for each item of a list."""
        parts: list[tuple[str, tuple[str | None, bytes, str]]] = []
        for item in value if isinstance(value, list) else [value]:
            if name in self.files:
                assert self.folder is not None
                parts.append((name, self.folder.read(f"{self.argument}.{name}", item, self.files[name])))
            elif isinstance(item, (Mapping, list)):
                parts.append((name, (None, json.dumps(item, ensure_ascii=False).encode(), "application/json")))
            else:
                text = item if isinstance(item, str) else json.dumps(item)
                parts.append((name, (None, text.encode("utf-8", "replace"), "text/plain; charset=utf-8")))
        return parts


def read_body(document: Document, node: Mapping[str, Any], names: set[str], folder: UploadFolder | None) -> Body | None:
    """Read the body of an operation; None if it has none, or an optional body that can't be sent.

    Args:
        document: The document.
        node: The operation.
        names: Names of the other arguments.
        folder: Folder of the files that models may send; None for no files.

    Raises:
        OpenAPIError: if it needs a body that can't be sent.
    """
    body = document.resolve(node.get("requestBody"))
    if not isinstance(body, Mapping):
        return None
    content = body.get("content")
    kinds = {str(kind).partition(";")[0].strip().lower(): kind for kind in content} if isinstance(content, Mapping) else {}
    description = body.get("description")
    is_required = body.get("required") is True
    problem = f"its body has to be {', '.join(kinds)[:100] or 'empty'}, which can't be sent"
    for media_type in sorted(kinds, key=_rank):
        media = document.resolve(content[kinds[media_type]])  # type: ignore[index]
        if not isinstance(media, Mapping) or not (media_type == "*/*" or _MEDIA_TYPE.fullmatch(media_type)):
            continue
        try:
            schema, files = _read_schema(document, media_type, media, folder)
        except OpenAPIError as error:
            problem = str(error)
            continue
        encoding = media.get("encoding")
        return Body(
            argument=make_argument_name("body", "content", names),
            media_type=media_type,
            schema=schema,
            is_required=is_required,
            description=description if isinstance(description, str) else "",
            files=files,
            encoding=_get_mappings(encoding),
            folder=folder,
        )
    if is_required:
        raise OpenAPIError(problem)
    return None


def _rank(media_type: str) -> int:
    """Return the position of a content type in the order of preference."""
    for rank, types in enumerate((("application/json",), ("*/*",), (FORM_TYPE,), (MULTIPART_TYPE,))):
        if media_type in types:
            return rank
    return 4 if _TEXT_TYPE.fullmatch(media_type) else 5


def _read_schema(
    document: Document, media_type: str, media: Mapping[str, Any], folder: UploadFolder | None
) -> tuple[Any, dict[str, str | None]]:
    """Return the schema of a body, and the properties that are files.

    Raises:
        OpenAPIError: if it needs a file, and no file may be sent.
    """
    if media_type in (*JSON_TYPES, FORM_TYPE):
        schema = media.get("schema", True)
        # A form has names, whatever the document says.
        is_bare = media_type == FORM_TYPE and not (isinstance(schema, Mapping) and schema.keys() & {"$ref", "type", "allOf"})
        return {**(schema if isinstance(schema, Mapping) else {}), "type": "object"} if is_bare else schema, {}
    if media_type == MULTIPART_TYPE:
        return _read_form(document, media, folder)
    if _TEXT_TYPE.fullmatch(media_type):
        return {"type": "string"}, {}
    if folder is None:
        raise OpenAPIError("its body is a file: name the folder of the files that may be sent by upload_folder=")
    return _FILE, {}


def _read_form(
    document: Document, media: Mapping[str, Any], folder: UploadFolder | None
) -> tuple[dict[str, Any], dict[str, str | None]]:
    schema = document.resolve(media.get("schema", {}))
    schema = dict(schema) if isinstance(schema, Mapping) else {}
    encoding = _get_mappings(media.get("encoding"))
    properties: dict[str, Any] = {}
    files: dict[str, str | None] = {}
    required = schema.get("required")
    needed = required if isinstance(required, list) else []
    for name, node in _get_mappings(schema.get("properties")).items():
        count = _count_files(document, node)
        if not count:
            properties[name] = node
        elif folder is not None:
            media_type = str(encoding.get(name, {}).get("contentType", ""))
            files[name] = media_type if _MEDIA_TYPE.fullmatch(media_type) else None
            properties[name] = {"type": "array", "items": _FILE} if count == "many" else _FILE
        elif name in needed:
            raise OpenAPIError(f"its {name[:40]!r} is a file: name the folder of files that may be sent by upload_folder=")
    return {**schema, "type": "object", "properties": properties}, files


def _count_files(document: Document, node: Any, depth: int = 3) -> str:
    """Return `one` or `many` for a property that is a file or a list of files; else an empty text."""
    schema = document.resolve(node)
    if not isinstance(schema, Mapping) or depth == 0:
        return ""
    # An optional file may also be null.
    for key in ("anyOf", "oneOf"):
        members = schema.get(key)
        for member in members if isinstance(members, list) else ():
            if count := _count_files(document, member, depth - 1):
                return count
    if schema.get("type") == "array":
        return "many" if _count_files(document, schema.get("items"), depth - 1) else ""
    # In the words of OpenAPI 3.0, or of 3.1, where Base64 is text.
    is_binary = schema.get("format") == "binary" or ("contentMediaType" in schema and "contentEncoding" not in schema)
    return "one" if is_binary and schema.get("type", "string") in ("string", ["string", "null"]) else ""


def _get_mappings(node: Any) -> dict[str, Any]:
    """Return the entries of a mapping that are mappings themselves."""
    entries = node.items() if isinstance(node, Mapping) else ()
    return {name: entry for name, entry in entries if isinstance(name, str) and isinstance(entry, Mapping)}
