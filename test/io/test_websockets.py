"""Streams to websocket clients, and their server, with real clients."""

import asyncio
import logging
import queue
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from contextlib import ExitStack

import pytest
from websockets.asyncio.client import connect as a_connect
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK, InvalidStatus
from websockets.sync.client import connect

from autogen.io import InputStream, IOStream, IOWebsockets, OutputStream, StreamClosed


class Chat:
    """What is done with each client; how it ended is put in a queue: None, or the error."""

    def __init__(self, function):
        self.function, self.ends = function, queue.Queue()

    def __call__(self, stream):
        try:
            self.function(stream)
        except BaseException as error:
            self.ends.put(error)
            raise
        self.ends.put(None)

    def end(self):
        return self.ends.get(timeout=60)


def serving(function, **options):
    return IOWebsockets.run_server_in_thread(on_connect=function, **{"port": 0, "stop_timeout": 30, **options})


@pytest.fixture
def join():
    """Connect a client that outlives the server."""
    with ExitStack() as clients:
        yield lambda uri, **options: clients.enter_context(connect(uri, **{"close_timeout": 0.1, **options}))


def echo(stream):
    while (text := stream.input("? ")) != "bye":
        stream.print("You said", text, sep=": ")


def test_a_print_is_one_message_and_an_answer_is_the_next_one():
    with serving(echo) as uri, connect(uri) as client:
        assert client.recv() == "? "
        client.send("hello")
        assert client.recv() == "You said: hello\n"
        assert client.recv() == "? "
        client.send("bye")
        with pytest.raises(ConnectionClosedOK):
            client.recv()
        assert client.close_code == 1000


def test_without_a_prompt_nothing_is_sent_before_the_answer():
    with serving(lambda stream: stream.print(stream.input(), end="")) as uri, connect(uri) as client:
        client.send("first")
        assert client.recv() == "first"


@pytest.mark.parametrize(("host", "shown"), [("127.0.0.1", "127.0.0.1"), ("localhost", "localhost"), ("::1", "[::1]")])
def test_the_uri_names_the_port_that_was_free(host, shown):
    with serving(echo, host=host) as uri:
        assert uri.startswith(f"ws://{shown}:")
        assert not uri.endswith(":0")
        with connect(uri):
            pass


def test_a_port_in_use_is_an_error_at_once():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(OSError, match=f"can't listen on 127.0.0.1:{port}: .* port=0 for any free port"):
            with serving(echo, port=port):
                pass


def test_the_stream_is_the_default_one_of_its_client_only():
    seen, together = queue.Queue(), threading.Barrier(3)

    def look(stream):
        together.wait(60)
        seen.put(IOStream.get_default() is stream)
        IOStream.get_default().print(stream.input(), end="")

    before = IOStream.get_default()
    with serving(look) as uri, connect(uri) as first, connect(uri) as second, connect(uri) as third:
        clients = [first, second, third]
        for number, client in enumerate(clients):
            client.send(f"I am {number}")
        for number, client in enumerate(clients):
            assert client.recv() == f"I am {number}"
    assert [seen.get() for _ in clients] == [True, True, True]
    assert IOStream.get_default() is before


def test_a_stream_is_what_its_protocols_say():
    checked = queue.Queue()
    with serving(lambda stream: checked.put((stream, stream.websocket.remote_address))) as uri, connect(uri):
        stream, address = checked.get(timeout=60)
    assert isinstance(stream, (IOStream, InputStream, OutputStream))
    assert address[0] == "127.0.0.1"


def test_an_error_in_on_connect_is_logged_and_harms_nobody_else(caplog):
    def fail(stream):
        stream.input()
        raise ZeroDivisionError("in the chat")

    chat = Chat(fail)
    with serving(chat) as uri, connect(uri) as other:
        with connect(uri) as client:
            client.send("go")
            with pytest.raises(ConnectionClosedOK):
                client.recv()
        assert isinstance(chat.end(), ZeroDivisionError)
        other.send("go")
        assert isinstance(chat.end(), ZeroDivisionError)
    assert [(r.levelname, r.message) for r in caplog.records if "autogen" in r.name] == [
        ("WARNING", "on_connect failed.")
    ] * 2
    assert "in the chat" in caplog.text


def test_on_connect_can_be_a_coroutine_function():
    async def greet(stream):
        stream.print("hello", end="")

    with serving(greet) as uri, connect(uri) as client:
        assert client.recv() == "hello"


# Clients that leave.


@pytest.mark.parametrize("how", ["politely", "abruptly"])
@pytest.mark.parametrize("typed", [False, True], ids=["plain", "typed"])
def test_a_client_that_leaves_at_a_question_ends_its_chat(how, typed, caplog):
    caplog.set_level(logging.INFO)
    chat = Chat(echo)
    with serving(chat) as uri:
        with connect(uri, subprotocols=["autogen.json"] if typed else None) as client:
            client.recv()
            if how == "abruptly":
                client.socket.shutdown(socket.SHUT_RDWR)
        error = chat.end()
        assert isinstance(error, StreamClosed)
        assert str(error).startswith("The websocket client has disconnected: ")
        with connect(uri) as other:
            assert other.recv() == "? "
            other.send("bye")
    assert [r.levelname for r in caplog.records if r.name.startswith("autogen")] == ["INFO"]


def test_a_client_that_leaves_while_the_chat_prints_ends_it():
    def print_for_ever(stream):
        while True:
            stream.print("line")

    chat = Chat(print_for_ever)
    with serving(chat) as uri:
        with connect(uri, close_timeout=0.1) as client:
            client.recv()
        assert isinstance(chat.end(), StreamClosed)


def test_a_client_that_takes_nothing_is_given_up():
    def print_for_ever(stream):
        while True:
            stream.print("x" * 100_000)

    chat = Chat(print_for_ever)
    with serving(chat, send_timeout=0.2) as uri:
        with connect(uri, max_queue=1, close_timeout=0.1, compression=None):
            assert isinstance(chat.end(), StreamClosed)


def test_whoever_leaves_before_the_handshake_harms_nobody():
    with serving(echo) as uri:
        host, port = uri.removeprefix("ws://").split(":")
        with socket.create_connection((host, int(port))) as knocking:
            knocking.send(b"GET / HT")
        with connect(uri) as client:
            assert client.recv() == "? "


# The end of the server.


def test_the_end_of_the_server_ends_chats_that_wait(join):
    chat = Chat(echo)
    with serving(chat) as uri:
        client = join(uri)
        assert client.recv() == "? "
    assert isinstance(chat.end(), StreamClosed)
    with pytest.raises(ConnectionClosedOK):
        client.recv()
    assert client.close_code == 1001
    with pytest.raises(OSError), connect(uri):
        pass


def test_the_end_of_the_server_ends_chats_that_print_to_somebody_who_takes_nothing(join):
    def print_for_ever(stream):
        while True:
            stream.print("x" * 100_000)

    chat = Chat(print_for_ever)
    with serving(chat, stop_timeout=0.2) as uri:
        client = join(uri, max_queue=1, compression=None)
        client.recv()
    assert isinstance(chat.end(), StreamClosed)


def test_a_chat_that_does_not_end_is_left_behind(caplog, join):
    began, go_on = threading.Event(), threading.Event()

    def think(stream):
        began.set()
        assert go_on.wait(60)

    chat = Chat(think)
    with serving(chat, stop_timeout=0.1) as uri:
        join(uri)
        assert began.wait(60)
    assert "A chat still runs" in caplog.text
    go_on.set()
    assert chat.end() is None


@pytest.mark.slow
def test_the_server_can_be_stopped_while_somebody_only_knocks():
    with serving(echo) as uri:
        host, port = uri.removeprefix("ws://").split(":")
        knocking = socket.create_connection((host, int(port)))
        with connect(uri):
            pass
    with knocking:
        knocking.settimeout(60)
        assert knocking.recv(1) == b""


def test_a_process_can_end_while_a_chat_runs():
    program = """
import threading
from websockets.sync.client import connect
from autogen.io import IOWebsockets
began = threading.Event()
server = IOWebsockets.run_server_in_thread(on_connect=lambda stream: (began.set(), stream.input()), port=0)
client = connect(server.__enter__()).__enter__()
began.wait(60)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_an_error_in_the_block_stops_the_server_too():
    with pytest.raises(ZeroDivisionError), serving(echo) as uri:
        raise ZeroDivisionError
    with pytest.raises(OSError), connect(uri):
        pass


# What is sent.


def test_bytes_that_are_no_text_are_refused():
    chat = Chat(echo)
    with serving(chat) as uri, connect(uri) as client:
        client.recv()
        client.send(b"\xff\xfe")
        with pytest.raises(ConnectionClosedError, match=r"1003 .* Only text is accepted"):
            client.recv()
        assert "Only text is accepted." in str(chat.end())


def test_an_answer_above_the_limit_ends_the_chat_and_says_how_to_raise_it():
    chat = Chat(echo)
    with serving(chat, max_size=100) as uri, connect(uri) as client:
        client.recv()
        client.send("x" * 101)
        with pytest.raises(ConnectionClosedError, match="1009"):
            client.recv()
        assert "pass max_size=... (bytes) to the server" in str(chat.end())


def test_a_print_above_the_limit_of_the_client_ends_the_chat_and_says_so():
    def say_much(stream):
        stream.print("x" * 101)
        stream.input()

    chat = Chat(say_much)
    with serving(chat) as uri, connect(uri, max_size=100) as client:
        with pytest.raises(ConnectionClosedError, match="1009"):
            client.recv()
        assert "A message to it is too big" in str(chat.end())


# What goes on to the library.


def test_options_go_on_to_the_library():
    with serving(echo, server_header="mine", ping_interval=None) as uri, connect(uri) as client:
        assert client.response.headers["Server"] == "mine"


@pytest.mark.parametrize(
    ("origin", "served"),
    [
        (None, True),
        ("http://localhost:8000", True),
        ("http://127.0.0.1", True),
        ("https://example.com", False),
        ("http://localhost.example.com", False),
        ("null", False),
    ],
)
def test_pages_of_other_sites_are_refused_by_a_local_server(origin, served):
    # Any spelling of an address of this machine.
    for host in ("127.0.0.2", "0:0:0:0:0:0:0:1", "127.1"):
        with serving(echo, host=host) as uri, ExitStack() as clients:
            if served:
                clients.enter_context(connect(uri, origin=origin))
            else:
                with pytest.raises(InvalidStatus, match="403"):
                    clients.enter_context(connect(uri, origin=origin))
    with serving(echo) as uri:
        if served:
            with connect(uri, origin=origin):
                pass
        else:
            with pytest.raises(InvalidStatus, match="403"), connect(uri, origin=origin):
                pass
    with serving(echo, origins=[origin]) as uri:
        with connect(uri, origin=origin):
            pass


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("openssl"), reason="there is no openssl to make a certificate with")
def test_it_speaks_tls(tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = ["-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "2"]
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run(["openssl", "req", *made, *subject], check=True, capture_output=True)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    chat = Chat(echo)
    with ExitStack() as running:
        uri = running.enter_context(serving(chat, ssl_context=server, host="localhost"))
        assert uri.startswith("wss://localhost:")

        async def talk():
            # The sync client reads and writes TLS in two threads, for which Python's sockets have no lock before 3.13.
            async with a_connect(uri, ssl=ssl.create_default_context(cafile=certificate), close_timeout=0.1) as client:
                prompt = await client.recv()
                await asyncio.to_thread(running.close)
                return prompt

        assert asyncio.run(talk()) == "? "
    assert isinstance(chat.end(), StreamClosed)


def test_without_the_package_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "websockets.sync.server", None)
    with pytest.raises(ImportError, match=r"autogen-classic\[websockets\]"):
        IOWebsockets(None)
    with pytest.raises(ImportError, match=r"autogen-classic\[websockets\]"), serving(echo):
        pass
