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
from contextlib import closing
from pathlib import Path
from typing import Any

from ._journal import FINISHED, VERSION, JournalError

__all__ = ["JournalError", "Recording"]


class Recording:
    """What a checkpoint file holds. The file is read when it is asked, and never written.

    Args:
        path: The file.

    Raises:
        FileNotFoundError: There is none.
        JournalError: It is no checkpoint, or of a version that is not known.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise FileNotFoundError(f"There is no checkpoint {self.path}.")
        try:
            self.about: dict[str, str] = dict(self._rows("SELECT key, value FROM meta"))
        except sqlite3.DatabaseError as error:
            raise JournalError(f"{self.path} is no checkpoint: {error}") from error
        if self.about.get("version") != str(VERSION):
            raise JournalError(f"{self.path} has version {self.about.get('version')}; this program knows version {VERSION}.")

    @property
    def events(self) -> list[dict[str, Any]]:
        """All that happened, in order; see `autogen.events`."""
        return [json.loads(data) for (data,) in self._rows("SELECT data FROM events ORDER BY n")]

    @property
    def messages(self) -> list[dict[str, Any]]:
        """What was said in the chat itself, without chats inside it: dicts with `sender`, `recipient`, `content`, `at`."""
        return [
            {**_as_dict(event["message"]), **{key: event[key] for key in ("sender", "recipient", "at")}}
            for event in self._sent()
        ]

    @property
    def steps(self) -> list[dict[str, Any]]:
        """What was done outside of the framework: kind, what about, whether it is finished, its result."""
        rows = self._rows("SELECT kind, about, scope, state, value, at FROM steps ORDER BY at, n")
        return [
            {
                "kind": kind,
                "about": about,
                "scope": scope,
                "finished": state == FINISHED,
                "value": None if value is None else json.loads(value),
                "at": at,
            }
            for kind, about, scope, state, value, at in rows
        ]

    @property
    def is_finished(self) -> bool:
        """Whether the chat came to its end."""
        mine = self.about["chat_id"]
        ended = [event for event in self.events if event["type"] == "chat_ended" and event["chat"] == mine]
        return bool(ended) and ended[-1]["error"] is None

    def fork(self, path: str | Path, *, messages: int) -> Recording:
        """A checkpoint of the chat up to so many messages, from which it can take another way.

        Args:
            path: The new file.
            messages: How many messages stay.

        Raises:
            FileExistsError: There is such a file.
            ValueError: The chat has fewer messages.
        """
        target = Path(path)
        if target.exists():
            raise FileExistsError(f"{target} exists already: a fork is a new file.")
        sent = self._sent()
        if not 0 < messages <= len(sent):
            raise ValueError(f"The chat has {len(sent)} messages: {messages} can't stay.")
        until = sent[messages - 1]["at"]
        with closing(sqlite3.connect(self.path)) as source, closing(sqlite3.connect(target)) as copy:
            source.backup(copy)
            copy.execute("DELETE FROM steps WHERE at > ?", (until,))
            copy.execute("DELETE FROM events WHERE at > ?", (until,))
            copy.execute("DELETE FROM meta WHERE key = 'owner'")
            copy.commit()
        shutil.copymode(self.path, target)
        return Recording(target)

    def _sent(self) -> list[dict[str, Any]]:
        mine = self.about["chat_id"]
        return [event for event in self.events if event["type"] == "message_sent" and event["chat"] == mine]

    def _rows(self, query: str) -> list[Any]:
        with closing(sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            return database.execute(query).fetchall()


def _as_dict(message: Any) -> dict[str, Any]:
    return message if isinstance(message, dict) else {"content": message}
