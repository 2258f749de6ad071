"""An index of texts: search by meaning and by words, in a file that threads, processes and strangers share."""

import multiprocessing
import pickle
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogen.retrieval import (
    EmbedderMismatch,
    IndexEntry,
    IndexFileError,
    TextIndex,
    choose_keyword_weight,
    find_identifiers,
    rank_hybrid,
    score_keywords,
    to_unit,
)

FISH, BIRD, STONE = numpy.eye(3, dtype="float32")
ENTRIES = [
    IndexEntry("fish", "A trout swims upstream.", {"page": 1, "tags": ["water", "ö"]}, FISH),
    IndexEntry("bird", "The heron waits for trout; call heron::wait() first.", {}, BIRD + 0.5 * FISH),
    IndexEntry("stone", 'Granite {doesn\'t} "move".', {}, STONE),
]


@pytest.fixture(params=["file", "memory"])
def index(request, tmp_path):
    with TextIndex(tmp_path / "deep" / "index" if request.param == "file" else None) as index:
        yield index


@pytest.fixture
def collection(index):
    collection = index.create_collection("zoo", embedder="eye", metadata={"of": "animals"})
    collection.add(ENTRIES)
    return collection


def get_ids(hits):
    return [hit.id for hit in hits]


def test_entries_come_back_as_they_went_in(index, collection):
    assert index.list_collections() == ["zoo"]
    assert (collection.embedder, collection.dimension, collection.metadata) == ("eye", 3, {"of": "animals"})
    assert collection.get() == ENTRIES
    assert collection.get(["stone", "nobody", "fish"]) == [ENTRIES[2], ENTRIES[0]]
    assert collection.get(containing="trout", n=1) == [ENTRIES[0]]
    [bird] = collection.get(["bird"])
    assert bird.vector == pytest.approx(ENTRIES[1].vector / numpy.linalg.norm(ENTRIES[1].vector))


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ({"vector": FISH, "mode": "vector"}, ["fish", "bird", "stone"]),
        ({"vector": 7 * FISH, "mode": "vector", "n": 1}, ["fish"]),
        ({"question": "Which heron?", "mode": "keyword"}, ["bird"]),
        ({"question": "heron", "mode": "keyword", "vector": FISH}, ["bird"]),
        ({"question": "heron"}, ["bird"]),
        ({"question": "trout swimming", "vector": STONE}, ["stone", "fish", "bird"]),
        ({"question": "What is heron::wait()?", "vector": STONE + 0.8 * BIRD}, ["bird", "stone", "fish"]),
        ({"question": "Granite", "vector": FISH, "keyword_weight": 1}, ["stone"]),
        ({"question": "", "vector": BIRD}, ["bird", "fish", "stone"]),
        ({"question": "trout", "vector": BIRD, "containing": "trout swims"}, ["fish"]),
        ({"question": "trout", "mode": "keyword", "containing": "Granite"}, []),
        ({"question": '"} AND (NEAR* -:^ NOT', "mode": "keyword"}, []),
        ({"question": 'doesn\'t "move"', "mode": "keyword"}, ["stone"]),
        ({"question": " \0 ", "mode": "keyword"}, []),
    ],
)
def test_search(collection, search, expected):
    assert get_ids(collection.search(**search))[: len(expected)] == expected
    assert expected or not collection.search(**search)


def test_a_hit_has_its_distance_and_scores(collection):
    fish, bird, stone = collection.search("heron", vector=FISH)
    assert (fish.distance, stone.distance) == pytest.approx((0, 1))
    assert bird.distance == pytest.approx(1 - 0.5 / 1.25**0.5)
    assert bird.keyword_score > 0 == fish.keyword_score
    assert fish.score > bird.score > stone.score >= 0
    assert collection.search("heron")[0].distance is None


def test_entries_are_replaced_only_on_request(collection):
    changed = IndexEntry("stone", "Sandstone crumbles.", {"new": True}, BIRD)
    assert collection.search(vector=STONE)[0].id == "stone"
    assert collection.add([changed, IndexEntry("sand", "Sand", {}, STONE)]) == ["sand"]
    assert get_ids(collection.search(vector=STONE, mode="vector", n=2)) == ["stone", "sand"]
    assert collection.add([changed], replace=True) == ["stone"]
    assert get_ids(collection.search(vector=STONE, mode="vector", n=1)) == ["sand"]
    assert not collection.search("granite", mode="keyword")
    assert collection.delete(["sand", "sand", "nobody"]) == 1
    assert collection.get() == [ENTRIES[0], ENTRIES[1], changed]
    assert "sand" not in get_ids(collection.search("sand", vector=STONE))


def test_collections_are_apart(index, collection):
    other = index.open_collection("other", embedder="two")
    other.add([IndexEntry("fish", "A trout is fried.", {}, [1, 0])])
    assert index.open_collection("other", embedder="two").count() == 1
    assert get_ids(other.search("trout", vector=[1, 0])) == ["fish"]
    assert get_ids(collection.search("fried trout", mode="keyword")) == ["fish", "bird"]
    index.delete_collection("other")
    assert index.list_collections() == ["zoo"]
    assert get_ids(collection.search("trout", vector=FISH)) == ["fish", "bird", "stone"]
    with pytest.raises(ValueError, match="'other' was deleted"):
        other.count()


@pytest.mark.parametrize(
    ("misuse", "error"),
    [
        (lambda index, zoo: index.create_collection("zoo"), "already"),
        (lambda index, zoo: index.create_collection(""), "not empty"),
        (lambda index, zoo: index.get_collection("zo"), "no collection 'zo'. Collections: 'zoo'"),
        (lambda index, zoo: index.get_collection("zoo", embedder="ear"), "'eye'.*'ear'.*overwrite=True"),
        (lambda index, zoo: zoo.add([IndexEntry("x", "x", {}, [1, 2])]), "3 numbers.*got 2"),
        (lambda index, zoo: zoo.add([IndexEntry("x", "x", {}, [1, 2, float("nan")])]), "finite"),
        (lambda index, zoo: zoo.search("x", vector=[1, 2]), "3 numbers"),
        (lambda index, zoo: zoo.search("x", mode="vectors"), 'must be "hybrid", "vector" or "keyword"'),
        (lambda index, zoo: zoo.search("x", mode="vector"), "needs the vector"),
        (lambda index, zoo: zoo.search("x", keyword_weight=2), "within 0 and 1"),
    ],
)
def test_misuse_changes_nothing(index, collection, misuse, error):
    with pytest.raises(ValueError, match=error):
        misuse(index, collection)
    assert collection.get() == ENTRIES


def test_a_mistake_in_a_batch_undoes_all_of_it(collection):
    with pytest.raises(ValueError, match="3 numbers"):
        collection.add([IndexEntry("sand", "Sand", {}, STONE), IndexEntry("fish", "x", {}, [1])], replace=True)
    assert collection.get() == ENTRIES


def test_nothing_is_written_by_reading(tmp_path):
    index = TextIndex(tmp_path / "index")
    assert index.list_collections() == []
    with pytest.raises(ValueError, match="Collections: none"):
        index.get_collection("x")
    assert not list(tmp_path.iterdir())


def test_an_index_survives_the_loss_of_its_matrix_and_the_deletion_of_its_folder(tmp_path):
    index = TextIndex(tmp_path)
    zoo = index.create_collection("zoo")
    zoo.add(ENTRIES)
    assert get_ids(zoo.search(vector=BIRD)) == ["bird", "fish", "stone"]
    [matrix] = tmp_path.glob("*.f32")
    for damage in (b"", b"autogen1", matrix.read_bytes()[:-1], matrix.read_bytes().replace(b"autogen1", b"autogen2")):
        matrix.unlink()
        matrix.write_bytes(damage)
        with TextIndex(tmp_path) as again:
            assert get_ids(again.get_collection("zoo").search(vector=BIRD)) == ["bird", "fish", "stone"]
    for file in tmp_path.iterdir():
        file.unlink()
    assert index.list_collections() == []
    index.create_collection("zoo").add(ENTRIES[:1])
    assert index.get_collection("zoo").count() == 1


@pytest.mark.parametrize(
    "harm",
    [
        "CREATE TRIGGER harm AFTER INSERT ON entries BEGIN DELETE FROM entries; END",
        "CREATE VIEW harm AS SELECT 1",
        "DROP TABLE words; CREATE TABLE words (text)",
    ],
)
def test_a_file_of_somebody_else_is_refused_and_left_as_it_is(tmp_path, harm):
    with TextIndex(tmp_path) as index:
        index.create_collection("zoo")
        file = index.file
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(harm)
    before = file.read_bytes()
    with TextIndex(tmp_path) as index:
        with pytest.raises(IndexFileError, match="left as it is"):
            index.list_collections()
        with pytest.raises(IndexFileError, match="left as it is"):
            index.create_collection("more")
    assert file.read_bytes() == before


def test_a_damaged_file_is_refused_and_left_as_it_is(tmp_path):
    index = TextIndex(tmp_path)
    index.file.write_bytes(b"Not a database, " * 100)
    with pytest.raises(IndexFileError, match="can't be used as an index"):
        index.open_collection("zoo")
    assert index.file.read_bytes() == b"Not a database, " * 100


def write_many(path, name):
    with TextIndex(path) as index:
        collection = index.open_collection("shared", embedder="eye")
        for number in range(20):
            collection.add([IndexEntry(f"{name}-{number}", f"Text {number} of {name}", {}, FISH + number * BIRD)])
            assert f"{name}-{number}" in get_ids(collection.search(name, vector=FISH, n=100, mode="keyword"))
            assert collection.search(vector=FISH + number * BIRD, mode="vector")[0].distance < 1e-6


@pytest.mark.slow
def test_processes_and_threads_share_an_index(tmp_path):
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=write_many, args=(tmp_path, "process"))
    process.start()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write_many, [tmp_path] * 2, ["first", "second"]))
    process.join()
    assert process.exitcode == 0
    with TextIndex(tmp_path) as index:
        shared = index.get_collection("shared")
        assert shared.count() == 60
        assert len(shared.search(vector=FISH, mode="vector", n=100)) == 60


def test_one_index_serves_many_threads(collection):
    barrier = threading.Barrier(4)

    def work(name):
        barrier.wait()
        for number in range(25):
            collection.add([IndexEntry(f"{name}-{number}", "more", {}, STONE)])
            assert collection.search("heron::wait()", vector=FISH)[0].id in ("bird", "fish")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, "abcd"))
    assert collection.count() == 103


def test_a_large_index_drops_frequent_words_from_a_question():
    """Otherwise a question of such words takes a long time."""
    with TextIndex(None) as index:
        collection = index.create_collection("log")
        collection.add(IndexEntry(str(n), f"Request {n} of the server failed{' twice' * (n == 7)}.") for n in range(2_500))
        [hit, *_] = collection.search("Which requests of this server failed twice?", mode="keyword")
        assert hit.id == "7"
        assert collection.search("requests failed", mode="keyword", n=3)


@given(st.text(), st.text())
def test_any_question_finds_some_texts_or_none(text, question):
    assert len(score_keywords(question, [text, text])) == 2
    assert find_identifiers(question) is not None
    with TextIndex(None) as index:
        collection = index.create_collection("wild")
        # SQLite can't hold half of a surrogate pair.
        collection.add([IndexEntry("a", text.encode("utf-8", "replace").decode())])
        assert get_ids(collection.search(question)) in ([], ["a"])


@pytest.mark.parametrize(
    ("text", "identifiers"),
    [
        ("How do I sort a list?", []),
        ("Use `max turns` and max_turns", ["max turns", "max_turns"]),
        ("std::sort, $_, $x, @ARGV, Foo->bar, os.path.join() and f()", ["std::sort", "$_", "$x", "@ARGV", "Foo->bar"]),
        ("GroupChatManager, initiateChat, __init__, utf8, UTF-8, E1101", ["GroupChatManager", "initiateChat"]),
        ("setup.py --no-deps", ["setup.py", "--no-deps"]),
        ("What is the 3rd, e.g. of 2024? I'm OK.", []),
        ("WHY DOES NOBODY ANSWER WHAT I ASK?", []),
    ],
)
def test_identifiers(text, identifiers):
    assert find_identifiers(text)[: len(identifiers)] == identifiers
    assert choose_keyword_weight(text) == (0.3 if identifiers else 0.15)
    assert choose_keyword_weight(text, 0.3) == 0.3


def test_a_rare_identifier_counts_more_than_a_frequent():
    counts = {"rare()": 1, "HTML": 9, "nowhere()": 0}
    questions = {"Why rare() in HTML?": 0.45, "Why HTML?": 0.2, "Why nowhere()?": 0.2, "Why?": 0.15}
    assert {question: choose_keyword_weight(question, None, counts.__getitem__) for question in questions} == questions


def test_ranks_of_candidates_without_a_score_of_each_kind():
    assert rank_hybrid({}, {}, 0.5) == []
    assert rank_hybrid({"a": 0.4}, {}, 0.5) == [("a", 0.5)]
    assert rank_hybrid({"a": 0.4, "b": 0.4}, {"c": 1.0}, 0.25) == [("a", 0.75), ("b", 0.75), ("c", 0.25)]


def test_words_count_less_if_no_text_has_them_all():
    distances, scores = {"a": 0.2, "b": 0.4}, {"b": 2.0}
    assert rank_hybrid(distances, scores, 0.6) == [("b", 0.6), ("a", 0.4)]
    assert rank_hybrid(distances, scores, 0.6, full_score=8.0) == [("a", 0.4), ("b", 0.15)]
    assert rank_hybrid(distances, scores, 0.6, full_score=1.0) == [("b", 0.6), ("a", 0.4)]
    assert rank_hybrid(distances, {}, 0.6, full_score=8.0) == [("a", 0.4), ("b", 0.0)]


def test_an_entry_is_as_near_as_the_nearest_of_its_vectors(index):
    collection = index.create_collection("parts")
    parts = numpy.array([3 * BIRD, STONE])
    collection.add(
        [IndexEntry("long", "Herons on granite.", {}, FISH, parts), IndexEntry("short", "Herons.", {}, 0.8 * BIRD)]
    )
    [long] = collection.get(["long"])
    assert long.parts == pytest.approx(numpy.array([to_unit(part) for part in parts]), abs=1e-3)
    assert collection.get(["short"])[0].parts is None
    for vector in (FISH, STONE):
        for mode in ("vector", "hybrid"):
            [hit] = collection.search("Herons on granite", vector=vector, mode=mode, n=1)
            assert (hit.id, hit.distance) == ("long", pytest.approx(0, abs=2e-3))
    # An entry that is written again has the vectors that it is given, and parts go with their entry.
    collection.add([replace(long, parts=None)], replace=True)
    assert collection.search(vector=STONE, mode="vector", n=1)[0].distance > 0.1
    collection.set_vectors({"long": FISH}, {"long": [STONE]})
    assert collection.search(vector=STONE, mode="vector", n=1)[0].distance < 0.01
    with pytest.raises(ValueError, match="3 numbers"):
        collection.set_vectors({"long": FISH}, {"long": [[1.0, 2.0]]})
    collection.delete(["long"])
    collection.add([IndexEntry("new", "Trout.", {}, FISH)])
    assert collection.search(vector=STONE, mode="vector", n=1)[0].distance > 0.1


def test_a_mismatch_of_embedders_can_be_sent_to_another_process():
    error = pickle.loads(pickle.dumps(EmbedderMismatch("zoo", "eye", "ear")))
    assert (str(error), error.recorded) == (str(EmbedderMismatch("zoo", "eye", "ear")), "eye")
