"""Amazon Bedrock's Converse API: real boto3 over HTTP, and requests and answers against boto3's own model of the service.

The contract of all protocols is in `test_protocols.py`; here is only what other protocols don't have.
"""

import asyncio
import base64
import contextlib
import json
import threading
from urllib.parse import parse_qs, urlsplit

import openai
import pytest

from autogen import AssistantAgent, OpenAIWrapper, UserProxyAgent
from autogen.oai.errors import MissingCredentials, ResponseTooLarge
from autogen.testing import ConverseServer, Fault, OpenAIServer, RawReply, Reply, assert_prefix_stable, tool_call

pytest.importorskip("boto3", reason="the extra 'bedrock' is not installed")
validate = pytest.importorskip("botocore.validate")
get_session = pytest.importorskip("botocore.session").get_session

HI = [{"role": "user", "content": "hi"}]
ADD = {"type": "function", "function": {"name": "add", "parameters": {"type": "object", "properties": {}}}}
AWS = {"aws_access_key": "AKIAEXAMPLE", "aws_secret_key": "a very secret key", "aws_region": "eu-west-1"}
CLAUDE = "eu.anthropic.claude-sonnet-5"
PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)


def create(*entries, messages=HI, **params):
    return OpenAIWrapper(config_list=list(entries), cache_seed=None).create(messages=messages, **params)


def make_document(name="a report.v2.pdf", **fields):
    data = base64.b64encode(b"%PDF-1.7").decode()
    return {"type": "file", "file": {"filename": name, "file_data": f"data:application/pdf;base64,{data}"}, **fields}


def check_shape(value, name):
    """Require that JSON is what boto3's model of the service says."""
    model = get_session().get_service_model("bedrock-runtime")
    report = validate.ParamValidator().validate(value, model.shape_for(name))
    assert not report.has_errors(), report.generate_report()


@pytest.mark.parametrize("stream", [False, True])
def test_requests_and_answers_are_those_of_the_service(stream):
    citation = {"start": 0, "end": 4, "url": "https://rain.example", "title": "Rain"}
    script = [
        Reply("I look.", tool_calls=[tool_call("look", call_id="tooluse_1")], thinking="A picture."),
        Reply("Rain.", citations=[citation], thinking="Wet."),
    ]
    with ConverseServer(*script) as server:
        config = {**server.config, "model": CLAUDE, "prompt_cache": "1h", "reasoning_effort": "low", "anthropic_beta": ["x"]}
        assistant = AssistantAgent("assistant", llm_config={"config_list": [config], "cache_seed": None})
        user = UserProxyAgent("user", human_input_mode="NEVER", code_execution_config=False)

        @user.register_for_execution()
        @assistant.register_for_llm(description="Look. " * 300)
        def look() -> str:
            return "rain"

        parts = [make_document(citations=True, context="for the chat"), {"type": "image_url", "image_url": {"url": PIXEL}}]
        user.initiate_chat(assistant, message={"content": parts}, max_turns=2, silent=True)
        for request in server.requests:
            check_shape({**request, "modelId": CLAUDE}, "ConverseRequest")
        answers = [server.render_reply(reply, request) for reply, request in zip(script, server.requests, strict=True)]
    for answer in answers:
        check_shape(answer, "ConverseResponse")
    first, second = server.requests
    document, picture = first["messages"][0]["content"][:2]
    assert document["document"]["name"] == "a report v2"
    assert picture["image"]["source"]["bytes"] == PIXEL.partition(",")[2]
    assert first["additionalModelRequestFields"] == {"anthropic_beta": ["x"], "thinking": {"type": "adaptive"}}
    assert first["outputConfig"] == {"effort": "low"}
    assert second["messages"][2]["content"][0]["toolResult"]["content"] == [{"text": "rain"}]
    # After the tools, the system text and the last message.
    assert [json.dumps(request).count('"ttl": "1h"') for request in server.requests] == [3, 3]
    assert assistant.chat_messages[user][-1]["citations"] == [{**citation}]


@pytest.mark.parametrize(
    ("entry", "points"),
    [({}, 0), ({"model": CLAUDE}, 2), ({"prompt_cache": True}, 2), ({"model": CLAUDE, "prompt_cache": False}, 0)],
    ids=["unknown model", "Claude", "asked for", "switched off"],
)
def test_breakpoints_are_for_models_with_a_cache(entry, points):
    with ConverseServer("ok") as server:
        create({**server.config, **entry}, messages=[{"role": "system", "content": "Be brief."}, *HI])
        assert json.dumps(server.requests[0]).count("cachePoint") == points


def test_a_turn_with_many_results_keeps_its_cache():
    calls = [tool_call("add", call_id=f"c{i}") for i in range(13)]
    with ConverseServer(Reply("", tool_calls=calls), "ok") as server:
        wrapper = OpenAIWrapper(config_list=[{**server.config, "prompt_cache": True}], cache_seed=None)
        history = [{"role": "system", "content": "Rules. " * 800}, *HI]
        message = wrapper.create(messages=history, tools=[ADD]).choices[0].message.model_dump()
        results = [{"role": "tool", "tool_call_id": call["id"], "content": "1"} for call in calls]
        wrapper.create(messages=[*history, message, *results], tools=[ADD])
        assert_prefix_stable(server.requests)
        (first, _), (_, cached) = server.prompt_tokens
        assert cached >= 0.9 * first


def test_results_may_have_pictures_and_failures_words():
    calls = [tool_call("add", call_id="c1"), tool_call("add", call_id="c2")]
    results = [
        {"role": "tool", "tool_call_id": "c1", "content": [{"type": "image_url", "image_url": {"url": PIXEL}}]},
        {"role": "tool", "tool_call_id": "c2", "content": "", "is_error": True},
    ]
    with ConverseServer("ok") as server:
        create(
            server.config, messages=[*HI, {"role": "assistant", "content": None, "tool_calls": calls}, *results], tools=[ADD]
        )
        picture, failure = [block["toolResult"] for block in server.requests[0]["messages"][2]["content"]]
    assert picture["content"] == [{"image": {"format": "png", "source": {"bytes": PIXEL.partition(",")[2]}}}]
    assert (failure["content"], failure["status"]) == ([{"text": "(empty)"}], "error")


def test_models_that_refuse_breakpoints_are_asked_without():
    text = "You invoked an unsupported model or your request did not allow prompt caching."
    with ConverseServer(Fault(403, text, code="AccessDeniedException"), Fault(400, text), "ok", "ok") as server:
        entry = {**server.config, "prompt_cache": True}
        with pytest.raises(openai.PermissionDeniedError):
            create(entry)
        assert create(entry).choices[0].message.content == "ok"
        create(entry)
        assert [json.dumps(request).count("cachePoint") for request in server.requests] == [1, 1, 0, 0]


def test_the_usage_of_the_cache_is_counted():
    usage = {"inputTokens": 5, "outputTokens": 7, "cacheReadInputTokens": 90, "cacheWriteInputTokens": 10}
    body = {"output": {"message": {"role": "assistant", "content": [{"text": "ok"}]}}, "stopReason": "end_turn"}
    with ConverseServer(RawReply(body={**body, "usage": usage})) as server:
        counts = create(server.config).usage
    assert (counts.prompt_tokens, counts.completion_tokens, counts.total_tokens) == (105, 7, 112)
    assert counts.prompt_tokens_details.cached_tokens == 90


def test_requests_are_signed_with_the_keys_of_aws(monkeypatch):
    # A key of Bedrock's own does not win over the keys in the entry.
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "another")
    with ConverseServer("ok", api_key="AKIAEXAMPLE") as server:
        response = create({"model": "m", "api_type": "bedrock", "base_url": server.base_url, **AWS})
        assert response.choices[0].message.content == "ok"
        assert "/eu-west-1/bedrock/aws4_request" in server.headers[0]["authorization"]
        assert "a very secret key" not in json.dumps([server.headers, server.requests, repr(response)])


def test_a_profile_that_does_not_exist_says_so():
    with pytest.raises(MissingCredentials, match="no-such-profile"):
        create({"model": "m", "api_type": "bedrock", "aws_region": "eu-west-1", "aws_profile_name": "no-such-profile"})


@pytest.mark.parametrize("setting", ["address", "protocol", "http_client", "aws_endpoint"])
def test_entries_for_chat_completions_keep_to_them(setting):
    with OpenAIServer("from the layer") as server, contextlib.ExitStack() as stack:
        settings = {
            "address": {"base_url": server.base_url},
            "protocol": {"protocol": "chat"},
            "http_client": {"http_client": stack.enter_context(openai.DefaultHttpxClient())},
            "aws_endpoint": {"aws_endpoint": "runtime"},
        }
        url = server.base_url.removesuffix("/v1")
        entry = {"model": "m", "api_type": "bedrock", "api_key": "k", "aws_region": "x", "base_url": url}
        assert create({**entry, **settings[setting]}).choices[0].message.content == "from the layer"


def test_an_http_client_of_the_program_is_for_chat_completions():
    entry = {"model": "m", "api_type": "bedrock", "aws_region": "x", "protocol": "native", "http_client": object()}
    with pytest.raises(ValueError, match='boto3 takes no "http_client"'):
        OpenAIWrapper(config_list=[entry])


@pytest.mark.parametrize("stream", [False, True])
def test_the_size_of_a_response_is_limited(stream):
    with ConverseServer("x" * 2000) as server, pytest.raises(ResponseTooLarge, match="1,000 bytes"):
        create({**server.config, "max_response_bytes": 1000, "max_retries": 0}, stream=stream)


def test_settings_of_the_address_reach_the_server():
    paths = []

    class Watched(ConverseServer):
        def check_request(self, path, body):
            paths.append(urlsplit(path))
            return super().check_request(paths[-1].path, body)

    with Watched("ok") as server:
        entry = {**server.config, "base_url": f"{server.base_url}?tenant=a", "default_headers": {"x-team": "b"}}
        create({**entry, "default_query": {"stage": "c"}}, extra_headers={"x-run": "d"})
        [headers], [path] = server.headers, paths
    assert (headers["x-team"], headers["x-run"]) == ("b", "d")
    assert parse_qs(path.query) == {"tenant": ["a"], "stage": ["c"]}


def test_hosted_tools_of_other_vendors_are_left_out(caplog):
    own = {"systemTool": {"name": "nova_grounding"}}
    with ConverseServer("ok") as server:
        create(server.config, tools=[ADD, own, {"type": "system_tool", "name": "nova_grounding"}, {"type": "web_search"}])
        function, *others = server.requests[0]["toolConfig"]["tools"]
    assert function["toolSpec"]["name"] == "add"
    assert others == [own, own]
    assert "has no tool 'web_search'" in caplog.text


def test_a_model_that_always_thinks_is_asked_for_a_call_in_words():
    abilities = {"reasoning": "always", "forced_with_thinking": False}
    with ConverseServer("ok") as server:
        create({**server.config, "abilities": abilities}, tools=[ADD], tool_choice="required")
        [sent] = server.requests
    assert sent["toolConfig"]["toolChoice"] == {"auto": {}}
    assert sent["messages"][-1]["content"][-1] == {"text": "Call one of the tools now."}


def converse(*content, stop="end_turn", **fields):
    return {"output": {"message": {"role": "assistant", "content": list(content)}}, "stopReason": stop, **fields}


def delta(index=0, **fields):
    return {"contentBlockDelta": {"contentBlockIndex": index, "delta": fields}}


STOP = {"messageStop": {"stopReason": "end_turn"}}
USE = {"toolUseId": "t1", "name": "add"}
OPEN = {"contentBlockStart": {"contentBlockIndex": 0, "start": {"toolUse": USE}}}
NEXT = object()
# name: (body or events, content, arguments of the calls)
ODD = {
    "unknown block": (converse({"newBlock": {"x": 1}}, {"text": "right"}), "right", []),
    "texts": (converse({"text": "ri"}, {"text": "ght"}), "right", []),
    "input missing": (converse({"toolUse": USE}, stop="tool_use"), None, [{}]),
    "cut call": (converse({"text": "right"}, {"toolUse": USE}, stop="max_tokens"), "right", []),
    "redacted": (converse({"reasoningContent": {"redactedContent": "eA=="}}, {"text": "right"}), "right", []),
    "unknown stop": (converse({"text": "right"}, stop="new"), "right", []),
    "usage of text": (converse({"text": "right"}, usage={"inputTokens": "3"}), "right", []),
    "malformed": (converse(stop="malformed_tool_use"), NEXT, []),
    "malformed, with a call": (converse({"toolUse": USE}, stop="malformed_tool_use"), NEXT, []),
    "context": (converse({"text": "right"}, stop="model_context_window_exceeded"), "right", []),
    "guardrail": (converse({"text": "right"}, stop="guardrail_intervened"), "right", []),
    "guardrail without words": (converse(stop="guardrail_intervened"), NEXT, []),
    "no message": ({"output": {}}, NEXT, []),
    "a list": ([1], NEXT, []),
    "no JSON": (b"<html>", NEXT, []),
    "stream": ([delta(text="ri"), delta(text="ght"), STOP], "right", []),
    "stream, unknown event": ([{"newEvent": {}}, delta(text="right"), STOP], "right", []),
    "stream, unknown delta": ([delta(new=1), delta(text="right"), STOP], "right", []),
    "stream, no input": ([OPEN, {"messageStop": {"stopReason": "tool_use"}}], None, [{}]),
    "stream, cited": ([delta(text="right"), delta(citation={"title": "t"}), STOP], "right", []),
    "stream, cut": ([delta(text="wro")], NEXT, []),
    "stream, broken frame": ([delta(text="wro"), b"\0\0\0\x20\0\0\0\0\1\2\3\4"], NEXT, []),
    "stream, throttled": ([delta(text="wro"), {"throttlingException": {"message": "slow down"}}], NEXT, []),
    "stream, refused": ([{"modelStreamErrorException": {"originalMessage": "broken"}}], NEXT, []),
    "stream, bad input": ([OPEN, delta(toolUse={"input": "{"}), STOP], NEXT, []),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_answers(name):
    reply, content, arguments = ODD[name]
    stream = name.startswith("stream")
    odd = (
        RawReply(events=reply)
        if stream
        else RawReply(body=reply if isinstance(reply, bytes) else json.dumps(reply).encode())
    )
    with ConverseServer(odd) as server, OpenAIServer("from the next") as second:
        wrapper = OpenAIWrapper(config_list=[server.config, second.config], cache_seed=None, retry_policy={"retries": 0})
        message = wrapper.create(messages=HI, tools=[ADD], stream=stream).choices[0].message
    if content is NEXT:
        assert message.content == "from the next"
        return
    assert (message.content or None) == content
    assert [json.loads(call.function.arguments) for call in message.tool_calls or ()] == arguments


@pytest.mark.parametrize("moment", ["before the answer", "in the answer"])
def test_a_cancelled_stream_closes_its_connection(moment):
    arrived, closed = threading.Event(), threading.Event()

    class Endless(ConverseServer):
        def iter_events(self, reply, body):
            try:
                arrived.set()
                if moment == "before the answer":
                    released.wait()
                while True:
                    yield self.frame_event(delta(text="more " * 1000))
            finally:
                closed.set()

    async def cancel(entry):
        task = asyncio.create_task(OpenAIWrapper(config_list=[entry], cache_seed=None).a_create(messages=HI, stream=True))
        await asyncio.to_thread(arrived.wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        released.set()

    released = threading.Event()
    with Endless("x") as server:
        asyncio.run(cancel(server.config))
        assert closed.wait(60)
