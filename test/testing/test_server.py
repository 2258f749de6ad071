"""The local server as a place to which many chats come at once."""

import socket
from contextlib import ExitStack
from urllib.parse import urlsplit

from autogen.testing import OpenAIServer


def test_connections_that_come_before_one_is_accepted_wait_for_their_turn():
    server = OpenAIServer("Paris.")  # it listens, and accepts nothing before it is entered
    at = urlsplit(server.base_url)
    with ExitStack() as stack:
        opened = [stack.enter_context(socket.create_connection((at.hostname, at.port), timeout=5)) for _ in range(60)]
        with server:
            for connection in opened:
                connection.sendall(b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            answers = [connection.recv(12) for connection in opened]
    assert {answer[:5] for answer in answers} == {b"HTTP/"}
