"""Secrets of requests: named by a program, read from the environment, and sent as a document says."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from ..._mistakes import suggest
from ..._secrets import MASK
from .document import Document, OpenAPIError
from .parameters import check_header_value, is_header_name

# Shorter texts occur everywhere.
_MIN_MASKED = 4


class Credential(NamedTuple):
    """A secret in a request.

    Attributes:
        scheme: Name of the security scheme in the document.
        location: `header`, `query` or `cookie`.
        name: Name there.
        prefix: Text before the secret, such as `Bearer `.
        is_basic: True if the secret is `user:password`, sent as Base64.
    """

    scheme: str
    location: str
    name: str
    prefix: str = ""
    is_basic: bool = False


class Secrets:
    """The secrets that a program names.

    Args:
        document: The document.
        sources: By security scheme of the document, the name of an environment variable, or a function that returns
            the secret.

    Raises:
        TypeError: if a source is something else.
        ValueError: if the document has no such scheme, or a variable is not set.
    """

    def __init__(self, document: Document, sources: Mapping[str, Any] | None) -> None:
        components = document.content.get("components")
        schemes = components.get("securitySchemes") if isinstance(components, Mapping) else None
        self._document = document
        self._schemes: Mapping[str, Any] = schemes if isinstance(schemes, Mapping) else {}
        self._sources = dict(sources or {})
        for scheme, source in self._sources.items():
            if scheme not in self._schemes:
                known = ", ".join(map(str, self._schemes)) or "none"
                hint = suggest(scheme, map(str, self._schemes))
                raise ValueError(f"{document.name} has no security scheme {scheme!r}; it has: {known[:300]}.{hint}")
            if isinstance(source, str):
                self.read(scheme)
            elif not callable(source):
                text = f"secrets[{scheme!r}] must be the name of an environment variable or a function"
                raise TypeError(f"{text}, got {type(source).__name__}.")

    def read(self, scheme: str) -> str:
        """Return the secret of a scheme.

        Raises:
            ValueError: if there is none at present.
        """
        source = self._sources[scheme]
        value = os.environ.get(source) if isinstance(source, str) else source()
        if not isinstance(value, str) or not value:
            # The name is not shown: it may be the secret itself, by mistake.
            kind = "the environment variable that it names is not set" if isinstance(source, str) else "there is none"
            raise ValueError(f"The secret {scheme!r} is missing: {kind}.")
        return value

    def select(self, operation: Mapping[str, Any]) -> list[Credential]:
        """Return the credentials of an operation: the first alternative for which all secrets are there.

        Raises:
            OpenAPIError: if there is no such alternative.
        """
        alternatives = operation.get("security", self._document.content.get("security"))
        if not isinstance(alternatives, list) or not alternatives:
            return []
        options = [list(option) for option in alternatives if isinstance(option, Mapping)]
        for option in options:
            if option and all(scheme in self._sources for scheme in option):
                return [self._describe(scheme) for scheme in option]
        if [] in options:
            return []
        wanted = " or ".join(" and ".join(map(str, option)) for option in options)[:200]
        raise OpenAPIError(f"it needs secrets: name the environment variable of {wanted} by secrets=")

    def _describe(self, scheme: str) -> Credential:
        node = self._document.resolve(self._schemes[scheme])
        kind = node.get("type") if isinstance(node, Mapping) else None
        if kind == "apiKey" and node.get("in") in ("header", "query", "cookie") and isinstance(node.get("name"), str):
            is_authorization = node["in"] == "header" and node["name"].lower() == "authorization"
            if node["in"] != "header" or is_authorization or is_header_name(node["name"]):
                return Credential(scheme, node["in"], node["name"])
        if kind in ("oauth2", "openIdConnect") or (kind == "http" and str(node.get("scheme")).lower() == "bearer"):
            return Credential(scheme, "header", "Authorization", "Bearer ")
        if kind == "http" and str(node.get("scheme")).lower() == "basic":
            return Credential(scheme, "header", "Authorization", "Basic ", is_basic=True)
        raise OpenAPIError(f"its security scheme {scheme!r} is of a kind that is not supported")

    def write(self, credential: Credential) -> str:
        """Return the text of a credential in a request.

        Raises:
            ValueError: if there is no secret at present.
        """
        secret = self.read(credential.scheme)
        text = base64.b64encode(secret.encode()).decode() if credential.is_basic else secret
        if credential.location == "header":
            check_header_value(f"secrets[{credential.scheme!r}]", text)
        return credential.prefix + text

    def mask(self, text: str, credentials: list[Credential]) -> str:
        """Return a text of the server without the secrets that it was sent."""
        for credential in credentials:
            for secret in (self.write(credential).removeprefix(credential.prefix), self.read(credential.scheme)):
                if len(secret) >= _MIN_MASKED:
                    text = text.replace(secret, MASK)
        return text
