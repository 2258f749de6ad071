"""Checks that come with the package: secrets, personal data, length, and signs of injected instructions."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import Any, Protocol, cast

from ..._mistakes import suggest
from ..._secrets import redact
from .checks import GuardedCall, Tripped

Value = "str | GuardedCall"


class Detector(Protocol):
    """A check that has the same result each time."""

    is_pure: bool

    def __call__(self, value: Any, /) -> Tripped | None:
        """Check a text or a call."""


def _make_detector(name: str, why: Callable[[str], str | None], mask: Callable[[str], str] | None = None) -> Detector:
    """Make a detector.

    Args:
        name: Its name.
        why: Returns the reason why a text trips; None if it passes.
        mask: Returns the text without the detected parts; None if that is not possible.
    """

    def detect(value: Any) -> Tripped | None:
        text = value.text if isinstance(value, GuardedCall) else value
        reason = why(text)
        if reason is None:
            return None
        if mask is None:
            return Tripped(reason)
        is_call = isinstance(value, GuardedCall)
        return Tripped(reason, _map_texts(value.arguments, mask) if is_call else mask(text))

    detect.__name__ = detect.__qualname__ = name
    detector = cast(Detector, detect)
    detector.is_pure = True
    return detector


def _map_texts(value: Any, function: Callable[[str], str]) -> Any:
    """Copy nested lists and dicts with another text for each text."""
    if isinstance(value, str):
        return function(value)
    if isinstance(value, dict):
        return {key: _map_texts(item, function) for key, item in value.items()}
    return [_map_texts(item, function) for item in value] if isinstance(value, list) else value


def secrets() -> Detector:
    """Make a check for keys, tokens and passwords, by the forms that this package masks in its own logs.

    Its replacement has `***` in the position of each secret.

    >>> secrets()("my key is sk-abcdefghijklmnopqrstuvwx").replacement
    'my key is ***'
    """
    return _make_detector("secrets", lambda text: None if redact(text) == text else "it contains a secret", redact)


def _has_luhn_digit(text: str) -> bool:
    digits = [int(digit) for digit in re.sub(r"\D", "", text)]
    doubled = [digit if index % 2 == 0 else sum(divmod(digit * 2, 10)) for index, digit in enumerate(reversed(digits))]
    return 13 <= len(digits) <= 19 and sum(doubled) % 10 == 0 and len(set(digits)) > 1


def _has_iban_digits(text: str) -> bool:
    compact = re.sub(r"\s", "", text).upper()
    number = "".join(str(int(character, 36)) for character in compact[4:] + compact[:4])
    return 15 <= len(compact) <= 34 and int(number) % 97 == 1


def _has_phone_digits(text: str) -> bool:
    return 8 <= len(re.sub(r"\D", "", text)) <= 15


_PII: dict[str, tuple[re.Pattern[str], Callable[[str], bool]]] = {
    "mail": (re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"), lambda _: True),
    "iban": (re.compile(r"(?i)\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b"), _has_iban_digits),
    "card": (re.compile(r"(?<![\d.,-])\d(?:[ -]?\d){12,18}(?![\d-])"), _has_luhn_digit),
    "phone": (re.compile(r"(?<![\w.,-])\+\d(?:[ ()/.-]{0,2}\d){6,14}(?![\w-])"), _has_phone_digits),
}
PII_KINDS = tuple(_PII)
"""The kinds of personal data that `pii` knows."""


def pii(kinds: str | Iterable[str] = PII_KINDS) -> Detector:
    """Make a check for personal data. Its replacement has `[mail]`, `[card]`, ... in the position of each.

    Args:
        kinds: `mail`, `phone` (with a country code), `iban`, `card`; the last two are recognised by their check digits.

    Raises:
        ValueError: if a kind is unknown.

    >>> pii()("write to ada@example.com").replacement
    'write to [mail]'
    """
    chosen = [kinds] if isinstance(kinds, str) else list(kinds)
    for kind in chosen:
        if kind not in _PII:
            raise ValueError(f"kinds must be among {', '.join(_PII)}, got {kind!r}.{suggest(str(kind), _PII)}")
    # In the order of the table: an IBAN may look like a card.
    patterns = [(kind, *_PII[kind]) for kind in _PII if kind in chosen]

    def mask(text: str) -> str:
        for kind, pattern, is_valid in patterns:
            text = pattern.sub(lambda match: f"[{kind}]" if is_valid(match[0]) else match[0], text)  # noqa: B023
        return text

    def explain(text: str) -> str | None:
        kinds = [kind for kind, pattern, is_valid in patterns if any(is_valid(match[0]) for match in pattern.finditer(text))]
        return f"it contains personal data ({', '.join(kinds)})" if kinds else None

    return _make_detector("pii", explain, mask)


def max_length(characters: int) -> Detector:
    """Make a check for texts that are too long. It has no replacement.

    Args:
        characters: Greatest length that passes.

    Raises:
        ValueError: if it is not positive.
    """
    if characters < 1:
        raise ValueError(f"characters must be positive, got {characters!r}.")

    def explain(text: str) -> str | None:
        return f"it has {len(text)} characters, more than {characters}" if len(text) > characters else None

    return _make_detector("max_length", explain)


_PHRASES = re.compile(
    r"(?i)\b(?:ignore|disregard|forget|override)\b.{0,30}\b(?:previous|prior|above|earlier|all|your)\b.{0,30}"
    r"\b(?:instructions?|prompts?|rules?|guidelines|messages?)\b"
    r"|\b(?:reveal|print|repeat|show)\b.{0,30}\bsystem (?:prompt|message)\b"
    r"|\byou are (?:now|no longer)\b.{0,60}\b(?:mode|assistant|ai|model|restricted|bound)\b"
    r"|<\|(?:im_start|im_end|system|endoftext)\|>|\[/?INST\]"
)
_TAGS = range(0xE0000, 0xE0080)


def injection() -> Detector:
    """Make a check for signs of injected instructions: known phrases, tokens of chat templates, and invisible characters.

    It is a hint and no protection: who knows the phrases can avoid them.
    """

    def explain(text: str) -> str | None:
        if _PHRASES.search(text):
            return "it has a phrase that gives a model new instructions"
        if any(ord(character) in _TAGS or unicodedata.bidirectional(character) in _EMBEDDINGS for character in text):
            return "it has invisible characters"
        return None

    return _make_detector("injection", explain)


_EMBEDDINGS = ("LRE", "RLE", "LRO", "RLO", "LRI", "RLI", "FSI")
