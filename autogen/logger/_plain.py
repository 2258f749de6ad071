"""What is written down of a value: plain JSON without secrets, whatever the value is. Nothing in here raises."""

from __future__ import annotations

import json
import math
import re
from collections import deque
from collections.abc import Callable, Mapping
from enum import Enum
from functools import partial
from pathlib import PurePath
from typing import Any

from .._secrets import MASK, is_secret_name, redact
from ._known_secrets import without_known

Opener = Callable[[Any], Any]

TOO_MUCH = "<<left out: too much>>"
_DEEPEST = 50  # levels
_MOST = 200_000  # values in one record
_LONGEST = 10_000  # bits of an integer: the interpreter refuses to write longer ones out
_ROWS = (list, tuple, set, frozenset, deque)

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_SECRET_WORDS = re.compile(
    r"\b(apikeys?|authorization|cookies?|credentials?|headers|pass(phrase|wd|words?)|pwd|secrets?|token"
    r"|(access|account|api|auth|encryption|private|secret|signing|subscription) keys?)\b"
)


def sealed(value: Any) -> str:
    """What stands for a value that is not written down."""
    return f"<<non-serializable: {type(value).__qualname__}>>"


def by_place(value: Any) -> str:
    """For a function or class where it stands in the code; its code may hold keys."""
    return place_of(value) if callable(value) else sealed(value)


def by_to_json(value: Any) -> Any:
    """What the value's own `to_json` says, if it has one."""
    return value.to_json() if callable(getattr(value, "to_json", None)) else sealed(value)


def by_attributes(value: Any) -> Any:
    """The public attributes of a value; a text where it has none."""
    if callable(value):
        return place_of(value)
    if not hasattr(value, "__dict__"):
        return repr(value)
    extra = getattr(value, "__pydantic_extra__", None)
    items = {**vars(value), **(extra if isinstance(extra, dict) else {})}
    return {name: item for name, item in items.items() if not str(name).startswith("_")}


def place_of(function: Any) -> str:
    """A callable's qualified name, and for a function its file and line."""
    if isinstance(function, partial):
        return f"partial of {place_of(function.func)}"
    owner = function if hasattr(function, "__qualname__") else type(function)
    name = f"{getattr(owner, '__module__', None)}.{owner.__qualname__}"
    code = getattr(function, "__code__", None)
    return f"{name} ({PurePath(code.co_filename).name}:{code.co_firstlineno})" if code else name


def plain(value: Any, opened: Opener = sealed, exclude: frozenset[str] = frozenset()) -> Any:
    """The value as JSON can hold it, secrets masked.

    Args:
        value: Any value.
        opened: What becomes of values that JSON has no form for.
        exclude: Names that are left out, at any depth.
    """
    return _Walk(opened, exclude).plain(value, 0, False)


def as_json(value: Any, opened: Opener = sealed, exclude: frozenset[str] = frozenset(), indent: int | None = None) -> str:
    """`plain` as JSON text."""
    return json.dumps(plain(value, opened, exclude), indent=indent)


def safe_serialize(obj: Any) -> str:
    """A value as JSON text, by its own `to_json` where it has one. Never raises, and holds no key."""
    return as_json(obj, by_to_json)


def clean(text: str) -> str:
    """A text without secrets, as a file can hold it."""
    return str(redact(without_known(text))).encode("utf-8", "backslashreplace").decode()


def text_of(value: Any) -> str:
    """`str(value)`, clean."""
    try:
        return clean(str(value))
    except Exception:  # noqa: BLE001 - its __str__ is not ours
        return sealed(value)


def told(error: BaseException) -> str:
    """An error as one clean text."""
    return f"{type(error).__name__}: {text_of(error)}"


class _Walk:
    def __init__(self, opened: Opener, exclude: frozenset[str]) -> None:
        self.opened = opened
        self.exclude = exclude
        self.left = _MOST
        self.outer: set[int] = set()  # the values that the present one stands in

    def plain(self, value: Any, depth: int, hidden: bool) -> Any:
        """The value; where it is hidden, texts in it are masked whatever they look like."""
        self.left -= 1
        if self.left < 0 or depth > _DEEPEST:
            return TOO_MUCH
        if value is None or isinstance(value, (bool, int, float)):
            return _number(value)
        if id(value) in self.outer:
            return f"<<{type(value).__qualname__} that holds itself>>"
        self.outer.add(id(value))
        try:
            return self._plain(value, depth + 1, hidden)
        except Exception:  # noqa: BLE001 - the value's own methods were called: anything may come out of them
            return sealed(value)
        finally:
            self.outer.discard(id(value))

    def _plain(self, value: Any, depth: int, hidden: bool) -> Any:
        if isinstance(value, str):
            text = str.__str__(value)
            return (MASK if text else text) if hidden else self._text(text, depth)
        if isinstance(value, Mapping):
            return self._mapping(value, depth, hidden)
        if isinstance(value, _ROWS):
            return self._row(list(value), depth, hidden)
        if hasattr(type(value), "get_secret_value"):  # one of pydantic's
            return MASK
        return self.plain(value.value if isinstance(value, Enum) else self.opened(value), depth, hidden)

    def _text(self, text: str, depth: int) -> str:
        """Names can be told in text that is JSON: the arguments of a call are."""
        if text.lstrip()[:1] in ("{", "[", '"'):
            try:
                held = json.loads(text)
            except (ValueError, RecursionError):
                return clean(text)
            kept = self.plain(held, depth, False)
            return text if kept == held else json.dumps(kept)
        return clean(text)

    def _mapping(self, value: Mapping[Any, Any], depth: int, hidden: bool) -> dict[str, Any]:
        kept = {}
        told_by_name = is_secret_name(value.get("name")) and "value" in value  # {"name": "Authorization", "value": ...}
        for name, item in value.items():
            if isinstance(name, str) and name in self.exclude:
                continue
            secret = (is_secret_name(name) or (told_by_name and name == "value")) and not _empty(item)
            text = name.decode("latin-1") if isinstance(name, bytes) else str(name)
            kept[clean(text)] = MASK if secret else self.plain(item, depth, hidden or _has_secret_word(text))
        return kept

    def _row(self, items: list[Any], depth: int, hidden: bool) -> list[Any]:
        if len(items) == 2 and is_secret_name(items[0]) and isinstance(items[1], (str, bytes)) and items[1]:
            return [clean(str(items[0])), MASK]  # headers also come in pairs
        return [self.plain(item, depth, hidden) for item in items]


def _number(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return repr(float(value))  # JSON has no form for it
    if isinstance(value, int) and value.bit_length() > _LONGEST:
        return sealed(value)
    return value


def _empty(value: Any) -> bool:
    return value is None or (type(value) in (bool, int, float, str, bytes, list, tuple, dict) and not value)


def _has_secret_word(name: str) -> bool:
    """Whether a secret may stand under a name that is not itself a secret's: `tokenProvider`, `api_key_of_mine`."""
    words = " ".join(_WORDS.findall(name)).lower()
    return _SECRET_WORDS.search(words) is not None
