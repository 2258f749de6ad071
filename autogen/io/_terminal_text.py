"""Text of models, tools and programs in a form that is safe to write to a terminal."""

from __future__ import annotations

import re

from ..formatting_utils import ColouredText
from ._messages import join_surrogates

_STYLES = re.compile(r"\x1b\[[0-9;:]*m")

# All control characters but line ends and tabs: a terminal obeys sequences of them. Line and paragraph separators, and the
# characters that change the direction of the text that follows.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def make_printable(item: object, encoding: str | None = None, errors: str | None = None) -> str:
    """Return the text of an object without terminal codes, in characters that an encoding has.

    Styles are dropped, and other control characters are shown as escape sequences. Those around a `ColouredText` are kept.

    Args:
        item: The object.
        encoding: The encoding of the output; None if it takes any text.
        errors: The error handler of the output; None for `strict`.
    """
    if isinstance(item, ColouredText):
        return f"{item.start}{make_printable(item.text, encoding, errors)}{item.end}"
    text = str(item)
    if _CONTROLS.search(text):
        text = _CONTROLS.sub(_escape, _STYLES.sub("", text.replace("\r\n", "\n")))
    if text.isascii():
        return text
    text = join_surrogates(text)
    if encoding is not None:
        try:
            text.encode(encoding, errors or "strict")
        except UnicodeError:
            text = text.encode(encoding, "backslashreplace").decode(encoding)
        except LookupError:
            # An output of a library, which names no real encoding.
            pass
    return text


def _escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")
