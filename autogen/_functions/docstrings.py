"""Docstrings of tools: the summary, and the descriptions of parameters."""

from __future__ import annotations

import contextlib
import functools
import inspect
import re
from collections.abc import Callable

from .signatures import unwrap_function

# Sections of Google-style docstrings that the parser does not know by itself.
_PARAMETER_SECTIONS = ("Keyword Args", "Keyword Arguments", "Other Parameters")
# Lines that can't belong to a summary: titles of sections, fields of Sphinx, examples and underlines.
_NOT_SUMMARY = re.compile(r"[A-Z][A-Za-z ]*:$|:\w[^:]*:|>>>|[-=]{3,}$")


def get_docstring(function: Callable[..., object]) -> str:
    """Return the docstring of a callable: of the function inside a partial object, or of a class for its instance."""
    # `inspect.getdoc` of a partial object describes partial objects.
    inner = unwrap_function(function)
    text = None if isinstance(function, functools.partial) else inspect.getdoc(function)
    return text or inspect.getdoc(inner) or ""


def get_summary(function: Callable[..., object]) -> str:
    r"""Return the first sentence of a docstring on one line, also if it is written on several.

    The rest of a line that begins after the end of a sentence is kept.
    """
    summary: list[str] = []
    for line in get_docstring(function).strip().splitlines():
        line = line.strip()
        if not line or (summary and _NOT_SUMMARY.match(line)):
            break
        summary.append(line)
        if line.endswith((".", "!", "?")):
            break
    return " ".join(summary)


def parse_docstring(docstring: str) -> dict[str, str]:
    r"""Return the descriptions of the parameters in a docstring of Google, NumPy or Sphinx style, each on one line.

    >>> parse_docstring("Add.\n\nArgs:\n    a (int): The first.\n    b: The\n        second.")
    {'a': 'The first.', 'b': 'The second.'}
    """
    # Imported on first use, since `import autogen` must be fast.
    from docstring_parser import ParseError, google, numpydoc, rest

    sections = [google.Section(title, "param", google.SectionType.MULTIPLE) for title in _PARAMETER_SECTIONS]
    parsers = (google.GoogleParser([*google.DEFAULT_SECTIONS, *sections]).parse, numpydoc.parse, rest.parse)
    descriptions: dict[str, str] = {}
    for parse in parsers:
        # Each parser ignores the sections of the other styles, or rejects them. An empty field is an IndexError.
        with contextlib.suppress(ParseError, IndexError):
            for parameter in parse(docstring).params:
                text = " ".join(line.strip() for line in (parameter.description or "").splitlines() if line.strip())
                # NumPy style allows several names in one entry.
                names = parameter.arg_name.split(",") if text and parameter.args[0] != "attribute" else []
                descriptions.update({name.strip().lstrip("*"): text for name in names})
    return descriptions
