"""Toolkits: tools by name, registered together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .._mistakes import suggest
from .tool import Tool, as_tool


class Toolkit:
    """Tools by name. It is taken wherever a list of functions is.

    Args:
        tools: Tools, functions, or toolkits. Of two tools of one name, the later replaces the earlier.
        approve: Who must approve the calls of all tools, as for `register_for_execution`; or a dict of this by the names of
            tools. None for nobody, besides those that the tools name themselves.
        remember: As for `register_for_execution`.

    Raises:
        TypeError: if an item is something else.
        ValueError: if `approve` names a tool that is not among the tools.
    """

    def __init__(self, tools: Iterable[Any] = (), *, approve: Any = None, remember: str = "call") -> None:
        self.toolkit: dict[str, Tool] = {}
        for item in require_approvals(collect_tools(tools), approve, remember):
            self.set_tool(item)

    @property
    def tools(self) -> list[Tool]:
        """The tools, in order."""
        return list(self.toolkit.values())

    def register_for_llm(self, agent: Any) -> None:
        """Let the model of an agent call the tools."""
        for item in self:
            item.register_for_llm(agent)

    def register_for_execution(self, agent: Any) -> None:
        """Let an agent execute the tools."""
        for item in self:
            item.register_for_execution(agent)

    def get_tool(self, tool_name: str) -> Tool:
        """Return the tool of a name.

        Raises:
            ValueError: if there is none.
        """
        if tool_name not in self.toolkit:
            raise ValueError(
                f"There is no tool {tool_name!r} in the toolkit; there are: {', '.join(self.toolkit) or 'none'}."
            )
        return self.toolkit[tool_name]

    def set_tool(self, tool: Any) -> None:
        """Add a tool or a function. It replaces a tool of its name."""
        [item] = collect_tools([tool])
        self.toolkit[item.name] = item

    def remove_tool(self, tool_name: str) -> None:
        """Remove a tool.

        Raises:
            ValueError: if there is none of this name.
        """
        self.get_tool(tool_name)
        del self.toolkit[tool_name]

    def __len__(self) -> int:
        return len(self.toolkit)

    def __iter__(self) -> Iterator[Tool]:
        return iter(self.tools)

    def __repr__(self) -> str:
        return f"Toolkit({self.tools!r})"


def require_approvals(tools: Iterable[Tool], approve: Any, remember: str = "call") -> list[Tool]:
    """Return tools, with an approval for some or all of them.

    Args:
        tools: The tools.
        approve: As for `Toolkit`.
        remember: As for `register_for_execution`.

    Raises:
        ValueError: if `approve` names a tool that is not among the tools.
    """
    tools = list(tools)
    if approve is None:
        return tools
    by_name = approve if isinstance(approve, Mapping) else {tool.name: approve for tool in tools}
    names = [tool.name for tool in tools]
    for name in by_name:
        if name not in names:
            known = ", ".join(names) or "none"
            raise ValueError(f"approve names {name!r}, and the tools are: {known}.{suggest(str(name), names)}")
    return [
        tool.with_approval(by_name[tool.name], remember=remember) if by_name.get(tool.name) is not None else tool
        for tool in tools
    ]


def collect_tools(tools: Any) -> list[Tool]:
    """Return tools in any form as a list: a function, a `Tool`, a `Toolkit`, an iterable of these, or None for none.

    Raises:
        TypeError: if an item is something else.
    """
    if tools is None:
        return []
    if isinstance(tools, Tool) or callable(tools):
        return [as_tool(tools)]
    if isinstance(tools, Iterable) and not isinstance(tools, (str, bytes, Mapping)):
        return [item for entry in tools for item in collect_tools(entry)]
    raise TypeError(f"A tool must be a function, a Tool or a Toolkit, got {tools!r}.")
