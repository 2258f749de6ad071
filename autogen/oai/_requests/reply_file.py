"""Responses of models in a file: recorded in one run of a program, and taken from it in another, which then sends nothing.

Unlike a cache, it changes nothing while it records: equal requests are all sent, and each has its own response in the file.
"""

from __future__ import annotations

import json
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, TypeVar

from ..._steps import Steps
from ...exception_utils import BudgetExceeded, UnknownPrice

logger = logging.getLogger("autogen.oai.client")

T = TypeVar("T")


class ReplyNotRecorded(LookupError):
    """Raised if a program that replays recorded responses makes a request that was not recorded. Nothing is sent."""


class ReplyFile:
    """The responses to the requests of a run, as JSON lines.

    Args:
        path: The file. Recording replaces it; replaying needs none if there are no requests.
        replays: Whether responses come from the file. Otherwise they are added to it.

    Raises:
        ValueError: if a line of a file that is replayed is damaged.
    """

    def __init__(self, path: Path, *, replays: bool = False) -> None:
        self._path = path
        self._replays = replays
        self._lock = threading.Lock()
        self._rows: dict[str, deque[dict[str, Any]]] = {}
        if replays:
            self._read()
        else:
            path.unlink(missing_ok=True)

    def _read(self) -> None:
        if not self._path.exists():
            return
        for number, line in enumerate(self._path.read_text(encoding="utf-8").splitlines(), 1):
            try:
                row = json.loads(line)
                self._rows.setdefault(row["key"], deque()).append(row)
            except (ValueError, TypeError, KeyError) as error:
                raise ValueError(f"{self._path}, line {number} is not a recorded response: {error}") from error

    def answer(
        self, key: str, run: Callable[[], Steps[T]], encode: Callable[[T], object], decode: Callable[[Any], T]
    ) -> Steps[T]:
        """Return the response to a request.

        Args:
            key: Digest that tells the request from others.
            run: Makes the step that sends it.
            encode: Converts the response to JSON.
            decode: Converts JSON to the response.

        Raises:
            ReplyNotRecorded: if there is no response left for the request in a file that is replayed.
        """
        if self._replays:
            return self._replay(key, decode)
        try:
            response = yield from run()
        # The replay must end where the run did, though what it takes from the file costs nothing.
        except BudgetExceeded as error:
            self._write({"key": key, "refused": type(error).__name__, "arguments": list(error.__reduce__()[1])})
            raise
        try:
            self._write({"key": key, "reply": encode(response)})
        # It was paid, so it must not be lost because of the file.
        except TypeError as error:
            logger.warning("A response is not recorded: %s", error)
        return response

    def _replay(self, key: str, decode: Callable[[Any], T]) -> T:
        with self._lock:
            rows = self._rows.get(key)
            row = rows.popleft() if rows else None
        if row is None:
            raise ReplyNotRecorded(f"{self._path} has no response to this request: the program or the config has changed.")
        if "refused" in row:
            kinds: dict[str, type[BudgetExceeded]] = {"BudgetExceeded": BudgetExceeded, "UnknownPrice": UnknownPrice}
            raise kinds[row["refused"]](*row["arguments"])
        return decode(row["reply"])

    def _write(self, row: dict[str, object]) -> None:
        line = json.dumps(row) + "\n"
        with self._lock, self._path.open("a", encoding="utf-8") as file:
            file.write(line)


_file: ContextVar[ReplyFile | None] = ContextVar("reply file", default=None)


def get_reply_file() -> ReplyFile | None:
    """Return the file that is in use here."""
    return _file.get()


@contextmanager
def use_reply_file(file: ReplyFile | None) -> Iterator[None]:
    """Record or replay all requests for completions and embeddings in a `with` block, in its threads and tasks, too.

    Args:
        file: The file; None for none.
    """
    token = _file.set(file)
    try:
        yield
    finally:
        _file.reset(token)
