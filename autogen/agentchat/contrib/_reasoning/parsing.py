"""Parsers of the answers of thinkers and graders: JSON if they can, or texts with markers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic import BaseModel, Field

OPTIONS = "**Possible Options:**"

_REFLECTION = re.compile(r"REFLECTION:\**\s*", re.IGNORECASE)
_OPTION = re.compile(r"^[ \t>*#-]*Option\s+\d+\s*\**:\**[ \t]*", re.MULTILINE | re.IGNORECASE)
_NUMBER = r"[-+]?\d+(?:\.\d+)?"
_RATING = re.compile(rf"\bRating\b\W{{0,6}}({_NUMBER})", re.IGNORECASE)
_NUMBERS = re.compile(rf"(?<![\w.]){_NUMBER}(?!\w)")
_FENCE = re.compile(r"^```(?:json)?\s*|\s*```$")


class Option(BaseModel):
    """A thought that may be next."""

    text: str = Field(description="The next step, complete enough to be executed.")
    final: bool = Field(description="Whether the question can be answered after this step.")


class Thoughts(BaseModel):
    """The answer of a thinker."""

    reflection: str = Field(description="What is good and what is wrong with the steps so far.")
    options: list[Option] = Field(description="Different next steps.")


class Rating(BaseModel):
    """The rating of an option."""

    analysis: str = Field(description="The reasons.")
    rating: float = Field(description="The rating, on the scale.")


class Ratings(BaseModel):
    """The answer of a grader."""

    ratings: list[Rating] = Field(description="A rating for each option, in their order.")


class Grade(NamedTuple):
    """The value of a rating, from 0 to 1, and its reasons."""

    value: float
    details: str


def parse_thoughts(text: str) -> Thoughts:
    """Return the reflection and the options in an answer. Equal options are one; without any, there are none."""
    data = _parse_json(text)
    if "options" in data:
        items = data["options"] if isinstance(data["options"], list) else []
        options = [_parse_option(item) for item in items]
        return Thoughts(reflection=str(data.get("reflection") or "").strip(), options=_merge_equal(options))
    # No JSON: the text has the markers, or some of them.
    start = _REFLECTION.search(text)
    rest = text[start.end() :] if start else text
    first = _OPTION.search(rest)
    heading = rest.find(OPTIONS)
    end = min((position for position in (heading, first.start() if first else -1) if position >= 0), default=len(rest))
    pieces = [*_OPTION.finditer(rest)]
    options = []
    for index, piece in enumerate(pieces):
        stop = pieces[index + 1].start() if index + 1 < len(pieces) else len(rest)
        options.append(Option(text=rest[piece.end() : stop].strip(), final=False))
    return Thoughts(reflection=rest[:end].strip(" *\n"), options=_merge_equal(options))


def parse_rating(text: str, scale: float) -> Grade | None:
    """Return the value of the rating in an answer; None if there is none.

    It is the number after the marker `Rating:`, or else the last number.

    Args:
        text: The answer.
        scale: The highest rating.
    """
    ratings = _parse_json(text).get("ratings")
    if isinstance(ratings, list) and ratings:
        return _parse_item(ratings[0], scale)
    if "rating" in (data := _parse_json(text)):
        return _parse_item(data, scale)
    # The first number of a sentence like "on a scale of 1 to 10" is not the rating.
    numbers = _RATING.findall(text) or _NUMBERS.findall(text)
    return Grade(_to_value(float(numbers[-1]), scale), text) if numbers else None


def parse_ratings(text: str, count: int, scale: float) -> list[Grade | None]:
    """Return the values of the ratings of several options: JSON, or `Rating: {number}` after each `Option {n}:`."""
    ratings = _parse_json(text).get("ratings")
    if isinstance(ratings, list):
        grades = [_parse_item(item, scale) for item in ratings[:count]]
        return [*grades, *[None] * (count - len(grades))]
    grades = [None] * count
    pieces = [*_OPTION.finditer(text)]
    for index, piece in enumerate(pieces):
        number = int(re.findall(r"\d+", piece[0])[0])
        stop = pieces[index + 1].start() if index + 1 < len(pieces) else len(text)
        found = _RATING.findall(text[piece.end() : stop])
        # An option that nobody proposed has no rating.
        if found and 1 <= number <= count:
            grades[number - 1] = Grade(_to_value(float(found[-1]), scale), text[piece.start() : stop].strip())
    return grades


def normalize(text: str) -> str:
    """Return a text in the form in which equal options are equal."""
    return re.sub(r"\W+", " ", text).strip().casefold()


def _parse_json(text: str) -> Mapping[str, Any]:
    try:
        data = json.loads(_FENCE.sub("", text.strip()))
    except ValueError:
        return {}
    return data if isinstance(data, Mapping) else {}


def _parse_option(item: Any) -> Option:
    if isinstance(item, Mapping):
        return Option(text=str(item.get("text") or "").strip(), final=item.get("final") is True)
    return Option(text=str(item).strip(), final=False)


def _parse_item(item: Any, scale: float) -> Grade | None:
    if not isinstance(item, Mapping):
        return None
    rating = item.get("rating")
    if isinstance(rating, str) and _NUMBERS.fullmatch(rating.strip()):
        rating = float(rating)
    if isinstance(rating, bool) or not isinstance(rating, (int, float)):
        return None
    return Grade(_to_value(float(rating), scale), str(item.get("analysis") or ""))


def _to_value(rating: float, scale: float) -> float:
    return (min(max(rating, 1.0), scale) - 1.0) / (scale - 1.0)


def _merge_equal(options: list[Option]) -> list[Option]:
    merged: dict[str, Option] = {}
    for option in options:
        if key := normalize(option.text) or option.text:
            merged.setdefault(key, option)
    return list(merged.values())
