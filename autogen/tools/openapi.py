"""Tools of an OpenAPI document: a tool for each of its operations that a program allows. Needs the extra `openapi`.

>>> from autogen.tools import openapi_tools
>>> tools = openapi_tools("https://api.example.org/openapi.json", allow=["listPets", "POST /pets"])  # doctest: +SKIP
>>> agent.run("How many pets are there?", tools=tools)  # doctest: +SKIP
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Collection, Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from .._mistakes import suggest, trim_stop
from ._openapi.bodies import UploadFolder
from ._openapi.document import Document, OpenAPIError, Origin, check_base, find_base_url, get_origin, load_document
from ._openapi.operations import Operation
from ._openapi.security import Secrets
from .tool import Tool
from .toolkit import Toolkit

if TYPE_CHECKING:
    from ..fetching import FetchPolicy

__all__ = ["OpenAPIError", "openapi_tools"]

logger = logging.getLogger(__name__)

MAX_TOOLS = 200
_MAX_NAME = 64
_SAFE_METHODS = ("GET", "HEAD")
_INVALID = re.compile(r"[^a-zA-Z0-9_-]+")

# Method, path, path item and operation.
_Row = tuple[str, str, Mapping[str, Any], Mapping[str, Any]]


def openapi_tools(
    document: str | os.PathLike[str] | Mapping[str, Any],
    *,
    allow: str | Collection[str] | None = None,
    secrets: Mapping[str, str | Callable[[], str]] | None = None,
    base_url: str | None = None,
    other_servers: Collection[str] = (),
    upload_folder: str | os.PathLike[str] | None = None,
    prefix: str = "",
    policy: FetchPolicy | None = None,
    max_result_chars: int = 20_000,
) -> Toolkit:
    """Make tools of the operations of an OpenAPI 3 document.

    The document is not trusted. References to other documents are not followed. Requests go to the server of the document
    alone, by `autogen.fetching`: addresses on this machine and its network need a policy that allows them. Descriptions are
    cleaned, shortened and quoted, and responses are marked as data. Arguments are checked by the schemas, but for patterns.
    An HTTP error is an error of the tool, which a chat gives to the model with the server's words.

    A body is JSON, a form, a text or a file. The model names files, within `upload_folder` alone. An operation that no tool
    can be made of is left out with a warning; it is an error if `allow` has its very name.

    Args:
        document: The document, JSON or YAML: a file, an address, or a parsed document.
        allow: Operations to make tools of: ids such as "listPets" or methods with paths such as "POST /pets", with `*` for
            any characters. By default those that only read: GET and HEAD.
        secrets: For each security scheme of the document, the name of the environment variable that has the secret, or a
            function that returns it. It is read for each request, and masked where a response repeats it.
        base_url: Address that the paths are appended to. By default the first server of the document, which must be on the
            host that the document was fetched from.
        other_servers: Addresses of further servers that operations may name as their own. They get the secrets of these
            operations.
        upload_folder: Folder of the files that the model may send. By default none, and operations that need a file are left
            out.
        prefix: Beginning of the tools' names.
        policy: The rules of fetching; by default those of the process.
        max_result_chars: Maximum length of a response in characters. Longer texts lose their middle.

    Returns:
        The tools, named after the ids of the operations.

    Raises:
        OpenAPIError: if it is not an OpenAPI 3 document, or no tools can be made of it.
        ValueError: if `allow` has a name that fits no operation, a secret is missing, or there is no such folder.
        FetchError: if the document can't be fetched.
        OSError: if the file can't be read.
        ImportError: if the extra is not installed.
    """
    loaded = load_document(document, policy)
    rows = list(loaded.list_operations())
    patterns = [allow] if isinstance(allow, str) else allow
    selected = [row for row in rows if _is_allowed(row, patterns)]
    for pattern in patterns or ():
        if not any(_is_allowed(row, [pattern]) for row in rows):
            known = [name for row in rows for name in _list_names(row)]
            raise ValueError(f"{loaded.name} has no operation {pattern!r}.{suggest(pattern, known)}")
    if not selected:
        count = f"{len(rows)} operations, and none only reads" if rows else "no operations"
        raise OpenAPIError(f"{loaded.name} has {count}: name the operations to allow by allow=.")
    if len(selected) > MAX_TOOLS:
        raise OpenAPIError(f"{loaded.name}: {len(selected)} operations are allowed, the limit is {MAX_TOOLS}: name fewer.")
    context: dict[str, Any] = {
        "base_url": find_base_url(loaded, base_url),
        "is_base_given": base_url is not None,
        "secrets": Secrets(loaded, secrets),
        "other_servers": _read_servers(other_servers),
        "folder": None if upload_folder is None else UploadFolder(upload_folder),
    }
    tools = Toolkit()
    for row in selected:
        operation = _read_operation(loaded, row, context, is_named=bool({*_list_names(row)} & {*(patterns or ())}))
        if operation is not None:
            name = _make_name(f"{prefix}{_list_names(row)[0]}", tools.toolkit)
            tools.set_tool(_make_tool(operation, name, policy, max_result_chars))
    if not len(tools):
        raise OpenAPIError(f"{loaded.name}: no tool can be made of any of the operations that are allowed; see the log.")
    return tools


def _read_servers(addresses: Collection[str]) -> list[Origin]:
    if isinstance(addresses, str):
        raise TypeError(f"other_servers must be a list of addresses, got the text {addresses!r}.")
    return [get_origin(check_base(address, "A server of other_servers")) for address in addresses]


def _list_names(row: _Row) -> list[str]:
    """Return the names of an operation: its id, if there is one, and its method and path."""
    method, path, _, operation = row
    own = operation.get("operationId")
    return [*([own] if isinstance(own, str) and own else []), f"{method} {path}"]


def _is_allowed(row: _Row, patterns: Collection[str] | None) -> bool:
    if patterns is None:
        return row[0] in _SAFE_METHODS
    return any(name == pattern or fnmatchcase(name, pattern) for name in _list_names(row) for pattern in patterns)


def _read_operation(document: Document, row: _Row, context: Mapping[str, Any], *, is_named: bool) -> Operation | None:
    """Read an operation; return None, with a warning, if no tool can be made of it.

    Raises:
        OpenAPIError: if no tool can be made of an operation that the program has named.
    """
    try:
        return Operation(document, *row, **context)
    except OpenAPIError as error:
        text = f"{document.name}: no tool can be made of {_list_names(row)[-1][:200]!r}: {trim_stop(error)}."
        if is_named:
            raise OpenAPIError(text) from None
        logger.warning("%s", text)
        return None


def _make_name(text: str, names: Collection[str]) -> str:
    """Return a name that endpoints of models take, and that no other tool has."""
    stem = _INVALID.sub("_", text).strip("_") or "operation"
    name, number = stem[:_MAX_NAME], 1
    while name in names:
        number += 1
        end = f"_{number}"
        name = f"{stem[: _MAX_NAME - len(end)]}{end}"
    return name


def _make_tool(operation: Operation, name: str, policy: FetchPolicy | None, max_result_chars: int) -> Tool:
    def call(**arguments: Any) -> str:
        return operation.call(arguments, policy, max_result_chars)

    call.__name__ = name
    return Tool(
        name=name,
        description=operation.description,
        func_or_tool=call,
        parameters_json_schema=operation.schema,
        returns="untrusted",
    )
