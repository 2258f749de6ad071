"""A cache in Redis: its keys, and servers that are down or broken."""

import json
import socketserver
import sys
import threading

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from autogen.cache import Cache

redis = pytest.importorskip("redis", reason="the extra 'redis' is not installed")


@pytest.fixture
def client(redis_url):
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()
        yield client


@pytest.fixture
def cache(client, redis_url):
    with Cache.redis(7, redis_url) as cache:
        yield cache


class Broken(socketserver.ThreadingTCPServer):
    """Answers everything with the same bytes, and hangs up: a server that is not Redis."""

    daemon_threads = True
    allow_reuse_address = True
    reply = b""
    asked = 0

    def finish_request(self, request, client_address):
        self.asked += 1
        request.recv(65536)
        request.sendall(self.reply)

    def handle_error(self, request, client_address):
        """The client hung up first."""


@pytest.fixture(scope="module")
def broken():
    with Broken(("127.0.0.1", 0), socketserver.BaseRequestHandler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_values_are_json_text_under_the_seed_and_the_key(client, cache):
    cache.set("the key", {"a": "é"})
    assert client.keys() == [b"autogen:7:the key"]
    assert json.loads(client.get("autogen:7:the key")) == {"a": "é"}


def test_the_first_use_connects_and_the_outermost_with_disconnects(client, redis_url):
    def connections():
        return client.info("clients")["connected_clients"]

    before = connections()
    cache = Cache.redis(7, redis_url)
    assert connections() == before
    with cache:
        with cache as store:
            store.set("k", 1)
        assert connections() == before + 1
        number = client.info("stats")["total_connections_received"]
        for _ in range(3):
            with cache as store:
                store.get("k")
        assert client.info("stats")["total_connections_received"] == number
    assert cache.get("k") == 1
    cache.close()


def test_a_connection_that_the_server_dropped_is_made_again(client, cache, warnings_of):
    cache.set("k", 1)
    client.client_kill_filter(_type="normal", skipme=True)
    assert cache.get("k") == 1
    assert warnings_of() == []


def test_what_is_of_another_type_is_a_miss(client, cache, warnings_of):
    client.rpush("autogen:7:k", "a")
    assert cache.get("k", "missing") == "missing"
    assert warnings_of() == []
    cache.set("k", 1)
    assert cache.get("k") == 1


def test_bytes_are_a_miss_also_where_the_client_decodes(client, redis_url):
    client.set("autogen:7:k", b"\xff\x80")
    with Cache.redis(7, f"{redis_url}?decode_responses=True") as cache:
        assert cache.get("k", "missing") == "missing"
        cache.set("k", "é")
        assert cache.get("k") == "é"


def test_a_server_that_is_down_means_one_warning_and_no_cache(warnings_of, clock):
    with Cache.redis(7, "redis://me:pa55w0rd@127.0.0.1:1/0") as cache:
        for _ in range(3):
            assert cache.get("k", "missing") == "missing"
            cache.set("k", 1)
        clock.now += 61
        assert cache.get("k", "missing") == "missing"
    (warning,) = warnings_of()
    assert "127.0.0.1:1 can't be used, nothing is cached" in warning
    assert "pa55w0rd" not in warning


def test_a_server_that_fails_is_asked_once_a_minute(broken, clock):
    broken.reply = b"-ERR out of order\r\n"
    with Cache.redis(7, f"redis://127.0.0.1:{broken.server_address[1]}") as cache:
        cache.get("k")
        asked = broken.asked
        for _ in range(5):
            cache.set("k", 1)
        assert broken.asked == asked
        clock.now += 61
        cache.set("k", 1)
        assert broken.asked > asked


def test_a_server_that_is_back_is_used_again(redis_later, clock):
    url, server = redis_later
    with Cache.redis(7, url) as cache:
        cache.set("k", 1)
        with server:
            clock.now += 61
            cache.set("k", 2)
            assert cache.get("k") == 2


@given(st.binary(max_size=40) | st.sampled_from(b"+-:$*%~#,_(=!>").flatmap(lambda sign: st.just(bytes([sign]) + b"1\r\n")))
@example(b"HTTP/1.1 400 Bad Request\r\n\r\nhello")
@example(b"+OK\r\n" * 10)
@example(b":5\r\n" * 10)
@example(b"$3\r\nabc\r\n" * 10)
@example(b"$99999999999\r\nabc\r\n")
@example(b"$-1\r\n" * 10)
@example(b"*1\r\n" * 20_000)
@example(b"%1\r\n*0\r\n+x\r\n" * 10)
@example(b"-NOAUTH Authentication required.\r\n" * 10)
@example(b"-WRONGPASS secret-pa55w0rd\r\n" * 10)
@example(b"")
def test_a_server_that_answers_nonsense_means_no_cache(broken, reply):
    broken.reply = reply
    with Cache.redis(7, f"redis://:pa55w0rd@127.0.0.1:{broken.server_address[1]}") as cache:
        cache.set("k", 1)
        assert cache.get("k", "missing") == "missing"


@pytest.mark.parametrize("reply", [b"-WRONGPASS pa55w0rd\r\n", b"-ERR redis://me:pa55w0rd@host\r\n", b"+" + b"x" * 9000])
def test_no_warning_shows_the_password_or_is_endless(broken, reply, warnings_of):
    broken.reply = reply
    with Cache.redis(7, f"redis://me:pa55w0rd@127.0.0.1:{broken.server_address[1]}") as cache:
        cache.get("k")
    (warning,) = warnings_of()
    assert "pa55w0rd" not in warning
    assert len(warning) < 500


@pytest.mark.parametrize("url", ["", "http://me:pa55w0rd@x", "redis://me:pa55/w0rd@h:1", "redis://h:pa55w0rd", "pa55w0rd"])
def test_a_wrong_url_is_refused_and_not_shown(url):
    with pytest.raises(ValueError, match="not the URL of a Redis server") as caught:
        Cache.redis(7, url)
    assert "pa55" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_the_config_of_a_cache_does_not_show_the_password():
    cache = Cache.redis(7, "redis://me:pa55w0rd@localhost:6379/0")
    assert "pa55w0rd" not in repr(cache.config) + repr(cache) + repr(cache.cache) + repr(vars(cache))
    assert cache.config["redis_url"] == "redis://me:pa55w0rd@localhost:6379/0"


def test_without_the_package_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(ImportError, match=r'autogen-classic\[redis\]"'):
        Cache.redis(7)
