"""Serialisation of any value as JSON for logs, with secrets masked. Nothing here raises."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import PurePath

from .._jsonable import to_jsonable
from .._secrets import MASK, redact
from ..types import JSON
from ._known_secrets import is_secret, mask_known

Fallback = Callable[[object], object]
"""Converts a value that has no JSON form. Its result is serialised in turn."""

TOO_MUCH = "<<left out: too much>>"
_MAX_DEPTH = 50
_MAX_VALUES = 200_000
# Python refuses to write longer integers as text.
_MAX_BITS = 10_000

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_SECRET_WORDS = re.compile(
    r"\b(apikeys?|authorization|cookies?|credentials?|headers|pass(phrase|wd|words?)|pwd|secrets?|token"
    r"|(access|account|api|auth|encryption|private|secret|signing|subscription) keys?)\b"
)


def describe_type(value: object) -> str:
    """Return the stand-in for a value that is not serialised."""
    return f"<<non-serializable: {type(value).__qualname__}>>"


def describe_callable(value: object) -> str:
    """Return the location of a callable's code, which itself may hold keys; the type of any other value."""
    return get_location(value) if callable(value) else describe_type(value)


def call_to_json(value: object) -> object:
    """Return the result of the value's own `to_json` method if there is one, else its type."""
    to_json = getattr(value, "to_json", None)
    return to_json() if callable(to_json) else describe_type(value)


def get_public_attributes(value: object) -> object:
    """Return the public attributes of an object; the location of a callable; the `repr` of a value without attributes."""
    if callable(value):
        return get_location(value)
    if not hasattr(value, "__dict__"):
        return repr(value)
    return {name: item for name, item in vars(value).items() if not str(name).startswith("_")}


def get_location(function: object) -> str:
    """Return the qualified name of a callable, and for a function its file and line."""
    if isinstance(function, partial):
        return f"partial of {get_location(function.func)}"
    owner = function if hasattr(function, "__qualname__") else type(function)
    name = f"{getattr(owner, '__module__', None)}.{getattr(owner, '__qualname__', None)}"
    code = getattr(function, "__code__", None)
    return f"{name} ({PurePath(code.co_filename).name}:{code.co_firstlineno})" if code else name


def serialize(value: object, fallback: Fallback = describe_type, exclude: frozenset[str] = frozenset()) -> JSON:
    """Convert a value to plain JSON, with secrets masked.

    Args:
        value: Any value.
        fallback: Converts values that have no JSON form.
        exclude: Names to leave out, at any depth.
    """
    return _MaskingSerializer(fallback, exclude).serialize(value)


def dump_json(value: object, fallback: Fallback = describe_type) -> str:
    """Return `serialize(value, fallback)` as JSON text."""
    return json.dumps(serialize(value, fallback))


def safe_serialize(obj: object) -> str:
    """Return a value as JSON text without secrets, by its own `to_json` method if there is one. Never raises."""
    return dump_json(obj, call_to_json)


def clean_text(text: str) -> str:
    """Mask the secrets in a text, and escape characters that UTF-8 can't encode."""
    return str(redact(mask_known(text))).encode("utf-8", "backslashreplace").decode()


def to_clean_text(value: object) -> str:
    """Return `str(value)` as by `clean_text`; its type if it can't be converted."""
    try:
        return clean_text(str(value))
    # Its __str__ is other people's code.
    except Exception:  # noqa: BLE001
        return describe_type(value)


def describe_error(error: BaseException) -> str:
    """Return the type and message of an error, with secrets masked."""
    return f"{type(error).__name__}: {to_clean_text(error)}"


class _MaskingSerializer:
    """Walks a value and masks secrets by the names beside them; pydantic converts the values without names inside."""

    def __init__(self, fallback: Fallback, exclude: frozenset[str]) -> None:
        self._fallback = fallback
        self._exclude = exclude
        self._values_left = _MAX_VALUES
        # The ids of the values around the current one.
        self._enclosing: set[int] = set()

    def serialize(self, value: object, depth: int = 0, hide_text: bool = False) -> JSON:
        """Convert a value.

        Args:
            value: The value.
            depth: Its level of nesting.
            hide_text: True to mask every text in it: it stands under a name that suggests a secret.
        """
        # A value of any size and depth may come in, and a log must not fill the disk.
        self._values_left -= 1
        if self._values_left < 0 or depth > _MAX_DEPTH:
            return TOO_MUCH
        if value is None or isinstance(value, (bool, int, float)):
            return _serialize_number(value)
        if id(value) in self._enclosing:
            return f"<<{type(value).__qualname__} that holds itself>>"
        self._enclosing.add(id(value))
        try:
            return self._serialize_value(value, depth + 1, hide_text)
        # Methods of the value ran, so any error is possible.
        except Exception:  # noqa: BLE001
            return describe_type(value)
        finally:
            self._enclosing.discard(id(value))

    def _serialize_value(self, value: object, depth: int, hide_text: bool) -> JSON:
        if isinstance(value, str):
            text = str.__str__(value)
            return self._serialize_text(text, depth) if not hide_text else MASK if text else text
        if isinstance(value, Mapping):
            return self._serialize_mapping(value, depth, hide_text)
        if isinstance(value, (list, tuple)):
            return self._serialize_items(value, depth, hide_text)
        # pydantic's secret types, which need not be imported for this.
        if hasattr(type(value), "get_secret_value"):
            return MASK
        # The JSON form of a dataclass or a model may hold secrets under their names, so it is walked, too.
        return self.serialize(self._convert_object(value), depth, hide_text)

    def _convert_object(self, value: object) -> object:
        unknown: list[object] = []

        def describe_unknown(item: object) -> str:
            unknown.append(item)
            return describe_callable(item)

        jsonable = to_jsonable(value, describe_unknown)
        # The fallback is not called from inside pydantic, which would expand attributes of attributes without a limit.
        return self._fallback(value) if any(item is value for item in unknown) else jsonable

    def _serialize_text(self, text: str, depth: int) -> JSON:
        """Mask secrets in a text; by name as well if the text is JSON, as the arguments of a tool call are."""
        if text.lstrip()[:1] in ("{", "[", '"'):
            try:
                content = json.loads(text)
            except (ValueError, RecursionError):
                return clean_text(text)
            masked = self.serialize(content, depth)
            # Unchanged text keeps its spacing.
            return text if masked == content else json.dumps(masked)
        return clean_text(text)

    def _serialize_mapping(self, value: Mapping[object, object], depth: int, hide_text: bool) -> JSON:
        result: dict[str, JSON] = {}
        # HTTP headers are also written as {"name": "Authorization", "value": ...}.
        has_secret_value = "value" in value and is_secret(value.get("name"), value["value"])
        for name, item in value.items():
            if isinstance(name, str) and name in self._exclude:
                continue
            is_masked = (is_secret(name, item) or (has_secret_value and name == "value")) and not _is_empty(item)
            text = name.decode("latin-1") if isinstance(name, bytes) else str(name)
            hide_item_text = hide_text or _has_secret_word(text)
            result[clean_text(text)] = MASK if is_masked else self.serialize(item, depth, hide_item_text)
        return result

    def _serialize_items(self, items: Sequence[object], depth: int, hide_text: bool) -> JSON:
        # HTTP headers are also written as pairs.
        if len(items) == 2 and isinstance(items[1], (str, bytes)) and items[1] and is_secret(*items):
            return [clean_text(str(items[0])), MASK]
        return [self.serialize(item, depth, hide_text) for item in items]


def _serialize_number(value: int | float | None) -> JSON:
    # JSON has no form for infinity and NaN.
    if isinstance(value, float) and not math.isfinite(value):
        return repr(float(value))
    if isinstance(value, int) and value.bit_length() > _MAX_BITS:
        return describe_type(value)
    return value


def _is_empty(value: object) -> bool:
    return value is None or (type(value) in (bool, int, float, str, bytes, list, tuple, dict) and not value)


def _has_secret_word(name: str) -> bool:
    """Return True if a name suggests a secret without being the name of one: `tokenProvider`, `api_key_of_mine`."""
    words = " ".join(_WORDS.findall(name)).lower()
    return _SECRET_WORDS.search(words) is not None
