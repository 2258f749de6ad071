"""JSON in the text of a response, which models put into a code fence, or after other text or thinking."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeVar

from .thinking import split_thinking

if TYPE_CHECKING:
    from pydantic import ValidationError

T = TypeVar("T")

_FENCED = re.compile(r"^[ \t]*(`{3,}|~{3,})[^\n]*\n(.*?)(?:^[ \t]*\1|\Z)", re.MULTILINE | re.DOTALL)
_MAX_STARTS = 200


def validate_json_in(text: str, validate: Callable[[str], T]) -> tuple[str, T]:
    """Find the JSON in a text that passes a validation.

    Args:
        text: Answer of a model: JSON, or text with JSON in it. If there are several, the last one counts.
        validate: Function that returns the value of a JSON text, such as `Model.model_validate_json`.

    Returns:
        The JSON text and its value.

    Raises:
        pydantic.ValidationError: if there is none. It is about the JSON that comes closest.
    """
    from pydantic import ValidationError

    errors: list[ValidationError] = []
    for candidate in _iter_candidates(text):
        try:
            return candidate, validate(candidate)
        except ValidationError as error:
            errors.append(error)
    # JSON with a fault in a field comes closer than plain text.
    raise next((error for error in errors if not _is_syntax_error(error)), errors[0])


def _is_syntax_error(error: ValidationError) -> bool:
    return any(problem["type"] == "json_invalid" for problem in error.errors(include_url=False))


def _iter_candidates(text: str) -> Iterator[str]:
    answer = split_thinking(text.removeprefix("\ufeff"))[0].strip()
    yield answer
    fenced = [match[2].strip() for match in _FENCED.finditer(answer)]
    yield from reversed(fenced)
    yield from reversed(list(_iter_values(answer)))
    # Commas at the end, quotes of the wrong kind and the like.
    for broken in (*reversed(fenced), answer):
        if broken.startswith(("{", "[")):
            import json_repair

            yield json_repair.repair_json(broken, ensure_ascii=False)


def _iter_values(text: str) -> Iterator[str]:
    """Yield the objects and lists in a text, outer ones only."""
    decoder = json.JSONDecoder()
    position = 0
    # Bounded, because each attempt may read to the end of the text.
    for _ in range(_MAX_STARTS):
        starts = [start for start in (text.find("{", position), text.find("[", position)) if start >= 0]
        if not starts:
            return
        position = min(starts)
        try:
            end = decoder.raw_decode(text, position)[1]
        except (ValueError, RecursionError):
            position += 1
            continue
        yield text[position:end]
        position = end
