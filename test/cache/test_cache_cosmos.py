"""A cache in Cosmos DB. `FakeCosmos` stands in for the client: there is no such server that could run here."""

import hashlib
import json
import sys

import pytest
from azure.cosmos.exceptions import CosmosHttpResponseError

from autogen.cache import Cache
from autogen.cache.cosmos_db_cache import CosmosDBCache


def test_an_item_has_a_hashed_id_the_seed_and_json_text(cosmos):
    key = '{"messages": "a/b?c#d\\\\"}' * 1000
    with Cache.cosmos_db(container_id="box", cache_seed=7, client=cosmos) as cache:
        cache.set(key, {"a": [1, "é"]})
    ((place, text),) = cosmos.items.items()
    assert place == ("7", hashlib.sha256(key.encode()).hexdigest())
    assert json.loads(text) == {"id": place[1], "partitionKey": "7", "data": json.dumps({"a": [1, "é"]})}


def test_the_first_use_makes_what_is_missing(cosmos):
    cache = Cache.cosmos_db(container_id="box", client=cosmos, database_id="mine")
    assert cosmos.made == []
    cache.get("k")
    cache.get("k")
    assert cosmos.made == ["mine", "box", ["/partitionKey"]]


def test_the_database_has_a_name_by_default(cosmos):
    Cache.cosmos_db(container_id="box", client=cosmos).get("k")
    assert cosmos.made[0] == "autogen_cache"


def test_every_way_to_make_one(cosmos):
    config = {"client": cosmos, "database_id": "d", "container_id": "c"}
    CosmosDBCache.create_cache(1, config).set("k", "v")
    assert CosmosDBCache.from_config("1", config).get("k") == "v"
    assert CosmosDBCache.from_existing_client(1, cosmos, "d", "c").get("k") == "v"
    assert Cache({"cache_seed": 1, "cosmos_db_config": config}).get("k") == "v"
    string = "AccountEndpoint=http://127.0.0.1:1/;AccountKey=c2VjcmV0;"
    assert CosmosDBCache.from_connection_string(1, string, "d", "c").get("k", "missing") == "missing"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"container_id": "c"}, "needs a client, or a connection_string"),
        ({"container_id": "c", "connection_string": "AccountEndpoint=http://x/;Key=c2VjcmV0"}, "AccountKey=...;"),
        ({"connection_string": "AccountEndpoint=http://x/;AccountKey=c2VjcmV0"}, "needs a container_id"),
    ],
)
def test_a_config_that_reaches_nothing_is_refused(options, text):
    with pytest.raises(ValueError, match=text) as caught:
        Cache.cosmos_db(**options)
    assert "c2VjcmV0" not in str(caught.value)


def test_a_server_that_is_down_means_one_warning_and_no_cache(warnings_of, clock):
    """With the real SDK, against a port where nobody listens."""
    string = "AccountEndpoint=http://127.0.0.1:1/;AccountKey=c2VjcmV0;"
    cache = Cache.cosmos_db(string, "box")
    for _ in range(2):
        assert cache.get("k", "missing") == "missing"
        cache.set("k", 1)
        clock.now += 61
    ours = [warning for warning in warnings_of() if "autogen_cache/box" in warning]
    assert len(ours) == 1
    assert "nothing is cached" in ours[0]
    assert "c2VjcmV0" not in "".join(warnings_of())
    assert "c2VjcmV0" not in repr(vars(cache)) + repr(vars(cache.cache)["_connection_string"])


def test_an_item_that_is_too_large_is_not_kept_and_the_cache_goes_on(cosmos, warnings_of):
    cache = Cache.cosmos_db(container_id="box", client=cosmos)
    cache.set("large", "x" * 2_000_000)
    cache.set("small", 1)
    assert (cache.get("large"), cache.get("small")) == (None, 1)
    assert len(warnings_of()) == 1


@pytest.mark.parametrize("error", [CosmosHttpResponseError(503, "busy"), ConnectionError("gone"), KeyError("nonsense")])
def test_a_service_that_fails_means_one_warning_and_no_cache(cosmos, warnings_of, error, monkeypatch):
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(cosmos, "read_item", fail)
    monkeypatch.setattr(cosmos, "upsert_item", fail)
    cache = Cache.cosmos_db(container_id="box", client=cosmos)
    cache.set("k", 1)
    assert cache.get("k", "missing") == "missing"
    assert len(warnings_of()) == 1


@pytest.mark.parametrize("data", [None, 5, ["x"], {"a": 1}])
def test_an_item_of_another_form_is_a_miss(cosmos, data):
    cache = Cache.cosmos_db(container_id="box", client=cosmos)
    cache.set("k", 1)
    cosmos.items = {place: json.dumps({"id": place[1], "data": data}) for place in cosmos.items}
    assert cache.get("k", "missing") == "missing"


def test_without_the_package_the_extra_is_named(monkeypatch):
    for name in [name for name in sys.modules if name == "azure" or name.startswith("azure.cosmos")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "azure", None)
    with pytest.raises(ImportError, match=r'autogen-classic\[cosmos\]"'):
        Cache.cosmos_db(container_id="c", client=object())
