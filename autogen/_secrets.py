"""Keeping keys out of everything that is shown or written down."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

MASK = "***"

_NAMES = "api[_-]?key|key|secret|token|password|passwd|credentials?|authorization|cookie"
_SECRET_NAME = re.compile(rf"(^|[_-])({_NAMES})$|headers$", re.IGNORECASE)

# A repetition in them is bounded or can't start again in what it has read, so that time grows with the text's length
# alone. What follows a match would not go on with it, so that masking a second time finds nothing new.
# Secret by what stands before it, which stays. The value ends where text, JSON, code or a URL goes on.
_LABELLED = re.compile(
    rf"""(?xa)
    ( (?i:api[_-]?key|authorization) [\\"'\ \t]*[:=][\\"'\ \t]* (?:b["'])?              # a header, in JSON and repr() too,
      (?: (?i:basic|bearer|token|digest|negotiate|apikey) [\ \t]+ )?                    #   with the scheme, if there is one
    | \b[Bb]earer[\ \t]+                                                                # HTTP authorisation alone
    | [?&#;] (?:[\w.-]{{0,64}}[_-])? (?i:{_NAMES}|sig|signature) =                      # a parameter in a URL
    )
    [^\s&"',;<>\\)\]}}]+
    """
)

# Secret by its own look, or by text that always stands before it.
_BARE = re.compile(
    r"""(?xa)
      (?<=://) [^\s/?#"<>]+ (?=@)                     # all that stands before the host in a URL: user, password, token
    | (?<=API\ key\ provided:\ ) \S*[^\s.]            # as vendors quote a wrong key
    | (?: (?<![A-Za-z0-9_]) | (?<=\\[nrt]) | (?<=%[0-9A-Fa-f]{2}) )   # where a word begins, or text that was escaped:
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

_DEEPEST = 50  # levels: fewer than the interpreter can go down, more than people read
# An empty one of these hides nothing: under a secret's name it is shown. What other types are when empty is not asked.
_CAN_BE_EMPTY = (type(None), bool, int, float, str, bytes, list, tuple, dict)


def redact(value: Any) -> Any:
    """A copy of a value with everything secret masked: by the name of a key or a field, and by its look in text.

    Text and bytes are searched, as keys of mappings too. Mappings, lists, tuples, named tuples and sets are gone through:
    fifty levels deep, the rest is masked, and so is what holds itself. A mapping comes out as a dict, a dataclass or a
    pydantic model as the dict of its fields, pydantic's secret values as the mask, any other object as it is.

    >>> redact({"api_key": "sk-1", "max_tokens": 5, "url": "https://me:pw@host/"})
    {'api_key': '***', 'max_tokens': 5, 'url': 'https://***@host/'}
    """
    return _Walk().masked(value)


def is_secret_name(name: Any) -> bool:
    """Whether what bears this name is secret: `api_key` is, `max_tokens` is not."""
    text = name.decode("latin-1") if isinstance(name, bytes) else name
    return isinstance(text, str) and bool(_SECRET_NAME.search(text))


class _Walk:
    def __init__(self) -> None:
        self.met: dict[int, tuple[Any, Any]] = {}  # by id: a value, kept alive so that the id stays its own, and its copy

    def masked(self, value: Any, depth: int = 0) -> Any:
        if isinstance(value, str):
            return _BARE.sub(MASK, _LABELLED.sub(rf"\1{MASK}", value))
        if isinstance(value, (bytes, bytearray)):  # in latin-1 each byte is a character: what is not masked survives
            return self.masked(value.decode("latin-1")).encode("latin-1")
        if hasattr(type(value), "get_secret_value"):  # one of pydantic's, which need not be imported for this
            return MASK
        if id(value) not in self.met:
            self.met[id(value)] = (value, MASK)  # the answer for a value that holds itself
            self.met[id(value)] = (value, self._copy(value, depth + 1))
        return self.met[id(value)][1]

    def _copy(self, value: Any, depth: int) -> Any:
        fields = _fields(value)
        if fields is None and not isinstance(value, (list, tuple, set, frozenset)):
            return value
        if depth > _DEEPEST:
            return MASK
        if fields is not None:
            names = [self.masked(name) if isinstance(name, (str, bytes)) else name for name in fields]
            items = [self._item(name, item, depth) for name, item in fields.items()]
            make = getattr(value, "_make", None) if isinstance(value, tuple) else None
            return make(items) if make else dict(zip(names, items, strict=True))
        items = [self.masked(item, depth) for item in value]
        try:
            return next(kind for kind in (list, tuple, set, frozenset) if isinstance(value, kind))(items)
        except TypeError:  # a set can't hold the dict that a member became
            return items

    def _item(self, name: Any, item: Any, depth: int) -> Any:
        empty = type(item) in _CAN_BE_EMPTY and not item
        return MASK if is_secret_name(name) and not empty else self.masked(item, depth)


def _fields(value: Any) -> Mapping[Any, Any] | None:
    """The named parts of a value; None if its parts have no names."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, tuple):
        return dict(zip(getattr(value, "_fields", ()), value, strict=False)) or None
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name, None) for field in dataclasses.fields(value)}
    return vars(value) if hasattr(type(value), "model_fields") else None
