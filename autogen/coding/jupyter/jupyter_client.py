"""Speaking to a Jupyter server: HTTP for its kernels, a websocket to each kernel."""

from __future__ import annotations

import json
import socket
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any
from urllib.parse import quote

from ..._extras import require
from ._cell import MOST_BYTES, DataItem, Message
from ._kernel import READY, Oversized, run_cell, wait_for
from .base import JupyterConnectionInfo

__all__ = ["DataItem", "ExecutionResult", "JupyterClient", "JupyterKernelClient"]

_WHAT = "A client of a Jupyter server"
_requests = require("requests", extra="jupyter-executor", feature=_WHAT)
_adapters = require("requests.adapters", extra="jupyter-executor", feature=_WHAT)
_urllib3 = require("urllib3.util", extra="jupyter-executor", feature=_WHAT)
_websocket = require("websocket", extra="jupyter-executor", feature=_WHAT)

PATIENCE = (5, 60)  # seconds for a connection, and for an answer
PROTOCOL = "5.0"
QUICK = getattr(socket, "TCP_QUICKACK", None)  # Linux
LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass
class ExecutionResult:
    """What came of code in a kernel.

    Attributes:
        is_ok: Whether it succeeded.
        output: What it printed and showed as text.
        data_items: What it showed besides: images, HTML and the like.
    """

    is_ok: bool
    output: str
    data_items: list[DataItem] = field(default_factory=list)


class JupyterClient:
    """The kernels of a Jupyter server.

    All methods raise `requests.exceptions.ConnectionError` if there is no server, and `requests.exceptions.HTTPError` if it
    refuses: mostly the token is wrong, or there is no such kernel.
    """

    def __init__(self, connection_info: JupyterConnectionInfo) -> None:
        """
        Args:
            connection_info: Where the server is. It is asked for the first time by a method.
        """
        self._info = connection_info
        self._session = _requests.Session()
        self._session.auth = _authorisation(connection_info.token)  # in this form no `.netrc` takes its place
        self._session.trust_env = connection_info.host not in LOOPBACK  # what stays on the machine passes no proxy
        attempts = _urllib3.Retry(total=5, read=0, status=0, backoff_factor=0.1)  # a server may be about to listen
        self._session.mount("http://", _adapters.HTTPAdapter(max_retries=attempts))

    def list_kernel_specs(self) -> dict[str, Any]:
        """The kinds of kernels that the server has, as it tells it."""
        return dict(self._ask("GET", "kernelspecs"))

    def list_kernels(self) -> list[dict[str, Any]]:
        """The kernels that run."""
        return list(self._ask("GET", "kernels"))

    def start_kernel(self, kernel_spec_name: str) -> str:
        """Start a kernel; returns its id."""
        return str(self._ask("POST", "kernels", {"name": kernel_spec_name})["id"])

    def delete_kernel(self, kernel_id: str) -> None:
        """End a kernel."""
        self._ask("DELETE", f"kernels/{quote(kernel_id, safe='')}")

    def restart_kernel(self, kernel_id: str) -> None:
        """Begin anew with a kernel, under its old id."""
        self._ask("POST", f"kernels/{quote(kernel_id, safe='')}/restart")

    def interrupt_kernel(self, kernel_id: str) -> None:
        """Interrupt what a kernel does."""
        self._ask("POST", f"kernels/{quote(kernel_id, safe='')}/interrupt")

    def get_kernel_client(self, kernel_id: str) -> JupyterKernelClient:
        """Connect to a kernel.

        Raises:
            ConnectionError: The server does not let us.
        """

        def connect() -> Any:
            url = f"{self._url('ws')}/api/kernels/{quote(kernel_id, safe='')}/channels?session_id={uuid.uuid4().hex}"
            token = self._info.token
            header = [] if token is None else [f"Authorization: token {token}"]
            try:
                return _websocket.create_connection(url, header=header, timeout=PATIENCE[1], skip_utf8_validation=True)
            except _websocket.WebSocketException as error:
                raise ConnectionError(f"The server at {self._url('ws')} gives no way to the kernel: {error}") from None

        return JupyterKernelClient(connect, self, kernel_id)

    def is_ready(self) -> bool:
        """Whether the server answers, and lets us in. It is asked once."""
        try:
            url = f"{self._url('http')}/api/kernels"
            with _requests.Session() as session:
                session.trust_env = self._session.trust_env
                return bool(session.get(url, auth=self._session.auth, timeout=PATIENCE[0], allow_redirects=False).ok)
        except _requests.RequestException:
            return False

    def close(self) -> None:
        """Close the connections of this object. It may be used again."""
        self._session.close()

    def _url(self, scheme: str) -> str:
        host = f"[{self._info.host}]" if ":" in self._info.host else self._info.host
        port = f":{self._info.port}" if self._info.port else ""
        return f"{scheme}{'s' if self._info.use_https else ''}://{host}{port}"

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        response = self._session.request(method, f"{self._url('http')}/api/{path}", json=body, timeout=PATIENCE)
        if not response.ok:
            hint = " Is the token right?" if response.status_code in (401, 403) else ""
            text = f"The Jupyter server answers {response.status_code} {response.reason} to {method} /api/{path}.{hint}"
            raise _requests.HTTPError(text, response=response)
        return response.json() if response.content else None


class JupyterKernelClient:
    """A connection to one kernel; `JupyterClient.get_kernel_client` makes it. Close it with `stop()`, or use it in a `with`.

    It may be used from several threads, one at a time.
    """

    def __init__(self, connect: Callable[[], Any], client: JupyterClient, kernel_id: str) -> None:
        """
        Args:
            connect: Opens the websocket to the kernel.
            client: The client that made it.
            kernel_id: Which kernel.

        Raises:
            ConnectionError: The server does not let us.
        """
        self._connect = connect
        self._client = client
        self._kernel_id = kernel_id
        self._session_id = uuid.uuid4().hex
        self._websocket = connect()
        self._trouble: str | None = None
        self._is_ready = False
        self.lock = threading.RLock()

    def wait_for_ready(self, timeout_seconds: float | None = None) -> bool:
        """Wait until the kernel answers; says whether it does."""
        try:
            with self.lock:
                wait_for(self, READY if timeout_seconds is None else timeout_seconds)
        except RuntimeError:
            return False
        self._is_ready = True
        return True

    def execute(self, code: str, timeout_seconds: float | None = None) -> ExecutionResult:
        """Run code in the kernel.

        Args:
            code: The code.
            timeout_seconds: When that is over it is interrupted; if that does not help the kernel is restarted.

        Raises:
            RuntimeError, OSError: The kernel can't be reached.
        """
        with self.lock:
            cell = run_cell(self, code, float("inf") if timeout_seconds is None else timeout_seconds)
        parts = list(cell.parts())
        output = "\n".join(part for part in parts if isinstance(part, str))
        return ExecutionResult(cell.exit_code == 0, output, [part for part in parts if isinstance(part, DataItem)])

    def stop(self) -> None:
        """Close the connection. The kernel goes on."""
        self._trouble = "the connection was closed"
        self._websocket.close(timeout=0)

    def __enter__(self) -> JupyterKernelClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def send(self, kind: str, content: Message) -> str:
        """Send a request of the Jupyter protocol; returns its id.

        Raises:
            ConnectionError: The connection is gone.
        """
        header = {
            "msg_id": uuid.uuid4().hex,
            "msg_type": kind,
            "username": "autogen",
            "session": self._session_id,
            "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "version": PROTOCOL,
        }
        message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
        try:
            self._websocket.settimeout(PATIENCE[1])
            self._websocket.send(json.dumps(message))
        except (_websocket.WebSocketException, OSError) as error:
            self._trouble = "the connection to the server was lost"
            raise ConnectionError(f"The connection to the kernel was lost: {error}") from None
        return header["msg_id"]

    def receive(self, seconds: float) -> Message | Oversized | None:
        """The next message of the Jupyter protocol; None if there is none in time, or it can't be understood."""
        if self._trouble is not None:
            return None
        try:
            self._websocket.settimeout(max(seconds, 0.001))
            if QUICK is not None:  # else each message waits for the acknowledgement of the one before it, for 40 ms
                self._websocket.sock.setsockopt(socket.IPPROTO_TCP, QUICK, 1)
            data = self._websocket.recv()
        except _websocket.WebSocketTimeoutException:
            return None
        except (_websocket.WebSocketException, OSError, AttributeError):  # the last: it has no socket any more
            self._trouble = self._trouble or "the connection to the server was lost"
            return None
        if len(data) > MOST_BYTES:
            return Oversized(len(data))
        try:
            message = json.loads(data if isinstance(data, str) else _without_buffers(data))
        except (ValueError, RecursionError):
            return {}
        return message if isinstance(message, dict) else {}

    def trouble(self) -> str | None:
        """Why the kernel can't be reached any more; None as long as it can."""
        return self._trouble

    def last_words(self) -> str:
        """Nothing: they are in the log of the server."""
        return ""

    def interrupt(self) -> None:
        """Interrupt the cell that runs."""
        self._client.interrupt_kernel(self._kernel_id)

    def prepare(self) -> bool:
        """Wait until the kernel is ready; a connection that was lost is made anew.

        Returns:
            False: if the kernel has ended since the last cell, the server says so in a message.

        Raises:
            RuntimeError, OSError: It is not, and won't be.
        """
        if self._trouble is not None:
            self._reconnect()
        if not self._is_ready:
            wait_for(self)
            self._is_ready = True
        return False

    def restart(self) -> None:
        """Begin anew with the kernel.

        Raises:
            OSError: The server refuses, or is gone.
        """
        self._client.restart_kernel(self._kernel_id)
        self._reconnect()

    def _reconnect(self) -> None:
        self._websocket.close(timeout=0)
        self._websocket = self._connect()
        self._trouble, self._is_ready = None, False


def _authorisation(token: str | None) -> Callable[[Any], Any]:
    def authorise(request: Any) -> Any:
        if token is not None:
            request.headers["Authorization"] = f"token {token}"
        return request

    return authorise


def _without_buffers(data: bytes) -> bytes:
    """A message with attachments: how many parts, where each begins, and then the parts. The first is the message."""
    count = int.from_bytes(data[:4], "big")
    start = int.from_bytes(data[4:8], "big")
    return data[start : int.from_bytes(data[8:12], "big") if count > 1 else None]
