"""What every cache does, whatever it keeps its answers in."""

import copy
import os
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from autogen.cache import Cache
from autogen.testing.kit import check_cache

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters()), inner, max_size=4),
    max_leaves=10,
)
outside = pytest.mark.parametrize("kind", ["disk", "diskcache", "redis", "cosmos"], indirect=True)  # what others can get at
WILD = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


class Bomb:
    """Leaves a directory where it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_it_passes_the_kit(kind):
    check_cache(kind.make)


@pytest.mark.parametrize("value", [{"reply": "é", "tokens": [1, 2]}, "", 0, None, [], False, "\ud800"], ids=repr)
def test_it_gives_back_what_it_was_given(cache, value):
    with cache as store:
        store.set("k", value)
        assert store.get("k", "missing") == value


def test_it_knows_what_it_does_not_know(cache):
    assert cache.get("k") is None
    assert cache.get("k", default="none") == "none"


def test_the_last_value_of_a_key_counts(cache):
    cache.set("k", 1)
    cache.set("k", 2)
    assert cache.get("k") == 2


def test_it_may_be_used_after_it_was_left_and_after_it_was_closed(cache):
    with cache as store:
        store.set("k", 1)
    assert cache.get("k") == 1
    cache.close()
    cache.close()
    assert cache.get("k") == 1


def test_it_may_be_entered_again_while_it_is_in_use(cache):
    with cache:
        with cache as store:
            store.set("k", 1)
        assert cache.get("k") == 1


def test_nobody_changes_what_is_cached(cache):
    given = {"list": [1]}
    cache.set("k", given)
    given["list"].append(2)
    cache.get("k")["list"].append(3)
    assert cache.get("k") == {"list": [1]}


def circle():
    circle = []
    circle.append(circle)
    return circle


def deep():
    value = []
    for _ in range(200_000):
        value = [value]
    return value


WITHOUT_JSON = [object, circle, deep, set, lambda: {(1, 2): 3}, lambda: 10**5000, lambda: b"x"]


@outside
@pytest.mark.parametrize("make", WITHOUT_JSON)
def test_a_value_that_json_cannot_hold_is_refused(cache, make):
    cache.set("k", "before")
    with pytest.raises(TypeError, match="values that have a JSON form"):
        cache.set("k", make())
    assert cache.get("k") == "before"


ANY = [(1, (2,)), {(1, 2): {3}}, 10**5000, b"x", frozenset({1}), {1: threading.Lock()}, object()]


@pytest.mark.parametrize("value", ANY, ids=lambda value: type(value).__name__)
def test_memory_holds_any_value(value):
    cache = Cache.in_memory()
    cache.set("k", value)
    assert cache.get("k") == value
    assert type(cache.get("k")) is type(value)


@pytest.mark.parametrize("make", [circle, deep])
def test_memory_holds_circles_and_depths(make):
    cache = Cache.in_memory()
    cache.set("k", make())
    assert isinstance(cache.get("k")[0], list)


@WILD
@given(st.text(st.characters()), JSON)
@example("\0", {"\ud800": "\0"})
@example("k" * 300_000, "v" * 300_000)
@example("autogen:seed:*?[]\r\n$3\r\n", "\r\n")
def test_wild_keys_and_values_come_back(cache, key, value):
    cache.set(key, value)
    assert cache.get(key, "missing") == value


@WILD
@given(st.text(st.characters()), st.text(st.characters()))
def test_keys_are_apart(kind, one, other):
    cache = kind.make("apart")
    cache.set(one, 1)
    cache.set(other, 2)
    assert cache.get(one) == (2 if one == other else 1)


def test_seeds_are_apart(kind):
    kind.make("1").set("k", 1)
    assert kind.make("2").get("k") is None


@outside
def test_a_second_cache_of_the_same_seed_finds_what_the_first_one_stored(kind):
    kind.make("s").set("k", [1])
    assert kind.make("s").get("k") == [1]


def test_threads_share_it(cache):
    def work(number):
        with cache as store:
            store.set(str(number), number)
            return store.get(str(number))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(200))) == list(range(200))
    assert [cache.get(str(number)) for number in range(200)] == list(range(200))


@outside
def test_a_pickle_in_the_place_of_a_value_is_a_miss_and_is_not_executed(kind, tmp_path):
    cache = kind.make("seed")
    cache.set("k", 1)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        kind.plant("seed", "k", pickle.dumps(Bomb(tmp_path / "exploded"), protocol))
        assert cache.get("k", "missing") == "missing"
    assert not (tmp_path / "exploded").exists()
    cache.set("k", 2)
    assert cache.get("k") == 2


@outside
@pytest.mark.parametrize("raw", [b"", b"{", b"\xff\xfe\x00", b"[" * 100_000, b"1" * 5000, b"nul", b"\x00"])
def test_an_entry_that_cannot_be_read_is_a_miss(kind, raw):
    cache = kind.make("seed")
    cache.set("k", 1)
    kind.plant("seed", "k", raw)
    assert cache.get("k", "missing") == "missing"


def test_a_copy_of_a_config_uses_the_same_cache(cache):
    config = copy.deepcopy({"model": "m", "cache": cache})
    config["cache"].set("k", 1)
    assert cache.get("k") == 1
    assert copy.copy(cache) is cache


def test_with_gives_the_cache_behind(cache):
    with cache as store:
        assert store is cache.cache
        assert not isinstance(store, Cache)
