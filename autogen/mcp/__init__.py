"""A client of MCP servers: their tools for agents, in sync and async chats. Needs the extra `mcp`.

>>> from autogen.mcp import mcp_tools
>>> with mcp_tools("uvx mcp-server-time") as toolbox:  # doctest: +SKIP
...     agent.run("What time is it in Rome?", tools=toolbox)
"""

from ._caller import McpProgress
from ._servers import SseServerParams, StdioServerParams, StreamableHttpServerParams, load_mcp_servers
from ._toolbox import MCPToolbox, mcp_tools
from .errors import McpServerError, McpToolError
from .mcp_client import MCPClientSessionManager, create_toolkit

__all__ = [
    "MCPClientSessionManager",
    "MCPToolbox",
    "McpProgress",
    "McpServerError",
    "McpToolError",
    "SseServerParams",
    "StdioServerParams",
    "StreamableHttpServerParams",
    "create_toolkit",
    "load_mcp_servers",
    "mcp_tools",
]
