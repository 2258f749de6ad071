"""The contract of all protocols: the same behaviour of agents, with the vendor's SDK against a server with its rules."""

import asyncio
import itertools
import json
import logging

import openai
import pytest
from protocol_servers import SERVERS, get_tools
from pydantic import BaseModel

from autogen import AssistantAgent, ConversableAgent, GroupChat, GroupChatManager, OpenAIWrapper, UserProxyAgent, events
from autogen.agentchat.contrib.capabilities.transform_messages import TransformMessages
from autogen.agentchat.contrib.capabilities.transforms import MessageHistoryLimiter
from autogen.cache import Cache
from autogen.oai.openai_responses import OpenAIResponsesClient
from autogen.testing import Fault, Reply, ScriptedModel, assert_prefix_stable, tool_call

HI = [{"role": "user", "content": "hi"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


# Both modes run the same steps.
@pytest.fixture(params=["sync", pytest.param("async", marks=pytest.mark.slow)])
def mode(request):
    return request.param


# Some behaviour is an agent's, or a custom one, with chat completions.
only_native = pytest.mark.parametrize("protocol", [name for name in SERVERS if name != "chat"])


@pytest.fixture
def create(mode):
    """Send a request to the endpoints of a config list, sync or async."""

    def create(*servers, **params):
        entries = [server if isinstance(server, dict) else server.config for server in servers]
        wrapper = OpenAIWrapper(config_list=entries, cache_seed=None)
        return wrapper.create(**params) if mode == "sync" else asyncio.run(wrapper.a_create(**params))

    return create


def get_message(response):
    return response.choices[0].message


def make_team(server, *, tool=None, **llm):
    config = {"config_list": [server.config], "cache_seed": None, **llm}
    assistant = AssistantAgent("assistant", llm_config=config, system_message="Be brief.")
    user = UserProxyAgent("user", human_input_mode="NEVER", code_execution_config=False)
    if tool is not None:
        user.register_for_execution()(assistant.register_for_llm(description="A tool.")(tool))
    return assistant, user


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer(serve, create, stream):
    usage = {"input_tokens": 7, "output_tokens": 2, "prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}
    server = serve(Reply("Paris is it.", usage=usage))
    seen = []
    with events.subscribe(seen.append, types=[events.TokenReceived]):
        response = create(server, messages=[{"role": "system", "content": "Be brief."}, *HI], stream=stream)
    assert get_message(response).content == "Paris is it."
    assert response.choices[0].finish_reason == "stop"
    assert (response.model, bool(response.id)) == ("scripted", True)
    assert (response.usage.prompt_tokens, response.usage.completion_tokens) == (7, 2)
    assert "".join(event.delta for event in seen) == ("Paris is it." if stream else "")


@pytest.mark.parametrize(
    "history",
    [
        [{"role": "system", "content": "a"}, {"role": "system", "content": "b"}, *HI],
        [*HI, {"role": "assistant", "content": "yes?"}, {"role": "system", "content": "Now be brief."}],
        [*HI, {"role": "assistant", "content": "yes?"}, {"role": "system", "content": "Now be brief."}, *HI],
        [{"role": "assistant", "content": "I begin."}, *HI],
        [*HI, *HI],
        [*HI, {"role": "assistant", "content": "I end."}],
        [{"role": "system", "content": "alone"}],
        [*HI, {"role": "assistant", "content": ""}, *HI],
    ],
    ids=[
        *("two systems", "system last", "system in the middle", "assistant first", "two users", "assistant last"),
        *("system alone", "empty answer"),
    ],
)
def test_histories_of_any_order(serve, create, history):
    server = serve("ok")
    assert get_message(create(server, messages=history)).content == "ok"
    sent = json.dumps(server.requests[0])
    assert all(message["content"] in sent for message in history)


def test_speakers_of_a_group_reach_the_model(serve, create):
    server = serve("ok")
    speakers = [{"role": "user", "name": name, "content": f"{number}"} for number, name in enumerate(["ann", "bob", "ann"])]
    create(server, messages=speakers)
    sent = json.dumps(server.requests[0])
    assert sent.index("bob") < sent.rindex("ann")


@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_is_called_and_its_result_goes_back(serve, stream):
    server = serve(tool_call("weather", city="Zürich"), "Sunny in Zürich. TERMINATE")
    cities = []

    def weather(city: str) -> str:
        cities.append(city)
        return "sunny"

    assistant, user = make_team(server, tool=weather, stream=stream)
    result = user.initiate_chat(assistant, message="Weather?", max_turns=2, silent=True)
    assert cities == ["Zürich"]
    assert result.chat_history[-1]["content"] == "Sunny in Zürich. TERMINATE"
    assert "sunny" in json.dumps(server.requests[1])


def test_parallel_calls_are_answered_in_their_order(serve):
    calls = [tool_call("weather", city=city, call_id=f"call_{city}") for city in "abc"]
    server = serve(Reply("Let me see.", tool_calls=calls), "done")

    def weather(city: str) -> str:
        return f"weather in {city}"

    assistant, user = make_team(server, tool=weather)
    result = user.initiate_chat(assistant, message="Weather?", max_turns=2, silent=True)
    assert result.chat_history[-1]["content"] == "done"
    # Text beside calls is kept.
    assert "Let me see." in json.dumps(server.requests[1])


def test_a_call_without_arguments(serve, create):
    server = serve(tool_call("weather"))
    [call] = get_message(create(server, messages=HI, tools=[WEATHER])).tool_calls
    assert call.function.arguments == "{}"


# The agent repairs such histories for chat completions.
@only_native
@pytest.mark.parametrize("problem", ["missing", "orphan", "equal ids", "foreign ids"])
def test_histories_with_broken_calls_are_repaired(serve, create, problem):
    call = tool_call("weather", city="x", call_id="chat: 1/2")
    result = {"role": "tool", "tool_call_id": "chat: 1/2", "content": "rain of today"}
    answer = {"role": "assistant", "content": None, "tool_calls": [call]}
    history = {
        "missing": [*HI, answer, *HI],
        "orphan": [*HI, result, *HI],
        "equal ids": [*HI, answer, result, answer, {**result, "content": "second"}],
        "foreign ids": [*HI, answer, result],
    }[problem]
    server = serve("ok")
    assert get_message(create(server, messages=history, tools=[WEATHER])).content == "ok"
    assert problem == "missing" or "rain of today" in json.dumps(server.requests[0])


@only_native
@pytest.mark.parametrize(
    "name", ["get.weather now", "x" * 100, "wetter_für", "1st"], ids=["dots", "long", "umlaut", "digit"]
)
def test_names_of_tools_are_mapped_and_mapped_back(serve, create, name):
    tool = {**WEATHER, "function": {**WEATHER["function"], "name": name}}
    first = serve("ok")
    create(first, messages=HI, tools=[tool])
    sent = json.dumps(get_tools(first.requests[0]))
    seen = [piece for piece in sent.split('"') if piece and (piece.startswith(("get_", "x", "wetter_f", "1st", "tool_")))]
    second = serve(tool_call(seen[0], city="x"))
    response = create(second, messages=HI, tools=[tool])
    assert get_message(response).tool_calls[0].function.name == name
    assert json.dumps(get_tools(second.requests[0])) == sent


NAMED = {"type": "function", "function": {"name": "weather"}}
CHOICES = [
    ("auto", {"anthropic": {"type": "auto"}, "google": {"mode": "AUTO"}, "converse": {"auto": {}}}),
    # Converse has no word for it: the tools are left out.
    ("none", {"anthropic": {"type": "none"}, "google": {"mode": "NONE"}, "converse": None}),
    ("required", {"anthropic": {"type": "any"}, "google": {"mode": "ANY"}, "converse": {"any": {}}}),
    (
        NAMED,
        {
            "responses": {"type": "function", "name": "weather"},
            "anthropic": {"type": "tool", "name": "weather"},
            "google": {"mode": "ANY", "allowedFunctionNames": ["weather"]},
            "converse": {"tool": {"name": "weather"}},
        },
    ),
]


@pytest.mark.parametrize(("choice", "forms"), CHOICES, ids=["auto", "none", "required", "named"])
def test_tool_choices_have_the_form_of_the_vendor(serve, create, protocol, choice, forms):
    server = serve("ok")
    assert get_message(create(server, messages=HI, tools=[WEATHER], tool_choice=choice)).content == "ok"
    [sent] = server.requests
    config = sent.get("toolConfig") or {}
    form = sent.get("tool_choice") or config.get("functionCallingConfig") or config.get("toolChoice")
    assert form == forms.get(protocol, choice)


def test_functions_of_old_are_tools(serve, create, protocol):
    server = serve("ok")
    history = [
        *HI,
        {"role": "assistant", "content": None, "function_call": {"name": "weather", "arguments": '{"city": "x"}'}},
        {"role": "function", "name": "weather", "content": "rain"},
    ]
    assert get_message(create(server, messages=history, functions=[WEATHER["function"]])).content == "ok"
    assert "rain" in json.dumps(server.requests[0])
    assert protocol == "chat" or "functions" not in server.requests[0]


class City(BaseModel):
    name: str
    country: str | None = None


def test_answers_to_a_schema(serve, create):
    server = serve('{"name": "Paris", "country": "France"}')
    response = create(server, messages=HI, response_format=City)
    assert get_message(response).parsed == City(name="Paris", country="France")
    assert "country" in json.dumps(server.requests[0])


def test_an_answer_that_is_cut_says_so(serve, create):
    server = serve(Reply("Once upon", finish_reason="length"))
    response = create(server, messages=HI)
    assert response.choices[0].finish_reason == "length"
    assert get_message(response).stop_reason == "length"


@pytest.mark.parametrize("stream", [False, True])
def test_thinking_is_kept_apart_and_goes_back_unchanged(serve, protocol, stream):
    server = serve(
        Reply("", tool_calls=[tool_call("weather", city="x")], thinking="The tool knows."),
        Reply("", tool_calls=[tool_call("weather", city="y")], thinking="Once more. TERMINATE"),
        Reply("Rain. TERMINATE", thinking="Enough."),
    )

    def weather(city: str) -> str:
        return "rain"

    assistant, user = make_team(server, tool=weather, stream=stream)
    seen = []
    with events.subscribe(seen.append, types=[events.TokenReceived]):
        result = user.initiate_chat(assistant, message="Weather?", max_turns=3, silent=True)
    answers = [message for message in assistant.chat_messages[user] if message.get("reasoning")]
    assert [message["reasoning"] for message in answers] == ["The tool knows.", "Once more. TERMINATE", "Enough."]
    assert result.chat_history[-1]["content"] == "Rain. TERMINATE"
    # The server of a native protocol refuses thinking that is changed, missing or out of place.
    if protocol != "chat":
        assert "The tool knows." in json.dumps(server.requests[2], ensure_ascii=False)
    assert ("thinking" in {event.kind for event in seen}) == stream


@only_native
def test_a_changed_answer_is_rebuilt_from_its_words(serve, caplog):
    server = serve(Reply("secret number 42", thinking="hm"), "ok")
    assistant, user = make_team(server)
    user.initiate_chat(assistant, message="Hi", max_turns=1, silent=True)
    assistant.chat_messages[user][-1]["content"] = "secret number XX"
    with caplog.at_level(logging.DEBUG, "autogen.oai.client"):
        user.send("And now?", assistant, request_reply=True, silent=True)
    assert "was changed since" in caplog.text
    sent = json.dumps(server.requests[1])
    assert "XX" in sent
    assert "42" not in sent
    assert "hm" not in sent


@only_native
def test_nothing_is_kept_of_what_a_hook_has_masked(serve):
    server = serve(Reply("The key is 1234.", thinking="hm"), "ok")
    assistant, user = make_team(server)

    def mask(sender, message, recipient, silent):
        masked = {"content": message} if isinstance(message, str) else message
        return {**masked, **getattr(message, "fields", {}), "content": masked["content"].replace("1234", "...")}

    assistant.register_hook("process_message_before_send", mask)
    user.initiate_chat(assistant, message="Hi", max_turns=1, silent=True)
    for history in (assistant.chat_messages[user], user.chat_messages[assistant]):
        assert "The key is ...." in json.dumps(history)
        assert "1234" not in json.dumps(history)


def test_answers_from_a_cache_go_back_like_new_ones(serve, protocol, tmp_path):
    server = serve(
        Reply("", tool_calls=[tool_call("weather", city="x", call_id="call_1")], thinking="The tool knows."),
        "Rain.",
        "Rain.",
    )

    def weather(city: str) -> str:
        return "rain"

    sent = []
    with Cache.disk(cache_path_root=str(tmp_path)) as cache:
        for message in ("Weather?", "Weather?"):
            assistant, user = make_team(server, tool=weather)
            # Only the first answer is in the cache when the second chat asks another question.
            user.initiate_chat(assistant, message=message, max_turns=2, silent=True, cache=cache)
            sent.append(assistant.chat_messages[user])
    assert sent[0] == sent[1]
    assert len(server.requests) == 2


def test_pictures_are_sent(serve, create):
    server = serve("a pixel")
    parts = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": PIXEL}}]
    assert get_message(create(server, messages=[{"role": "user", "content": parts}])).content == "a pixel"
    assert PIXEL.partition(",")[2] in json.dumps(server.requests[0])


def test_usage_that_is_missing_is_estimated_in_streams(serve, create):
    server = serve(Reply("one two", usage={}))
    response = create(server, messages=HI, stream=True)
    assert response.usage.prompt_tokens > 0


@only_native
def test_twenty_turns_keep_their_prefix_and_read_it_from_the_cache(serve):
    count = itertools.count()

    def answer(messages):
        number = next(count)
        return Reply("", tool_calls=[tool_call("weather", city="x" * 200, call_id=f"call_{number}")], thinking="hm " * 50)

    server = serve(answer)

    def weather(city: str) -> str:
        return "rain " * 200

    # Not every model behind Converse has a cache.
    assistant, user = make_team(server, tool=weather, prompt_cache=True)
    assistant.update_system_message("Rules. " * 700)
    user.initiate_chat(assistant, message="Weather?", max_turns=20, silent=True)
    assert len(server.requests) == 20
    assert_prefix_stable(server.requests)
    _, *later = server.prompt_tokens
    assert sum(cached for _, cached in later) >= 0.9 * sum(prompt for prompt, _ in later)


@pytest.mark.parametrize("kind", ["two agents", "group", "one speaker", "nested", "transforms", "resumed"])
def test_requests_of_a_chat_begin_like_the_ones_before(serve, kind, tmp_path):
    server = serve(lambda messages: Reply(f"answer {len(messages)}", thinking="hm"))
    assistant, user = make_team(server)
    if kind == "group":
        other, _ = make_team(server)
        other._name = "other"
        other.update_system_message("Be long.")
        group = GroupChat([assistant, other], max_round=7, speaker_selection_method="round_robin", messages=[])
        user.initiate_chat(GroupChatManager(group, llm_config=False), message="Hi", silent=True)
    elif kind == "one speaker":
        group = GroupChat(
            [assistant, user], max_round=5, speaker_selection_method=lambda last, group: assistant, messages=[]
        )
        user.initiate_chat(GroupChatManager(group, llm_config=False), message="Hi", silent=True)
    elif kind == "nested":
        inner, _ = make_team(server)
        inner.update_system_message("Be deep.")
        assistant.register_nested_chats([{"recipient": inner, "message": "Think.", "max_turns": 2}], trigger=user)
        user.initiate_chat(assistant, message="Hi", max_turns=3, silent=True)
    elif kind == "resumed":
        for turns in (2, 4):
            assistant, user = make_team(server)
            user.initiate_chat(assistant, message="Hi", max_turns=turns, silent=True, checkpoint=tmp_path / "chat.db")
    else:
        if kind == "transforms":
            TransformMessages(transforms=[MessageHistoryLimiter(max_messages=100)], verbose=False).add_to_agent(assistant)
        user.initiate_chat(assistant, message="Hi", max_turns=5, silent=True)
    assert len(server.requests) > 2
    for requests in split_by_chat(server.requests):
        assert_prefix_stable(requests)


@pytest.mark.parametrize("kind", ["clock", "other text", "short"])
def test_a_system_text_with_a_clock_is_told_once(caplog, kind):
    assistant, user = make_team(server := ScriptedModel("One.", "Two.", "Three."))
    rules = "Be brief.\n" * (500 if kind != "short" else 5)
    with caplog.at_level(logging.WARNING):
        for minute in range(3):
            text = f"{rules}It is 10:0{minute}." if kind != "other text" else f"{minute}\n" * (3000 + minute)
            assistant.update_system_message(text)
            user.initiate_chat(assistant, message="Hi", max_turns=1, silent=True)
    assert len(server.asked) == 3
    assert caplog.text.count("first in line 501") == (kind == "clock")
    assert ("prompt caches" in caplog.text) == (kind == "clock")


def split_by_chat(requests):
    """Return the requests of each chat: those with one system text, whose histories grow."""
    chats = {}
    for request in requests:
        history = request.get("input") or request.get("messages") or request.get("contents")
        system = json.dumps([request.get(name) for name in ("system", "instructions", "systemInstruction")])
        key = system + json.dumps(history[0] if history[0]["role"] == "system" else "")
        chat = chats.setdefault(key, [[]])[-1]
        if chat and len(json.dumps(request)) < len(json.dumps(chat[-1])):
            chats[key].append(chat := [])
        chat.append(request)
    return [chat for found in chats.values() for chat in found]


@pytest.mark.slow
def test_a_rate_limit_is_waited_for_and_an_overload_retried(serve, create):
    server = serve(Fault(429, headers={"retry-after-ms": "1"}), Fault(500), "ok")
    assert get_message(create({**server.config, "max_retries": 3}, messages=HI)).content == "ok"


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refusal_goes_to_the_next_endpoint(serve, create, status):
    first, second = serve(Fault(status)), serve("ok")
    assert get_message(create(first, second, messages=HI)).content == "ok"


def test_a_wrong_key_is_masked(serve, create):
    server = serve("unused", api_key="right")
    with pytest.raises(openai.AuthenticationError) as error:
        create({**server.config, "api_key": "sk-wrong-key-0123456789"}, messages=HI)
    assert "sk-wrong-key-0123456789" not in str(error.value)


def test_ag2s_client_of_the_responses_api(mode):
    with SERVERS["responses"]('{"name": "Paris", "country": null}') as server:
        sdk = openai.OpenAI(base_url=server.base_url, api_key="k")
        client = OpenAIResponsesClient(sdk, response_format=City)
        params = {"model": "m", "messages": HI}
        response = client.create(params) if mode == "sync" else asyncio.run(client.a_create(params))
    assert City.model_validate_json(client.message_retrieval(response)[0]) == City(name="Paris")
    assert server.requests[0]["text"]["format"]["name"] == "City"
    assert client.get_usage(response)["prompt_tokens"] > 0
    sdk.close()


HOSTED = {
    "responses": [{"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"query": "rain"}}],
    "anthropic": [
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "rain"}},
        {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
    ],
    "google": [{"executableCode": {"language": "PYTHON", "code": "rain"}}, {"codeExecutionResult": {"output": "2"}}],
}
PAIRS = [pair for pair in itertools.product(SERVERS, SERVERS) if pair[0] != pair[1]]


@pytest.mark.slow
@pytest.mark.parametrize(("first", "second"), PAIRS, ids=["-".join(pair) for pair in PAIRS])
@pytest.mark.parametrize("state", ["text", "call", "thinking", "hosted"])
def test_a_chat_falls_from_one_protocol_to_another_and_back(serve, first, second, state):
    """The strict rules of the second server accept what the first one's answers became."""
    thinking = "I think." if state == "thinking" else ""
    calls = [tool_call("weather", city="x", call_id="call_1")] if state in ("call", "thinking") else []
    hosted = HOSTED.get(first, []) if state == "hosted" else []
    reply = Reply("First.", tool_calls=calls, thinking=thinking, items=hosted)
    one = serve(reply, Fault(401), "Third.", protocol=first)
    two = serve("Second.", protocol=second)
    assistant = ConversableAgent(
        "assistant", llm_config={"config_list": [one.config, two.config], "cache_seed": None}, human_input_mode="NEVER"
    )
    user = UserProxyAgent("user", human_input_mode="NEVER", code_execution_config=False)

    @user.register_for_execution()
    @assistant.register_for_llm(description="Weather.")
    def weather(city: str) -> str:
        return "rain"

    user.initiate_chat(assistant, message="Weather?", max_turns=2, silent=True)
    [sent] = two.requests
    text = json.dumps(sent)
    assert "First." in text
    assert "encrypted_content" not in text.replace("reasoning.encrypted_content", "")
    assert "I think." not in text or second == "chat"
    assert "srvtoolu_" not in text
    assert not hosted or "rain" in text
    user.send("Once more", assistant, request_reply=True, silent=True)
    assert assistant.last_message(user)["content"] == "Third."
    assert "Second." in json.dumps(one.requests[-1])
