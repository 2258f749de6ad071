"""`ToolBuilder`: a library of tools, from which each agent of a team gets those that fit its work."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Union

from ...._mistakes import warn_caller
from ...._steps import Steps, run_async, run_sync
from ....tools.tool import Tool
from ....tools.toolkit import Toolkit, collect_tools
from ..._agent.tool_registration import index_by_name
from ...conversable_agent import ConversableAgent
from .._teams.members import register_tool
from .._teams.scripts import ScriptTool, read_file, read_folder
from .._teams.search import DEFAULT_MODEL, TextSearch

__all__ = ["LibraryTool", "ToolBuilder", "format_ag2_tool", "get_full_tool_description"]

LibraryTool = Union[Tool, ScriptTool]
"""A tool of the program, or a function in a file."""

BUNDLED = "default"


class ToolBuilder:
    """A library of tools.

    A folder of Python files is read, and never imported: its functions run in the executor of a team alone. Functions and
    tools of the program are called in its own process, as those of any agent.

    Args:
        corpus_root: Folder, or functions and tools. There is no library in the package: "default" is an empty one.
        retriever: Model that finds tools by their descriptions, as `get_embedder` takes it. The default is the offline model
            of the extra `embeddings`, or without it a search for words; False is always the latter.

    Raises:
        NotADirectoryError: if there is no such folder.
        ValueError: if two tools have the same name.

    >>> library = ToolBuilder("tools")  # doctest: +SKIP
    >>> [tool.name for tool in library.retrieve("currencies")]  # doctest: +SKIP
    ['convert_currency']
    """

    def __init__(
        self,
        corpus_root: str | os.PathLike[str] | Sequence[Callable[..., object] | Tool | Toolkit],
        retriever: object = DEFAULT_MODEL,
    ) -> None:
        self.tools: list[LibraryTool] = []
        if corpus_root == BUNDLED:
            warn_caller("The package has no library of tools: pass a folder of Python files, or a list of functions.")
        elif isinstance(corpus_root, (str, os.PathLike)):
            self.tools += read_folder(corpus_root)
        else:
            self.tools += index_by_name(collect_tools(corpus_root)).values()
        self._search = TextSearch([f"{tool.name}: {tool.description}" for tool in self.tools], retriever)

    @property
    def needs_executor(self) -> bool:
        """True if there are functions of files, which an agent that runs code has to execute."""
        return any(isinstance(tool, ScriptTool) for tool in self.tools)

    def retrieve(self, query: str, top_k: int = 3) -> list[LibraryTool]:
        """Return the tools whose names and descriptions fit a question best.

        Args:
            query: Question, or the description of an agent.
            top_k: Maximum number of tools.
        """
        return run_sync(self._retrieve([query], top_k))[0]

    async def a_retrieve(self, query: str, top_k: int = 3) -> list[LibraryTool]:
        """Async version of `retrieve`."""
        return (await run_async(self._retrieve([query], top_k)))[0]

    def bind(self, agent: ConversableAgent, tools: Sequence[LibraryTool], executor: ConversableAgent | None = None) -> None:
        """Let the model of an agent call tools.

        Args:
            agent: Agent.
            tools: Tools of the library.
            executor: Agent that executes the calls, and runs the code of functions in files; None for the agent itself.
        """
        executor = executor or agent
        for tool in tools:
            bound = tool.bind(executor) if isinstance(tool, ScriptTool) else tool
            register_tool(bound, agent, executor)

    def bind_team(self, agents: Sequence[ConversableAgent], terminal: ConversableAgent | None, top_k: int) -> Steps[None]:
        """Let each agent of a team call the tools that fit its description.

        Args:
            agents: Agents.
            terminal: Agent that executes the calls; None for the agents themselves.
            top_k: Maximum number of tools for an agent.
        """
        chosen = yield from self._retrieve([agent.description or agent.name for agent in agents], top_k)
        for agent, tools in zip(agents, chosen, strict=True):
            self.bind(agent, tools, terminal)

    def _retrieve(self, queries: Sequence[str], top_k: int) -> Steps[list[list[LibraryTool]]]:
        found = yield from self._search.find(queries, top_k)
        return [[self.tools[position] for position in row] for row in found]


def get_full_tool_description(py_file: str | os.PathLike[str]) -> str:
    """Return the signatures and docstrings of the tools in a file, which is not imported."""
    parts = (f'{tool.signature}\n    """{tool.description}"""' for tool in read_file(Path(py_file)))
    return "\n\n".join(parts)


def format_ag2_tool(tool: Tool) -> str:
    """Return the name, the description and the parameters of a tool as text."""
    schema = tool.function_schema
    parameters = json.dumps(schema.get("parameters", {}), ensure_ascii=False)
    return f"name: {tool.name}\ndescription: {tool.description}\nparameters: {parameters}"
