"""What docstrings say about parameters."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

_SECTIONS = {"args", "arguments", "parameters", "params", "keyword args", "keyword arguments", "other parameters"}
_FIELD = re.compile(r":(?:param|parameter|arg|argument|key|keyword)\s+(?:[^:]*\s)?\*{0,2}(\w+)\s*:\s*(.*)")
_ENTRY = re.compile(r"\*{0,2}(\w+)\s*(?:\(.*?\))?\s*:\s*(.*)")


def described_parameters(docstring: str) -> dict[str, str]:
    """The parameters that a docstring in the style of Google, NumPy or Sphinx describes, each with its text on one line.

    >>> described_parameters("Add.\\n\\nArgs:\\n    a (int): The first.\\n    b: The\\n        second.")
    {'a': 'The first.', 'b': 'The second.'}
    """
    found: dict[str, str] = {}
    numpy = False
    before = ""
    for head, body in _blocks(inspect.cleandoc(docstring).splitlines()):
        if set(head) == {"-"}:  # what underlines a title in NumPy's style
            numpy = before.lower() in _SECTIONS
        elif field := _FIELD.match(head):
            found[field[1]] = _one_line(field[2], body)
        elif head.endswith(":") and head[:-1].lower() in _SECTIONS:
            entries = ((_ENTRY.match(first), rest) for first, rest in _blocks(body))
            found.update({entry[1]: _one_line(entry[2], rest) for entry, rest in entries if entry})
        elif numpy:
            names = head.partition(":")[0].split(",")
            found.update({name.strip().lstrip("*"): _one_line("", body) for name in names})
        before = head
    return {name: text for name, text in found.items() if text}


def _blocks(lines: list[str]) -> Iterator[tuple[str, list[str]]]:
    """The lines that are indented as the first one is, each with the deeper ones below it. Empty lines don't count."""
    lines = [line for line in lines if line.strip()]
    starts = [at for at, line in enumerate(lines) if _indent(line) <= _indent(lines[0])]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=False):
        yield lines[start].strip(), lines[start + 1 : end]


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _one_line(first: str, rest: list[str]) -> str:
    return " ".join(part.strip() for part in (first, *rest)).strip()
