"""The accounting of vendors' prompt caches: the tokens of a request that an earlier one had at its start."""

from __future__ import annotations

import hashlib
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


class BreakpointCache:
    """The prefixes that a server has kept: one at each breakpoint, looked for up to 20 blocks before one.

    Args:
        least: Tokens of the shortest prefix that is kept.
    """

    LOOK_BACK = 20

    def __init__(self, least: int = 1024) -> None:
        self._least = least
        self._kept: set[bytes] = set()
        self._lock = threading.Lock()

    def count(self, blocks: Sequence[bytes], ends: Sequence[int]) -> tuple[int, int, int]:
        """Return the tokens of a request, those read from the cache, and those written to it; remember the request.

        Args:
            blocks: The blocks of the request in the order in which the vendor reads them, without breakpoints.
            ends: The positions of the blocks that a breakpoint follows.
        """
        digest = hashlib.sha256()
        prefixes, sizes, size = [], [], 0
        for block in blocks:
            digest.update(block)
            size += len(block)
            prefixes.append(digest.digest())
            sizes.append(size // _BYTES)
        total = max(1, size // _BYTES)
        with self._lock:
            near = {index for end in ends for index in range(max(0, end - self.LOOK_BACK), end + 1)}
            cached = max((sizes[index] for index in near if prefixes[index] in self._kept), default=0)
            kept = [index for index in ends if sizes[index] >= self._least]
            self._kept.update(prefixes[index] for index in kept)
        written = max((sizes[index] for index in kept), default=0) - cached
        return total, cached, max(0, written)
