"""The session of a toolbox: it begins when it is needed, and once more if the connection is lost."""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from .._steps import run_coroutine
from .._threads import run_in_thread
from ._connection import Connection, Delegate
from ._servers import Server
from .errors import McpServerError, McpToolError

if TYPE_CHECKING:
    from mcp import ClientSession

logger = logging.getLogger(__name__)

T = TypeVar("T")

_NOTICE = "The MCP server was restarted: the state that it had is gone.\n"
_MAX_PAGES = 100


class Session:
    """The session of a toolbox with its server.

    Args:
        server: The server.
        timeout: Seconds for a request.
        start_timeout: Seconds for the server to start.
        limit: Maximum number of bytes of a message.
        can_elicit: True if the server may ask questions.
        can_sample: True if it may send requests to a model.
        on_listed: Called with the tools of the server by name, when it starts and when it has changed them.

    Attributes:
        timeout: As above.
    """

    def __init__(
        self,
        server: Server,
        *,
        timeout: float,
        start_timeout: float,
        limit: int,
        can_elicit: bool,
        can_sample: bool,
        on_listed: Callable[[dict[str, Any]], None],
    ) -> None:
        self.timeout = timeout
        self._server = server
        self._start_timeout, self._limit = start_timeout, limit
        self._can_elicit, self._can_sample = can_elicit, can_sample
        self._on_listed = on_listed
        self._connection: Connection | None = None
        self._is_entered = False
        self._is_closed = False
        self._is_stale = False
        # False after a reconnection, until a call succeeds.
        self._may_reconnect = True
        self._notice = ""
        self._lock = threading.RLock()
        self._finalizer: weakref.finalize[..., Session] | None = None

    @property
    def active_calls(self) -> int:
        """The number of calls that the server is working on."""
        return 0 if self._connection is None else self._connection.active_calls

    def enter(self) -> None:
        """Begin a block, in which the session may be used."""
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

    def ensure_open(self) -> None:
        """Begin the session, unless it has begun, and list the tools.

        Raises:
            McpServerError: if the server doesn't start.
        """
        with self._lock:
            if self._connection is None:
                if not self._is_entered:
                    name = self._server.name
                    logger.warning("The MCP server %r runs until the end of the process: use `with mcp_tools(...)`.", name)
                self._connect()

    def _connect(self) -> None:
        connection = Connection(
            self._server,
            start_timeout=self._start_timeout,
            limit=self._limit,
            on_tools_changed=partial(_mark_stale, weakref.ref(self)),
            can_elicit=self._can_elicit,
            can_sample=self._can_sample,
        )
        if self._finalizer is not None:
            self._finalizer.detach()
        self._connection = connection
        # Also if the object is garbage-collected, and at the end of the process.
        self._finalizer = weakref.finalize(self, connection.close)
        connection.open()
        self._on_listed(run_coroutine(partial(self._list_tools, connection)))

    def mark_stale(self) -> None:
        """Note that the server has other tools than those that are listed."""
        self._is_stale = True

    def refresh(self) -> bool:
        """List the tools again, if the server has changed them.

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
            self._on_listed(listed)
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

    async def request(
        self, make: Callable[[Connection, ClientSession], Awaitable[T]], delegate: Delegate | None = None
    ) -> T:
        """Make a request, after a reconnection if the connection is lost.

        A request during which it is lost is not repeated: it may have had an effect.

        Raises:
            McpServerError: if the connection is lost.
            McpToolError: if the server reports an error, or doesn't answer in time.
        """
        connection = self._connection
        if connection is None or connection.is_lost:
            connection = await run_in_thread(self._reconnect)
        result = await connection.request(partial(make, connection), self.timeout, delegate)
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
                self.ensure_open()
            else:
                if self._is_closed or not self._may_reconnect:
                    raise McpServerError(f"The session with the MCP server {self._server.name!r} has ended.")
                logger.warning("The connection to the MCP server %r is lost; it is made again.", self._server.name)
                self._may_reconnect = False
                lost.close()
                self._connect()
                self._notice = _NOTICE
            assert self._connection is not None
            return self._connection

    def take_notice(self) -> str:
        """Return the notice of a reconnection for the next result, once; empty if there was none."""
        notice, self._notice = self._notice, ""
        return notice


def _mark_stale(session: weakref.ref[Session]) -> None:
    if (target := session()) is not None:
        target.mark_stale()


async def _list_page(cursor: str | None, session: ClientSession) -> Any:
    from mcp.types import PaginatedRequestParams

    return await session.list_tools(params=PaginatedRequestParams(cursor=cursor) if cursor else None)
