"""AG2's client of MCP servers: tools bound to an open session of the SDK, and a manager that opens sessions.

`autogen.mcp.mcp_tools` needs no event loop, and closes what it has opened.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from uuid import uuid4

from .._extras import require
from .._untrusted import clean_description, clean_schema
from ..tools.tool import Tool
from ..tools.toolkit import Toolkit
from ._http import HttpTransport
from ._results import ResultWriter
from ._servers import SseServerParams, StdioServerParams
from ._stdio import StdioTransport
from .errors import McpServerError, McpToolError

if TYPE_CHECKING:
    from mcp import ClientSession

__all__ = [
    "BasicSessionConfig",
    "MCPClient",
    "MCPClientSessionManager",
    "MCPConfig",
    "ResultSaved",
    "SessionConfigProtocol",
    "SseConfig",
    "StdioConfig",
    "create_toolkit",
]

T = TypeVar("T")

_MAX_MESSAGE_BYTES = 16 * 2**20
_MAX_RESULT_CHARS = 50_000
# Seconds for a call, and for an event loop to show that it is not blocked.
_CALL_TIMEOUT = 600.0
_PROBE_TIMEOUT = 5.0


class SessionConfigProtocol(Protocol):
    """Anything that can open a session.

    Attributes:
        server_name: Name of the server.
    """

    server_name: str

    async def create_session(self, exit_stack: AsyncExitStack) -> ClientSession:
        """Open a session that ends with the stack."""


@dataclass(kw_only=True)
class BasicSessionConfig:
    """Base class of the configs.

    Attributes:
        server_name: Name of the server.
    """

    server_name: str

    async def initialize(self, client: Any, exit_stack: AsyncExitStack) -> ClientSession:
        """Open a session over the streams of a client; both end with the stack.

        Args:
            client: Async context manager of the streams.
            exit_stack: The stack.
        """
        import mcp

        streams = await exit_stack.enter_async_context(client)
        session = await exit_stack.enter_async_context(mcp.ClientSession(*streams[:2], **self._get_session_options()))
        await session.initialize()
        return session

    def _get_session_options(self) -> Mapping[str, Any]:
        return {}

    def _fail(self, sentence: str) -> None:
        """Ignore why the server broke the protocol: the session ends."""


@dataclass(kw_only=True)
class SseConfig(BasicSessionConfig):
    """A server at a URL.

    Attributes:
        url: URL of its events.
        headers: Headers of every request.
        timeout: Seconds for an answer to begin.
        sse_read_timeout: Seconds without an event.
    """

    url: str
    headers: dict[str, Any] | None = field(default=None, repr=False)
    timeout: float = 5
    sse_read_timeout: float = 60 * 5

    async def create_session(self, exit_stack: AsyncExitStack) -> ClientSession:
        """Open a session that ends with the stack."""
        require("mcp", extra="mcp", feature="A client of MCP servers")
        params = SseServerParams(self.url, self.headers, self.timeout, self.sse_read_timeout)
        return await self.initialize(HttpTransport(params, _MAX_MESSAGE_BYTES, self._fail).open(), exit_stack)


@dataclass(kw_only=True)
class StdioConfig(BasicSessionConfig):
    """A server that is a program.

    Attributes:
        command: The program.
        args: Its arguments.
        transport: `stdio`.
        environment: Environment variables, besides those that every program needs.
        working_dir: Its working directory.
        encoding: Encoding of the messages.
        encoding_error_handler: Kept for AG2's programs; characters that can't be encoded are replaced.
        session_options: Arguments of the SDK's `ClientSession`.
    """

    command: str
    args: Sequence[str]
    transport: str = "stdio"
    environment: dict[str, str] | None = field(default=None, repr=False)
    working_dir: str | Path | None = None
    encoding: str = "utf-8"
    encoding_error_handler: str = "strict"
    session_options: dict[str, Any] | None = None

    async def create_session(self, exit_stack: AsyncExitStack) -> ClientSession:
        """Open a session that ends with the stack."""
        require("mcp", extra="mcp", feature="A client of MCP servers")
        params = StdioServerParams(self.command, self.args, self.environment, self.working_dir, self.encoding)
        return await self.initialize(StdioTransport(params, _MAX_MESSAGE_BYTES, self._fail).open(), exit_stack)

    def _get_session_options(self) -> Mapping[str, Any]:
        return self.session_options or {}


@dataclass
class MCPConfig:
    """Several servers.

    Attributes:
        servers: Their configs.
    """

    servers: list[SessionConfigProtocol] = field(default_factory=list)


@dataclass
class ResultSaved:
    """A resource that was saved.

    Attributes:
        explanation: Sentence for the model.
        file_path: The file.
    """

    explanation: str
    file_path: Path


class MCPClientSessionManager:
    """Opens sessions.

    Attributes:
        sessions: Open sessions, by the name of the server.

    >>> async with MCPClientSessionManager().open_session(config) as session:  # doctest: +SKIP
    ...     toolkit = await create_toolkit(session)
    """

    def __init__(self) -> None:
        self.sessions: dict[str, ClientSession] = {}

    @asynccontextmanager
    async def open_session(self, config: SessionConfigProtocol) -> AsyncIterator[ClientSession]:
        """Open a session, which ends with the block."""
        async with AsyncExitStack() as stack:
            session = await config.create_session(stack)
            self.sessions[config.server_name] = session
            try:
                yield session
            finally:
                if self.sessions.get(config.server_name) is session:
                    del self.sessions[config.server_name]


class MCPClient:
    """Converts the tools and resources of a session."""

    @classmethod
    def get_unsupported_reason(cls) -> str | None:
        """Return why there is no client; None if there is one."""
        try:
            require("mcp", extra="mcp", feature="A client of MCP servers")
        except ImportError as error:
            return str(error)
        return None

    @classmethod
    def convert_tool(cls, tool: Any, session: ClientSession, **kwargs: Any) -> Tool:
        """Return a tool of a session as a `Tool`.

        Args:
            tool: The tool, as the SDK has it.
            session: The session.
            **kwargs: None are known.

        Raises:
            TypeError: if there are other arguments.
        """
        _refuse(kwargs)
        run = _BoundSession(session).run
        writer = ResultWriter("session", _MAX_RESULT_CHARS, None)
        name = tool.name

        async def call(**arguments: Any) -> str:
            result = await run(lambda: session.call_tool(name, arguments))
            text = writer.write(name, result)
            if getattr(result, "is_error", None) or getattr(result, "isError", None):
                raise McpToolError(text)
            return text

        # The SDK renamed its fields in version 2.
        schema = getattr(tool, "input_schema", None) or getattr(tool, "inputSchema", None)
        description = clean_description(tool.description) or name
        return Tool(
            name=name,
            description=description,
            func_or_tool=call,
            parameters_json_schema=clean_schema(schema),
            returns="untrusted",
        )

    @classmethod
    def convert_resource(
        cls, resource_template: Any, session: ClientSession, resource_download_folder: str | Path | None, **kwargs: Any
    ) -> Tool:
        """Return a resource template of a session as a tool with the parameter `uri`.

        Args:
            resource_template: The template, as the SDK has it.
            session: The session.
            resource_download_folder: Folder in which resources are saved; None to give them to the model.
            **kwargs: None are known.

        Raises:
            TypeError: if there are other arguments.
        """
        _refuse(kwargs)
        run = _BoundSession(session).run
        writer = ResultWriter("session", _MAX_RESULT_CHARS, None)
        template = getattr(resource_template, "uri_template", None) or getattr(resource_template, "uriTemplate", "")

        async def call(uri: str) -> str | ResultSaved:
            result = await run(lambda: session.read_resource(uri))
            if resource_download_folder is None:
                return writer.write_contents(result.contents, f"the resource {clean_description(uri)!r}")
            path = _save_result(result, uri, Path(resource_download_folder))
            return ResultSaved(f"The resource {clean_description(uri)} was saved.", path)

        text = clean_description(resource_template.description) or "A resource."
        return Tool(
            name=resource_template.name,
            description=f"{text} The uri has the form {clean_description(template)}.",
            func_or_tool=call,
            parameters_json_schema={"type": "object", "properties": {"uri": {"type": "string"}}, "required": ["uri"]},
            returns="untrusted",
        )

    @classmethod
    async def load_mcp_toolkit(
        cls,
        session: ClientSession,
        *,
        use_mcp_tools: bool = True,
        use_mcp_resources: bool = True,
        resource_download_folder: str | Path | None = None,
    ) -> Toolkit:
        """Return the tools and the resource templates of a session; see `create_toolkit`."""
        tools: list[Tool] = []
        if use_mcp_tools:
            tools += [cls.convert_tool(tool, session) for tool in (await session.list_tools()).tools]
        if use_mcp_resources:
            listed = await session.list_resource_templates()
            templates = getattr(listed, "resource_templates", None) or getattr(listed, "resourceTemplates", None)
            tools += [cls.convert_resource(item, session, resource_download_folder) for item in templates or ()]
        return Toolkit(tools)


async def create_toolkit(
    session: ClientSession,
    *,
    use_mcp_tools: bool = True,
    use_mcp_resources: bool = True,
    resource_download_folder: str | Path | None = None,
) -> Toolkit:
    """Return the tools of an open session, for the async forms of chats in the same event loop.

    Args:
        session: The session of the SDK, initialised.
        use_mcp_tools: True for its tools.
        use_mcp_resources: True for its resource templates, as tools with the parameter `uri`.
        resource_download_folder: Folder in which resources are saved; None to give them to the model.
    """
    return await MCPClient.load_mcp_toolkit(
        session,
        use_mcp_tools=use_mcp_tools,
        use_mcp_resources=use_mcp_resources,
        resource_download_folder=resource_download_folder,
    )


class _BoundSession:
    """A session, and the event loop that it belongs to."""

    def __init__(self, session: ClientSession) -> None:
        self._session = session
        try:
            self._loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            self._loop = None

    async def run(self, make: Callable[[], Awaitable[T]]) -> T:
        """Make a request in the event loop of the session.

        Raises:
            McpServerError: if that is blocked or closed.
            McpToolError: if there is no answer.
        """
        from mcp.shared.exceptions import MCPError

        loop = self._loop or asyncio.get_running_loop()

        async def request() -> T:
            return await asyncio.wait_for(make(), _CALL_TIMEOUT)

        try:
            if loop is asyncio.get_running_loop():
                return await request()
            await self._check_loop(loop)
            return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(request(), loop))
        except asyncio.TimeoutError:
            raise McpToolError(f"The MCP server did not answer within {_CALL_TIMEOUT:g} seconds.") from None
        except MCPError as error:
            raise McpToolError(f"The MCP server reports an error: {error.error.message}") from error

    @staticmethod
    async def _check_loop(loop: asyncio.AbstractEventLoop) -> None:
        alive: Future[None] = Future()
        try:
            loop.call_soon_threadsafe(alive.set_result, None)
            await asyncio.wait_for(asyncio.wrap_future(alive), _PROBE_TIMEOUT)
        except (RuntimeError, asyncio.TimeoutError):
            raise McpServerError(
                "The session of this tool belongs to an event loop that is closed, or blocked by a sync chat. Use the async "
                "form of the chat (a_run, a_initiate_chat), or autogen.mcp.mcp_tools, whose tools work in both."
            ) from None


def _refuse(kwargs: Mapping[str, Any]) -> None:
    if kwargs:
        raise TypeError(f"Unexpected arguments: {', '.join(kwargs)}.")


def _save_result(result: Any, uri: str, folder: Path) -> Path:
    """Save a resource as JSON. Its URI comes from a model: only letters and digits of its last part are in the name."""
    folder.mkdir(parents=True, exist_ok=True)
    last = re.sub(r"[^A-Za-z0-9]+", "_", uri.rstrip("/").rpartition("/")[2]).strip("_")[:50] or "resource"
    path = folder.absolute() / f"{last}_{time.strftime('%Y%m%d%H%M%S')}_{uuid4().hex[:6]}"
    with path.open("x", encoding="utf-8") as file:
        file.write(result.model_dump_json(indent=2))
    return path
