"""Where endpoints are, who signs their requests; reasoning models; the names that 0.2 had for clients; litellm."""

import asyncio
import importlib
import json
import os
import re
import subprocess
import sys
import types

import openai
import pytest
from vendors import RULES, TOOLS, WILD, Vendor

from autogen import OpenAIWrapper
from autogen.oai import _once
from autogen.oai._endpoints import connections
from autogen.oai._endpoints.provider_registry import find_provider
from autogen.oai.errors import MissingCredentials
from autogen.testing import GeminiServer, Reply, ResponsesServer, tool_call

HI = [{"role": "user", "content": "hi"}]
SECRET = "wJalrXUtnFEMI-EXAMPLEKEY"
AWS = {"aws_access_key": "AKIAEXAMPLE", "aws_secret_key": SECRET, "aws_region": "eu-west-1"}


@pytest.fixture(autouse=True)
def clean(monkeypatch):
    """No credentials of this machine, and each test hears each warning."""
    monkeypatch.setattr(_once, "_emitted", set())
    for name in [name for name in os.environ if re.match("AWS_|GOOGLE_|GEMINI_|ANTHROPIC_|AZURE_", name)]:
        monkeypatch.delenv(name)
    connections._get_azure_token_provider.cache_clear()


@pytest.fixture
def create(mode):
    def create(config, cache_seed=None, **params):
        wrapper = OpenAIWrapper(config_list=[config], cache_seed=cache_seed)
        return wrapper.create(**params) if mode == "sync" else asyncio.run(wrapper.a_create(**params))

    return create


@pytest.mark.slow
def test_a_process_closes_its_connections_at_its_end(openai_server):
    config = {"model": "m", "api_key": "k", "base_url": openai_server("x").base_url}
    program = f"""
import atexit, psutil
atexit.register(lambda: print(len(psutil.Process().net_connections())))  # called after those of the package
from autogen import OpenAIWrapper
OpenAIWrapper(config_list=[{config}], cache_seed=None).create(messages={HI})
print(len(psutil.Process().net_connections()))
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == ["1", "0"]


def test_vertex_takes_a_token_and_the_full_name_of_a_model(create, openai_server):
    server = openai_server("x")
    config = {"model": "gemini-2.5-pro", "api_type": "google", "project_id": "p", "base_url": server.base_url}
    config["protocol"] = "chat"
    create({**config, "location": "europe-west1", "token_provider": lambda: "ya29.token"}, messages=HI)
    assert server.headers[0]["authorization"] == "Bearer ya29.token"
    assert server.requests[0]["model"] == "google/gemini-2.5-pro"
    assert not {"project_id", "location", "token_provider"} & server.requests[0].keys()


@pytest.mark.parametrize("stream", [False, True])
def test_gemini_on_vertex_is_asked_in_googles_own_protocol(call, stream):
    pytest.importorskip("google.genai", reason="the extra 'google' is not installed")
    paths = []

    class Server(GeminiServer):
        def check_request(self, path, body):
            paths.append(path.partition("?")[0])
            return super().check_request(path, body)

    tokens = iter(["first", "second"])
    with Server(Reply(tool_calls=[tool_call("weather", city="x")], thinking="hm"), "Rain.") as server:
        config = {"model": "gemini-3-pro-preview", "api_type": "google", "project_id": "p", "location": "europe-west1"}
        config |= {"base_url": server.base_url, "token_provider": lambda: next(tokens)}
        wrapper = OpenAIWrapper(config_list=[config], cache_seed=None)
        asked = {"stream": stream, "tools": TOOLS}
        answer = call(wrapper.create, messages=HI, **asked).choices[0].message.model_dump(exclude_unset=True)
        result = {"role": "tool", "tool_call_id": answer["tool_calls"][0]["id"], "content": "rain"}
        response = call(wrapper.create, messages=[*HI, answer, result], **asked)
    assert response.choices[0].message.content == "Rain."
    method = "streamGenerateContent" if stream else "generateContent"
    model = "projects/p/locations/europe-west1/publishers/google/models/gemini-3-pro-preview"
    assert paths == [f"/v1beta1/{model}:{method}"] * 2
    assert [headers["authorization"] for headers in server.headers] == ["Bearer first", "Bearer second"]
    # The signature of the call goes back with it.
    [part] = [part for part in server.requests[1]["contents"][1]["parts"] if "functionCall" in part]
    assert part["thoughtSignature"] != "skip_thought_signature_validator"


def test_models_of_others_and_doors_for_chat_on_vertex_are_asked_by_chat_completions():
    config = {"api_type": "google-vertex", "project_id": "p", "token_provider": lambda: "t"}
    openapi = "https://europe-west1-aiplatform.googleapis.com/v1/projects/p/locations/europe-west1/endpoints/openapi"
    for other in ({"model": "meta/llama-4"}, {"model": "gemini-3-pro", "base_url": openapi}):
        [client] = OpenAIWrapper(config_list=[{**config, **other}])._clients
        assert isinstance(client._oai_client, openai.OpenAI)


@pytest.mark.parametrize(
    ("base_url", "is_chat"),
    [
        ("https://generativelanguage.googleapis.com/v1beta/openai/", True),
        ("https://gateway.example/gemini/v1", True),
        ("http://127.0.0.1:4000/v1/", True),
        ("https://generativelanguage.googleapis.com/v1", False),
        ("https://gateway.example/gemini", False),
    ],
)
def test_addresses_of_openais_protocol_are_asked_by_it(base_url, is_chat):
    config = {"model": "gemini-3-pro", "api_type": "google", "api_key": "k", "base_url": base_url}
    [client] = OpenAIWrapper(config_list=[config])._clients
    assert isinstance(client._oai_client, openai.OpenAI) is is_chat


@pytest.mark.parametrize(("place", "host"), [("europe-west1", "europe-west1-aiplatform"), ("global", "aiplatform")])
def test_the_url_of_vertex(place, host):
    config = {"model": "m", "api_type": "google", "project_id": "p", "location": place, "token_provider": lambda: "t"}
    client = OpenAIWrapper(config_list=[config])._clients[0]._oai_client
    end = f"projects/p/locations/{place}/endpoints/openapi"
    assert str(client.base_url).rstrip("/") == f"https://{host}.googleapis.com/v1/{end}"


def test_google_takes_a_key_or_a_project_but_not_both():
    with pytest.raises(AssertionError, match="not both"):
        OpenAIWrapper(config_list=[{"model": "m", "api_type": "google", "api_key": "k", "project_id": "p"}])
    with pytest.raises(ValueError, match="GOOGLE_GEMINI_API_KEY"):
        OpenAIWrapper(config_list=[{"model": "m", "api_type": "google"}])


def test_vertex_without_its_package_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "google.auth", None)
    with pytest.raises(ImportError, match=r"autogen-classic\[vertex\]"):
        OpenAIWrapper(config_list=[{"model": "m", "api_type": "google", "project_id": "p"}])


def test_vertex_takes_a_file_with_credentials(tmp_path):
    pytest.importorskip("google.auth", reason="the extra 'vertex' is not installed")
    user = {"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r"}
    path = tmp_path / "credentials.json"
    config = {"model": "m", "api_type": "google", "project_id": "p", "google_application_credentials": str(path)}
    path.write_text(json.dumps(user))
    OpenAIWrapper(config_list=[config])
    other = tmp_path / "other.json"
    other.write_text('{"type": "external_account"}')
    with pytest.raises(ValueError, match="external_account"):
        OpenAIWrapper(config_list=[{**config, "google_application_credentials": str(other)}])


def test_bedrock_signs_with_the_keys_of_aws(create, openai_server):
    pytest.importorskip("botocore", reason="the extra 'bedrock' is not installed")
    vendor = Vendor(RULES["bedrock"])
    server = openai_server(vendor)
    config = {"model": "m", "api_type": "bedrock", "base_url": server.base_url, "protocol": "chat", **AWS}
    create(config, messages=WILD, tools=TOOLS)
    assert "Credential=AKIAEXAMPLE/" in server.headers[0]["authorization"]
    assert "/eu-west-1/" in server.headers[0]["authorization"]
    assert not vendor.refused


@pytest.mark.parametrize("api_type", ["bedrock", "anthropic"])
def test_the_keys_of_aws_need_a_package(monkeypatch, api_type):
    monkeypatch.setitem(sys.modules, "botocore", None)
    with pytest.raises(ImportError, match=r"autogen-classic\[bedrock\]"):
        OpenAIWrapper(config_list=[{"model": "m", "api_type": api_type, "protocol": "chat", **AWS}])


def test_an_older_sdk_can_not_sign_and_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "openai.providers", None)
    monkeypatch.setitem(sys.modules, "botocore", types.ModuleType("botocore"))
    config = {"model": "m", "api_type": "bedrock", "protocol": "chat", **AWS, "aws_access_key": "another"}
    with pytest.raises(ImportError, match="version 3 or later"):
        OpenAIWrapper(config_list=[config])


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [("mantle", "https://bedrock-mantle.eu-west-1.api.aws"), ("runtime", "https://bedrock-runtime.eu-west-1.amazonaws.com")],
)
def test_bedrock_with_a_key_of_its_own(monkeypatch, endpoint, url):
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "bedrock-key")
    config = {"model": "m", "api_type": "bedrock", "aws_region": "eu-west-1", "aws_endpoint": endpoint}
    client = OpenAIWrapper(config_list=[config])._clients[0]._oai_client
    assert (client.api_key, str(client.base_url)) == ("bedrock-key", f"{url}/openai/v1/")


def test_bedrock_needs_a_region():
    with pytest.raises(ValueError, match="aws_region"):
        OpenAIWrapper(config_list=[{"model": "m", "api_type": "bedrock", "api_key": "k"}])


def test_claude_is_at_aws_only_without_a_key_of_its_own(monkeypatch):
    assert find_provider({"api_type": "anthropic", **AWS}).api_type == "bedrock"
    assert find_provider({"api_type": "anthropic", **AWS, "api_key": "k"}).api_type == "anthropic"
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "x")
    assert find_provider({"api_type": "anthropic"}).api_type == "bedrock"
    monkeypatch.setenv("ANTHROPIC_API_KEY", "k")
    assert find_provider({"api_type": "anthropic"}).api_type == "anthropic"


def test_credentials_are_in_no_request_and_no_cache(create, openai_server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    server = openai_server("x", "y")
    create({**server.config, "api_type": "anthropic", "protocol": "chat", **AWS}, cache_seed=1, messages=HI)
    create({**server.config, **AWS, "credentials": SECRET, "google_application_credentials": "f"}, cache_seed=2, messages=HI)
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert written
    assert SECRET.encode() not in written
    assert server.requests[1].keys() == {"messages", "model", "stream"}


def test_azure_signs_in_as_the_machine_does(create, openai_server, monkeypatch):
    """`azure.identity` asks the network for tokens: a stand-in gives one, and records for which scope."""
    scopes = []
    identity = types.ModuleType("azure.identity")
    identity.DefaultAzureCredential = object
    identity.get_bearer_token_provider = lambda credential, scope: scopes.append(scope) or (lambda: "machine-token")
    monkeypatch.setitem(sys.modules, "azure", types.ModuleType("azure"))
    monkeypatch.setitem(sys.modules, "azure.identity", identity)
    server = openai_server(lambda messages: "x")
    config = {"model": "gpt-4o", "api_type": "azure", "azure_endpoint": server.base_url, "api_version": "2024-02-01"}
    config |= {"azure_ad_token_provider": "DEFAULT", "base_url": "http://127.0.0.1:1"}
    create(config, messages=HI)
    create({**config, "azure_ad_token_provider_scope": "api://mine/.default"}, messages=HI)
    assert server.headers[0]["authorization"] == "Bearer machine-token"
    assert scopes == ["https://cognitiveservices.azure.com/.default", "api://mine/.default"]
    assert "azure_ad_token_provider_scope" not in server.requests[1]


@pytest.mark.parametrize("key", ["base_url", "azure_endpoint"])
@pytest.mark.parametrize(
    ("path", "deployment"),
    [
        ("", "gpt-41"),
        ("/", "gpt-41"),
        ("/openai", "gpt-41"),
        ("/openai/v1/", "gpt-41"),
        ("/openai/deployments/mine", "mine"),
        ("/openai/deployments/mine/", "mine"),
        ("/openai/deployments/mine/chat/completions", "mine"),
        ("/openai/deployments/mine/chat/completions?api-version=2024-10-21", "mine"),
        ("/gateway/openai/deployments/mine", "mine"),
    ],
)
def test_an_address_at_azure_may_have_a_deployment(create, openai_server, key, path, deployment):
    urls = []
    library = importlib.import_module(openai.DefaultHttpxClient.__mro__[1].__module__.partition(".")[0])
    client = library.Client(event_hooks={"request": [lambda request: urls.append(str(request.url))]})
    server = openai_server("x")
    version = {} if "?" in path else {"api_version": "2024-10-21"}
    root = server.base_url.removesuffix("/v1")
    config = {"model": "gpt-4.1", "api_type": "azure", "api_key": "k", key: root + path, "http_client": client}
    with client:
        create(config | version, messages=HI)
    prefix = f"{root}/gateway" if "gateway" in path else root
    assert urls == [f"{prefix}/openai/deployments/{deployment}/chat/completions?api-version=2024-10-21"]


def test_a_deployment_in_the_config_wins_over_that_in_the_address():
    config = {"model": "m", "api_type": "azure", "api_key": "k", "api_version": "2024-02-01", "azure_deployment": "other"}
    url = "https://acme.openai.azure.com/openai/deployments/mine/chat/completions?api-version=2023-05-15"
    client = OpenAIWrapper(config_list=[{**config, "base_url": url}])._clients[0]._oai_client
    assert str(client.base_url) == "https://acme.openai.azure.com/openai/deployments/other/"
    assert client._api_version == "2024-02-01"


@pytest.mark.parametrize(
    "entry", [{"api_type": "azure", "protocol": "native"}, {"api_type": "responses"}], ids=["azure", "own"]
)
def test_azure_has_the_responses_api(call, entry):
    with ResponsesServer(Reply("One.", thinking="hm"), "Two.") as server:
        azure = {"azure_endpoint": server.base_url.removesuffix("/v1"), "azure_ad_token_provider": lambda: "token"}
        entry = {**entry, **azure, "model": "gpt-5.4", "azure_deployment": "mine", "api_version": "2024-10-21"}
        entry |= {"background": True, "poll_interval": 0.001}
        wrapper = OpenAIWrapper(config_list=[entry], cache_seed=None)
        answer = call(wrapper.create, messages=HI).choices[0].message.model_dump(exclude_unset=True)
        call(wrapper.create, messages=[*HI, answer, *HI])
    assert [request["model"] for request in server.requests] == ["mine", "mine"]
    assert server.headers[0]["authorization"] == "Bearer token"
    assert server.resources[0] == "GET /openai/v1/responses/resp_1"
    # The origin stays the same, so the reasoning goes back.
    assert [item.get("type", "message") for item in server.requests[1]["input"]] == [
        "message",
        "reasoning",
        "message",
        "message",
    ]


def test_an_address_at_azure_says_where_the_responses_api_is():
    entry = {"model": "m", "api_type": "responses", "api_key": "k", "base_url": "https://acme.openai.azure.com/openai/v1"}
    client = OpenAIWrapper(config_list=[entry], cache_seed=None)._clients[0]._oai_client
    assert (type(client), str(client.base_url)) == (openai.AzureOpenAI, "https://acme.openai.azure.com/openai/v1/")
    assert client._api_version == "v1"
    with pytest.raises(MissingCredentials, match="azure_endpoint"):
        OpenAIWrapper(config_list=[{"model": "m", "api_type": "azure", "protocol": "native", "api_key": "k"}])


def test_settings_of_azure_are_nothing_to_others(create, openai_server):
    server = openai_server("x")
    azure = {"api_version": "2024-02-01", "azure_deployment": "d", "azure_ad_token_provider_scope": "s"}
    create({**server.config, "api_type": "openai", **azure}, messages=HI)
    assert server.requests[0].keys() == {"messages", "model", "stream"}


@pytest.mark.parametrize("host", ["http://127.0.0.1:{}", "127.0.0.1:{}", "http://127.0.0.1:{}/v1/"])
def test_ollama_is_found_by_the_address_that_0_2_took(create, openai_server, host):
    server = openai_server("x")
    port = server.base_url.split(":")[2].split("/")[0]
    create({"model": "m", "api_type": "ollama", "client_host": host.format(port), "native_tool_calls": True}, messages=HI)
    assert server.requests[0].keys() == {"messages", "model", "stream"}


REASONING = ["o1", "o3-mini", "o4-mini-2025-04-16", "gpt-5", "gpt-5-mini", "openai/o3", "ft:o4-mini-2025:me", "gpt-5-nano"]
ORDINARY = ["gpt-4o", "gpt-4", "o10-model", "gpt-5-chat-latest", "gpt-5.1", "foo3", "gpt-50"]


@pytest.mark.parametrize("model", REASONING)
def test_a_reasoning_model_is_asked_without_what_it_refuses(create, openai_server, model):
    server = openai_server("x")
    with pytest.warns(UserWarning, match=f"{model} reasons and does not take temperature, top_p"):
        create({**server.config, "model": model, "temperature": 0, "top_p": 0.5, "max_tokens": 9}, messages=HI)
    body = server.requests[0]
    assert body["max_completion_tokens"] == 9
    assert not {"max_tokens", "temperature", "top_p"} & body.keys()
    assert body["messages"] == HI


@pytest.mark.parametrize("model", ORDINARY)
def test_an_ordinary_model_gets_what_it_is_given(create, openai_server, model):
    server = openai_server("x")
    create({**server.config, "model": model, "temperature": 0, "max_tokens": 9}, messages=HI)
    assert server.requests[0]["temperature"] == 0


def test_a_model_that_reasons_only_when_told_to(create, openai_server):
    server = openai_server("x", "y")
    config = {**server.config, "model": "gpt-5.1", "temperature": 0}
    create(config, messages=HI, reasoning_effort="none")
    with pytest.warns(UserWarning, match=r"gpt-5\.1 reasons"):
        create(config, messages=HI, reasoning_effort="high")
    assert [request.get("temperature") for request in server.requests] == [0, None]


def test_usual_values_are_left_out_without_a_word_and_system_texts_of_o1_preview_are_the_users(create, openai_server):
    server = openai_server("x")
    system = {"role": "system", "content": "s"}
    create({**server.config, "model": "o1-preview", "temperature": 1, "top_p": 1}, messages=[system, *HI])
    assert server.requests[0]["messages"] == [{"role": "user", "content": "s"}, *HI]
    assert not {"temperature", "top_p"} & server.requests[0].keys()


def test_the_key_of_an_answer_in_the_cache_is_what_was_asked_for(create, openai_server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    server = openai_server("x")
    config = {**server.config, "model": "o3", "max_tokens": 9}
    create(config, cache_seed=1, messages=HI)
    create(config, cache_seed=1, messages=HI)
    create({**config, "api_type": "litellm"}, cache_seed=1, messages=HI)  # the way does not count
    assert len(server.requests) == 1


CLASSES = {
    "anthropic": "AnthropicClient",
    "cerebras": "CerebrasClient",
    "cohere": "CohereClient",
    "gemini": "GeminiClient",
    "groq": "GroqClient",
    "mistral": "MistralAIClient",
    "ollama": "OllamaClient",
    "together": "TogetherClient",
    "bedrock": "BedrockClient",
}


@pytest.mark.parametrize("module", CLASSES)
def test_the_client_classes_of_0_2(openai_server, module):
    kind = getattr(importlib.import_module(f"autogen.oai.{module}"), CLASSES[module])
    if module not in ("ollama", "bedrock"):
        with pytest.raises((AssertionError, ValueError), match="no credentials"):
            kind()
    vendor = Vendor(RULES[kind.api_type])
    client = kind(api_key="k", base_url=openai_server(vendor).base_url)
    response = client.create({"model": "m", "messages": WILD})
    assert client.message_retrieval(response)[0].content == "fine"
    assert client.get_usage(response)["completion_tokens"] == 1
    assert client.api_key == "k"
    assert client.parse_params({"model": "m", "temperature": 0.5, "messages": HI})["temperature"] == 0.5


def test_costs_by_the_functions_of_0_2():
    from autogen.oai.groq import calculate_groq_cost

    assert calculate_groq_cost(1000, 1000, "gpt-4o") == pytest.approx(0.0125)


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ('Sure: [{"name": "f", "arguments": {"a": 1}}]', [{"name": "f", "arguments": {"a": 1}}]),
        ("{'name': 'f', 'arguments': {}}", [{"name": "f", "arguments": {}}]),
        ("[\"__import__('os').abort()\"]", None),
        ("no call", None),
        ("[" * 10000 + "]" * 10000, None),
    ],
)
def test_calls_in_text_are_read_and_never_run(text, calls):
    from autogen.oai.ollama import response_to_tool_call

    assert response_to_tool_call(text) == calls


def test_litellm_is_an_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "litellm", None)
    with pytest.raises(ImportError, match=r"autogen-classic\[litellm\]"):
        OpenAIWrapper(config_list=[{"model": "anthropic/x", "api_type": "litellm-native"}])


def test_litellm_is_asked_with_the_keys_of_the_config(create, openai_server, monkeypatch):
    """`litellm` weighs 130 MB and is not installed for tests: a stand-in has its two functions, on the SDK's own client."""
    server = openai_server(Reply(None, tool_calls=[tool_call("add", a=1)]))
    asked = []

    def completion(**request):
        asked.append(request)
        with openai.OpenAI(base_url=request["base_url"], api_key=request["api_key"]) as client:
            return client.chat.completions.create(model=request["model"], messages=request["messages"])

    async def acompletion(**request):
        return completion(**request)

    stand_in = types.ModuleType("litellm")
    stand_in.completion, stand_in.acompletion = completion, acompletion
    monkeypatch.setitem(sys.modules, "litellm", stand_in)
    config = {**server.config, "api_type": "litellm-native", "model": "anthropic/x", "price": [1, 1], **AWS}
    response = create(config, messages=HI, top_k=5)
    assert OpenAIWrapper.extract_text_or_completion_object(response)[0].tool_calls[0].function.name == "add"
    assert asked[0]["top_k"] == 5
    assert asked[0]["aws_secret_access_key"] == SECRET
    assert response.cost > 0
