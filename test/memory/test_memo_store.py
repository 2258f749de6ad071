"""Memos in a file: recalled, corrected, deleted, moved; by several processes, and after damage."""

import json
import logging
import pickle
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogen.memory import MemoStore, repair_store
from autogen.retrieval import IndexFileError
from autogen.testing import embed_words


@pytest.fixture(params=["vectors", "words"])
def store(request, tmp_path):
    store = MemoStore(path_to_db_dir=tmp_path / "m", embedding_function=embed_words if request.param == "vectors" else False)
    yield store
    store.close()


def open_store(path, **options):
    return MemoStore(path_to_db_dir=path, **{"embedding_function": embed_words, **options})


KEYS, OVEN = ("Where are the spare keys?", "In the blue jar."), ("How hot is the oven?", "220 degrees.")


def test_nothing_is_written_before_the_first_memo(store, tmp_path):
    assert len(store) == 0
    assert store.search("keys") == store.get_related_memos("keys", 3, 1.5) == []
    assert (store.last_memo_id, store.uid_text_dict, store.list_namespaces()) == (0, {}, [])
    with pytest.raises(IndexError, match="no memo"):
        store.get_nearest_memo("keys")
    store.reset_db()
    assert not (tmp_path / "m").exists()


def test_memos_are_recalled_nearest_first(store):
    assert [store.add_input_output_pair(*pair) for pair in (KEYS, OVEN)] == [1, 2]
    assert store.uid_text_dict == {"1": KEYS, "2": OVEN}
    assert store.get_nearest_memo(KEYS[0]) == (*KEYS, pytest.approx(0, abs=1e-5))
    ((question, answer, distance),) = store.get_related_memos("spare keys, where are they", 5, 1.0)
    assert (question, answer) == KEYS
    assert 0 <= distance < 1.0
    assert store.get_related_memos("spare keys, where are they", 5, distance) == []
    assert [memo.output for memo in store.search("keys oven", 5)] != []


def test_ids_are_not_given_twice_until_the_store_is_empty(store):
    store.prepopulate()
    assert store.last_memo_id == len(store) == len(store.uid_text_dict) == 10
    assert {pair[1] for pair in store.uid_text_dict.values()} == {"yes", "no"}
    assert store.delete(9, 10, 77) == 2
    assert store.add_input_output_pair(*KEYS) == 11
    store.reset_db()
    assert (len(store), store.last_memo_id) == (0, 0)
    assert store.add_input_output_pair(*KEYS) == 1


def test_programs_of_0_2_reach_into_the_collection_of_a_store(store):
    for pair in (KEYS, OVEN):
        store.add_input_output_pair(*pair)
    assert (store.vec_db.count(), store.vec_db.get("2")["documents"]) == (2, [OVEN[0]])
    results = store.vec_db.query(query_texts=[KEYS[0]], n_results=1)
    assert (results["ids"], results["distances"]) == ([["1"]], [[pytest.approx(0, abs=1e-5)]])
    store.vec_db.delete(ids=["1", "77"])
    assert store.uid_text_dict == {"2": OVEN}
    store.db_client.reset()
    assert len(store) == 0


def test_the_same_fact_is_not_stored_twice(store):
    number = store.add_input_output_pair(*KEYS, said_by="Lucy")
    created = store.get(number)
    assert store.add_input_output_pair(KEYS[0], " in the  blue JAR") == number
    assert len(store) == 1
    assert store.get(number).updated > created.updated
    assert store.get(number).created == created.created


def test_of_facts_that_differ_the_newest_comes_first_and_the_others_say_so(store):
    store.add_input_output_pair(*KEYS, said_by="Lucy")
    store.add_input_output_pair(*OVEN)
    store.add_input_output_pair(KEYS[0], "With the neighbour.", said_by="Tom")
    memos = store.search(KEYS[0], 3)[:2]
    assert [(memo.output, memo.said_by, memo.is_outdated) for memo in memos] == [
        ("With the neighbour.", "Tom", False),
        ("In the blue jar.", "Lucy", True),
    ]
    assert "said by Lucy" in memos[1].text
    assert "newer memory differs" in memos[1].text


def test_memos_are_changed_deleted_and_forgotten(store, tmp_path):
    for pair, name in ((KEYS, "Lucy"), (OVEN, "Tom"), (("Who feeds the cat?", "Lucy."), "Tom")):
        store.add_input_output_pair(*pair, said_by=name)
    store.search("cat")
    changed = store.update(1, input_text="Where is the bicycle?", output_text="Behind the house.")
    assert store.get("1") == changed
    assert store.get_nearest_memo("Where is the bicycle?")[:2] == (changed.input, changed.output)
    for number in (99, 4):
        with pytest.raises(KeyError, match=f"no memo {number}"):
            store.get(number)
    with pytest.raises(ValueError, match="empty"):
        store.update(1, output_text=" ")
    with pytest.raises(ValueError, match="needs the numbers"):
        store.forget()
    assert store.forget(older_than=timedelta(days=1)) == 0
    assert store.forget(1, 2, said_by="Tom") == 1
    assert [memo.id for memo in store.list_memos()] == [1, 3]
    assert store.forget(older_than=timedelta(0)) == 2
    assert store.search("cat") == []


def test_no_recall_crosses_a_namespace(store):
    store.add_input_output_pair(*KEYS, namespace="ann")
    store.add_input_output_pair(KEYS[0], "Under the mat.", namespace="bob")
    store.add_input_output_pair(*OVEN)
    assert store.list_namespaces() == ["", "ann", "bob"]
    assert [memo.output for memo in store.search(KEYS[0], namespace="ann")] == [KEYS[1]]
    assert [memo.output for memo in store.search(KEYS[0], namespace="bob")] == ["Under the mat."]
    assert KEYS[1] not in [memo.output for memo in store.search(KEYS[0])]
    assert store.delete(1) == store.forget(1) == 0
    with pytest.raises(KeyError):
        store.get(1)
    store.reset_db()
    assert store.list_namespaces() == ["ann", "bob"]


def test_an_export_is_imported_as_a_whole_and_once(store, tmp_path):
    store.add_input_output_pair(*KEYS, said_by="Lucy", namespace="ann")
    store.add_input_output_pair(*OVEN)
    path = tmp_path / "export.jsonl"
    assert store.export(path) == 1
    assert store.export(path, namespace="*") == 2
    other = open_store(tmp_path / "other")
    assert [other.import_(path), other.import_(path)] == [2, 0]
    (memo,) = other.search(KEYS[0], namespace="ann")
    assert (memo.output, memo.said_by) == (KEYS[1], "Lucy")
    assert memo.created == next(memo.created for memo in store.search(KEYS[0], namespace="ann"))
    assert other.import_(path, namespace="new") == 2
    before = other.uid_text_dict
    dated = '{"input": "a", "output": "b", "created": "x"}'
    for line, text in (("{", ""), ("[]", "not an object"), ('{"input": 1}', "input"), (dated, "created")):
        path.write_text('{"input": "q", "output": "a"}\n' + line)
        with pytest.raises(ValueError, match=f"line 2, is not a memo.*{text}"):
            other.import_(path)
    assert other.uid_text_dict == before


def test_empty_texts_are_refused(store):
    for pair in (("", "a"), ("q", "  "), (None, "a")):
        with pytest.raises(ValueError, match="must be text that is not empty"):
            store.add_input_output_pair(*pair)


@given(texts=st.lists(st.text(min_size=1), min_size=1, max_size=4))
def test_any_text_is_kept_and_searched(texts):
    for embedding_function in (embed_words, False):
        store = MemoStore(path_to_db_dir=None, embedding_function=embedding_function)
        for text in texts:
            if text.strip():
                number = store.add_input_output_pair(text, f"answer to {text}")
                assert store.get(number).output
            for memo in store.search(text):
                assert 0 <= memo.distance <= 4.001


def test_another_embedder_makes_the_vectors_again_once(tmp_path, caplog):
    store = open_store(tmp_path, embedding_function=False)
    store.add_input_output_pair(*KEYS)
    store.close()
    calls = []

    def embed_in_eight(texts):
        calls.extend(texts)
        return embed_words(texts, 8)

    first = open_store(tmp_path)
    first.add_input_output_pair(*OVEN)
    assert first.get_nearest_memo(KEYS[0])[2] == pytest.approx(0, abs=1e-5)
    first.close()
    with caplog.at_level(logging.WARNING):
        second = open_store(tmp_path, embedding_function=embed_in_eight)
        assert second.get_nearest_memo(KEYS[0])[2] == pytest.approx(0, abs=1e-5)
        assert second.get_nearest_memo(OVEN[0])[2] == pytest.approx(0, abs=1e-5)
    assert calls == [KEYS[0], OVEN[0], KEYS[0], OVEN[0]]
    assert caplog.text.count("are made again") == 1
    assert "embed_words" in caplog.text


def test_without_the_packages_of_the_offline_model_words_are_searched(tmp_path, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    store = MemoStore(path_to_db_dir=tmp_path)
    store.add_input_output_pair(*KEYS)
    assert [memo.output for memo in store.search("the spare keys")] == [KEYS[1]]
    assert caplog.text.count("searches for words alone") == 1
    assert "autogen-classic[embeddings]" in caplog.text
    with pytest.raises(ImportError, match="embeddings"):
        MemoStore(path_to_db_dir=tmp_path, embedding_function="local").search("keys")


# What 0.2 left in the folder.

PAIRS = {"1": KEYS, "2": OVEN}


@pytest.mark.parametrize("kind", ["pkl", "json"])
def test_the_memos_of_an_earlier_version_are_imported(tmp_path, kind):
    path = tmp_path / f"uid_text_dict.{kind}"
    path.write_bytes(pickle.dumps(PAIRS) if kind == "pkl" else json.dumps(PAIRS).encode())
    store = open_store(tmp_path)
    assert store.uid_text_dict == PAIRS
    assert store.get_nearest_memo(OVEN[0])[1] == OVEN[1]
    assert not path.exists()
    assert path.with_name(path.name + ".bak").exists()
    assert open_store(tmp_path).uid_text_dict == PAIRS


class Planted:
    def __reduce__(self):
        return print, ("executed",)


@pytest.mark.parametrize(
    "content",
    [
        *map(pickle.dumps, (Planted(), {"1": (KEYS[0], Planted())}, [1], {"1": (1, 2)}, {"1": ("a", "b", "c")})),
        *(b"", b"\x80", pickle.dumps(PAIRS)[:-3]),
    ],
    ids=["code", "code in a pair", "list", "numbers", "triple", "empty", "head", "cut"],
)
def test_anything_else_in_a_pickle_is_refused_and_not_executed(tmp_path, content, capsys):
    path = tmp_path / "uid_text_dict.pkl"
    path.write_bytes(content)
    with pytest.raises(IndexFileError, match=r"uid_text_dict\.pkl are not imported"):
        open_store(tmp_path)
    assert path.read_bytes() == content
    assert "executed" not in capsys.readouterr().out
    # Emptying the store does not read the file.
    assert open_store(tmp_path, reset=True).uid_text_dict == {}


# Damage, crashes, several writers.


def test_a_damaged_file_is_kept_and_repaired(tmp_path):
    store = open_store(tmp_path)
    for number in range(300):
        store.add_input_output_pair(f"Question number {number} of many", f"answer {number} " * 20)
    store.close()
    path = tmp_path / "memos.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    content = bytearray(path.read_bytes())
    # The page of a memo is overwritten.
    start = content.index(b"answer 150 answer 150") // 4096 * 4096
    content[start : start + 4096] = b"\xff" * 4096
    path.write_bytes(content)
    with pytest.raises(IndexFileError, match="autogen memory repair"):
        open_store(tmp_path).list_memos()
    count, damaged = repair_store(tmp_path)
    assert damaged.read_bytes() == bytes(content)
    repaired = open_store(tmp_path)
    assert 200 < count == len(repaired) <= 300
    assert repaired.get_nearest_memo("Question number 1 of many")[1].startswith("answer 1 ")


def test_the_file_of_another_program_is_left_alone(tmp_path):
    path = tmp_path / "memos.db"
    for content in (b"no database at all" * 50, None):
        if content is None:
            path.unlink()
            with closing(sqlite3.connect(path)) as connection, connection:
                connection.execute("CREATE TABLE memos (id INTEGER)")
            connection.close()
            content = path.read_bytes()
        else:
            path.write_bytes(content)
        with pytest.raises(IndexFileError, match="left as it is"):
            open_store(tmp_path).add_input_output_pair(*KEYS)
        assert path.read_bytes() == content
    with pytest.raises(FileNotFoundError):
        repair_store(tmp_path / "nowhere")


def test_threads_and_stores_share_a_file(tmp_path):
    def add(name):
        store = open_store(tmp_path)
        for number in range(10):
            store.add_input_output_pair(f"{name} asks for number {number}", str(number))
        store.add_input_output_pair(*KEYS)
        store.close()

    threads = [threading.Thread(target=add, args=(name,)) for name in ("Ann", "Bob", "Cid")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store = open_store(tmp_path)
    assert len(store) == 31
    reader = open_store(tmp_path)
    assert reader.get_nearest_memo(KEYS[0])[1] == KEYS[1]
    store.delete(*[int(number) for number, pair in store.uid_text_dict.items() if pair == KEYS])
    assert reader.get_nearest_memo(KEYS[0])[1] != KEYS[1]


WRITER = """
import sys
from autogen.memory import MemoStore
from autogen.testing import embed_words
store = MemoStore(path_to_db_dir=sys.argv[1], embedding_function=embed_words)
for number in range(10_000):
    store.add_input_output_pair(f"What is thing {number} of the many things?", f"It is {number}.")
    print(number, flush=True)
"""


@pytest.mark.slow
def test_a_kill_during_a_write_loses_at_most_the_memo_being_written(tmp_path):
    for kills in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path / str(kills))], stdout=subprocess.PIPE, text=True
        )
        written = [int(process.stdout.readline()) for _ in range(5 + kills)][-1]
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read().split()
        process.wait()
        process.stdout.close()
        written = int(rest[-1]) if rest else written
        store = open_store(tmp_path / str(kills))
        assert written + 1 <= len(store) <= written + 2
        assert store.get_nearest_memo(f"What is thing {written} of the many things?")[2] < 0.5
        assert sum(bool(store.search(f"thing {number}")) for number in range(written + 1)) == written + 1
