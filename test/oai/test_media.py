"""Pictures and other media in requests: each endpoint gets the form that it takes, and models that don't see get words."""

from __future__ import annotations

import io
import json

import pytest
from pictures import make_picture
from PIL import Image
from sites import serve_site
from vendors import Vendor

from autogen import ConversableAgent
from autogen._images.data_uris import make_data_uri
from autogen._images.storage import detach_pictures
from autogen.cache.in_memory_cache import InMemoryCache
from autogen.fetching import FetchPolicy, set_default_policy
from autogen.oai import OpenAIWrapper
from autogen.oai._once import _emitted
from autogen.oai._requests import media
from autogen.oai.abilities import get_abilities
from autogen.testing import OpenAIServer
from autogen.token_count_utils import estimate_tokens

PNG = make_picture()
URI = make_data_uri(PNG, "image/png")


def image(url, **detail):
    return {"type": "image_url", "image_url": {"url": url, **detail}}


def text(content):
    return {"type": "text", "text": content}


def ask(call, client, *parts, **settings):
    messages = [{"role": "user", "content": [text("see "), *parts]}]
    call(client.create, messages=messages, cache_seed=None, **settings)
    assert messages == [{"role": "user", "content": [text("see "), *parts]}]


@pytest.fixture(autouse=True)
def nothing_known():
    media._fetched.clear()
    _emitted.clear()
    yield
    set_default_policy(FetchPolicy())


@pytest.fixture
def server():
    with OpenAIServer(lambda messages: "fine") as server:
        yield server


def get_parts(server):
    return server.requests[-1]["messages"][-1]["content"]


def test_pictures_of_this_process_become_data(call, server, tmp_path):
    picture, path = Image.open(io.BytesIO(PNG)), tmp_path / "a.bmp"
    path.write_bytes(make_picture(kind="BMP"))
    client = OpenAIWrapper(**server.llm_config)
    bmp_uri = make_data_uri(make_picture(kind="BMP"), "image/bmp")
    ask(call, client, image(picture), image(PNG), image(path), image(str(path)), {"type": "image_url", "image_url": path})
    parts = get_parts(server)
    assert parts[2] == image(URI)
    assert all(part["image_url"]["url"].startswith("data:image/png;base64,") for part in parts[1:])
    ask(call, client, image(bmp_uri), image(URI), image("https://example.org/a.png", detail="low"), image("file-id"))
    parts = get_parts(server)
    assert parts[1]["image_url"]["url"].startswith("data:image/png;base64,")
    assert parts[2:] == [image(URI), image("https://example.org/a.png", detail="low"), image("file-id")]
    ask(call, client, image(make_picture((3000, 30)), detail="low"))
    assert len(get_parts(server)[1]["image_url"]["url"]) < 10_000


def test_audio_and_files_may_be_paths_or_bytes(call, server, tmp_path):
    paper = tmp_path / "a.pdf"
    paper.write_bytes(b"%PDF-1.4")
    client = OpenAIWrapper(**server.llm_config)
    file, audio = {"file_data": paper, "filename": "a.pdf"}, {"data": b"RIFF", "format": "wav"}
    ask(call, client, {"type": "file", "file": file}, {"type": "input_audio", "input_audio": audio})
    assert get_parts(server)[1:] == [
        {"type": "file", "file": {**file, "file_data": make_data_uri(b"%PDF-1.4", "application/pdf")}},
        {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
    ]


def test_what_can_not_be_read_becomes_a_word(call, server, tmp_path, caplog):
    broken = tmp_path / "a.png"
    broken.write_bytes(PNG[:50])
    ask(call, OpenAIWrapper(**server.llm_config), image(broken), image(tmp_path / "none.png"))
    assert get_parts(server) == "see <image><image>"
    assert "can't be read" in caplog.text


# Kinds of media that each row takes, and whether it fetches addresses.
ROWS = {
    "openai": ("image audio file video", True),
    "mistral": ("image audio", True),
    "groq": ("image", True),
    "together": ("image audio video", True),
    "cohere": ("image", True),
    "cerebras": ("", True),
    "ollama": ("image", False),
    "deepseek": ("", True),
    "xai": ("image file", True),
    "openrouter": ("image audio file video", True),
    "lmstudio": ("image", False),
    "vllm": ("image audio file video", True),
}
PARTS = {
    "image": image(URI),
    "audio": {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "wav"}},
    "file": {"type": "file", "file": {"file_id": "f"}},
    "video": {"type": "video_url", "video_url": {"url": "data:video/mp4;base64,QUJD"}},
}


@pytest.mark.parametrize("api_type", ROWS)
def test_each_row_gets_the_media_that_it_takes(server, api_type):
    kinds, fetches = ROWS[api_type]
    entry = {**server.config, "api_type": api_type, "model": "a-model"}
    address = [image("https://example.org/a.png")] if fetches else []
    content = [text("see "), *PARTS.values(), *address]
    client = OpenAIWrapper(config_list=[entry])
    client.create(messages=[{"role": "user", "content": content}], cache_seed=None)
    sent = get_parts(server)
    got = sent if isinstance(sent, str) else "".join(part.get("text", "") for part in sent)
    assert {kind for kind in PARTS if f"<{kind}>" not in got} == set(kinds.split())
    if kinds:
        assert [part for part in sent if part["type"] != "text"][: len(kinds.split())] == [
            PARTS[kind] for kind in kinds.split()
        ]


@pytest.mark.parametrize("api_type", ["ollama", "lmstudio"])
def test_addresses_are_fetched_for_endpoints_that_do_not(call, server, api_type):
    set_default_policy(FetchPolicy(allow_private=True))
    with serve_site({"/a.png": PNG}) as site:
        client = OpenAIWrapper(config_list=[{**server.config, "api_type": api_type}])
        for _ in range(2):
            ask(call, client, image(site.url("/a.png"), detail="high"), image(site.url("/none")))
        assert get_parts(server)[1:] == [image(URI, detail="high"), text("<image>")]
        assert site.paths.count("/a.png") == 1


def test_no_address_of_this_network_is_sent_or_fetched(call, server, caplog):
    with serve_site({"/a.png": PNG}) as site:
        ask(call, OpenAIWrapper(**server.llm_config), image(site.url("/a.png?key=secret")), text("!"))
        assert get_parts(server) == "see <image>!"
        assert site.paths == []
    assert "allow_private" in caplog.text or "not fetched" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"model": "gpt-3.5-turbo"}, "see <image>"),
        ({"model": "vendor/deepseek-chat"}, "see <image>"),
        ({"model": "gpt-3.5-turbo", "vision": True}, [text("see "), image(URI)]),
        ({"model": "gpt-5-mini", "vision": False}, "see <image>"),
        (
            {"model": "gpt-5-mini", "vision": False, "image_captioner": lambda url: f"a\nred {url[:9]}\u202e"},
            "see [image: a red data:imag]",
        ),
    ],
    ids=["blind", "blind, with its vendor", "the program knows better", "the program knows", "captions"],
)
def test_models_that_do_not_see_get_words(call, server, caplog, settings, expected):
    client = OpenAIWrapper(config_list=[{**server.config, **settings}])
    ask(call, client, image(URI))
    ask(call, client, image(URI))
    assert get_parts(server) == expected
    assert not {"vision", "image_captioner"} & server.requests[-1].keys()
    is_told = expected == "see <image>"
    assert caplog.text.count("takes no image") == is_told


def test_a_captioner_may_be_a_coroutine_function(call, server):
    async def caption(url):
        return "a square"

    client = OpenAIWrapper(config_list=[{**server.config, "vision": False}], image_captioner=caption)
    ask(call, client, image(URI))
    assert get_parts(server) == "see [image: a square]"


REFUSALS = [
    "image_url is only supported by certain models.",
    "This model does not support image input.",
    "Failed to deserialize: messages[0]: unknown variant `image_url`, expected `text`",
    "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj",
    "llama-x is not a multimodal model",
]


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_refusal_of_pictures_is_remembered(call, refusal):
    vendor = Vendor([lambda body: refusal if "image_url" in json.dumps(body["messages"]) else None])
    with OpenAIServer(vendor) as server:
        client = OpenAIWrapper(**server.llm_config)
        for _ in range(2):
            ask(call, client, image(URI))
        assert [request["messages"][-1]["content"] for request in server.requests[-2:]] == ["see <image>"] * 2
    assert vendor.refused == [refusal]


def test_a_picture_that_an_endpoint_finds_damaged_is_an_error(server):
    refusal = "Invalid image: the image data you provided does not represent a valid image."
    vendor = Vendor([lambda body: refusal if "image_url" in json.dumps(body["messages"]) else None])
    with OpenAIServer(vendor) as server, pytest.raises(Exception, match="Invalid image"):
        OpenAIWrapper(**server.llm_config).create(messages=[{"role": "user", "content": [image(URI)]}], cache_seed=None)


def test_the_next_endpoint_sees_though_the_first_does_not():
    with OpenAIServer(Vendor([lambda body: "no"], status=401)) as blind, OpenAIServer(lambda messages: "fine") as sighted:
        client = OpenAIWrapper(config_list=[{**blind.config, "vision": False}, {**sighted.config, "vision": True}])
        client.create(messages=[{"role": "user", "content": [image(URI)]}], cache_seed=None)
        assert get_parts(sighted) == [image(URI)]


def test_a_cache_finds_a_picture_again_and_its_key_is_short(call, server, tmp_path):
    class Cache(InMemoryCache):
        keys = []

        def set(self, key, value):
            self.keys.append(key)
            super().set(key, value)

    path = tmp_path / "a.png"
    noise = Image.effect_noise((400, 400), 90)
    noise.save(path)
    cache, client = Cache(), OpenAIWrapper(**server.llm_config)
    for source in (noise, path, Image.open(path), path.read_bytes()):
        call(client.create, messages=[{"role": "user", "content": [image(source)]}], cache=cache)
    assert len(server.requests) == 1
    assert [len(key) < 1000 for key in cache.keys] == [True]
    call(client.create, messages=[{"role": "user", "content": [image(Image.effect_noise((400, 400), 90))]}], cache=cache)
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "model", ["gpt-4o", "gpt-4.1", "gpt-5", "claude-sonnet-4-5", "gemini-2.5-flash", "llama-3.2-11b-vision-preview"]
)
def test_models_that_see_are_not_called_blind(model):
    assert get_abilities(model).vision is not False
    assert get_abilities(f"vendor/{model}").vision is not False


@pytest.mark.parametrize(
    "model", ["gpt-4", "gpt-4-0613", "o3-mini", "llama3.1", "llama-3.3-70b-versatile", "qwen2.5-coder", "mixtral-8x7b"]
)
def test_models_without_eyes_are_known(model):
    assert get_abilities(model).vision is False


def test_agents_send_pictures_and_stored_texts_stay_short(call, server):
    agent = ConversableAgent("a", llm_config=server.llm_config, human_input_mode="NEVER", silent=True)
    call(agent.generate_reply, messages=[{"role": "user", "content": [text("see"), image(Image.open(io.BytesIO(PNG)))]}])
    assert get_parts(server) == [text("see"), image(URI)]
    stored = []
    short = detach_pictures(json.dumps({"a": URI}), lambda *picture: stored.append(picture))
    assert (short, stored) == (json.dumps({"a": URI}), [])


def test_a_picture_of_pillow_has_the_tokens_of_its_size():
    small, large = (Image.new("RGB", (side, side)) for side in (100, 900))
    counts = [estimate_tokens([{"role": "user", "content": [image(picture)]}], "gpt-4o") for picture in (small, large)]
    assert counts[1] - counts[0] == 3 * 170
