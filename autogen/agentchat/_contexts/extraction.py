"""Extraction: the sentences of a text that matter, within a limit of tokens."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from .counting import TokenCounter

GAP = "[…]"

_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[^a-z\s])|(?<=[\u3002\uff01\uff1f])")
_WORD = re.compile(r"\w+")
_NUMBER = re.compile(r"\d")
# A capital letter inside a sentence, or an identifier.
_NAME = re.compile(r"(?<=[\w,;:] )[A-Z]\w+|\w+_\w+|\w+\(\)|[A-Z]{2,}")
_BOILERPLATE = re.compile(
    r"^\W*$|all rights reserved|^skip to (main )?content|^(accept|manage|reject) (all )?cookies|we use cookies"
    r"|^(sign|log) (in|up|out)$|^subscribe|^share (this|on)|^(privacy policy|terms of (use|service))\W*$"
    r"|^(back to top|menu)$",
    re.IGNORECASE,
)
_MARKS = ("<<<untrusted ", ">>>end ")
# Of BM25, in their usual values.
_K1 = 1.5
_B = 0.75
_BONUS = 0.25


@dataclass
class _Piece:
    """A sentence or a block of code.

    Attributes:
        text: Its text.
        line: Number of its line; sentences of one line are joined by spaces.
        is_fixed: True for a block of code, and for the marks of a text from outside: they are not ranked.
        size: Its tokens.
        score: Its rank among the sentences.
    """

    text: str
    line: int
    is_fixed: bool
    size: int = 0
    score: float = 0.0


def extract(text: str, limit: int, counter: TokenCounter, query: str = "") -> str:
    """Return the pieces of a text that matter most, in their order, with a mark for each gap.

    Args:
        text: Text.
        limit: Maximum number of tokens.
        counter: Counter of tokens.
        query: Question that the text should answer; empty for what the text is about.
    """
    pieces, is_cleaned = _split(text)
    if is_cleaned and counter.count_text(cleaned := _join(pieces, set(range(len(pieces))))) <= limit:
        return cleaned
    for piece in pieces:
        piece.size = counter.count_text(piece.text) + 1
    sentences = [piece for piece in pieces if not piece.is_fixed]
    _rank(sentences, query)
    gap = counter.count_text(f"\n{GAP}\n")
    order = sorted(range(len(pieces)), key=lambda index: (not pieces[index].is_fixed, -pieces[index].score, index))
    kept: set[int] = set()
    remaining = limit
    for index in order:
        # Each piece may open a gap.
        cost = pieces[index].size + gap
        if cost <= remaining:
            kept.add(index)
            remaining -= cost
    result = _join(pieces, kept) if kept else text
    return result if counter.count_text(result) <= limit else counter.shorten(result, limit)


def _split(text: str) -> tuple[list[_Piece], bool]:
    """Return the pieces of a text, and whether repeated lines and boilerplate were left out."""
    pieces: list[_Piece] = []
    seen: set[str] = set()
    code: list[str] = []
    fence = ""
    is_cleaned = False
    for number, line in enumerate(text.split("\n")):
        if fence:
            code.append(line)
            if line.strip().startswith(fence) and not line.strip().strip(fence[0]):
                pieces.append(_Piece("\n".join(code), number, is_fixed=True))
                code, fence = [], ""
            continue
        if match := _FENCE.match(line):
            fence, code = match[1], [line]
            continue
        if line.startswith(_MARKS):
            # Without them a text from outside could pass for an instruction.
            pieces.append(_Piece(line, number, is_fixed=True))
            continue
        key = " ".join(line.split()).lower()
        if not key:
            continue
        if key in seen or _BOILERPLATE.search(key):
            is_cleaned = True
            continue
        seen.add(key)
        pieces += [
            _Piece(sentence.strip(), number, is_fixed=False) for sentence in _SENTENCE_END.split(line) if sentence.strip()
        ]
    if code:
        # A block that is not closed reaches to the end.
        pieces.append(_Piece("\n".join(code), number + 1, is_fixed=True))
    return pieces, is_cleaned


def _rank(sentences: list[_Piece], query: str) -> None:
    """Score sentences by a query, or by how much they have in common with the others."""
    words = [_get_words(piece.text) for piece in sentences]
    frequency = Counter(word for sentence in words for word in set(sentence))
    wanted = Counter(_get_words(query))
    wanted = Counter({word: count for word, count in wanted.items() if word in frequency})
    if not wanted:
        # The words of the text itself. Those of a single sentence say nothing about the others.
        wanted = Counter({word: count for word, count in frequency.items() if count > 1})
    average = sum(map(len, words)) / len(words) if words else 1.0
    for piece, sentence in zip(sentences, words, strict=True):
        piece.score = _score(sentence, wanted, frequency, len(words), average or 1.0)
    best = max((piece.score for piece in sentences), default=0.0) or 1.0
    for piece in sentences:
        bonus = bool(_NUMBER.search(piece.text)) + bool(_NAME.search(piece.text))
        piece.score = piece.score / best + _BONUS * bonus


def _score(sentence: list[str], wanted: Counter[str], frequency: Counter[str], count: int, average: float) -> float:
    """Return the BM25 score of a sentence."""
    counts = Counter(sentence)
    length = 1 - _B + _B * len(sentence) / average
    score = 0.0
    for word in counts.keys() & wanted.keys():
        rarity = math.log(1 + (count - frequency[word] + 0.5) / (frequency[word] + 0.5))
        score += rarity * counts[word] * (_K1 + 1) / (counts[word] + _K1 * length)
    return score


def _get_words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _join(pieces: list[_Piece], kept: Iterable[int]) -> str:
    """Join pieces in their order, with a mark where others are left out."""
    parts: list[str] = []
    previous = -1
    for index in [*sorted(kept), len(pieces)]:
        is_end = index == len(pieces)
        if index > previous + 1:
            parts.append(("\n" if parts else "") + GAP + ("" if is_end else "\n"))
        elif not is_end and parts:
            parts.append(" " if pieces[index].line == pieces[previous].line and not pieces[index].is_fixed else "\n")
        if not is_end:
            parts.append(pieces[index].text)
        previous = index
    return "".join(parts)
