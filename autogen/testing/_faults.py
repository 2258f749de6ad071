"""An endpoint that fails now and then, in all the ways in which endpoints do."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import Any

from ._replies import Fault

_HEAD = b'data: {"id": "x", "object": "chat.completion.chunk", "created": 0, "model": "m", '
_CUT = _HEAD + b'"choices": [{"index": 0, "delta": {"content": "hal'

FAULTS = {
    "429, wait": Fault(status=429, headers={"retry-after-ms": "5"}),
    "429": Fault(status=429),
    "500": Fault(status=500),
    "502": Fault(status=502, body=b"<html>Bad Gateway</html>", headers={"Content-Type": "text/html"}),
    "reset": Fault(drop=True),
    "cut stream": Fault(status=200, body=_CUT, headers={"Content-Type": "text/event-stream"}),
    "invalid JSON": Fault(status=200, body=b'{"id": "x", "choices": [{'),
    "slow drip": Fault(status=200, body=b"{" + b" " * 10_000, drip=0.05),
}
"""What can go wrong, by name."""


class FaultInjector:
    """Wraps a script so that some of its requests fail. For `OpenAIServer`.

    Args:
        answer: A function from the messages to an answer.
        share: How many of the requests fail, from 0 to 1.
        seed: Which of them.

    >>> server = OpenAIServer(FaultInjector(lambda messages: "hello", share=0.2))
    """

    def __init__(self, answer: Callable[[list[dict[str, Any]]], Any], share: float = 0.2, seed: int = 0) -> None:
        self._answer = answer
        self._share = share
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self.failed: dict[str, int] = dict.fromkeys(FAULTS, 0)
        """How often each fault happened."""
        self.answered = 0
        """How many requests were answered."""

    def __call__(self, messages: list[dict[str, Any]]) -> Any:
        """An answer, or a fault."""
        with self._lock:
            if self._random.random() < self._share:
                name = self._random.choice(list(FAULTS))
                self.failed[name] += 1
                return FAULTS[name]
            self.answered += 1
        return self._answer(messages)
