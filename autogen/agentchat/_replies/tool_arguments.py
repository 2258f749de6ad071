"""Parsing of the arguments of a tool call. JSON that a model wrote wrongly is repaired if only one meaning is possible."""

from __future__ import annotations

import ast
import contextlib
import json
import warnings
from collections.abc import Callable
from typing import Any


def parse_arguments(text: object, repair: Callable[[str], str]) -> dict[str, Any]:
    """Return the arguments of a call by name.

    Besides JSON these are accepted: no text at all, text that `repair` mends, a Markdown fence around it, the `repr` of a
    Python dict, JSON within a JSON string, and JSON with small faults of syntax (a trailing comma, a missing quote). Text
    that is cut off is refused, because the end of a value may be missing.

    Raises:
        ValueError: The text is something else. The message says what is wrong, and where.
    """
    if text is None or isinstance(text, dict):
        return text or {}
    text = repair(str(text))
    if not text.strip():
        return {}
    value = _read(text)
    if isinstance(value, str):
        # Text that is not JSON either stays a str, which is refused below.
        with contextlib.suppress(ValueError):
            value = _read(repair(value))
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError(f"this is a {type(value).__name__}")
    return value


def normalize_arguments(function: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call as its function gets them, as far as they are scalars.

    Args:
        function: Registered function; None for arguments that can't be checked.
        arguments: Arguments by name.

    Raises:
        ValueError: The function can't be called with them.
    """
    origin = getattr(function, "_checked", None)
    if origin is None:
        return arguments
    # Needs pydantic.
    from ..._functions.arguments import convert_scalars

    return convert_scalars(origin, arguments)


def repair_json(text: str) -> str:
    """Repair raw line breaks and tabs in JSON text: drop them between tokens, escape them inside strings."""
    repaired = []
    in_string = is_escaped = False
    for char in text:
        if char == '"' and not is_escaped:
            in_string = not in_string
        is_escaped = in_string and char == "\\" and not is_escaped
        if char == "\n":
            char = "\\n" if in_string else ""
        elif char == "\t" and in_string:
            char = "\\t"
        repaired.append(char)
    return "".join(repaired)


def _read(text: str) -> Any:
    """Return the value of a text by the first reader that accepts it; the error is that of the first reader."""
    first_error: ValueError | None = None
    for read in _READERS:
        try:
            return read(text)
        except ValueError as error:
            first_error = first_error or error
        # Raised for text that is not a literal, and for deep nesting.
        except (SyntaxError, TypeError, MemoryError, RecursionError) as error:
            first_error = first_error or ValueError(str(error) or type(error).__name__)
    assert first_error is not None
    raise first_error


def _read_fenced(text: str) -> Any:
    text = text.strip()
    if not (text.startswith("```") and text.endswith("```")):
        raise ValueError("The text has no fence.")
    return json.loads(text.strip("`").removeprefix("json"))


def _read_python(text: str) -> Any:
    with warnings.catch_warnings():
        # Syntax warnings about the model's text.
        warnings.simplefilter("ignore")
        value = ast.literal_eval(text.strip())
    # Refuses sets and bytes.
    json.dumps(value)
    return value


def _read_damaged(text: str) -> Any:
    """Return the value of JSON with small faults of syntax.

    Raises:
        ValueError: It is not an object, is cut off, or has more than one meaning.
    """
    text = text.strip()
    if not (text.startswith("{") and text.endswith("}")):
        raise ValueError("The text is not an object.")
    # A Python literal that JSON can't hold has been refused already.
    with contextlib.suppress(ValueError, SyntaxError, MemoryError, RecursionError):
        ast.literal_eval(text)
        raise TypeError("The text is a Python value that JSON can't hold.")
    # Imported where it is used: most arguments need no repair.
    from json_repair import repair_json as repair_syntax

    return repair_syntax(text, return_objects=True, strict=True)


_READERS: tuple[Callable[[str], Any], ...] = (json.loads, _read_fenced, _read_python, _read_damaged)
