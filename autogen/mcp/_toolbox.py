"""`MCPToolbox`: the tools of an MCP server, for sync and async chats."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from .._steps import run_coroutine
from .._threads import run_in_thread
from .._untrusted import clean_description, clean_text
from ..agentchat._approvals.policy import is_approved
from ..tools.tool import Tool
from ..tools.toolkit import Toolkit
from ._approval import Approval, Approver
from ._caller import Caller, make_asker, make_sampler
from ._catalogue import Catalogue, may_change
from ._connection import Connection
from ._offers import Offers
from ._pictures import PictureGallery
from ._results import ResultWriter
from ._servers import Server, StdioServerParams, find_server
from ._session import Session
from .errors import McpToolError

if TYPE_CHECKING:
    from mcp import ClientSession

MAX_MESSAGE_BYTES = 16 * 2**20


class MCPToolbox(Toolkit):
    """The tools of an MCP server: a context manager for `with` and `async with`, taken wherever tools are.

    The session begins with the block, and ends with it. All agents, threads and event loops that use this object share it.
    Without a block it begins when the tools are first needed, and ends with the process. Another object has a session of its
    own, also with the same server: what a server remembers of one user never reaches another.

    What the server says is not trusted: descriptions are cleaned and shortened, results are limited and marked as data, and
    a program gets none of this process's environment variables.

    Args:
        server: A command, as text or as a list; a URL; `StdioServerParams`, `StreamableHttpServerParams` or
            `SseServerParams`; or the name of an entry of `config`.
        tools: Names of the tools to offer; None for all.
        exclude: Names of tools not to offer.
        prefix: Beginning of the tools' names for models.
        timeout: Seconds for a call, without those in which the server waits for a human.
        start_timeout: Seconds for the server to start, which may have to install it first.
        max_result_chars: Maximum length of a result. The whole of a longer result is saved as a file.
        env: Environment variables of the program, besides those of its parameters.
        resources: True to offer a tool that reads the server's resources.
        prompts: True to offer a tool that gets the server's prompts.
        sampling: Agent whose model answers requests of the server; None for none.
        elicitation: Agent whose human answers questions of the server, or a function of the prompt; None for nobody.
        approval: Decides about calls of tools that don't claim to be read-only: True asks the human of the agent that
            executes the call; a function `(tool, arguments)`, sync or async, returns True, or False or the reason for a
            refusal; or `Rules`, a `Reviewer` or a list of these, as for `register_for_execution`.
        config: JSON file with `mcpServers`; see `load_mcp_servers`.
        folder: Folder for pictures and long results; None for a temporary folder.
        show_pictures: True to show the latest pictures of results to the models of the agents that call the tools. The
            models must be able to see; other models know the files of the pictures alone.
        max_message_bytes: Maximum size of a message of the server. A larger message ends the session.
        sampling_limit: Maximum number of requests to the model.

    Raises:
        TypeError, ValueError: if an argument has an invalid value.

    >>> with mcp_tools("uvx mcp-server-time") as toolbox:  # doctest: +SKIP
    ...     agent.run("What time is it in Rome?", tools=toolbox)
    """

    def __init__(
        self,
        server: Any,
        *,
        tools: Collection[str] | None = None,
        exclude: Collection[str] | None = None,
        prefix: str | None = None,
        timeout: float = 60,
        start_timeout: float = 120,
        max_result_chars: int = 50_000,
        env: Mapping[str, str] | None = None,
        resources: bool = False,
        prompts: bool = False,
        sampling: Any = None,
        elicitation: Any = None,
        approval: Approval = None,
        config: str | Path | None = None,
        folder: str | Path | None = None,
        show_pictures: bool = False,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
        sampling_limit: int = 20,
    ) -> None:
        super().__init__()
        _check_limits({"timeout": timeout, "start_timeout": start_timeout, "max_message_bytes": max_message_bytes})
        _check_names({"tools": tools, "exclude": exclude})
        self.server = _add_variables(find_server(server, config), env)
        self._ask = make_asker(elicitation)
        self._sample = make_sampler(sampling, sampling_limit)
        self._approver = Approver(approval, self.server.name)
        self._writer = ResultWriter(self.server.name, max_result_chars, folder)
        offers = Offers(self, PictureGallery(self._writer, self.server.name) if show_pictures else None)
        self._catalogue = Catalogue(
            self.server.name,
            offers,
            allowed=tools,
            excluded=exclude or (),
            prefix=prefix or "",
            call=self._call,
            get_rules=self._approver.get_rules,
        )
        if resources:
            self._catalogue.add_resources(self._list_for_model, self._read_for_model)
        if prompts:
            self._catalogue.add_prompts(self._list_for_model, self._read_for_model)
        self._session = Session(
            self.server,
            timeout=timeout,
            start_timeout=start_timeout,
            limit=max_message_bytes,
            can_elicit=self._ask is not None,
            can_sample=self._sample is not None,
            on_listed=self._update_tools,
        )

    # Life

    def __enter__(self) -> MCPToolbox:
        self._session.enter()
        try:
            self._session.ensure_open()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> MCPToolbox:
        self._session.enter()
        try:
            await run_in_thread(self._session.ensure_open)
        except BaseException:
            # The thread that starts the server notices it.
            self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await run_in_thread(self.close)

    def close(self) -> None:
        """End the session. Calls that are under way, and later ones, end with an error. No-op if there is none."""
        self._session.close()

    # Tools

    @property
    def tools(self) -> list[Tool]:
        """The tools, as the server has them at present."""
        self._session.ensure_open()
        self.refresh()
        return super().tools

    def get_tool(self, tool_name: str) -> Tool:
        """Return the tool of a name."""
        self._session.ensure_open()
        return super().get_tool(tool_name)

    def __len__(self) -> int:
        return len(self.tools)

    def __iter__(self) -> Iterator[Tool]:
        return iter(self.tools)

    def __repr__(self) -> str:
        return f"MCPToolbox({self.server.name!r}, tools={list(self.toolkit)})"

    def refresh(self) -> bool:
        """List the tools again, if the server has changed them.

        Agents do it before each reply.

        Returns:
            True if they were listed.
        """
        return self._session.refresh()

    def _update_tools(self, listed: dict[str, Any]) -> None:
        self.toolkit = self._catalogue.update(listed)

    # Calls

    async def _call(self, name: str, arguments: dict[str, Any]) -> str:
        """Call a tool of the server.

        Raises:
            McpToolError: if it reports an error, or was not approved.
            McpServerError: if the connection is lost.
        """
        tool = self._catalogue.listed.get(name)
        if tool is None:
            raise McpToolError(f"The MCP server {self.server.name!r} has no tool {name!r} any more.")
        if may_change(tool) and not is_approved(self._catalogue.get_function(name)):
            arguments = await self._approver.check(name, arguments)
        caller = Caller(self.server.name, name, self._ask, self._sample)

        async def call(connection: Connection, session: ClientSession) -> Any:
            report = partial(connection.report_progress, caller)
            return await session.call_tool(name, arguments, progress_callback=report)

        result = await self._session.request(call, caller)
        text = self._session.take_notice() + self._writer.write(name, result)
        if result.is_error:
            raise McpToolError(text)
        return text

    # Resources and prompts

    def list_resources(self) -> list[Any]:
        """Return the resources and the resource templates of the server, as objects of the SDK."""
        return run_coroutine(self.a_list_resources)

    async def a_list_resources(self) -> list[Any]:
        """Async version of `list_resources`."""
        resources = await self._session.request(lambda _, session: session.list_resources())
        templates = await self._session.request(lambda _, session: session.list_resource_templates())
        return [*resources.resources, *templates.resource_templates]

    def read_resource(self, uri: str) -> str:
        """Return a resource as text, marked as data. Other contents than text are saved as files.

        Raises:
            McpToolError: if the server has no such resource.
            McpServerError: if the connection is lost.
        """
        return run_coroutine(partial(self.a_read_resource, uri))

    async def a_read_resource(self, uri: str) -> str:
        """Async version of `read_resource`."""
        result = await self._session.request(lambda _, session: session.read_resource(uri))
        source = f"the resource {clean_description(uri)!r} of the MCP server {self.server.name!r}"
        return self._session.take_notice() + self._writer.write_contents(result.contents, source)

    def list_prompts(self) -> list[Any]:
        """Return the prompts of the server, as objects of the SDK."""
        return run_coroutine(self.a_list_prompts)

    async def a_list_prompts(self) -> list[Any]:
        """Async version of `list_prompts`."""
        return list((await self._session.request(lambda _, session: session.list_prompts())).prompts)

    def get_prompt(self, name: str, arguments: Mapping[str, str] | None = None) -> str:
        """Return a prompt of the server as text, marked as data.

        Raises:
            McpToolError: if the server has no such prompt, or misses an argument.
            McpServerError: if the connection is lost.
        """
        return run_coroutine(partial(self.a_get_prompt, name, arguments))

    async def a_get_prompt(self, name: str, arguments: Mapping[str, str] | None = None) -> str:
        """Async version of `get_prompt`."""
        result = await self._session.request(lambda _, session: session.get_prompt(name, dict(arguments or {})))
        source = f"the prompt {clean_description(name)!r} of the MCP server {self.server.name!r}"
        return self._session.take_notice() + self._writer.write_prompt(result.messages, source)

    async def _list_for_model(self, name: str, arguments: dict[str, Any]) -> str:
        if name == "list_prompts":
            lines = [f"{item.name}: {item.description or ''}" for item in await self.a_list_prompts()]
        else:
            items = [(getattr(item, "uri", None) or item.uri_template, item) for item in await self.a_list_resources()]
            lines = [f"{uri}: {item.description or item.name}" for uri, item in items]
        return self._writer.limit(clean_text("\n".join(lines)), f"the MCP server {self.server.name!r}")

    async def _read_for_model(self, name: str, arguments: dict[str, Any]) -> str:
        if name == "get_prompt":
            return await self.a_get_prompt(str(arguments.get("name")), arguments.get("arguments"))
        return await self.a_read_resource(str(arguments.get("uri")))


def _check_limits(limits: Mapping[str, float]) -> None:
    for name, value in limits.items():
        if not value > 0:
            raise ValueError(f"{name} must be positive, got {value!r}.")


def _check_names(lists: Mapping[str, Collection[str] | None]) -> None:
    for name, names in lists.items():
        if isinstance(names, str):
            raise TypeError(f"{name} must be a list of names, got the text {names!r}.")


def _add_variables(server: Server, env: Mapping[str, str] | None) -> Server:
    """Return a server with further environment variables."""
    if not env:
        return server
    if not isinstance(server.params, StdioServerParams):
        raise ValueError("env is for servers that are programs: a server at a URL has an environment of its own.")
    return replace(server, params=replace(server.params, env={**(server.params.env or {}), **env}))


mcp_tools = MCPToolbox
