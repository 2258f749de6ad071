"""AG2's ready-made tools."""

from typing import TYPE_CHECKING

from ..._lazy_imports import attach as _lazy

# For editors and type checkers.
if TYPE_CHECKING:
    from .code_execution import PythonCodeExecutionTool as PythonCodeExecutionTool
    from .duckduckgo import DuckDuckGoSearchTool as DuckDuckGoSearchTool
    from .google_search import GoogleSearchTool as GoogleSearchTool
    from .google_search import YoutubeSearchTool as YoutubeSearchTool
    from .messageplatform import DiscordRetrieveTool as DiscordRetrieveTool
    from .messageplatform import DiscordSendTool as DiscordSendTool
    from .messageplatform import SlackRetrieveRepliesTool as SlackRetrieveRepliesTool
    from .messageplatform import SlackRetrieveTool as SlackRetrieveTool
    from .messageplatform import SlackSendTool as SlackSendTool
    from .perplexity import PerplexitySearchTool as PerplexitySearchTool
    from .searxng import SearxngSearchTool as SearxngSearchTool
    from .tavily import TavilySearchTool as TavilySearchTool
    from .wikipedia import WikipediaPageLoadTool as WikipediaPageLoadTool
    from .wikipedia import WikipediaQueryRunTool as WikipediaQueryRunTool

# For the interpreter: the module of each name, imported when the name is first used.
_HOME = {
    "DiscordRetrieveTool": "messageplatform",
    "DiscordSendTool": "messageplatform",
    "DuckDuckGoSearchTool": "duckduckgo",
    "GoogleSearchTool": "google_search",
    "PerplexitySearchTool": "perplexity",
    "PythonCodeExecutionTool": "code_execution",
    "SearxngSearchTool": "searxng",
    "SlackRetrieveRepliesTool": "messageplatform",
    "SlackRetrieveTool": "messageplatform",
    "SlackSendTool": "messageplatform",
    "TavilySearchTool": "tavily",
    "WikipediaPageLoadTool": "wikipedia",
    "WikipediaQueryRunTool": "wikipedia",
    "YoutubeSearchTool": "google_search",
}

__getattr__, __dir__, __all__ = _lazy(globals(), _HOME)
