"""The accounting of a vendor's prompt cache: the tokens of a request that an earlier one had at its start."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from typing import Any

# A token is four bytes: the figures only have to rank.
_BYTES = 4


class PromptCache:
    """The prefixes that a server has seen.

    Args:
        least: Tokens of the shortest prefix that is kept.
        step: Tokens by which prefixes differ.
    """

    def __init__(self, least: int = 1024, step: int = 128) -> None:
        self._least, self._step = least, step
        self._seen: dict[str, list[bytes]] = {}
        self._lock = threading.Lock()

    def count(self, parts: Sequence[Any], key: str = "") -> tuple[int, int]:
        """Return the tokens of a request, and those of them that were read from the cache; remember the request.

        Args:
            parts: The parts of the request in the order in which the vendor reads them.
            key: Name of the cache's part: requests with different keys share nothing.
        """
        prompt = b"".join(json.dumps(part, ensure_ascii=False).encode() for part in parts)
        with self._lock:
            seen = self._seen.setdefault(key, [])
            shared = max((_count_shared(prompt, earlier) for earlier in seen), default=0) // _BYTES
            seen.append(prompt)
        cached = shared - shared % self._step
        return max(1, len(prompt) // _BYTES), cached if cached >= self._least else 0


def _count_shared(first: bytes, second: bytes) -> int:
    """Return the number of equal bytes at the start."""
    if second.startswith(first) or first.startswith(second):
        return min(len(first), len(second))
    return next(index for index, (left, right) in enumerate(zip(first, second, strict=False)) if left != right)
