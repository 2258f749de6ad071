"""`RedisCache`: a cache in a Redis server, as JSON text. Nothing is ever unpickled."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import TYPE_CHECKING

from .._extras import require
from ._remote import TIMEOUT, RemoteCache

if TYPE_CHECKING:
    from typing_extensions import Self


class RedisCache(RemoteCache):
    """A cache that machines may share, under the keys `autogen:<seed>:<key>`. Redis decides about eviction.

    It connects on first use. A server that is down, or sends nonsense, is not used for a minute, with a single warning, and
    then tried again. The outermost `with` block keeps the connection; without one, each request connects again.

    Attributes:
        seed: The namespace of the keys.
        cache: The client of redis-py.

    Args:
        seed: The namespace of the keys.
        redis_url: `redis://[[user]:[password]@]host[:port][/database]`, `rediss://` for TLS, or `unix://` and a path;
            options of redis-py may follow, as in `?socket_timeout=1`.

    Raises:
        ImportError: if redis-py is not installed.
        ValueError: if the URL is not a Redis URL.
    """

    def __init__(self, seed: str | int, redis_url: str) -> None:
        redis = require("redis", extra="redis", feature="A cache in Redis")
        retry = require("redis.retry", extra="redis", feature="A cache in Redis").Retry
        no_pause = require("redis.backoff", extra="redis", feature="A cache in Redis").NoBackoff()
        try:
            self.cache = redis.Redis.from_url(
                redis_url,
                socket_timeout=TIMEOUT,
                socket_connect_timeout=TIMEOUT,
                # The server may have closed an idle connection: one retry opens another.
                retry=retry(no_pause, 1),
            )
        # Suppressed as the cause, because its text may quote the password.
        except (TypeError, ValueError, AttributeError):
            raise ValueError(
                "redis_url is not the URL of a Redis server. Expected redis://[[user]:[password]@]host[:port][/database], "
                "where special characters in the password are percent-encoded."
            ) from None
        options = self.cache.connection_pool.connection_kwargs
        address = options.get("path") or f"{options.get('host', 'localhost')}:{options.get('port', 6379)}"
        super().__init__(f"in Redis at {address}", options.get("password"))
        self.seed = str(seed)
        self._response_error: type[Exception] = redis.exceptions.ResponseError
        # The number of `with` blocks that are using the connection.
        self._users = 0
        self._lock = threading.Lock()

    def _encode_key(self, key: str) -> bytes:
        return f"autogen:{self.seed}:{key}".encode("utf-8", "surrogatepass")

    def _fetch(self, key: str) -> str | bytes | None:
        try:
            value: str | bytes | None = self.cache.get(self._encode_key(key))
        # The URL may ask redis-py to decode values, and this value is not text.
        except UnicodeDecodeError:
            return None
        except self._response_error as error:
            # Another program uses the key for another type of value.
            if str(error).startswith("WRONGTYPE"):
                return None
            raise
        return value

    def _store(self, key: str, text: str) -> None:
        self.cache.set(self._encode_key(key), text)

    def close(self) -> None:
        """Disconnect; the next use connects again."""
        self.cache.close()

    def __enter__(self) -> Self:
        with self._lock:
            self._users += 1
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Disconnect at the end of the outermost `with` block: each request enters and leaves its cache twice."""
        with self._lock:
            self._users -= 1
            is_last = self._users == 0
        if is_last:
            self.close()
