"""Compression of texts: the compressor of the package, those of programs, and the adapter for LLMLingua."""

import copy
import sys
from types import ModuleType

import pytest

from autogen import Cache
from autogen._untrusted import mark_untrusted
from autogen.agentchat.contrib.capabilities import text_compressors
from autogen.agentchat.contrib.capabilities.text_compressors import ExtractiveCompressor, LLMLingua, TextCompressor
from autogen.agentchat.contrib.capabilities.transforms import TextMessageCompressor
from autogen.agentchat.contrib.capabilities.transforms_util import count_text_tokens

ARTICLE = """Skip to content
Accept all cookies
The harbour of Rotterdam is the largest in Europe. It was dug in 1872. Boats come and go all day.
The weather was nice and people walked around. Some of them had ice cream. It melted.
The harbour handles 440 million tonnes of cargo in a year. Cargo is measured in tonnes.
The harbour handles 440 million tonnes of cargo in a year. Cargo is measured in tonnes.
```python
def moor(ship):
    return ship.rope
```
Somebody said something about something. Nobody knows what it was. Things happen.
All rights reserved."""


class Halving:
    """A compressor of a program."""

    def __init__(self, key="compressed_prompt"):
        self.calls = []
        self.key = key

    def compress_text(self, text, **params):
        self.calls.append((text, params))
        half = text[: len(text) // 2]
        return {self.key: half, "origin_tokens": len(text), "compressed_tokens": len(half)}


def make_messages(*contents):
    return [{"role": "user", "content": content} for content in contents]


# TextMessageCompressor


@pytest.mark.parametrize("key", ["compressed_prompt", "compressed_text"])
def test_texts_are_compressed_once_and_the_messages_stay(key):
    compressor = Halving(key)
    transform = TextMessageCompressor(compressor, compression_params={"rate": 0.5})
    # 0.2 forgot the results of plain texts in a list.
    messages = make_messages("abcd", ["efgh", {"type": "text", "text": "ijkl"}, {"type": "image_url"}], None, "")
    messages.append({"role": "tool", "tool_responses": [{"role": "tool", "tool_call_id": "1", "content": "mnop"}]})
    before = copy.deepcopy(messages)
    for _ in range(2):
        compressed = transform.apply_transform(messages)
        assert [message.get("content") for message in compressed[:4]] == [
            "ab",
            ["ef", {"type": "text", "text": "ij"}, {"type": "image_url"}],
            None,
            "",
        ]
        assert compressed[4]["tool_responses"][0]["content"] == "mn"
        assert transform.get_logs(messages, compressed) == ("8 tokens saved with text compression.", True)
    assert [text for text, _ in compressor.calls] == ["abcd", "efgh", "ijkl", "mnop"]
    assert compressor.calls[0][1] == {"rate": 0.5}
    assert messages == before


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ["ab", "ab"]),
        ({"filter_dict": {"role": ["user"]}}, ["abcd", "ab"]),
        ({"filter_dict": {"role": ["user"]}, "exclude_filter": False}, ["ab", "abcd"]),
        ({"min_tokens": 2}, ["ab", "ab"]),
        ({"min_tokens": 100}, ["abcd", "abcd"]),
    ],
)
def test_some_messages_are_compressed(options, expected):
    messages = [{"role": "user", "content": "abcd"}, {"role": "assistant", "content": "abcd"}]
    transform = TextMessageCompressor(Halving(), **options)
    compressed = transform.apply_transform(messages)
    assert [message["content"] for message in compressed] == expected
    if expected == ["abcd", "abcd"]:
        assert compressed is messages
        assert transform.get_logs(messages, compressed) == ("No tokens saved with text compression.", False)


def test_an_invalid_limit_or_result_is_an_error():
    with pytest.raises(ValueError, match="min_tokens must be None or at least 1"):
        TextMessageCompressor(Halving(), min_tokens=0)
    with pytest.raises(ValueError, match=r"Halving\.compress_text must return a dict with a text"):
        TextMessageCompressor(Halving("other")).apply_transform(make_messages("abcd"))


def test_a_cache_keeps_results_by_compressor_and_parameters(tmp_path):
    # 0.2 confused results of different parameters.
    compressors = [Halving() for _ in range(3)]
    with Cache.disk(1, str(tmp_path)) as cache:
        for compressor, params in zip(compressors, ({}, {}, {"rate": 0.1}), strict=True):
            transform = TextMessageCompressor(compressor, cache=cache, compression_params=params)
            compressed = transform.apply_transform(make_messages("abcd"))
            assert compressed[0]["content"] == "ab"
            assert transform.get_logs([], []) == ("2 tokens saved with text compression.", True)
    assert [len(compressor.calls) for compressor in compressors] == [1, 0, 1]


# ExtractiveCompressor


def test_boilerplate_goes_first_code_and_facts_stay():
    compressor = ExtractiveCompressor(ratio=0.6)
    assert isinstance(compressor, TextCompressor)
    result = compressor.compress_text(ARTICLE)
    text = result["compressed_prompt"]
    assert "```python\ndef moor(ship):\n    return ship.rope\n```" in text
    assert text.count("440 million tonnes") == 1
    for gone in ("cookies", "Skip to content", "All rights reserved"):
        assert gone not in text
    assert "[…]" in text
    assert text.index("Rotterdam") < text.index("440") < text.index("def moor")
    assert result["compressed_tokens"] == count_text_tokens(text) <= 0.6 * result["origin_tokens"]
    assert result["origin_tokens"] == count_text_tokens(ARTICLE)


@pytest.mark.parametrize(
    ("query", "kept"), [("What did people eat, ice cream?", "ice cream"), ("When was it dug?", "dug in 1872")]
)
def test_a_query_decides_what_is_kept(query, kept):
    prose = ARTICLE.replace("```python\ndef moor(ship):\n    return ship.rope\n```\n", "")
    for compressor, params in (
        (ExtractiveCompressor(max_tokens=30, query=query), {}),
        (ExtractiveCompressor(), {"max_tokens": 30, "query": query}),
    ):
        result = compressor.compress_text(prose, **params)
        assert kept in result["compressed_prompt"]
        assert result["compressed_tokens"] <= 30
    # The last message of the user is the query, unless there is another.
    [compressed, _] = TextMessageCompressor(ExtractiveCompressor(max_tokens=30)).apply_transform(make_messages(prose, query))
    assert kept in compressed["content"]


@pytest.mark.parametrize("text", ["", "short", "One sentence. Another one.", "```\ncode\n```"])
def test_a_short_text_stays(text):
    assert ExtractiveCompressor(max_tokens=20).compress_text(text)["compressed_prompt"] == text


def test_limits_are_kept_by_texts_without_sentences():
    for text in ("word " * 1000, "x" * 5000, "```\n" + "code()\n" * 1000):
        result = ExtractiveCompressor(max_tokens=50).compress_text(text)
        assert 0 < result["compressed_tokens"] <= 50


def test_the_marks_of_a_text_from_outside_stay():
    marked = mark_untrusted(ARTICLE, "http://a.test/")
    first, *_, last = marked.split("\n")
    text = ExtractiveCompressor(max_tokens=110).compress_text(marked)["compressed_prompt"]
    assert text.startswith(first)
    assert text.endswith(last)
    assert "[…]" in text


@pytest.mark.parametrize("options", [{"ratio": 0}, {"ratio": 1.5}, {"max_tokens": 0}])
def test_invalid_settings_are_refused(options):
    with pytest.raises(ValueError, match="must be"):
        ExtractiveCompressor(**options)


# LLMLingua


class StandIn:
    """A stand-in for LLMLingua's `PromptCompressor`, whose weights come from a hub: for the contract alone."""

    def __init__(self, **settings):
        self.settings = settings

    def compress_prompt(self, context, **params):
        [text] = context
        words = text.split()[: params.get("target_token", 2)]
        return {"compressed_prompt": " ".join(words), "origin_tokens": len(text.split()), "compressed_tokens": len(words)}

    def structured_compress_prompt(self, context, **params):
        return {"compressed_prompt": f"structured: {context[0]}"}


@pytest.fixture
def llmlingua(monkeypatch):
    module = ModuleType("llmlingua")
    module.PromptCompressor = StandIn
    monkeypatch.setitem(sys.modules, "llmlingua", module)


def test_a_stand_in_for_llmlingua_gets_the_text_and_the_parameters(llmlingua):
    transform = TextMessageCompressor(compression_params={"target_token": 3})
    messages = make_messages("one two three four five")
    compressed = transform.apply_transform(messages)
    assert compressed == make_messages("one two three")
    assert transform.get_logs(messages, compressed) == ("2 tokens saved with text compression.", True)
    structured = LLMLingua({"model_name": "a-model"}, structured_compression=True)
    assert structured.compress_text("one")["compressed_prompt"] == "structured: one"


def test_without_its_package_llmlingua_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "llmlingua", None)
    for make in (LLMLingua, TextMessageCompressor):
        with pytest.raises(ImportError, match=r"LLMLingua needs the package 'llmlingua'.*autogen-classic\[long-context\]"):
            make()
    assert text_compressors.IMPORT_ERROR is None or isinstance(text_compressors.IMPORT_ERROR, ImportError)
