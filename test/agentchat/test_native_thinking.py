"""Fields that a vendor needs back go to the endpoint that they came from, for the agent that said them, and nowhere else."""

import copy

import pytest

from autogen import ConversableAgent, GroupChat, GroupChatManager, register_function
from autogen.testing import Fault, RawReply, tool_call

HEAD = {"id": "x", "object": "chat.completion", "created": 0, "model": "m"}
CALL = tool_call("weather", call_id="c1", city="Oslo")
SIGNED = {**CALL, "extra_content": {"google": {"thought_signature": "sig=="}}}
DETAILS = [
    {"type": "reasoning.text", "text": "Let me look.", "signature": "s1", "index": 0, "id": "r1"},
    {"type": "reasoning.encrypted", "data": "abc==", "index": 1},
]
DETAIL_PIECES = [
    [{"type": "reasoning.text", "text": "Let me ", "index": 0, "id": "r1"}],
    [{"type": "reasoning.text", "text": "look.", "index": 0}],
    [
        {"type": "reasoning.text", "text": "", "signature": "s1", "index": 0},
        {"type": "reasoning.encrypted", "data": "abc==", "index": 1},
    ],
]
VENDORS = {
    "DeepSeek": ({"reasoning_content": "Let me look."}, [{"reasoning_content": "Let me "}, {"reasoning_content": "look."}]),
    "vLLM": ({"reasoning": "Let me look."}, [{"reasoning": "Let me look."}]),
    "OpenRouter": (
        {"reasoning": "Let me look.", "reasoning_details": DETAILS},
        [{"reasoning": "Let me look."}, *({"reasoning_details": piece} for piece in DETAIL_PIECES)],
    ),
    "Gemini": ({"tool_calls": [SIGNED]}, [{"tool_calls": [{**SIGNED, "index": 0}]}]),
}


def answer(fields, deltas, reason="tool_calls", **message):
    """Make an answer with the fields of a vendor, whole and streamed."""
    message = {"role": "assistant", "content": None, "tool_calls": [CALL], **message, **fields}
    if reason == "stop":
        del message["tool_calls"]
    last = {key: value for key, value in message.items() if key not in fields}
    if "tool_calls" in last:
        last["tool_calls"] = [{**CALL, "index": 0}]
    chunks = [{**HEAD, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in (*deltas, last)]
    chunks.append({**HEAD, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
    body = {**HEAD, "choices": [{"index": 0, "message": message, "finish_reason": reason}]}
    return RawReply(body, [*chunks, b"data: [DONE]\n\n"])


def pick(message):
    """Return the fields of a sent message that only a vendor knows."""
    keys = (
        "reasoning",
        "reasoning_content",
        "reasoning_details",
        "thinking_blocks",
        "extra_content",
        "native",
        "stop_reason",
    )
    calls = [{key: call[key] for key in keys if key in call} for call in message.get("tool_calls") or ()]
    return {key: message[key] for key in keys if key in message} | ({"calls": calls} if any(calls) else {})


def expect(fields):
    fields = copy.deepcopy(fields)
    if calls := fields.pop("tool_calls", None):
        fields["calls"] = [{"extra_content": call["extra_content"]} for call in calls]
    return fields


def weather(city: str) -> str:
    return "rain"


def make_pair(server, stream=False, more=(), **entry):
    llm_config = {"config_list": [{**server.config, **entry}, *more], "cache_seed": None, "stream": stream}
    assistant = ConversableAgent("assistant", llm_config=llm_config, human_input_mode="NEVER", silent=True)
    user = ConversableAgent("user", human_input_mode="NEVER", silent=True, default_auto_reply="Go on.")
    register_function(weather, caller=assistant, executor=user, description="Weather.")
    return user, assistant


@pytest.fixture(params=[False, True], ids=["whole", "streamed"])
def stream(request):
    return request.param


@pytest.mark.parametrize("vendor", VENDORS)
def test_the_fields_of_a_vendor_go_back_beside_calls(vendor, stream, call, openai_server):
    fields, deltas = VENDORS[vendor]
    server = openai_server(answer(fields, deltas), "It rains.")
    user, assistant = make_pair(server, stream)
    result = call(user.initiate_chat, assistant, message="Weather?", max_turns=2)
    assert result.chat_history[-1]["content"] == "It rains."
    assert pick(server.requests[1]["messages"][2]) == expect(fields)


@pytest.mark.parametrize("vendor", ["DeepSeek", "vLLM", "OpenRouter"])
def test_they_go_back_beside_text(vendor, stream, openai_server):
    fields, deltas = VENDORS[vendor]
    server = openai_server(answer(fields, deltas, "stop", content="It rains."), "Still.")
    user, assistant = make_pair(server, stream)
    result = user.initiate_chat(assistant, message="Weather?", max_turns=2)
    assert [message["content"] for message in result.chat_history] == ["Weather?", "It rains.", "Go on.", "Still."]
    assert result.chat_history[1]["reasoning"] == "Let me look."
    assert pick(server.requests[1]["messages"][2]) == fields


def test_thinking_in_tags_does_not_go_back(stream, openai_server):
    server = openai_server("<think>Let me look.</think>It rains.", "Still.")
    user, assistant = make_pair(server, stream)
    history = user.initiate_chat(assistant, message="Weather?", max_turns=2).chat_history
    assert (history[1]["content"], history[1]["reasoning"]) == ("It rains.", "Let me look.")
    assert server.requests[1]["messages"][2] == {"content": "It rains.", "role": "assistant", "name": "assistant"}


@pytest.mark.parametrize("vendor", VENDORS)
def test_they_go_back_after_a_resume_and_from_a_saved_state(vendor, stream, openai_server, tmp_path):
    fields, deltas = VENDORS[vendor]
    server = openai_server(answer(fields, deltas), Fault(status=400), "It rains.", "Still.")
    checkpoint = tmp_path / "chat.db"
    user, assistant = make_pair(server, stream)
    with pytest.raises(Exception, match="400"):
        user.initiate_chat(assistant, message="Weather?", max_turns=2, checkpoint=checkpoint)
    user, assistant = make_pair(server, stream)
    user.initiate_chat(assistant, message="Weather?", max_turns=2, checkpoint=checkpoint)
    assert pick(server.requests[2]["messages"][2]) == expect(fields)
    states = assistant.save_state(), user.save_state()
    user, assistant = make_pair(server, stream)
    assistant.load_state(states[0], peers=[user])
    user.load_state(states[1], peers=[assistant])
    user.initiate_chat(assistant, message="And now?", max_turns=1, clear_history=False)
    assert pick(server.requests[3]["messages"][2]) == expect(fields)


@pytest.mark.parametrize("vendor", VENDORS)
def test_another_endpoint_does_not_get_them(vendor, stream, openai_server):
    fields, deltas = VENDORS[vendor]
    first = openai_server(answer(fields, deltas), Fault(status=401), "It rains again.")
    second = openai_server("It rains.")
    user, assistant = make_pair(first, stream, more=[second.config])
    result = user.initiate_chat(assistant, message="Weather?", max_turns=2)
    assert result.chat_history[-1]["content"] == "It rains."
    sent = second.requests[0]["messages"][2]
    assert sent["tool_calls"] == [CALL]
    assert pick(sent) == {}


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_message_that_a_hook_changed_goes_without_them(vendor, stream, openai_server):
    fields, deltas = VENDORS[vendor]
    server = openai_server(answer(fields, deltas, content="Wait."), "It rains.")
    user, assistant = make_pair(server, stream)

    def change(sender, message, recipient, silent):
        return {**message, "content": "Please wait."} if isinstance(message, dict) else message

    assistant.register_hook("process_message_before_send", change)
    user.initiate_chat(assistant, message="Weather?", max_turns=2)
    sent = server.requests[1]["messages"][2]
    assert sent["content"] == "Please wait."
    assert pick(sent) == {}


def test_groq_never_gets_thinking_back(stream, openai_server):
    fields, deltas = VENDORS["vLLM"]
    server = openai_server(answer(fields, deltas), "It rains.")
    user, assistant = make_pair(server, stream, api_type="groq")
    user.initiate_chat(assistant, message="Weather?", max_turns=2)
    assert pick(server.requests[1]["messages"][2]) == {}


@pytest.mark.parametrize("vendor", VENDORS)
def test_other_members_of_a_group_do_not_get_them(vendor, stream, openai_server):
    fields, deltas = VENDORS[vendor]
    server = openai_server(
        answer(fields, deltas),
        "It rains.",
        answer({"reasoning": "Hm."}, [{"reasoning": "Hm."}], "stop", content="Sad."),
        "Yes.",
    )
    llm_config = {"config_list": [server.config], "cache_seed": None, "stream": stream}
    ann, bob = (
        ConversableAgent(name, llm_config=llm_config, human_input_mode="NEVER", silent=True) for name in ("ann", "bob")
    )
    for agent in (ann, bob):
        register_function(weather, caller=agent, executor=agent, description="Weather.")
    user = ConversableAgent("user", human_input_mode="NEVER", silent=True)
    turns = iter([ann, ann, ann, bob, ann])
    group = GroupChat([user, ann, bob], max_round=6, speaker_selection_method=lambda last, chat: next(turns))
    manager = GroupChatManager(group, human_input_mode="NEVER", silent=True)
    result = user.initiate_chat(manager, message="Weather?")
    assert result.chat_history[-1]["content"] == "Yes."
    # Ann's call and its result are in the histories of all, and the call is an assistant's there, too.
    anns, bobs, anns_last = (server.requests[index]["messages"] for index in (1, 2, 3))
    vendors = expect(fields)
    assert [pick(message) for message in anns if message.get("tool_calls")] == [vendors]
    assert [message.get("tool_calls") for message in bobs if message.get("tool_calls")] == [[CALL]]
    assert [pick(message) for message in bobs] == [{}] * len(bobs)
    assert [pick(message) for message in anns_last if pick(message)] == [vendors]


LEARNED = {
    "refused": (
        Fault(status=400, message="'messages.2' : property 'reasoning_content' is unsupported"),
        {},
    ),
    "required": (
        Fault(status=400, message="The `reasoning_content` in the thinking mode must be passed back to the API."),
        {"reasoning_content": ""},
    ),
}


@pytest.mark.parametrize("kind", LEARNED)
def test_a_server_that_refuses_or_requires_thinking_is_understood_once(kind, stream, openai_server):
    refusal, sent = LEARNED[kind]
    fields, deltas = VENDORS["DeepSeek"] if kind == "refused" else ({}, [])
    server = openai_server(answer(fields, deltas), refusal, "It rains.", answer(fields, deltas), "Still.")
    user, assistant = make_pair(server, stream)
    assert user.initiate_chat(assistant, message="Weather?", max_turns=2).chat_history[-1]["content"] == "It rains."
    assert user.initiate_chat(assistant, message="Weather?", max_turns=2).chat_history[-1]["content"] == "Still."
    assert len(server.requests) == 5
    assert pick(server.requests[2]["messages"][2]) == pick(server.requests[4]["messages"][2]) == sent
