"""Answers of a given form."""

import asyncio
import json
from typing import Literal

import openai
import pytest
from pydantic import BaseModel

from autogen import ConversableAgent, OpenAIWrapper
from autogen.cache.in_memory_cache import InMemoryCache
from autogen.testing import Fault, Reply, tool_call

HI = [{"role": "user", "content": "Which town?"}]


class Place(BaseModel):
    """Somewhere."""

    name: str
    size: Literal["small", "large"] = "large"


GOOD = '{"name": "Paris", "size": "large"}'


@pytest.fixture
def create(mode):
    """Ask a wrapper in the mode under test, sync or async."""

    def create(wrapper, **config):
        config = {"messages": HI, "response_format": Place, **config}
        return wrapper.create(**config) if mode == "sync" else asyncio.run(wrapper.a_create(**config))

    return create


def wrapper_for(*servers, **config):
    return OpenAIWrapper(config_list=[server.config for server in servers], **{"cache_seed": None, **config})


def test_a_model_of_pydantic_goes_out_as_a_schema_and_comes_back_as_an_object(create, openai_server):
    server = openai_server(GOOD)
    response = create(wrapper_for(server))
    assert response.choices[0].message.parsed == Place(name="Paris")
    asked = server.requests[0]["response_format"]
    assert asked["type"] == "json_schema"
    assert asked["json_schema"]["name"] == "Place"
    assert asked["json_schema"]["schema"]["properties"]["size"]["enum"] == ["small", "large"]
    assert OpenAIWrapper.extract_text_or_completion_object(response) == [GOOD]
    assert json.loads(response.model_dump_json())["choices"][0]["message"]["parsed"]["name"] == "Paris"


@pytest.mark.parametrize("form", [{"type": "json_object"}, {"type": "text"}])
def test_other_forms_go_out_as_they_are(create, openai_server, form):
    server = openai_server("{}")
    create(wrapper_for(server), response_format=form)
    assert server.requests[0]["response_format"] == form


def test_an_answer_of_another_form_is_corrected_by_the_model(create, openai_server, caplog):
    server = openai_server('{"size": "huge"}', "It is Paris.", GOOD)
    wrapper = wrapper_for(server)
    assert create(wrapper).choices[0].message.parsed.name == "Paris"
    told = server.requests[1]["messages"]
    assert told[-2] == {"role": "assistant", "content": '{"size": "huge"}'}
    assert "name: Field required" in told[-1]["content"]
    assert "size" in told[-1]["content"]
    assert [message["content"] for message in server.requests[2]["messages"][1:4:2]] == ['{"size": "huge"}', "It is Paris."]
    assert wrapper.actual_usage_summary["scripted"]["completion_tokens"] > 3  # all three count
    assert "asking for a correction" in caplog.text


def test_an_endpoint_that_cannot_do_it_hands_over(create, openai_server):
    first, second = openai_server("no", "no", "no"), openai_server(GOOD)
    response = create(wrapper_for(first, second))
    assert (response.config_id, response.choices[0].message.parsed.name) == (1, "Paris")


def test_where_no_endpoint_can_the_error_says_what_is_wrong(create, openai_server):
    with pytest.raises(openai.APIError, match="name: Field required"):
        create(wrapper_for(openai_server(*['{"size": "small"}'] * 3)))


def test_calls_and_refusals_are_no_answers_of_this_form(create, openai_server):
    response = create(wrapper_for(openai_server(tool_call("look"))))
    assert response.choices[0].message.parsed is None


def test_only_answers_that_fit_are_cached_and_the_object_is_there_again(create, openai_server):
    server = openai_server("nonsense", GOOD)
    cache = InMemoryCache()
    first = create(wrapper_for(server), cache=cache)
    again = create(wrapper_for(server), cache=cache)
    assert len(server.requests) == 2
    assert (first.cached, again.cached) == (False, True)
    assert again.choices[0].message.parsed == Place(name="Paris")


def test_a_streamed_answer_has_the_form_too(create, openai_server):
    response = create(wrapper_for(openai_server(Reply(GOOD, chunks=[GOOD[:9], GOOD[9:]]))), stream=True)
    assert response.choices[0].message.parsed.name == "Paris"


def test_it_survives_failures_on_the_way(create, openai_server):
    server = openai_server(Fault(status=500), "nonsense", Fault(status=500), GOOD)
    entry = {**server.config, "max_retries": 1}
    wrapper = OpenAIWrapper(config_list=[entry], cache_seed=None, retry_policy={"first_delay": 0.001})
    assert create(wrapper).choices[0].message.parsed.name == "Paris"


def test_an_agent_answers_in_the_form_of_its_config(call, openai_server):
    server = openai_server(GOOD)
    agent = ConversableAgent("a", llm_config={**server.llm_config, "response_format": Place}, human_input_mode="NEVER")
    assert Place.model_validate_json(call(agent.generate_reply, HI)) == Place(name="Paris")
