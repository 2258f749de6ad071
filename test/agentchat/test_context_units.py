"""Properties of every transform and model context: no call without its results, no result without its call."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogen.agentchat._contexts import limits
from autogen.agentchat.contrib.capabilities.text_compressors import ExtractiveCompressor
from autogen.agentchat.contrib.capabilities.transforms import (
    MessageHistoryLimiter,
    MessageTokenLimiter,
    SummaryTransform,
    TextMessageCompressor,
    TextMessageContentName,
)
from autogen.agentchat.model_context import (
    BufferedChatCompletionContext,
    HeadAndTailChatCompletionContext,
    TokenLimitedChatCompletionContext,
)
from autogen.testing import ScriptedModel

SIZES = st.integers(1, 12)
TEXTS = st.lists(st.sampled_from(["one", "two words", "", "a longer text. With sentences, 7 of them."]), max_size=30).map(
    " ".join
)
PICTURE = {"type": "image_url", "image_url": {"url": "http://a.test/picture.png"}}


@st.composite
def histories(draw):
    """Histories as agents store them and as endpoints get them, with calls whose results come later and in pieces."""
    messages, pending = [], []
    for number in range(draw(st.integers(1, 14))):
        kind = draw(st.sampled_from(["text", "parts", "calls", "results", "legacy"]))
        name = draw(st.sampled_from([{}, {"name": "ada"}]))
        if kind == "calls":
            ids = [f"{number}-{index}" for index in range(draw(st.integers(1, 3)))]
            calls = [{"id": call_id, "type": "function", "function": {"name": "f", "arguments": "{}"}} for call_id in ids]
            messages.append({"role": "assistant", "content": draw(st.none() | TEXTS), "tool_calls": calls})
            pending += ids
        elif kind == "results" and pending:
            answered = draw(st.lists(st.sampled_from(pending), min_size=1, unique=True))
            pending = [call_id for call_id in pending if call_id not in answered]
            results = [{"role": "tool", "tool_call_id": call_id, "content": draw(TEXTS)} for call_id in answered]
            stored = {"role": "tool", "tool_responses": results, "content": "x"}
            messages += [stored] if draw(st.booleans()) else results
        elif kind == "legacy":
            messages.append({"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}})
            messages.append({"role": "function", "name": "f", "content": draw(TEXTS)})
        else:
            text = draw(TEXTS)
            content = [{"type": "text", "text": text}, PICTURE] if kind == "parts" else text
            messages.append({"role": draw(st.sampled_from(["user", "assistant"])), "content": content, **name})
    return messages


def get_ids(messages):
    """Return the ids of all calls, and of all results."""
    calls = [call["id"] for message in messages for call in message.get("tool_calls") or ()]
    flat = [result for message in messages for result in message.get("tool_responses") or [message]]
    return set(calls), {result["tool_call_id"] for result in flat if "tool_call_id" in result}


def check(view, messages, before):
    assert messages == before
    assert view
    calls, results = get_ids(view)
    all_calls, all_results = get_ids(messages)
    # Whoever has one side has the other, as far as the history has it.
    assert results == calls & all_results
    assert calls <= all_calls
    legacy = [message["role"] == "function" for message in view]
    assert [message.get("function_call") is not None for message in view] == [*legacy[1:], False]
    # The order stays.
    kept = [index for item in view for index, message in enumerate(messages) if item is message]
    assert kept == sorted(kept)


TRANSFORMS = {
    "newest": lambda n: MessageHistoryLimiter(n),
    "first_and_newest": lambda n: MessageHistoryLimiter(n, keep_first_message=True),
    "tokens": lambda n: MessageTokenLimiter(max_tokens=n * 20),
    "tokens_each": lambda n: MessageTokenLimiter(max_tokens_per_message=n),
    "tokens_both": lambda n: MessageTokenLimiter(max_tokens=n * 30, max_tokens_per_message=n * 3),
    "tokens_of_some": lambda n: MessageTokenLimiter(max_tokens=n * 20, filter_dict={"role": ["user"]}),
    "compressor": lambda n: TextMessageCompressor(ExtractiveCompressor(max_tokens=n * 4)),
    "names": lambda n: TextMessageContentName(),
    "buffer": lambda n: BufferedChatCompletionContext(n),
    "ends": lambda n: HeadAndTailChatCompletionContext(n, n),
    "token_context": lambda n: TokenLimitedChatCompletionContext("gpt-4o", token_limit=n * 25),
}


@pytest.mark.parametrize("name", TRANSFORMS)
@given(messages=histories(), size=SIZES)
def test_no_transform_splits_a_call_from_its_results_or_changes_the_history(name, messages, size):
    before = copy.deepcopy(messages)
    check(TRANSFORMS[name](size).apply_transform(messages), messages, before)


@given(messages=histories(), size=SIZES)
def test_no_summary_does(messages, size):
    before = copy.deepcopy(messages)
    with ScriptedModel(lambda asked: "a summary") as model:
        transform = SummaryTransform(model.llm_config, trigger_tokens=size * 10, keep_last=size)
        view = transform.apply_transform(messages)
    check(view, messages, before)
    assert view[-1] is messages[-1]


@pytest.mark.parametrize(
    "name", ["newest", "first_and_newest", "tokens", "tokens_both", "tokens_of_some", "ends", "token_context"]
)
@given(messages=histories(), size=SIZES)
def test_a_look_at_the_end_of_a_history_finds_the_same_as_a_look_at_all_of_it(name, messages, size):
    views = []
    for count in (1, 3, 1000):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(limits, "_LEAST_LOOK", count)
            views.append(TRANSFORMS[name](size).apply_transform(messages))
    assert views[0] == views[1] == views[2]


@given(messages=histories(), limit=st.integers(0, 300))
def test_a_limit_of_tokens_is_kept_but_for_what_cannot_be_shortened(messages, limit):
    limiter = MessageTokenLimiter(max_tokens=limit)
    view = limiter.apply_transform(messages)
    counter = limiter._get_counter(None)
    # The first message of the user, and the last unit, may have pictures and calls.
    fixed = sum(map(counter.count_rest, view))
    assert sum(map(counter.count, view)) <= limit + fixed
