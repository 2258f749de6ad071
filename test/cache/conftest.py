"""A cache of each kind, and the servers that they need."""

from __future__ import annotations

import json
import shutil
import socket
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from azure.cosmos.exceptions import CosmosHttpResponseError, CosmosResourceNotFoundError

from autogen.cache import Cache

KINDS = ("disk", "diskcache", "memory", "redis", "cosmos")


@dataclass
class Kind:
    """Caches of one kind: `make` one for a seed, and `plant` raw bytes in the place of a value."""

    name: str
    make: Callable[[str], Cache]
    plant: Callable[[str, str, bytes], None] | None


class FakeCosmos:
    """Stands in for `azure.cosmos.CosmosClient`, because there is no Cosmos DB server that could run here.

    It sends items through JSON, as the SDK does, and refuses what the service refuses: ids that are long or have some signs
    in them, and items of more than two megabytes.
    """

    def __init__(self) -> None:
        self.items: dict[tuple[str, str], str] = {}
        self.made: list[Any] = []

    def create_database_if_not_exists(self, id):
        self.made.append(id)
        return self

    def create_container_if_not_exists(self, id, partition_key):
        self.made += [id, partition_key["paths"]]
        return self

    def read_item(self, item, partition_key):
        if (partition_key, item) not in self.items:
            raise CosmosResourceNotFoundError(status_code=404, message="no such item")
        return json.loads(self.items[partition_key, item])

    def upsert_item(self, body):
        assert len(body["id"]) < 1024
        assert not set(body["id"]) & set("/\\?#")
        text = json.dumps(body)
        if len(text) > 2_000_000:
            raise CosmosHttpResponseError(status_code=413, message="Request size is too large")
        self.items[body["partitionKey"], body["id"]] = text


@pytest.fixture
def cosmos() -> FakeCosmos:
    return FakeCosmos()


def free_port() -> int:
    """A port of the loopback interface where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def redis_server(port: int, directory: Path) -> Iterator[str]:
    """A real Redis server on the loopback interface; its URL."""
    binary = shutil.which("redis-server")
    if binary is None:
        pytest.skip("there is no redis-server on this machine")
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(directory)]
    with subprocess.Popen([binary, *options], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            assert any("Ready to accept connections" in line for line in server.stdout)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            server.terminate()
            server.communicate(timeout=30)


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Redis server that the tests share."""
    with redis_server(free_port(), tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture
def redis_later(tmp_path: Path) -> tuple[str, AbstractContextManager[str]]:
    """The URL of a Redis server that is down, and the server, which a test starts with `with`."""
    port = free_port()
    return f"redis://127.0.0.1:{port}/0", redis_server(port, tmp_path)


def _kind(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> Kind:
    if name == "disk":

        def into_file(seed: str, key: str, raw: bytes) -> None:
            """Puts it in the place of every value."""
            with closing(sqlite3.connect(tmp_path / seed / "answers.db")) as connection, connection:
                connection.execute("UPDATE answers SET value = CAST(? AS TEXT)", (raw,))
            connection.close()

        return Kind(name, lambda seed: Cache.disk(seed, str(tmp_path)), into_file)
    if name == "diskcache":
        pytest.importorskip("diskcache", reason="the extra 'diskcache' is not installed")

        def into_row(seed: str, key: str, raw: bytes) -> None:
            """A row that `diskcache` itself would unpickle, or read as bytes."""
            mode = 4 if raw[:1] in (b"\x80", b"c", b"(") else 1
            with closing(sqlite3.connect(tmp_path / seed / "diskcache" / "cache.db")) as connection, connection:
                connection.execute("UPDATE Cache SET value = ?, mode = ?", (raw, mode))
            connection.close()

        return Kind(name, lambda seed: Cache.disk(seed, str(tmp_path), backend="diskcache"), into_row)
    if name == "memory":
        return Kind(name, Cache.in_memory, None)
    if name == "redis":
        import redis

        url = request.getfixturevalue("redis_url")

        def into_redis(seed: str, key: str, raw: bytes) -> None:
            with redis.Redis.from_url(url) as client:
                client.set(f"autogen:{seed}:{key}", raw)

        with redis.Redis.from_url(url) as client:
            client.flushdb()
        return Kind(name, lambda seed: Cache.redis(seed, url), into_redis)
    fake = request.getfixturevalue("cosmos")

    def into_cosmos(seed: str, key: str, raw: bytes) -> None:
        """Bytes as a string of latin-1: items are JSON."""
        fake.items = {place: json.dumps({**json.loads(t), "data": raw.decode("latin-1")}) for place, t in fake.items.items()}

    return Kind(name, lambda seed: Cache.cosmos_db(container_id="c", cache_seed=seed, client=fake), into_cosmos)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kind]:
    """Each kind of cache in turn. What it makes is closed."""
    found = _kind(request.param, tmp_path, request)
    with ExitStack() as stack:

        def make(seed: str) -> Cache:
            cache = found_make(seed)
            stack.callback(cache.close)
            return cache

        found_make, found.make = found.make, make
        yield found


@pytest.fixture
def cache(kind: Kind) -> Cache:
    return kind.make("seed")


@pytest.fixture
def warnings_of(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """The warnings so far."""
    return lambda: [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The time that pauses are measured by: `clock.now += 61`."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr("autogen.cache._backend.time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock
