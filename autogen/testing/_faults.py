"""Random failures of an endpoint, of every kind that real endpoints have."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

from ..types import Message
from ._oddities import ODDITIES, make_odd
from ._scripted import Fault, Reply, ScriptItem, normalize_item

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
"""The failures, by name."""
_TEXT_ODDITIES = [name for name, oddity in ODDITIES.items() if not oddity.calls]


class FaultInjector:
    """A script function for `OpenAIServer` that fails at random.

    Args:
        answer: A function from the messages of a request to a reply.
        share: The share of requests that fail, from 0 to 1.
        seed: The seed of the random generator, which makes the failures reproducible.
        odd: The share of the answers that have an oddity, readable or not; see `Misbehaving`. Answers with calls have none.

    >>> server = OpenAIServer(FaultInjector(lambda messages: "hello", share=0.2))
    """

    def __init__(
        self, answer: Callable[[list[Message]], ScriptItem], share: float = 0.2, seed: int = 0, odd: float = 0.0
    ) -> None:
        self._answer = answer
        self._share = share
        self._odd = odd
        self._random = random.Random(seed)
        # Requests arrive in several threads.
        self._lock = threading.Lock()
        self.failed: dict[str, int] = dict.fromkeys(FAULTS, 0)
        """The number of failures, by name."""
        self.odd: dict[str, int] = dict.fromkeys(_TEXT_ODDITIES, 0)
        """The number of odd answers, by name."""
        self.answered = 0
        """The number of answered requests, odd ones included."""

    def __call__(self, messages: list[Message]) -> ScriptItem:
        """Return a reply or a `Fault`."""
        with self._lock:
            if self._random.random() < self._share:
                name = self._random.choice(list(FAULTS))
                self.failed[name] += 1
                return FAULTS[name]
            self.answered += 1
            # Without oddities, a seed fails the same requests as ever.
            is_odd = bool(self._odd) and self._random.random() < self._odd
            name = self._random.choice(_TEXT_ODDITIES) if is_odd else ""
        item = self._answer(messages)
        reply = normalize_item(item) if name else item
        if not isinstance(reply, Reply) or not name or reply.tool_calls:
            return item
        with self._lock:
            self.odd[name] += 1
        return make_odd(reply, name)
