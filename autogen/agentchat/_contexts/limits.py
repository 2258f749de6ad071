"""Limits of a history: the newest messages, both of its ends, or as much as some tokens allow. Units are never split."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice

from ..agent import Message
from .counting import TokenCounter
from .texts import allot, get_texts, replace_texts
from .units import Unit, find_simple_unit, is_result, split_newest, split_oldest, split_units
from .view import View, find_gaps, select

# Messages at the end of a history that are looked at first.
_LEAST_LOOK = 64
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
    kept: list[Unit] = []
    if keep_first:
        # The whole history is looked at if the first message has calls.
        first = find_simple_unit(messages, 0) or next(iter(split_units(messages)), [])
        if 0 < len(first) <= max_messages:
            kept.append(first)
            max_messages -= len(first)
    kept += _take(_iter_newest(messages, exclude=kept), max_messages)
    if not kept:
        kept += islice(_iter_newest(messages), 1)
    return select(messages, list(chain.from_iterable(kept)), {})


def _iter_newest(messages: list[Message], exclude: Sequence[Unit] = ()) -> Iterator[Unit]:
    """Yield the units of a history from the newest on, and look at no more of it than is asked for."""
    excluded = {unit[0] for unit in exclude}
    count, end = _LEAST_LOOK, len(messages)
    while end:
        units, start = split_newest(messages, count)
        # Those that begin later were yielded before.
        yield from (unit for unit in reversed(units) if unit[0] < end and unit[0] not in excluded)
        count, end = count * 4, start


def keep_ends(messages: list[Message], head_size: int, tail_size: int) -> View:
    """Return the first and the last messages, with a notice between them that says how many are not shown.

    Args:
        messages: History.
        head_size: Maximum number of messages at the start.
        tail_size: Maximum number of messages at the end. The last unit is shown whole if nothing else would be shown.
    """
    if len(messages) <= head_size + tail_size:
        return View(messages)
    head = _take(_iter_oldest(messages), head_size)
    begin = head[-1][0] if head else -1
    tail = _take((unit for unit in _iter_newest(messages) if unit[0] > begin), tail_size)
    kept = head + tail or list(islice(_iter_newest(messages), 1))
    positions = sorted(chain.from_iterable(kept))
    count = sum(last - first + 1 for first, last in find_gaps(positions, len(messages)))
    return select(messages, positions, {}, notice=make_notice(count))


def _iter_oldest(messages: list[Message]) -> Iterator[Unit]:
    """Yield the units of a history from the oldest on, and look at no more of it than is asked for."""
    count, begin = _LEAST_LOOK, -1
    while True:
        for unit in split_oldest(messages, count):
            # Those that begin earlier were yielded before.
            if unit[0] > begin:
                begin = unit[0]
                yield unit
        if count >= len(messages):
            return
        count *= 4


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
        units = _iter_newest(self._messages)
        last = next(units, None)
        return View(self._messages) if last is None else self._fit(limit, last, units, shortens=True)

    def keep_ends(self, limit: int, notice_tokens: int = 0) -> View:
        """Return the units at both ends within a limit of tokens, with a notice between them.

        Args:
            limit: Limit in tokens.
            notice_tokens: Tokens that are kept free for the notice.
        """
        last = next(_iter_newest(self._messages), None)
        if last is None:
            return View(self._messages)
        view = self._fit(limit, last, _alternate(self._messages, last), shortens=False)
        if not view.left_out:
            return view
        self._replaced.clear()
        view = self._fit(limit - notice_tokens, last, _alternate(self._messages, last), shortens=False)
        gaps = view.left_out
        notice = make_notice(sum(last - first + 1 for first, last in gaps))
        return View([*view.messages[: gaps[0][0]], notice, *view.messages[gaps[0][0] :]], gaps, view.changed)

    def _fit(self, limit: int, last: Unit, others: Iterable[Unit], shortens: bool) -> View:
        """Return the units that fit.

        Args:
            limit: Limit in tokens.
            last: The last unit. It is never lost, and neither is the first message of the user.
            others: The other units, in the order in which they are chosen.
            shortens: True to shorten the first unit that does not fit to the tokens that are left.
        """
        first = self._find_first(last)
        fixed = [unit for unit in (first, last) if unit is not None]
        kept: list[Unit] = []
        remaining = limit - sum(map(self._count, fixed))
        if remaining < 0:
            self._shorten_ends(first, last, limit)
        for unit in others:
            if first is not None and unit[0] == first[0]:
                continue
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

    def _find_first(self, last: Unit) -> Unit | None:
        """Return the unit of the first message of the user; None without one, or if it is the last unit."""
        for position, message in enumerate(self._messages):
            if message.get("role") == "user" and not is_result(message):
                if position == last[0]:
                    return None
                unit = find_simple_unit(self._messages, position)
                return unit or next((unit for unit in split_units(self._messages) if unit[0] == position), None)
        return None

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


def _alternate(messages: list[Message], last: Unit) -> Iterator[Unit]:
    """Yield the units of a history but for the last, from both ends towards the middle, beginning with the newest."""
    seen = {last[0]}
    pairs = zip(islice(_iter_newest(messages), 1, None), _iter_oldest(messages), strict=False)
    for unit in chain.from_iterable(pairs):
        # Where both meet, all units were yielded.
        if unit[0] in seen:
            return
        seen.add(unit[0])
        yield unit
