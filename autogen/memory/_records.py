"""Memos, and memos that were recalled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any

MAX_DISTANCE = 4.0
"""Squared Euclidean distance of opposite unit vectors."""


@dataclass(frozen=True, kw_only=True)
class Memo:
    """A piece of information, and the question or task that it is for.

    Attributes:
        id: Number of the memo in its store.
        input: Question that it answers, or kind of task that it helps with.
        output: Information or advice.
        said_by: Name or role of whoever said it; empty if unknown.
        created: Time of its first mention.
        updated: Time of its last mention.
        namespace: User or tenant that it belongs to.
    """

    id: int
    input: str
    output: str
    said_by: str = ""
    created: datetime
    updated: datetime
    namespace: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the memo as JSON: a line of an export."""
        times = {"created": self.created.isoformat(), "updated": self.updated.isoformat()}
        return {**self.__dict__, **times}


@dataclass(frozen=True, kw_only=True)
class RecalledMemo(Memo):
    """A memo that was recalled for a text.

    Attributes:
        distance: Squared Euclidean distance of the unit vectors, 0 to 4; 0 for an exact match. Without an embedder, the part
            of the words of the text that it lacks, times two.
        is_outdated: True if a newer memo of the same recall says something else about the same.
    """

    distance: float
    is_outdated: bool = False

    @property
    def text(self) -> str:
        """The memo in words, with its date and who said it."""
        origin = ", ".join(part for part in (f"{self.updated:%Y-%m-%d}", self.said_by and f"said by {self.said_by}") if part)
        note = " (a newer memory differs)" if self.is_outdated else ""
        content = self.output if self.input == self.output else f"{self.input} {self.output}"
        return f"[{origin}]{note} {' '.join(content.split())}"


def make_recalled(memo: Memo, distance: float) -> RecalledMemo:
    """Return a memo with its distance from the text that it was recalled for."""
    return RecalledMemo(**memo.__dict__, distance=distance)


def mark_outdated(memos: list[RecalledMemo], groups: list[set[int]]) -> list[RecalledMemo]:
    """Put the memos about the same side by side, newest first, and mark the older ones.

    Args:
        memos: The memos, best first.
        groups: Ids of the memos that are about the same and differ.
    """
    ordered: list[RecalledMemo] = []
    for memo in memos:
        group = next((group for group in groups if memo.id in group), {memo.id})
        if memo.id in {other.id for other in ordered}:
            continue
        same = sorted((other for other in memos if other.id in group), key=lambda other: other.updated, reverse=True)
        ordered += [same[0], *(replace(other, is_outdated=True) for other in same[1:])]
    return ordered


def parse_memo(line: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a memo of an export, without its id.

    Raises:
        ValueError: if it is not one.
    """
    fields = {name: line.get(name) for name in ("input", "output")}
    if not all(isinstance(value, str) and value for value in fields.values()):
        raise ValueError("a memo needs the texts `input` and `output`")
    for name in ("said_by", "namespace"):
        value = line.get(name) or ""
        if not isinstance(value, str):
            raise ValueError(f"`{name}` must be text")
        fields[name] = value
    for name in ("created", "updated"):
        value = line.get(name)
        fields[name] = get_now() if value is None else _parse_time(name, value)
    return fields


def _parse_time(name: str, value: object) -> datetime:
    try:
        time = datetime.fromisoformat(str(value))
    except ValueError as error:
        raise ValueError(f"`{name}` must be a time such as 2026-01-31T12:00:00+00:00, got {value!r}") from error
    return time if time.tzinfo is not None else time.replace(tzinfo=timezone.utc)


def get_now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(timezone.utc)
