"""The trials of a search in a file, so that it can go on where it was interrupted."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

_HEADER = "autogen.tune"


class TrialLog:
    """A file of JSON lines: what is searched, and a line for each trial that came to an end.

    Args:
        path: The file; None for no log.
        search: What tells this search from others, as JSON.

    Raises:
        ValueError: The file is something else, or the log of another search.
    """

    def __init__(self, path: str | None, search: Any) -> None:
        self._path = None if path is None else Path(path)
        self._known: dict[str, list[dict[str, Any]]] = {}
        digest = hashlib.sha256(json.dumps(search, sort_keys=True).encode()).hexdigest()
        if self._path is not None:
            self._read(self._path, {_HEADER: 1, "search": digest})

    def _read(self, path: Path, header: dict[str, Any]) -> None:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        lines = text.splitlines(keepends=True)
        if lines and not lines[-1].endswith("\n"):
            lines.pop()  # the process ended while it was written
        if not lines:
            if text and not json.dumps(header).startswith(text):
                raise ValueError(f"{path} is no log of a tune. Choose another file.")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(header) + "\n", encoding="utf-8")
            return
        found = _parsed(lines[0])
        if _HEADER not in found:
            raise ValueError(f"{path} is no log of a tune. Choose another file.")
        if found != header:
            raise ValueError(
                f"{path} is the log of a tune with other data, another goal or another search space. "
                "Choose another file, or delete this one."
            )
        for line in lines[1:]:
            if record := _parsed(line):
                self._known.setdefault(_key(record["suggestion"]), []).append(record)
        if "".join(lines) != text:
            path.write_text("".join(lines), encoding="utf-8")

    def known(self, suggestion: dict[str, Any]) -> dict[str, Any] | None:
        """The trial of a suggestion, if it is in the file; each is found once."""
        records = self._known.get(_key(suggestion))
        return records.pop(0) if records else None

    def add(self, record: dict[str, Any]) -> None:
        """Write a trial."""
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")


def _parsed(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except json.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _key(suggestion: dict[str, Any]) -> str:
    return json.dumps(suggestion, sort_keys=True)
