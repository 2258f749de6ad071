"""Where a Jupyter server is, and what can tell."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Optional, Protocol, runtime_checkable

__all__ = ["JupyterConnectable", "JupyterConnectionInfo"]


@dataclass
class JupyterConnectionInfo:
    """Where a Jupyter server is, and how to get in.

    Attributes:
        host: Its name or address, without a scheme.
        use_https: Whether it speaks HTTPS, and WSS for what it sends by itself.
        port: None: that of the scheme.
        token: None: it asks for none. It is not in the `repr`.
    """

    host: str
    use_https: bool
    port: Optional[int] = None
    token: Optional[str] = field(default=None, repr=False)


@runtime_checkable
class JupyterConnectable(Protocol):
    """A thing that knows where a Jupyter server is."""

    @property
    def connection_info(self) -> JupyterConnectionInfo:
        """Where it is."""
        ...


class GenerateToken:
    """Stands for a token that each server makes up for itself."""


GENERATED = GenerateToken()


def token_of(wish: str | GenerateToken | None) -> str:
    """The token that a wish means; `""` for none."""
    return secrets.token_hex(32) if isinstance(wish, GenerateToken) else wish or ""
