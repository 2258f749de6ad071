"""The cache in files of `diskcache`, which must not unpickle what others put there."""

import os
import pickle
import sqlite3
from contextlib import closing

import pytest

from autogen.cache import Cache

diskcache = pytest.importorskip("diskcache", reason="the extra 'diskcache' is not installed")


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.fixture
def cache(tmp_path):
    with Cache.disk("seed", str(tmp_path), backend="diskcache") as cache:
        yield cache
    cache.close()


@pytest.fixture
def rows(cache):
    """Execute a statement on the table of a cache that has an entry."""
    cache.set("k", {"a": 1})

    def execute(statement, *values):
        with closing(sqlite3.connect(cache.directory / "cache.db")) as connection, connection:
            found = connection.execute(statement, values).fetchall()
        connection.close()
        return found

    return execute


def test_the_rows_are_json(rows):
    assert rows("SELECT value, mode, filename FROM Cache") == [('{"a": 1}', 1, None)]


def test_a_planted_pickle_is_not_loaded(cache, rows, tmp_path):
    bomb = pickle.dumps(Bomb(tmp_path / "exploded"))
    (cache.directory / "x.val").write_bytes(bomb)
    for value, filename in ((bomb, None), (None, "x.val")):
        rows("UPDATE Cache SET value = ?, filename = ?, mode = 4", value, filename)
        assert cache.get("k", "missing") == "missing"
    # The package itself would load it.
    plain = diskcache.Cache(str(cache.directory), disk=diskcache.Disk)
    plain.get(next(iter(plain)))
    plain.close()
    assert (tmp_path / "exploded").exists()


def test_a_planted_key_is_not_loaded(cache, rows, tmp_path):
    rows("UPDATE Cache SET key = ?, raw = 0", pickle.dumps(Bomb(tmp_path / "exploded")))
    assert cache.get("k", "missing") == "missing"
    cache.set("other", 1)
    assert cache.get("other") == 1
    assert not (tmp_path / "exploded").exists()


def test_a_file_that_a_planted_row_names_is_neither_read_nor_removed(cache, rows, tmp_path):
    secret = tmp_path / "secret.json"
    secret.write_text('"secret"')
    rows("UPDATE Cache SET value = NULL, filename = ?, mode = 3", str(secret))
    assert cache.get("k", "missing") == "missing"
    cache.set("k", 2)
    assert cache.get("k") == 2
    assert secret.exists()


def test_a_file_that_is_no_database_is_a_warning(tmp_path, caplog):
    folder = tmp_path / "seed" / "diskcache"
    folder.mkdir(parents=True)
    (folder / "cache.db").write_bytes(b"no database" * 1000)
    cache = Cache.disk("seed", str(tmp_path), backend="diskcache")
    cache.set("k", 1)
    assert cache.get("k") is None
    assert len(caplog.messages) == 1


def test_another_backend_is_refused():
    with pytest.raises(ValueError, match="backend must be 'sqlite' or 'diskcache', got 'pickle'"):
        Cache.disk(backend="pickle")
