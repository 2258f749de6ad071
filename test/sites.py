"""Web sites on loopback for tests: routes that return pages, and a log of the requests that arrived."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, dict[str, str], bytes]


@dataclass
class Site:
    """A site: `routes` maps a path to a page, an answer, or a function of the request that returns either."""

    address: str
    port: int
    routes: dict[str, str | bytes | Answer | Callable[[BaseHTTPRequestHandler], Any]] = field(default_factory=dict)
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)

    def url(self, path: str = "/", host: str | None = None) -> str:
        return f"http://{host or self.address}:{self.port}{path}"

    @property
    def paths(self) -> list[str]:
        return [path for _, path, _ in self.requests]


def redirect(location: str, status: int = 302) -> Answer:
    return status, {"Location": location}, b""


@contextmanager
def serve_site(routes: dict[str, Any] | None = None, address: str = "127.0.0.1") -> Iterator[Site]:
    """Serve a site until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_request(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.body = body
            site.requests.append((self.command, self.path, {name.lower(): value for name, value in self.headers.items()}))
            answer = site.routes.get(self.path, site.routes.get(self.path.partition("?")[0], (404, {}, b"<p>nothing</p>")))
            if callable(answer):
                answer = answer(self)
            if answer is None:
                # The route has written its own bytes.
                self.close_connection = True
                return
            if not isinstance(answer, tuple):
                answer = (200, {}, answer.encode() if isinstance(answer, str) else answer)
            status, headers, content = answer
            self.send_response(status)
            for name, value in {
                "Content-Type": "text/html; charset=utf-8",
                "Content-Length": len(content),
                **headers,
            }.items():
                self.send_header(name, str(value))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_HEAD = handle_request

        def log_message(self, *args: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *args: Any) -> None:
            pass  # the client has hung up

    with Server((address, 0), Handler) as server:
        site = Site(address, server.server_address[1], dict(routes or {}))
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield site
        finally:
            server.shutdown()
            thread.join()
