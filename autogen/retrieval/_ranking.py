"""The order of results that were found by meaning, by words, or both.

The two kinds of scores have different scales, so each is scaled to 0 to 1 over the candidates, and the sum is weighted.
Ranks alone (reciprocal rank fusion) throw away the lead of a clear winner and ranked worse than either half; see
`benchmarks/retrieval.py` for the measurements behind the weights.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from ._identifiers import find_identifiers

KEYWORD_WEIGHT = 0.15
"""The part of the keyword score in the sum, for questions in natural language."""

IDENTIFIER_WEIGHT = 0.3
"""The part of the keyword score in the sum, for questions that contain an identifier, if nothing says how rare it is."""

COMMON_IDENTIFIER_WEIGHT = 0.2
"""The part of the keyword score in the sum, for questions with an identifier that many texts contain, or none."""

RARE_IDENTIFIER_WEIGHT = 0.45
"""The part of the keyword score in the sum, for questions with an identifier that hardly any text contains."""

# A name in so many texts is rare.
_RARE = 2

K = TypeVar("K")


def choose_keyword_weight(
    question: str, keyword_weight: float | None = None, count_texts: Callable[[str], int] | None = None
) -> float:
    """Return the part of the keyword score in the sum for a question, 0 to 1.

    Args:
        question: The question.
        keyword_weight: The weight that the program sets; None to choose by the question.
        count_texts: Function that returns the number of texts that contain an identifier, at least 3 if there are many. None
            if that is unknown.

    Raises:
        ValueError: if the weight is not within 0 and 1.
    """
    if keyword_weight is None:
        identifiers = find_identifiers(question)
        if not identifiers:
            return KEYWORD_WEIGHT
        if count_texts is None:
            return IDENTIFIER_WEIGHT
        is_rare = any(0 < count_texts(identifier) <= _RARE for identifier in identifiers)
        return RARE_IDENTIFIER_WEIGHT if is_rare else COMMON_IDENTIFIER_WEIGHT
    if not 0 <= keyword_weight <= 1:
        raise ValueError(f"keyword_weight must be within 0 and 1, got {keyword_weight}.")
    return keyword_weight


def rank_hybrid(
    distances: Mapping[K, float],
    keyword_scores: Mapping[K, float],
    keyword_weight: float,
    full_score: float = 0.0,
) -> list[tuple[K, float]]:
    """Rank candidates by their distances and keyword scores together.

    Args:
        distances: The cosine distance of each candidate that has one.
        keyword_scores: The BM25 score of each candidate that contains words of the question.
        keyword_weight: The part of the keyword score in the sum, 0 to 1.
        full_score: The keyword score of a text with all the words. If no candidate reaches it, the words of the question
            count less, so that the best of bad scores does not overrule the meaning.

    Returns:
        The candidates with their scores, 0 to 1, best first. Those with equal scores keep their order.

    >>> rank_hybrid({"a": 0.2, "b": 0.6}, {"b": 7.0}, 0.25)
    [('a', 0.75), ('b', 0.25)]
    """
    farthest = max(distances.values(), default=0.0)
    spread = farthest - min(distances.values(), default=0.0)
    best = max(keyword_scores.values(), default=0.0)
    best = max(best, full_score if best else 0.0)
    scores = {}
    for key in dict.fromkeys([*distances, *keyword_scores]):
        nearness = (farthest - distances[key]) / spread if key in distances and spread else float(key in distances)
        keyword_score = keyword_scores.get(key, 0.0) / best if best else 0.0
        scores[key] = (1 - keyword_weight) * nearness + keyword_weight * keyword_score
    return sorted(scores.items(), key=lambda item: -item[1])
