"""A cache on disk that several processes use, that is killed, and that is forked."""

import os
import subprocess
import sys

import pytest

from autogen.cache.disk_cache import FILE, DiskCache

WORKER = """
import sys
from autogen.cache.disk_cache import DiskCache
path, worker = sys.argv[1], int(sys.argv[2])
for number in range(150):
    with DiskCache(path) as cache:
        cache.set(f"{worker}-{number}", number)
    with DiskCache(path) as cache:
        assert cache.get(f"{worker}-{number}") == number
    if number % 25 == 0:
        cache.close()
"""

ENDLESS = """
import itertools, sys
from autogen.cache.disk_cache import DiskCache
cache = DiskCache(sys.argv[1], size_limit=2_000_000)
for number in itertools.count():
    cache.set(str(number), [number, "x" * 20_000])
    print(number, flush=True)
"""

DAMAGED = """
import sys
from autogen.cache.disk_cache import DiskCache
cache = DiskCache(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
cache.set(sys.argv[2], 1)
assert cache.get(sys.argv[2]) == 1
"""

FORKS = """
import os, sys, threading
from autogen.cache.disk_cache import DiskCache
cache = DiskCache(sys.argv[1])
cache.set("before", 1)
done = threading.Event()

def busy(name):
    number = 0
    while not done.is_set() or number < 10:
        cache.set(f"{name}-{number}", number)
        assert cache.get(f"{name}-{number}") == number
        number += 1

threads = [threading.Thread(target=busy, args=(name,)) for name in "ab"]
for thread in threads:
    thread.start()
children = []
for child in range(8):
    pid = os.fork()
    if pid == 0:
        for number in range(20):
            cache.set(f"child-{child}-{number}", number)
            assert cache.get("before") == 1
        cache.close() if child % 2 else None
        os._exit(0)
    children.append(pid)
    cache.set(f"parent-{child}", child)
assert [os.waitpid(pid, 0)[1] for pid in children] == [0] * 8
done.set()
for thread in threads:
    thread.join()
"""


def run(script, *arguments, **options):
    return subprocess.Popen([sys.executable, "-c", script, *map(str, arguments)], text=True, **options)


def test_eight_processes_share_it_and_lose_nothing(tmp_path):
    workers = [run(WORKER, tmp_path / "c", number, stderr=subprocess.PIPE) for number in range(8)]
    errors = [worker.communicate(timeout=100)[1] for worker in workers]
    assert [worker.returncode for worker in workers] == [0] * 8
    assert errors == [""] * 8
    with DiskCache(tmp_path / "c") as cache:
        assert [cache.get(f"{worker}-{number}") for worker in range(8) for number in range(150)] == [*range(150)] * 8
    cache.close()


@pytest.mark.parametrize("writes", [1, 40, 140])
def test_a_process_killed_while_it_writes_leaves_a_cache_that_opens_with_all_that_was_stored(tmp_path, writes):
    with run(ENDLESS, tmp_path, stdout=subprocess.PIPE) as worker:
        for _ in range(writes):
            worker.stdout.readline()
        worker.kill()
        left = worker.stdout.read().split()  # what it said before it died
    last = int(left[-1]) if left else writes - 1
    cache = DiskCache(tmp_path)
    assert [cache.get(str(number)) for number in range(max(0, last - 50), last + 1)] == [
        [number, "x" * 20_000] for number in range(max(0, last - 50), last + 1)
    ]
    cache.set("after", 1)
    assert cache.get("after") == 1
    cache.close()
    assert not (tmp_path / f"{FILE}.damaged").exists()


def test_processes_that_meet_a_damaged_file_together_set_it_aside_once(tmp_path):
    (tmp_path / FILE).write_bytes(b"damaged" * 1000)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    workers = [run(DAMAGED, tmp_path, number, **pipes) for number in range(4)]
    for worker in workers:
        worker.stdout.readline()
    for worker in workers:
        worker.stdin.write("go\n")
        worker.stdin.flush()
    for worker in workers:
        worker.communicate(timeout=60)
    assert [worker.returncode for worker in workers] == [0] * 4
    assert (tmp_path / f"{FILE}.damaged").read_bytes() == b"damaged" * 1000
    cache = DiskCache(tmp_path)
    assert [cache.get(str(number)) for number in range(4)] == [1] * 4
    cache.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_process_that_forks_while_threads_use_the_cache_loses_nothing(tmp_path):
    with run(FORKS, tmp_path, stderr=subprocess.PIPE) as parent:
        _, errors = parent.communicate(timeout=100)
    assert parent.returncode == 0, errors
    cache = DiskCache(tmp_path)
    assert [cache.get(f"parent-{child}") for child in range(8)] == list(range(8))
    assert [cache.get(f"child-{child}-{number}") for child in range(8) for number in range(20)] == [*range(20)] * 8
    assert [cache.get(f"{name}-{number}") for name in "ab" for number in range(10)] == [*range(10)] * 2
    cache.close()
    assert not (tmp_path / f"{FILE}.damaged").exists()
