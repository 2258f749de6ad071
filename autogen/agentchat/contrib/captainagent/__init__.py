"""`CaptainAgent`: an agent that builds a team for each part of a task, lets it work, and checks its results."""

from typing import TYPE_CHECKING

from ...._lazy_imports import attach as _lazy

# Read by editors and type checkers.
if TYPE_CHECKING:
    from ..agent_builder import AgentBuilder as AgentBuilder
    from .captainagent import CaptainAgent as CaptainAgent
    from .captainagent import CaptainUserProxyAgent as CaptainUserProxyAgent
    from .tool_retriever import ToolBuilder as ToolBuilder
    from .tool_retriever import format_ag2_tool as format_ag2_tool
    from .tool_retriever import get_full_tool_description as get_full_tool_description

# Read by the interpreter on first use of a name.
_HOME = {
    "AgentBuilder": ".agent_builder",
    "CaptainAgent": "captainagent",
    "CaptainUserProxyAgent": "captainagent",
    "ToolBuilder": "tool_retriever",
    "format_ag2_tool": "tool_retriever",
    "get_full_tool_description": "tool_retriever",
}

__getattr__, __dir__, __all__ = _lazy(globals(), _HOME)
