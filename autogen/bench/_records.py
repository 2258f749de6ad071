"""The records of runs: a file of JSON lines, to which each run adds a line when it ends."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from hashlib import sha256
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from .._folders import replace_file

RECORDS = "records.jsonl"
SETTINGS = "run.json"
LIMIT_REASONS = ("budget", "killed", "time", "turns")


@dataclass
class Record:
    """The record of a run.

    Attributes:
        case: Id of the case.
        repetition: Number of the repetition, from 0.
        system: Name of the system under test.
        models: Names of the models that answered.
        seed: Seed of the run.
        passed: True if the run had no error and all scorers passed.
        value: Mean of the scorers' values; 0 after an error.
        scores: For each scorer `value`, `passed` and `explanation`.
        answer: Answer.
        stop_reason: Reason why the run ended: that of its chat, `time`, `turns`, `budget`, `error` or `killed`.
        error: Class of the error; None if there was none.
        error_text: The error.
        turns: Messages between agents.
        prompt_tokens: Tokens of requests.
        completion_tokens: Tokens of responses.
        cost: Cost in USD.
        judge_cost: Cost of the models that judged, in USD.
        unpriced: Models without a known price; they count as 0.
        seconds: Wall-clock time.
        versions: Versions of the package and of Python.
    """

    case: str
    repetition: int
    system: str
    seed: int
    models: list[str] = field(default_factory=list)
    passed: bool = False
    value: float = 0.0
    scores: dict[str, dict[str, Any]] = field(default_factory=dict)
    answer: str = ""
    stop_reason: str | None = None
    error: str | None = None
    error_text: str = ""
    turns: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0
    judge_cost: float = 0.0
    unpriced: list[str] = field(default_factory=list)
    seconds: float = 0.0
    versions: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, int]:
        """Case and repetition."""
        return self.case, self.repetition


def parse_records(text: str, origin: str) -> tuple[list[Record], int]:
    """Read the records of a file whose last line may be cut off.

    Args:
        text: Content of the file.
        origin: Its name, for errors.

    Returns:
        The records, the later of two for the same run, and the number of characters up to the end of the last whole line.

    Raises:
        ValueError: if another line is not a record.
    """
    records: dict[tuple[str, int], Record] = {}
    whole = text.rfind("\n") + 1
    names = {item.name for item in fields(Record)}
    for number, line in enumerate(text[:whole].splitlines(), 1):
        try:
            data = json.loads(line)
            # A later version may record more.
            record = Record(**{name: value for name, value in data.items() if name in names})
        except (ValueError, TypeError, AttributeError) as error:
            raise ValueError(f"{origin}, line {number} is not the record of a run: {error}") from error
        records[record.key] = record
    return list(records.values()), whole


def read_records(folder: Path | str) -> list[Record]:
    """Read the records in a folder of results.

    Raises:
        OSError: if there are none.
        ValueError: if a line is not a record.
    """
    path = Path(folder) / RECORDS
    return parse_records(path.read_text(encoding="utf-8"), str(path))[0]


def read_settings(folder: Path | str) -> dict[str, Any]:
    """Read the settings of a folder of results.

    Raises:
        OSError: if there are none.
        ValueError: if the file is damaged.
    """
    path = Path(folder) / SETTINGS
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    if not isinstance(settings, dict):
        raise ValueError(f"{path} must be an object, got {settings!r:.80}.")
    return settings


def write_text(path: Path, text: str) -> None:
    """Write a file so that it is there as a whole, or not at all. Half of a character pair is replaced."""
    with replace_file(path, 0o644) as file:
        file.write(text.encode("utf-8", "replace"))


def make_folder_name(case_id: str) -> str:
    """Return the name of a case's folder: readable, allowed everywhere, and unique."""
    readable = "".join(character if character.isalnum() or character in "-_." else "-" for character in case_id)
    plain = readable.encode("ascii", "ignore").decode()[:40].strip(".-")
    return f"{plain or 'case'}-{sha256(case_id.encode('utf-8', 'replace')).hexdigest()[:8]}"


class RecordFile:
    """The records of a folder of results, open for one program at a time.

    Args:
        folder: Folder of results. It is made if it does not exist.
        settings: Settings of the runs. Those of earlier runs in the folder must be the same.

    Raises:
        ValueError: if the settings are others, another program uses the folder, or the file is damaged.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(folder / "lock")
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise ValueError(f"Another program runs a benchmark in {folder}. Use another folder, or wait.") from None
        try:
            _check_settings(folder, settings)
            path = folder / RECORDS
            content = path.read_bytes() if path.exists() else b""
            # A line that was cut off by a kill; it may end within a character.
            whole = content.rfind(b"\n") + 1
            self.records = parse_records(content[:whole].decode("utf-8"), str(path))[0]
            # Closed by `close`.
            self._file = path.open("ab")
            self._file.truncate(whole)
        except BaseException:
            self._lock.release()
            raise

    def append(self, record: Record) -> None:
        """Add a record. It is on disk when this returns."""
        line = json.dumps(asdict(record), ensure_ascii=False)
        self._file.write(line.encode("utf-8", "replace") + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self.records.append(record)

    def close(self) -> None:
        """Close the file, and let other programs use the folder."""
        self._file.close()
        self._lock.release()


def _check_settings(folder: Path, settings: Mapping[str, Any]) -> None:
    path = folder / SETTINGS
    if not path.exists():
        if (folder / RECORDS).exists():
            raise ValueError(f"{folder} has records without {SETTINGS}. Use another folder.")
        write_text(path, json.dumps(settings, indent=2, ensure_ascii=False))
        return
    earlier = read_settings(folder)
    # More repetitions may be added later.
    names = [name for name in {**earlier, **settings} if name != "repeats"]
    if changed := [name for name in names if earlier.get(name) != settings.get(name)]:
        differences = "; ".join(f"{name}: {earlier.get(name)!r:.100}, now {settings.get(name)!r:.100}" for name in changed)
        raise ValueError(f"{folder} has results of another benchmark ({differences}). Use another folder.")
    if earlier != dict(settings):
        write_text(path, json.dumps(settings, indent=2, ensure_ascii=False))
