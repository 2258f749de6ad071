"""Masking of secrets in everything that is displayed or stored."""

from __future__ import annotations

import dataclasses
import hashlib
import logging
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

MASK = "***"

ADDRESS_NAMES = ("base_url", "azure_endpoint", "client_host")
"""Names of settings that are addresses of endpoints: any of their parameters may be a key."""

_NAMES = "api[_-]?key|key|secret|token|password|passwd|credentials?|authorization|cookie"
_SECRET_NAME = re.compile(rf"(^|[_-])({_NAMES})$|headers$", re.IGNORECASE)

# In both patterns every repetition is bounded or can't backtrack, so matching takes linear time. No match could be longer if
# the text was masked before, so masking twice changes nothing.

# Secret because of the label before it, which is kept. The value ends where text, JSON, code or a URL continues.
_LABELLED = re.compile(
    rf"""(?xa)
    ( (?i:api[_-]?key|authorization) [\\"'\ \t]*[:=][\\"'\ \t]* (?:b["'])?              # a header, in JSON and repr() too,
      (?: (?i:basic|bearer|token|digest|negotiate|apikey) [\ \t]+ )?                    #   with the scheme, if any
    | \b[Bb]earer[\ \t]+                                                                # the value of an HTTP header
    | [?&#;] (?:[\w.-]{{0,64}}[_-])? (?i:{_NAMES}|sig|signature) =                      # a parameter in a URL
    )
    [^\s&"',;<>\\)\]}}]+
    """
)

# Secret because of its own form, or of text that always precedes it.
_BARE = re.compile(
    r"""(?xa)
      (?<=://) [^\s/?#"<>]+ (?=@)                     # everything before the host in a URL: user, password, token
    | (?<=API\ key\ provided:\ ) \S*[^\s.]            # a wrong key, as vendors quote it
    | (?: (?<![A-Za-z0-9_]) | (?<=\\[nrt]) | (?<=%[0-9A-Fa-f]{2}) )   # at the start of a word, or of escaped text:
      (?: sk-[\w-]{16,}                               #   OpenAI, Anthropic, OpenRouter, DeepSeek
        | [spr]k_(?:live|test)_[A-Za-z0-9]{10,}       #   Stripe
        | (?:gsk|hf|r8)_[A-Za-z0-9]{20,}              #   Groq, Hugging Face, Replicate
        | (?:csk|xai|pplx)-[A-Za-z0-9]{20,}           #   Cerebras, xAI, Perplexity
        | (?:gh[opsur]|github_pat)_\w{20,}            #   GitHub
        | glpat-[\w-]{20,}                            #   GitLab
        | xox[a-z]-[A-Za-z0-9-]{10,}                  #   Slack
        | AIza[\w-]{20,}                              #   Google
        | A[KS]IA[A-Z0-9]{16}(?!\w)                   #   Amazon
        | eyJ(?:[\w-]{16,} | [\w-]{1,15}(?=\.[\w-]*\.)) (?:\.{1,2}[\w-]+)*   #   a JSON web token: three or five parts
      ) [\w-]*
    """
)

# A picture, audio or video, or a document.
_MEDIA_URI = re.compile(r"data:(?:image|audio|video|application)/[\w.+-]{1,64};base64,[A-Za-z0-9+/]*={0,2}", re.ASCII)
# Any parameter of an address, with its name.
_URL_PARAMETER = re.compile(r"([?&](?!api-version=)(?:[^\s&#=]*=)?)[^\s&#]+")

# A few milliseconds.
_DIGEST_ROUNDS = 3_000
# Less than Python's recursion limit allows, and more than anybody reads.
_MAX_DEPTH = 50
# An empty value of these types hides no secret, so it is kept under a secret name. Other types may have a costly `bool()`.
_TYPES_WITH_EMPTY_VALUES = (type(None), bool, int, float, str, bytes, list, tuple, dict)


def redact(value: object) -> Any:
    """Copy a value with all secrets masked: those under a secret name, and texts with the form of a secret.

    Text and bytes are searched, also as keys of mappings. Mappings, lists, tuples, named tuples and sets are copied to a
    depth of fifty levels; deeper values and circular references are masked. A mapping becomes a dict, a dataclass or a
    pydantic model the dict of its fields, a secret value of pydantic the mask. Any other object is kept.

    >>> redact({"api_key": "sk-1", "max_tokens": 5, "url": "https://me:pw@host/"})
    {'api_key': '***', 'max_tokens': 5, 'url': 'https://***@host/'}
    """
    return _Redactor().redact(value)


def redact_distinctly(value: object, *, named: bool = False) -> Any:
    """Redact a value, and follow each masked text by a digest, so that values which differ only in secrets stay different.

    A digest is short and takes milliseconds to compute, so that it doesn't lead back to the secret.

    Args:
        value: The value.
        named: True to add a digest for values under a secret name, too. A key in a header may change at any time, and the
            request is still the same.
    """
    return _DistinctRedactor(named).redact(value)


def mask_url(url: str) -> str:
    """Mask the user, the password and the parameters of an address, but for Azure's `api-version`.

    A parameter of any name may be a key, and in the address of an endpoint nothing else is worth showing.

    >>> mask_url("https://me:pw@host/v1?code=1234&api-version=2")
    'https://***@host/v1?code=***&api-version=2'
    """
    return _URL_PARAMETER.sub(rf"\1{MASK}", str(redact(str(url))))


def mask_urls_in_record(record: logging.LogRecord) -> bool:
    """Mask the addresses in a record of an HTTP library (a filter of `logging`), and return True."""
    if isinstance(record.args, tuple):
        record.args = tuple(mask_url(str(value)) if type(value).__name__ == "URL" else value for value in record.args)
    return True


def is_secret_name(name: object) -> bool:
    """Return True if values of this name are secret: `api_key` is a secret name, `max_tokens` is not."""
    text = name.decode("latin-1") if isinstance(name, bytes) else name
    return isinstance(text, str) and bool(_SECRET_NAME.search(text))


class _Redactor:
    """Copies nested values; a value that occurs several times is copied once."""

    def __init__(self) -> None:
        # By id: the value, kept alive so that its id is not used again, and its copy.
        self._copies: dict[int, tuple[object, object]] = {}

    def redact(self, value: object, depth: int = 0) -> object:
        if isinstance(value, str):
            return self.redact_text(value)
        # Latin-1 maps each byte to a character, so bytes that are not masked survive unchanged.
        if isinstance(value, (bytes, bytearray)):
            return str(self.redact(value.decode("latin-1"))).encode("latin-1")
        # pydantic's secret types, which need not be imported for this.
        if hasattr(type(value), "get_secret_value"):
            return MASK
        if id(value) not in self._copies:
            # A circular reference finds this entry and is masked.
            self._copies[id(value)] = (value, MASK)
            self._copies[id(value)] = (value, self._copy(value, depth + 1))
        return self._copies[id(value)][1]

    def redact_text(self, text: str) -> str:
        # The base64 of a picture may contain anything, and one changed character spoils it.
        if text.startswith("data:") and _MEDIA_URI.fullmatch(text):
            return text
        return _BARE.sub(MASK, _LABELLED.sub(rf"\1{MASK}", text))

    def _copy(self, value: object, depth: int) -> object:
        fields = _get_fields(value)
        if fields is None and not isinstance(value, (list, tuple, set, frozenset)):
            return value
        if depth > _MAX_DEPTH:
            return MASK
        if fields is not None:
            items = [self._redact_item(name, item, depth) for name, item in fields.items()]
            make: Callable[[list[object]], object] | None = getattr(value, "_make", None)
            if make is not None and isinstance(value, tuple):
                return make(items)
            names = [self.redact(name) if isinstance(name, (str, bytes)) else name for name in fields]
            return dict(zip(names, items, strict=True))
        assert isinstance(value, (list, tuple, set, frozenset))
        items = [self.redact(item, depth) for item in value]
        try:
            return next(kind for kind in (list, tuple, set, frozenset) if isinstance(value, kind))(items)
        # A set can't hold the dict that a dataclass in it has become.
        except TypeError:
            return items

    def redact_address(self, url: str) -> str:
        return mask_url(url)

    def _redact_item(self, name: object, item: object, depth: int) -> object:
        if name in ADDRESS_NAMES and isinstance(item, str):
            return self.redact_address(item)
        is_empty = type(item) in _TYPES_WITH_EMPTY_VALUES and not item
        return MASK if is_secret_name(name) and not is_empty else self.redact(item, depth)


class _DistinctRedactor(_Redactor):
    """Adds digests to masked texts."""

    def __init__(self, named: bool) -> None:
        super().__init__()
        self._named = named

    def _redact_item(self, name: object, item: object, depth: int) -> object:
        masked = super()._redact_item(name, item, depth)
        if self._named and masked == MASK and is_secret_name(name):
            return f"{MASK} {_digest(repr(item))}"
        return masked

    def redact_address(self, url: str) -> str:
        masked = super().redact_address(url)
        return masked if masked == url else f"{masked} {_digest(url)}"

    def redact_text(self, text: str) -> str:
        masked = super().redact_text(text)
        return masked if masked == text else f"{masked} {_digest(text)}"


# Each request of a chat has all messages before it, too.
@lru_cache(maxsize=10_000)
def _digest(text: str) -> str:
    """Return a short digest of a text that has secrets, slow to compute so that they can't be guessed from it."""
    content = text.encode("utf-8", "surrogatepass")
    return hashlib.pbkdf2_hmac("sha256", content, b"autogen: a text with secrets", _DIGEST_ROUNDS, dklen=6).hex()


def _get_fields(value: object) -> Mapping[Any, object] | None:
    """Return the fields of a mapping, named tuple, dataclass or pydantic model, by name; None for any other value."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, tuple):
        return dict(zip(getattr(value, "_fields", ()), value, strict=False)) or None
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name, None) for field in dataclasses.fields(value)}
    return vars(value) if hasattr(type(value), "model_fields") else None
