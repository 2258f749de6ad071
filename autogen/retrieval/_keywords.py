"""Full-text search with SQLite's FTS5: queries that contain any text, and scores of a few texts."""

from __future__ import annotations

import math
import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing

TOKENIZER = "porter unicode61"
# More words than a question has: it may be a whole document.
_MAX_WORDS = 48
# Entries that contain a word, beyond which it is left out of the query: their scores take two microseconds each.
_MAX_MATCHES = 2_000
_STOP_WORD_LIST = """
    a about an and any are as at be been but by can could did do does for from had has have how i if in into is it its me my
    no not of on or our should so some such than that the their them then there these they this those to us was we were
    what when where which who whom whose why will with would you your
"""
_STOP_WORDS = frozenset(_STOP_WORD_LIST.split())
_EDGES = re.compile(r"^\W+|\W+$")


def split_query(text: str) -> list[str]:
    """Return the words of a question that are worth a search, in their order, without repetitions.

    Words that most texts contain are left out, unless there are no others.
    """
    words = [word for word in (_EDGES.sub("", part) for part in text.split()) if word]
    words = list({word.lower(): word for word in words}.values())
    return ([word for word in words if word.lower() not in _STOP_WORDS] or words)[:_MAX_WORDS]


def build_match(text: str) -> str:
    """Build an FTS5 query for texts that contain any word of a question; empty if it has no words."""
    return " OR ".join(map(quote_word, split_query(text)))


def build_fast_match(connection: sqlite3.Connection, text: str) -> str:
    """Build an FTS5 query like `build_match`, without the words that would make it slow in a large index.

    The time of a query grows with the number of entries that contain its words. So the rarest words are kept; if all of them
    are frequent, entries must contain each of them.

    Args:
        connection: A connection to a database with a full-text index `words`.
        text: The question.
    """
    return select_words(count_words(connection, text))


def count_words(connection: sqlite3.Connection, text: str) -> dict[str, int]:
    """Return the words of a question, quoted, with the number of entries that contain each, at most 2,001.

    Args:
        connection: A connection to a database with a full-text index `words`.
        text: The question.
    """
    query = f"SELECT count(*) FROM (SELECT rowid FROM words WHERE words MATCH ? LIMIT {_MAX_MATCHES + 1})"
    return {word: connection.execute(query, (word,)).fetchone()[0] for word in map(quote_word, split_query(text))}


def estimate_full_score(counts: dict[str, int], total: int) -> float:
    """Return the BM25 score of a text of average length that contains each word of a question once.

    Args:
        counts: The number of texts that contain each word.
        total: The number of texts.
    """
    # A word that no text contains counts as a rare word, or it would outweigh all others in a small index.
    numbers = [max(count, 1) for count in counts.values()]
    return sum(max(math.log((max(total, number) - number + 0.5) / (number + 0.5)), 0.0) for number in numbers)


def select_words(counts: dict[str, int]) -> str:
    """Build the FTS5 query of `build_fast_match` from the numbers of its words."""
    remaining = 2 * _MAX_MATCHES
    rare = []
    for word, count in sorted(counts.items(), key=lambda item: item[1]):
        remaining -= count
        if remaining < 0 or count > _MAX_MATCHES:
            break
        if count:
            rare.append(word)
    return " OR ".join(rare) or " AND ".join(word for word, count in counts.items() if count)


def quote_word(word: str) -> str:
    """Quote a word for FTS5, so that nothing in it is syntax. A word such as `a::b` is then a phrase."""
    return '"{}"'.format(word.replace('"', '""').replace("\0", " "))


def score_keywords(question: str, texts: Sequence[str]) -> list[float]:
    """Return the BM25 score of each text for the words of a question: 0 if it has none of them, larger is better.

    The weights of the words come from these texts alone.

    >>> [score > 0 for score in score_keywords("Which keys?", ["keys in a jar", "a hot oven"])]
    [True, False]
    """
    scores = [0.0] * len(texts)
    match = build_match(question)
    if not match or not texts:
        return scores
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(f"CREATE VIRTUAL TABLE words USING fts5(text, tokenize = '{TOKENIZER}')")
        rows = [(number, text) for number, text in enumerate(texts)]
        connection.executemany("INSERT INTO words (rowid, text) VALUES (?, ?)", rows)
        for number, score in connection.execute("SELECT rowid, bm25(words) FROM words WHERE words MATCH ?", (match,)):
            scores[number] = to_score(score)
    return scores


def to_score(rank: float) -> float:
    """Return FTS5's rank, which is smaller for better texts, as a score above 0.

    SQLite gives a word that is in most texts a tiny weight instead of a negative one, so a score may be close to 0.
    """
    return max(-rank, 1e-9)
