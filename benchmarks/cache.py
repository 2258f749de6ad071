"""The cost of a cache, compared with `json.dumps` of the request; and a test that eight processes lose nothing.

python -m benchmarks.cache            # also `--redis redis://localhost:6379/0`
python -m benchmarks.cache --hammer   # 8 processes, 10,000 operations each, on one cache on disk
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from autogen.cache import Cache
from autogen.cache.disk_cache import DiskCache
from autogen.oai.openai_utils import get_key

MESSAGES = (10, 1_000)
ROUNDS = 5
REPEATS = {10: 400, 1_000: 40}
ANSWER = {
    "autogen.answer": "chat.completion",
    "value": {"choices": [{"message": {"role": "assistant", "content": "x" * 400}}]},
}

PROCESSES = 8
OPERATIONS = 10_000


def make_request(messages: int) -> dict[str, Any]:
    """Make the parameters of a request with a history."""
    history = [{"role": ("user", "assistant")[i % 2], "content": f"Message {i}. " + "word " * 40} for i in range(messages)]
    return {"model": "gpt-4o", "temperature": 0, "messages": history}


def measure_call(work: Callable[[int], object], repeats: int) -> float:
    """Return the time of a call in microseconds; `work` receives the number of the call."""
    started = time.perf_counter()
    for number in range(repeats):
        work(number)
    return (time.perf_counter() - started) / repeats * 1e6


def make_operations(make: Callable[[], Any], params: dict[str, Any]) -> dict[str, Callable[[int], object]]:
    """Make the operations of a request on a cache: enter, use, leave. The key is made beforehand."""
    key = get_key(params)
    with make() as cache:
        cache.set(key, ANSWER)

    def hit(number: int) -> None:
        with make() as cache:
            assert cache.get(key) is not None

    def miss(number: int) -> None:
        with make() as cache:
            assert cache.get(key + "x") is None

    def replace(number: int) -> None:
        with make() as cache:
            cache.set(key, ANSWER)

    def add(number: int) -> None:
        with make() as cache:
            cache.set(key + str(time.perf_counter_ns()), ANSWER)

    return {"get, hit": hit, "get, miss": miss, "set, known": replace, "set, new": add}


def print_table(caches: dict[str, Callable[[], Any]]) -> None:
    """Measure, interleaved, and print medians."""
    samples: dict[tuple[str, str, int], list[float]] = {}
    for messages in MESSAGES:
        params = make_request(messages)
        work = {("json.dumps", "the request"): lambda number, params=params: json.dumps(params)}
        for name, make in caches.items():
            work |= {(name, what): run for what, run in make_operations(make, params).items()}
        for _ in range(ROUNDS):
            for (name, what), run in work.items():
                samples.setdefault((name, what, messages), []).append(measure_call(run, REPEATS[messages]))
    medians = {row: statistics.median(times) for row, times in samples.items()}
    heads = "".join(f"{f'{messages:,} messages':>18}{'x dumps':>9}" for messages in MESSAGES)
    print(f"{'':<26}{heads}   microseconds, median of {ROUNDS}")
    for name, what in dict.fromkeys(row[:2] for row in medians):
        cells = ""
        for messages in MESSAGES:
            median = medians[name, what, messages]
            cells += f"{median:>18.1f}{median / medians['json.dumps', 'the request', messages]:>9.2f}"
        print(f"{name:<12}{what:<14}{cells}")


def run_worker(directory: str, worker: int) -> None:
    """Run one process: it stores a response, finds it, stores the next, finds a response of its neighbour, and so on."""
    neighbour = (worker + 1) % PROCESSES
    for number in range(OPERATIONS // 2):
        with DiskCache(directory) as cache:
            cache.set(f"{worker}-{number}", [worker, number])
        with DiskCache(directory) as cache:
            if number % 2:
                assert cache.get(f"{neighbour}-{number}") in (None, [neighbour, number])
            else:
                assert cache.get(f"{worker}-{number}") == [worker, number], f"{worker}-{number} is lost"
        if number % 500 == 0:
            cache.close()


def run_workers() -> None:
    """Run all processes at once, and check that nothing is lost.

    Raises:
        SystemExit: if a response is lost, or a process failed or warned.
    """
    with tempfile.TemporaryDirectory() as directory:
        started = time.perf_counter()
        command = [sys.executable, "-m", "benchmarks.cache", "--in", directory, "--worker"]
        workers = [subprocess.Popen([*command, str(n)], stderr=subprocess.PIPE, text=True) for n in range(PROCESSES)]
        errors = [worker.communicate()[1] for worker in workers]
        seconds = time.perf_counter() - started
        cache = DiskCache(directory)
        lost = sum(cache.get(f"{w}-{n}") != [w, n] for w in range(PROCESSES) for n in range(OPERATIONS // 2))
        cache.close()
        size = sum(path.stat().st_size for path in Path(directory).iterdir())
    failed = sum(worker.returncode != 0 for worker in workers)
    rate = PROCESSES * OPERATIONS / seconds
    print(
        f"{PROCESSES} processes x {OPERATIONS:,} operations in {seconds:.1f} s, {rate:,.0f} a second, {size:,} bytes on disk"
    )
    print(f"lost: {lost}, processes that failed: {failed}, that warned: {sum(map(bool, errors))}")
    if lost or failed or any(errors):
        raise SystemExit("".join(errors) or "responses are lost")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hammer", action="store_true", help="eight processes on one cache")
    parser.add_argument("--redis", metavar="URL", help="measure a cache in this Redis server, too")
    parser.add_argument("--in", dest="directory", help=argparse.SUPPRESS)
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker is not None:
        run_worker(options.directory, options.worker)
    elif options.hammer:
        run_workers()
    else:
        with tempfile.TemporaryDirectory() as directory:
            memory = Cache.in_memory(1)
            caches: dict[str, Callable[[], Any]] = {"disk": lambda: DiskCache(directory), "memory": lambda: memory}
            if options.redis:
                redis = Cache.redis("benchmark", options.redis)
                caches["redis"] = lambda: redis
                # a chat opens the cache once, too
                with redis:
                    print_table(caches)
            else:
                print_table(caches)
            DiskCache(directory).close()


if __name__ == "__main__":
    main()
