"""Recorded chats: what a checkpoint file tells, and going on from the middle of it.

>>> recording = Recording("chat.db")
>>> for message in recording.messages:
...     print(message["sender"], message["content"])
>>> recording.fork("other.db", messages=3)  # the first three messages; then begin the chat with checkpoint="other.db"
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from ._journal import FINISHED, VERSION, JournalError

__all__ = ["JournalError", "Recording"]


_HEADER = b"SQLite format 3\0"
_NO_ACCESS = ("unable to open", "is locked", "readonly")  # in SQLite's words
_MESSAGE: dict[str, type | tuple[type, ...]] = {
    "sender": str,
    "recipient": str,
    "at": (int, float),
}  # what the event of a message must have


class Recording:
    """What a checkpoint file holds. The file is read when it is asked, and never written.

    Args:
        path: The file.

    Raises:
        FileNotFoundError: There is none.
        JournalError: It is not a checkpoint, or of a version that is not known. So does each question to a file that is
            damaged, or that nobody may read; the message names the row.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise FileNotFoundError(f"There is not a checkpoint {self.path}.")
        self.about: dict[str, str] = dict(self._rows("SELECT key, value FROM meta"))
        if self.about.get("version") != str(VERSION):
            raise JournalError(f"{self.path} has version {self.about.get('version')}; this program knows version {VERSION}.")

    @property
    def events(self) -> list[dict[str, Any]]:
        """All that happened, in order; see `autogen.events`."""
        return [event for _, event in self._events()]

    @property
    def messages(self) -> list[dict[str, Any]]:
        """What was said in the chat itself, without chats inside it: dicts with `sender`, `recipient`, `content`, `at`."""
        return [
            {**_as_dict(event["message"]), **{key: event[key] for key in ("sender", "recipient", "at")}}
            for _, event in self._sent()
        ]

    @property
    def steps(self) -> list[dict[str, Any]]:
        """What was done outside of the framework: kind, what about, whether it is finished, its result."""
        rows = self._rows("SELECT n, kind, about, scope, state, value, at FROM steps ORDER BY at, n")
        return [
            {
                "kind": kind,
                "about": about,
                "scope": scope,
                "finished": state == FINISHED,
                "value": None if value is None else self._read("steps", n, value),
                "at": at,
            }
            for n, kind, about, scope, state, value, at in rows
        ]

    @property
    def is_finished(self) -> bool:
        """Whether the chat came to its end."""
        ended = [event for _, event in self._of_the_chat("chat_ended")]
        return bool(ended) and ended[-1].get("error") is None

    def fork(self, path: str | Path, *, messages: int) -> Recording:
        """A checkpoint of the chat up to so many messages, from which it can take another way.

        Args:
            path: The new file.
            messages: How many messages stay.

        Raises:
            FileExistsError: There is such a file.
            ValueError: The chat has fewer messages.
            JournalError: The checkpoint is damaged, or the new file can't be written.
        """
        target = Path(path)
        if target.exists():
            raise FileExistsError(f"{target} exists already: a fork is a new file.")
        sent = self._sent()
        if not 0 < messages <= len(sent):
            raise ValueError(f"The chat has {len(sent)} messages: {messages} can't stay.")
        last, _ = sent[messages - 1]
        try:
            with closing(sqlite3.connect(target)) as copy:
                with self._opened() as source:
                    source.backup(copy)
                copy.execute("DELETE FROM steps WHERE after >= ?", (last,))
                copy.execute("DELETE FROM events WHERE n > ?", (last,))
                copy.commit()
        except (sqlite3.Error, JournalError) as error:
            target.unlink(missing_ok=True)  # half of a copy is none
            raise JournalError(f"{target} can't be made: {error}") from error
        shutil.copymode(self.path, target)
        return Recording(target)

    def _sent(self) -> list[tuple[int, dict[str, Any]]]:
        """The messages of the chat itself, with their rows."""
        sent = list(self._of_the_chat("message_sent"))
        for n, event in sent:
            lacking = [key for key, kind in _MESSAGE.items() if not isinstance(event.get(key), kind)]
            if lacking or "message" not in event:
                raise self._damaged("events", n, f"is a message without {', '.join(lacking) or 'content'}")
        return sent

    def _of_the_chat(self, kind: str) -> Iterator[tuple[int, dict[str, Any]]]:
        """The events of a kind that belong to the chat itself, with their rows."""
        mine = self.about.get("chat_id")
        return ((n, event) for n, event in self._events() if event["type"] == kind and event.get("chat") == mine)

    def _events(self) -> Iterator[tuple[int, dict[str, Any]]]:
        for n, data in self._rows("SELECT n, data FROM events ORDER BY n"):
            event = self._read("events", n, data)
            if not isinstance(event, dict) or not isinstance(event.get("type"), str):
                raise self._damaged("events", n, "is not an event")
            yield n, event

    def _read(self, table: str, n: int, data: Any) -> Any:
        try:
            return json.loads(data)
        except (ValueError, TypeError, RecursionError) as error:
            raise self._damaged(table, n, f"is not JSON: {error}") from error

    def _damaged(self, table: str, n: int, how: str) -> JournalError:
        return JournalError(f"{self.path} is a checkpoint that is damaged: row {n} of its {table} {how}.")

    def _rows(self, query: str) -> list[Any]:
        with self._opened() as database:
            return database.execute(query).fetchall()

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """The database, to be read.

        Raises:
            JournalError: It can't be, now or within.
        """
        try:
            with closing(sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=ro", uri=True)) as database:
                yield database
        except sqlite3.Error as error:
            raise JournalError(f"{self.path} {self._why(str(error))}: {error}") from error

    def _why(self, error: str) -> str:
        """What SQLite's refusal says of the file."""
        if any(told in error for told in _NO_ACCESS):
            return "can't be read"
        if "no such" in error or not self._is_database():
            return "is not a checkpoint"
        return "is a checkpoint that is damaged"

    def _is_database(self) -> bool:
        with open(self.path, "rb") as file:
            return file.read(len(_HEADER)) == _HEADER


def _as_dict(message: Any) -> dict[str, Any]:
    return message if isinstance(message, dict) else {"content": message}
