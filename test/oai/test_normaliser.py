"""Foreign JSON of any shape: it is read or refused, nothing of it is lost, and reading it again changes nothing."""

import contextlib
import copy
import json
import subprocess
import sys

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from autogen.oai._requests.serialization import from_json, to_json
from autogen.oai._responses.assembly import StreamAssembler
from autogen.oai._responses.calls import UnreadableCalls
from autogen.oai._responses.completion import build_completion, build_text_completion
from autogen.oai._responses.history import prepare_history
from autogen.oai._responses.normalize import normalize_completion, normalize_text_completion
from autogen.oai._responses.thinking import split_thinking
from autogen.oai.errors import UnreadableAnswer

WORDS = st.sampled_from(
    ["", " ", "Oslo.", "{}", '{"a": 1}', '"{}"', "<think>", "</think>", "`", "```\n", "\n", "\ud83d", "\ufeff", "0", "stop"]
)
TEXT = st.one_of(WORDS, st.lists(WORDS, max_size=6).map("".join), st.text(max_size=5))
KEY_NAMES = """
    choices message delta content text type role tool_calls function_call function name arguments id index custom input
    finish_reason refusal reasoning reasoning_content reasoning_details thinking summary usage prompt_tokens total_tokens
    completion_tokens prompt_tokens_details cached_tokens created model object error native logprobs audio annotations
    stop_reason extra_content _fields_set cls self model_dump cost signature data
"""
KEYS = st.sampled_from(KEY_NAMES.split())
VALUES = st.one_of(
    *(st.none(), st.booleans(), st.integers(-3, 3), st.just(10**400), st.floats(), TEXT),
    st.sampled_from(["text", "thinking", "refusal", "function", "custom", "error", "tool_calls", "length", "eos"]),
)
JSON = st.recursive(
    VALUES, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=4)), max_leaves=12
)


def mostly(strategy):
    return st.one_of(strategy, strategy, strategy, strategy, JSON)


def objects(**fields):
    return st.fixed_dictionaries({}, optional={key: mostly(value) for key, value in fields.items()})


PART = st.one_of(
    TEXT,
    st.builds(lambda text: {"type": "text", "text": text}, TEXT),
    st.builds(lambda text: {"type": "thinking", "thinking": [{"type": "text", "text": text}]}, TEXT),
    st.builds(lambda text: {"type": "refusal", "refusal": text}, TEXT),
)
CONTENT = st.one_of(TEXT, st.none(), st.lists(mostly(PART), max_size=3), PART)
FUNCTION = objects(name=st.sampled_from(["f", "g ", ""]), arguments=TEXT)
CALL = objects(
    id=st.sampled_from(["a", "b", "", None, 0]), index=st.sampled_from([0, 1, "1", None]), function=FUNCTION, type=TEXT
)
DETAILS = st.lists(
    objects(type=st.sampled_from(["reasoning.text", "reasoning.encrypted"]), text=TEXT, data=TEXT, index=st.just(0))
)
MESSAGE = objects(
    role=st.just("assistant"), content=CONTENT, tool_calls=st.lists(CALL, max_size=3), function_call=FUNCTION, refusal=TEXT,
    reasoning=TEXT, reasoning_content=TEXT, thinking=CONTENT, reasoning_details=DETAILS,
)  # fmt: skip
REASON = st.sampled_from([None, "", "stop", "length", "tool_calls", "eos", "content_filter", "function_call", "error"])
USAGE = objects(prompt_tokens=st.integers(0, 9), completion_tokens=TEXT, total_tokens=st.integers(0, 9))
COMPLETION = objects(
    id=TEXT, choices=st.lists(objects(message=MESSAGE, finish_reason=REASON, index=st.just(0)), min_size=1, max_size=2),
    usage=USAGE, created=st.floats(), model=TEXT,
)  # fmt: skip
CHUNK = objects(
    id=TEXT, choices=st.lists(objects(delta=MESSAGE, finish_reason=REASON, index=st.sampled_from([0, 1])), max_size=2),
    usage=USAGE,
)  # fmt: skip


def read(data, normalize=normalize_completion, **options):
    with contextlib.suppress(UnreadableAnswer):
        return normalize(data, **options)
    return None


def assert_stable(body, normalize, build):
    """Assert that a normalised response stays as it is: read again, as the SDK's object, stored, and loaded."""
    assert json.loads(json.dumps(body, allow_nan=False, ensure_ascii=False).encode()) == body
    assert normalize(body) == body
    stored = to_json(build(body))
    assert json.loads(json.dumps(stored, allow_nan=False, ensure_ascii=False).encode()) == stored
    loaded = from_json(stored)
    assert loaded is not None
    assert to_json(loaded) == stored
    for before, after in zip(build(body).choices, loaded.choices, strict=True):
        assert before == after


@settings(max_examples=2 * settings.default.max_examples)
@given(st.one_of(COMPLETION, JSON), st.sampled_from(["", "0a1b2c3d"]))
def test_any_json_is_read_or_refused(data, origin):
    before = copy.deepcopy(data)
    body = read(data, origin=origin)
    assert repr(data) == repr(before)
    if body is not None:
        assert_stable(body, normalize_completion, build_completion)


@given(st.one_of(objects(choices=st.lists(objects(text=TEXT, finish_reason=REASON), min_size=1), usage=USAGE), JSON))
def test_any_json_is_read_or_refused_as_a_text(data):
    body = read(data, normalize_text_completion)
    if body is not None:
        assert_stable(body, normalize_text_completion, build_text_completion)


@pytest.mark.slow
@settings(max_examples=2 * settings.default.max_examples)
@given(st.lists(st.one_of(CHUNK, CHUNK, JSON), max_size=6), st.sampled_from(["", "0a1b2c3d"]))
def test_any_stream_is_read_or_refused(chunks, origin):
    assembler = StreamAssembler()
    for chunk in chunks:
        assembler.feed(chunk)
    try:
        response = assembler.build_response()
    except UnreadableCalls:
        return
    body = read(response, origin=origin)
    if body is not None:
        assert_stable(body, normalize_completion, build_completion)


WORD = st.from_regex(r"[a-z]{6}", fullmatch=True)
WORD_PART = st.one_of(
    WORD.map(lambda word: {"type": "text", "text": word}),
    WORD.map(lambda word: {"type": "thinking", "thinking": word}),
    WORD.map(lambda word: {"type": "thinking", "thinking": [{"type": "text", "text": word}]}),
    WORD.map(lambda word: {"type": "refusal", "refusal": word}),
    WORD.map(lambda word: {"type": "map", "map": word}),
)
WORD_DELTA = st.fixed_dictionaries(
    {},
    optional={
        "content": st.one_of(WORD, st.lists(WORD_PART, max_size=3)),
        "reasoning": WORD,
        "reasoning_content": st.one_of(WORD, st.lists(WORD.map(lambda word: {"type": "text", "text": word}), min_size=1)),
        "refusal": WORD,
        "tool_calls": WORD.map(lambda word: [{"index": 0, "function": {"name": "f", "arguments": word}}]),
        "function_call": WORD.map(lambda word: {"name": "f", "arguments": word}),
    },
)


def list_words(value, keys=("text", "thinking", "refusal", "map", "content", "reasoning", "reasoning_content", "arguments")):
    if isinstance(value, dict):
        for key, item in value.items():
            yield from [item] if key in keys and isinstance(item, str) else list_words(item, keys)
    elif isinstance(value, list):
        for item in value:
            yield from list_words(item, keys)


@pytest.mark.slow
@settings(max_examples=2 * settings.default.max_examples)
@given(st.lists(WORD_DELTA, min_size=1, max_size=5), st.booleans())
def test_no_text_is_lost(deltas, streamed):
    deltas = deltas if streamed else deltas[:1]
    assembler = StreamAssembler()
    for delta in deltas:
        assembler.feed({"choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
    response = assembler.build_response()
    if not streamed:
        response = {"choices": [{"message": deltas[0]}]}
    response["choices"][0]["finish_reason"] = "stop"
    body = normalize_completion(response)
    message = body["choices"][0]["message"]
    calls = [*(message.get("tool_calls") or ()), {"function": message.get("function_call") or {}}]
    arguments = [call["function"].get("arguments") or "" for call in calls]
    shown = " ".join([message.get("content") or "", message.get("reasoning", ""), message.get("refusal", ""), *arguments])
    for word in list_words(deltas):
        assert word in shown


ARGUMENTS = st.one_of(TEXT, st.sampled_from(['{"a": NaN}', "[1]", '"x"', "{" * 5000]), JSON)
HISTORY_CALL = objects(id=st.sampled_from(["a", "b", "", None, 5]), function=objects(name=TEXT, arguments=ARGUMENTS))
HISTORY_MESSAGE = st.one_of(
    objects(
        role=st.sampled_from(["assistant", "user", "system"]), content=CONTENT, reasoning=TEXT, native=JSON, name=TEXT,
        tool_calls=st.lists(HISTORY_CALL, max_size=3), function_call=objects(name=TEXT, arguments=ARGUMENTS),
    ),
    st.builds(
        lambda content, call_id: {"role": "tool", "content": content, "tool_call_id": call_id},
        CONTENT,
        st.sampled_from(["a", "b", "", None]),
    ),
)  # fmt: skip


@pytest.mark.slow
@settings(max_examples=2 * settings.default.max_examples)
@given(st.lists(HISTORY_MESSAGE, max_size=6))
def test_any_history_can_be_sent(history):
    before = copy.deepcopy(history)
    prepared = prepare_history(history, "0a1b2c3d")
    assert repr(history) == repr(before)
    sent = json.loads(json.dumps(prepared, allow_nan=False, ensure_ascii=False).encode())
    assert repr(prepare_history(prepared, "0a1b2c3d")) == repr(prepared)
    ids = []
    for message in sent:
        assert "native" not in message
        calls = message.get("tool_calls") or () if message.get("role") == "assistant" else ()
        for call in calls:
            ids.append(call["id"])
            assert isinstance(json.loads(call["function"]["arguments"]), dict)
        if message.get("role") == "assistant" and message.get("function_call"):
            assert isinstance(json.loads(message["function_call"]["arguments"]), dict)
    assert len(ids) == len(set(ids))
    assert all(ids)


def call(call_id, arguments="{}"):
    return {"id": call_id, "type": "function", "function": {"name": "f", "arguments": arguments}}


def test_results_follow_the_ids_of_their_calls():
    turn = [
        {"role": "assistant", "content": None, "tool_calls": [call("0"), call(""), call("0")]},
        {"role": "tool", "tool_call_id": "0", "content": "first"},
        {"role": "tool", "tool_call_id": "", "content": "second"},
        {"role": "tool", "tool_call_id": "0", "content": "third"},
    ]
    sent = prepare_history([*turn, *turn], "0a1b2c3d")
    for start in (0, 4):
        ids = [made["id"] for made in sent[start]["tool_calls"]]
        assert [message["tool_call_id"] for message in sent[start + 1 : start + 4]] == ids
    assert len({made["id"] for start in (0, 4) for made in sent[start]["tool_calls"]}) == 6


def test_a_history_that_is_valid_stays_as_it_is():
    history = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Grüße 😀", "name": "ann"},
        {"role": "assistant", "content": None, "tool_calls": [call("a", '{"city": "Oslo"}'), call("b")]},
        {"role": "tool", "tool_call_id": "a", "content": "rain"},
        {"role": "tool", "tool_call_id": "b", "content": [{"type": "text", "text": "sun"}]},
        {"role": "assistant", "content": "", "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "1"},
    ]
    sent = prepare_history(history, "0a1b2c3d")
    assert sent == history
    assert all(before is after for before, after in zip(history, sent, strict=True))


PIECES = st.sampled_from(
    [
        "<think>",
        "</think>",
        "<thought>",
        "</thought>",
        "a",
        "b c",
        "\n",
        "\n\n",
        " ",
        "    ",
        "`",
        "```",
        "```\n",
        "~~~\n",
        "x=1",
    ]
)
MARKDOWN = st.lists(PIECES, max_size=12).map("".join)


def get_letters(text):
    for name in ("think", "thought"):
        text = text.replace(f"<{name}>", "").replace(f"</{name}>", "")
    return sorted("".join(text.split()))


@settings(max_examples=2 * settings.default.max_examples)
@given(MARKDOWN)
@example("<think>a</think>    ```\n<think>b</think>\n```")
@example("```\n<think>\n")
def test_thinking_is_split_off_once_and_for_all(text):
    answer, thinking = split_thinking(text)
    assert split_thinking(answer) == (answer, "")
    assert get_letters(answer + thinking) == get_letters(text)
    assert answer == text or "<" in text


HOSTILE = {
    "closing tags": "a</think>b",
    "opening tags": "a<think>b",
    "closed blocks": "<think>a</think>b",
    "blocks on lines": "<think>a</think>\nb\n",
    "backticks": "`",
    "pairs of backticks": "` ",
    "fences": "```\n",
    "tildes": "~",
    "blanks": " ",
    "lines": "\n",
    "blanks and tags": "    </think>    ",
    "unclosed tags on lines": "a\n<think>\n",
    "unclosed blocks of a template": "<think>a</thought>\n",
    "nested tags": "<think>\n<thought>\n",
}


@pytest.mark.slow
@pytest.mark.parametrize("piece", HOSTILE.values(), ids=HOSTILE)
def test_a_megabyte_of_tags_is_split_in_linear_time(piece):
    """An algorithm with quadratic time would take an hour for each, so the bound is no timing."""
    program = """if True:
        import sys
        from autogen.oai._responses.thinking import split_thinking
        text = sys.argv[1] * (1_000_000 // len(sys.argv[1]))
        for before, after in (("", ""), ("<think>x</think>", "</think>"), ("`", "<think>`"), ("", "<think>")):
            split_thinking(before + text + after)
        split_thinking(" " * 500_000 + text)
    """
    subprocess.run([sys.executable, "-c", program, piece], check=True, timeout=60)
