"""For the reference: the examples in docstrings, `>>> ...` anywhere in the text, become blocks of code.

An extension of griffe, which reads the docstrings.
"""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension, Object

_DIRECTIVE = re.compile(r"[ \t]*# doctest: .*$", re.MULTILINE)


def fenced(text: str) -> str:
    """A docstring with its examples in fences. An example ends at an empty line, or where the text is indented less."""
    lines: list[str] = []
    margin: str | None = None
    for line in text.splitlines():
        indent = line[: len(line) - len(line.lstrip())]
        if margin is not None and (not line.strip() or len(indent) < len(margin)):
            lines.append(f"{margin}```")
            margin = None
        elif margin is None and line.lstrip().startswith(">>> "):
            if lines and lines[-1].strip():
                lines.append("")
            lines.append(f"{indent}```pycon")
            margin = indent
        lines.append(line if margin is None else _DIRECTIVE.sub("", line))
    return "\n".join([*lines, *([] if margin is None else [f"{margin}```"])])


class Doctests(Extension):
    """Puts fences around examples as soon as a docstring is read."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Each module, class, function and attribute comes by here."""
        if obj.docstring is not None:
            obj.docstring.value = fenced(obj.docstring.value)
