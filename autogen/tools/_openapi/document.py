"""Documents: loading, references within them, and the servers that they name."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import unquote, urljoin, urlsplit

from ..._extras import require
from ..._mistakes import trim_stop
from ..._secrets import mask_url

if TYPE_CHECKING:
    from ...fetching import FetchPolicy

MAX_BYTES = 10 * 2**20
# The parser of YAML is slow, and its fast variant crashes the process if a document is nested deeply.
MAX_YAML_BYTES = 2 * 2**20
MAX_REFERENCES = 50
METHODS = ("get", "head", "post", "put", "patch", "delete", "options", "trace")
Origin: TypeAlias = tuple[str, str, int | None]
"""Scheme, host and port of an address."""
_DEFAULT_PORTS = {"http": 80, "https": 443}
_VARIABLE = re.compile(r"\{([^{}]*)\}")
_YAML_TAGS = ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:merge")


class OpenAPIError(ValueError):
    """Raised if no tools can be made of an OpenAPI document, or of an operation in it."""


@dataclass(frozen=True)
class Document:
    """An OpenAPI document.

    Attributes:
        name: Its address or file, for messages.
        content: The parsed document.
        url: The address that it was fetched from; None for a file.
    """

    name: str
    content: Mapping[str, Any] = field(repr=False)
    url: str | None = None

    @property
    def is_3_0(self) -> bool:
        """True if its schemas are those of OpenAPI 3.0, which differ from JSON schemas."""
        return str(self.content["openapi"]).startswith("3.0")

    def resolve(self, node: Any) -> Any:
        """Return a node, or the node that it refers to.

        Raises:
            OpenAPIError: if the reference leads to another document, to nothing, or to itself.
        """
        for _ in range(MAX_REFERENCES):
            if not isinstance(node, Mapping) or "$ref" not in node:
                return node
            node = self.look_up(node["$ref"])
        raise OpenAPIError("it has references that lead back to themselves")

    def look_up(self, reference: Any) -> Any:
        """Return the node at a reference such as `#/components/schemas/Pet`.

        Raises:
            OpenAPIError: if it leads to another document or to nothing.
        """
        shown = repr(reference)[:200]
        if not isinstance(reference, str) or not reference.startswith("#/"):
            raise OpenAPIError(f"its reference {shown} leads to another document, which is not read: join them into one")
        node: Any = self.content
        for part in unquote(reference[2:]).split("/"):
            key = part.replace("~1", "/").replace("~0", "~")
            if isinstance(node, list) and key.isdecimal() and len(key) < 6 and int(key) < len(node):
                node = node[int(key)]
            elif isinstance(node, Mapping) and key in node:
                node = node[key]
            else:
                raise OpenAPIError(f"its reference {shown} leads to nothing")
        return node

    def list_operations(self) -> Iterator[tuple[str, str, Mapping[str, Any], Mapping[str, Any]]]:
        """Yield the method in upper case, the path, the path item and the operation of each operation.

        Path items that refer to other documents are left out.
        """
        paths = self.content.get("paths")
        for path, item in paths.items() if isinstance(paths, Mapping) else ():
            try:
                item = self.resolve(item)
            except OpenAPIError:
                continue
            for method in METHODS if isinstance(item, Mapping) else ():
                if isinstance(operation := item.get(method), Mapping):
                    yield method.upper(), str(path), item, operation


def load_document(source: str | os.PathLike[str] | Mapping[str, Any], policy: FetchPolicy | None) -> Document:
    """Load a document from an address or a file; a parsed document is taken as it is.

    Raises:
        OpenAPIError: if it is not an OpenAPI 3 document.
        FetchError: if it can't be fetched.
        OSError: if the file can't be read.
    """
    url = None
    if isinstance(source, Mapping):
        name, content = "The document", source
    elif isinstance(source, str) and source.lower().startswith(("http://", "https://")):
        from ...fetching import fetch

        url, name = source, mask_url(source)
        headers = {"accept": "application/json, application/yaml;q=0.9, */*;q=0.5"}
        content = _parse(fetch(source, policy=policy, headers=headers).raise_for_status().content, name)
    elif isinstance(source, (str, os.PathLike)):
        name = str(source)
        with Path(source).open("rb") as file:
            content = _parse(file.read(MAX_BYTES + 1), name)
    else:
        raise TypeError(f"document must be a file, an address or a parsed document, got {type(source).__name__}.")
    version = content.get("openapi")
    if not isinstance(version, str) or not version.startswith(("3.0", "3.1", "3.2")):
        found = f"Swagger {content['swagger']}" if "swagger" in content else f"openapi: {version!r}"
        raise OpenAPIError(f"{name} is not an OpenAPI 3 document, got {found[:80]}.")
    return Document(name, content, url)


def _parse(data: bytes, name: str) -> Mapping[str, Any]:
    if len(data) > MAX_BYTES:
        raise OpenAPIError(f"{name} is larger than {MAX_BYTES:,} bytes.")
    try:
        text = data.decode("utf-8-sig")
        content = json.loads(text) if text.lstrip().startswith("{") else _parse_yaml(text, name)
    except RecursionError:
        raise OpenAPIError(f"{name} is nested too deeply.") from None
    except OpenAPIError:
        raise
    except ValueError as error:
        raise OpenAPIError(f"{name} is neither JSON nor YAML: {trim_stop(error)[:300]}.") from None
    if not isinstance(content, Mapping):
        raise OpenAPIError(f"{name} is not an OpenAPI document, got {type(content).__name__}.")
    return content


def _parse_yaml(text: str, name: str) -> Any:
    if len(text) > MAX_YAML_BYTES:
        raise OpenAPIError(f"{name} is YAML of more than {MAX_YAML_BYTES:,} characters: convert it to JSON.")
    yaml = require("yaml", extra="openapi", feature="An OpenAPI document in YAML")

    class Loader(yaml.SafeLoader):  # type: ignore[misc, name-defined]
        # Dates stay texts, as in JSON. Merges of merges make a small document huge.
        yaml_implicit_resolvers = {
            first: [(tag, pattern) for tag, pattern in resolvers if tag not in _YAML_TAGS]
            for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
        }

    try:
        return yaml.load(text, Loader=Loader)
    except yaml.YAMLError as error:
        raise OpenAPIError(f"{name} is neither JSON nor YAML: {trim_stop(error)[:300]}.") from None
    # Keys that are lists, for example.
    except TypeError as error:
        raise OpenAPIError(f"{name} is not an OpenAPI document: {trim_stop(error)}.") from None


def get_origin(url: str) -> Origin:
    """Return the scheme, host and port of an address.

    Raises:
        ValueError: if it is not an address.
    """
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or _DEFAULT_PORTS.get(parts.scheme)


def find_base_url(document: Document, base_url: str | None) -> str:
    """Return the address that the paths of a document are appended to.

    Args:
        document: The document.
        base_url: The address that the program gave; None for that of the document.

    Raises:
        OpenAPIError: if there is none, or it is on another server than the document.
    """
    if base_url is not None:
        return check_base(base_url, "base_url")
    address = resolve_server(document, document.content.get("servers"), document.url)
    if address is None:
        raise OpenAPIError(f"{document.name} names no server with an absolute address: give it as base_url=.")
    address = check_base(address, f"The server of {document.name}")
    if document.url is not None and get_origin(address) != get_origin(document.url):
        raise OpenAPIError(
            f"{document.name} names a server elsewhere, {mask_url(address)}: if requests are to go there, set base_url=."
        )
    return address


def resolve_server(document: Document, servers: Any, base: str | None) -> str | None:
    """Return the address of the first of the servers, with the defaults of its variables; None if it has no host."""
    server = servers[0] if isinstance(servers, list) and servers else {"url": "/"}
    server = document.resolve(server)
    variables = server.get("variables") if isinstance(server, Mapping) else None
    text = server.get("url") if isinstance(server, Mapping) else None
    if not isinstance(text, str):
        raise OpenAPIError(f"{document.name} has a server without an address.")

    def get_default(match: re.Match[str]) -> str:
        variable = variables.get(match[1]) if isinstance(variables, Mapping) else None
        if not isinstance(variable, Mapping) or "default" not in variable:
            raise OpenAPIError(f"{document.name} has a server with a variable {match[1]!r} that has no default.")
        return str(variable["default"])

    address = urljoin(base or "", _VARIABLE.sub(get_default, text))
    return address if "://" in address else None


def check_base(address: str, subject: str) -> str:
    """Return a base address without the slash at its end."""
    try:
        scheme, host, _ = get_origin(address)
    except ValueError as error:
        raise OpenAPIError(f"{subject} is not an address: {trim_stop(error)}.") from None
    parts = urlsplit(address)
    if scheme not in _DEFAULT_PORTS or not host or parts.query or parts.fragment or "@" in parts.netloc or "\\" in address:
        raise OpenAPIError(
            f"{subject} must be http(s)://host/path, without user, parameters or fragment, got {mask_url(address)!r}."
        )
    return address.rstrip("/")
