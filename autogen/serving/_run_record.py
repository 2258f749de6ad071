"""The folder of a run: what a server that is started again must know of it."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Iterator
from pathlib import Path

from .._folders import replace_file
from .._journal import JournalError
from ..recording import Recording
from ._execution import JSON

logger = logging.getLogger("autogen.serving")

_RECORD, _CHAT = "run.json", "chat.db"


class RunFolders:
    """The folders of runs within a folder.

    Args:
        folder: The folder, which is created.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def _find(self, run_id: str) -> Path | None:
        """Return the folder of a run; None for an id that no run has, such as `..`."""
        try:
            return self._folder / uuid.UUID(hex=run_id).hex
        except ValueError:
            return None

    def get_checkpoint(self, run_id: str) -> Path:
        """Return the checkpoint of the chat of a run."""
        return self._folder / run_id / _CHAT

    def save(self, run_id: str, record: JSON) -> None:
        """Write the record of a run.

        Raises:
            OSError: It can't be written.
        """
        folder = self._folder / run_id
        folder.mkdir(exist_ok=True, mode=0o700)
        with replace_file(folder / _RECORD) as file:
            file.write(json.dumps(record).encode())

    def load(self, run_id: str) -> JSON | None:
        """Return the record of a run; None if there is none."""
        folder = self._find(run_id)
        try:
            return None if folder is None else self._read(folder / _RECORD)
        except FileNotFoundError:
            return None

    def _read(self, path: Path) -> JSON | None:
        """Return a record; None if it is damaged.

        Raises:
            OSError: It can't be read.
        """
        try:
            record: JSON = json.loads(path.read_bytes())
        except ValueError:
            logger.warning("%s is damaged, so its run is not continued.", path)
            return None
        return record

    def __iter__(self) -> Iterator[JSON]:
        """Yield the records of all runs."""
        for path in sorted(self._folder.glob(f"*/{_RECORD}")):
            if (record := self._read(path)) is not None:
                yield record

    def read_events(self, run_id: str) -> list[JSON]:
        """Return the recorded events of a run; none if the chat has not begun."""
        return [] if (recording := self.open_recording(run_id)) is None else recording.events

    def open_recording(self, run_id: str) -> Recording | None:
        """Return the recording of a run; None if the chat has not begun, or its checkpoint is damaged."""
        try:
            return Recording(self.get_checkpoint(run_id))
        except FileNotFoundError:
            return None
        except JournalError as error:
            logger.warning("%s", error)
            return None
