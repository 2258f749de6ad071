"""Clients of a Jupyter server: HTTP to manage its kernels, and a websocket to each kernel."""

from __future__ import annotations

import json
import socket
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ..._extras import require
from ._cell import MAX_BYTES, DataItem, Message
from ._kernel import START_TIMEOUT, Oversized, run_cell, wait_until_ready
from .base import JupyterConnectionInfo

if TYPE_CHECKING:
    from jupyter_client.session import Session
    from requests import PreparedRequest
    from websocket import WebSocket

__all__ = ["DataItem", "ExecutionResult", "JupyterClient", "JupyterKernelClient"]

_FEATURE = "A client of a Jupyter server"
# First, since `jupyter_client` does not say what to install if it is missing.
require("zmq", extra="jupyter-executor", feature=_FEATURE)
_jsonutil = require("jupyter_client.jsonutil", extra="jupyter-executor", feature=_FEATURE)
_session = require("jupyter_client.session", extra="jupyter-executor", feature=_FEATURE)
_requests = require("requests", extra="jupyter-executor", feature=_FEATURE)
_adapters = require("requests.adapters", extra="jupyter-executor", feature=_FEATURE)
_urllib3 = require("urllib3.util", extra="jupyter-executor", feature=_FEATURE)
_websocket = require("websocket", extra="jupyter-executor", feature=_FEATURE)

CONNECT_TIMEOUT = 5  # seconds
READ_TIMEOUT = 60  # seconds
LOOPBACK = ("127.0.0.1", "::1", "localhost")

# Exists on Linux only.
_QUICK_ACK = getattr(socket, "TCP_QUICKACK", None)
_CONNECTION_LOST = "the connection to the server was lost"


@dataclass
class ExecutionResult:
    """The result of code that was run in a kernel.

    Attributes:
        is_ok: True if the code succeeded.
        output: The printed and displayed text.
        data_items: Other displayed outputs: images, HTML and the like.
    """

    is_ok: bool
    output: str
    data_items: list[DataItem] = field(default_factory=list)


class JupyterClient:
    """A client that manages the kernels of a Jupyter server.

    All methods raise `requests.exceptions.ConnectionError` if the server can't be reached, and
    `requests.exceptions.HTTPError` if it rejects the request, for example because of a wrong token or an unknown kernel.
    """

    def __init__(self, connection_info: JupyterConnectionInfo) -> None:
        """Initialise the client.

        Args:
            connection_info: The address and token of the server. No request is sent before a method is called.
        """
        self._info = connection_info
        self._session = _requests.Session()
        # A callable and not a header, which an entry of `.netrc` would replace.
        self._session.auth = _make_auth(connection_info.token)
        # No proxy for requests that stay on this machine.
        self._session.trust_env = connection_info.host not in LOOPBACK
        # A new server may not listen yet.
        retry = _urllib3.Retry(total=5, read=0, status=0, backoff_factor=0.1)
        self._session.mount("http://", _adapters.HTTPAdapter(max_retries=retry))

    def list_kernel_specs(self) -> dict[str, Any]:
        """Return the installed kernels, as the server describes them."""
        return dict(self._request("GET", "kernelspecs"))

    def list_kernels(self) -> list[dict[str, Any]]:
        """Return the running kernels."""
        return list(self._request("GET", "kernels"))

    def start_kernel(self, kernel_spec_name: str) -> str:
        """Start a kernel. Return its id."""
        return str(self._request("POST", "kernels", {"name": kernel_spec_name})["id"])

    def delete_kernel(self, kernel_id: str) -> None:
        """Shut down a kernel."""
        self._request("DELETE", f"kernels/{quote(kernel_id, safe='')}")

    def restart_kernel(self, kernel_id: str) -> None:
        """Restart a kernel. Its id stays."""
        self._request("POST", f"kernels/{quote(kernel_id, safe='')}/restart")

    def interrupt_kernel(self, kernel_id: str) -> None:
        """Interrupt the running cell of a kernel."""
        self._request("POST", f"kernels/{quote(kernel_id, safe='')}/interrupt")

    def get_kernel_client(self, kernel_id: str) -> JupyterKernelClient:
        """Connect to a kernel.

        Raises:
            ConnectionError: if the server rejects the connection.
        """

        def connect() -> WebSocket:
            url = f"{self._build_url('ws')}/api/kernels/{quote(kernel_id, safe='')}/channels?session_id={uuid.uuid4().hex}"
            token = self._info.token
            header = [] if token is None else [f"Authorization: token {token}"]
            try:
                connection: WebSocket = _websocket.create_connection(
                    url, header=header, timeout=READ_TIMEOUT, skip_utf8_validation=True
                )
            except _websocket.WebSocketException as error:
                raise ConnectionError(
                    f"The server at {self._build_url('ws')} rejected the connection to the kernel: {error}"
                ) from None
            return connection

        return JupyterKernelClient(connect, self, kernel_id)

    def is_ready(self) -> bool:
        """Return True if the server answers and accepts the token. Sends one request, without retries."""
        try:
            # A session of its own, since the other one retries.
            with _requests.Session() as session:
                session.trust_env = self._session.trust_env
                url = f"{self._build_url('http')}/api/kernels"
                response = session.get(url, auth=self._session.auth, timeout=CONNECT_TIMEOUT, allow_redirects=False)
                return bool(response.ok)
        except _requests.RequestException:
            return False

    def close(self) -> None:
        """Close the connections. A later call reopens them."""
        self._session.close()

    def _build_url(self, scheme: str) -> str:
        host = f"[{self._info.host}]" if ":" in self._info.host else self._info.host
        port = f":{self._info.port}" if self._info.port else ""
        return f"{scheme}{'s' if self._info.use_https else ''}://{host}{port}"

    def _request(self, method: str, path: str, body: dict[str, str] | None = None) -> Any:
        response = self._session.request(
            method, f"{self._build_url('http')}/api/{path}", json=body, timeout=(CONNECT_TIMEOUT, READ_TIMEOUT)
        )
        if not response.ok:
            hint = " Is the token right?" if response.status_code in (401, 403) else ""
            text = f"The Jupyter server answered {response.status_code} {response.reason} to {method} /api/{path}.{hint}"
            raise _requests.HTTPError(text, response=response)
        return response.json() if response.content else None


class JupyterKernelClient:
    """A connection to one kernel, made by `JupyterClient.get_kernel_client`. Close it with `stop()` or a `with` block.

    It may be used by several threads, one at a time.
    """

    def __init__(self, connect: Callable[[], WebSocket], client: JupyterClient, kernel_id: str) -> None:
        """Connect to the kernel.

        Args:
            connect: Opens the websocket to the kernel.
            client: The client of the kernel's server.
            kernel_id: The id of the kernel.

        Raises:
            ConnectionError: if the server rejects the connection.
        """
        self._connect = connect
        self._client = client
        self._kernel_id = kernel_id
        self._session: Session = _session.Session(username="autogen")
        self._websocket = connect()
        self._failure: str | None = None
        self._is_ready = False
        self.lock = threading.RLock()

    def wait_for_ready(self, timeout_seconds: float | None = None) -> bool:
        """Wait until the kernel answers. Return False if it does not."""
        try:
            with self.lock:
                wait_until_ready(self, START_TIMEOUT if timeout_seconds is None else timeout_seconds)
        except RuntimeError:
            return False
        self._is_ready = True
        return True

    def execute(self, code: str, timeout_seconds: float | None = None) -> ExecutionResult:
        """Run code in the kernel.

        Args:
            code: The code.
            timeout_seconds: The time limit. When it is exceeded the code is interrupted, and if that fails the kernel is
                restarted.

        Raises:
            RuntimeError: if the kernel does not become ready.
            OSError: if the server can't be reached.
        """
        with self.lock:
            cell = run_cell(self, code, float("inf") if timeout_seconds is None else timeout_seconds)
        parts = list(cell.iter_parts())
        output = "\n".join(part for part in parts if isinstance(part, str))
        return ExecutionResult(cell.exit_code == 0, output, [part for part in parts if isinstance(part, DataItem)])

    def stop(self) -> None:
        """Close the connection. The kernel keeps running."""
        self._failure = "the connection was closed"
        self._websocket.close(timeout=0)

    def __enter__(self) -> JupyterKernelClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def send(self, kind: str, content: Message) -> str:
        """Send a request of the Jupyter protocol. Return its id.

        Raises:
            ConnectionError: if the connection was lost.
        """
        message = {**self._session.msg(kind, dict(content)), "channel": "shell"}
        try:
            self._websocket.settimeout(READ_TIMEOUT)
            self._websocket.send(json.dumps(message, default=_jsonutil.json_default))
        except (_websocket.WebSocketException, OSError) as error:
            self._failure = _CONNECTION_LOST
            raise ConnectionError(f"The connection to the kernel was lost: {error}") from None
        return str(message["msg_id"])

    def receive(self, seconds: float) -> Message | Oversized | None:
        """Return the next message (`{}` if it is malformed), or None if there is none in time."""
        if self._failure is not None:
            return None
        try:
            self._websocket.settimeout(max(seconds, 0.001))
            # Without this, each message waits 40 ms for the acknowledgement of the previous message.
            if _QUICK_ACK is not None and self._websocket.sock is not None:
                self._websocket.sock.setsockopt(socket.IPPROTO_TCP, _QUICK_ACK, 1)
            data = self._websocket.recv()
        except _websocket.WebSocketTimeoutException:
            return None
        # A websocket that another thread closes has no socket any more, hence the AttributeError.
        except (_websocket.WebSocketException, OSError, AttributeError):
            self._failure = self._failure or _CONNECTION_LOST
            return None
        if len(data) > MAX_BYTES:
            return Oversized(len(data))
        try:
            message = json.loads(data if isinstance(data, str) else _strip_buffers(data))
        except (ValueError, RecursionError):
            return {}
        return message if isinstance(message, dict) else {}

    def find_failure(self) -> str | None:
        """Return why the kernel can't be reached any more, or None while it can."""
        return self._failure

    def read_tail(self) -> str:
        """Return an empty text: the output of the kernel's process goes to the log of the server."""
        return ""

    def interrupt(self) -> None:
        """Interrupt the running cell."""
        self._client.interrupt_kernel(self._kernel_id)

    def prepare(self) -> bool:
        """Wait until the kernel is ready, after reconnecting if the connection was lost.

        Returns:
            False. The server itself reports a kernel that ended since the last cell.

        Raises:
            RuntimeError: if the kernel does not become ready.
            OSError: if the server can't be reached.
        """
        if self._failure is not None:
            self._reconnect()
        if not self._is_ready:
            wait_until_ready(self)
            self._is_ready = True
        return False

    def restart(self) -> None:
        """Restart the kernel.

        Raises:
            OSError: if the server can't be reached, or rejects the request.
        """
        self._client.restart_kernel(self._kernel_id)
        self._reconnect()

    def _reconnect(self) -> None:
        self._websocket.close(timeout=0)
        self._websocket = self._connect()
        self._failure, self._is_ready = None, False


def _make_auth(token: str | None) -> Callable[[PreparedRequest], PreparedRequest]:
    def add_token(request: PreparedRequest) -> PreparedRequest:
        if token is not None:
            request.headers["Authorization"] = f"token {token}"
        return request

    return add_token


def _strip_buffers(data: bytes) -> bytes:
    """Return the JSON part of a binary message.

    It begins with the number of parts and the offset of each, as 4-byte integers. The first part is the JSON, the others are
    buffers.
    """
    count = int.from_bytes(data[:4], "big")
    start = int.from_bytes(data[4:8], "big")
    return data[start : int.from_bytes(data[8:12], "big") if count > 1 else None]
