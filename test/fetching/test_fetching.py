"""The guarded fetcher, under attack: real servers on loopback, and a resolver that lies."""

import asyncio
import gzip
import logging
import os
import socket
import threading
import zlib
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sites import redirect, serve_site

from autogen import fetching
from autogen.fetching import (
    AddressRefused,
    FetchError,
    FetchPolicy,
    FetchTimeout,
    ResourceTooLarge,
    StatusError,
    UnexpectedContent,
)

INSIDE = FetchPolicy(allow_private=True, timeout=60)


@pytest.fixture
def fetch(mode):
    """Fetch, sync or async."""
    return fetching.fetch if mode == "sync" else lambda *args, **kwargs: asyncio.run(fetching.a_fetch(*args, **kwargs))


@pytest.fixture
def site():
    with serve_site() as site:
        yield site


@pytest.fixture
def resolve(monkeypatch):
    """Answer look-ups of names: `resolve["name"] = [addresses of the first look-up, of the second, ...]`."""
    answers = {}
    real = socket.getaddrinfo

    def look_up(host, port, *args, **kwargs):
        name = host.decode() if isinstance(host, bytes) else host
        if name not in answers:
            return real(host, port, *args, **kwargs)
        addresses = answers[name].pop(0)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return answers


def test_a_page_is_fetched(fetch, site):
    site.routes["/page"] = "<p>Grüße</p>"
    resource = fetch(site.url("/page?a=1"), policy=INSIDE, params={"b": "2"}, headers={"X-One": "1"})
    assert (resource.status, resource.text, resource.content_type) == (200, "<p>Grüße</p>", "text/html")
    method, path, headers = site.requests[0]
    assert (method, path, headers["x-one"]) == ("GET", "/page?a=1&b=2", "1")
    assert headers["user-agent"].startswith("autogen-classic/")


def test_data_is_posted_as_json(fetch, site):
    site.routes["/search"] = lambda handler: (200, {"Content-Type": handler.headers["Content-Type"]}, handler.body)
    resource = fetch(site.url("/search"), policy=INSIDE, method="POST", json={"q": "a"})
    assert (resource.content_type, resource.content) == ("application/json", b'{"q": "a"}')


def test_an_http_error_is_a_result(fetch, site):
    resource = fetch(site.url("/missing"), policy=INSIDE)
    assert (resource.status, resource.text, resource.is_success) == (404, "<p>nothing</p>", False)
    with pytest.raises(StatusError, match="HTTP status 404") as error:
        resource.raise_for_status()
    assert error.value.status == 404


INSIDE_HOSTS = """
    127.0.0.1 127.8.9.1 localhost localhost. LOCALHOST 2130706433 0x7f.1 017700000001 127.1 [::1] [::ffff:127.0.0.1] 0.0.0.0
    [::] [::ffff:0:0] [64:ff9b::7f00:1] [2002:7f00:1::] [::7f00:1] 10.0.0.1 172.16.0.1 192.168.1.1 100.64.0.1 169.254.1.1
    169.254.169.254 [fd00:ec2::254] [fe80::1] [fe80::1%251] [fc00::1] [fec0::1] 198.18.0.1 192.0.2.1 224.0.0.1 [ff02::1]
    255.255.255.255 240.0.0.1 192.0.0.192 100.100.100.200 [2001:db8::1]
    """


@pytest.mark.parametrize("host", INSIDE_HOSTS.split())
def test_no_address_leads_inside(host):
    with pytest.raises(FetchError) as error:
        fetching.fetch(f"http://{host}/")
    # A form of an address that the resolver of a system does not know leads nowhere.
    assert isinstance(error.value, AddressRefused) or "can't be resolved" in str(error.value)


@pytest.mark.parametrize(
    "host",
    [
        *("169.254.169.254", "[::ffff:169.254.169.254]", "[fd00:ec2::254]", "100.100.100.200", "192.0.0.192"),
        *("0.0.0.0", "[::]", "224.0.0.1", "255.255.255.255", "2852039166"),
    ],
)
def test_private_addresses_do_not_include_the_clouds_credentials(host):
    with pytest.raises(AddressRefused):
        fetching.fetch(f"http://{host}/", policy=INSIDE)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ftp://example.org/", "scheme"),
        ("gopher://127.0.0.1:70/", "scheme"),
        ("file:///etc/passwd", "allow_file"),
        ("FILE:///etc/passwd", "allow_file"),
        ("data:text/plain,hi", "scheme"),
        ("javascript:alert(1)", "scheme"),
        ("/etc/passwd", "scheme"),
        ("example.org", "scheme"),
        ("", "scheme"),
        ("http://", "no host"),
        ("http:///x", "no host"),
        ("http://example.org:22/", "port 22"),
        ("http://example.org:6379/", "port 6379"),
        ("http://example.org:99999/", "no port 99999"),
        ("http://exa mple.org/", "characters"),
        ("http://[::1", "not an address"),
        (None, "not an address"),
    ],
)
def test_addresses_that_nobody_needs(url, reason):
    with pytest.raises(AddressRefused, match=reason):
        fetching.fetch(url)


@given(st.text(max_size=30), st.sampled_from(["", "http://", "https://127.0.0.1", "http://[::1]", "file:", "http://a@b:"]))
@example("\x00", "http://127.0.0.1/")
@example("①②⑦.⓪.⓪.①", "http://")
@example("good.example\\@127.0.0.1", "http://")
@example("good.example#@127.0.0.1", "http://")
def test_any_text_is_refused_with_a_documented_error(text, prefix):
    policy = FetchPolicy(allowed_hosts=["127.0.0.1", "127.0.0.2"])
    with pytest.raises(FetchError):
        fetching.fetch(prefix + text, policy=FetchPolicy(allowed_hosts=[]))
    with pytest.raises(FetchError):
        fetching.fetch(f"http://127.0.0.2:1/{text}", policy=policy)


def test_a_name_that_leads_inside_is_refused(fetch, site, resolve):
    resolve["evil.test"] = [["127.0.0.1"]]
    with pytest.raises(AddressRefused, match="this machine itself"):
        fetch(site.url("/secret", host="evil.test"))
    assert not site.requests


def test_rebinding_gains_nothing(fetch, resolve):
    """The name leads to the checked address once, and to the victim from then on."""
    with serve_site({"/": "attacker"}) as attacker, serve_site(address="127.0.0.2") as victim:
        policy = FetchPolicy(allow_private=["rebind.test"], allowed_ports=[attacker.port])
        resolve["rebind.test"] = [["127.0.0.1"], *[["127.0.0.2"]] * 5]
        assert fetch(attacker.url("/", host="rebind.test"), policy=policy).text == "attacker"
        assert len(resolve["rebind.test"]) == 5
        assert not victim.requests


def test_only_allowed_addresses_of_a_name_are_connected_to(fetch, site, resolve):
    site.routes["/"] = "public"
    resolve["mixed.test"] = [["169.254.169.254", "0.0.0.0", "127.0.0.1"]]
    # The fixture `loopback_only` fails a test that connects to another address.
    assert fetch(site.url("/", host="mixed.test"), policy=INSIDE).text == "public"


def test_the_next_address_of_a_name_is_tried(fetch, site, resolve):
    site.routes["/"] = "second"
    resolve["two.test"] = [["127.0.0.3", "127.0.0.1"]]
    assert fetch(site.url("/", host="two.test"), policy=INSIDE).text == "second"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_checked_each(fetch, site, resolve, status):
    resolve["start.test"], resolve["inside.test"] = [["127.0.0.1"]] * 2, [["127.0.0.1"]]
    site.routes |= {"/a": redirect("/b", status), "/b": redirect(site.url("/secret", host="inside.test"), status)}
    with pytest.raises(AddressRefused, match="this machine itself"):
        fetch(site.url("/a", host="start.test"), policy=FetchPolicy(allow_private=["start.test"]))
    assert site.paths == ["/a", "/b"]


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "ftp://example.org/", "//169.254.169.254/", "http://[", "http://:0/"]
)
def test_redirects_to_other_schemes_and_hosts(fetch, site, target):
    site.routes["/"] = redirect(target)
    with pytest.raises(AddressRefused):
        fetch(site.url(), policy=FetchPolicy(allow_private=True, allow_file=True))
    assert len(site.requests) == 1


def test_redirects_end(fetch, site):
    site.routes["/"] = redirect("/")
    with pytest.raises(FetchError, match="redirects more than 3 times"):
        fetch(site.url(), policy=FetchPolicy(allow_private=True, max_redirects=3))
    assert len(site.requests) == 4


def test_credentials_stay_with_their_server(fetch, site):
    headers = {"Authorization": "Bearer top", "X-Api-Key": "top", "Cookie": "id=top", "Accept-Language": "de"}
    with serve_site({"/end": "end"}) as other:
        site.routes |= {
            "/one": lambda handler: (302, {"Location": "/two", "Set-Cookie": "session=top"}, b""),
            "/two": redirect(other.url("/end")),
        }
        url = site.url("/one").replace("http://", "http://user:top@")
        resource = fetch(url, policy=INSIDE, headers=headers)
    assert resource.url == other.url("/end")
    assert all(request[2]["x-api-key"] == "top" for request in site.requests)
    assert "top" not in str(other.requests)
    assert other.requests[0][2]["accept-language"] == "de"


def test_the_result_and_errors_have_no_credentials(fetch, site, caplog):
    site.routes["/"] = (500, {}, b"")
    with caplog.at_level(logging.DEBUG):
        resource = fetch(f"http://user:hunter2@127.0.0.1:{site.port}/?token=hunter3", policy=INSIDE)
    assert "hunter2" not in repr(resource)
    with pytest.raises(StatusError) as error:
        resource.raise_for_status()
    assert "hunter" not in str(error.value)
    messages = [record.getMessage() for record in caplog.records if record.name.startswith(("autogen", "httpx"))]
    assert messages
    assert "hunter" not in str(messages)


def test_posted_data_stays_with_its_server(fetch, site):
    with serve_site() as other:
        site.routes |= {"/same": redirect("/end", 307), "/end": "end", "/other": redirect(other.url("/"), 307)}
        assert fetch(site.url("/same"), policy=INSIDE, method="POST", json=1).text == "end"
        with pytest.raises(AddressRefused, match="must not get the data"):
            fetch(site.url("/other"), policy=INSIDE, method="POST", json="secret")
        assert not other.requests
        site.routes["/other"] = redirect(other.url("/"), 303)
        assert fetch(site.url("/other"), policy=INSIDE, method="POST", json="secret").status == 404
        assert other.requests[0][0] == "GET"


def test_proxies_and_netrc_of_the_environment_are_not_asked(fetch, site, monkeypatch, tmp_path):
    Path(tmp_path, "netrc").write_text("machine 127.0.0.1 login me password hunter2\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with serve_site() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url())
        monkeypatch.setenv("ALL_PROXY", proxy.url())
        site.routes["/"] = "direct"
        assert fetch(site.url(), policy=INSIDE).text == "direct"
        assert not proxy.requests
    assert "authorization" not in site.requests[0][2]


@pytest.mark.parametrize(
    ("allowed", "blocked", "host", "is_allowed"),
    [
        (["Example.ORG"], [], "example.org", True),
        (["example.org"], [], "www.example.org", False),
        (["*.example.org"], [], "www.example.org.", True),
        (["*.example.org"], [], "example.org", False),
        (["*.example.org"], [], "evilexample.org", False),
        (["*"], [], "example.org", True),
        (None, ["example.org"], "EXAMPLE.org.", False),
        (None, ["*.example.org"], "a.b.example.org", False),
        ([], [], "example.org", False),
    ],
)
def test_lists_of_hosts(resolve, allowed, blocked, host, is_allowed):
    resolve[host] = resolve[host.lower()] = [["10.0.0.1"]]
    with pytest.raises(AddressRefused) as error:
        fetching.fetch(f"http://{host}/", policy=FetchPolicy(allowed_hosts=allowed, blocked_hosts=blocked))
    assert ("private network" in str(error.value)) is is_allowed


def test_a_metadata_address_is_allowed_by_its_number_alone():
    url = "http://169.254.169.254:1/"
    with pytest.raises(AddressRefused, match="port 1 "):
        fetching.fetch(url, policy=FetchPolicy(allow_private=True, allowed_hosts=["169.254.169.254"]))
    assert FetchPolicy(allowed_hosts=["169.254.169.254"]).resolve("169.254.169.254", 80) == ["169.254.169.254"]
    with pytest.raises(AddressRefused):
        FetchPolicy(allowed_hosts=["*"]).resolve("169.254.169.254", 80)


BOMB = b"\0" * 30_000_000


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, b"x" * 100_001),
        ({"Content-Encoding": "gzip"}, gzip.compress(BOMB, mtime=0)),
        ({"Content-Encoding": "deflate"}, zlib.compress(BOMB)),
        ({"Content-Encoding": "gzip"}, gzip.compress(b"", mtime=0) * 3000 + gzip.compress(b"x" * 100_001, mtime=0)),
        ({"Content-Encoding": "gzip"}, gzip.compress(b"", mtime=0) * 6000),
    ],
    ids=["plain", "gzip", "deflate", "many members", "empty members"],
)
def test_sizes_are_limited_after_decompression_too(fetch, site, headers, body):
    site.routes["/"] = (200, headers, body)
    with pytest.raises(ResourceTooLarge, match="100,000 bytes"):
        fetch(site.url(), policy=FetchPolicy(allow_private=True, max_bytes=100_000))


def test_a_body_without_end_is_cut_off(fetch, site):
    def write_for_ever(handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            handler.wfile.write(b"x" * 65_536)

    site.routes["/"] = write_for_ever
    with pytest.raises(ResourceTooLarge):
        fetch(site.url(), policy=FetchPolicy(allow_private=True, max_bytes=100_000))


def test_a_length_that_is_too_large_is_believed_before_the_body_arrives(fetch, site):
    site.routes["/"] = lambda handler: handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n") and None
    with pytest.raises(ResourceTooLarge):
        fetch(site.url(), policy=FetchPolicy(allow_private=True, max_bytes=1000))


@pytest.mark.parametrize(
    ("encoding", "body", "text"),
    [
        ("gzip", gzip.compress(b"hello", mtime=0), "hello"),
        ("gzip", gzip.compress(b"hel", mtime=0) + gzip.compress(b"lo", mtime=0), "hello"),
        ("deflate", zlib.compress(b"hello"), "hello"),
        ("deflate", zlib.compress(b"hello")[2:-4], "hello"),
        ("identity", b"hello", "hello"),
        ("gzip", b"", ""),
    ],
)
def test_compressed_bodies(fetch, site, encoding, body, text):
    site.routes["/"] = (200, {"Content-Encoding": encoding}, body)
    assert fetch(site.url(), policy=INSIDE).text == text


@pytest.mark.parametrize(
    ("encoding", "body", "error"),
    [
        ("br", b"x", UnexpectedContent),
        ("gzip, gzip", gzip.compress(gzip.compress(b"x", mtime=0), mtime=0), UnexpectedContent),
        ("gzip", b"not gzip", FetchError),
        ("gzip", gzip.compress(b"hello" * 99, mtime=0)[:-9], FetchError),
    ],
)
def test_bodies_that_cannot_be_decompressed(fetch, site, encoding, body, error):
    site.routes["/"] = (200, {"Content-Encoding": encoding}, body)
    with pytest.raises(error):
        fetch(site.url(), policy=INSIDE)


@pytest.mark.parametrize("beginning", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\n\r\n<p>"])
def test_dripping_bytes_end_with_the_time_limit(fetch, site, beginning):
    """Each byte is in time; together they would take for ever."""

    def drip(handler):
        handler.wfile.write(beginning)
        while True:
            handler.server.dripping.wait(0.02)
            handler.wfile.write(b"x")

    site.routes["/"] = lambda handler: (setattr(handler.server, "dripping", threading.Event()), drip(handler))[1]
    with pytest.raises(FetchTimeout):
        fetch(site.url(), policy=FetchPolicy(allow_private=True, timeout=0.2))


def test_a_connection_that_breaks_is_tried_once_more(fetch, site):
    answers = iter([None, "there"])
    site.routes["/"] = lambda handler: next(answers)
    assert fetch(site.url(), policy=INSIDE).text == "there"
    site.routes["/"] = lambda handler: None
    with pytest.raises(FetchError, match="can't be fetched"):
        fetch(site.url(), policy=INSIDE, method="POST", json=1)
    assert [request[0] for request in site.requests] == ["GET", "GET", "POST"]


def test_half_a_body_is_an_error(fetch, site):
    site.routes["/"] = lambda handler: handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf") and None
    with pytest.raises(FetchError, match="the connection broke"):
        fetch(site.url(), policy=INSIDE)


def test_nobody_listens(fetch):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(FetchError, match="can't be fetched"):
            fetch(f"http://127.0.0.1:{unused.getsockname()[1]}/", policy=INSIDE)


@pytest.mark.parametrize(
    ("content_type", "accepted", "is_accepted"),
    [
        ("image/png", ["image/*"], True),
        ("IMAGE/PNG; x=1", ["image/png"], True),
        ("text/html", ["image/*"], False),
        ("", ["image/*"], False),
        ("text/html", None, True),
    ],
)
def test_content_types(site, content_type, accepted, is_accepted):
    site.routes["/"] = (200, {"Content-Type": content_type}, b"x")
    if is_accepted:
        assert fetching.fetch(site.url(), policy=INSIDE, content_types=accepted).content == b"x"
    else:
        with pytest.raises(UnexpectedContent, match="was asked for"):
            fetching.fetch(site.url(), policy=INSIDE, content_types=accepted)


@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        ("text/plain; charset=latin-1", "é".encode("latin-1"), "é"),
        ("text/html", '<meta charset="shift_jis">日本'.encode("shift_jis"), '<meta charset="shift_jis">日本'),
        ("text/html", "\ufeffé".encode("utf-16"), "\ufeffé"),
        ("text/html", "é".encode(), "é"),
        ("text/html", b"\x80", "€"),
        ("text/html; charset=rot13", b"abc", "abc"),
        ("text/html; charset=zlib", b"abc", "abc"),
        ("text/html; charset=punycode", b"abc-", "abc-"),
        ("text/html; charset=nonsense", b"abc", "abc"),
    ],
)
def test_encodings(site, content_type, body, text):
    site.routes["/"] = (200, {"Content-Type": content_type}, body)
    assert fetching.fetch(site.url(), policy=INSIDE).text == text


def test_files(fetch, tmp_path):
    file = tmp_path / "a b.txt"
    file.write_text("content")
    policy = FetchPolicy(allow_file=True, max_bytes=10)
    resource = fetch(file.as_uri(), policy=policy)
    assert (resource.text, resource.content_type) == ("content", "text/plain")
    file.write_text("x" * 11)
    with pytest.raises(ResourceTooLarge):
        fetch(file.as_uri(), policy=policy)
    os.mkfifo(tmp_path / "pipe")
    for url in (
        (tmp_path / "pipe").as_uri(),
        tmp_path.as_uri(),
        "file:///nowhere",
        "file:///a%00b",
        "file://host/etc/passwd",
    ):
        with pytest.raises(FetchError):
            fetch(url, policy=policy)


def test_the_policy_of_the_process(fetch, site):
    site.routes["/"] = "page"
    before = fetching.get_default_policy()
    try:
        fetching.set_default_policy(INSIDE)
        assert fetch(site.url()).text == "page"
    finally:
        fetching.set_default_policy(before)
    with pytest.raises(AddressRefused):
        fetch(site.url())
    with pytest.raises(TypeError, match="must be a FetchPolicy"):
        fetching.set_default_policy({"allow_private": True})


@pytest.mark.parametrize(
    "arguments",
    [
        {"max_bytes": 0},
        {"timeout": -1},
        {"timeout": float("nan")},
        {"timeout": True},
        {"max_redirects": "3"},
        {"allowed_hosts": "example.org"},
        {"allow_private": "localhost"},
        {"blocked_hosts": "example.org"},
    ],
)
def test_policies_that_mean_nothing(arguments):
    with pytest.raises(ValueError, match=f"{next(iter(arguments))} must be"):
        FetchPolicy(**arguments)


def test_a_library_that_cannot_be_guarded_fetches_nothing(fetch, site, monkeypatch):
    from autogen._extras import httpx

    monkeypatch.setattr(httpx.HTTPTransport, "__init__", lambda self, **_: setattr(self, "_pool", object()))
    monkeypatch.setattr(httpx.AsyncHTTPTransport, "__init__", lambda self, **_: setattr(self, "_pool", object()))
    with pytest.raises(RuntimeError, match="can't be guarded"):
        fetch(site.url(), policy=INSIDE)
    assert not site.requests
