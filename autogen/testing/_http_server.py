"""The HTTP server below those of the protocols: it answers from a scripted model, and knows failures and delays."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from ..types import Message
from ._scripted import Fault, RawReply, Reply, ScriptedModel, ScriptExhausted, ScriptFunction, ScriptItem, get_messages

if TYPE_CHECKING:
    from typing_extensions import Self


Body = Mapping[str, Any]
"""A JSON object of a protocol."""


class ScriptedServer:
    """Base of the servers: a protocol over HTTP, with the answers of a scripted model.

    Args:
        *script: A `ScriptedModel`, or its arguments.
        api_key: The required key; requests with another key get a 401. None to accept every key.
    """

    api_type = ""
    """The `api_type` of the config; empty for OpenAI's."""
    path = "/v1"
    """The path of the address in a config."""
    stream_type = "text/event-stream"
    """The content type of streamed answers."""

    def __init__(self, *script: ScriptedModel | ScriptItem | ScriptFunction, api_key: str | None = None) -> None:
        items = [item for item in script if not isinstance(item, ScriptedModel)]
        model = script[0] if len(script) == 1 else None
        self.model = model if isinstance(model, ScriptedModel) else ScriptedModel(*items)
        self.api_key = api_key
        self.headers: list[dict[str, str]] = []
        """The headers of each request, with names in lower case."""
        self.connections = 0
        """The number of TCP connections that were opened."""
        self.stopping = threading.Event()
        """An event that is set when the server stops; it ends all delays."""
        self.requests: list[dict[str, Any]] = []
        """The body of each request that reached the model."""
        self.cuts: list[int] = []
        """For each of the next streams the number of events after which the connection breaks off."""
        self._http = _HTTPServer(("127.0.0.1", 0), _Handler)
        # Handlers are created by the HTTP server, one for each connection, and find the script through it.
        self._http.owner = self
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    @property
    def base_url(self) -> str:
        """The `base_url` for a config."""
        return f"http://127.0.0.1:{self._http.server_address[1]}{self.path}"

    @property
    def config(self) -> dict[str, Any]:
        """An entry for a `config_list`. Retries of the SDK are off, so that each reply in the script is one request."""
        key = self.api_key or "not-needed"
        kind = {"api_type": self.api_type} if self.api_type else {}
        return {"model": self.model.name, **kind, "base_url": self.base_url, "api_key": key, "max_retries": 0}

    @property
    def llm_config(self) -> dict[str, Any]:
        """An `llm_config` for an agent, without a cache."""
        return {"config_list": [self.config], "cache_seed": None}

    # What the protocols differ in.

    def get_key(self, headers: Mapping[str, str]) -> str:
        """Return the key of a request.

        Args:
            headers: The headers, with names in lower case.
        """
        return headers.get("authorization", "").removeprefix("Bearer ")

    def is_stream(self, path: str, body: Body) -> bool:
        """Return True if a request wants its answer in events."""
        return bool(body.get("stream"))

    def list_messages(self, body: Body) -> list[Message]:
        """Return the history of a request, for functions in a script."""
        return get_messages(body)

    def check_request(self, path: str, body: Body) -> Fault | None:
        """Return the refusal of a request that breaks the rules of the protocol; None for a valid one."""
        return None

    def answer_beside_model(self, path: str, body: Body) -> Mapping[str, object] | Fault | None:
        """Return the answer to a request that is not one for a reply; None for those that the model answers."""
        return None

    def answer_resource(self, method: str, path: str) -> Mapping[str, object] | Fault | Sequence[str]:
        """Return the answer to a GET or a DELETE: JSON, a failure, or the events of a stream.

        Args:
            method: `GET` or `DELETE`.
            path: The path, with the query.
        """
        model = {"id": self.model.name, "object": "model", "created": 0, "owned_by": "autogen.testing"}
        return {"object": "list", "data": [model]}

    def render_error(self, fault: Fault) -> Mapping[str, object]:
        """Return the body of a failure."""
        return {"error": {"message": fault.message, "type": "scripted", "param": None, "code": fault.code}}

    def render_reply(self, reply: Reply, body: Body) -> Mapping[str, object]:
        """Return the body of an answer."""
        raise NotImplementedError

    def make_headers(self) -> Mapping[str, str]:
        """Return headers of an answer, besides those of its content."""
        return {}

    def frame_event(self, event: object) -> bytes:
        """Return an event of a raw reply as it is sent."""
        return b"data: " + json.dumps(event).encode() + b"\n\n"

    def iter_events(self, reply: Reply, body: Body) -> Iterator[str | bytes]:
        """Yield the events of a streamed answer, as lines without the blank one at the end, or as bytes to be sent."""
        raise NotImplementedError


class _HTTPServer(ThreadingHTTPServer):
    daemon_threads = True
    # With the default of 5, connections are refused when many chats start at once.
    request_queue_size = 1024
    owner: ScriptedServer

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore clients that disconnect."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _HTTPServer

    def setup(self) -> None:
        super().setup()
        self.server.owner.connections += 1

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: tests read `requests`."""

    def do_GET(self) -> None:
        self._answer_resource("GET")

    def do_DELETE(self) -> None:
        self._answer_resource("DELETE")

    def _answer_resource(self, method: str) -> None:
        if not self._check_key():
            return
        answer = self.server.owner.answer_resource(method, self.path)
        if isinstance(answer, Fault):
            self._send_fault(answer)
        elif isinstance(answer, Mapping):
            self._send(200, answer)
        else:
            self._send_events(answer)

    def do_POST(self) -> None:
        owner = self.server.owner
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        owner.headers.append({name.lower(): value for name, value in self.headers.items()})
        if not self._check_key():
            return
        if refusal := owner.check_request(self.path, body):
            self._send_fault(refusal)
            return
        if (answer := owner.answer_beside_model(self.path, body)) is not None:
            if isinstance(answer, Fault):
                self._send_fault(answer)
            else:
                self._send(200, answer)
            return
        owner.requests.append(body)
        try:
            # A request for a prompt has none.
            messages = owner.list_messages(body)
            reply = owner.model.answer({**body, "messages": messages} if messages else body)
        # No client takes this status for a temporary failure and retries.
        except ScriptExhausted as error:
            reply = Fault(status=418, message=str(error))
        if isinstance(reply, BaseException):
            reply = Fault(message=str(reply))
        if isinstance(reply, RawReply):
            self._send_raw(reply, owner.is_stream(self.path, body))
            return
        owner.stopping.wait(reply.delay)
        if isinstance(reply, Fault):
            self._send_fault(reply)
        elif owner.is_stream(self.path, body):
            self._send_events(owner.iter_events(reply, body))
        else:
            self._send(200, owner.render_reply(reply, body), owner.make_headers())

    def _check_key(self) -> bool:
        """Return True if the request has the required key; send a 401 if not."""
        owner = self.server.owner
        sent_key = owner.get_key({name.lower(): value for name, value in self.headers.items()})
        if owner.api_key is None or sent_key == owner.api_key:
            return True
        # Vendors quote the key, too; tests check that it is masked.
        self._send_fault(Fault(status=401, message=f"Incorrect API key provided: {sent_key}."))
        return False

    def _send_fault(self, fault: Fault) -> None:
        if fault.drop:
            self.close_connection = True
            return
        error = self.server.owner.render_error(fault)
        self._send(fault.status, error if fault.body is None else fault.body, fault.headers, fault.drip)

    def _send_raw(self, reply: RawReply, is_stream: bool) -> None:
        if not is_stream:
            body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            self._send(200, body, reply.headers)
            return
        events = [event if isinstance(event, bytes) else self.server.owner.frame_event(event) for event in reply.events]
        self._send(200, b"".join(events), {"Content-Type": self.server.owner.stream_type, **reply.headers})

    def _send(
        self, status: int, body: Mapping[str, object] | bytes, headers: Mapping[str, str] | None = None, drip: float = 0.0
    ) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if not drip:
            self.wfile.write(data)
            return
        # A slow body keeps every read of the client within its time limit.
        for position in range(len(data)):
            self.wfile.write(data[position : position + 1])
            if self.server.owner.stopping.wait(drip):
                return

    def _send_events(self, events: Iterable[str | bytes]) -> None:
        cuts = self.server.owner.cuts
        end = cuts.pop(0) if cuts else None
        self.send_response(200)
        self.send_header("Content-Type", self.server.owner.stream_type)
        self.send_header("Transfer-Encoding", "chunked")
        for name, value in self.server.owner.make_headers().items():
            self.send_header(name, value)
        self.end_headers()
        for number, event in enumerate(events):
            if number == end:
                # The client sees that the rest is missing.
                self.close_connection = True
                return
            data = event if isinstance(event, bytes) else f"{event}\n\n".encode()
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")
