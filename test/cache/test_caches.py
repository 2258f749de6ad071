"""Caches keep what they are given, survive damage, and share."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from autogen.cache import Cache
from autogen.cache.disk_cache import FILE, DiskCache
from autogen.cache.in_memory_cache import InMemoryCache


@pytest.fixture(params=["disk", "in memory"])
def cache(request, tmp_path):
    return DiskCache(tmp_path / "c") if request.param == "disk" else InMemoryCache("c")


@pytest.mark.parametrize("value", [{"reply": "é", "tokens": [1, 2]}, "", 0, None, [], "\ud800" and "x"])
def test_it_gives_back_what_it_was_given(cache, value):
    with cache as store:
        store.set("k", value)
        assert store.get("k", "missing") == value


def test_it_knows_what_it_does_not_know(cache):
    assert cache.get("k") is None
    assert cache.get("k", default="none") == "none"


def test_it_may_be_used_after_it_was_closed(cache):
    with cache as store:
        store.set("k", 1)
    assert cache.get("k") == 1


def test_nothing_is_written_before_the_first_value(tmp_path):
    cache = Cache.disk(7, str(tmp_path / "root"))
    assert cache.get("k") is None
    assert not (tmp_path / "root").exists()
    cache.set("k", 1)
    assert (tmp_path / "root" / "7" / FILE).exists()
    cache.close()


def test_a_value_that_json_cannot_hold_is_refused(tmp_path):
    with pytest.raises(TypeError):
        DiskCache(tmp_path).set("k", object())


def test_a_damaged_file_is_set_aside(tmp_path, caplog):
    (tmp_path / FILE).write_bytes(b"this is no database" * 100)
    cache = DiskCache(tmp_path)
    assert cache.get("k") is None
    cache.set("k", 1)
    assert cache.get("k") == 1
    cache.close()
    assert "damaged" in caplog.text
    assert len(list(tmp_path.glob(f"{FILE}.damaged-*"))) == 1


def test_a_place_that_cannot_be_written_means_no_cache(tmp_path, caplog):
    (tmp_path / "file").write_text("in the way")
    cache = DiskCache(tmp_path / "file" / "cache")
    cache.set("k", 1)
    cache.set("k", 2)
    assert cache.get("k") is None
    assert caplog.text.count("nothing is cached") == 1


def test_threads_share_it(tmp_path):
    cache = DiskCache(tmp_path)

    def work(number):
        with cache as store:
            store.set(str(number), number)
            return store.get(str(number))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(200))) == list(range(200))


WORKER = """
import sys
from autogen.cache.disk_cache import DiskCache
path, worker = sys.argv[1], int(sys.argv[2])
for number in range(100):
    with DiskCache(path) as cache:
        cache.set(f"{worker}-{number}", number)
        assert cache.get(f"{worker}-{number}") == number
"""


def test_processes_share_it_and_lose_nothing(tmp_path):
    workers = [subprocess.Popen([sys.executable, "-c", WORKER, str(tmp_path), str(number)]) for number in range(4)]
    assert [worker.wait(60) for worker in workers] == [0] * 4
    with DiskCache(tmp_path) as cache:
        assert [cache.get(f"{worker}-{number}") for worker in range(4) for number in range(100)] == [*range(100)] * 4


def test_a_process_killed_while_it_writes_leaves_a_cache_that_opens(tmp_path):
    endless = WORKER.replace("range(100)", "iter(int, 1)").replace('f"{worker}-{number}"', '"k"')
    worker = subprocess.Popen([sys.executable, "-c", endless, str(tmp_path), "1"])
    while not (tmp_path / FILE).exists():
        assert worker.poll() is None
    worker.kill()
    worker.wait()
    with DiskCache(tmp_path) as cache:
        cache.set("after", 1)
        assert cache.get("after") == 1


@pytest.mark.skipif(os.name == "nt", reason="modes are POSIX")
def test_the_directory_is_private(tmp_path):
    with DiskCache(tmp_path / "c") as cache:
        cache.set("k", 1)
    assert (tmp_path / "c").stat().st_mode & 0o777 == 0o700


def test_seeds_are_apart(tmp_path):
    with Cache.disk(1, str(tmp_path)) as one, Cache.disk(2, str(tmp_path)) as two:
        one.set("k", json.loads("1"))
        assert two.get("k") is None


def test_a_config_with_another_key_is_refused():
    with pytest.raises(ValueError, match="cache_sed"):
        Cache({"cache_sed": 1})
