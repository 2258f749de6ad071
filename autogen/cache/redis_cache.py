"""A cache in a Redis server: JSON text. Nothing is ever unpickled."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import TYPE_CHECKING, Any

from .._extras import require
from ._remote import TIMEOUT, RemoteCache

if TYPE_CHECKING:
    from typing_extensions import Self


class RedisCache(RemoteCache):
    """A cache that machines can share, under the keys `autogen:<seed>:<key>`. Redis decides what it forgets.

    The first use connects. A server that is down or answers nonsense is passed over, with one warning, and tried again
    after a minute. The outermost `with` keeps the connection; without one, each request connects anew.

    Attributes:
        seed: Keeps the keys of several uses apart.
        cache: The client of redis-py.

    Args:
        seed: As above.
        redis_url: `redis://[[user]:[password]@]host[:port][/database]`, `rediss://` for TLS, or `unix://` and a path;
            options of redis-py may follow, as in `?socket_timeout=1`.

    Raises:
        ImportError: redis-py is not installed.
        ValueError: The URL is not one of Redis.
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
                retry=retry(no_pause, 1),  # a connection that was idle may be gone
            )
        except (TypeError, ValueError, AttributeError):  # their texts can quote the password
            raise ValueError(
                "redis_url is not the URL of a Redis server. Expected redis://[[user]:[password]@]host[:port][/database], "
                "where special characters in the password are percent-encoded."
            ) from None
        options = self.cache.connection_pool.connection_kwargs
        place = options.get("path") or f"{options.get('host', 'localhost')}:{options.get('port', 6379)}"
        super().__init__(f"in Redis at {place}", options.get("password"))
        self.seed = str(seed)
        self._refusal: type[Exception] = redis.exceptions.ResponseError
        self._users = 0
        self._lock = threading.Lock()

    def _named(self, key: str) -> bytes:
        return f"autogen:{self.seed}:{key}".encode("utf-8", "surrogatepass")

    def _fetch(self, key: str) -> Any:
        try:
            return self.cache.get(self._named(key))
        except UnicodeDecodeError:  # redis-py was told to decode, and this is no text
            return None
        except self._refusal as error:
            if str(error).startswith("WRONGTYPE"):  # somebody keeps something else under this key
                return None
            raise

    def _keep(self, key: str, text: str) -> None:
        self.cache.set(self._named(key), text)

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
        """Disconnect, where this ends the outermost `with`: each request enters and leaves its cache twice."""
        with self._lock:
            self._users -= 1
            last = self._users == 0
        if last:
            self.close()
