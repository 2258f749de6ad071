"""A server on this machine that answers another process with the models of a config, whose keys stay here."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Mapping
from contextvars import Context, copy_context
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from .._jsonable import to_jsonable
from .._secrets import redact
from ..exception_utils import BudgetExceeded
from ..oai.client import OpenAIWrapper

if TYPE_CHECKING:
    from typing_extensions import Self

# Other parameters could change where a request goes, and with it the key.
_PARAMETERS = (
    "messages",
    "frequency_penalty",
    "function_call",
    "functions",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "max_tokens",
    "n",
    "parallel_tool_calls",
    "presence_penalty",
    "reasoning_effort",
    "response_format",
    "seed",
    "stop",
    "temperature",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "user",
)
# How the answer arrives, and what the config decides.
_IGNORED = ("model", "stream", "stream_options", "store", "metadata")
_MAX_BYTES = 64 * 2**20


class ModelProxy:
    """A server with OpenAI's chat completions. Limits, events and recorded replies are those of the code that starts it.

    Args:
        llm_config: Config of the models. A request for a model in its list goes to that entry, others to the first.
    """

    def __init__(self, llm_config: Mapping[str, Any]) -> None:
        shared = {name: value for name, value in llm_config.items() if name != "config_list"}
        entries = llm_config.get("config_list") or [{}]
        self._clients = {
            str(entry.get("model")): OpenAIWrapper(config_list=[entry], **shared) for entry in reversed(entries)
        }
        self._models = list(reversed(self._clients))
        self._tags = {str(entry.get("model")): entry.get("tags") for entry in reversed(entries)}
        self._token = secrets.token_urlsafe(24)
        self._context = Context()
        self._http = _HTTPServer(("127.0.0.1", 0), _Handler)
        # A handler is made for each connection, and finds the proxy through the server.
        self._http.owner = self
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._context = copy_context()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    @property
    def base_url(self) -> str:
        """Address for a config."""
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    @property
    def config_list(self) -> list[dict[str, Any]]:
        """Config list for the other process. Its key is valid for this server alone."""
        return [
            {
                "model": model,
                "base_url": self.base_url,
                "api_key": self._token,
                **({"tags": list(tags)} if (tags := self._tags[model]) else {}),
            }
            for model in self._models
        ]

    def accepts(self, key: str) -> bool:
        """Return True if a key is that of `config_list`."""
        return secrets.compare_digest(key.encode(), self._token.encode())

    def complete(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a request.

        Args:
            body: Its parameters.

        Raises:
            ValueError: if a parameter is unknown.
        """
        if unknown := [name for name in body if name not in _PARAMETERS and name not in _IGNORED]:
            raise ValueError(f"Unknown parameter: {', '.join(unknown)}.")
        client = self._clients.get(str(body.get("model"))) or self._clients[self._models[0]]
        params = {name: body[name] for name in _PARAMETERS if body.get(name) is not None}
        # A context can be entered once at a time, and requests may come side by side.
        response = self._context.copy().run(client.create, **params)
        return _render_completion(response)


def _render_completion(response: Any) -> dict[str, Any]:
    if hasattr(response, "model_dump"):
        data: dict[str, Any] = response.model_dump(mode="json", exclude_none=True, warnings=False)
    else:
        data = dict(to_jsonable(response, vars))
    names = ("id", "object", "created", "model", "choices", "usage", "system_fingerprint")
    completion = {name: data[name] for name in names if name in data}
    for choice in completion["choices"]:
        choice["message"].setdefault("role", "assistant")
        choice["message"].setdefault("content", None)
    return {"id": "chatcmpl-proxy", "object": "chat.completion", "created": 0, **completion}


def _make_events(completion: Mapping[str, Any], has_usage: bool) -> bytes:
    """Return a completion as a stream of one piece."""
    head = {**completion, "object": "chat.completion.chunk"}
    usage = head.pop("usage", None)
    choices = []
    for choice in completion["choices"]:
        calls = [{"index": index, **call} for index, call in enumerate(choice["message"].get("tool_calls") or ())]
        delta = {**choice["message"], **({"tool_calls": calls} if calls else {})}
        choices.append({"index": choice["index"], "delta": delta, "finish_reason": choice.get("finish_reason")})
    chunks: list[dict[str, Any]] = [{**head, "choices": choices}]
    if has_usage and usage:
        chunks.append({**head, "choices": [], "usage": usage})
    events = [*(json.dumps(chunk) for chunk in chunks), "[DONE]"]
    return "".join(f"data: {event}\n\n" for event in events).encode()


class _HTTPServer(ThreadingHTTPServer):
    daemon_threads = True
    # With the default of 5, connections are refused when many requests start at once.
    request_queue_size = 128
    owner: ModelProxy

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore clients that disconnect."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _HTTPServer

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: the requests have events."""

    def do_POST(self) -> None:
        owner = self.server.owner
        length = int(self.headers.get("Content-Length") or 0)
        if length > _MAX_BYTES:
            self._send_error(413, "The request is too large.")
            return
        content = self.rfile.read(length)
        if not owner.accepts((self.headers.get("Authorization") or "").removeprefix("Bearer ")):
            self._send_error(401, "The key must be that of the config list.")
            return
        if not self.path.split("?")[0].endswith("/chat/completions"):
            self._send_error(404, f"{self.path} must be /v1/chat/completions.")
            return
        try:
            body = json.loads(content)
            if not isinstance(body, dict):
                raise ValueError("The body must be an object.")
            completion = owner.complete(body)
        except BudgetExceeded as error:
            self._send_error(402, str(error))
        except ValueError as error:
            self._send_error(400, str(error))
        # The other process gets it, as it would from the endpoint.
        except Exception as error:  # noqa: BLE001
            self._send_error(502, f"{type(error).__name__}: {error}")
        else:
            self._send_completion(completion, body)

    def _send_completion(self, completion: Mapping[str, Any], body: Mapping[str, Any]) -> None:
        if body.get("stream"):
            has_usage = bool((body.get("stream_options") or {}).get("include_usage"))
            self._send(200, _make_events(completion, has_usage), "text/event-stream")
        else:
            self._send(200, json.dumps(completion).encode())

    def _send_error(self, status: int, text: str) -> None:
        error = {"message": redact(text), "type": "proxy", "param": None, "code": None}
        self._send(status, json.dumps({"error": error}).encode())

    def _send(self, status: int, content: bytes, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
