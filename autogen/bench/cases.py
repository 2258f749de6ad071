"""Cases, their limits, and files of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path, PurePosixPath
from typing import Any

from .._mistakes import suggest

__all__ = ["Case", "Limits", "make_cases", "read_cases"]


@dataclass(frozen=True)
class Limits:
    """Limits of one run. None means no limit.

    Attributes:
        seconds: Wall-clock time.
        cost: Cost of the models in USD.
        tokens: Tokens of requests and responses.
        turns: Messages between agents.
    """

    seconds: float | None = None
    cost: float | None = None
    tokens: int | None = None
    turns: int | None = None

    def __post_init__(self) -> None:
        for limit in fields(self):
            value = getattr(self, limit.name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0):
                raise ValueError(f"The limit {limit.name!r} must be a positive number or None, got {value!r}.")

    def override(self, other: Limits) -> Limits:
        """Return these limits with those that another object sets."""
        changes = {limit.name: value for limit in fields(other) if (value := getattr(other, limit.name)) is not None}
        return replace(self, **changes)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Limits:
        """Make limits from a dictionary.

        Raises:
            ValueError: if a name is unknown or a value is invalid.
        """
        _check_names(data, [limit.name for limit in fields(cls)], "limits")
        return cls(**data)


@dataclass(frozen=True)
class Case:
    """A task with all that is needed to score an answer.

    Attributes:
        id: Name, unique in its suite.
        input: Task, as the system under test receives it.
        target: Expected answer, for scorers that need it; for `tests` the program that tests it.
        files: Files by their paths in the work directory of the run: texts, or paths of files that are copied.
        metadata: Anything else.
        limits: Limits of a run; they come before those of the suite.
        scorers: Specs of scorers; empty for those of the suite. See `make_scorer`.
    """

    id: str
    input: str
    target: Any = None
    files: Mapping[str, str | Path] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    scorers: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.id, str) or not self.id.strip():
            raise ValueError(f"The id of a case must be a text, got {self.id!r}.")
        if not isinstance(self.input, str):
            raise ValueError(f"The input of case {self.id!r} must be a text, got {self.input!r}.")
        for name in ("files", "metadata"):
            if not isinstance(value := getattr(self, name), Mapping):
                raise ValueError(f"The {name} of case {self.id!r} must be an object, got {value!r:.80}.")
        if not isinstance(self.scorers, tuple):
            raise ValueError(f"The scorers of case {self.id!r} must be a tuple, got {self.scorers!r:.80}.")
        for name, text in self.files.items():
            path = PurePosixPath(name)
            # Windows has two more ways to leave a folder: backslashes, and drives.
            if path.is_absolute() or ".." in path.parts or not path.parts or "\\" in name or ":" in name:
                raise ValueError(f"The file {name!r} of case {self.id!r} must be a path below the work directory.")
            if not isinstance(text, (str, Path)):
                raise ValueError(f"The file {name!r} of case {self.id!r} must be a text or Path, got {type(text).__name__}.")

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Case:
        """Make a case from a dictionary, such as a line of a file.

        Raises:
            ValueError: if a field is missing, unknown or invalid.
        """
        names = [item.name for item in fields(cls)]
        _check_names(data, names, "a case")
        if missing := [name for name in ("id", "input") if name not in data]:
            raise ValueError(f"A case needs {' and '.join(map(repr, missing))}, got {dict(data)!r:.200}.")
        values = dict(data)
        values["limits"] = Limits.from_dict(data.get("limits") or {})
        values["scorers"] = list_specs(data.get("scorers"), f"case {data['id']!r}")
        return cls(**values)


def _check_names(data: object, names: list[str], owner: str) -> None:
    if not isinstance(data, Mapping):
        raise ValueError(f"{owner[0].upper()}{owner[1:]} must be an object with {', '.join(names)}, got {data!r:.200}.")
    for name in data:
        if name not in names:
            raise ValueError(f"{name!r} is unknown in {owner}.{suggest(str(name), names)} Known: {', '.join(names)}.")


def list_specs(specs: object, owner: str) -> tuple[Any, ...]:
    """Return the specs of scorers in a file as a tuple.

    Args:
        specs: List of specs; None or empty for none.
        owner: Part of the file, for errors.

    Raises:
        ValueError: if it is not a list: a name alone would be taken for its letters.
    """
    if not specs:
        return ()
    if not isinstance(specs, (list, tuple)):
        raise ValueError(f"The scorers of {owner} must be a list, got {specs!r:.80}.")
    return tuple(specs)


def read_cases(path: Path | str) -> list[Case]:
    """Read cases from a file of JSON lines. Empty lines are skipped.

    Raises:
        OSError: if the file can't be read.
        ValueError: if a line is not a case, or two have the same id. The text names the line.
    """
    cases = []
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), 1):
        if line.strip():
            try:
                cases.append(Case.from_dict(json.loads(line)))
            except ValueError as error:
                raise ValueError(f"{path}, line {number}: {error}") from error
    return make_cases(cases, str(path))


def make_cases(cases: Iterable[Case | Mapping[str, Any] | tuple[str, Any]], origin: str = "cases") -> list[Case]:
    """Make cases from cases, dictionaries, or pairs of input and target, whose ids are their numbers.

    Args:
        cases: The cases.
        origin: Name of the list, for errors.

    Raises:
        ValueError: if there are none, one is invalid, or two have the same id.
    """
    result = []
    for number, case in enumerate(cases, 1):
        if isinstance(case, Case):
            result.append(case)
        elif isinstance(case, Mapping):
            result.append(Case.from_dict({"id": str(number), **case}))
        elif isinstance(case, tuple) and len(case) == 2:
            result.append(Case(str(number), case[0], case[1]))
        else:
            raise ValueError(
                f"Number {number} of {origin} must be a Case, a dictionary, or a pair (input, target), got {case!r:.200}."
            )
    if not result:
        raise ValueError(f"There are no cases in {origin}.")
    ids = [case.id for case in result]
    # Results are kept by the id.
    if twice := sorted({name for name in ids if ids.count(name) > 1}):
        raise ValueError(f"The ids of cases must be unique, in {origin} {twice[0]!r} occurs twice.")
    return result
