"""Odd answers in the vendors' own protocols: the right words arrive, or the next endpoint is asked."""

import json
import re

import pytest
from protocol_servers import SERVERS

from autogen import OpenAIWrapper
from autogen.testing import RawReply, Reply, tool_call

HI = [{"role": "user", "content": "hi"}]
ADD = {"type": "function", "function": {"name": "add", "parameters": {"type": "object", "properties": {}}}}


NATIVE = [name for name in SERVERS if name != "chat"]


def text_item(text, **fields):
    part = {"type": "output_text", "text": text, "annotations": []}
    return {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part], **fields}


def call_item(arguments, **fields):
    return {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "add", "arguments": arguments, **fields}


def responses(*output, status="completed", **fields):
    return {"id": "resp_1", "object": "response", "model": "m", "status": status, "output": list(output), **fields}


def messages(*content, stop="end_turn", **fields):
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": stop}
    return {**head, "content": list(content), "usage": {"input_tokens": 3, "output_tokens": 2}, **fields}


def delta(kind, **fields):
    return {"type": f"response.{kind}.delta", "output_index": 0, **fields}


def block_delta(index=0, **fields):
    return {"type": "content_block_delta", "index": index, "delta": fields}


DONE = {"type": "response.output_item.done", "output_index": 0, "item": text_item("right")}
TEXT = {"type": "text", "text": "right"}
USE = {"type": "tool_use", "id": "toolu_1", "name": "add", "input": {"a": 1}}


def gemini(*parts, reason="STOP", **fields):
    candidate = {"content": {"role": "model", "parts": list(parts)}, "finishReason": reason, "index": 0}
    return {"candidates": [candidate], "modelVersion": "m", "responseId": "r", **fields}


START = {"type": "message_start", "message": {**messages(), "stop_reason": None}}
END = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}}
OPEN = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
NEXT = object()
"""The next endpoint is asked."""

# name: (protocol, body or events, content, the calls' arguments)
WHOLE = {
    "unknown item": ("responses", responses({"type": "new_item", "x": 1}, text_item("right")), "right", []),
    "two messages": ("responses", responses(text_item("ri"), text_item("ght", id="msg_2")), "right", []),
    "commentary": ("responses", responses(text_item("on it", phase="commentary"), text_item("right")), "right", []),
    "commentary alone": ("responses", responses(text_item("right", phase="commentary")), "right", []),
    "arguments as object": ("responses", responses(call_item({"a": 1})), None, [{"a": 1}]),
    "arguments missing": ("responses", responses(call_item(None)), None, [{}]),
    "calls of equal ids": ("responses", responses(call_item('{"a": 1}'), call_item('{"a": 2}')), None, [{"a": 1}, {"a": 2}]),
    "failed": ("responses", responses(status="failed", error={"code": "server_error", "message": "x"}), NEXT, []),
    "failed without error": ("responses", responses(status="failed"), NEXT, []),
    "cancelled": ("responses", responses(status="cancelled"), NEXT, []),
    "no output": ("responses", {**responses(), "output": None}, NEXT, []),
    "a list": ("responses", [1], NEXT, []),
    "content of nulls": (
        "responses",
        responses({**text_item(""), "content": [None]}, text_item("right")),
        "right",
        [],
    ),
    "usage of text": ("responses", responses(text_item("right"), usage={"input_tokens": "3"}), "right", []),
    "approval": (
        "responses",
        responses({"type": "mcp_approval_request", "id": "mcpr_1", "name": "rm", "arguments": "{}", "server_label": "s"}),
        None,
        [{"name": "rm", "arguments": "{}", "server_label": "s"}],
    ),
    "custom tool": (
        "responses",
        responses({"type": "custom_tool_call", "id": "ctc_1", "call_id": "c", "name": "add", "input": "1+1"}),
        None,
        [{"input": "1+1"}],
    ),
    "limit in an answer": (
        "responses",
        responses(status="failed", error={"code": "rate_limit_exceeded", "message": "x"}),
        NEXT,
        [],
    ),
    "unknown status": ("responses", responses(text_item("right"), status="new_status"), "right", []),
    "refused in words": (
        "responses",
        responses({**text_item(""), "content": [{"type": "refusal", "refusal": "right"}]}),
        "right",
        [],
    ),
    "reasoning alone": ("responses", responses({"type": "reasoning", "id": "rs_1", "summary": None}), None, []),
    "annotations of nulls": (
        "responses",
        responses({**text_item(""), "content": [{"type": "output_text", "text": "right", "annotations": [None, {}]}]}),
        "right",
        [],
    ),
    "surrogate": ("responses", responses(text_item("right \ud83d")), "right \ufffd", []),
    "block of text as string": ("anthropic", messages(content="right"), "right", []),
    "unknown block": ("anthropic", messages({"type": "new", "x": 1}, TEXT), "right", []),
    "text cut in blocks": (
        "anthropic",
        messages({"type": "text", "text": "ri"}, {"type": "text", "text": "ght"}),
        "right",
        [],
    ),
    "input missing": ("anthropic", messages({**USE, "input": None}, stop="tool_use"), None, [{}]),
    "input as text": ("anthropic", messages({**USE, "input": '{"a": 1}'}, stop="tool_use"), None, [{"a": 1}]),
    "unknown stop": ("anthropic", messages(TEXT, stop="new_reason"), "right", []),
    "stop missing": ("anthropic", messages(TEXT, stop=None), "right", []),
    "cut call": ("anthropic", messages(TEXT, USE, stop="max_tokens"), "right", []),
    "error in 200": ("anthropic", {"type": "error", "error": {"type": "api_error", "message": "x"}}, NEXT, []),
    "no content": ("anthropic", {**messages(), "content": None}, NEXT, []),
    "usage missing": ("anthropic", {**messages(TEXT), "usage": None}, "right", []),
    "redacted thinking": ("anthropic", messages({"type": "redacted_thinking", "data": "x"}, TEXT), "right", []),
    "hosted search": (
        "anthropic",
        messages(
            {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}},
            {
                "type": "web_search_tool_result",
                "tool_use_id": "srvtoolu_1",
                "content": [{"url": "u", "encrypted_content": "e"}],
            },
            TEXT,
        ),
        "right",
        [],
    ),
    "empty answer": ("anthropic", messages(), None, []),
    "thinking without text": (
        "anthropic",
        messages({"type": "thinking", "thinking": "", "signature": "x"}, TEXT),
        "right",
        [],
    ),
    "blocks of nulls": ("anthropic", messages(None, TEXT), "right", []),
    "citations of nulls": ("anthropic", messages({**TEXT, "citations": [None, {}]}), "right", []),
    "context exceeded": ("anthropic", messages(TEXT, stop="model_context_window_exceeded"), "right", []),
    "two candidates": (
        "google",
        {**gemini({"text": "right"}), "candidates": [*gemini({"text": "right"})["candidates"], {"finishReason": "STOP"}]},
        "right",
        [],
    ),
    "grounding of nulls": (
        "google",
        {
            **gemini(),
            "candidates": [
                {**gemini({"text": "right"})["candidates"][0], "groundingMetadata": {"groundingSupports": [None, {}]}}
            ],
        },
        "right",
        [],
    ),
    "call beside an unexpected one": (
        "google",
        gemini({"functionCall": {"name": "add", "args": {"a": 1}}}, reason="UNEXPECTED_TOOL_CALL"),
        NEXT,
        [],
    ),
    "usage of nulls": ("google", gemini({"text": "right"}, usageMetadata={"promptTokenCount": None}), "right", []),
    "unknown part": ("google", gemini({"newThing": {}}, {"text": "right"}), "right", []),
    "call without arguments": ("google", gemini({"functionCall": {"name": "add"}}), None, [{}]),
    "equal calls without ids": (
        "google",
        gemini(*[{"functionCall": {"name": "add", "args": {"a": 1}}}] * 2),
        None,
        [{"a": 1}] * 2,
    ),
    "malformed call": ("google", gemini(reason="MALFORMED_FUNCTION_CALL"), NEXT, []),
    "safety": ("google", gemini(reason="SAFETY"), NEXT, []),
    "unknown reason": ("google", gemini({"text": "right"}, reason="NEW_ONE"), "right", []),
    "no parts": ("google", {**gemini(), "candidates": [{"content": {}, "finishReason": "STOP"}]}, NEXT, []),
    "prompt blocked": ("google", {"promptFeedback": {"blockReason": "SAFETY"}}, NEXT, []),
    "google's error in 200": ("google", {"error": {"code": 503, "message": "overloaded"}}, NEXT, []),
    "thought and text": ("google", gemini({"text": "hm", "thought": True}, {"text": "right"}), "right", []),
}
STREAMED = {
    "completed without output": (
        "responses",
        [
            DONE,
            {"type": "response.completed"},
        ],
        "right",
        [],
    ),
    "pieces alone": (
        "responses",
        [
            delta("output_text", delta="ri"),
            delta("output_text", delta="ght"),
            {"type": "response.completed", "response": {}},
        ],
        "right",
        [],
    ),
    "no terminal event": (
        "responses",
        [DONE],
        "right",
        [],
    ),
    "cut in the middle": ("responses", [delta("output_text", delta="wro")], NEXT, []),
    "unknown events": (
        "responses",
        [
            {"type": "keepalive"},
            {"type": "response.new.thing", "delta": "x"},
            DONE,
            {"type": "response.completed", "response": {"output": []}},
        ],
        "right",
        [],
    ),
    "flat error event": ("responses", [{"type": "error", "code": "server_error", "message": "x"}], NEXT, []),
    "nested error event": ("responses", [{"type": "error", "error": {"code": "server_error", "message": "x"}}], NEXT, []),
    "failed in the stream": (
        "responses",
        [{"type": "response.failed", "response": {"status": "failed", "error": {"code": "server_error", "message": "x"}}}],
        NEXT,
        [],
    ),
    "arguments of a done event alone": (
        "responses",
        [
            {"type": "response.output_item.added", "output_index": 0, "item": call_item("")},
            {"type": "response.function_call_arguments.done", "output_index": 0, "arguments": '{"a": 1}'},
            {"type": "response.completed", "response": {}},
        ],
        None,
        [{"a": 1}],
    ),
    "interleaved items": (
        "responses",
        [
            {"type": "response.output_item.added", "output_index": 0, "item": call_item("")},
            {"type": "response.output_item.added", "output_index": 1, "item": call_item("", id="fc_2", call_id="call_2")},
            delta("function_call_arguments", delta='{"a":'),
            {**delta("function_call_arguments", delta='{"a": 2}'), "output_index": 1},
            delta("function_call_arguments", delta=" 1}"),
            {"type": "response.completed", "response": {}},
        ],
        None,
        [{"a": 1}, {"a": 2}],
    ),
    "cut by the limit": (
        "responses",
        [
            delta("output_text", delta="right"),
            {"type": "response.incomplete", "response": responses(status="incomplete", incomplete_details={"reason": "x"})},
        ],
        "right",
        [],
    ),
    "item whole when it is opened": (
        "responses",
        [
            {"type": "response.output_item.added", "output_index": 0, "item": text_item("right")},
            {"type": "response.completed", "response": {}},
        ],
        "right",
        [],
    ),
    "text in a done event alone": (
        "responses",
        [
            {"type": "response.output_text.done", "output_index": 0, "text": "right"},
            {"type": "response.completed", "response": {"output": None}},
        ],
        "right",
        [],
    ),
    "signature twice": (
        "anthropic",
        [
            START,
            {**OPEN, "content_block": {"type": "thinking", "thinking": "", "signature": ""}},
            block_delta(type="thinking_delta", thinking="hm"),
            block_delta(type="signature_delta", signature="c2ln"),
            block_delta(type="signature_delta", signature="c2lnbmF0dXJl"),
            {**OPEN, "index": 1},
            block_delta(1, type="text_delta", text="right"),
            END,
        ],
        "right",
        [],
    ),
    "unknown events of Anthropic": (
        "anthropic",
        [{"type": "new_event"}, START, {"type": "ping"}, OPEN, block_delta(type="text_delta", text="right"), END],
        "right",
        [],
    ),
    "refused in the stream": (
        "anthropic",
        [START, OPEN, block_delta(type="text_delta", text="wro"), {**END, "delta": {"stop_reason": "refusal"}}],
        NEXT,
        [],
    ),
    "thinking that was cut": (
        "anthropic",
        [
            START,
            OPEN,
            block_delta(type="text_delta", text="right"),
            {**OPEN, "index": 1, "content_block": {"type": "thinking", "thinking": "", "signature": ""}},
            block_delta(1, type="thinking_delta", thinking="h"),
            {**END, "delta": {"stop_reason": "max_tokens"}},
        ],
        "right",
        [],
    ),
    "error in the middle": (
        "google",
        [gemini({"text": "wro"}, reason=None), {"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}}],
        NEXT,
        [],
    ),
    "chunks without candidates": (
        "google",
        [{"usageMetadata": {"promptTokenCount": 3}}, gemini({"text": "right"}), {"usageMetadata": {"promptTokenCount": 3}}],
        "right",
        [],
    ),
    "malformed in a stream": (
        "google",
        [gemini({"text": "wro"}, reason=None), gemini(reason="MALFORMED_FUNCTION_CALL", finishMessage="x")],
        NEXT,
        [],
    ),
    "no message_start": ("anthropic", [OPEN, block_delta(type="text_delta", text="right"), END], "right", []),
    "no block start": ("anthropic", [START, block_delta(type="text_delta", text="right"), END], "right", []),
    "index of one": (
        "anthropic",
        [START, {**OPEN, "index": 1}, block_delta(1, type="text_delta", text="right"), END],
        "right",
        [],
    ),
    "no input": (
        "anthropic",
        [START, {**OPEN, "content_block": {**USE, "input": {}}}, {**END, "delta": {"stop_reason": "tool_use"}}],
        None,
        [{}],
    ),
    "input in pieces": (
        "anthropic",
        [
            START,
            {**OPEN, "content_block": {**USE, "input": {}}},
            block_delta(type="input_json_delta", partial_json=""),
            block_delta(type="input_json_delta", partial_json='{"a"'),
            block_delta(type="input_json_delta", partial_json=": 1}"),
            {**END, "delta": {"stop_reason": "tool_use"}},
        ],
        None,
        [{"a": 1}],
    ),
    "several inputs in a row": (
        "anthropic",
        [
            START,
            {**OPEN, "content_block": {**USE, "input": {}}},
            block_delta(type="input_json_delta", partial_json='{"a": 1}{"a": 2}'),
            {**END, "delta": {"stop_reason": "tool_use"}},
        ],
        NEXT,
        [],
    ),
    "unknown delta": (
        "anthropic",
        [START, OPEN, block_delta(type="new_delta", x=1), block_delta(type="text_delta", text="right"), END],
        "right",
        [],
    ),
    "overloaded in the stream": (
        "anthropic",
        [START, OPEN, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}],
        NEXT,
        [],
    ),
    "signature of its own": (
        "google",
        [
            gemini({"text": "ri"}, reason=None),
            gemini({"text": "ght"}, reason=None),
            gemini({"text": "", "thoughtSignature": "c2ln"}),
        ],
        "right",
        [],
    ),
    "no reason at the end": ("google", [gemini({"text": "wro"}, reason=None)], NEXT, []),
    "call in a stream": ("google", [gemini({"functionCall": {"name": "add", "args": {"a": 1}}})], None, [{"a": 1}]),
    "blocked in a stream": ("google", [{"promptFeedback": {"blockReason": "SAFETY"}}], NEXT, []),
    "cut without an end": ("anthropic", [START, OPEN, block_delta(type="text_delta", text="wro")], NEXT, []),
}


def encode(event):
    head = f"event: {event['type']}\n" if "type" in event else ""
    return f"{head}data: {json.dumps(event)}\n\n".encode()


def ask(row, *, stream):
    protocol, reply, *_ = row
    odd = RawReply(events=[encode(event) for event in reply]) if stream else RawReply(body=json.dumps(reply).encode())
    with SERVERS[protocol](odd) as server, SERVERS["chat"](Reply("from the next")) as second:
        entries = [server.config, {**second.config, "model": "other"}]
        wrapper = OpenAIWrapper(config_list=entries, cache_seed=None, retry_policy={"retries": 0})
        return wrapper.create(messages=HI, tools=[ADD], stream=stream)


@pytest.mark.slow
@pytest.mark.parametrize("name", WHOLE)
def test_odd_answers(name):
    check(WHOLE[name], stream=False)


@pytest.mark.parametrize("name", STREAMED)
def test_odd_streams(name):
    check(STREAMED[name], stream=True)


def check(row, *, stream):
    response = ask(row, stream=stream)
    message = response.choices[0].message
    expected = row[2]
    if expected is NEXT:
        assert message.content == "from the next"
        return
    assert (message.content or None) == expected
    assert [json.loads(call.function.arguments) for call in message.tool_calls or ()] == row[3]
    assert len({call.id for call in message.tool_calls or ()}) == len(row[3])


def test_a_refusal_of_the_vendor_is_taken_out_of_the_history():
    refused = messages(TEXT, stop="refusal", stop_details={"category": "cyber", "explanation": "Not this."})
    with SERVERS["anthropic"](RawReply(body=refused), "ok") as server:
        wrapper = OpenAIWrapper(config_list=[server.config], cache_seed=None)
        answer = wrapper.create(messages=HI).choices[0].message
        assert (answer.content, answer.refusal, answer.stop_reason) == ("Not this.", "Not this.", "refusal")
        history = [*HI, answer.model_dump(), {"role": "user", "content": "And now?"}]
        wrapper.create(messages=history)
        assert "Not this." not in json.dumps(server.requests[1])


def test_a_paused_answer_goes_on():
    use = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
    paused = RawReply(body=messages({"type": "text", "text": "I look. "}, use, stop="pause_turn"))
    with SERVERS["anthropic"](paused, "Found.") as server:
        response = OpenAIWrapper(config_list=[server.config], cache_seed=None).create(messages=HI)
        assert response.choices[0].message.content == "I look. Found."
        assert server.requests[1]["messages"][-1]["content"][-1] == use
        assert [item["type"] for item in response.choices[0].message.native["items"]] == ["text", "server_tool_use", "text"]


def test_thinking_that_the_vendor_refuses_is_left_out_once():
    """The key has changed, and with it the account that the signatures belong to."""
    for protocol in NATIVE:
        with SERVERS[protocol](Reply("one", tool_calls=[tool_call("add", a=1)], thinking="hm")) as first:
            answer = (
                OpenAIWrapper(config_list=[first.config], cache_seed=None)
                .create(messages=HI, tools=[ADD])
                .choices[0]
                .message
            )
        with SERVERS[protocol]("two", "three") as second:
            message = answer.model_dump()
            items = json.dumps(message["native"]["items"])
            forged = re.sub(r'"(encrypted_content|signature|thoughtSignature)": "[^"]*"', r'"\1": "forged__"', items)
            assert forged != items
            message["native"]["items"] = json.loads(forged)
            # The same origin, as after a change of the vendor's keys.
            wrapper = OpenAIWrapper(config_list=[second.config], cache_seed=None)
            message["native"]["origin"] = wrapper.create(messages=HI).choices[0].message.native["origin"]
            result = {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "1"}
            wrapper.create(messages=[*HI, message, result], tools=[ADD])
            assert "forged" not in json.dumps(second.requests[-1])


def test_citations_have_offsets_in_the_text():
    text = "Zürich 😀 is big. Bern is small."
    citation = {"start": 18, "end": 32, "url": "https://bern.example", "title": "Bern"}
    for protocol in NATIVE:
        for stream in (False, True):
            with SERVERS[protocol](Reply(text, citations=[citation])) as server:
                wrapper = OpenAIWrapper(config_list=[server.config], cache_seed=None)
                message = wrapper.create(messages=HI, stream=stream).choices[0].message
            assert message.content == text
            [found] = message.citations
            assert text[found["start"] : found["end"]] == text[18:32]
            assert (found["url"], found["title"]) == ("https://bern.example", "Bern")
