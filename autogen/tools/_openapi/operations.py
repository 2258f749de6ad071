"""Operations: the schema of their arguments, their requests, and responses as text for a model."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

from ..._untrusted import clean_description, clean_text, mark_untrusted, shorten
from .bodies import Body, UploadFolder, read_body
from .document import Document, OpenAPIError, Origin, get_origin, resolve_server
from .parameters import Parameter, check_header_value, read_parameters, write_path_value
from .schemas import ArgumentChecker, SchemaReader
from .security import Credential, Secrets

if TYPE_CHECKING:
    from ...fetching import FetchedResource, FetchPolicy

_TEMPLATE = re.compile(r"\{([^{}]*)\}")
_TEXT_TYPES = re.compile(r"text/.*|.*[/+](json|xml|yaml|javascript|x-www-form-urlencoded|x-ndjson)")


@dataclass(frozen=True)
class Request:
    """A request.

    Attributes:
        url: Its address, with parameters.
        headers: Its headers.
        json: Its body, sent as JSON; None for no such body.
        content: Its body in another form; None for no such body.
    """

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    json: Any = field(default=None, repr=False)
    content: bytes | None = field(default=None, repr=False)


class Operation:
    """An operation of a document.

    Args:
        document: The document.
        method: Its method, in upper case.
        path: Its path.
        item: The path item.
        node: The operation in the document.
        base_url: Address that the path is appended to.
        is_base_given: True if a program gave it, so that no server of the document counts but `other_servers`.
        other_servers: Origins that the operation's own server may have, besides that of `base_url`.
        secrets: The secrets of the program.
        folder: Folder of the files that models may send; None for no files.

    Raises:
        OpenAPIError: if no tool can be made of it.
    """

    def __init__(
        self,
        document: Document,
        method: str,
        path: str,
        item: Mapping[str, Any],
        node: Mapping[str, Any],
        *,
        base_url: str,
        is_base_given: bool,
        secrets: Secrets,
        other_servers: Collection[Origin] = (),
        folder: UploadFolder | None = None,
    ) -> None:
        self.method, self.path = method, path
        self._check_path()
        own = None if is_base_given and not other_servers else self._find_server(document, item, node, base_url)
        self._base_url = self._check_server(own, base_url, is_base_given, other_servers)
        self._parameters = read_parameters(document, item, node)
        self._check_template()
        self._body = read_body(document, node, {parameter.argument for parameter in self._parameters}, folder)
        self._secrets = secrets
        self._credentials: list[Credential] = secrets.select(node)
        self.description = self._describe(node)
        self.schema = self._build_schema(document)
        self._checker = ArgumentChecker(self.schema)

    @property
    def label(self) -> str:
        """Method and path."""
        return f"{self.method} {self.path}"

    def _check_path(self) -> None:
        path = self.path
        parts = path.split("/")
        is_plain = path.isprintable() and not any(character in path for character in "?#\\ ") and len(path) <= 500
        if not path.startswith("/") or path.startswith("//") or not is_plain or {".", ".."} & set(parts):
            raise OpenAPIError("its path must begin with a slash, and lead nowhere else")
        if any(part in (".", "..") for part in path.lower().replace("%2e", ".").replace("%2f", "/").split("/")):
            raise OpenAPIError("its path leads out of the API")

    def _check_template(self) -> None:
        variables = set(_TEMPLATE.findall(self.path))
        declared = {parameter.name for parameter in self._parameters if parameter.location == "path"}
        if variables != declared:
            raise OpenAPIError("the variables of its path and its path parameters are not the same")

    def _find_server(
        self, document: Document, item: Mapping[str, Any], node: Mapping[str, Any], base_url: str
    ) -> str | None:
        """Return the address of the operation's own server; None if it has none."""
        servers = node.get("servers") or item.get("servers")
        if not servers:
            return None
        address = resolve_server(document, servers, document.url or base_url)
        if address is None:
            raise OpenAPIError("its server has no absolute address")
        parts = urlsplit(address)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}".rstrip("/")

    def _check_server(self, own: str | None, base_url: str, is_base_given: bool, others: Collection[Origin]) -> str:
        """Return the address to send requests to."""
        if own is None or get_origin(own) in others or (not is_base_given and get_origin(own) == get_origin(base_url)):
            return own or base_url
        if is_base_given:
            return base_url
        raise OpenAPIError(
            "its server is elsewhere: if requests are to go there, name it by other_servers=, or one for all by base_url="
        )

    def _describe(self, node: Mapping[str, Any]) -> str:
        """Return the description for models: the words of the document are quoted as such."""
        texts = [text for key in ("summary", "description") if isinstance(text := node.get(key), str) and text.strip()]
        words = " ".join(clean_description(" ".join(texts)).split()).replace('"', "'")
        label = clean_text(self.label)
        return f'{label}. The API describes it as: "{words}"' if words else f"{label}."

    def _build_schema(self, document: Document) -> dict[str, Any]:
        reader = SchemaReader(document)
        properties: dict[str, Any] = {}
        arguments: list[Parameter | Body] = [*self._parameters, *([self._body] if self._body else [])]
        for argument in arguments:
            schema = reader.read(argument.schema)
            if argument.description:
                schema = {
                    **({} if isinstance(schema, bool) else schema),
                    "description": clean_description(argument.description),
                }
            properties[argument.argument] = {} if schema is True else schema
        required = [argument.argument for argument in arguments if argument.is_required]
        schema = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
        return {**schema, "$defs": reader.definitions} if reader.definitions else schema

    def build_request(self, arguments: Mapping[str, Any]) -> Request:
        """Build the request of a call.

        Raises:
            ValueError: if the arguments don't fit the schema.
        """
        required = self.schema["required"]
        # Models write null for an argument that they leave out.
        arguments = {name: value for name, value in arguments.items() if value is not None or name in required}
        self._checker.check(arguments)
        path, query, headers, cookies = self.path, [], {"accept": "application/json, text/*;q=0.9, */*;q=0.5"}, []
        for parameter in self._parameters:
            if parameter.argument not in arguments:
                continue
            pairs = parameter.write(arguments[parameter.argument])
            if parameter.location == "path":
                text = write_path_value(parameter.argument, pairs[0][1] if pairs else "")
                path = path.replace(f"{{{parameter.name}}}", text)
            elif parameter.location == "query":
                query += pairs
            elif parameter.location == "cookie":
                cookies += pairs
            else:
                headers.update({name: check_header_value(parameter.argument, text) for name, text in pairs})
        for credential in self._credentials:
            target = {"query": query, "cookie": cookies}.get(credential.location)
            if target is None:
                headers[credential.name] = self._secrets.write(credential)
            else:
                target.append((credential.name, self._secrets.write(credential)))
        if cookies:
            headers["cookie"] = "; ".join(f"{quote(name, safe='')}={quote(text, safe='')}" for name, text in cookies)
        url = self._base_url + path + (f"?{urlencode(query, quote_via=quote)}" if query else "")
        if self._body is None or self._body.argument not in arguments:
            return Request(url, headers)
        value = arguments[self._body.argument]
        if self._body.is_json:
            return Request(url, headers, json=value)
        content = self._body.write(value)
        return Request(url, {**headers, "content-type": content.media_type}, content=content.data)

    def call(self, arguments: Mapping[str, Any], policy: FetchPolicy | None, max_result_chars: int) -> str:
        """Send a request and return the response as text, marked as data.

        Raises:
            ValueError: if the arguments don't fit the schema.
            StatusError: if the server answers with an HTTP error.
            FetchError: if the request fails.
        """
        from ...fetching import StatusError, fetch

        request = self.build_request(arguments)
        response = fetch(
            request.url,
            policy=policy,
            method=self.method,
            headers=request.headers,
            json=request.json,
            content=request.content,
        )
        text = self._write_response(response, max_result_chars)
        if not response.is_success:
            raise StatusError(
                f"{self.label}: the server answered with HTTP status {response.status}.\n{text}", response.status
            )
        return text

    def _write_response(self, response: FetchedResource, limit: int) -> str:
        kind = clean_text(response.content_type)[:80]
        if not response.content:
            text = f"[HTTP status {response.status}, no content]"
        elif not kind or _TEXT_TYPES.fullmatch(kind):
            # Masked before it is cut: the rest of a secret would not be found.
            text = shorten(self._secrets.mask(clean_text(response.text), self._credentials), limit, "")
        else:
            text = f"[{len(response.content):,} bytes of the type {kind}]"
        return mark_untrusted(text, f"{clean_text(self.label)} of {get_origin(self._base_url)[1]}")
