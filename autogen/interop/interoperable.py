"""Protocol of the classes that convert the tools of one framework."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from ..tools.tool import Tool


@runtime_checkable
class Interoperable(Protocol):
    """A class that converts the tools of one framework."""

    @classmethod
    def convert_tool(cls, tool: Any, **kwargs: Any) -> Tool:
        """Convert a tool.

        Args:
            tool: Tool of the framework.
            **kwargs: Options of the class.
        """
        ...

    @classmethod
    def get_unsupported_reason(cls) -> str | None:
        """Return the reason why the class can't be used, such as a package that is not installed; None if it can."""
        ...
