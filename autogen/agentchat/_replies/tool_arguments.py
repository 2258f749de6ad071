"""The arguments of a call, as a model wrote them: mended where only one thing can be meant."""

from __future__ import annotations

import ast
import contextlib
import json
import warnings
from collections.abc import Callable
from typing import Any


def parse_arguments(text: Any, repair: Callable[[str], str]) -> dict[str, Any]:
    """The arguments of a call by name.

    Besides JSON these are understood: no text at all, what `repair` mends, a Markdown fence around it, commas before a
    closing bracket, the `repr` of a Python dict, and JSON within a JSON string.

    Raises:
        ValueError: They are something else. The text says what is wrong, and where.
    """
    if text is None or isinstance(text, dict):
        return text or {}
    text = repair(str(text))
    if not text.strip():
        return {}
    value = _value(text)
    if isinstance(value, str):
        with contextlib.suppress(ValueError):  # then it is a text that is no JSON, which is an error too
            value = _value(repair(value))
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError(f"this is a {type(value).__name__}")
    return value


def repair_json(text: str) -> str:
    """JSON text with its raw line breaks and tabs mended: dropped between tokens, escaped inside strings."""
    mended = []
    inside = escaped = False
    for char in text:
        if char == '"' and not escaped:
            inside = not inside
        escaped = inside and char == "\\" and not escaped
        if char == "\n":
            char = "\\n" if inside else ""
        elif char == "\t" and inside:
            char = "\\t"
        mended.append(char)
    return "".join(mended)


def _value(text: str) -> Any:
    """The value of a text by the first reading that works; the error is that of the first reading."""
    first: ValueError | None = None
    for read in _READINGS:
        try:
            return read(text)
        except ValueError as error:
            first = first or error
        except (SyntaxError, TypeError, MemoryError, RecursionError) as error:  # a literal that is none, or too deep
            first = first or ValueError(str(error) or type(error).__name__)
    assert first is not None
    raise first


def _fenced(text: str) -> Any:
    text = text.strip()
    if not (text.startswith("```") and text.endswith("```")):
        raise ValueError("There is no fence.")
    return json.loads(text.strip("`").removeprefix("json"))


def _without_last_commas(text: str) -> Any:
    kept: list[str] = []
    inside = escaped = False
    comma: int | None = None  # where a comma stands that nothing but blanks have followed yet
    for char in text:
        if not inside and char in "}]" and comma is not None:
            kept[comma] = ""
        if char == '"' and not escaped:
            inside = not inside
        escaped = inside and char == "\\" and not escaped
        if not char.isspace():
            comma = len(kept) if char == "," and not inside else None
        kept.append(char)
    return json.loads("".join(kept))


def _python(text: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a text that is not ours
        value = ast.literal_eval(text.strip())
    json.dumps(value)  # sets and bytes are no arguments
    return value


_READINGS: tuple[Callable[[str], Any], ...] = (json.loads, _fenced, _without_last_commas, _python)
