"""An extension of griffe, which reads docstrings: their examples, `>>> ...` anywhere in the text, become blocks of code."""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension, Object

_DIRECTIVE = re.compile(r"[ \t]*# doctest: .*$", re.MULTILINE)


def fence_examples(text: str) -> str:
    """Put the examples of a docstring into fences. An example ends at an empty line, or where the text is indented less."""
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
    """An extension that puts fences around examples when a docstring is read."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Change the docstring of a module, class, function or attribute."""
        if obj.docstring is not None:
            obj.docstring.value = fence_examples(obj.docstring.value)
