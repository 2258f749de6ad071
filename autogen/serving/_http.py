"""Parts that the doors share: bodies of requests, errors, who asks, and server-sent events."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ipaddress
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from ._execution import JSON
from ._run import Run
from .runs import QueueFull, Runs, ShuttingDown

MAX_BODY = 20 * 2**20
KEEP_ALIVE = 15.0  # seconds
_RETRY_AFTER = {"Retry-After": "5"}
_OPEN_PATHS = ("/health", "/ready")


class RequestError(Exception):
    """A request that can't be fulfilled.

    Attributes:
        status: HTTP status.
        code: Kind of the problem, for programs.
        parameter: Name of the field that is wrong; None for none.
        headers: Headers of the response.
    """

    def __init__(
        self, status: int, code: str, text: str, parameter: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(text)
        self.status, self.code, self.parameter = status, code, parameter
        self.headers = dict(headers or {})

    @classmethod
    def from_error(cls, error: Exception) -> RequestError:
        """Convert an error of `Runs`."""
        text = str(error.args[0]) if error.args else ""
        if isinstance(error, QueueFull):
            return cls(429, "queue_full", text, headers=_RETRY_AFTER)
        if isinstance(error, ShuttingDown):
            return cls(503, "shutting_down", text, headers=_RETRY_AFTER)
        if isinstance(error, LookupError):
            return cls(404, "not_found", text)
        return cls(400, "invalid_request", text)

    def to_response(self, request: Request) -> Response:
        """Return the response: a problem document, in the form of OpenAI's errors where their SDKs read it."""
        if request.url.path.startswith(("/v1/chat", "/v1/models")):
            kind = "server_error" if self.status >= 500 else "invalid_request_error"
            error = {"message": str(self), "type": kind, "param": self.parameter, "code": self.code}
            return JSONResponse({"error": error}, self.status, self.headers)
        problem = {"type": "about:blank", "title": self.code, "status": self.status, "detail": str(self)}
        return JSONResponse(problem, self.status, self.headers, media_type="application/problem+json")


async def read_json(request: Request) -> JSON:
    """Return the body of a request, which is a JSON object.

    Raises:
        RequestError: It is not, or it is too large.
    """
    # A page of a stranger in the user's browser can't send this type without being asked first.
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise RequestError(415, "unsupported_media_type", "The content type must be application/json.")
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY:
                raise RequestError(413, "too_large", f"The body must have at most {MAX_BODY:,} bytes.")
    except ClientDisconnect:
        raise RequestError(400, "incomplete", "The client has gone before the end of the body.") from None
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise RequestError(400, "invalid_json", "The body is not JSON.") from None
    if not isinstance(value, dict):
        raise RequestError(400, "invalid_request", f"The body must be a JSON object, got {type(value).__name__}.")
    return value


def get_field(body: Mapping[str, Any], name: str, kind: type | tuple[type, ...], default: Any = None) -> Any:
    """Return a field of a body; the default if it is missing or null.

    Raises:
        RequestError: It has another type.
    """
    value = body.get(name)
    if value is None:
        return default
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        names = " or ".join(item.__name__ for item in kinds)
        raise RequestError(400, "invalid_type", f"{name} must be {names}, got {type(value).__name__}.", name)
    return value


def get_user(request: Request) -> str | None:
    """Return the name of the user who asks; None on a server without tokens."""
    user: str | None = request.scope.get("autogen.user")
    return user


class TokenCheck:
    """A layer of the application that lets users with tokens in; without tokens, programs of this machine.

    Args:
        app: The application.
        tokens: Names of users by their tokens; empty for no tokens.
    """

    def __init__(self, app: Any, tokens: Mapping[str, str]) -> None:
        self._app = app
        # A digest has a fixed length, and comparing it takes the same time for each token.
        self._users = [(hashlib.sha256(token.encode()).digest(), name) for token, name in tokens.items()]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"] in _OPEN_PATHS:
            await self._app(scope, receive, send)
            return
        try:
            scope["autogen.user"] = self._find_user(scope)
        except RequestError as error:
            await error.to_response(Request(scope))(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _find_user(self, scope: MutableMapping[str, Any]) -> str | None:
        headers = Headers(scope=scope)
        if not self._users:
            # The name of a stranger, which leads to this machine, is how a page of his gets here.
            host = headers.get("host", "").rpartition(":")[0] or headers.get("host", "")
            client = (scope.get("client") or ("", 0))[0]
            if is_loopback(client) and is_loopback(host.strip("[]")):
                return None
            raise RequestError(403, "tokens_needed", "A server without tokens serves programs of its machine alone.")
        scheme, _, token = headers.get("authorization", "").partition(" ")
        digest = hashlib.sha256(token.strip().encode()).digest()
        matches = [name for known, name in self._users if hmac.compare_digest(known, digest)]
        if scheme.lower() != "bearer" or not matches:
            text = "The header 'Authorization: Bearer TOKEN' must have a token of this server."
            raise RequestError(401, "invalid_api_key", text, headers={"WWW-Authenticate": "Bearer"})
        return matches[0]


def is_loopback(host: str) -> bool:
    """Return True for an address or a name of this machine itself."""
    if host in ("localhost", "testserver"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def wait_for_run(request: Request, run: Run, *, for_questions: bool) -> bool:
    """Wait for a run.

    Returns:
        False if the client has gone before that.
    """
    end = asyncio.ensure_future(run.wait(for_questions=for_questions))
    gone = asyncio.ensure_future(_wait_for_disconnect(request))
    try:
        await asyncio.wait([end, gone], return_when=asyncio.FIRST_COMPLETED)
        return end.done()
    finally:
        end.cancel()
        gone.cancel()


async def _wait_for_disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def stream_events(lines: AsyncIterator[str], on_end: Callable[[], Awaitable[None]], headers: Mapping[str, str]) -> Response:
    """Return a response of server-sent events.

    Args:
        lines: The events, as text.
        on_end: Called at the end, also when the client has gone.
        headers: Headers of the response.
    """

    async def iterate() -> AsyncIterator[bytes]:
        try:
            async for line in keep_alive(lines):
                yield line.encode()
        finally:
            await on_end()

    # Without the second header, nginx collects events.
    options = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", **headers}
    return StreamingResponse(iterate(), media_type="text/event-stream", headers=options)


async def keep_alive(lines: AsyncIterator[str]) -> AsyncIterator[str]:
    """Yield lines, and a comment when there is nothing to say for a while, so that proxies keep the connection."""
    iterator = lines.__aiter__()
    pending: asyncio.Future[str] | None = None
    try:
        while True:
            if pending is None:
                pending = asyncio.ensure_future(iterator.__anext__())
            await asyncio.wait([pending], timeout=KEEP_ALIVE)
            if not pending.done():
                yield ": waiting\n\n"
                continue
            done, pending = pending, None
            try:
                yield done.result()
            except StopAsyncIteration:
                return
    finally:
        if pending is not None:
            pending.cancel()
        await lines.aclose()  # type: ignore[attr-defined]  # an async generator


def owned(runs: Runs, run: Run, request: Request) -> Run:
    """Return a run of the user who asks.

    Raises:
        RequestError: It is another user's.
    """
    if run.owner != get_user(request):
        raise RequestError(404, "not_found", f"There is no run {run.id!r}.")
    return run
