"""Transforms of messages: limits, names, and what is logged about them."""

import copy

import pytest

from autogen import Cache, ConversableAgent, GroupChat, events
from autogen.agentchat._contexts import counting
from autogen.agentchat.contrib.capabilities import transforms_util
from autogen.agentchat.contrib.capabilities.transform_messages import TransformMessages
from autogen.agentchat.contrib.capabilities.transforms import (
    MessageHistoryLimiter,
    MessageTokenLimiter,
    MessageTransform,
    TextMessageContentName,
)
from autogen.agentchat.contrib.capabilities.transforms_util import count_text_tokens
from autogen.cache.in_memory_cache import InMemoryCache
from autogen.io import IOStream
from autogen.testing import ScriptedModel, tool_call

LONG = ["hello", "there", "how", "are you doing?", "very very very very very very long string"]


def make_messages(texts, as_parts=False):
    roles = ["user", "assistant"] * len(texts)
    contents = [[{"type": "text", "text": text}] if as_parts else text for text in texts]
    return [{"role": role, "content": content} for role, content in zip(roles, contents, strict=False)]


def count(messages):
    return sum(count_text_tokens(message["content"]) for message in messages)


def roles(messages):
    return [message["role"] for message in messages]


def of_roles(*names):
    return [{"role": name, "content": f"message {index}"} for index, name in enumerate(names)]


# Limits of messages


@pytest.mark.parametrize(
    ("names", "limit", "keep_first", "expected"),
    [
        ("user tool_calls tool user assistant", 3, False, "user assistant"),
        ("user tool_calls tool user assistant", 3, True, "user user assistant"),
        ("user tool_calls tool tool_calls tool", 3, False, "tool_calls tool"),
        ("user tool_calls tool tool_calls tool", 3, True, "user tool_calls tool"),
        ("user assistant user assistant", 3, False, "assistant user assistant"),
        ("user assistant user assistant", 1, False, "assistant"),
        ("user assistant user assistant", 1, True, "user"),
        # 0.2 raised an IndexError.
        ("user tool_calls tool", 1, False, "tool_calls tool"),
        # 0.2 left out the newest message and sent the result without its call.
        ("user tool_calls tool tool assistant", 3, False, "assistant"),
        ("user tool_calls tool tool assistant", 4, False, "tool_calls tool tool assistant"),
        ("user tool_calls tool tool assistant user", 2, False, "assistant user"),
        ("user tool_calls tool tool tool", 3, False, "tool_calls tool tool tool"),
    ],
)
def test_the_newest_messages_are_kept_and_calls_with_their_results(names, limit, keep_first, expected):
    messages = of_roles(*names.split())
    before = copy.deepcopy(messages)
    limiter = MessageHistoryLimiter(limit, keep_first)
    kept = limiter.apply_transform(messages)
    assert roles(kept) == expected.split()
    assert messages == before
    assert all(any(message is original for original in messages) for message in kept)
    if keep_first:
        assert kept[0] is messages[0]
    if names.split()[-1] != "tool":
        assert kept[-1] is messages[-1] or limit == 1


@pytest.mark.parametrize(
    "limiter", [MessageHistoryLimiter(), MessageHistoryLimiter(5), MessageTokenLimiter(9, min_tokens=16)]
)
def test_a_history_within_the_limits_is_the_same_list(limiter):
    messages = make_messages(LONG)
    assert limiter.apply_transform(messages) is messages
    assert limiter.get_logs(messages, messages)[1] is False


def test_results_with_ids_stay_with_their_call_wherever_it_is():
    call = {"role": "assistant", "content": None, "tool_calls": [tool_call("f", call_id="1"), tool_call("g", call_id="2")]}
    messages = [
        {"role": "user", "content": "start"},
        call,
        {"role": "tool", "tool_call_id": "1", "content": "one"},
        {"role": "user", "content": "between"},
        {"role": "tool", "tool_responses": [{"role": "tool", "tool_call_id": "2", "content": "two"}], "content": "two"},
        {"role": "assistant", "content": "end"},
    ]
    assert MessageHistoryLimiter(4).apply_transform(messages) == [messages[3], messages[5]]
    assert MessageHistoryLimiter(5).apply_transform(messages) == messages[1:]


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: MessageHistoryLimiter(max_messages=0), ValueError),
        (lambda: MessageTokenLimiter(max_tokens=-1), ValueError),
        (lambda: MessageTokenLimiter(max_tokens_per_message=-1), ValueError),
        (lambda: MessageTokenLimiter(min_tokens=-1), ValueError),
        (lambda: MessageTokenLimiter(max_tokens=5, min_tokens=6), ValueError),
        (lambda: TextMessageContentName(position="middle"), AssertionError),
        (lambda: TextMessageContentName(position=1), AssertionError),
        (lambda: TextMessageContentName(format_string="no name"), AssertionError),
        (lambda: TextMessageContentName(format_string=None), AssertionError),
        (lambda: TextMessageContentName(deduplicate="yes"), AssertionError),
        (lambda: TransformMessages(transforms=[lambda messages: messages]), TypeError),
        (lambda: TransformMessages(transforms=[MessageHistoryLimiter]), TypeError),
    ],
)
def test_invalid_arguments_are_refused(make, error):
    with pytest.raises(error, match=r"must|got"):
        make()


# Limits of tokens


@pytest.mark.parametrize("as_parts", [False, True])
@pytest.mark.parametrize(
    ("options", "texts", "tokens", "length"),
    [
        ({"max_tokens_per_message": 3}, LONG, 9, 5),
        ({"max_tokens_per_message": 3}, LONG[:3], 3, 3),
        ({"max_tokens_per_message": 1, "min_tokens": 10}, LONG, 5, 5),
        ({"max_tokens_per_message": 1, "min_tokens": 10}, LONG[:3], 3, 3),
        ({"max_tokens_per_message": 0, "filter_dict": {"role": "user"}}, LONG, 10, 5),
        ({"max_tokens_per_message": 0, "filter_dict": {"role": "user"}, "exclude_filter": False}, LONG, 5, 5),
        # 0.2 kept the newest message alone, whatever the limit.
        ({"max_tokens": 14}, LONG, 14, 4),
        ({"max_tokens": 13}, LONG, 13, 3),
        ({"max_tokens": 11}, LONG, 11, 3),
        ({"max_tokens": 100}, LONG, 15, 5),
        ({"max_tokens": 4}, LONG, 4, 2),
        ({"max_tokens": 8, "max_tokens_per_message": 3}, LONG, 8, 4),
    ],
)
def test_tokens_are_limited(options, texts, tokens, length, as_parts):
    messages = make_messages(texts, as_parts)
    before = copy.deepcopy(messages)
    assert count(messages) in (15, 3)
    limited = MessageTokenLimiter(**options).apply_transform(messages)
    assert (count(limited), len(limited)) == (tokens, length)
    assert messages == before


def test_the_first_message_of_the_user_and_the_last_are_shortened_rather_than_lost():
    texts = ["task " * 500, *("chat " * 100 for _ in range(20)), "question " * 500]
    messages = [{"role": "user", "content": text} for text in texts]
    limited = MessageTokenLimiter(max_tokens=400).apply_transform(messages)
    assert len(limited) == 2
    assert 350 < count(limited) <= 400
    for message, word in zip(limited, ("task", "question"), strict=True):
        text = message["content"]
        assert text.startswith(f"{word} {word}")
        assert text.endswith(f"{word} ")
        assert "tokens are left out here" in text


def test_outputs_of_tools_are_limited_where_they_are_sent_from():
    # 0.2 shortened a text beside them that is not sent.
    responses = [{"role": "tool", "tool_call_id": str(n), "content": "word " * 100} for n in range(2)]
    responses.append({"role": "tool", "tool_call_id": "2", "content": "short"})
    call = {"role": "assistant", "content": None, "tool_calls": [tool_call("f", call_id=str(n)) for n in range(3)]}
    messages = [{"role": "user", "content": "go"}, call, {"role": "tool", "tool_responses": responses, "content": "x"}]
    for limiter in (MessageTokenLimiter(max_tokens_per_message=21), MessageTokenLimiter(max_tokens=60)):
        *others, result = limiter.apply_transform(messages)
        assert others == messages[:2]
        sizes = [count_text_tokens(response["content"]) for response in result["tool_responses"]]
        assert 8 < sizes[0] <= sizes[1] <= sizes[0] + 1 < 25
        assert sizes[2] == 1
        assert [response["tool_call_id"] for response in result["tool_responses"]] == ["0", "1", "2"]
    assert messages[2]["tool_responses"] == responses
    assert len(responses[0]["content"]) == 500


def test_calls_and_images_count():
    picture = {"type": "image_url", "image_url": {"url": "http://a.test/picture.png"}}
    call = {"role": "assistant", "content": "", "tool_calls": [tool_call("f", text="word " * 50)]}
    for heavy in ({"role": "user", "content": [picture]}, call):
        messages = [{"role": "user", "content": "one"}, heavy, {"role": "user", "content": "two"}]
        limited = MessageTokenLimiter(max_tokens=40).apply_transform(messages)
        assert limited == [messages[0], messages[2]]
        assert MessageTokenLimiter(max_tokens=2000).apply_transform(messages) == messages


def test_the_parts_of_a_message_share_its_limit():
    # 0.2 gave each the whole of it.
    parts = [{"type": "text", "text": "one two three"}, "four five six", {"type": "image_url", "image_url": {"url": "x"}}]
    [message] = MessageTokenLimiter(max_tokens_per_message=4).apply_transform([{"role": "user", "content": parts}])
    assert message["content"] == [parts[0], "four", parts[2]]


def test_messages_without_text_pass():
    messages = [{"role": "user", "function_call": "example"}, {"role": "assistant", "content": None}]
    assert MessageTokenLimiter(max_tokens_per_message=0, max_tokens=10).apply_transform(messages) == messages


def test_a_protected_message_counts_but_is_not_cut():
    messages = make_messages(["one two three four", "five six seven eight", "nine ten"])
    limiter = MessageTokenLimiter(max_tokens=5, filter_dict={"role": ["user"]})
    assert [message["content"] for message in limiter.apply_transform(messages)] == ["one two three four", "nine ten"]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"max_tokens": 10_000}, "lowered to 4096"),
        ({"model": "no-such-model", "max_tokens": 10_000}, "Model no-such-model not found in token_count_utils."),
        ({"max_tokens": 4096}, ""),
        ({"model": None, "max_tokens": 10_000}, ""),
    ],
)
def test_limits_are_no_more_than_the_model_takes(options, text, capsys):
    limiter = MessageTokenLimiter(**options)
    output = capsys.readouterr().out
    assert text in output
    assert bool(output) == bool(text)
    messages = make_messages(["word " * 5000])
    limit = 4096 if "lowered" in text or options["max_tokens"] == 4096 else 5001
    assert count(limiter.apply_transform(messages)) == pytest.approx(limit, abs=30)


# Names


@pytest.mark.parametrize("as_parts", [False, True])
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "ada:\nhello"),
        ({"position": "end", "format_string": " ({name}, {braces})"}, "hello (ada, {braces})"),
    ],
)
def test_names_become_part_of_the_text(options, expected, as_parts):
    messages = [{"role": "user", "name": "ada", "content": [{"type": "text", "text": "hello"}] if as_parts else "hello"}]
    before = copy.deepcopy(messages)
    transform = TextMessageContentName(**options)
    changed = transform.apply_transform(messages)
    content = changed[0]["content"]
    assert expected == (content if isinstance(content, str) else "".join(part["text"] for part in content))
    assert transform.get_logs(messages, changed) == ("1 message(s) changed to incorporate name.", True)
    assert transform.apply_transform(changed) is changed
    assert transform.get_logs(changed, changed) == ("No messages changed to incorporate name.", False)
    assert transform.apply_transform(changed) == changed != messages == before
    twice = TextMessageContentName(**options, deduplicate=False).apply_transform(changed)
    assert twice != changed
    for message in ({"role": "user", "content": "hello"}, {"role": "user", "name": "ada", "content": None}):
        assert transform.apply_transform([message]) == [message]
    for exclude, result in ((True, messages), (False, changed)):
        filtered = TextMessageContentName(**options, filter_dict={"name": ["ada"]}, exclude_filter=exclude)
        assert filtered.apply_transform(messages) == result


# Logs


@pytest.mark.parametrize(
    ("transform", "effect", "none"),
    [
        (
            MessageHistoryLimiter(max_messages=3),
            "Removed 2 messages. Number of messages reduced from 5 to 3.",
            "No messages were removed.",
        ),
        (
            MessageTokenLimiter(max_tokens_per_message=3),
            "Truncated 6 tokens. Number of tokens reduced from 15 to 9",
            "No tokens were truncated.",
        ),
    ],
)
def test_logs(transform, effect, none):
    messages = make_messages(LONG)
    after = transform.apply_transform(messages)
    assert isinstance(transform, MessageTransform)
    assert transform.get_logs(messages, after) == (effect, True)
    assert transform.get_logs(after, after) == (none, False)


# The capability


class Redaction:
    """A transform of a program, which works on what it gets, as 0.2 allowed."""

    def apply_transform(self, messages):
        for message in messages:
            if isinstance(message["content"], list):
                message["content"][0]["text"] = "redacted"
            else:
                message["content"] = message["content"].replace("secret", "redacted")
        return messages

    def get_logs(self, before, after):
        return "Redacted.", before != after


def chat(call, agent, messages):
    return call(agent.generate_reply, messages)


def make_echo(model, **options):
    return ConversableAgent("agent", "Be brief.", llm_config=model.llm_config, human_input_mode="NEVER", **options)


def test_transforms_apply_in_their_order_in_chats_of_both_kinds(call):
    # 0.2 skipped them in async chats.
    history = [
        {"role": "system", "content": "A note."},
        *make_messages(["secret one", "two", "secret three"]),
        {"role": "user", "content": [{"type": "text", "text": "four"}]},
    ]
    before = copy.deepcopy(history)
    capability = TransformMessages(transforms=[MessageHistoryLimiter(2), Redaction()], verbose=False)
    with ScriptedModel("fine", "fine") as model:
        agent = make_echo(model)
        agent.add_capability(capability)
        assert capability._transform_messages in agent.hook_lists["process_all_messages_before_reply"]
        assert chat(call, agent, history) == "fine"
        sent = [message["content"] for message in model.requests[0]["messages"]]
        assert sent[:3] == ["Be brief.", "A note.", "redacted three"]
        assert sent[3] == [{"type": "text", "text": "redacted"}]
        assert history == before
        capability.remove_from_agent(agent)
        chat(call, agent, history)
        assert len(model.requests[1]["messages"]) == 6


def test_an_empty_history_stays_empty():
    assert TransformMessages(transforms=[MessageHistoryLimiter(2)])._transform_messages([]) == []
    note = [{"role": "system", "content": "A note."}]
    assert TransformMessages(transforms=[MessageHistoryLimiter(2)])._transform_messages(note) == note


class Collector:
    """A console that keeps what is printed."""

    def __init__(self):
        self.text = ""

    def print(self, *objects, sep=" ", end="\n", flush=False):
        self.text += sep.join(map(str, objects)) + end

    def input(self, prompt="", *, password=False):
        raise AssertionError("nobody is asked")


@pytest.mark.parametrize(
    ("silent", "verbose", "is_printed"), [(None, True, True), (True, True, False), (None, False, False)]
)
def test_effects_are_printed_unless_the_agent_is_silent_and_are_events_in_any_case(call, silent, verbose, is_printed):
    seen, console = [], Collector()
    messages = make_messages(LONG)
    with ScriptedModel("fine") as model, IOStream.set_default(console):
        agent = make_echo(model, silent=silent)
        transforms = [MessageHistoryLimiter(3), MessageTokenLimiter(max_tokens_per_message=3), MessageHistoryLimiter(9)]
        TransformMessages(transforms=transforms, verbose=verbose).add_to_agent(agent)
        with events.subscribe(seen.append, types=[events.ContextTransformed]):
            chat(call, agent, messages)
    assert [(event.agent, event.transform) for event in seen] == [
        ("agent", "MessageHistoryLimiter"),
        ("agent", "MessageTokenLimiter"),
    ]
    assert (seen[0].messages_before, seen[0].messages_after, seen[0].left_out) == (5, 3, [[0, 1]])
    assert (seen[1].left_out, seen[1].changed) == ([], [1, 2])
    assert seen[0].effect == "Removed 2 messages. Number of messages reduced from 5 to 3."
    if is_printed:
        assert f"{seen[0].effect} Of the messages from 0, not shown: 0-1." in console.text
        assert f"{seen[1].effect}. Of the messages from 0, changed: 1-2." in console.text
    else:
        assert "reduced" not in console.text


def test_each_text_is_counted_once_and_no_message_is_copied(monkeypatch):
    counted, count_tokens = [], counting.count_tokens

    def count_and_note(text, *args, **options):
        counted.append(text)
        return count_tokens(text, *args, **options)

    monkeypatch.setattr(counting, "count_tokens", count_and_note)
    history = []
    limiter = MessageTokenLimiter(max_tokens=300)
    for number in range(100):
        history.append({"role": "user", "content": f"A message that nobody wrote before, number {number}."})
        limited = limiter.apply_transform(history)
    # 0.2 counted and copied the whole history in each turn.
    assert sorted(text for text in counted if text.endswith(".")) == sorted(message["content"] for message in history)
    known = {id(message) for message in history}
    assert [id(message) in known for message in limited] == [True, False, *[True] * (len(limited) - 2)]


def test_one_capability_serves_several_agents_and_clones(call):
    capability = TransformMessages(transforms=[MessageTokenLimiter(max_tokens=1, model=None)], verbose=False)
    seen = []
    with ScriptedModel("fine", "fine", "fine") as model:
        first, second = make_echo(model), make_echo(model)
        second._name = "second"
        for agent in (first, second):
            agent.add_capability(capability)
        clone = first.clone()
        clone._name = "clone"
        with events.subscribe(seen.append, types=[events.ContextTransformed]):
            for agent in (first, second, clone):
                chat(call, agent, make_messages(["two words"]))
    assert [event.agent for event in seen] == ["agent", "second", "clone"]


def test_a_subclass_of_a_transform_is_honoured(call):
    class Louder(MessageHistoryLimiter):
        def apply_transform(self, messages):
            return [{**message, "content": message["content"].upper()} for message in super().apply_transform(messages)]

    class Quieter(MessageHistoryLimiter):
        def view(self, messages):
            return [{**message, "content": message["content"].lower()} for message in messages]

    capability = TransformMessages(transforms=[Louder(1), Quieter(1)], verbose=False)
    with ScriptedModel("fine") as model:
        agent = make_echo(model)
        agent.add_capability(capability)
        chat(call, agent, make_messages(["one", "Two"]))
        assert [message["content"] for message in model.requests[0]["messages"]] == ["Be brief.", "two"]


def test_a_group_chat_selects_its_speakers_by_transformed_messages(call):
    members = [ConversableAgent(name, llm_config=False, default_auto_reply=name, silent=True) for name in ("a", "b")]
    texts = [{"role": "user", "name": "a", "content": f"message {number}"} for number in range(9)]
    limits = TransformMessages(transforms=[MessageHistoryLimiter(2)], verbose=False)
    group = GroupChat(members, texts, select_speaker_transform_messages=limits, select_speaker_auto_structured=True)
    with ScriptedModel('{"next_speaker": "b"}') as model:
        selector = ConversableAgent("selector", llm_config=model.llm_config, silent=True)
        assert call(group.select_speaker, members[0], selector).name == "b"
        sent = str(model.requests[0]["messages"])
    assert [f"message {number}" in sent for number in (6, 7, 8)] == [False, True, True]
    assert len(group.messages) == 9


# Utilities


@pytest.mark.parametrize(
    ("content", "tokens", "is_empty", "is_right"),
    [
        ("Hello there!", 3, False, True),
        ("", 0, True, True),
        (None, 0, True, False),
        ([], 0, True, True),
        ([{"text": "Hello"}, {"type": "image_url", "image_url": {"url": "x"}}], 1, False, True),
        ([{"type": "image_url", "image_url": {"url": "x"}}], 0, True, True),
        (["Hello", "there"], 2, False, True),
        ([""], 0, True, True),
        (5, 0, False, False),
    ],
)
def test_contents(content, tokens, is_empty, is_right):
    assert count_text_tokens(content) == tokens
    assert transforms_util.is_content_text_empty(content) is is_empty
    assert transforms_util.is_content_right_type(content) is is_right


@pytest.mark.parametrize(("limit", "expected"), [(None, True), (0, True), (15, True), (16, False)])
def test_min_tokens(limit, expected):
    assert transforms_util.min_tokens_reached(make_messages(LONG), limit) is expected


def test_tool_calls_are_valid_unless_the_first_message_is_a_result():
    assert transforms_util.is_tool_call_valid(of_roles("user", "tool"))
    assert not transforms_util.is_tool_call_valid(of_roles("tool", "user"))


@pytest.mark.parametrize(
    ("filter_dict", "exclude", "expected"),
    [
        (None, True, True),
        ({"role": ["user"]}, True, False),
        ({"role": ["user"]}, False, True),
        ({"role": ["assistant"]}, True, True),
        ({"role": ["assistant"]}, False, False),
    ],
)
def test_filters(filter_dict, exclude, expected):
    message = {"role": "user", "content": "hello"}
    assert transforms_util.should_transform_message(message, filter_dict, exclude) is expected


def test_cached_contents_are_tuples_in_every_cache(tmp_path):
    assert transforms_util.cache_key("text", 3, "x") == "text3x"
    assert transforms_util.cache_content_get(None, "key") is None
    transforms_util.cache_content_set(None, "key", "content", 5)
    for cache in (Cache.disk(1, str(tmp_path)), InMemoryCache("seed")):
        with cache:
            assert transforms_util.cache_content_get(cache, "key") is None
            transforms_util.cache_content_set(cache, "key", "content", 5)
            assert transforms_util.cache_content_get(cache, "key") == ("content", 5)
