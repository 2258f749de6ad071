"""A server of teams on a loopback port."""

import contextlib
import socket
import threading

import pytest

from autogen.serving import app_of


class Served:
    """A server in a thread.

    Attributes:
        url: Its address.
        app: Its application.
    """

    def __init__(self, teams, **options):
        import uvicorn

        self.app = app_of(teams, **{"drain": 1.0, **options})
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._socket.listen(512)
        self._server = uvicorn.Server(uvicorn.Config(self.app, log_level="warning", timeout_graceful_shutdown=1))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *error):
        self._server.should_exit = True
        self._thread.join(60)
        self._socket.close()
        assert not self._thread.is_alive()


@pytest.fixture
def serve():
    """Serve teams until the end of the test."""
    pytest.importorskip("starlette")
    pytest.importorskip("uvicorn")
    with contextlib.ExitStack() as stack:
        yield lambda teams, **options: stack.enter_context(Served(teams, **options))
