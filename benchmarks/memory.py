"""Recall of an agent's memory: 1,000 memos, each asked for in other words than it was stored with.

python -m benchmarks.memory

A memo says one thing about one of fifty people, in one of twenty respects. For each respect, the stored question and
the question that asks for it were written by hand, neither derived from the other: they share the person's name, and
words such as "the", but hardly a word of content. So each memo has 19 rivals about its person, and 49 in its respect.
No memo is left out, and nothing was tuned on the set.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass

from autogen.memory import MemoStore

PEOPLE = """
    Maria Keller, Tom Okafor, Lucy Brandt, Ahmed Farouk, Nina Petrova, Jorge Ruiz, Hanna Lindqvist, Wei Zhang, Paul
    Dubois, Aisha Bello, Ivan Horvat, Emma Clarke, Rosa Conti, David Levi, Mei Tanaka, Oskar Nilsen, Priya Nair,
    Liam Byrne, Sofia Costa, Karl Weber, Fatima Zahra, Peter Novak, Grace Osei, Marek Kowal, Yuki Sato, Anton Berg,
    Carmen Vega, Noah Fischer, Leila Haddad, Viktor Popov, Ines Moreau, Samuel Adeyemi, Greta Holm, Diego Silva,
    Anna Kovacs, Omar Said, Julia Roth, Bruno Marino, Clara Jensen, Kofi Mensah, Elena Dima, Hugo Martin, Zoe Papas,
    Arjun Rao, Ida Larsen, Felix Braun, Nora Quinn, Stefan Ionescu, Olga Ivanova, Ben Carter
"""
SUBJECTS = [" ".join(name.split()) for name in PEOPLE.split(",")]

# The stored question, the question that asks for it, and the beginning of the stored answer.
RESPECTS = [
    ("Which city does {} live in?", "Where is {}'s home?", "Town number"),
    ("What is the phone number of {}?", "How can I call {}?", "0555-"),
    ("What does {} do for a living?", "I forgot {}'s profession, remind me", "Trade number"),
    ("When is the birthday of {}?", "On what date was {} born?", "Day"),
    ("Which food is {} allergic to?", "What must not be on the plate when {} comes to dinner?", "Dish"),
    ("What is the name of the dog of {}?", "How is {}'s pet called?", "Rex the"),
    ("Which colour does {} like best?", "In what shade should I paint a gift for {}?", "Tint"),
    ("Who is the manager of {}?", "To whom does {} report?", "Boss"),
    ("Which car does {} drive?", "What vehicle belongs to {}?", "Model"),
    ("Which programming language does {} prefer?", "In what should I write code for {} to read?", "Language"),
    ("What is the e-mail address of {}?", "Where do I send an electronic letter for {}?", "box"),
    ("Which sport does {} practise?", "What does {} do to keep fit?", "Game"),
    ("What is the salary of {}?", "How much money does {} earn?", "Sum"),
    ("Where did {} go to university?", "At what college did {} get a degree?", "School"),
    ("Which instrument does {} play?", "What would {} bring to an evening of music?", "Instrument"),
    ("How does {} take coffee?", "I am making a hot drink for {}, what goes in?", "Blend"),
    ("What is the shoe size of {}?", "I want to buy boots for {}, how large?", "Size"),
    ("On which project is {} working?", "What keeps {} busy at the office now?", "Project"),
    ("What is the flight number of {}?", "With which plane does {} arrive?", "Flight"),
    ("Which book did {} recommend?", "What did {} say I should read?", "Volume"),
]


@dataclass(frozen=True)
class Recall:
    """The result.

    Attributes:
        memos: Number of memos, each with one question.
        first: Part of the questions whose memo is recalled first.
        first_five: Part of the questions whose memo is among the first five.
        search_ms: Median milliseconds of a search, beside the embedding of the question.
        embed_ms: Median milliseconds for the embedding of a question.
    """

    memos: int
    first: float
    first_five: float
    search_ms: float
    embed_ms: float


def make_set() -> list[tuple[str, str, str]]:
    """Return stored question, stored answer, and the question that asks for it, of each memo."""
    return [
        (stored.format(name), f"{beginning} {number * 31 + index * 7}", asked.format(name))
        for number, name in enumerate(SUBJECTS)
        for index, (stored, asked, beginning) in enumerate(RESPECTS)
    ]


def measure(embedding_function: object = "local") -> Recall:
    """Store all memos, and ask for each.

    Args:
        embedding_function: See `MemoStore`.
    """
    store = MemoStore(path_to_db_dir=None, embedding_function=embedding_function)
    memos = make_set()
    embedder = store.embedder
    vectors = None if embedder is None else embedder.embed([stored for stored, _, _ in memos])
    by_text = {} if vectors is None else {stored: vector for (stored, _, _), vector in zip(memos, vectors, strict=True)}
    # One batch of vectors instead of a thousand requests: only the searches are measured.
    timed = _Timed(embedder, by_text)
    store = MemoStore(path_to_db_dir=None, embedding_function=False if embedder is None else timed)
    for stored, answer, _ in memos:
        store.add_input_output_pair(stored, answer)
    ranks, times = [], []
    for stored, _, asked in memos:
        timed.seconds = 0.0
        start = time.perf_counter()
        recalled = [memo.input for memo in store.search(asked, 5, threshold=1.5)]
        times.append(time.perf_counter() - start - timed.seconds)
        ranks.append(recalled.index(stored) if stored in recalled else None)
    count = len(memos)
    return Recall(
        memos=count,
        first=sum(rank == 0 for rank in ranks) / count,
        first_five=sum(rank is not None for rank in ranks) / count,
        search_ms=statistics.median(times) * 1000,
        embed_ms=statistics.median(timed.all_seconds or [0.0]) * 1000,
    )


class _Timed:
    """An embedder that knows the vectors of the memos, and measures the time of the others."""

    def __init__(self, embedder, vectors) -> None:
        self._embedder, self._vectors = embedder, vectors
        self.identity = getattr(embedder, "identity", "")
        self.dimension = getattr(embedder, "dimension", 0)
        self.seconds = 0.0
        self.all_seconds: list[float] = []

    def embed(self, texts):
        import numpy as np

        if all(text in self._vectors for text in texts):
            return np.stack([self._vectors[text] for text in texts])
        return self._embedder.embed(texts)

    def embed_queries(self, texts):
        start = time.perf_counter()
        vectors = self._embedder.embed_queries(texts)
        self.seconds = time.perf_counter() - start
        self.all_seconds.append(self.seconds)
        return vectors


if __name__ == "__main__":
    for name, source in (("all-MiniLM-L6-v2 and words", "local"), ("words alone", False)):
        result = measure(source)
        print(
            f"{name}: {result.memos} memos, first {result.first:.1%}, among five {result.first_five:.1%}, "
            f"search {result.search_ms:.1f} ms, embedding {result.embed_ms:.1f} ms"
        )
