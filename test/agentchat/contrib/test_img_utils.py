"""`img_utils`: pictures are loaded, kept or converted, and put into messages, without opening what nobody allowed."""

from __future__ import annotations

import base64
import io
import logging
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import decode_uri, make_noise, make_picture, make_uri
from PIL import Image
from sites import redirect, serve_site

from autogen.agentchat.contrib import img_utils
from autogen.agentchat.contrib.img_utils import (
    ImageError,
    convert_base64_to_data_uri,
    extract_img_paths,
    get_image_data,
    get_pil_image,
    gpt4v_formatter,
    llava_formatter,
    message_formatter_pil_to_b64,
    pil_to_data_uri,
    prepare_for_model,
)
from autogen.fetching import FetchError, FetchPolicy

PNG = make_picture()
JPEG = make_picture(kind="JPEG")
WEBP = make_picture(kind="WEBP", lossless=True)
GIF = make_picture(kind="GIF")
B64 = base64.b64encode(PNG).decode()
RED = (200, 30, 30)


def text(content):
    return {"type": "text", "text": content}


def image(url):
    return {"type": "image_url", "image_url": {"url": url}}


def make_turned(kind: str) -> bytes:
    """Return a picture whose camera was held upright: 8 x 6 stored, 6 x 8 to be shown."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return make_picture(kind=kind, exif=exif)


def make_animation(kind: str) -> bytes:
    frames = [Image.new("RGB", (8, 6), color) for color in (RED, (0, 0, 255))]
    buffer = io.BytesIO()
    frames[0].save(buffer, kind, save_all=True, append_images=frames[1:])
    return buffer.getvalue()


def make_deep_png() -> bytes:
    """Return a PNG with sixteen bits in each of three channels, which Pillow can't write."""
    import struct
    import zlib

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", 8, 6, 16, 2, 0, 0, 0)
    row = b"\0" + struct.pack(">HHH", 200 * 257, 30 * 257, 30 * 257) * 8
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(row * 6)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("content", [PNG, JPEG, WEBP, GIF], ids=["png", "jpeg", "webp", "gif"])
def test_what_models_take_keeps_its_bytes(content, tmp_path):
    file = tmp_path / "a picture"
    file.write_bytes(content)
    encoded = base64.b64encode(content).decode()
    for source in (encoded, f'"{file}"', f" '{encoded}' ", file, content, convert_base64_to_data_uri(encoded)):
        assert get_image_data(source, use_b64=False) == content
        assert get_image_data(source) == encoded
    picture = get_pil_image(encoded)
    assert (picture.mode, picture.size) == ("RGB", (8, 6))
    assert get_pil_image(picture) is picture
    # of a picture that was changed since, the new pixels count
    picture.putpixel((0, 0), (0, 255, 0))
    assert decode_uri(pil_to_data_uri(picture)).getpixel((0, 0)) == (0, 255, 0)
    assert decode_uri(pil_to_data_uri(picture.resize((2, 2)))).size == (2, 2)


@pytest.mark.parametrize(
    ("content", "size", "color"),
    [
        pytest.param(make_turned("JPEG"), (6, 8), RED, id="a camera held upright"),
        pytest.param(make_turned("PNG"), (6, 8), RED, id="a turned png"),
        pytest.param(make_animation("GIF"), (8, 6), RED, id="an animated gif"),
        pytest.param(make_animation("PNG"), (8, 6), RED, id="an animated png"),
        pytest.param(make_animation("WEBP"), (8, 6), RED, id="an animated webp"),
        pytest.param(make_picture(color=150 * 257, mode="I;16"), (8, 6), (150, 150, 150), id="16 bits of grey"),
        pytest.param(make_deep_png(), (8, 6), RED, id="16 bits per channel"),
        pytest.param(make_picture(color=(55, 225, 225, 0), mode="CMYK", kind="JPEG"), (8, 6), RED, id="cmyk"),
        pytest.param(make_picture(kind="BMP"), (8, 6), RED, id="bmp"),
        pytest.param(make_picture(color=(55, 225, 225, 0), mode="CMYK", kind="TIFF"), (8, 6), RED, id="tiff in cmyk"),
        pytest.param(make_picture(color=0.5, mode="F", kind="TIFF"), (8, 6), None, id="tiff of floats"),
    ],
)
def test_other_pictures_are_converted_once(content, size, color):
    picture = get_pil_image(content)
    assert (picture.mode, picture.size) == ("RGB", size)
    encoded = get_image_data(picture, use_b64=False)
    assert encoded[:3] in (b"\x89PN", b"\xff\xd8\xff")
    assert get_image_data(picture, use_b64=False) is encoded
    seen = Image.open(io.BytesIO(encoded))
    assert (seen.size, getattr(seen, "n_frames", 1)) == (size, 1)
    if color:
        assert all(abs(a - b) <= 4 for a, b in zip(seen.convert("RGB").getpixel((3, 3)), color, strict=True))


def test_transparent_parts_are_white_for_pillow_and_kept_for_models():
    content = make_picture(color=(0, 0, 0, 0), mode="RGBA")
    assert get_pil_image(content).getpixel((0, 0)) == (255, 255, 255)
    assert get_image_data(content, use_b64=False) == content


def test_a_photo_is_not_ten_times_its_size():
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 3
    make_noise((200, 200)).save(buffer, "JPEG", quality=85, exif=exif)
    assert len(get_image_data(buffer.getvalue(), use_b64=False)) < 1.5 * len(buffer.getvalue())


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("no picture, at all!", "nor base64"),
        ("", "not a picture"),
        ("a\0b", "nor base64"),
        (base64.b64encode(b"GIF89a but no more").decode(), "picture"),
        (PNG[:50], "can't be read"),
        (JPEG[: len(JPEG) // 2], "can't be read"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "unknown format"),
        ("data:image/png;base64", "nor base64"),
        (make_uri(b"<svg/>", "image/svg+xml"), "unknown format"),
    ],
    ids=["words", "nothing", "a null character", "a head", "a cut png", "a cut jpeg", "postscript", "no comma", "svg"],
)
def test_what_is_not_a_picture_is_an_error_that_says_so(source, says):
    with pytest.raises(ImageError, match=says):
        get_pil_image(source)


def test_other_objects_are_refused():
    with pytest.raises(TypeError, match="got int"):
        get_pil_image(3)


def test_a_decompression_bomb_is_not_opened(monkeypatch):
    bomb = make_picture((10_000, 10_000), 0, "1")
    assert len(bomb) < 50_000
    with pytest.raises(ImageError, match="pixels"):
        get_pil_image(bomb)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10_000_000)
    with pytest.raises(ImageError, match="pixels"):
        get_pil_image(bomb)


def test_addresses_are_fetched_by_the_rules():
    routes = {
        "/a.png": (200, {"Content-Type": "image/png"}, PNG),
        "/page": "<p>no picture</p>",
        "/away": redirect("http://169.254.169.254/a.png"),
    }
    with serve_site(routes) as site:
        inside = FetchPolicy(allow_private=True)
        assert get_image_data(get_pil_image(site.url("/a.png"), policy=inside), use_b64=False) == PNG
        with pytest.raises(ImageError):
            get_pil_image(site.url("/page"), policy=inside)
        with pytest.raises(FetchError, match="404"):
            get_pil_image(site.url("/none"), policy=inside)
        with pytest.raises(FetchError, match="credentials"):
            get_pil_image(site.url("/away"), policy=inside)
        site.requests.clear()
        with pytest.raises(FetchError, match="not fetched"):
            get_pil_image(site.url("/a.png"))
        assert gpt4v_formatter(f"<img {site.url('/a.png')}>") == [text(f"<img {site.url('/a.png')}>")]
        assert site.requests == []


@pytest.mark.parametrize(
    ("content", "media_type"),
    [(PNG, "png"), (JPEG, "jpeg"), (GIF, "gif"), (WEBP, "webp"), (b"BM something", "jpeg"), (b"", "jpeg")],
)
def test_the_type_of_a_data_uri_is_that_of_its_bytes(content, media_type):
    encoded = base64.b64encode(content).decode()
    assert convert_base64_to_data_uri(encoded) == f"data:image/{media_type};base64,{encoded}"


def test_tags_become_parts_in_order(tmp_path, caplog):
    file = tmp_path / "my cat.jpg"
    file.write_bytes(JPEG)
    prompt = f'See <img {B64}> and <img src="{file}" alt="x">, <img nothing.png>!'
    tail = text(", <img nothing.png>!")
    parts = gpt4v_formatter(prompt)
    assert parts == [text("See "), image(make_uri(PNG)), text(" and "), image(make_uri(JPEG, "image/jpeg")), tail]
    assert "nothing.png" in caplog.text
    pil = gpt4v_formatter(prompt, "pil")
    assert pil[1]["image_url"]["url"] == get_pil_image(PNG)
    assert [part["type"] for part in pil] == ["text", "image_url", "text", "image_url", "text"]
    urls = gpt4v_formatter(prompt, "url")
    assert [part["image_url"]["url"] for part in urls if part["type"] == "image_url"] == [B64, str(file), "nothing.png"]
    assert gpt4v_formatter("{x} no <image>") == [text("{x} no <image>")]
    assert gpt4v_formatter(f"<img {B64}>") == [image(make_uri(PNG)), text("")]
    with pytest.raises(AssertionError):
        gpt4v_formatter("x", "jpeg")


def test_patches_of_the_module_are_used_by_the_formatters(monkeypatch):
    monkeypatch.setattr(img_utils, "get_image_data", lambda source: f"data of {source}")
    monkeypatch.setattr(img_utils, "get_pil_image", lambda source: f"picture of {source}")
    assert gpt4v_formatter("<img x>")[0] == image("data:image/jpeg;base64,data of x")
    assert gpt4v_formatter("<img x>", "pil")[0] == image("picture of x")
    assert llava_formatter("a <img x>") == ("a <image>", ["data of x"])


def test_llava_gets_text_and_pictures_apart(caplog):
    prompt = f"One <img {B64}>, two <img {B64}>, three <img nothing.png>."
    assert llava_formatter(prompt) == ("One <image>, two <image>, three .", [B64, B64])
    assert llava_formatter(prompt, order_image_tokens=True)[0] == "One <image 0>, two <image 1>, three ."
    assert "left out" in caplog.text


def test_paths_of_pictures_are_found_in_a_text():
    paragraph = "See https://x.org/a/b.PNG, plot.jpeg and ./out/c-1.gif; /tmp/d.bmp (not e.txt or f.pngx). C:\\g\\h.jpg"
    assert extract_img_paths(paragraph) == [
        *("https://x.org/a/b.PNG", "plot.jpeg", "./out/c-1.gif", "/tmp/d.bmp", "C:\\g\\h.jpg")
    ]


def test_messages_with_pictures_of_pillow_become_json():
    plain = {"role": "user", "content": "no picture"}
    messages = [
        plain,
        {"content": [text("a"), image(get_pil_image(PNG)), image("https://x.org/a.png"), image(make_uri(PNG)), "b"]},
        {"content": None},
    ]
    changed = message_formatter_pil_to_b64(messages)
    urls = [part["image_url"]["url"] for part in changed[1]["content"][1:4]]
    assert urls == [make_uri(PNG), "https://x.org/a.png", make_uri(PNG)]
    assert changed[0] is plain
    assert messages[1]["content"][1]["image_url"]["url"] == get_pil_image(PNG)


def test_a_picture_is_prepared_for_models():
    assert prepare_for_model(PNG) == make_uri(PNG)
    wide = make_picture((5000, 100))
    assert decode_uri(prepare_for_model(wide)).size == (2048, 41)
    assert decode_uri(prepare_for_model(wide, detail="low")).width == 512
    assert decode_uri(prepare_for_model(wide, max_side=100)).width == 100
    noise = make_noise()
    small = prepare_for_model(noise, max_bytes=20_000)
    assert len(base64.b64decode(small.partition(",")[2])) <= 20_000
    assert noise.size == (300, 300)
    with pytest.raises(ImageError, match="smaller than 10 bytes"):
        prepare_for_model(noise, max_bytes=10)
    with pytest.raises(ValueError, match="detail must be one of"):
        prepare_for_model(PNG, detail="hi")


@given(st.text(st.sampled_from("<img >srcx='\"=\\n./{}") | st.characters(), max_size=60))
def test_no_text_is_lost_or_an_error(prompt):
    logging.getLogger(img_utils.__name__).setLevel(logging.CRITICAL)
    try:
        parts = gpt4v_formatter(prompt)
        assert "".join(part["text"] for part in parts) == prompt
        assert llava_formatter(prompt)[1] == []
        shown = "".join(
            part.get("text") if part["type"] == "text" else part["image_url"]["url"]
            for part in gpt4v_formatter(prompt, "url")
        )
        assert len(shown) <= len(prompt)
    finally:
        logging.getLogger(img_utils.__name__).setLevel(logging.NOTSET)


@given(
    st.text(max_size=80) | st.binary(max_size=80).map(lambda raw: "data:image/png;base64," + base64.b64encode(raw).decode())
)
def test_any_source_is_a_picture_or_an_error(source):
    if source.lower().startswith(("http:", "https:")) or os.path.isfile(source.replace("\0", "")):
        return
    with pytest.raises(ImageError):
        get_pil_image(source)
