"""Conversations that the server keeps, and those that clients send along each time."""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from pathlib import Path

from .._folders import replace_file
from ..types import Message
from ._run import Run

_MAX_KEPT = 1_000


class Conversation:
    """The messages of a user and a team, and the run that is under way.

    Attributes:
        messages: The messages so far.
        run: Last run; None before the first.
    """

    def __init__(self, file: Path | None = None) -> None:
        self.messages: list[Message] = []
        self.run: Run | None = None
        self._file = file
        if file is not None and file.is_file():
            self.messages = json.loads(file.read_bytes())

    def begin(self, run: Run, message: Message) -> None:
        """Add the message for which a run was started."""
        self.run = run
        self._asked = {"role": "user", "content": message["content"]}

    def update(self, run: Run, text: str) -> None:
        """Add the answer of a run that is over, with the message that it answers."""
        # A failed run leaves the conversation as it was, so that the message can be sent again.
        if run is not self.run or not run.is_over or run.result is None:
            return
        self.run = None
        self.messages += [self._asked, {"role": "assistant", "content": text}]
        if self._file is not None:
            with replace_file(self._file) as file:
                file.write(json.dumps(self.messages).encode())


class Conversations:
    """The conversations that the server keeps.

    Args:
        folder: Folder in which they survive it; None to keep the last thousand in memory.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._kept: OrderedDict[tuple[str | None, str], Conversation] = OrderedDict()
        self._by_digest: OrderedDict[tuple[str | None, str], Run] = OrderedDict()

    def get(self, owner: str | None, conversation_id: str | None) -> Conversation:
        """Return a conversation of a user, which is new if it is not known; a passing one for None."""
        if conversation_id is None:
            return Conversation()
        key = owner, conversation_id
        if key not in self._kept:
            self._kept[key] = Conversation(self._find_file(key))
        self._kept.move_to_end(key)
        while len(self._kept) > _MAX_KEPT:
            self._kept.popitem(last=False)
        return self._kept[key]

    def _find_file(self, key: tuple[str | None, str]) -> Path | None:
        if self._folder is None:
            return None
        # The id is a client's, and may lead out of the folder.
        return self._folder / f"{hashlib.sha256(json.dumps(key).encode()).hexdigest()[:32]}.json"

    def remember(self, run: Run, digest: str) -> None:
        """Remember a run by the messages that it was started with."""
        self._by_digest[run.owner, digest] = run
        while len(self._by_digest) > _MAX_KEPT:
            self._by_digest.popitem(last=False)

    def find(self, owner: str | None, digest: str) -> Run | None:
        """Return the last run that was started with the same messages; None if there is none."""
        return self._by_digest.get((owner, digest))
