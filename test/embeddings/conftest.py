"""A package index on loopback with a single wheel."""

import io
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


@pytest.fixture
def package_index(monkeypatch):
    """Serve a wheel: `package_index(project, filename, {member: content})`."""
    files = {}

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args): ...

        def do_GET(self):
            body = files.get(self.path)
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.server_address[1]}/simple")
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)

    def add(project, filename, members):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for member, content in members.items():
                archive.writestr(member, content)
        files[f"/simple/{project}/"] = f'<a href="/files/{filename}">{filename}</a>'.encode()
        files[f"/files/{filename}"] = buffer.getvalue()

    yield add
    server.shutdown()
    server.server_close()
    thread.join()
