"""The identity of items, by which a run that is started again knows what it has done."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple


class Entry(NamedTuple):
    """An item of a run.

    Attributes:
        position: Its position among the items.
        item: The item.
        id: Its identity.
    """

    position: int
    item: Any
    id: str


def list_entries(items: Iterable[Any], *, is_durable: bool) -> Iterator[Entry]:
    """Yield the items with their ids: `item["id"]`, or a digest of the item; equal items are numbered.

    Args:
        items: The items. A list is checked before the first one is yielded.
        is_durable: True if an id must be the same in another process.

    Raises:
        TypeError: An id is neither text nor a whole number; or an item can't be identified in another process.
        ValueError: Two items have the same id.
    """
    seen: dict[str, int] = {}
    if isinstance(items, Sequence):
        for index, item in enumerate(items):
            _check_id(index, item, seen)
        seen = {}
    return _number_entries(items, seen, is_durable)


def _number_entries(items: Iterable[Any], seen: dict[str, int], is_durable: bool) -> Iterator[Entry]:
    copies: Counter[str] = Counter()
    for index, item in enumerate(items):
        if (item_id := _check_id(index, item, seen)) is None:
            digest = _compute_digest(item)
            if digest is None and is_durable:
                raise TypeError(
                    f"Item {index} ({type(item).__name__}) can't be recognised in another process, so it can't have a "
                    'checkpoint: make it a dict with an "id", or of values that JSON can hold.'
                )
            item_id = digest or f"item-{index}"
            copies[item_id] += 1
            if copies[item_id] > 1:
                item_id = f"{item_id}#{copies[item_id]}"
        yield Entry(index, item, item_id)


def _check_id(index: int, item: object, seen: dict[str, int]) -> str | None:
    """Return the id that an item has itself, which no earlier item has; None if it has none."""
    if not isinstance(item, Mapping) or "id" not in item:
        return None
    item_id = item["id"]
    if isinstance(item_id, bool) or not isinstance(item_id, (str, int)):
        raise TypeError(f"The id of item {index} must be text or a whole number, got {item_id!r:.100}.")
    text = str(item_id)
    if text in seen:
        raise ValueError(f"Items {seen[text]} and {index} have the same id {text!r:.100}.")
    seen[text] = index
    return text


def _compute_digest(item: object) -> str | None:
    """Return the digest of an item, which is the same for equal items; None if JSON can't hold it."""
    if isinstance(item, str):
        text = item
    else:
        try:
            text = json.dumps(item, sort_keys=True, ensure_ascii=False)
        except (TypeError, ValueError, RecursionError):
            return None
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
