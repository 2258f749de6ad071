"""The model in this process: the real weights, the real server, the real SDK."""

import asyncio
import json
import os
import struct
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from types import SimpleNamespace

import pytest

from autogen import AssistantAgent, ConversableAgent, OpenAIWrapper, UserProxyAgent
from autogen.oai._local import embedded
from autogen.oai._local import weights as weights_module
from autogen.oai._local.weights import WeightsError

MODEL = "smollm2-135m"
CONFIG = {"model": MODEL, "api_type": "local", "max_tokens": 8, "temperature": 0}
HI = [{"role": "user", "content": "Say hello."}]

pytestmark = pytest.mark.usefixtures("weights")


def create(**config):
    return OpenAIWrapper(config_list=[CONFIG | config], cache_seed=None).create(messages=HI)


@pytest.mark.slow
def test_it_answers_and_costs_nothing():
    wrapper = OpenAIWrapper(config_list=[CONFIG], cache_seed=None)
    response = wrapper.create(messages=HI)
    assert wrapper.extract_text_or_completion_object(response)[0]
    assert response.usage.completion_tokens <= 8
    assert wrapper.actual_usage_summary["total_cost"] == 0
    assert wrapper.actual_usage_summary[MODEL]["completion_tokens"] > 0


@pytest.mark.slow
def test_it_streams(capsys):
    response = create(stream=True)
    assert response.choices[0].message.content
    assert response.choices[0].message.content in capsys.readouterr().out


@pytest.mark.slow
def test_it_keeps_to_a_schema():
    schema = {
        "type": "object",
        "properties": {"age": {"type": "integer"}},
        "required": ["age"],
        "additionalProperties": False,
    }
    form = {"type": "json_schema", "json_schema": {"name": "person", "schema": schema}}
    answer = create(response_format=form, max_tokens=30).choices[0].message.content
    assert isinstance(json.loads(answer)["age"], int)


@pytest.mark.slow
@pytest.mark.parametrize("stream", [False, True])
def test_a_call_is_valid_however_small_the_model_is(stream):
    properties = {"a": {"type": "integer", "minimum": 1, "maximum": 99}, "mode": {"enum": ["fast", "slow"]}}
    parameters = {"type": "object", "properties": properties, "required": ["a", "mode"]}
    add = {"type": "function", "function": {"name": "add", "parameters": parameters}}
    message = create(tools=[add], tool_choice="required", max_tokens=60, stream=stream).choices[0].message
    (call,) = message.tool_calls
    arguments = json.loads(call.function.arguments)
    assert call.function.name == "add"
    assert arguments["a"] in range(1, 100)
    assert arguments["mode"] in ("fast", "slow")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_model_that_calls_tools_answers_with_the_result(tool_model):
    """The real weights, where they are."""
    entry = {"model": tool_model, "api_type": "local", "temperature": 0, "max_tokens": 120}
    agent = ConversableAgent("assistant", "You are helpful.", llm_config={"config_list": [entry], "cache_seed": None})
    calls = []

    def get_weather(city: str) -> str:
        """The weather in a city now."""
        calls.append(city)
        return "light rain, 12 degrees"

    result = agent.run("What is the weather in Paris right now?", tools=[get_weather], silent=True)
    assert calls == ["Paris"]
    assert "12" in result.summary


@pytest.mark.slow
def test_it_answers_asynchronously():
    async def both():
        wrapper = OpenAIWrapper(config_list=[CONFIG], cache_seed=None)
        return await asyncio.gather(*(wrapper.a_create(messages=HI) for _ in range(2)))

    one, two = asyncio.run(both())
    assert one.choices[0].message.content == two.choices[0].message.content


@pytest.mark.slow
def test_there_is_one_server_for_a_model(weights):
    found = []
    threads = [threading.Thread(target=lambda: found.append(embedded.serve(MODEL))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert embedded.serve(str(weights)).base_url == found[0].base_url


def test_only_this_process_may_ask_its_server():
    """Other users of the machine have no key, and pages in a browser no origin that is allowed."""
    url = embedded.serve(MODEL).base_url
    page = {"Origin": "http://example.com", "Content-Type": "text/plain"}
    body = b'{"messages": [{"role": "user", "content": "hi"}], "max_tokens": 1}'
    for path, data in (("/chat/completions", body), ("/models", None), ("/../slots", None)):
        with pytest.raises(urllib.error.HTTPError) as refusal:
            urllib.request.urlopen(urllib.request.Request(url + path, data, page))
        with refusal.value as response:
            assert response.code in (401, 404)
            assert not response.headers["Access-Control-Allow-Origin"]
    preflight = urllib.request.Request(url + "/chat/completions", None, page, method="OPTIONS")
    with urllib.request.urlopen(preflight) as response:
        assert not response.headers["Access-Control-Allow-Origin"]
        assert response.headers["Access-Control-Allow-Credentials"] != "true"


def test_a_missing_library_of_the_system_is_named_before_anything_is_fetched(monkeypatch, tmp_path):
    """Stands in for a slim image, where the import fails like this."""

    def missing(name):
        raise ImportError("libgomp.so.1: cannot open shared object file: No such file or directory")

    monkeypatch.setattr("autogen._extras.import_module", missing)
    monkeypatch.setattr(weights_module, "resolve", lambda name: pytest.fail("the weights were asked for"))
    with pytest.raises(ImportError, match="apt-get install libgomp1"):
        embedded.serve(MODEL)


@pytest.mark.slow
def test_a_chat_on_it(call):
    assistant = AssistantAgent("assistant", llm_config={"config_list": [CONFIG], "cache_seed": None})
    user = UserProxyAgent("user", human_input_mode="NEVER", code_execution_config=False)
    assert call(user.initiate_chat, assistant, message="Say hello.", max_turns=1, silent=True).summary


def test_creating_an_agent_starts_nothing():
    probe = (
        "from autogen import AssistantAgent; import sys;"
        f"AssistantAgent('a', llm_config={{'config_list': [{CONFIG!r}]}}); print('xllamacpp' in sys.modules)"
    )
    assert subprocess.check_output([sys.executable, "-c", probe], text=True).strip() == "False"


@pytest.mark.slow
def test_the_process_ends_quietly():
    probe = (
        "from autogen import OpenAIWrapper;"
        f"w = OpenAIWrapper(config_list=[{CONFIG!r}], cache_seed=None); w.create(messages={HI!r}); print('done')"
    )
    ended = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "done\n", "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.slow
def test_a_forked_child_has_a_server_of_its_own():
    probe = (
        "import os, autogen.oai._local.embedded as e\n"
        f"mine = e.serve({MODEL!r}).base_url\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        f"    other = e.serve({MODEL!r}).base_url\n"
        "    os._exit(0 if other != mine else 1)\n"
        "print(os.waitpid(pid, 0)[1])"
    )
    ended = subprocess.run([sys.executable, "-W", "ignore", "-c", probe], capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout) == (0, "0\n")


@pytest.mark.parametrize("content", [b"", b"garbage" * 100, b"GGUF" + b"\xff" * 20, b"GGUF\x03\0\0\0" + b"\0" * 16])
def test_a_file_that_is_no_model_is_told(tmp_path, content):
    path = tmp_path / "broken.gguf"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"broken\.gguf"):
        embedded.serve(str(path))


@pytest.mark.slow
def test_a_truncated_model_is_told(tmp_path, weights):
    path = tmp_path / "half.gguf"
    path.write_bytes(weights.read_bytes()[:50_000_000])
    with pytest.raises(WeightsError, match=r"half\.gguf"):
        embedded.serve(str(path))


def test_a_model_that_does_not_fit_into_memory_is_not_loaded(monkeypatch, tmp_path):
    row = weights_module.CATALOGUE["qwen2.5-coder-1.5b"]
    monkeypatch.setenv("AUTOGEN_HOME", str(tmp_path))
    path = weights_module.get_weights_path(row)
    path.parent.mkdir()
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 1, 1))
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=1e9))
    with pytest.raises(WeightsError, match=r"needs 2\.5 GB of free memory, and 1\.0 GB are free.*a smaller model"):
        embedded.serve(row.name)


def test_missing_weights_are_told_when_the_agent_is_made(monkeypatch, tmp_path):
    monkeypatch.setenv("AUTOGEN_HOME", str(tmp_path))
    with pytest.raises(WeightsError, match="autogen models pull"):
        ConversableAgent("a", llm_config={"config_list": [CONFIG]})
