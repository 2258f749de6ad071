"""Limits of a history: the newest messages, both of its ends, or as much as some tokens allow. Units are never split."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, zip_longest

from ..agent import Message
from .counting import TokenCounter
from .texts import allot, get_texts, replace_texts
from .units import Unit, split_units
from .view import View, find_gaps, select

# The part of a token limit that the first message of the user keeps at least, if it needs it.
_SHARE_OF_FIRST = 4


def keep_newest(messages: list[Message], max_messages: int, keep_first: bool = False) -> View:
    """Return the newest messages.

    Args:
        messages: History.
        max_messages: Maximum number of messages. The last unit is shown whole if nothing else would be shown.
        keep_first: True to show the first unit, too; its messages count.
    """
    if len(messages) <= max_messages:
        return View(messages)
    units = split_units(messages)
    kept: list[Unit] = []
    if keep_first and units and len(units[0]) <= max_messages:
        kept.append(units.pop(0))
        max_messages -= len(kept[0])
    kept += _take(reversed(units), max_messages)
    if not kept and units:
        kept.append(units[-1])
    return select(messages, list(chain.from_iterable(kept)), {})


def keep_ends(messages: list[Message], head_size: int, tail_size: int) -> View:
    """Return the first and the last messages, with a notice between them that says how many are not shown.

    Args:
        messages: History.
        head_size: Maximum number of messages at the start.
        tail_size: Maximum number of messages at the end. The last unit is shown whole if nothing else would be shown.
    """
    if len(messages) <= head_size + tail_size:
        return View(messages)
    units = split_units(messages)
    head = _take(units, head_size)
    tail = _take(reversed(units[len(head) :]), tail_size)
    kept = head + tail or units[-1:]
    positions = sorted(chain.from_iterable(kept))
    count = sum(last - first + 1 for first, last in find_gaps(positions, len(messages)))
    return select(messages, positions, {}, notice=make_notice(count))


def _take(units: Iterable[Unit], max_messages: int) -> list[Unit]:
    """Return the first units that have no more messages than a limit."""
    taken: list[Unit] = []
    for unit in units:
        max_messages -= len(unit)
        if max_messages < 0:
            break
        taken.append(unit)
    return taken


def make_notice(count: int) -> Message:
    """Return a message that stands for messages that are not shown."""
    return {"role": "user", "content": f"[... {count} messages are not shown here ...]", "name": "context"}


class TokenFit:
    """Choice of the units of a history that fit into a number of tokens.

    Args:
        messages: History.
        counter: Counter of the model.
        per_message: Maximum number of tokens of the texts of each message; None for no limit.
        is_protected: Returns True for messages whose texts are not shortened.
        has_frames: True to count roles and names, too.
    """

    def __init__(
        self,
        messages: list[Message],
        counter: TokenCounter,
        per_message: int | None = None,
        is_protected: Callable[[Message], bool] | None = None,
        has_frames: bool = False,
    ) -> None:
        self._messages = messages
        self._counter = counter
        self._per_message = per_message
        self._is_protected = is_protected or (lambda message: False)
        self._has_frames = has_frames
        self._replaced: dict[int, Message] = {}

    def shorten_each(self) -> View:
        """Return all messages, each within its own limit."""
        for position in range(len(self._messages)):
            self._get(position)
        return select(self._messages, range(len(self._messages)), self._replaced)

    def keep_newest(self, limit: int) -> View:
        """Return the newest units within a limit of tokens; the oldest of them is shortened to what is left."""
        return self._fit(limit, lambda units: reversed(units), shortens=True)

    def keep_ends(self, limit: int, notice_tokens: int = 0) -> View:
        """Return the units at both ends within a limit of tokens, with a notice between them.

        Args:
            limit: Limit in tokens.
            notice_tokens: Tokens that are kept free for the notice.
        """
        view = self._fit(limit, _alternate, shortens=False)
        if not view.left_out:
            return view
        self._replaced.clear()
        view = self._fit(limit - notice_tokens, _alternate, shortens=False)
        gaps = view.left_out
        notice = make_notice(sum(last - first + 1 for first, last in gaps))
        return View([*view.messages[: gaps[0][0]], notice, *view.messages[gaps[0][0] :]], gaps, view.changed)

    def _fit(self, limit: int, order: Callable[[list[Unit]], Iterator[Unit]], shortens: bool) -> View:
        """Return the units that fit, chosen in an order; the first message of the user and the last unit are never lost."""
        units = split_units(self._messages)
        if not units:
            return View(self._messages)
        last = units.pop()
        first = next((unit for unit in units if self._messages[unit[0]].get("role") == "user"), None)
        fixed = [unit for unit in (first, last) if unit is not None]
        kept: list[Unit] = []
        remaining = limit - sum(map(self._count, fixed))
        if remaining < 0:
            self._shorten_ends(first, last, limit)
        for unit in order([unit for unit in units if unit is not first]):
            size = self._count(unit)
            if size > remaining and not self._has_protected(unit):
                if shortens and remaining > 0 and self._shorten(unit, remaining):
                    kept.append(unit)
                break
            remaining -= size
            kept.append(unit)
        positions = list(chain.from_iterable([*kept, *fixed]))
        shown = set(positions)
        return select(self._messages, positions, {key: value for key, value in self._replaced.items() if key in shown})

    def _shorten_ends(self, first: Unit | None, last: Unit, limit: int) -> None:
        """Shorten the first message of the user and the last unit to a limit, which they share."""
        reserved = 0
        if first is not None:
            size = self._count(first)
            reserved = min(size, max(limit - self._count(last), limit // _SHARE_OF_FIRST, 0))
            if reserved < size:
                self._shorten(first, reserved, is_forced=True)
        self._shorten(last, limit - reserved, is_forced=True)

    def _shorten(self, unit: Unit, limit: int, is_forced: bool = False) -> bool:
        """Shorten the texts of a unit to a limit. Return False if there is no room for any, unless it is forced."""
        if self._has_protected(unit):
            return is_forced
        texts = {position: get_texts(self._get(position)) for position in unit}
        sizes = [self._counter.count_text(text) for position in unit for text in texts[position]]
        available = limit - (self._count(unit) - sum(sizes))
        if available <= 0 and not is_forced:
            return False
        shares = iter(allot(sizes, available))
        for position in unit:
            shortened = [self._counter.shorten(text, next(shares)) for text in texts[position]]
            if shortened != texts[position]:
                self._replaced[position] = replace_texts(self._messages[position], shortened)
        return True

    def _get(self, position: int) -> Message:
        """Return a message, its texts within the limit for each message."""
        if position in self._replaced:
            return self._replaced[position]
        message = self._messages[position]
        if self._per_message is None or self._is_protected(message):
            return message
        texts = get_texts(message)
        sizes = [self._counter.count_text(text) for text in texts]
        if sum(sizes) <= self._per_message:
            return message
        # The parts of a text are one text, and the results of several calls have equal rights.
        shares = allot(sizes, self._per_message) if message.get("tool_responses") else _share(sizes, self._per_message)
        cut = [self._counter.cut(text, share) for text, share in zip(texts, shares, strict=True)]
        self._replaced[position] = replace_texts(message, cut)
        return self._replaced[position]

    def _count(self, unit: Unit) -> int:
        count = self._counter.count
        size = sum(count(self._get(position)) for position in unit)
        if self._has_frames:
            size += sum(self._counter.count_frame(self._messages[position]) for position in unit)
        return size

    def _has_protected(self, unit: Unit) -> bool:
        return any(self._is_protected(self._messages[position]) for position in unit)


def _share(sizes: list[int], limit: int) -> list[int]:
    """Give a limit to texts one after the other."""
    shares = []
    for size in sizes:
        shares.append(min(size, limit))
        limit -= shares[-1]
    return shares


def _alternate(units: list[Unit]) -> Iterator[Unit]:
    """Yield units from both ends towards the middle, beginning with the newest."""
    half = len(units) // 2
    pairs = zip_longest(reversed(units[half:]), units[:half])
    yield from (unit for pair in pairs for unit in pair if unit is not None)
