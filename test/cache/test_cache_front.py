"""`Cache` and `CacheFactory` make what a config asks for; caches in memory have a bound."""

import pytest

from autogen import OpenAIWrapper
from autogen.cache import Cache
from autogen.cache.cache_factory import CacheFactory
from autogen.cache.cosmos_db_cache import CosmosDBCache
from autogen.cache.disk_cache import DiskCache
from autogen.cache.in_memory_cache import InMemoryCache
from autogen.cache.redis_cache import RedisCache
from autogen.testing import OpenAIServer


@pytest.fixture(autouse=True)
def in_own_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_config_with_another_key_is_refused():
    with pytest.raises(ValueError, match="cache_sed"):
        Cache({"cache_sed": 1})


def test_an_empty_config_means_the_directory_of_the_default_seed(tmp_path):
    cache = Cache({})
    cache.set("k", 1)
    cache.close()
    assert cache.config == {"cache_seed": "42"}
    assert (tmp_path / ".cache" / "42").is_dir()


@pytest.mark.parametrize("seed", ["", 0, False, "a/b", "7"])
def test_seeds_are_directories(tmp_path, seed):
    cache = Cache.disk(seed, "root")
    cache.set("k", 1)
    cache.close()
    assert (tmp_path / "root" / str(seed) / "answers.db").exists()


def test_the_factory_makes_what_is_asked_for(cosmos, tmp_path):
    redis = CacheFactory.cache_factory("s", redis_url="redis://localhost:6379/0")
    assert isinstance(redis, RedisCache)
    assert (redis.seed, redis.cache.connection_pool.connection_kwargs["host"]) == ("s", "localhost")
    config = {"client": cosmos, "container_id": "c"}
    assert isinstance(CacheFactory.cache_factory("s", cosmosdb_config=config), CosmosDBCache)
    assert isinstance(CacheFactory.cache_factory("s", "redis://localhost", None, config), RedisCache)
    for root, place in ((None, ".cache"), ("r", "r"), (str(tmp_path / "absolute"), "absolute")):
        cache = CacheFactory.cache_factory("s", cache_path_root=root)
        assert isinstance(cache, DiskCache)
        cache.set("k", 1)
        cache.close()
        assert (tmp_path / place / "s").is_dir()


def test_a_cache_in_memory_may_have_a_bound():
    cache = Cache.in_memory(1, max_entries=3)
    for number in (1, 2, 3, 1, 4):
        cache.set(str(number), number)
    assert [cache.get(str(number)) for number in (1, 2, 3, 4)] == [1, None, 3, 4]


def test_a_bound_that_holds_nothing_is_refused():
    with pytest.raises(ValueError, match="at least 1"):
        InMemoryCache(max_entries=0)


def test_seeds_stand_before_the_keys_in_memory():
    for seed, key in (("s", "s_k"), ("", "k")):
        cache = InMemoryCache(seed)
        cache.set("k", 1)
        assert list(cache._cache) == [key]


def test_a_response_that_an_earlier_version_stored_is_normalised():
    class ObservedCache(InMemoryCache):
        def set(self, key, value):
            self.last_key = key
            super().set(key, value)

    cache = ObservedCache(1)
    question = [{"role": "user", "content": "Capital of France?"}]
    with OpenAIServer("Paris.") as server:
        wrapper = OpenAIWrapper(config_list=[server.config])
        wrapper.create(messages=question, cache=cache)
        stored = cache.get(cache.last_key)
        del stored["form"]
        stored["value"]["choices"][0] |= {"finish_reason": "end_turn", "message": "Paris."}
        cache.set(cache.last_key, stored)
        choice = wrapper.create(messages=question, cache=cache).choices[0]
    assert (choice.finish_reason, choice.message.content) == ("stop", "Paris.")
    assert len(server.requests) == 1
