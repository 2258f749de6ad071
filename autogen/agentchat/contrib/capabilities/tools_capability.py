"""`ToolsCapability`: tools that an agent's model calls and the agent executes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ....tools.tool import Tool
from ...conversable_agent import ConversableAgent
from .agent_capability import AgentCapability


class ToolsCapability(AgentCapability):
    """Capability of tools: the model of an agent calls them, and the agent itself executes them.

    Args:
        tool_list: Tools, or functions that become tools.
    """

    def __init__(self, tool_list: Sequence[Tool | Callable[..., Any]]) -> None:
        super().__init__()
        self.tools = [tool if isinstance(tool, Tool) else Tool(func_or_tool=tool) for tool in tool_list]

    def add_to_agent(self, agent: ConversableAgent) -> None:
        """Give the tools to an agent."""
        for tool in self.tools:
            self.register_tool(agent, tool)
