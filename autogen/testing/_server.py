"""A real HTTP server on loopback that speaks OpenAI's protocol, so that the real SDK is what a test drives."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from ._replies import Fault, Reply
from ._scripted import ScriptedModel, ScriptExhausted


class OpenAIServer:
    """Chat completions over HTTP, streamed or not, from a scripted model.

    Args:
        *script: A `ScriptedModel`, or what one takes.
        api_key: If given, requests with another key are answered with 401.

    >>> with OpenAIServer("Paris.") as server:
    ...     server.config["base_url"]  # doctest: +ELLIPSIS
    'http://127.0.0.1:.../v1'
    """

    def __init__(self, *script: Any, api_key: str | None = None) -> None:
        given = script[0] if len(script) == 1 and isinstance(script[0], ScriptedModel) else None
        self.model = given or ScriptedModel(*script)
        self.api_key = api_key
        self.headers: list[dict[str, str]] = []
        """The headers of each request, names in lower case."""
        self.connections = 0
        """How many TCP connections were opened."""
        self.stopping = threading.Event()
        self._http = _Http(("127.0.0.1", 0), _Handler)
        self._http.front = self
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
        """The URL for a config."""
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    @property
    def requests(self) -> list[dict[str, Any]]:
        """The body of each request that reached the model."""
        return self.model.requests

    @property
    def config(self) -> dict[str, Any]:
        """An entry for a `config_list`. The SDK does not retry, so that each request is a line of the script."""
        key = self.api_key or "not-needed"
        return {"model": self.model.name, "base_url": self.base_url, "api_key": key, "max_retries": 0}

    @property
    def llm_config(self) -> dict[str, Any]:
        """An `llm_config` for an agent. Nothing is cached."""
        return {"config_list": [self.config], "cache_seed": None}


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # many chats begin at once; with the default of 5, some were refused
    front: OpenAIServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Http

    def setup(self) -> None:
        super().setup()
        self.server.front.connections += 1

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: the test reads `requests`."""

    def do_GET(self) -> None:
        model = {"id": self.server.front.model.name, "object": "model", "created": 0, "owned_by": "autogen.testing"}
        if self._authorized():
            self._send(200, {"object": "list", "data": [model]})

    def do_POST(self) -> None:
        front = self.server.front
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
        front.headers.append({name.lower(): value for name, value in self.headers.items()})
        if not self._authorized():
            return
        try:
            reply = front.model.answer(body)
        except ScriptExhausted as error:
            reply = Fault(status=418, message=str(error))
        if isinstance(reply, BaseException):
            reply = Fault(message=str(reply))
        front.stopping.wait(reply.delay)
        if isinstance(reply, Fault):
            self._fail(reply)
        elif body.get("stream"):
            self._stream(reply, body)
        else:
            self._send(200, _completion(front.model.name, reply, body))

    def _authorized(self) -> bool:
        key = self.server.front.api_key
        if key is None or self.headers.get("Authorization") == f"Bearer {key}":
            return True
        given = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        self._fail(Fault(status=401, message=f"Incorrect API key provided: {given}."))  # vendors do quote the key
        return False

    def _fail(self, fault: Fault) -> None:
        if fault.drop:
            self.close_connection = True
            return
        error = {"error": {"message": fault.message, "type": "scripted", "param": None, "code": fault.code}}
        self._send(fault.status, error if fault.body is None else fault.body, fault.headers, fault.drip)

    def _send(self, status: int, body: Any, headers: dict[str, str] | None = None, drip: float = 0.0) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if not drip:
            self.wfile.write(data)
            return
        for position in range(len(data)):
            self.wfile.write(data[position : position + 1])
            if self.server.front.stopping.wait(drip):
                return

    def _stream(self, reply: Reply, body: dict[str, Any]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for event in _events(self.server.front.model.name, reply, body):
            data = f"data: {event}\n\n".encode()
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")


def _completion(model: str, reply: Reply, body: dict[str, Any]) -> dict[str, Any]:
    choice = {"index": 0, "message": reply.message, "finish_reason": reply.reason, "logprobs": None}
    answer = {"id": "chatcmpl-scripted", "object": "chat.completion", "created": int(time.time()), "model": model}
    usage = reply.usage_for(body.get("messages") or ())
    return {**answer, "choices": [choice], **({"usage": usage} if usage else {})}


def _events(model: str, reply: Reply, body: dict[str, Any]) -> Iterator[str]:
    head = {"id": "chatcmpl-scripted", "object": "chat.completion.chunk", "created": int(time.time()), "model": model}

    def event(delta: dict[str, Any], reason: str | None = None) -> str:
        return json.dumps({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})

    yield event({"role": "assistant", "content": ""})
    if reply.content is not None or reply.chunks is not None:
        for piece in reply.pieces:
            yield event({"content": piece})
    for index, call in enumerate(reply.tool_calls):
        function = call["function"]
        start = {"name": function["name"], "arguments": ""}
        yield event({"tool_calls": [{"index": index, "id": call["id"], "type": "function", "function": start}]})
        for position in range(0, len(function["arguments"]), 7):
            part = {"arguments": function["arguments"][position : position + 7]}
            yield event({"tool_calls": [{"index": index, "function": part}]})
    yield event({}, reply.reason)
    if (body.get("stream_options") or {}).get("include_usage"):
        yield json.dumps({**head, "choices": [], "usage": reply.usage_for(body.get("messages") or ())})
    yield "[DONE]"
