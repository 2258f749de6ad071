"""The rules by which public benchmarks compare answers."""

from __future__ import annotations

import json
import math
import re
import string
from collections import Counter

_FINAL = re.compile("FINAL ANSWER:", re.IGNORECASE)
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def find_final_answer(text: str) -> str:
    """Return what follows the last "FINAL ANSWER:"; the whole text if there is none."""
    return _FINAL.split(text)[-1].strip()


def matches_gaia(answer: str, target: str) -> bool:
    """Return True if an answer is the target by the rule of GAIA.

    Numbers are compared without `$`, `%` and commas, lists element by element, and other texts without white space, case and
    punctuation.
    """
    number = _parse_number(target)
    if number is not None:
        return _parse_number(answer) == number
    if re.search("[,;]", target):
        answers, targets = re.split("[,;]", answer), re.split("[,;]", target)
        return len(answers) == len(targets) and all(
            _parse_number(mine) == _parse_number(theirs)
            if _parse_number(theirs) is not None
            else _squeeze(mine, keeps_punctuation=True) == _squeeze(theirs, keeps_punctuation=True)
            for mine, theirs in zip(answers, targets, strict=True)
        )
    return _squeeze(answer) == _squeeze(target)


def rate_assistantbench(answer: str, target: str) -> float:
    """Return how near an answer is to the target, from 0 to 1, by the kind of the target.

    A number is compared by the logarithm of the ratio; an object of JSON by its keys; lines and other texts by the F1 of
    their words.
    """
    number = _parse_number(target)
    if number is not None:
        return _rate_number(_parse_number(answer), number)
    wanted, given = _parse_objects(target), _parse_objects(answer)
    if wanted:
        return _rate_objects(given, wanted)
    return _compute_f1(answer, target)


def _rate_number(answer: float | None, target: float) -> float:
    if answer is None:
        return 0.0
    if answer == target:
        return 1.0
    # No ratio has a logarithm here.
    if answer * target <= 0:
        return 0.0
    return max(0.0, 1 - abs(math.log(answer / target)))


def _rate_objects(answers: list[dict[str, object]], targets: list[dict[str, object]]) -> float:
    """Return the F1 of the objects, each counted with the value of its pair; the best pairs come first."""
    # Small lists: all pairs are few.
    rated = sorted(
        (
            (_rate_object(answer, target), mine, theirs)
            for mine, answer in enumerate(answers)
            for theirs, target in enumerate(targets)
        ),
        reverse=True,
    )
    total, used, matched = 0.0, set[int](), set[int]()
    for rate, mine, theirs in rated:
        if mine not in used and theirs not in matched:
            used.add(mine)
            matched.add(theirs)
            total += rate
    return 2 * total / (len(answers) + len(targets))


def _rate_object(answer: dict[str, object], target: dict[str, object]) -> float:
    keys = answer.keys() | target.keys()
    rates = [
        rate_assistantbench(str(answer[key]), str(target[key])) if key in answer and key in target else 0.0 for key in keys
    ]
    return sum(rates) / len(rates) if rates else 1.0


def _compute_f1(answer: str, target: str) -> float:
    mine, theirs = (Counter(text.lower().translate(_PUNCTUATION).split()) for text in (answer, target))
    # Words that occur twice count twice.
    common = (mine & theirs).total()
    return 2 * common / (mine.total() + theirs.total()) if common else 0.0


def _parse_objects(text: str) -> list[dict[str, object]]:
    """Return the objects of a text of JSON, or of JSON lines; none if anything else is in it."""
    for parts in ([text], [line for line in text.splitlines() if line.strip()]):
        try:
            values = [json.loads(part) for part in parts]
        except ValueError:
            continue
        if len(values) == 1 and isinstance(values[0], list):
            values = values[0]
        return values if values and all(isinstance(value, dict) for value in values) else []
    return []


def _parse_number(text: str) -> float | None:
    plain = re.sub(r"[$%,\s]", "", text)
    try:
        number = float(plain)
    except ValueError:
        return None
    # Words such as "nan" and "infinity" are words.
    return number if math.isfinite(number) else None


def _squeeze(text: str, *, keeps_punctuation: bool = False) -> str:
    plain = re.sub(r"\s", "", text).casefold()
    return plain if keeps_punctuation else plain.translate(_PUNCTUATION)
