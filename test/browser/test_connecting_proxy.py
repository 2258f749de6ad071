"""The proxy between a browser and the network, spoken to directly."""

import asyncio
import socket
from contextlib import asynccontextmanager, suppress

import pytest
from sites import serve_site

from autogen.browser._proxy import ConnectingProxy
from autogen.fetching import FetchPolicy

INSIDE = FetchPolicy(allow_private=True)


@asynccontextmanager
async def run_proxy(policy):
    proxy = ConnectingProxy(policy)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()


@asynccontextmanager
async def connect(proxy):
    reader, writer = await asyncio.open_connection("127.0.0.1", int(proxy.url.rpartition(":")[2]))
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def send(proxy, *pieces):
    """Send bytes to a proxy, piece by piece, and return all that it sends until it hangs up."""
    async with connect(proxy) as (reader, writer):
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            return await reader.read()
        except ConnectionResetError:
            return b""


def run(policy, *pieces):
    """Send bytes to a new proxy; return all that it sends, and its reasons."""

    async def talk():
        async with run_proxy(policy) as proxy:
            return await send(proxy, *pieces), list(proxy.refused)

    return asyncio.run(talk())


@pytest.fixture
def site():
    with serve_site({"/a": "page"}) as site:
        yield site


def test_a_page_without_tls(site):
    head = f"GET {site.url('/a?q=1')} HTTP/1.1\r\nHost: x\r\nProxy-Authorization: secret\r\nConnection: keep-alive\r\n\r\n"
    answer, refused = run(INSIDE, head.encode())
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"Connection: close\r\n\r\npage")
    assert not refused
    method, path, headers = site.requests[0]
    assert (method, path, headers["connection"]) == ("GET", "/a?q=1", "close")
    assert "proxy-authorization" not in headers


def test_data_is_passed_on(site):
    site.routes["/a"] = lambda handler: handler.body
    head = f"POST {site.url('/a')} HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n"
    answer, _ = run(INSIDE, head.encode(), b"x" * 100_000, b"y" * 100_000)
    assert answer.endswith(b"y" * 100_000)


def test_a_second_request_goes_to_no_server(site):
    """It may be for another server, and have its cookies."""
    first = f"GET {site.url('/a')} HTTP/1.1\r\nHost: x\r\n\r\n"
    run(INSIDE, (first + "GET http://bank.test/ HTTP/1.1\r\nHost: bank.test\r\nCookie: secret\r\n\r\n").encode())
    assert len(site.requests) == 1
    assert "secret" not in str(site.requests)


def test_a_tunnel(site):
    async def talk():
        async with run_proxy(INSIDE) as proxy:
            async with connect(proxy) as (reader, writer):
                writer.write(f"CONNECT 127.0.0.1:{site.port} HTTP/1.1\r\n\r\n".encode())
                assert b" 200 " in await reader.readuntil(b"\r\n\r\n")
                writer.write(b"GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                return await reader.read()

    assert asyncio.run(talk()).endswith(b"page")


@pytest.mark.parametrize(
    ("policy", "line", "reason"),
    [
        (FetchPolicy(), "CONNECT 127.0.0.1:{port} HTTP/1.1", "this machine itself"),
        (FetchPolicy(), "GET http://localhost:{port}/a HTTP/1.1", "this machine itself"),
        (FetchPolicy(), "CONNECT [::1]:{port} HTTP/1.1", "this machine itself"),
        (INSIDE, "CONNECT 169.254.169.254:80 HTTP/1.1", "credentials of cloud machines"),
        (INSIDE, "CONNECT 127.0.0.1:22 HTTP/1.1", "port 22"),
        (INSIDE, "CONNECT 127.0.0.1 HTTP/1.1", "not a request"),
        (INSIDE, "CONNECT :80 HTTP/1.1", "not a request"),
        (INSIDE, "GET /a HTTP/1.1", "not a request"),
        (INSIDE, "GET ftp://127.0.0.1/ HTTP/1.1", "not a request"),
        (INSIDE, "GET http://127.0.0.1:x/ HTTP/1.1", "not a request"),
        (INSIDE, "\xff\xff", "not a request"),
        (
            FetchPolicy(allow_private=True, allowed_hosts=["other.test"]),
            "GET http://127.0.0.1:{port}/ HTTP/1.1",
            "not among",
        ),
    ],
)
def test_refusals(site, policy, line, reason):
    answer, refused = run(policy, line.format(port=site.port).encode("latin-1") + b"\r\n\r\n")
    # A script of the page must not learn where a name leads.
    assert answer == b""
    assert reason in refused[0]
    assert not site.requests


def test_rebinding_gains_nothing(monkeypatch):
    answers = [["127.0.0.1"], ["127.0.0.2"], ["127.0.0.2"]]
    real = socket.getaddrinfo

    def look_up(host, port, *args, **kwargs):
        if host != "rebind.test":
            return real(host, port, *args, **kwargs)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in answers.pop(0)]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with serve_site({"/": "attacker"}) as attacker, serve_site({"/": "victim"}, "127.0.0.2") as victim:
        policy = FetchPolicy(allow_private=["rebind.test"])
        answer, _ = run(policy, f"GET http://rebind.test:{attacker.port}/ HTTP/1.1\r\nHost: rebind.test\r\n\r\n".encode())
    assert answer.endswith(b"attacker")
    assert len(answers) == 2
    assert not victim.requests


def test_servers_that_are_not_there_or_hang_up(site):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        answer, refused = run(INSIDE, b"CONNECT 127.0.0.1:%d HTTP/1.1\r\n\r\n" % unused.getsockname()[1])
    assert (answer, refused) == (b"", [])
    site.routes["/a"] = lambda handler: None
    assert run(INSIDE, f"GET {site.url('/a')} HTTP/1.1\r\n\r\n".encode())[0] == b""


def test_early_hints_and_a_connection_that_the_server_keeps(site):
    def answer(handler):
        handler.wfile.write(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n")
        return 200, {"Connection": "keep-alive"}, b"page"

    site.routes["/a"] = answer

    async def talk():
        async with run_proxy(INSIDE) as proxy, connect(proxy) as (reader, writer):
            writer.write(f"GET {site.url('/a')} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            return await reader.readuntil(b"page")

    text = asyncio.run(talk())
    assert text.startswith(b"HTTP/1.1 103 Early Hints\r\n")
    assert b"keep-alive" not in text
    assert text.endswith(b"Connection: close\r\n\r\npage")


def test_a_head_without_end_is_given_up():
    assert run(INSIDE, b"GET " + b"x" * 200_000)[0] == b""
