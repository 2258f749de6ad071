"""The transport to a server at a URL: messages of limited size, and no redirect to another host."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from .._body_limits import limit_body
from .._extras import httpx
from .._secrets import mask_url
from ._servers import SseServerParams, StreamableHttpServerParams
from .errors import McpServerError

if TYPE_CHECKING:
    from mcp.client._transport import TransportStreams


class HttpTransport:
    """The streams of messages to a server at a URL.

    Args:
        params: Its parameters.
        limit: Maximum number of bytes of a message.
        fail: Called with a sentence if the server breaks the protocol.
    """

    errors = ""

    def __init__(
        self, params: StreamableHttpServerParams | SseServerParams, limit: int, fail: Callable[[str], None]
    ) -> None:
        self._params = params
        self._limit = limit
        self._fail = fail

    async def wait_for_errors(self) -> None:
        """Do nothing: there is no stderr."""

    @asynccontextmanager
    async def open(self) -> AsyncIterator[TransportStreams]:
        """Connect, and disconnect at the end of the block."""
        from mcp.client.sse import sse_client
        from mcp.client.streamable_http import streamable_http_client

        params = self._params
        if isinstance(params, SseServerParams):
            headers = dict(params.headers or {})
            async with sse_client(
                params.url, headers, params.timeout, params.sse_read_timeout, self._make_client
            ) as streams:
                yield streams
            return
        timeout = httpx.Timeout(params.timeout, read=params.sse_read_timeout)
        async with (
            self._make_client(dict(params.headers or {}), timeout) as client,
            streamable_http_client(
                params.url,
                http_client=client,
                terminate_on_close=params.terminate_on_close,
                max_sse_event_size=self._limit,
            ) as streams,
        ):
            yield streams

    def _make_client(self, headers: Any = None, timeout: Any = None, auth: Any = None) -> Any:
        hooks: Any = {"response": [self._guard_response]}
        return httpx.AsyncClient(headers=headers, timeout=timeout, auth=auth, follow_redirects=True, event_hooks=hooks)

    async def _guard_response(self, response: Any) -> None:
        if response.has_redirect_location:
            target = response.request.url.join(response.headers["location"])
            if (target.scheme, target.netloc) != (response.request.url.scheme, response.request.url.netloc):
                # It would get the headers, which may have a key.
                text = f"it redirects to another host, {mask_url(str(target))}, which is not followed"
                raise self._make_error(text)
        limit_body(response, self._limit, self._make_error)

    def _make_error(self, text: str) -> McpServerError:
        self._fail(text)
        return McpServerError(text)
