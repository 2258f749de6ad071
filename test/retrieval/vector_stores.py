"""The stores that the contract is tested on, and stand-ins for the drivers of servers that are in no package index."""

import itertools
import re
import sys
from types import ModuleType, SimpleNamespace

import numpy
import pytest

from autogen.agentchat.contrib.vectordb.base import VectorDBFactory

# Chroma's stores in memory share their collections, as do all stores in a database.
_NUMBERS = itertools.count()
WORDS = ("fish", "bird", "stone", "water")


def embed_topics(texts):
    """Return a vector for each text: how often each word is in it."""
    return [[0.01 + text.lower().count(word) for word in WORDS] for text in texts]


class Mongo:
    """The commands of a MongoDB collection that the store uses. Answers are copies, as from a server."""

    def __init__(self, name):
        self.name, self.documents, self.indexes = name, {}, []

    def bulk_write(self, writes, ordered):
        for write in writes:
            self.documents[write.filter["_id"]] = write.document

    def replace_one(self, condition, document, upsert):
        self.documents[condition["_id"]] = document

    def delete_one(self, condition):
        self.documents.pop(condition["_id"], None)

    def delete_many(self, condition):
        for key in condition["_id"]["$in"]:
            self.documents.pop(key, None)

    def find_one(self, condition):
        return next(iter(self.find(condition)), None)

    def find(self, condition):
        class Cursor(list):
            def limit(self, n):
                return self[:n]

        return Cursor(dict(document) for document in self.documents.values() if self.fits(document, condition))

    def aggregate(self, stages):
        search = stages[0]["$vectorSearch"]
        assert search["index"] == self.indexes[0]["name"]
        assert search["limit"] <= search["numCandidates"] <= 10_000
        vector = numpy.array(search["queryVector"])
        found = sorted(self.find({}), key=lambda document: -float(numpy.array(document["embedding"]) @ vector))
        found = found[: search["limit"]]
        for stage in stages[1:]:
            if "$match" in stage:
                found = [document for document in found if self.fits(document, stage["$match"])]
            else:
                found = found[: stage["$limit"]]
        return found

    def list_search_indexes(self, name=None):
        return [index for index in self.indexes if name in (None, index["name"])]

    def create_search_index(self, model):
        assert model.type == "vectorSearch"
        self.indexes.append({"name": model.name, "queryable": True, "definition": model.definition})

    def drop_search_index(self, name):
        self.indexes = [index for index in self.indexes if index["name"] != name]

    def drop(self):
        self.database.collections.pop(self.name)

    @staticmethod
    def fits(document, condition):
        for key, rule in condition.items():
            if not isinstance(rule, dict):
                if document[key] != rule:
                    return False
            elif "$in" in rule:
                if document[key] not in rule["$in"]:
                    return False
            elif not re.search(rule["$regex"], document[key]):
                return False
        return True


class MongoDatabase:
    def __init__(self):
        self.collections = {}

    def __getitem__(self, name):
        return self.collections[name] if name in self.collections else self.create_collection(name)

    def create_collection(self, name):
        self.collections[name] = Mongo(name)
        self.collections[name].database = self
        return self.collections[name]

    def list_collection_names(self):
        return list(self.collections)


def make_mongodb(monkeypatch, **options):
    database = MongoDatabase()
    operations = ModuleType("pymongo.operations")
    operations.SearchIndexModel = SimpleNamespace
    operations.ReplaceOne = lambda filter, document, upsert: SimpleNamespace(filter=filter, document=document)
    driver = ModuleType("pymongo")
    driver.MongoClient = lambda address: {"vector_db": database}
    driver.operations = operations
    monkeypatch.setitem(sys.modules, "pymongo", driver)
    monkeypatch.setitem(sys.modules, "pymongo.operations", operations)
    return VectorDBFactory.create_vector_db("mongodb", **options)


class Couchbase:
    """A collection of Couchbase: a server's answer to each request that the store makes."""

    def __init__(self, name):
        self.name, self.documents = name, {}

    def upsert(self, key, document):
        assert len(key.encode()) <= 250
        self.documents[key] = document

    def upsert_multi(self, documents):
        for key, document in documents.items():
            self.upsert(key, document)
        return SimpleNamespace(all_ok=True, exceptions={})

    def remove_multi(self, keys):
        for key in keys:
            self.documents.pop(key, None)

    def get_multi(self, keys):
        found = {key: SimpleNamespace(success=key in self.documents) for key in keys}
        for key in set(keys) & set(self.documents):
            found[key].content_as = {dict: self.documents[key]}
        return SimpleNamespace(results=found)


class CouchbaseScope:
    name = "_default"

    def __init__(self):
        self.collections = {"_default": Couchbase("_default")}
        self.indexes = {}

    # The bucket, its manager of collections and that of indexes.
    def get_all_scopes(self):
        return [SimpleNamespace(name=self.name, collections=list(self.collections.values()))]

    def create_collection(self, scope, name):
        self.collections[name] = Couchbase(name)

    def drop_collection(self, scope, name):
        del self.collections[name]

    def search_indexes(self):
        return SimpleNamespace(
            get_all_indexes=self.indexes.values, upsert_index=lambda index: self.indexes.update({index.name: index})
        )

    # The scope.
    def collection(self, name):
        return self.collections[name]

    def search(self, index, request, options):
        [types] = [self.indexes[index].params["mapping"]["types"]]
        assert all(name.startswith("_default.") for name in types)
        collection = self.collections[self.asked.name]
        vector = numpy.array(request.vector)
        stored = {key: d["embedding"] for key, d in collection.documents.items() if "embedding" in d}
        keys = sorted(stored, key=lambda key: -float(numpy.array(stored[key]) @ vector))[: options.limit]
        return SimpleNamespace(rows=lambda: [SimpleNamespace(id=key) for key in keys])

    def query(self, statement, options):
        match = re.fullmatch(r"SELECT d.\* FROM `(.+)` AS d WHERE (.+?)(?: LIMIT (\d+))?", statement)
        name, condition, limit = match.groups()
        documents = [d for key, d in self.collections[name].documents.items() if key != "autogen:settings"]
        if condition != "meta(d).id != 'autogen:settings'":
            assert condition == "contains(d.content, $text)"
            documents = [d for d in documents if options.named_parameters["text"] in d["content"]]
        return SimpleNamespace(rows=lambda: documents[: limit and int(limit)])


def make_couchbase(monkeypatch, **options):
    scope = CouchbaseScope()
    bucket = SimpleNamespace(name="vector_db", scope=lambda name: scope, collections=lambda: scope)
    cluster = SimpleNamespace(wait_until_ready=lambda limit: None, bucket=lambda name: bucket)
    modules = {
        "couchbase": {},
        "couchbase.auth": {"PasswordAuthenticator": lambda user, password: (user, password)},
        "couchbase.cluster": {"Cluster": lambda address, options: cluster},
        "couchbase.options": dict.fromkeys(("ClusterOptions", "SearchOptions", "QueryOptions"), SimpleNamespace),
        "couchbase.management": {},
        "couchbase.management.search": {"SearchIndex": SimpleNamespace},
        "couchbase.search": {"SearchRequest": SimpleNamespace(create=lambda search: search)},
        "couchbase.vector_search": {
            "VectorQuery": lambda field, vector, num_candidates: SimpleNamespace(vector=vector),
            "VectorSearch": SimpleNamespace(from_vector_query=lambda query: query),
        },
    }
    modules["couchbase.options"]["ClusterOptions"] = lambda authenticator: authenticator
    for name, content in modules.items():
        module = ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    store = VectorDBFactory.create_vector_db("couchbase", **options)
    # Couchbase has an index for a collection; the stand-in searches in the collection that the store uses.
    find_nearest = store.find_nearest

    def remember(collection, *arguments):
        scope.asked = collection
        return find_nearest(collection, *arguments)

    monkeypatch.setattr(store, "find_nearest", remember)
    return store


def make_local(monkeypatch, tmp_path, server, **options):
    return VectorDBFactory.create_vector_db("local", path=tmp_path / "db", **options)


def make_chroma(monkeypatch, tmp_path, server, **options):
    pytest.importorskip("chromadb", reason="Chroma is not installed: the extra `chroma`")
    return VectorDBFactory.create_vector_db("chroma", path=str(tmp_path / "chroma"), **options)


def make_qdrant(monkeypatch, tmp_path, server, **options):
    pytest.importorskip("qdrant_client", reason="Qdrant's client is not installed: the extra `qdrant`")
    return VectorDBFactory.create_vector_db("qdrant", **options)


def make_lancedb(monkeypatch, tmp_path, server, **options):
    pytest.importorskip("lancedb", reason="LanceDB is not installed: the extra `lancedb`")
    return VectorDBFactory.create_vector_db("lancedb", path=str(tmp_path / "lance"), **options)


def make_pgvector(monkeypatch, tmp_path, server, **options):
    pytest.importorskip("psycopg", reason="psycopg is not installed: the extra `pgvector`")
    address = server()
    # A database of its own for each test.
    import psycopg

    name = f"test_{next(_NUMBERS)}"
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return VectorDBFactory.create_vector_db(
        "pgvector", connection_string=address.replace("/postgres?", f"/{name}?"), **options
    )


STORES = {
    "local": make_local,
    # Stand-ins: no server can be had.
    "mongodb": lambda monkeypatch, tmp_path, server, **options: make_mongodb(monkeypatch, **options),
    "couchbase": lambda monkeypatch, tmp_path, server, **options: make_couchbase(monkeypatch, **options),
    "chroma": make_chroma,
    "qdrant": make_qdrant,
    "lancedb": make_lancedb,
    "pgvector": make_pgvector,
}
FAST = ("local", "mongodb", "couchbase")
