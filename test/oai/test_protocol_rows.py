"""The contract of all protocols, continued: calls, schemas, media, limits, refusals and failures."""

import asyncio
import base64
import json
import logging
import threading

import openai
import pytest
from protocol_servers import SERVERS
from pydantic import BaseModel

from autogen import AssistantAgent, GroupChat, GroupChatManager, OpenAIWrapper, UserProxyAgent, events
from autogen.oai._once import _emitted
from autogen.testing import Fault, RawReply, Reply, tool_call

# A table of rows and protocols: the default run has the core of the contract, in test_protocols.py.
pytestmark = pytest.mark.slow

HI = [{"role": "user", "content": "hi"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
DATA = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PICTURE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{DATA}"}}

only_native = pytest.mark.parametrize("protocol", [name for name in SERVERS if name != "chat"])


@pytest.fixture(autouse=True)
def forget_notes():
    # Each test sees the lines that are logged once.
    _emitted.clear()


def create(*servers, **params):
    entries = [server if isinstance(server, dict) else server.config for server in servers]
    return OpenAIWrapper(config_list=entries, cache_seed=None).create(**{"messages": HI, **params})


def get_message(response):
    return response.choices[0].message


def make_team(server, tool, **llm):
    assistant = AssistantAgent("assistant", llm_config={"config_list": [server.config], "cache_seed": None, **llm})
    user = UserProxyAgent("user", human_input_mode="NEVER", code_execution_config=False)
    user.register_for_execution(name="weather")(assistant.register_for_llm(name="weather", description="A tool.")(tool))
    return assistant, user


def weather(city: str) -> str:
    return f"rain in {city}"


# Calls.


def test_results_stand_in_the_order_of_their_calls(serve):
    """The first call returns last."""
    calls = [tool_call("weather", city=city, call_id=f"call_{city}") for city in "abc"]
    server = serve(Reply("", tool_calls=calls), "done")
    others = threading.Barrier(2)
    first = threading.Event()

    def slow(city: str) -> str:
        if city == "a":
            first.wait(10)
        elif others.wait(10) == 0:
            first.set()
        return f"rain in {city}"

    assistant, user = make_team(server, slow)
    user.concurrent_tool_calls = True
    user.initiate_chat(assistant, message="Weather?", max_turns=2, silent=True)
    sent = json.dumps(server.requests[1])
    assert sent.index("rain in a") < sent.index("rain in b") < sent.index("rain in c")


# Google's calls come whole.
@pytest.mark.parametrize("protocol", ["chat", "responses", "anthropic"])
def test_a_call_that_was_cut_is_not_made(protocol, serve):
    call = tool_call("weather", city="Oslo")
    if protocol != "anthropic":
        # Its servers send the parsed beginning of the arguments, the others the text.
        call["function"]["arguments"] = call["function"]["arguments"][:-4]
    server = serve(Reply("", tool_calls=[call], finish_reason="length"), "Shorter.", "Shorter.")
    made = []

    def note(city: str) -> str:
        made.append(city)
        return "rain"

    assistant, user = make_team(server, note)
    user.initiate_chat(assistant, message="Weather?", max_turns=2, silent=True)
    assert not made


@pytest.mark.parametrize(
    "call", [tool_call("nope", city="x"), tool_call("weather", town="x")], ids=["unknown tool", "invalid arguments"]
)
def test_a_mistake_in_a_call_is_told_to_the_model(protocol, serve, call):
    server = serve(call, "I see.")
    assistant, user = make_team(server, weather)
    result = user.initiate_chat(assistant, message="Weather?", max_turns=2, silent=True)
    assert result.summary == "I see."
    sent = json.dumps(server.requests[1])
    assert ("nope" if "nope" in json.dumps(call) else "town") in sent
    assert "Error" in sent


def test_a_failed_tool_has_the_form_of_the_vendor(protocol, serve):
    server = serve(tool_call("weather", city="x"), "I see.")

    def fail(city: str) -> str:
        raise OSError("no satellite")

    assistant, user = make_team(server, fail)
    assert user.initiate_chat(assistant, message="Weather?", max_turns=2, silent=True).summary == "I see."
    sent = server.requests[1]
    assert "no satellite" in json.dumps(sent)
    if protocol == "anthropic":
        assert sent["messages"][-1]["content"][0]["is_error"] is True
    elif protocol == "google":
        assert "error" in sent["contents"][-1]["parts"][0]["functionResponse"]["response"]
    else:
        assert "is_error" not in json.dumps(sent)


def test_calls_may_be_limited_to_one_at_a_time(protocol, serve):
    server = serve("ok")
    # Behind Converse only Claude's models know it.
    create({**server.config, "model": "anthropic.claude-x"}, tools=[WEATHER], parallel_tool_calls=False)
    [sent] = server.requests
    if protocol in ("anthropic", "converse"):
        fields = sent if protocol == "anthropic" else sent["additionalModelRequestFields"]
        assert fields["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}
    elif protocol == "google":
        assert sent["systemInstruction"]["parts"][-1]["text"].startswith("Call at most one tool at a time")
    else:
        assert sent["parallel_tool_calls"] is False


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "weather"}}], ids=["any", "named"])
def test_a_model_that_refuses_to_be_forced_is_asked_in_words(choice):
    abilities = {"forced_with_thinking": False, "reasoning": "always"}
    with SERVERS["anthropic"]("ok", "ok") as server:
        create({**server.config, "abilities": abilities}, tools=[WEATHER], tool_choice=choice)
    [sent] = server.requests
    assert sent["tool_choice"] == {"type": "auto"}
    assert "now." in sent["messages"][-1]["content"][-1]["text"]


# Schemas.


class Node(BaseModel):
    name: str
    children: list["Node"] = []


@pytest.mark.parametrize("form", ["class", "dict"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_recursive_schema_is_sent(serve, form, stream):
    server = serve('{"name": "a", "children": [{"name": "b", "children": []}]}')
    dict_form = {"type": "json_schema", "json_schema": {"name": "node", "schema": Node.model_json_schema()}}
    message = get_message(create(server, response_format=Node if form == "class" else dict_form, stream=stream))
    assert Node.model_validate_json(message.content).children[0].name == "b"
    assert form == "dict" or message.parsed.children[0].name == "b"
    assert "children" in json.dumps(server.requests[0])


def test_an_answer_against_the_schema_is_corrected_then_an_error(serve):
    server = serve("no JSON", '{"children": []}', '{"name": 1}', '{"name": 2}', '{"name": 3}')
    with pytest.raises(Exception, match="schema") as caught:
        create(server, response_format=Node)
    assert not isinstance(caught.value, openai.APIStatusError)
    # The model has seen its attempts.
    assert "no JSON" in json.dumps(server.requests[1])


def test_json_objects_are_asked_for(protocol, serve):
    server = serve('{"a": 1}')
    history = [{"role": "system", "content": "Answer in JSON."}, *HI]
    assert get_message(create(server, messages=history, response_format={"type": "json_object"})).content == '{"a": 1}'
    [sent] = server.requests
    form = {
        "chat": lambda: sent["response_format"]["type"],
        "responses": lambda: sent["text"]["format"]["type"],
        "anthropic": lambda: "json_object" if "JSON alone" in json.dumps(sent["system"]) else "",
        "converse": lambda: "json_object" if "JSON alone" in json.dumps(sent["system"]) else "",
        "google": lambda: {"application/json": "json_object"}[sent["generationConfig"]["responseMimeType"]],
    }[protocol]
    assert form() == "json_object"


# Refusals and filters.

REFUSED = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [],
    "stop_reason": "refusal",
    "stop_details": {"type": "refusal", "category": "cyber", "explanation": "Not this."},
    "usage": {"input_tokens": 3, "output_tokens": 2},
}


@pytest.mark.parametrize("on_refusal", [None, "show", "next"])
@pytest.mark.parametrize("kind", ["classifier", "words"])
def test_a_refusal_goes_to_another_model_or_to_the_user(caplog, on_refusal, kind):
    part = {"type": "refusal", "refusal": "Not this."}
    item = {"type": "message", "id": "msg_r", "role": "assistant", "status": "completed", "content": [part]}
    first = (
        SERVERS["anthropic"](RawReply(body=REFUSED))
        if kind == "classifier"
        else SERVERS["responses"](Reply("", items=[item]))
    )
    with first, SERVERS["chat"]("unused") as same, SERVERS["chat"]("From another.") as other:
        settings = {} if on_refusal is None else {"on_refusal": on_refusal}
        # The second entry has the same model, elsewhere.
        entries = [{**first.config, **settings}, {**same.config, **settings}, {**other.config, "model": "other"}]
        with caplog.at_level(logging.WARNING):
            response = create(*entries)
    goes_on = on_refusal == "next" or (on_refusal is None and kind == "classifier")
    assert get_message(response).content == ("From another." if goes_on else "Not this.")
    assert response.config_id == (2 if goes_on else 0)
    assert caplog.text.count("refused to answer") == goes_on
    assert get_message(response).stop_reason == "refusal" if not goes_on else True
    assert not same.requests


@pytest.mark.parametrize("last", [RawReply(body=REFUSED), Fault(401)], ids=["refused, too", "failed"])
def test_without_another_answer_the_user_sees_the_refusal(last):
    with SERVERS["anthropic"](RawReply(body=REFUSED)) as first, SERVERS["anthropic"](last) as second:
        message = get_message(create(first, {**second.config, "model": "other"}))
    assert (message.content, message.stop_reason) == ("Not this.", "refusal")


def test_a_wrong_setting_for_refusals_is_told():
    with pytest.raises(ValueError, match="on_refusal must be"):
        OpenAIWrapper(config_list=[{"model": "m", "api_key": "k", "on_refusal": "sometimes"}])


FILTERED = {
    "chat": {
        "choices": [{"index": 0, "message": {"role": "assistant", "content": None}, "finish_reason": "content_filter"}]
    },
    "responses": {
        "id": "r",
        "model": "m",
        "status": "incomplete",
        "incomplete_details": {"reason": "content_filter"},
        "output": [],
    },
    "google": {"candidates": [{"finishReason": "SAFETY", "index": 0}], "modelVersion": "m"},
}


@pytest.mark.parametrize("protocol", FILTERED)
def test_an_answer_that_was_filtered_away_goes_to_the_next_endpoint(serve, protocol):
    first, second = serve(RawReply(body=FILTERED[protocol])), serve("ok")
    assert get_message(create({**first.config, "max_retries": 0}, second)).content == "ok"


TOO_LONG = {
    "chat": Fault(400, "This model's maximum context length is 10 tokens.", code="context_length_exceeded"),
    "responses": Fault(400, "Your input exceeds the context window.", code="context_length_exceeded"),
    "anthropic": Fault(400, "prompt is too long: 210000 tokens > 200000 maximum"),
    "google": Fault(400, "The input token count (210000) exceeds the maximum number of tokens allowed (200000)."),
    "converse": Fault(400, "Input is too long for requested model."),
}


def test_a_history_that_is_too_long_goes_to_the_next_endpoint_or_is_shortened(protocol, serve):
    fault = TOO_LONG[protocol]
    first, second = serve(fault), serve("ok")
    assert get_message(create(first, second)).content == "ok"
    server = serve(fault, "Shorter.")
    assistant = AssistantAgent("assistant", llm_config=server.llm_config)
    user = UserProxyAgent("user", human_input_mode="NEVER", code_execution_config=False)
    history = [{"role": "user", "content": f"word {number} " * 300} for number in range(8)]
    reply = assistant.generate_reply(history, user)
    assert (reply if isinstance(reply, str) else reply["content"]) == "Shorter."
    assert len(json.dumps(server.requests[1])) < len(json.dumps(server.requests[0]))


# Thinking.


def test_words_in_thinking_mean_nothing(protocol, serve):
    """Only what a model says is searched for the end of a chat, code, and the next speaker."""
    server = serve(Reply("Go on.", thinking="TERMINATE\n```python\nprint(1)\n```"), Reply("Bye.", thinking="hm"))
    assistant = AssistantAgent("assistant", llm_config=server.llm_config)
    user = UserProxyAgent("user", human_input_mode="NEVER", code_execution_config={"use_docker": False})
    result = user.initiate_chat(assistant, message="Hi", max_turns=2, silent=True)
    assert [message["content"] for message in result.chat_history] == ["Hi", "Go on.", "", "Bye."]
    server = serve(Reply("bob", thinking="carl? carl, I think: carl"), Reply("Here is bob.", thinking="hm"))
    config = server.llm_config
    bob, carl = (AssistantAgent(name, llm_config=config, description=name) for name in ("bob", "carl"))
    group = GroupChat([user, bob, carl], max_round=2, speaker_selection_method="auto", messages=[])
    manager = GroupChatManager(group, llm_config=config, silent=True)
    assert user.initiate_chat(manager, message="Who?", silent=True).chat_history[-1]["name"] == "bob"


def test_thinking_stands_between_five_rounds_of_parallel_calls(protocol, serve):
    rounds = [
        Reply("", tool_calls=[tool_call("weather", city=f"{side}{number}") for side in "ab"], thinking=f"thought {number}")
        for number in range(5)
    ]
    server = serve(*rounds, "Rain.")
    assistant, user = make_team(server, weather)
    assert user.initiate_chat(assistant, message="Weather?", max_turns=6, silent=True).summary == "Rain."
    # The servers of vendors check signatures, places and order.
    last = json.dumps(server.requests[-1])
    if protocol not in ("chat", "google"):
        assert [f"thought {number}" in last for number in range(5)] == [True] * 5


HIDDEN = {
    "responses": [{"type": "reasoning", "id": "rs_x", "summary": [], "encrypted_content": None}],
    "anthropic": [{"type": "redacted_thinking", "data": "c2VjcmV0"}],
    "google": [{"text": "", "thoughtSignature": None}],
}


@pytest.mark.parametrize("protocol", HIDDEN)
@pytest.mark.parametrize("stream", [False, True])
def test_thinking_that_nobody_sees_goes_back(serve, protocol, stream):
    server = serve("unused")
    item = dict(HIDDEN[protocol][0])
    if protocol == "responses":
        item["encrypted_content"] = server._seal("rs_x")
    elif protocol == "google":
        item["thoughtSignature"] = server._sign({"text": ""})
    server = serve(Reply("Rain.", items=[item]), "Yes.")
    message = get_message(create(server, stream=stream)).model_dump(exclude_unset=True)
    assert "reasoning" not in message
    create(server, messages=[*HI, message, *HI])
    assert json.dumps(item) in json.dumps(server.requests[1])


# Media.


def test_a_picture_in_a_tools_result_is_seen(protocol, serve):
    server = serve("a pixel")
    call = tool_call("weather", city="x", call_id="call_1")
    result = {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "Here."}, PICTURE]}
    history = [*HI, {"role": "assistant", "content": None, "tool_calls": [call]}, result]
    assert get_message(create(server, messages=history, tools=[WEATHER])).content == "a pixel"
    assert DATA in json.dumps(server.requests[0])


def test_a_model_that_sees_nothing_gets_words(serve):
    server = serve("ok")
    entry = {**server.config, "abilities": {"vision": False}}
    create(entry, messages=[{"role": "user", "content": [{"type": "text", "text": "What is it?"}, PICTURE]}])
    sent = json.dumps(server.requests[0])
    assert DATA not in sent
    assert "image" in sent


PDF = base64.b64encode(b"%PDF-1.4 x").decode()
DOCUMENT = {"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PDF}"}}


@only_native
def test_documents_are_sent(serve, protocol):
    server = serve("ok")
    create(server, messages=[{"role": "user", "content": [{"type": "text", "text": "Read."}, DOCUMENT]}])
    assert PDF in json.dumps(server.requests[0])


def test_files_of_a_vendor_are_words_elsewhere(serve, protocol):
    server = serve("ok", "ok")
    parts = {"responses": "file-abc", "chat": "file-abc", "anthropic": "file_abc"}
    for file_id in ("file-abc", "file_abc"):
        content = [{"type": "text", "text": "Read."}, {"type": "file", "file": {"file_id": file_id}}]
        create(server, messages=[{"role": "user", "content": content}])
        text = json.dumps(server.requests[-1])
        assert file_id in text
        if parts.get(protocol) != file_id:
            assert f"file: {file_id}" in text or protocol in ("chat", "responses")


@pytest.mark.parametrize("protocol", ["google", "chat"])
def test_sound_is_sent(serve, protocol):
    server = serve("ok")
    sound = {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}
    create(server, messages=[{"role": "user", "content": [{"type": "text", "text": "Listen."}, sound]}])
    assert "UklGRg==" in json.dumps(server.requests[0])


# Counting.

USAGE = {
    "chat": {
        "prompt_tokens": 100,
        "completion_tokens": 20,
        "prompt_tokens_details": {"cached_tokens": 60},
        "completion_tokens_details": {"reasoning_tokens": 5},
    },
    "responses": {
        "input_tokens": 100,
        "output_tokens": 20,
        "input_tokens_details": {"cached_tokens": 60},
        "output_tokens_details": {"reasoning_tokens": 5},
    },
    "anthropic": {
        "input_tokens": 30,
        "cache_read_input_tokens": 60,
        "cache_creation_input_tokens": 10,
        "output_tokens": 20,
        "output_tokens_details": {"thinking_tokens": 5},
    },
    "google": {
        "promptTokenCount": 100,
        "cachedContentTokenCount": 60,
        "candidatesTokenCount": 15,
        "thoughtsTokenCount": 5,
    },
    # It does not tell thinking apart.
    "converse": {"inputTokens": 30, "cacheReadInputTokens": 60, "cacheWriteInputTokens": 10, "outputTokens": 20},
}


def make_answer(protocol, usage):
    message = {"role": "assistant", "content": "ok"}
    part = {"type": "output_text", "text": "ok", "annotations": []}
    item = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part]}
    candidate = {"content": {"role": "model", "parts": [{"text": "ok"}]}, "finishReason": "STOP"}
    return {
        "chat": {
            "id": "x",
            "model": "m",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": usage,
        },
        "responses": {"id": "r", "model": "m", "status": "completed", "output": [item], "usage": usage},
        "anthropic": {**REFUSED, "stop_reason": "end_turn", "content": [{"type": "text", "text": "ok"}], "usage": usage},
        "google": {"candidates": [candidate], "modelVersion": "m", "usageMetadata": usage},
        "converse": {
            "output": {"message": {"role": "assistant", "content": [{"text": "ok"}]}},
            "stopReason": "end_turn",
            "usage": usage,
        },
    }[protocol]


def test_tokens_have_one_form(protocol, serve):
    server = serve(RawReply(body=make_answer(protocol, USAGE[protocol])))
    seen = []
    with events.subscribe(seen.append, types=[events.ModelAnswered]):
        usage = create(server).usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (100, 20, 120)
    assert usage.prompt_tokens_details.cached_tokens == 60
    assert protocol == "converse" or usage.completion_tokens_details.reasoning_tokens == 5
    assert seen[0].cached_tokens == 60
    assert not seen[0].price_known


MODELS = {
    "chat": "gpt-4o",
    "responses": "gpt-4o",
    "anthropic": "claude-opus-4-6",
    "google": "gemini-2.5-pro",
    "converse": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
}


def test_cached_tokens_cost_less(protocol, serve):
    costs = []
    for cached in (0, 60):
        usage = dict(USAGE[protocol])
        for key in ("prompt_tokens_details", "input_tokens_details"):
            if key in usage:
                usage[key] = {"cached_tokens": cached}
        if protocol == "anthropic":
            usage |= {"input_tokens": 100 - cached, "cache_read_input_tokens": cached, "cache_creation_input_tokens": 0}
        if protocol == "google":
            usage["cachedContentTokenCount"] = cached
        if protocol == "converse":
            usage |= {"inputTokens": 100 - cached, "cacheReadInputTokens": cached, "cacheWriteInputTokens": 0}
        body = json.loads(json.dumps(make_answer(protocol, usage)).replace('"m"', f'"{MODELS[protocol]}"'))
        server = serve(RawReply(body=body))
        costs.append(create({**server.config, "model": MODELS[protocol]}).cost)
    assert 0 < costs[1] < costs[0]


def _make_search(kind, **fields):
    return {"type": f"{kind}_call", "id": f"{kind}_1", "status": "completed", **fields}


QUERIES = {"groundingMetadata": {"webSearchQueries": ["rain", "sun"]}}
# protocol, model, what the vendor adds to an answer after searches, and their cost in USD
CHARGED = {
    "Responses": (
        "responses",
        "gpt-4o",
        lambda body: body["output"].extend(
            [
                _make_search("web_search", action={"type": "search", "query": "rain"}),
                _make_search("web_search", action={"type": "open_page", "url": "https://rain.example"}),
                _make_search("file_search", queries=["rain"]),
            ]
        ),
        0.0125,
    ),
    "Anthropic": (
        "anthropic",
        "claude-opus-4-6",
        lambda body: body["usage"].update(server_tool_use={"web_search_requests": 2}),
        0.02,
    ),
    "Gemini 2.5": ("google", "gemini-2.5-pro", lambda body: body["candidates"][0].update(QUERIES), 0.035),
    "Gemini 3": ("google", "gemini-3-pro-preview", lambda body: body["candidates"][0].update(QUERIES), 0.028),
}


@pytest.mark.parametrize("name", CHARGED)
def test_searches_of_the_vendor_cost_extra(name):
    protocol, model, add_searches, extra = CHARGED[name]
    plain, searched = ({**make_answer(protocol, dict(USAGE[protocol])), "model": model} for _ in range(2))
    add_searches(searched)
    with SERVERS[protocol](*(RawReply(body={**body, "modelVersion": model}) for body in (plain, searched))) as server:
        entry = {**server.config, "model": model}
        before, after = (create(entry).cost for _ in range(2))
    assert after - before == pytest.approx(extra)


def list_breakpoints(body):
    """Return where a request has breakpoints of the prompt cache, with their lives."""
    holders = {"tools": body.get("tools") or (), "system": body.get("system") or (), "top": [body]}
    holders["messages"] = [block for message in body["messages"] for block in message["content"]]
    found = {
        name: [holder["cache_control"] for holder in items if "cache_control" in holder] for name, items in holders.items()
    }
    return {name: [control.get("ttl") for control in controls] for name, controls in found.items() if controls}


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        (True, {"tools": [None], "system": [None], "top": [None]}),
        ("1h", {"tools": ["1h"], "system": ["1h"], "top": ["1h"]}),
        (False, {}),
    ],
)
def test_breakpoints_stand_after_tools_system_text_and_the_last_message(setting, expected):
    tool = {**WEATHER, "function": {**WEATHER["function"], "description": "Weather. " * 200}}
    with SERVERS["anthropic"]("ok") as server:
        create(
            {**server.config, "prompt_cache": setting}, messages=[{"role": "system", "content": "Rules."}, *HI], tools=[tool]
        )
        assert list_breakpoints(server.requests[0]) == expected


def test_a_long_turn_has_a_breakpoint_within_reach_of_the_one_before():
    calls = [tool_call("weather", city=f"{number}", call_id=f"call_{number}") for number in range(25)]
    results = [{"role": "tool", "tool_call_id": call["id"], "content": "rain"} for call in calls]
    with SERVERS["anthropic"]("ok") as server:
        history = [*HI, {"role": "assistant", "content": None, "tool_calls": calls}, *results]
        create(server, messages=history, tools=[WEATHER])
        assert list_breakpoints(server.requests[0]) == {"messages": [None, None]}


def test_the_vendor_says_why_its_cache_missed():
    answers = {
        "responses": {"prompt_cache_diagnostics": {"type": "cache_miss", "reason": "tools_changed"}},
        "anthropic": {"diagnostics": {"cache_miss_reason": {"type": "tools_changed"}}},
    }
    for protocol, fields in answers.items():
        body = {**make_answer(protocol, None), **fields}
        with SERVERS[protocol]("first", RawReply(body=body)) as server:
            entry = {**server.config, "cache_diagnosis": True}
            message = get_message(create(entry)).model_dump(exclude_unset=True)
            seen = []
            with events.subscribe(seen.append, types=[events.ModelAnswered]):
                create(entry, messages=[*HI, message, *HI])
        assert seen[0].cache_miss == "tools_changed"
        assert message["native"]["id"] in json.dumps(server.requests[1])


# Failures.

WAITS = {
    "chat": Fault(429, headers={"retry-after-ms": "1"}),
    "responses": Fault(429, headers={"retry-after-ms": "1"}),
    "anthropic": Fault(429, headers={"retry-after": "0.001"}),
    "google": Fault(429, headers={"retry-after": "0.001"}),
    "converse": Fault(429, headers={"retry-after": "0.001"}),
}
PER_DAY = {
    "google": {
        "error": {
            "code": 429,
            "status": "RESOURCE_EXHAUSTED",
            "message": "quota",
            "details": [{"@type": "QuotaFailure", "violations": [{"quotaId": "RequestsPerDayPerProject"}]}],
        }
    },
    "anthropic": {"type": "error", "error": {"type": "invalid_request_error", "message": "Your credit balance is too low."}},
    "responses": {"error": {"message": "quota", "type": "insufficient_quota", "code": "insufficient_quota"}},
    "converse": {"__type": "ServiceQuotaExceededException", "message": "Too many tokens per day."},
    "chat": {"error": {"message": "quota", "type": "insufficient_quota", "code": "insufficient_quota"}},
}


def test_a_limit_is_waited_for_and_an_empty_account_is_not(protocol, serve):
    server = serve(WAITS[protocol], "ok")
    assert get_message(create({**server.config, "max_retries": 1})).content == "ok"
    empty = Fault(400 if protocol == "anthropic" else 429, body=json.dumps(PER_DAY[protocol]).encode())
    # A retry would get an answer.
    first, second = serve(empty, "wrong"), serve("ok")
    assert get_message(create({**first.config, "max_retries": 3}, second)).content == "ok"


def test_a_stream_that_breaks_off_is_asked_for_again(protocol, serve):
    server = serve(Reply("one two three"), Reply("one two three"))
    server.cuts = [3]
    policy = {"first_delay": 0.001}
    answered = create({**server.config, "max_retries": 1, "retry_policy": policy}, stream=True)
    assert get_message(answered).content == "one two three"
    assert len(server.requests) == 2


REFUSED_PARAM = {
    "chat": ("temperature", 0.5, "Unsupported parameter: 'temperature' is not supported."),
    "responses": ("temperature", 0.5, "Unsupported parameter: 'temperature' is not supported with this model."),
    "anthropic": ("prompt_cache", True, "cache_control: Extra inputs are not permitted"),
    "google": ("reasoning_effort", "low", "Thinking level is not supported for this model."),
    "converse": ("temperature", 0.5, "The model returned the following errors: temperature is deprecated for this model."),
}


@pytest.mark.filterwarnings("ignore:The endpoint of scripted")
def test_a_parameter_that_is_refused_is_learnt(protocol, serve):
    name, value, text = REFUSED_PARAM[protocol]
    server = serve(Fault(400, text), "ok", "ok")
    entry = {**server.config, name: value}
    create(entry)
    create(entry)
    assert len(server.requests) == 3
    key = {"anthropic": "cache_control", "google": "thinkingConfig"}.get(protocol, name)
    assert [
        f'"{key}"' in json.dumps({k: v for k, v in request.items() if k != "system"}) for request in server.requests
    ] == [
        True,
        False,
        False,
    ]


def test_a_vendor_that_continues_its_answers_is_asked_five_times_at_most():
    part = {"candidates": [{"content": {"role": "model", "parts": [{"text": "x"}]}, "finishReason": "CONTINUATION"}]}
    endless = RawReply(body={**part, "continuationToken": "dG9rZW4=", "modelVersion": "m"})
    with SERVERS["google"](endless, "y") as server:
        assert get_message(create(server)).content == "xy"
        assert server.requests[1]["continuationToken"] == "dG9rZW4="
    with SERVERS["google"](*[endless] * 7) as server:
        assert get_message(create(server)).content == "x" * 6


BOUND = "claude-opus-5-5"


@pytest.mark.parametrize("change", ["none", "system", "history"])
def test_thinking_that_is_bound_to_what_stood_before(caplog, change):
    thoughts = [Reply("", tool_calls=[tool_call("weather", city=city)], thinking=f"hm {city}") for city in "abc"]
    with SERVERS["anthropic"](*thoughts, "Rain.", binds=True) as server:
        llm = {"config_list": [{**server.config, "model": BOUND}], "cache_seed": None}
        assistant = AssistantAgent("assistant", llm_config=llm, system_message="Be brief.")
        user = UserProxyAgent("user", human_input_mode="NEVER", code_execution_config=False)

        @user.register_for_execution(name="weather")
        @assistant.register_for_llm(name="weather", description="Weather.")
        def report(city: str) -> str:
            if city == "c" and change == "system":
                assistant.update_system_message("Be long.")
            elif city == "c" and change == "history":
                assistant.chat_messages[user][0]["content"] = "Forecast?"
            return "rain"

        with caplog.at_level(logging.WARNING):
            result = user.initiate_chat(assistant, message="Weather?", max_turns=4, silent=True)
    # Nothing was refused.
    assert result.summary == "Rain."
    assert len(server.requests) == 4
    assert {headers["anthropic-beta"] for headers in server.headers} == {"thinking-binding-controls-2026-08-01"}
    assert caplog.text.count("left out earlier thinking") == (change != "none")


@pytest.mark.parametrize("stream", [False, True])
def test_an_explicit_cache_is_made_used_and_made_again(stream):
    with SERVERS["google"](*"abcd") as server:
        wrapper = OpenAIWrapper(config_list=[{**server.config, "prompt_cache": "explicit"}], cache_seed=None)
        history = [{"role": "system", "content": "Rules. " * 1000}, *HI]
        options = {"messages": history, "tools": [WEATHER], "stream": stream}
        cached = [wrapper.create(**options).usage.prompt_tokens_details.cached_tokens for _ in range(2)]
        assert [request["cachedContent"] for request in server.requests] == ["cachedContents/1"] * 2
        assert not {"systemInstruction", "tools"} & server.requests[0].keys()
        assert min(cached) > 1000
        server.caches.clear()
        wrapper.create(**options)
        [name] = server.caches
        assert server.requests[-1]["cachedContent"] == name != "cachedContents/1"
        # What is too short is sent as it is.
        wrapper.create(messages=[{"role": "system", "content": "Short."}, *HI])
        assert server.requests[-1]["systemInstruction"]


def test_an_endpoint_that_stalls_is_given_up(serve):
    server = serve(Reply("Late.", delay=20))
    with pytest.raises(TimeoutError):
        create({**server.config, "retry_policy": {"deadline": 0.5}})


@pytest.mark.parametrize("protocol", ["chat", "responses", "anthropic", "google"])
def test_a_request_that_is_cancelled_closes_its_connection(protocol):
    started, cancelled, closed = threading.Event(), threading.Event(), threading.Event()

    class Server(SERVERS[protocol]):
        def iter_events(self, reply, body):
            yield next(super().iter_events(reply, body))
            started.set()
            cancelled.wait(10)
            try:
                while not self.stopping.wait(0.01):
                    yield ": still here"
            finally:
                # The server could not write any more.
                if not self.stopping.is_set():
                    closed.set()

    async def run(server):
        wrapper = OpenAIWrapper(config_list=[server.config], cache_seed=None)
        task = asyncio.create_task(wrapper.a_create(messages=HI, stream=True))
        await asyncio.to_thread(started.wait, 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        cancelled.set()
        assert await asyncio.to_thread(closed.wait, 10)

    with Server("Never.") as server:
        asyncio.run(run(server))


def test_chats_in_threads_share_an_endpoint(serve, protocol):
    server = serve(lambda messages: f"answer to {json.dumps(messages)[-60:]}")
    wrapper = OpenAIWrapper(config_list=[server.config], cache_seed=None)
    texts = {}

    def ask(number):
        texts[number] = get_message(wrapper.create(messages=[{"role": "user", "content": f"question {number}"}])).content

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [f"question {number}" in texts[number] for number in range(8)] == [True] * 8
