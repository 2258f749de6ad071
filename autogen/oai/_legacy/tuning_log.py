"""The log of a search: its trials in a file, so that it can be resumed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, TypedDict, cast

from ...types import JSON
from .tuning_space import Suggestion

_HEADER = "autogen.tune"


class TrialRecord(TypedDict):
    """A finished trial.

    Attributes:
        suggestion: The point of the search space, from the searcher.
        outcome: Outcome of the trial.
        result: Metrics and costs.
        cost: Cost of the trial in USD.
        learned: Entries that it added to the journal of the `Frontier`.
    """

    suggestion: Suggestion
    outcome: str
    result: dict[str, float]
    cost: float
    learned: list[list[Any]]


class TrialLog:
    """A file of JSON lines: a header that identifies the search, and a line for each finished trial.

    Args:
        path: The file; None for no log.
        search: Description that distinguishes this search from others.

    Raises:
        ValueError: if the file is something else, or the log of another search.
    """

    def __init__(self, path: str | None, search: JSON) -> None:
        self._path = None if path is None else Path(path)
        self._records: dict[str, list[TrialRecord]] = {}
        # A digest, because the data may be large or confidential.
        digest = hashlib.sha256(json.dumps(search, sort_keys=True).encode()).hexdigest()
        if self._path is not None:
            self._read(self._path, {_HEADER: 1, "search": digest})

    def _read(self, path: Path, header: dict[str, object]) -> None:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        lines = text.splitlines(keepends=True)
        # The last line is incomplete if the process ended while writing it.
        if lines and not lines[-1].endswith("\n"):
            lines.pop()
        if not lines:
            if text and not json.dumps(header).startswith(text):
                raise ValueError(f"{path} is not the log of a tune. Choose another file.")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(header) + "\n", encoding="utf-8")
            return
        first = _parse_line(lines[0])
        if _HEADER not in first:
            raise ValueError(f"{path} is not the log of a tune. Choose another file.")
        if first != header:
            raise ValueError(
                f"{path} is the log of a tune with other data, another goal or another search space. "
                "Choose another file, or delete this one."
            )
        for line in lines[1:]:
            if record := cast("TrialRecord", _parse_line(line)):
                self._records.setdefault(_make_key(record["suggestion"]), []).append(record)
        # Removed here, because the next line would be appended to the incomplete one.
        if "".join(lines) != text:
            path.write_text("".join(lines), encoding="utf-8")

    def take(self, suggestion: Suggestion) -> TrialRecord | None:
        """Return the trial of a suggestion, if the file has it. Each trial is returned once."""
        records = self._records.get(_make_key(suggestion))
        # A searcher may suggest a point twice, which were two trials.
        return records.pop(0) if records else None

    def add(self, record: TrialRecord) -> None:
        """Write a trial."""
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")


def _parse_line(line: str) -> dict[str, object]:
    """Return the object in a line; an empty one if the line is damaged."""
    try:
        value = json.loads(line)
    except json.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def _make_key(suggestion: Suggestion) -> str:
    return json.dumps(suggestion, sort_keys=True)
