"""`LLMConfig`: an `llm_config` that is checked, masked and can be put in force."""

import asyncio
import copy
import json
import pickle

import pytest

from autogen import AssistantAgent, ConversableAgent, LLMConfig, OpenAIWrapper, UserProxyAgent
from autogen.llm_config import CONFIG_SETTINGS, SHARED_ENTRY_SETTINGS
from autogen.llm_config.entry import ApplicationConfig, LLMConfigEntry
from autogen.oai import (
    AnthropicLLMConfigEntry,
    AzureOpenAILLMConfigEntry,
    DeepSeekLLMConfigEntry,
    GeminiLLMConfigEntry,
    GroqLLMConfigEntry,
    OllamaLLMConfigEntry,
    OpenAILLMConfigEntry,
    OpenAIResponsesLLMConfigEntry,
    OpenAIV2LLMConfigEntry,
    get_first_llm_config,
)
from autogen.testing import ScriptedModel
from autogen.types import ConfigEntry, LLMConfigDict

KEY = "sk-0123456789abcdefghijklmnop"
TWO = [
    {"model": "a", "api_key": KEY, "tags": ["cheap", "fast"]},
    {"model": "b", "api_key": KEY, "base_url": "localhost:8000/v1"},
]


def models(config):
    return [entry["model"] for entry in config["config_list"]]


def test_a_single_model_and_the_settings_of_all():
    config = LLMConfig(model="a", api_key=KEY, temperature=0.5, max_tokens=10, cache_seed=None)
    assert config["config_list"] == [{"max_tokens": 10, "model": "a", "api_key": KEY, "api_type": "openai"}]
    assert (config["temperature"], config.cache_seed) == (0.5, None)


@pytest.mark.parametrize(
    "config",
    [
        LLMConfig(*TWO, temperature=1),
        LLMConfig(config_list=TWO, temperature=1),
        LLMConfig({"config_list": TWO, "temperature": 1}),
        LLMConfig(TWO[0], config_list=TWO[1], temperature=1),
        LLMConfig({"config_list": TWO, "temperature": 5}, temperature=1),
    ],
)
def test_several_models_in_every_form(config):
    assert models(config) == ["a", "b"]
    assert config["temperature"] == 1
    assert config["config_list"][1]["base_url"] == "http://localhost:8000/v1"
    assert isinstance(config, dict)


def test_settings_of_each_model_go_into_every_entry():
    config = LLMConfig(*TWO, max_tokens=5, top_p=0.1)
    assert [(entry["max_tokens"], entry["top_p"]) for entry in config["config_list"]] == [(5, 0.1)] * 2
    assert "max_tokens" not in config


@pytest.mark.parametrize(
    "make",
    [
        lambda: LLMConfig(),
        lambda: LLMConfig(config_list=[]),
        lambda: LLMConfig(config_list="gpt-4o"),
        lambda: LLMConfig({"config_list": "gpt-4o"}),
        lambda: LLMConfig(model=""),
        lambda: LLMConfig({"api_key": KEY}),
        lambda: LLMConfig("gpt-4"),
        lambda: LLMConfig(temperature=1),
    ],
)
def test_a_config_without_a_model_is_refused(make):
    with pytest.raises(ValueError, match=r"model|dict"):
        make()


def test_what_may_be_misspelt_is_warned_of_and_passed_on():
    with pytest.warns(UserWarning, match="'temprature', did you mean 'temperature'") as caught:
        config = LLMConfig(model="a", temprature=1, something_else=2)
    assert config["config_list"][0]["temprature"] == 1
    assert len(caught) == 1


def test_no_form_of_showing_it_shows_a_key():
    config = LLMConfig(*TWO, default_headers={"Authorization": f"Bearer {KEY}"})
    shown = [
        repr(config),
        str(config),
        f"{config}",
        config.model_dump_json(),
        str(config.model_dump()),
        config.__format__(""),
    ]
    assert not [text for text in shown if KEY in text]
    assert KEY in config.model_dump_json(reveal=True)
    assert config["config_list"][0]["api_key"] == KEY


def test_dumping_leaves_out_what_is_empty():
    config = LLMConfig(model="a", tools=[], timeout=None, temperature=0)
    assert config.model_dump() == {"config_list": [{"model": "a", "api_type": "openai"}], "temperature": 0}
    assert json.loads(config.model_dump_json())["temperature"] == 0


def test_attributes_are_items():
    config = LLMConfig(model="a")
    config.temperature = 0.25
    assert config["temperature"] == config.temperature == 0.25
    with pytest.raises(ValueError, match="colour"):
        config.colour = 1
    with pytest.raises(AttributeError, match="colour"):
        _ = config.colour
    with pytest.raises(KeyError):
        config["colour"]


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, LLMConfig.copy, lambda c: pickle.loads(pickle.dumps(c))])
def test_copies_are_configs_and_equal(duplicate):
    config = LLMConfig(*TWO, temperature=1)
    twin = duplicate(config)
    assert twin == config
    assert type(twin) is LLMConfig
    twin["temperature"] = 2
    assert config["temperature"] == 1


@pytest.mark.parametrize(
    ("accepts", "criteria", "left"),
    [
        ((), {"model": "a"}, ["a"]),
        ((), {"model": ["a", "b"]}, ["a", "b"]),
        ((), {"tags": ["fast", "x"]}, ["a"]),
        ((), {"tags": None}, ["b"]),
        ((), {"model": "b", "exclude": True}, ["a"]),
        ((), {"tags": ["cheap"], "exclude": True}, ["b"]),
        ((lambda entry: entry["model"] > "a",), {}, ["b"]),
        ((lambda entry: True,), {"model": "a"}, ["a"]),
    ],
)
def test_choosing_entries(accepts, criteria, left):
    config = LLMConfig(*TWO, temperature=1)
    chosen = config.where(*accepts, **criteria)
    assert models(chosen) == left
    assert chosen["temperature"] == 1
    assert models(config) == ["a", "b"]


def test_choosing_nothing_says_what_there_is():
    with pytest.raises(ValueError, match="a, b"):
        LLMConfig(*TWO).where(model="c")


def test_reading_from_a_file_or_a_variable(tmp_path, monkeypatch):
    file = tmp_path / "models.json"
    file.write_text(json.dumps(TWO))
    monkeypatch.setenv("MODELS", json.dumps(TWO[:1]))
    monkeypatch.setenv("MODELS_FILE", str(file))
    assert models(LLMConfig.from_json(path=str(file), temperature=0)) == ["a", "b"]
    assert models(LLMConfig.from_json(path="models.json", file_location=str(tmp_path))) == ["a", "b"]
    assert models(LLMConfig.from_json(env="MODELS")) == ["a"]
    assert models(LLMConfig.from_json(env="MODELS_FILE", filter_dict={"tags": ["cheap"]})) == ["a"]


def test_reading_from_nowhere_or_two_places():
    with pytest.raises(ValueError, match="either"):
        LLMConfig.from_json()
    with pytest.raises(ValueError, match="either"):
        LLMConfig.from_json(path="a", env="b")
    with pytest.raises(FileNotFoundError, match="NO_SUCH_VARIABLE"):
        LLMConfig.from_json(env="NO_SUCH_VARIABLE")


def test_agents_made_in_its_block_have_a_copy_of_it():
    outer, inner = LLMConfig(model="a", api_key=KEY), LLMConfig(model="b", api_key=KEY)
    with outer:
        first = ConversableAgent("first")
        with inner:
            second = AssistantAgent("second")
            assert LLMConfig.current == inner
        third = ConversableAgent("third", llm_config=False)
        user = UserProxyAgent("user", code_execution_config=False)
        named = ConversableAgent("named", llm_config={"model": "c", "api_key": KEY})
        assert LLMConfig.default == outer
    assert [first.llm_config, second.llm_config] == [outer, inner]
    assert first.llm_config is not outer
    assert [third.llm_config, user.llm_config, named.llm_config["model"]] == [False, False, "c"]
    assert ConversableAgent("after").llm_config is False
    with pytest.raises(ValueError, match="in force"):
        _ = LLMConfig.current


def test_tasks_do_not_see_each_others_configs():
    async def main():
        started = asyncio.Event()

        async def one():
            with LLMConfig(model="a", api_key=KEY):
                started.set()
                await asyncio.sleep(0)
                return models(ConversableAgent("x").llm_config)

        async def other():
            await started.wait()
            return ConversableAgent("y").llm_config

        return await asyncio.gather(one(), other())

    assert asyncio.run(main()) == [["a"], False]


def test_it_is_accepted_wherever_a_dict_is(call):
    model = ScriptedModel("hello", "hello")
    config = LLMConfig(model.config, cache_seed=None)
    agent = AssistantAgent("agent", llm_config=config)
    assert call(agent.generate_reply, [{"role": "user", "content": "hi"}]) == "hello"
    agent.register_for_llm(name="f", description="F.")(lambda: "")
    assert "tools" in agent.llm_config
    assert "tools" not in config
    assert OpenAIWrapper(**config).create(messages=[{"role": "user", "content": "hi"}]).config_id == 0


ENTRIES = {
    "openai": OpenAILLMConfigEntry,
    "azure": AzureOpenAILLMConfigEntry,
    "openai_v2": OpenAIV2LLMConfigEntry,
    "responses_v2": OpenAIResponsesLLMConfigEntry,
    "anthropic_v2": AnthropicLLMConfigEntry,
    "google": GeminiLLMConfigEntry,
    "groq-eu": GroqLLMConfigEntry,
    "Ollama": OllamaLLMConfigEntry,
    "deepseek": DeepSeekLLMConfigEntry,
    "local": LLMConfigEntry,
}


@pytest.mark.parametrize("api_type", ENTRIES)
def test_an_entry_has_the_class_of_its_endpoint(api_type):
    config = LLMConfig({"model": "m", "api_type": api_type, "api_key": KEY})
    [entry] = config["config_list"]
    assert type(entry) is ENTRIES[api_type]
    assert (entry.model, entry["model"], entry.api_key, entry.get("tags"), entry.tags) == ("m", "m", KEY, None, None)
    assert {"model": "m", "api_type": api_type, "api_key": KEY}.items() <= entry.items()
    assert KEY not in repr(entry)
    for duplicate in (copy.copy(entry), copy.deepcopy(entry), pickle.loads(pickle.dumps(entry)), entry.copy()):
        assert (type(duplicate), duplicate) == (type(entry), entry)


@pytest.mark.parametrize(
    "make",
    [
        lambda a, b: LLMConfig(a, b),
        lambda a, b: LLMConfig(config_list=[a, b]),
        lambda a, b: LLMConfig.ensure_config([a, b]),
        lambda a, b: LLMConfig.ensure_config({"config_list": [a, b]}),
        lambda a, b: LLMConfig.ensure_config(LLMConfig(a, b)),
        lambda a, b: LLMConfig(**LLMConfig(a, b).model_dump()),
        lambda a, b: LLMConfig.get_current_llm_config(LLMConfig(a, b)),
    ],
)
@pytest.mark.parametrize("kind", [dict, OpenAILLMConfigEntry])
def test_entries_are_objects_in_every_form(make, kind):
    config = make(kind(TWO[0]), kind(TWO[1]))
    assert [entry.model for entry in config.config_list] == ["a", "b"]
    assert config.config_list[1].api_key == KEY
    agent = ConversableAgent("agent", llm_config=config)
    assert [type(entry) for entry in agent.llm_config.config_list] == [OpenAILLMConfigEntry] * 2


def test_a_config_is_made_of_one_model_too():
    raw = {"model": "a", "api_key": KEY, "temperature": 0.5, "cache_seed": None}
    config = LLMConfig.ensure_config(raw)
    assert (config.temperature, config.cache_seed, config.config_list[0].model) == (0.5, None, "a")
    assert models(LLMConfig.ensure_config(OpenAILLMConfigEntry(model="b"))) == ["b"]
    assert raw == {"model": "a", "api_key": KEY, "temperature": 0.5, "cache_seed": None}
    whole = {"config_list": [{"model": "a"}], "seed": 1}
    assert LLMConfig.ensure_config(whole).seed == 1
    assert whole == {"config_list": [{"model": "a"}], "seed": 1}
    for wrong in ("a", 3, None):
        with pytest.raises(ValueError, match="must be a dict, an entry or a list"):
            LLMConfig.ensure_config(wrong)


def test_the_config_in_force_may_be_none():
    assert LLMConfig.get_current_llm_config() is None
    with LLMConfig(model="a") as config:
        assert LLMConfig.get_current_llm_config() == config
        assert models(LLMConfig.get_current_llm_config({"model": "b"})) == ["b"]


@pytest.mark.parametrize(
    "put",
    [
        lambda entries, entry: entries.append(entry),
        lambda entries, entry: entries.insert(0, entry),
        lambda entries, entry: entries.extend([entry]),
        lambda entries, entry: entries.__iadd__([entry]),
        lambda entries, entry: entries.__setitem__(0, entry),
        lambda entries, entry: entries.__setitem__(slice(0, 1), [entry]),
    ],
)
def test_a_dict_that_is_put_into_a_config_becomes_an_entry(put):
    entries = copy.deepcopy(LLMConfig({"model": "a"})).config_list
    put(entries, {"model": "b", "api_type": "google"})
    assert [type(entry) for entry in entries if entry.model == "b"] == [GeminiLLMConfigEntry]
    with pytest.raises(ValueError, match="has no model"):
        put(entries, {"modle": "b"})
    with pytest.raises(ValueError, match="must be a dict"):
        put(entries, "gpt-4o")


@pytest.mark.parametrize(
    "put",
    [
        lambda target, items: target.update(items),
        lambda target, items: target.update(**items),
        lambda target, items: target.__ior__(items),
        lambda target, items: [(target.pop(name, None), target.setdefault(name, items[name])) for name in items],
        lambda target, items: [setattr(target, name, items[name]) for name in items],
    ],
)
def test_items_keep_their_form_in_every_way_of_putting_them_in(put):
    config = LLMConfig({"model": "a"}, seed=1)
    put(config.config_list[0], {"api_key": KEY})
    assert KEY not in str(dict(config.config_list[0]))
    assert config.config_list[0].api_key == KEY
    config = LLMConfig({"model": "a"}, seed=1)
    put(config, {"config_list": [{"model": "b", "api_key": KEY}]})
    assert models(config) == [config.config_list[0].model] == ["b"]
    assert KEY not in str(dict(config))


def test_defaults_of_entries_give_way_to_settings_of_an_entry():
    own = DeepSeekLLMConfigEntry(model="a", temperature=0)
    assert (own.base_url, own.max_tokens) == ("https://api.deepseek.com/v1", 8192)
    assert own.apply_application_config(ApplicationConfig(temperature=1, top_p=0.5)) == {**own, "top_p": 0.5}
    made = LLMConfig({"model": "a", "api_type": "deepseek"}, {"model": "b", "max_tokens": 0}, max_tokens=7)
    assert [entry.max_tokens for entry in made.config_list] == [7, 0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LLMConfig({"model": "m", "api_type": "antropic"}), "Did you mean 'anthropic'"),
        (lambda: LLMConfig({"model": "m", "api_type": "quux"}), "Known are anthropic, "),
        (lambda: OpenAILLMConfigEntry(model="m", api_type="google"), "is 'openai', got 'google'"),
        (lambda: OpenAILLMConfigEntry(api_key=KEY), "has no model"),
        (lambda: GroqLLMConfigEntry(model="m", price=-1), "price must be"),
    ],
)
def test_an_invalid_entry_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_client_of_its_own_may_have_any_type():
    [entry] = LLMConfig({"model": "m", "api_type": "quux", "model_client_cls": "Mine"}).config_list
    assert (type(entry), entry.api_type) == (LLMConfigEntry, "quux")


def test_settings_that_are_not_set_read_as_none():
    config = LLMConfig(model="a")
    assert (config.temperature, config.tools or [], config.get("seed"), "seed" in config) == (None, [], None, False)
    with pytest.raises(KeyError):
        config["seed"]
    config.config_list = [{"model": "b"}]
    assert config.config_list[0].model == "b"
    with pytest.raises(AttributeError, match="colour"):
        _ = config.config_list[0].colour
    config.config_list[0].tags = ["x"]
    assert config.where(tags="x") == config == config.deepcopy()


def test_dumps_can_be_used_again(openai_server):
    server = openai_server("hello")
    config = LLMConfig({**server.config, "api_key": KEY, "price": [0, 0]}, cache_seed=None)
    dumped = config.model_dump(exclude_none=False)
    assert type(dumped["config_list"][0]) is dict
    assert OpenAIWrapper(**dumped).create(messages=[{"role": "user", "content": "hi"}]).choices[0].message.content == "hello"
    assert server.headers[-1]["authorization"] == f"Bearer {KEY}"
    assert dumped["cache_seed"] is None
    assert config.config_list[0].model_dump(include={"model"}) == {"model": server.config["model"]}
    assert KEY not in config.config_list[0].model_dump_json(exclude={"price"})
    assert repr(config.model_dump(reveal=True)["config_list"][0]["api_key"]) == repr(KEY)
    with pytest.raises(TypeError, match="model_dump takes"):
        config.model_dump(by_alias=True)


def test_the_first_entry_of_a_config():
    config = LLMConfig(*TWO)
    first = get_first_llm_config(config)
    first["model"] = "x"
    assert (type(first), models(config)) == (dict, ["a", "b"])
    assert get_first_llm_config({"model": "c"}) == {"model": "c"}
    for empty in ({}, {"config_list": []}):
        with pytest.raises(ValueError, match="has no entry"):
            get_first_llm_config(empty)


def test_an_entry_makes_a_client_of_its_endpoint(openai_server):
    server = openai_server("hello")
    client = OpenAILLMConfigEntry(server.config).create_client()
    response = client.create({"model": "m", "messages": [{"role": "user", "content": "hi"}]})
    assert client.message_retrieval(response) == ["hello"]


def test_every_setting_is_a_key_of_the_typed_dict():
    assert {*CONFIG_SETTINGS, *SHARED_ENTRY_SETTINGS} <= LLMConfigDict.__optional_keys__
    assert {"model", "api_key", "tags", "aws_region"} <= ConfigEntry.__optional_keys__ <= LLMConfigDict.__optional_keys__


def test_the_former_name_of_a_function_warns():
    from autogen import llm_config

    with pytest.warns(DeprecationWarning, match="in_force is deprecated, use get_active_config"):
        assert llm_config.in_force is llm_config.get_active_config
    vars(llm_config).pop("in_force")
