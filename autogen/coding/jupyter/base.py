"""The address of a Jupyter server, and the protocol of objects that know one."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Optional, Protocol, runtime_checkable

from ..._lazy_imports import deprecate

__all__ = ["JupyterConnectable", "JupyterConnectionInfo"]


@dataclass
class JupyterConnectionInfo:
    """The address and token of a Jupyter server.

    Attributes:
        host: The name or address of the server, without a scheme.
        use_https: True for HTTPS and WSS, False for HTTP and WS.
        port: The port; None for the default port of the scheme.
        token: The token; None if the server needs none. The `repr` does not show it.
    """

    host: str
    use_https: bool
    port: Optional[int] = None
    token: Optional[str] = field(default=None, repr=False)


@runtime_checkable
class JupyterConnectable(Protocol):
    """An object that knows the address of a Jupyter server."""

    @property
    def connection_info(self) -> JupyterConnectionInfo:
        """The address and token of the server."""
        ...


class GenerateToken:
    """Stands for a random token, generated for each server."""


GENERATED = GenerateToken()


def resolve_token(token: str | GenerateToken | None) -> str:
    """Return a token as text: a random one for `GenerateToken`, and `""` for None."""
    return secrets.token_hex(32) if isinstance(token, GenerateToken) else token or ""


__getattr__ = deprecate(globals(), {"token_of": "resolve_token"})
