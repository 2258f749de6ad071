"""The versions of the functions of an `AgentOptimizer`, with their results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from .actions import InvalidAction, JSONObject, LearnedFunction


@dataclass(frozen=True)
class FunctionVersion:
    """A list of functions that was tried.

    Attributes:
        number: Its number; 0 is the list without functions.
        functions: The functions.
        performance: The mean result of the conversations that used them, from 0 to 1; None before there are any.
        conversations: The number of these conversations.
        parent: The number of the version that it was made from; None for the first.
    """

    number: int
    functions: tuple[LearnedFunction, ...] = ()
    performance: float | None = None
    conversations: int = 0
    parent: int | None = None

    def add_results(self, results: Sequence[int]) -> FunctionVersion:
        """Return the version with the results of further conversations."""
        count = self.conversations + len(results)
        total = (self.performance or 0.0) * self.conversations + sum(results)
        return replace(self, performance=total / count, conversations=count)

    def to_dict(self) -> JSONObject:
        """Return the version as a dict of JSON values."""
        fields = {"performance": self.performance, "conversations": self.conversations, "parent": self.parent}
        return {"number": self.number, "functions": [item.to_dict() for item in self.functions], **fields}


@dataclass(frozen=True)
class History:
    """All versions that were tried. A step makes another history of it, so that a step that fails changes nothing.

    Attributes:
        versions: The versions, by number.
        current: Number of the version that the agents have.
        best: Number of the version with the best result.
        failures: Numbers of the versions that did worse than the best, the worst first.
        steps_without_gain: Number of steps since the result became better.
    """

    versions: tuple[FunctionVersion, ...] = (FunctionVersion(0),)
    current: int = 0
    best: int = 0
    failures: tuple[int, ...] = ()
    steps_without_gain: int = 0

    def judge(self, results: Sequence[int]) -> History:
        """Return the history after conversations with the current version. The best is current then.

        Args:
            results: The result of each conversation, 1 or 0.
        """
        best = self.versions[self.best].performance
        tried = self.versions[self.current].add_results(results)
        versions = tuple(tried if version.number == tried.number else version for version in self.versions)
        performance = tried.performance or 0.0
        has_gained = best is None or (performance > best and self.current != self.best)
        judged = replace(
            self, versions=versions, steps_without_gain=0 if has_gained else self.steps_without_gain + 1, current=self.best
        )
        # Measured once more, the best version has a better estimate, and stays the best.
        if self.current == self.best:
            return judged
        if best is not None and performance < best:
            failures = sorted({*self.failures, self.current}, key=lambda number: versions[number].performance or 0.0)
            return replace(judged, failures=tuple(failures))
        return replace(judged, current=self.current, best=self.current, failures=())

    def add(self, functions: tuple[LearnedFunction, ...]) -> History:
        """Return the history with a version that was made from the best, and is current."""
        if functions == self.versions[self.best].functions:
            return self
        number = len(self.versions)
        version = FunctionVersion(number, functions, parent=self.best)
        return replace(self, versions=(*self.versions, version), current=number)

    def select(self, number: int | None) -> History:
        """Return the history with another current version; None for the best.

        Raises:
            ValueError: if there is no such version.
        """
        number = self.best if number is None else number
        if number not in range(len(self.versions)):
            raise ValueError(f"There is no version {number!r}: the versions are 0 to {len(self.versions) - 1}.")
        return replace(self, current=number)

    def to_dict(self) -> JSONObject:
        """Return the history as a dict of JSON values."""
        numbers = {"current": self.current, "best": self.best, "failures": list(self.failures)}
        versions = [version.to_dict() for version in self.versions]
        return {"versions": versions, **numbers, "steps_without_gain": self.steps_without_gain}

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> History:
        """Make a history from a dict.

        Raises:
            ValueError: if it does not describe one.
        """
        versions, failures = tuple(_parse_versions(data.get("versions"))), data.get("failures")
        numbers = [data.get("current"), data.get("best"), *(failures if isinstance(failures, list) else ())]
        if any(number not in range(len(versions)) for number in numbers):
            raise ValueError("it names a version that it doesn't have")
        steps = data.get("steps_without_gain", 0)
        if not isinstance(steps, int):
            raise ValueError("steps_without_gain must be a whole number")
        current, best, *worse = (int(number) for number in numbers if isinstance(number, int))
        return cls(versions, current, best, tuple(worse), steps)


def _parse_versions(items: object) -> list[FunctionVersion]:
    if not isinstance(items, list) or not items:
        raise ValueError("versions must be a list with at least one version")
    versions = []
    for number, item in enumerate(items):
        if not isinstance(item, Mapping) or item.get("number") != number:
            raise ValueError(f"version {number} is missing")
        performance, parent, count = item.get("performance"), item.get("parent"), item.get("conversations")
        is_number = performance is None or isinstance(performance, (int, float))
        if not is_number or not isinstance(count, int) or parent not in (None, *range(number)):
            raise ValueError(f"a field of version {number} is of the wrong kind")
        try:
            functions = tuple(map(LearnedFunction.from_dict, item.get("functions") or ()))
        except InvalidAction as error:
            raise ValueError(f"version {number}: {error}") from error
        versions.append(FunctionVersion(number, functions, performance, count, parent))
    return versions
