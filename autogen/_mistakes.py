"""The wording of mistakes in arguments: close names, and warnings that point at the line of the program."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable
from difflib import get_close_matches

# Tracebacks of pytest show the program's frames, and not those of this module.
__tracebackhide__ = True

_PACKAGE = __name__.partition(".")[0]
# Below it, names have little in common: `prompt` is not a misspelt `project`.
_SIMILARITY = 0.8


def find_close(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that a name is most likely a misspelling of; None if none is close, or it is known itself.

    >>> find_close("mesage", ["message", "recipient"])
    'message'
    """
    known = list(known)
    if name in known:
        return None
    # Upper and lower case may be the whole mistake.
    folded = {other.lower(): other for other in known}
    close = get_close_matches(name.lower(), folded, n=1, cutoff=_SIMILARITY)
    return folded[close[0]] if close else None


def suggest(name: str, known: Iterable[str]) -> str:
    """Return the end of an error message about an unknown name: ` Did you mean 'x'?`, or nothing."""
    close = find_close(name, known)
    return f" Did you mean {close!r}?" if close else ""


def trim_stop(text: object) -> str:
    """Return a text without the full stop at its end, to be used within a sentence.

    >>> f"It failed: {trim_stop(ValueError('The file is empty.'))}."
    'It failed: The file is empty.'
    """
    return str(text).rstrip().removesuffix(".")


def warn_of_misspellings(names: Iterable[object], known: Iterable[str], owner: str, outcome: str) -> None:
    """Warn about each unknown name that is close to a known one. Other unknown names may be meant as they are.

    Args:
        names: Names that a program has passed.
        known: Names that have a meaning.
        owner: Name of the function or setting that they were passed to.
        outcome: Sentence that says how the name is treated.
    """
    known = list(known)
    for name in names:
        if isinstance(name, str) and (close := find_close(name, known)):
            warn_caller(f"{owner} has no {name!r}, did you mean {close!r}? {outcome}")


def warn_caller(text: str, category: type[Warning] = UserWarning) -> None:
    """Issue a warning that points at the line of the program that called into this package."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == _PACKAGE:
        level, frame = level + 1, frame.f_back
    warnings.warn(text, category, stacklevel=level)
