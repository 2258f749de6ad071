"""Conversion of tools of other frameworks by the name of the framework, or by the tool itself."""

from __future__ import annotations

from typing import Any

from ..tools.tool import Tool
from .interoperable import Interoperable
from .registry import InteroperableRegistry


class Interoperability:
    """Conversion of tools of other frameworks.

    >>> tool = Interoperability.convert_tool(tool=multiply, type="langchain")  # doctest: +SKIP

    Attributes:
        registry: Classes that convert tools.
    """

    registry = InteroperableRegistry.get_instance()

    @classmethod
    def convert_tool(cls, *, tool: Any, type: str, **kwargs: Any) -> Tool:
        """Convert a tool.

        Args:
            tool: Tool of another framework.
            type: The framework: `langchain`, `pydanticai`, or a registered name.
            **kwargs: Options of the class for this framework.

        Raises:
            ValueError: if there is no such type, its package is not installed, or the tool is of another type.
        """
        return cls.get_interoperability_class(type).convert_tool(tool, **kwargs)

    @classmethod
    def get_interoperability_class(cls, type: str) -> type[Interoperable]:
        """Return the class for the tools of a framework.

        Raises:
            ValueError: if there is none, or its package is not installed.
        """
        return cls.registry.get_class(type)

    @classmethod
    def get_supported_types(cls) -> list[str]:
        """Return the names of the frameworks that are installed, sorted."""
        return cls.registry.get_supported_types()


def as_tool(tool: Any, **kwargs: Any) -> Tool:
    """Convert a tool of any installed framework.

    Args:
        tool: Tool of another framework. The package of its class, or of one of the base classes, says which.
        **kwargs: Options of the class for this framework.

    Raises:
        ValueError: if it is not a tool of an installed framework.
    """
    if isinstance(tool, Tool):
        return tool
    for name in Interoperability.get_supported_types():
        found = Interoperability.get_interoperability_class(name)
        if getattr(found, "is_own_tool", lambda _: False)(tool):
            return found.convert_tool(tool, **kwargs)
    supported = ", ".join(Interoperability.get_supported_types()) or "none"
    raise ValueError(f"{tool!r} is not a tool of an installed framework; there are: {supported}.")
