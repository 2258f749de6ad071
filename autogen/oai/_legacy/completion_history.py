"""The history that `Completion.start_logging` starts: requests, responses and their cost, in memory."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from typing import Any, cast

from .._requests.serialization import ResponseDict

COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")


class History:
    """The recorded calls. It is thread-safe.

    Args:
        entries: Dict in which the calls are recorded; a new one if None.
        compact: True for one entry per conversation, False for one per call.
        first: Number of the first call.
    """

    def __init__(self, entries: dict[int | str, dict[str, Any]] | None, compact: bool, first: int = 0) -> None:
        self.entries: dict[int | str, dict[str, Any]] = {} if entries is None else entries
        self.compact = compact
        self.calls = first
        self._lock = threading.Lock()

    def add(self, request: Mapping[str, object], response: ResponseDict) -> None:
        """Record a call."""
        # Tools may call `Completion` in several threads.
        with self._lock:
            if self.compact:
                self._extend_conversation(request, response)
            else:
                self.entries[self.calls] = {"request": dict(request), "response": dict(response)}
            self.calls += 1

    def _extend_conversation(self, request: Mapping[str, object], response: ResponseDict) -> None:
        """Record a call in the conversation that it continues, or in a new one."""
        choices = response["choices"]
        if "messages" in request:
            question = list(cast("list[object]", request["messages"]))
            replies: list[object] = [_drop_unset(choice["message"]) for choice in choices]
        else:
            question, replies = [request.get("prompt")], [choice.get("text") for choice in choices]
        # The entry moves to a new key, because its conversation has grown.
        entry = self._pop_conversation(question) or {"created_at": [], "cost": [], "token_count": []}
        usage = response.get("usage") or {}
        entry["created_at"].append(self.calls)
        entry["cost"].append(response.get("cost") or 0.0)
        entry["token_count"].append({"model": response.get("model"), **{name: usage.get(name) or 0 for name in COUNTS}})
        self.entries[_make_key(question + replies)] = entry

    def _pop_conversation(self, question: list[object]) -> dict[str, Any] | None:
        """Remove and return the entry of the conversation that ends in `question`: the longest, if there are several."""
        # The last message is new, so no earlier call ends in it.
        for length in range(len(question) - 1, 0, -1):
            entry: dict[str, Any] | None = self.entries.pop(_make_key(question[:length]), None)
            if entry is not None:
                return entry
        return None

    def sum_usage(self) -> tuple[float, dict[str, dict[str, int]]]:
        """Return the total cost in USD, and the sums of tokens by model."""
        with self._lock:
            calls = [call for entry in self.entries.values() for call in _iterate_calls(entry)]
        sums: dict[str, dict[str, int]] = {}
        for _, tokens in calls:
            model_sums = sums.setdefault(str(tokens["model"]), dict.fromkeys(COUNTS, 0))
            for name in COUNTS:
                model_sums[name] += tokens.get(name) or 0
        return sum(cost or 0.0 for cost, _ in calls), sums


def _iterate_calls(entry: Mapping[str, Any]) -> Iterator[tuple[float, dict[str, Any]]]:
    """Yield the cost and the tokens of each call of an entry, in either form."""
    # The form depends on `compact`, and a dict of the caller may contain both.
    if "token_count" in entry:
        yield from zip(entry["cost"], entry["token_count"], strict=True)
    else:
        response = entry["response"]
        yield response.get("cost") or 0.0, {"model": response.get("model"), **(response.get("usage") or {})}


def _drop_unset(message: Mapping[str, object]) -> dict[str, object]:
    """Return a reply in the form in which callers repeat it. The SDK's has many fields that are None."""
    return {name: value for name, value in message.items() if value is not None or name == "content"}


def _make_key(messages: list[object]) -> str:
    # Messages may contain objects of the SDK.
    return json.dumps(messages, sort_keys=True, default=str)
