"""Errors of MCP servers."""

from __future__ import annotations

__all__ = ["McpServerError", "McpToolError"]


class McpServerError(RuntimeError):
    """Raised if a server can't be started or reached, has ended, or broke the protocol."""


class McpToolError(RuntimeError):
    """Raised if a tool reports an error, doesn't answer in time, or was not approved. A chat gives its text to the model."""
