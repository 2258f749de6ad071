"""`ImageGeneration` and its generators: pictures by an endpoint on loopback, by Pillow, and by a tool."""

from __future__ import annotations

import base64
import json
import logging

import pytest
from pictures import decode_uri, make_picture, make_uri
from sites import serve_site

from autogen import ConversableAgent, UserProxyAgent
from autogen.agentchat.contrib.capabilities import generate_images
from autogen.agentchat.contrib.capabilities.generate_images import (
    DESCRIPTION_MESSAGE,
    SYSTEM_MESSAGE,
    DalleImageGenerator,
    ImageGeneration,
    ImageGenerationTool,
    ImageGenerator,
    PillowImageGenerator,
)
from autogen.agentchat.contrib.img_utils import get_image_data
from autogen.agentchat.contrib.multimodal_conversable_agent import MultimodalConversableAgent
from autogen.cache.in_memory_cache import InMemoryCache
from autogen.code_utils import content_str
from autogen.exception_utils import BudgetExceeded
from autogen.fetching import FetchPolicy
from autogen.oai import OpenAIWrapper
from autogen.oai._once import _emitted
from autogen.testing import OpenAIServer, Reply, ScriptedModel, tool_call

PNG, JPEG = make_picture(), make_picture(kind="JPEG")
USAGE = {"input_tokens": 10, "output_tokens": 90, "total_tokens": 100}
PATH = "/v1/images/generations"


class Studio:
    """An endpoint that makes pictures, and keeps the requests."""

    def __init__(self, *answers):
        self.answers, self.requests = list(answers), []

    def __call__(self, handler):
        self.requests.append(json.loads(handler.body))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        status, body = answer if isinstance(answer, tuple) else (200, {"created": 1, "data": answer, "usage": USAGE})
        return status, {"Content-Type": "application/json"}, json.dumps(body).encode()


def b64(*contents):
    return [{"b64_json": base64.b64encode(content).decode()} for content in contents]


@pytest.fixture
def studio():
    studio = Studio(b64(PNG))
    with serve_site({PATH: studio, "/a.png": PNG}) as site:
        studio.site = site
        studio.config = {"model": "gpt-image-2", "base_url": site.url("/v1"), "api_key": "k", "max_retries": 0}
        yield studio
    _emitted.clear()


def make_agent(name, *replies, **options):
    config = ScriptedModel(*replies).llm_config if replies else False
    return ConversableAgent(name, llm_config=config, human_input_mode="NEVER", silent=True, **options)


def decision(wants_picture, prompt=""):
    return json.dumps({"wants_picture": wants_picture, "prompt": prompt})


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"resolution": "large"}, "resolution must be"),
        ({"num_images": 0}, "num_images must be"),
        ({"llm_config": {"api_key": "k"}}, "must name a model"),
    ],
)
def test_wrong_arguments_are_refused(arguments, says):
    with pytest.raises(ValueError, match=says):
        DalleImageGenerator(**{"llm_config": {"model": "m", "api_key": "k"}, **arguments})


def test_an_endpoint_makes_the_picture(studio):
    generator = DalleImageGenerator({"config_list": [studio.config], "temperature": 0.3, "timeout": 60}, quality="hd")
    assert isinstance(generator, ImageGenerator)
    assert get_image_data(generator.generate_image("A {cat}."), use_b64=False) == PNG
    expected = {"model": "gpt-image-2", "prompt": "A {cat}.", "n": 1, "size": "1024x1024", "quality": "high"}
    assert studio.requests == [expected]
    assert generator.client.total_usage_summary["gpt-image-2"]["completion_tokens"] == 90
    other = DalleImageGenerator({**studio.config, "model": "flux"}, "auto")
    other.generate_image("x")
    assert studio.requests[1] == {"model": "flux", "prompt": "x", "n": 1}


def test_a_retired_model_is_replaced_and_told_once(studio, caplog):
    for _ in range(2):
        DalleImageGenerator({**studio.config, "model": "dall-e-3"}, "1792x1024").generate_image("x")
    expected = {"model": generate_images.CURRENT_MODEL, "size": "1536x1024", "quality": "medium", "prompt": "x", "n": 1}
    assert studio.requests == [expected] * 2
    assert caplog.text.count("was retired") == 1


@pytest.mark.parametrize("fault", [(500, {"error": {"message": "busy"}}), (200, {"created": 1, "data": []})])
def test_requests_have_the_retries_and_the_other_endpoints_of_the_config(call, studio, fault):
    studio.answers = [fault, fault, b64(JPEG)]
    other = {**studio.config, "model": "other", "max_retries": 1, "retry_policy": {"first_delay": 0}}
    client = OpenAIWrapper(config_list=[studio.config, other])
    response = call(client.create_image, prompt="x")
    assert response.images == b64(JPEG)
    assert [request["model"] for request in studio.requests] == ["gpt-image-2", "other", "other"]


def test_a_picture_has_its_price_and_budgets_hold(call, studio):
    client = OpenAIWrapper(**studio.config, price_per_image=0.25, max_cost=0.4)
    studio.answers = [b64(PNG, PNG)]
    assert call(client.create_image, prompt="x", n=2).cost == 0.5
    with pytest.raises(BudgetExceeded):
        call(client.create_image, prompt="x")
    with pytest.raises(ValueError, match="price_per_image must be"):
        call(OpenAIWrapper(**studio.config, price_per_image="1").create_image, prompt="x")


def test_addresses_in_answers_are_fetched_by_the_rules(studio):
    studio.answers = [[{"url": studio.site.url("/a.png")}]]
    allowed = DalleImageGenerator(studio.config, policy=FetchPolicy(allow_private=True))
    assert get_image_data(allowed.generate_image("x"), use_b64=False) == PNG
    with pytest.raises(ValueError, match="can't be read"):
        DalleImageGenerator(studio.config).generate_image("x")


def test_a_client_that_makes_no_pictures_says_so(call):
    with pytest.raises(TypeError, match="makes no pictures"):
        call(OpenAIWrapper(**ScriptedModel("x").llm_config).create_image, prompt="x")


def test_cache_keys_differ_in_every_setting():
    config = {"model": "m", "api_key": "k"}
    generators = [
        DalleImageGenerator(config),
        DalleImageGenerator({**config, "model": "n"}),
        DalleImageGenerator(config, resolution="10x10"),
        DalleImageGenerator(config, quality="hd"),
        DalleImageGenerator(config, num_images=2),
        PillowImageGenerator(),
        PillowImageGenerator((10, 10)),
    ]
    keys = [generator.cache_key(prompt) for generator in generators for prompt in ("a", "b")]
    assert len(set(keys)) == len(keys)
    assert keys[0] == "a,m,1024x1024,standard,1"


def test_pillow_draws_the_prompt_the_same_each_time():
    generator = PillowImageGenerator((120, 60))
    picture = generator.generate_image("A cat \N{CAT FACE} {x}")
    assert picture.size == (120, 60)
    assert picture.tobytes() == generator.generate_image("A cat \N{CAT FACE} {x}").tobytes()
    assert picture.tobytes() != generator.generate_image("A dog").tobytes()


def test_a_message_that_asks_for_a_picture_gets_one(call):
    agent = make_agent("artist", decision(False), "No picture.", decision(True, "a {red} cat"))
    user = make_agent("user", default_auto_reply="Draw a red cat.")
    drawing = ImageGeneration(PillowImageGenerator())
    drawing.add_to_agent(agent)
    assert agent.system_message.endswith(SYSTEM_MESSAGE)
    assert agent.description.endswith(DESCRIPTION_MESSAGE)
    result = call(user.initiate_chat, agent, message="How does one draw?", max_turns=2)
    assert result.chat_history[1]["content"] == "No picture."
    content = result.chat_history[3]["content"]
    assert "a {red} cat" in content[0]["text"]
    assert "<image>" in content_str(content)
    assert decode_uri(content[1]["image_url"]["url"]) == PillowImageGenerator().generate_image("a {red} cat")
    drawing.remove_from_agent(agent)
    assert SYSTEM_MESSAGE not in agent.system_message
    assert DESCRIPTION_MESSAGE not in agent.description


def test_an_answer_that_is_no_decision_makes_no_picture(call, caplog):
    agent = make_agent("artist", *["I don't know."] * 4)
    ImageGeneration(PillowImageGenerator()).add_to_agent(agent)
    assert call(agent.generate_reply, messages=[{"role": "user", "content": "Hm."}]) == "I don't know."
    assert "did not say" in caplog.text


def test_another_model_may_decide_and_one_is_needed(call, caplog):
    decider = ScriptedModel(decision(True, "a cat"))
    agent = make_agent("artist")
    with caplog.at_level(logging.INFO):
        drawing = ImageGeneration(PillowImageGenerator(), text_analyzer_llm_config=decider.llm_config, verbosity=2)
        drawing.add_to_agent(agent)
        reply = call(agent.generate_reply, messages=[{"role": "user", "content": "Draw."}])
    assert len(reply["content"]) == 2
    assert "prompt: a cat" in caplog.text
    assert drawing.client is not None
    without = make_agent("other")
    ImageGeneration(PillowImageGenerator()).add_to_agent(without)
    with pytest.raises(ValueError, match="needs a text_analyzer_llm_config"):
        call(without.generate_reply, messages=[{"role": "user", "content": "Draw."}])


def test_replaced_methods_decide_and_a_cache_is_shared(call, studio, monkeypatch):
    monkeypatch.setattr(ImageGeneration, "_should_generate_image", lambda self, text: "draw" in text)
    monkeypatch.setattr(ImageGeneration, "_extract_prompt", lambda self, text: "a cat")
    studio.answers = [b64(PNG, JPEG)]
    cache, replies = InMemoryCache(), []
    for name in ("one", "two"):
        agent = make_agent(name, default_auto_reply="no")
        ImageGeneration(DalleImageGenerator(studio.config, num_images=2), cache=cache).add_to_agent(agent)
        assert call(agent.generate_reply, messages=[{"role": "user", "content": "write"}]) == "no"
        replies.append(
            call(agent.generate_reply, messages=[{"role": "user", "content": [{"type": "text", "text": "draw"}]}])
        )
    assert replies[0] == replies[1]
    urls = [part["image_url"]["url"] for part in replies[0]["content"][1:]]
    assert urls == [make_uri(PNG), make_uri(JPEG, "image/jpeg")]
    assert len(studio.requests) == 1


def test_a_model_makes_pictures_by_a_tool_and_another_sees_them(call, tmp_path):
    tool = ImageGenerationTool(PillowImageGenerator(), folder=tmp_path / "pictures")
    assert not (tmp_path / "pictures").exists()

    def answer(messages):
        if messages[-1]["role"] != "tool":
            return Reply(tool_calls=[tool_call("generate_image", prompt="a cat")])
        return messages[-1]["content"]

    artist = make_agent("artist", answer)
    artist.register_for_llm()(tool)
    artist.register_for_execution()(tool)
    with OpenAIServer(lambda messages: "Nice.") as server:
        critic = MultimodalConversableAgent("critic", llm_config=server.llm_config, human_input_mode="NEVER", silent=True)
        user = UserProxyAgent("user", human_input_mode="NEVER", code_execution_config=False)
        user.silent = True
        user.register_for_execution()(tool)
        call(critic.initiate_chat, artist, message="Draw a cat.", max_turns=3)
    [file] = (tmp_path / "pictures").iterdir()
    assert decode_uri(make_uri(file.read_bytes())) == PillowImageGenerator().generate_image("a cat")
