"""What was asked through `Completion`, and what it cost: in memory, while logging is on."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")


class History:
    """The record of calls. Safe between threads.

    Args:
        entries: Where the calls are written to; a new dict by default.
        compact: One entry for each conversation, instead of one for each call.
        first: The number of the first call.
    """

    def __init__(self, entries: dict[Any, Any] | None, compact: bool, first: int = 0) -> None:
        self.entries: dict[Any, Any] = {} if entries is None else entries
        self.compact = compact
        self.calls = first
        self._lock = threading.Lock()

    def add(self, request: dict[str, Any], response: dict[str, Any]) -> None:
        """Record one call."""
        with self._lock:
            if self.compact:
                self._extend(request, response)
            else:
                self.entries[self.calls] = {"request": dict(request), "response": dict(response)}
            self.calls += 1

    def _extend(self, request: dict[str, Any], response: dict[str, Any]) -> None:
        """Write a call to the conversation that it goes on with, or to a new one."""
        choices = response["choices"]
        if "messages" in request:
            asked = list(request["messages"])
            said = [_without_blanks(choice["message"]) for choice in choices]
        else:
            asked, said = [request.get("prompt")], [choice.get("text") for choice in choices]
        entry = self._continued(asked) or {"created_at": [], "cost": [], "token_count": []}
        usage = response.get("usage") or {}
        entry["created_at"].append(self.calls)
        entry["cost"].append(response.get("cost") or 0.0)
        entry["token_count"].append({"model": response.get("model"), **{name: usage.get(name) or 0 for name in COUNTS}})
        self.entries[_key(asked + said)] = entry

    def _continued(self, asked: list[Any]) -> Any:
        """The entry of the conversation so far, taken out; the longest one if there are several."""
        for length in range(len(asked) - 1, 0, -1):
            if (entry := self.entries.pop(_key(asked[:length]), None)) is not None:
                return entry
        return None

    def usage(self) -> tuple[float, dict[str, dict[str, int]]]:
        """USD in all, and the sums of tokens by model."""
        with self._lock:
            calls = [call for entry in self.entries.values() for call in _calls(entry)]
        sums: dict[str, dict[str, int]] = {}
        for _, tokens in calls:
            sum_ = sums.setdefault(str(tokens["model"]), dict.fromkeys(COUNTS, 0))
            for name in COUNTS:
                sum_[name] += tokens.get(name) or 0
        return sum(cost or 0.0 for cost, _ in calls), sums


def _calls(entry: dict[str, Any]) -> Iterator[tuple[float, dict[str, Any]]]:
    """Cost and tokens of each call of an entry, in either form."""
    if "token_count" in entry:
        yield from zip(entry["cost"], entry["token_count"], strict=True)
    else:
        response = entry["response"]
        yield response.get("cost") or 0.0, {"model": response.get("model"), **(response.get("usage") or {})}


def _without_blanks(message: dict[str, Any]) -> dict[str, Any]:
    """A reply as callers repeat it: an SDK sends many fields that are not set."""
    return {name: value for name, value in message.items() if value is not None or name == "content"}


def _key(messages: list[Any]) -> str:
    return json.dumps(messages, sort_keys=True, default=str)
