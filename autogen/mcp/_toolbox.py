"""`MCPToolbox`: the tools of an MCP server, for sync and async chats."""

from __future__ import annotations

import logging
import re
import threading
import weakref
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from .._steps import run_coroutine
from .._threads import run_in_thread
from .._untrusted import clean_description, clean_schema, clean_text
from ..agentchat._approvals.policy import is_approved
from ..tools.tool import Tool
from ..tools.toolkit import Toolkit
from ._approval import Approval, Approver
from ._caller import Caller, make_asker, make_sampler
from ._connection import Connection, Delegate
from ._offers import Offers
from ._pictures import PictureGallery
from ._results import ResultWriter
from ._servers import Server, StdioServerParams, find_server
from .errors import McpServerError, McpToolError

if TYPE_CHECKING:
    from mcp import ClientSession

logger = logging.getLogger(__name__)

T = TypeVar("T")

MAX_MESSAGE_BYTES = 16 * 2**20
_NOTICE = "The MCP server was restarted: the state that it had is gone.\n"
_MAX_PAGES = 100
# Models accept no other names.
_INVALID = re.compile(r"[^a-zA-Z0-9_-]")
_MAX_NAME = 64


class McpTool(Tool):
    """A tool of an MCP server, which tells its toolbox where it is registered."""

    def __init__(self, offers: Offers, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._offers = offers

    def register_for_llm(self, agent: Any) -> None:
        """Let the model of an agent call the tool."""
        super().register_for_llm(agent)
        self._offers.add_caller(agent, self.name)

    def register_for_execution(self, agent: Any) -> None:
        """Let an agent execute the tool."""
        super().register_for_execution(agent)
        self._offers.add_executor(agent)

    def release(self, agent: Any, executor: Any) -> None:
        """Note the end of a run: tools that the server has had only since its start are taken back, too."""
        self._offers.release(agent, executor)


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
        self._allowed = None if tools is None else set(tools)
        self._excluded = set(exclude or ())
        self._prefix = prefix or ""
        self._timeout, self._start_timeout, self._limit = timeout, start_timeout, max_message_bytes
        self._offers_resources, self._offers_prompts = resources, prompts
        self._ask = make_asker(elicitation)
        self._sample = make_sampler(sampling, sampling_limit)
        self._approver = Approver(approval, self.server.name)
        self._writer = ResultWriter(self.server.name, max_result_chars, folder)
        self._offers = Offers(self, PictureGallery(self._writer, self.server.name) if show_pictures else None)
        self._functions: dict[str, Callable[..., Awaitable[str]]] = {}
        # By name at the server.
        self._listed: dict[str, Any] = {}
        self._connection: Connection | None = None
        self._is_entered = False
        self._is_closed = False
        self._is_stale = False
        # False after a reconnection, until a call succeeds.
        self._may_reconnect = True
        self._notice = ""
        self._lock = threading.RLock()
        self._finalizer: weakref.finalize[..., MCPToolbox] | None = None

    # Life

    def __enter__(self) -> MCPToolbox:
        self._begin_block()
        try:
            self._ensure_open()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> MCPToolbox:
        self._begin_block()
        try:
            await run_in_thread(self._ensure_open)
        except BaseException:
            # The thread that starts the server notices it.
            self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await run_in_thread(self.close)

    def _begin_block(self) -> None:
        self._is_entered, self._is_closed, self._may_reconnect = True, False, True
        if self._connection is not None and self._connection.is_lost:
            self._connection = None

    def close(self) -> None:
        """End the session. Calls that are under way, and later ones, end with an error. No-op if there is none."""
        self._is_entered, self._is_closed = False, True
        # Not under the lock: whoever holds it may be starting the server.
        if self._connection is not None:
            self._connection.close()
        if self._finalizer is not None:
            self._finalizer.detach()

    def _ensure_open(self) -> None:
        """Begin the session, unless it has begun, and list the tools.

        Raises:
            McpServerError: if the server doesn't start.
        """
        with self._lock:
            if self._connection is None:
                if not self._is_entered:
                    name = self.server.name
                    logger.warning("The MCP server %r runs until the end of the process: use `with mcp_tools(...)`.", name)
                self._connect()

    def _connect(self) -> None:
        connection = Connection(
            self.server,
            start_timeout=self._start_timeout,
            limit=self._limit,
            on_tools_changed=partial(_mark_stale, weakref.ref(self)),
            can_elicit=self._ask is not None,
            can_sample=self._sample is not None,
        )
        if self._finalizer is not None:
            self._finalizer.detach()
        self._connection = connection
        # Also if the object is garbage-collected, and at the end of the process.
        self._finalizer = weakref.finalize(self, connection.close)
        connection.open()
        self._update_tools(run_coroutine(partial(self._list_tools, connection)))

    def mark_stale(self) -> None:
        """Note that the server has other tools than those that are listed."""
        self._is_stale = True

    # Tools

    @property
    def tools(self) -> list[Tool]:
        """The tools, as the server has them at present."""
        self._ensure_open()
        self.refresh()
        return super().tools

    def get_tool(self, tool_name: str) -> Tool:
        """Return the tool of a name."""
        self._ensure_open()
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
        with self._lock:
            connection = self._connection
            if not self._is_stale or connection is None or connection.is_lost:
                return False
            self._is_stale = False
            try:
                listed = run_coroutine(partial(self._list_tools, connection))
            except (McpServerError, McpToolError) as error:
                logger.warning("The new tools of the MCP server can't be listed: %s", error)
                return False
            self._update_tools(listed)
            return True

    async def _list_tools(self, connection: Connection) -> dict[str, Any]:
        listed: dict[str, Any] = {}
        cursor: str | None = None
        for _ in range(_MAX_PAGES):
            page = await connection.request(partial(_list_page, cursor), self._start_timeout)
            listed.update({tool.name: tool for tool in page.tools})
            cursor = page.next_cursor
            if not cursor:
                break
        return listed

    def _update_tools(self, listed: dict[str, Any]) -> None:
        """Make the tools that are listed and allowed."""
        for name, tool in listed.items():
            before = self._listed.get(name)
            if before is not None and (before.description, before.input_schema) != (tool.description, tool.input_schema):
                logger.warning(
                    "The MCP server %r has changed the description of its tool %r: check that it does what you allowed.",
                    self.server.name,
                    name,
                )
        self._listed = listed
        if self._allowed is not None and (missing := sorted(self._allowed - listed.keys())):
            logger.warning("The MCP server %r has no tool %s.", self.server.name, ", ".join(map(repr, missing)))
        tools: dict[str, Tool] = {}
        for name, tool in listed.items():
            if (self._allowed is None or name in self._allowed) and name not in self._excluded:
                rules = self._approver.get_rules(name) if _may_change(tool) else None
                description, schema = clean_description(tool.description), clean_schema(tool.input_schema)
                self._add(tools, name, description, schema, self._call, rules)
        for name, (description, schema, function) in self._get_readers().items():
            self._add(tools, name, description, schema, function)
        logger.info("The MCP server %r offers the tools %s.", self.server.name, ", ".join(tools) or "none")
        self.toolkit = tools

    def _add(
        self,
        tools: dict[str, Tool],
        name: str,
        description: str,
        schema: Mapping[str, Any],
        function: Callable[..., Awaitable[str]],
        approve: list[Any] | None = None,
    ) -> None:
        offered = _INVALID.sub("_", f"{self._prefix}{name}")[:_MAX_NAME]
        if offered in tools:
            raise McpServerError(
                f"Two tools of the MCP server {self.server.name!r} have the name {offered!r} for models: leave one out by "
                "tools= or exclude=."
            )
        if name not in self._functions:
            self._functions[name] = _make_function(function, name)
        tools[offered] = McpTool(
            self._offers,
            name=offered,
            description=description or name,
            func_or_tool=self._functions[name],
            parameters_json_schema=schema,
            approve=approve,
        )

    def _get_readers(self) -> dict[str, tuple[str, Mapping[str, Any], Callable[..., Awaitable[str]]]]:
        """Return the tools for resources and prompts: description, schema and function."""
        readers: dict[str, tuple[str, Mapping[str, Any], Callable[..., Awaitable[str]]]] = {}
        text = {"type": "string"}
        if self._offers_resources:
            uri = {"type": "object", "properties": {"uri": text}, "required": ["uri"]}
            readers["list_resources"] = ("List the resources that can be read.", {"type": "object"}, self._list_for_model)
            readers["read_resource"] = ("Read a resource.", uri, self._read_for_model)
        if self._offers_prompts:
            arguments = {"type": "object", "additionalProperties": text}
            schema = {"type": "object", "properties": {"name": text, "arguments": arguments}, "required": ["name"]}
            readers["list_prompts"] = ("List the prompts of the server.", {"type": "object"}, self._list_for_model)
            readers["get_prompt"] = ("Get a prompt of the server.", schema, self._read_for_model)
        return readers

    # Calls

    async def _call(self, name: str, arguments: dict[str, Any]) -> str:
        """Call a tool of the server.

        Raises:
            McpToolError: if it reports an error, or was not approved.
            McpServerError: if the connection is lost.
        """
        tool = self._listed.get(name)
        if tool is None:
            raise McpToolError(f"The MCP server {self.server.name!r} has no tool {name!r} any more.")
        if _may_change(tool) and not is_approved(self._functions.get(name)):
            arguments = await self._approver.check(name, arguments)
        caller = Caller(self.server.name, name, self._ask, self._sample)

        async def call(connection: Connection, session: ClientSession) -> Any:
            report = partial(connection.report_progress, caller)
            return await session.call_tool(name, arguments, progress_callback=report)

        result = await self._request(call, caller)
        text = self._take_notice() + self._writer.write(name, result)
        if result.is_error:
            raise McpToolError(text)
        return text

    async def _request(
        self, make: Callable[[Connection, ClientSession], Awaitable[T]], delegate: Delegate | None = None
    ) -> T:
        """Make a request, after a reconnection if the connection is lost.

        A request during which it is lost is not repeated: it may have had an effect.
        """
        connection = self._connection
        if connection is None or connection.is_lost:
            connection = await run_in_thread(self._reconnect)
        result = await connection.request(partial(make, connection), self._timeout, delegate)
        self._may_reconnect = True
        return result

    def _reconnect(self) -> Connection:
        """Return the connection; if it is lost, begin a new session, once.

        Raises:
            McpServerError: if that was tried since the last request that succeeded, if it fails, or after `close`.
        """
        with self._lock:
            lost = self._connection
            if lost is not None and not lost.is_lost:
                return lost
            if lost is None:
                self._ensure_open()
            else:
                if self._is_closed or not self._may_reconnect:
                    raise McpServerError(f"The session with the MCP server {self.server.name!r} has ended.")
                logger.warning("The connection to the MCP server %r is lost; it is made again.", self.server.name)
                self._may_reconnect = False
                lost.close()
                self._connect()
                self._notice = _NOTICE
            assert self._connection is not None
            return self._connection

    def _take_notice(self) -> str:
        notice, self._notice = self._notice, ""
        return notice

    # Resources and prompts

    def list_resources(self) -> list[Any]:
        """Return the resources and the resource templates of the server, as objects of the SDK."""
        return run_coroutine(self.a_list_resources)

    async def a_list_resources(self) -> list[Any]:
        """Async version of `list_resources`."""
        resources = await self._request(lambda _, session: session.list_resources())
        templates = await self._request(lambda _, session: session.list_resource_templates())
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
        result = await self._request(lambda _, session: session.read_resource(uri))
        source = f"the resource {clean_description(uri)!r} of the MCP server {self.server.name!r}"
        return self._take_notice() + self._writer.write_contents(result.contents, source)

    def list_prompts(self) -> list[Any]:
        """Return the prompts of the server, as objects of the SDK."""
        return run_coroutine(self.a_list_prompts)

    async def a_list_prompts(self) -> list[Any]:
        """Async version of `list_prompts`."""
        return list((await self._request(lambda _, session: session.list_prompts())).prompts)

    def get_prompt(self, name: str, arguments: Mapping[str, str] | None = None) -> str:
        """Return a prompt of the server as text, marked as data.

        Raises:
            McpToolError: if the server has no such prompt, or misses an argument.
            McpServerError: if the connection is lost.
        """
        return run_coroutine(partial(self.a_get_prompt, name, arguments))

    async def a_get_prompt(self, name: str, arguments: Mapping[str, str] | None = None) -> str:
        """Async version of `get_prompt`."""
        result = await self._request(lambda _, session: session.get_prompt(name, dict(arguments or {})))
        source = f"the prompt {clean_description(name)!r} of the MCP server {self.server.name!r}"
        return self._take_notice() + self._writer.write_prompt(result.messages, source)

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


def _may_change(tool: Any) -> bool:
    return not (tool.annotations and tool.annotations.read_only_hint)


def _mark_stale(toolbox: weakref.ref[MCPToolbox]) -> None:
    if (target := toolbox()) is not None:
        target.mark_stale()


def _make_function(function: Callable[..., Awaitable[str]], name: str) -> Callable[..., Awaitable[str]]:
    async def call(**arguments: Any) -> str:
        return await function(name, arguments)

    return call


async def _list_page(cursor: str | None, session: ClientSession) -> Any:
    from mcp.types import PaginatedRequestParams

    return await session.list_tools(params=PaginatedRequestParams(cursor=cursor) if cursor else None)


mcp_tools = MCPToolbox
