"""`LLaVAAgent`: open models that see, by OpenAI's protocol, by LLaVA's worker, and at Replicate, all on loopback."""

from __future__ import annotations

import base64
import json
import sys
from types import SimpleNamespace

import pytest
from pictures import make_picture, make_uri
from sites import serve_site

from autogen import ConversableAgent
from autogen.agentchat.contrib import llava_agent
from autogen.agentchat.contrib.llava_agent import SEP, LLaVAAgent, llava_call, llava_call_binary
from autogen.testing import OpenAIServer

PNG = make_picture()
B64 = base64.b64encode(PNG).decode()


def make(entries, **settings):
    config = {"config_list": entries, "cache_seed": None, **settings}
    return LLaVAAgent("llava", llm_config=config, human_input_mode="NEVER", silent=True)


def make_user():
    return ConversableAgent("user", llm_config=False, human_input_mode="NEVER", silent=True)


class Worker:
    """A worker of LLaVA, which answers with the whole text again and again."""

    def __init__(self, *texts):
        self.texts, self.requests = list(texts), []

    def __call__(self, handler):
        self.requests.append((handler.headers["User-Agent"], json.loads(handler.body)))
        text = self.texts.pop(0) if self.texts else ""
        pieces = [json.dumps({"text": f"{self.requests[-1][1]['prompt']}{piece}"}).encode() for piece in (text[:3], text)]
        return 200, {}, b"\0".join(pieces) + b"\0"


@pytest.fixture
def worker():
    worker = Worker("A square.")
    with serve_site({"/worker_generate_stream": worker}) as site:
        worker.entry = {"model": "llava-7b", "base_url": site.url(host="localhost")}
        yield worker
    llava_agent._answers_to_openai.cache_clear()


def test_entries_need_an_address():
    with pytest.raises(AssertionError, match="needs an llm_config"):
        LLaVAAgent("llava", llm_config=False)
    with pytest.raises(AssertionError, match="needs a base_url or an api_type"):
        make([{"model": "llava", "api_key": "k"}])


@pytest.mark.parametrize("api_type", [None, "ollama"])
def test_servers_of_openai_s_protocol_are_asked_like_any_model(call, api_type):
    with OpenAIServer("A square.") as server:
        entry = {**server.config, **({"api_type": api_type} if api_type else {})}
        result = call(make_user().initiate_chat, make([entry]), message=f"See <img {B64}>", max_turns=1)
        assert result.summary == "A square."
        assert result.cost["usage_including_cached_inference"]["scripted"]["total_tokens"] > 0
        assert server.requests[0]["messages"][1]["content"][1]["image_url"]["url"] == make_uri(PNG)


def test_a_worker_gets_the_prompt_and_the_pictures_beside_it(call, worker):
    worker.texts = [f"x{SEP}", "A square."]
    agent = make([worker.entry], temperature=0.1)
    result = call(make_user().initiate_chat, agent, message=f"See <img {B64}>!", max_turns=1)
    assert result.summary == "A square."
    agent_name, body = worker.requests[1]
    assert agent_name == "LLaVA Client"
    assert body == {
        "model": "llava-7b",
        "prompt": f"{llava_agent.DEFAULT_LLAVA_SYS_MSG}\n{SEP}Human: See <image>!\n{SEP}Assistant: ",
        "max_new_tokens": 1000,
        "temperature": 0.1,
        "stop": SEP,
        "images": [B64],
    }


def test_an_answer_that_stays_empty_is_an_error(call, worker):
    worker.texts = []
    with pytest.raises(AssertionError, match="empty answer 10 times"):
        call(make([worker.entry]).generate_reply, messages=[{"role": "user", "content": "Hello."}])
    assert len(worker.requests) == 10


def test_the_call_of_a_worker_is_that_of_0_2(monkeypatch):
    calls = []

    def post(*args, **kwargs):
        calls.append((args, kwargs))
        return SimpleNamespace(iter_lines=lambda **options: [b'{"text": "prompt### fine"}'])

    monkeypatch.setattr("requests.post", post)
    monkeypatch.setattr(llava_agent, "_answers_to_openai", lambda base_url: False)
    entry = {"model": "m", "base_url": "http://0.0.0.0:1"}
    assert llava_call_binary("prompt", ["img"], [entry], 10, 0.2, 3) == "fine"
    body = {"model": "m", "prompt": "prompt", "max_new_tokens": 10, "temperature": 0.2, "stop": "###", "images": ["img"]}
    options = {"headers": {"User-Agent": "LLaVA Client"}, "json": body, "stream": False}
    assert calls == [(("http://0.0.0.0:1/worker_generate_stream",), options)]


def test_a_server_on_this_machine_that_lists_its_models_is_asked_by_openai_s_protocol():
    with OpenAIServer("A square.") as server:
        entry = {"model": "llava", "base_url": server.base_url.replace("127.0.0.1", "localhost").removesuffix("/v1")}
        config = {"config_list": [entry], "max_new_tokens": 7, "seed": 2}
        assert llava_call(f"See <img {B64}>, please.", config) == "A square."
        sent = server.requests[0]
        assert (sent["max_tokens"], sent["seed"]) == (7, 2)
        assert [part["type"] for part in sent["messages"][0]["content"]] == ["text", "image_url", "text"]


def test_replicate_sees_one_picture(monkeypatch, caplog):
    calls = []

    def run(name, input):
        calls.append((name, input))
        return iter(["A ", "square."])

    monkeypatch.setitem(sys.modules, "replicate", SimpleNamespace(run=run))
    entry = {"model": "x", "api_key": None, "base_url": "someone/llava:abc"}
    assert make([entry]).client is None
    assert llava_call(f"See <img {B64}> and <img {B64}>", {"config_list": [entry], "seed": 5}) == "A square."
    assert calls == [("someone/llava:abc", {"image": make_uri(PNG), "prompt": "See   and  ", "seed": 5})]
    assert "first of 2 pictures" in caplog.text
    assert llava_agent.replicate.run is run


def test_the_next_entry_is_asked_and_the_reasons_are_told(worker, caplog):
    missing = {"model": "gone", "base_url": "someone/llava"}
    assert llava_call("Hello.", {"config_list": [missing, worker.entry]}) == "A square."
    assert "LLaVA at Replicate needs the package 'replicate'" in caplog.text
    with pytest.raises(RuntimeError, match="No model answered: gone at someone/llava: ImportError"):
        llava_call("Hello.", {"config_list": [missing]})


def test_an_empty_picture_is_refused(monkeypatch):
    monkeypatch.setattr(llava_agent.img_utils, "get_image_data", lambda source: "")
    with pytest.raises(RuntimeError, match="empty"):
        llava_call("See <img x>", {"config_list": [{"model": "m", "base_url": "x"}]})
    with pytest.raises(AttributeError, match="no attribute 'other'"):
        llava_agent.other
