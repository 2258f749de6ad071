"""The public API of AG2 classic, name by name.

`test/api_ag2_0_14.json` says what programs may use; the tables below say what is not here, and why. A name that comes must
be taken off its table.
"""

import importlib
import json
from pathlib import Path

import pytest
from api_facts import find_gaps

API = json.loads(Path(__file__).with_name("api_ag2_0_14.json").read_text())

# `exclude` is among its `**kwargs`, so that overrides in the form of 0.2 pass type checkers
_BY_KEYWORD = "takes `exclude` by keyword alone"
LEFT_OUT = {
    "autogen.agentchat.conversable_agent.ConversableAgent.generate_reply": _BY_KEYWORD,
    "autogen.agentchat.conversable_agent.ConversableAgent.a_generate_reply": _BY_KEYWORD,
    "autogen.io.run_response.RunIterResponse.__init__": "made by `run_iter` alone, without the thread of AG2",
    "autogen.io.run_response.AsyncRunIterResponse.__init__": "made by `a_run_iter` alone, without the thread of AG2",
}

DUE = {
    "MCP, interoperability, remote agents": """
        autogen.agentchat.remote
        autogen.agentchat.remote.agent_service
        autogen.agentchat.remote.errors
        autogen.agentchat.remote.protocol
        autogen.a2a.A2aAgentServer
        autogen.a2a.AutogenAgentExecutor
        autogen.a2a.CardSettings
        autogen.a2a.MockClient
        autogen.a2a.server
        autogen.ag_ui
        autogen.ag_ui.adapter
    """,
    "ready-made agents and tools": """
        autogen.agents.experimental.DeepResearchAgent
        autogen.agents.experimental.DiscordAgent
        autogen.agents.experimental.DocAgent
        autogen.agents.experimental.DoclingDocIngestAgent
        autogen.agents.experimental.InMemoryQueryEngine
        autogen.agents.experimental.SlackAgent
        autogen.agents.experimental.TelegramAgent
        autogen.agents.experimental.VectorChromaQueryEngine
        autogen.agents.experimental.WebSurferAgent
        autogen.agents.experimental.WikipediaAgent
        autogen.agents.experimental.deep_research.deep_research
        autogen.agents.experimental.discord.discord
        autogen.agents.experimental.slack.slack
        autogen.agents.experimental.telegram.telegram
        autogen.agents.experimental.websurfer.websurfer
        autogen.agents.experimental.wikipedia.wikipedia
        autogen.agents.experimental.document_agent.document_agent
        autogen.agents.experimental.document_agent.inmemory_query_engine
        autogen.agents.experimental.document_agent.chroma_query_engine
        autogen.agents.experimental.deep_research
        autogen.agents.experimental.discord
        autogen.agents.experimental.document_agent
        autogen.agents.experimental.slack
        autogen.agents.experimental.telegram
        autogen.agents.experimental.websurfer
        autogen.agents.experimental.wikipedia
        autogen.tools.experimental.browser_use.browser_use
        autogen.tools.experimental.crawl4ai.crawl4ai
        autogen.tools.experimental.deep_research.deep_research
        autogen.tools.experimental.messageplatform.telegram.telegram
        autogen.tools.experimental.messageplatform.TelegramRetrieveTool
        autogen.tools.experimental.messageplatform.TelegramSendTool
        autogen.tools.experimental.quick_research.quick_research
        autogen.tools.experimental.reliable.reliable
        autogen.tools.experimental.BrowserUseTool
        autogen.tools.experimental.Crawl4AITool
        autogen.tools.experimental.DeepResearchTool
        autogen.tools.experimental.QuickResearchTool
        autogen.tools.experimental.ReliableTool
        autogen.tools.experimental.ReliableToolError
        autogen.tools.experimental.SuccessfulExecutionParameters
        autogen.tools.experimental.TelegramRetrieveTool
        autogen.tools.experimental.TelegramSendTool
        autogen.tools.experimental.ToolExecutionDetails
        autogen.tools.experimental.browser_use
        autogen.tools.experimental.crawl4ai
        autogen.tools.experimental.deep_research
        autogen.tools.experimental.quick_research
        autogen.tools.experimental.reliable
    """,
}
"""Names that come later: modules, or names in them."""

DUE_NAMES = {name for names in DUE.values() for name in names.split()}


def find_missing(module: str) -> set[str]:
    """Return the module, if it is missing, or the names that are missing in it."""
    try:
        home = importlib.import_module(module)
    except ModuleNotFoundError as error:
        # a package that is not installed is another matter
        if not str(error.name).startswith("autogen"):
            raise
        return {module}
    return {f"{module}.{name}" for name in find_gaps(home, API[module])}


@pytest.mark.parametrize("module", API)
def test_a_module_has_its_names(module):
    missing = find_missing(module)
    expected = DUE_NAMES | LEFT_OUT.keys()
    assert not missing - expected, "these are missing"
    own = {name for name in expected if name == module or (name not in API and get_module(name) == module)}
    assert not own - missing, "these are here: take them off the tables"


def get_module(name: str) -> str:
    """Return the module that a name is in: a name, or a class and its attribute, follow it."""
    return next(part for part in (name.rpartition(".")[0], name.rsplit(".", 2)[0]) if part in API)
