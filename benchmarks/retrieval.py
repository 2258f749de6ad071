"""The quality of search on two sets of questions, beside plain Chroma; and the time of a question in 50,000 texts.

python -m benchmarks.retrieval           # quality; needs the extras `embeddings` and, for the comparison, `chroma`
python -m benchmarks.retrieval --speed   # time alone

The sets are the FAQs of Perl and of Python, as Debian ships them in `perl-doc` and `python3.11-doc`: a question is a
heading, its text the answer without the heading. Besides, questions are made for names that a single answer contains: "How
do I use X?".
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy

from autogen.agentchat.contrib._rag.vectors import embed_chunks
from autogen.agentchat.contrib.vectordb.base import VectorDBFactory
from autogen.agentchat.contrib.vectordb.store import VectorStore
from autogen.embeddings import Embedder, get_embedder
from autogen.retrieval import IndexEntry, TextIndex, find_identifiers

PACKAGES = {
    "Perl": ("perl-doc", "usr/share/perl/*/pod/perlfaq[1-9].pod"),
    "Python": ("python3.11-doc", "usr/share/doc/python3.11/html/_sources/faq/*.rst.txt"),
}
WEIGHTS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 1.0)
TEXTS = 50_000
SEED = 7
MAX_MADE = 126  # questions about names, as many as the first measurement had


@dataclass(frozen=True)
class QuestionSet:
    """Questions, and for each the number of the text that answers it."""

    name: str
    questions: list[str]
    answers: list[int]


def read_pod(text: str) -> Iterator[tuple[str, str]]:
    """Yield the questions and answers of a page of Perl's FAQ."""
    for section in re.split(r"^=head2 ", text, flags=re.MULTILINE)[1:]:
        question, _, answer = re.split(r"^=head1 ", section, flags=re.MULTILINE)[0].partition("\n")
        # Formatting codes such as C<$x> and E<lt>.
        question, answer = (re.sub(r"[A-Z]<+\s?(?:[^<>|]*\|)?([^<>]*?)\s?>+", r"\1", part) for part in (question, answer))
        yield question.strip(), re.sub(r"^=\w+.*", "", answer, flags=re.MULTILINE).strip()


def read_rst(text: str) -> Iterator[tuple[str, str]]:
    """Yield the questions and answers of a page of Python's FAQ."""
    parts = re.split(r"^(\S.*)\n([-=~.^])\2{2,}\n", text, flags=re.MULTILINE)
    for question, answer in zip(parts[1::3], parts[3::3], strict=True):
        yield re.sub(r"[`*]+", "", question).strip(), re.sub(r":\w+:|[`*]", "", answer).strip()


READERS: dict[str, Callable[[str], Iterator[tuple[str, str]]]] = {"Perl": read_pod, "Python": read_rst}


def unpack_package(package: str, folder: Path) -> Path:
    """Download a Debian package into a folder, and return the folder with its files."""
    target = folder / package
    target.mkdir()
    subprocess.run(["apt-get", "download", package], cwd=target, check=True, capture_output=True)
    [archive] = target.glob("*.deb")
    subprocess.run(["dpkg", "-x", archive, target], check=True)
    return target


def read_faq(name: str, folder: Path) -> list[tuple[str, str]]:
    """Return the pairs of a FAQ, from its Debian package, which is downloaded into a folder."""
    package, pattern = PACKAGES[name]
    target = unpack_package(package, folder)
    texts = [path.read_text(encoding="utf-8") for path in sorted(target.glob(pattern))]
    pairs = [pair for text in texts for pair in READERS[name](text) if pair[0].endswith("?") and len(pair[1]) > 40]
    return list(dict(pairs).items())


def make_questions(name: str, pairs: list[tuple[str, str]]) -> list[QuestionSet]:
    """Return the questions of a FAQ, and questions about names that a single answer contains."""
    natural = QuestionSet(f"{name}, questions", [question for question, _ in pairs], list(range(len(pairs))))
    names = [[word for word in find_identifiers(answer) if 3 <= len(word) <= 40] for _, answer in pairs]
    texts = [answer.lower() for _, answer in pairs]
    made: list[tuple[str, int]] = []
    for number, words in enumerate(names):
        unique = [word for word in words if sum(word.lower() in text for text in texts) == 1]
        made += [(f"How do I use {word}?", number) for word in unique[:1]]
    made = made[:MAX_MADE]
    return [natural, QuestionSet(f"{name}, names", [question for question, _ in made], [number for _, number in made])]


class Vectors:
    """An embedder that embeds each text once."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._known: dict[str, numpy.ndarray] = {}
        self.identity, self.dimension = embedder.identity, embedder.dimension

    def embed(self, texts: list[str]) -> numpy.ndarray:
        """Return a unit vector for each text."""
        missing = [text for text in dict.fromkeys(texts) if text not in self._known]
        if missing:
            self._known.update(zip(missing, self._embedder.embed(missing), strict=True))
        return numpy.array([self._known[text] for text in texts])

    embed_queries = embed


def measure(ranks: list[int | None]) -> tuple[float, float, float]:
    """Return the recall of the first result, that of the first five, and the mean reciprocal rank."""
    count = len(ranks)
    first = sum(rank == 1 for rank in ranks) / count
    five = sum(rank is not None and rank <= 5 for rank in ranks) / count
    return first, five, sum(1 / rank for rank in ranks if rank is not None) / count


def rank_texts(store: VectorStore, questions: QuestionSet, **options: object) -> list[int | None]:
    """Return the rank of the right text for each question; None if it is not among the first 50."""
    ranks: list[int | None] = []
    for results, answer in zip(
        store.retrieve_docs(questions.questions, n_results=50, **options), questions.answers, strict=True
    ):
        texts = list(dict.fromkeys(document["metadata"]["text"] for document, _ in results))
        ranks.append(texts.index(answer) + 1 if answer in texts else None)
    return ranks


def split(text: str, size: int = 500) -> list[str]:
    """Return pieces of a text, of whole paragraphs where they are short enough."""
    pieces = [""]
    for paragraph in re.split(r"\n\s*\n", text):
        for start in range(0, len(paragraph), size):
            part = paragraph[start : start + size]
            if pieces[-1] and len(pieces[-1]) + len(part) > size:
                pieces.append("")
            pieces[-1] += f"\n\n{part}" if pieces[-1] else part
    return pieces


def fill(store: VectorStore, pairs: list[tuple[str, str]], vectors: Vectors, kind: str) -> None:
    """Put the answers into a store.

    Args:
        store: The store.
        pairs: The questions and answers.
        vectors: The embedder.
        kind: `whole` for whole answers, `chunks` for pieces of them, `parts` for whole answers that also have the vectors of
            their parts, as `RetrieveUserProxyAgent` indexes them. Of the stores, the local one alone has these.
    """
    collection = store.create_collection("faq", overwrite=True)
    if kind == "parts":
        embedded = embed_chunks(vectors, [(answer, {}) for _, answer in pairs])
        collection.add(
            IndexEntry(f"{number}-0", answer, {"text": number}, *embedded[number])
            for number, (_, answer) in enumerate(pairs)
        )
        return
    documents = []
    for number, (_, answer) in enumerate(pairs):
        pieces = [answer] if kind == "whole" else split(answer)
        documents += [
            {"id": f"{number}-{index}", "content": piece, "metadata": {"text": number}} for index, piece in enumerate(pieces)
        ]
    store.insert_docs(documents)


def print_quality(names: list[str]) -> None:
    """Measure and print the quality of each ranking."""
    vectors = Vectors(get_embedder("local"))
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            pairs = read_faq(name, Path(folder))
            stores: dict[str, VectorStore] = {
                "local": VectorDBFactory.create_vector_db("local", path=None, embedding_function=vectors)
            }
            try:
                stores["chroma"] = VectorDBFactory.create_vector_db("chroma", path=None, embedding_function=vectors)
            except ImportError as error:
                print(f"without Chroma: {error}")
            sets = make_questions(name, pairs)
            print(f"\n{name}: {len(pairs)} answers, {len(sets[1].questions)} questions about names")
            for kind in ("whole", "chunks", "parts"):
                for store_name, store in stores.items():
                    if kind == "parts" and store_name != "local":
                        continue
                    fill(store, pairs, vectors, kind)
                    rankings: list[dict[str, object]] = [{}]
                    if store_name == "local":
                        rankings = [{"search": "hybrid", "keyword_weight": weight} for weight in WEIGHTS]
                        rankings += [{"search": "hybrid"}]
                    for options in rankings:
                        weight = options.get("keyword_weight", "chosen" if options else "none")
                        figures = [measure(rank_texts(store, questions, **options)) for questions in sets]
                        row = "   ".join(f"R@1 {first:.3f}  R@5 {five:.3f}  MRR {mrr:.3f}" for first, five, mrr in figures)
                        print(f"{kind:7} {store_name:7} words {weight!s:7} {row}")


def print_speed() -> None:
    """Measure and print the time of a question in many texts, on words as frequent as in a language."""
    random = numpy.random.default_rng(SEED)
    words = numpy.array(["".join(random.choice(list("aeioubcdfghlmnprst"), 6)) for _ in range(5_000)])
    frequency = 1 / numpy.arange(1, len(words) + 1)
    frequency /= frequency.sum()
    matrix = random.standard_normal((TEXTS, 384)).astype("float32")
    texts = [" ".join(random.choice(words, 90, p=frequency)) for _ in range(TEXTS)]
    questions = [" ".join(random.choice(words, 8, p=frequency)) for _ in range(50)]
    with tempfile.TemporaryDirectory() as folder:
        with TextIndex(folder) as index:
            started = time.process_time()
            entries = (IndexEntry(str(number), text, {}, matrix[number]) for number, text in enumerate(texts))
            index.create_collection("texts").add(entries)
            print(f"writing {TEXTS} texts: {time.process_time() - started:.1f} s of CPU")
            index.get_collection("texts").search(vector=matrix[0])
        with TextIndex(folder) as index:
            collection = index.get_collection("texts")
            started = time.process_time()
            collection.search(vector=matrix[0])
            print(f"first question after opening: {1e3 * (time.process_time() - started):.0f} ms of CPU")
            for mode in ("vector", "hybrid", "keyword"):
                times = []
                for number, question in enumerate(questions):
                    started = time.process_time()
                    collection.search(question, vector=matrix[number], mode=mode)
                    times.append(1e3 * (time.process_time() - started))
                print(f"{mode}: {statistics.median(times):.1f} ms of CPU, at most {max(times):.1f}")


def main() -> None:
    """Read the command line, and measure."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks.retrieval", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--speed", action="store_true", help="measure the time alone")
    parser.add_argument("--only", nargs="+", choices=PACKAGES, default=list(PACKAGES), help="sets of questions")
    options = parser.parse_args()
    if not options.speed:
        print_quality(options.only)
    print_speed()


if __name__ == "__main__":
    main()
