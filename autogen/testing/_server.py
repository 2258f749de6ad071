"""`OpenAIServer`: a local HTTP server with OpenAI's protocol, for tests that run the real SDK."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from ._scripted import Fault, RawReply, Reply, ScriptedModel, ScriptExhausted, ScriptFunction, ScriptItem, get_messages


class OpenAIServer:
    """A server for chat completions, streamed or not, from a scripted model.

    Args:
        *script: A `ScriptedModel`, or its arguments.
        api_key: The required key; requests with another key get a 401. None to accept every key.

    >>> with OpenAIServer("Paris.") as server:
    ...     server.config["base_url"]  # doctest: +ELLIPSIS
    'http://127.0.0.1:.../v1'
    """

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
        self._http = _HTTPServer(("127.0.0.1", 0), _Handler)
        # Handlers are created by the HTTP server, one for each connection, and find the script through it.
        self._http.owner = self
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> OpenAIServer:
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
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    @property
    def requests(self) -> list[dict[str, Any]]:
        """The body of each request that reached the model."""
        return self.model.requests

    @property
    def config(self) -> dict[str, Any]:
        """An entry for a `config_list`. Retries of the SDK are off, so that each reply in the script is one request."""
        key = self.api_key or "not-needed"
        return {"model": self.model.name, "base_url": self.base_url, "api_key": key, "max_retries": 0}

    @property
    def llm_config(self) -> dict[str, Any]:
        """An `llm_config` for an agent, without a cache."""
        return {"config_list": [self.config], "cache_seed": None}


class _HTTPServer(ThreadingHTTPServer):
    daemon_threads = True
    # With the default of 5, connections are refused when many chats start at once.
    request_queue_size = 1024
    owner: OpenAIServer

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
        model = {"id": self.server.owner.model.name, "object": "model", "created": 0, "owned_by": "autogen.testing"}
        if self._check_key():
            self._send(200, {"object": "list", "data": [model]})

    def do_POST(self) -> None:
        owner = self.server.owner
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
        owner.headers.append({name.lower(): value for name, value in self.headers.items()})
        if not self._check_key():
            return
        try:
            reply = owner.model.answer(body)
        # No client takes this status for a temporary failure and retries.
        except ScriptExhausted as error:
            reply = Fault(status=418, message=str(error))
        if isinstance(reply, BaseException):
            reply = Fault(message=str(reply))
        if isinstance(reply, RawReply):
            self._send_raw(reply, bool(body.get("stream")))
            return
        owner.stopping.wait(reply.delay)
        if isinstance(reply, Fault):
            self._send_fault(reply)
        elif body.get("stream"):
            self._send_stream(reply, body)
        else:
            self._send(200, _make_completion(owner.model.name, reply, body))

    def _check_key(self) -> bool:
        """Return True if the request has the required key; send a 401 if not."""
        key = self.server.owner.api_key
        if key is None or self.headers.get("Authorization") == f"Bearer {key}":
            return True
        sent_key = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        # Vendors quote the key, too; tests check that it is masked.
        self._send_fault(Fault(status=401, message=f"Incorrect API key provided: {sent_key}."))
        return False

    def _send_fault(self, fault: Fault) -> None:
        if fault.drop:
            self.close_connection = True
            return
        error = {"error": {"message": fault.message, "type": "scripted", "param": None, "code": fault.code}}
        self._send(fault.status, error if fault.body is None else fault.body, fault.headers, fault.drip)

    def _send_raw(self, reply: RawReply, is_stream: bool) -> None:
        if not is_stream:
            body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            self._send(200, body, reply.headers)
            return
        events = [
            event if isinstance(event, bytes) else b"data: " + json.dumps(event).encode() + b"\n\n" for event in reply.events
        ]
        self._send(200, b"".join(events), {"Content-Type": "text/event-stream", **reply.headers})

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

    def _send_stream(self, reply: Reply, body: Mapping[str, object]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for event in _iterate_events(self.server.owner.model.name, reply, body):
            data = f"data: {event}\n\n".encode()
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")


def _make_completion(model: str, reply: Reply, body: Mapping[str, object]) -> dict[str, object]:
    choice = {"index": 0, "message": reply.message, "finish_reason": reply.reason, "logprobs": None}
    head = {"id": "chatcmpl-scripted", "object": "chat.completion", "created": int(time.time()), "model": model}
    usage = reply.usage_for(get_messages(body))
    return {**head, "choices": [choice], **({"usage": usage} if usage else {})}


def _iterate_events(model: str, reply: Reply, body: Mapping[str, object]) -> Iterator[str]:
    head = {"id": "chatcmpl-scripted", "object": "chat.completion.chunk", "created": int(time.time()), "model": model}

    def format_event(delta: Mapping[str, object], reason: str | None = None) -> str:
        return json.dumps({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})

    yield format_event({"role": "assistant", "content": ""})
    if reply.content is not None or reply.chunks is not None:
        for piece in reply.pieces:
            yield format_event({"content": piece})
    for index, call in enumerate(reply.tool_calls):
        function = call["function"]
        start = {"name": function["name"], "arguments": ""}
        yield format_event({"tool_calls": [{"index": index, "id": call["id"], "type": "function", "function": start}]})
        # Endpoints split arguments anywhere, also inside of words and escapes.
        for position in range(0, len(function["arguments"]), 7):
            part = {"arguments": function["arguments"][position : position + 7]}
            yield format_event({"tool_calls": [{"index": index, "function": part}]})
    yield format_event({}, reply.reason)
    options = body.get("stream_options")
    if isinstance(options, dict) and options.get("include_usage"):
        yield json.dumps({**head, "choices": [], "usage": reply.usage_for(get_messages(body))})
    yield "[DONE]"
