"""Pictures in messages: loading, encoding, and the forms in which models take them.

A picture is given as an address, a data URI, a path, base64 text, or a picture of Pillow. Addresses are fetched by the rules
of `autogen.fetching`. Pictures that models take as they are keep their original bytes.

>>> gpt4v_formatter("Is <img https://example.org/cat.png> a cat?", "url")  # doctest: +NORMALIZE_WHITESPACE
[{'type': 'text', 'text': 'Is '},
 {'type': 'image_url', 'image_url': {'url': 'https://example.org/cat.png'}},
 {'type': 'text', 'text': ' a cat?'}]
"""

from __future__ import annotations

import base64
import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..._images.data_uris import decode_base64, find_type, is_data_uri, make_data_uri, parse_data_uri
from ..._images.pictures import (
    MAX_BYTES,
    MAX_SIDE,
    ImageError,
    choose_side,
    encode_picture,
    is_picture,
    make_picture_uri,
    read_picture,
    shrink_picture,
)
from ..._images.sources import find_file, is_address
from ..._mistakes import trim_stop
from ...fetching import FetchPolicy, fetch
from ...types import Message
from ..utils import parse_tags_from_content

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = [
    "ImageError",
    "convert_base64_to_data_uri",
    "extract_img_paths",
    "get_image_data",
    "get_pil_image",
    "gpt4v_formatter",
    "llava_formatter",
    "message_formatter_pil_to_b64",
    "pil_to_data_uri",
    "prepare_for_model",
]

logger = logging.getLogger(__name__)

ImageSource = Any
"""A picture of Pillow, a path, an address, a data URI, base64 text, or the bytes of a picture."""

_WEB = ("http://", "https://")
_IMAGE_PATH = re.compile(r"(?:\bhttps?://\S+|(?<![\w\-./\\~:])[\w\-./\\~:]+)\.(?:jpg|jpeg|png|gif|bmp)\b", re.IGNORECASE)


def get_pil_image(image_file: ImageSource, *, policy: FetchPolicy | None = None) -> Image:
    """Load a picture.

    Args:
        image_file: A picture of Pillow, which is returned as it is; or text, without the quotes around it: an address, a
            data URI, the path of a file, or base64. Paths and bytes are taken, too.
        policy: Rules for an address; None for those of the process.

    Returns:
        The picture in RGB, upright; of an animation the first frame.

    Raises:
        ImageError: if it is not a picture, is damaged, or has too many pixels.
        FetchError: if the address is refused, or can't be fetched.
        ImportError: if Pillow is not installed.
    """
    if is_picture(image_file):
        return image_file  # type: ignore[no-any-return]
    if isinstance(image_file, (bytes, bytearray)):
        return read_picture(bytes(image_file))
    if isinstance(image_file, os.PathLike):
        return read_picture(_read_file(Path(image_file)))
    if not isinstance(image_file, str):
        raise TypeError(f"image_file must be text, a path, bytes or a picture of Pillow, got {type(image_file).__name__}.")
    return read_picture(_load(_strip_quotes(image_file), policy))


def _load(source: str, policy: FetchPolicy | None) -> bytes:
    if source.lower().startswith(_WEB):
        return fetch(source, policy=policy).raise_for_status().content
    try:
        if is_data_uri(source):
            return parse_data_uri(source)[1]
        if _is_file(source):
            return _read_file(Path(source))
        return decode_base64(source)
    except ValueError as error:
        shown = source if len(source) <= 100 else f"{source[:100]}..."
        raise ImageError(
            f"{shown!r} is not a picture: neither an address, nor a data URI, nor the path of a file, nor base64."
        ) from error


def _is_file(source: str) -> bool:
    try:
        return os.path.isfile(source)
    # A null character.
    except ValueError:
        return False


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ImageError(f"The picture {path} can't be read: {trim_stop(error.strerror or error)}.") from error


def _strip_quotes(source: str) -> str:
    source = source.strip()
    is_quoted = len(source) > 1 and source[0] == source[-1] and source[0] in "'\""
    return source[1:-1] if is_quoted else source


def get_image_data(image_file: ImageSource, use_b64: bool = True) -> bytes | str:
    """Return the bytes of a picture: the original ones if models take them, else those of a PNG or a JPEG.

    Args:
        image_file: The picture, as for `get_pil_image`.
        use_b64: True for base64 text.
    """
    content = encode_picture(get_pil_image(image_file)).content
    return base64.b64encode(content).decode() if use_b64 else content


def pil_to_data_uri(image: Image) -> str:
    """Return a picture as a data URI."""
    return make_picture_uri(image)


def convert_base64_to_data_uri(base64_image: str) -> str:
    """Return base64 text as a data URI. The type is that of its first bytes; `image/jpeg` if it is unknown."""
    # 16 bytes are enough for each type.
    try:
        start = decode_base64(base64_image[:24])
    except ValueError:
        start = b""
    return f"data:{find_type(start) or 'image/jpeg'};base64,{base64_image}"


def prepare_for_model(image: ImageSource, max_side: int = MAX_SIDE, max_bytes: int = MAX_BYTES, detail: str = "auto") -> str:
    """Return a picture as a data URI that models take: upright, and within their limits.

    Args:
        image: The picture, as for `get_pil_image`.
        max_side: Maximum number of pixels of the longer side.
        max_bytes: Maximum number of bytes.
        detail: `low` for a small picture of 512 pixels at most; `auto`, `high` or `original` for `max_side`.

    Raises:
        ImageError: if it can't be read, or made small enough.
        ValueError: if there is no such `detail`.
    """
    encoding = shrink_picture(get_pil_image(image), choose_side(detail, max_side), max_bytes)
    return make_data_uri(encoding.content, encoding.media_type)


def gpt4v_formatter(prompt: str, img_format: Literal["uri", "url", "pil"] | str = "uri") -> list[str | Message]:
    """Convert a text with `<img ...>` tags to content parts, in order. The last part is text.

    A picture that can't be loaded stays in the text as its tag, with a warning. A path is opened only if the program or the
    human named it, or it is in an allowed folder; see `MultimodalConversableAgent`.

    Args:
        prompt: The text.
        img_format: Form of the pictures: `uri` for data URIs, `url` for the text as it is, `pil` for pictures of Pillow.

    Raises:
        AssertionError: if there is no such form.
    """
    assert img_format in ("uri", "url", "pil"), f"img_format must be 'uri', 'url' or 'pil', got {img_format!r}."

    def convert(source: str) -> object:
        if img_format == "url":
            return source
        allowed = check_source(source)
        return convert_base64_to_data_uri(str(get_image_data(allowed))) if img_format == "uri" else get_pil_image(allowed)

    return split_by_pictures(prompt, convert)


def split_by_pictures(prompt: str, convert: Callable[[str], object]) -> list[str | Message]:
    """Convert a text with `<img ...>` tags to content parts.

    Args:
        prompt: The text.
        convert: Converts the source of a picture to the `url` of its part. If it raises an `ImageError` or an `OSError`, the
            tag stays in the text.
    """
    parts: list[str | Message] = []
    text = ""
    for before, tag, source in _iter_tags(prompt):
        text += before
        try:
            url = convert(source)
        except (ImageError, OSError) as error:
            logger.warning("A picture of a message is not loaded: %s", error)
            text += tag
            continue
        # Before the first picture there is no part without text, as in 0.2.
        if text:
            parts.append({"type": "text", "text": text})
        text = ""
        parts.append({"type": "image_url", "image_url": {"url": url}})
    end = sum(len(before) + len(tag) for before, tag, _ in _iter_tags(prompt))
    parts.append({"type": "text", "text": text + prompt[end:]})
    return parts


def _iter_tags(prompt: str) -> Iterator[tuple[str, str, str]]:
    """Yield for each tag the text in front of it, the tag, and its source."""
    end = 0
    for tag in parse_tags_from_content("img", prompt):
        match = tag["match"]
        yield prompt[end : match.start()], match[0], _strip_quotes(tag["attr"].get("src", ""))
        end = match.end()


def check_source(source: str, folders: Sequence[str | os.PathLike[str]] = ()) -> str:
    """Return the source of a picture in a message, with a path resolved.

    Args:
        source: An address, a data URI, a path, or base64.
        folders: Folders that are allowed besides those of the chat.

    Raises:
        ImageError: if it is the path of a file that nobody allowed.
    """
    if not is_address(source) and (file := find_file(source, folders)) is not None:
        return str(file)
    return source


def llava_formatter(prompt: str, order_image_tokens: bool = False) -> tuple[str, list[str]]:
    """Separate the pictures of a text with `<img ...>` tags from it, for models that take them beside it.

    Args:
        prompt: The text.
        order_image_tokens: True to number the placeholders: `<image 0>`, `<image 1>`...

    Returns:
        The text with `<image>` in place of the tags, and the pictures as base64. The tag of a picture that can't be loaded
        is removed, with a warning.
    """
    text, images, end = "", [], 0
    for before, tag, source in _iter_tags(prompt):
        text += before
        end += len(before) + len(tag)
        try:
            images.append(str(get_image_data(check_source(source))))
        except (ImageError, OSError) as error:
            logger.warning("A picture of a message is left out: %s", error)
            continue
        text += f"<image {len(images) - 1}>" if order_image_tokens else "<image>"
    return text + prompt[end:], images


def extract_img_paths(paragraph: str) -> list[str]:
    """Return the addresses and paths in a text that end in jpg, jpeg, png, gif or bmp, in any case."""
    return _IMAGE_PATH.findall(paragraph)


def message_formatter_pil_to_b64(messages: Sequence[Message]) -> list[Message]:
    """Return the messages with pictures of Pillow as data URIs. Addresses and data URIs stay as they are."""
    return [
        {**message, "content": [_convert_part(part) for part in message["content"]]}
        if isinstance(message, Mapping) and isinstance(message.get("content"), list)
        else message
        for message in messages
    ]


def _convert_part(part: Any) -> Any:
    if not isinstance(part, Mapping) or not isinstance(image := part.get("image_url"), Mapping):
        return part
    url: Any = image.get("url")
    return {**part, "image_url": {**image, "url": pil_to_data_uri(url)}} if is_picture(url) else part


def _to_pil(data: str) -> Image:
    """Return the picture of a base64 text: 0.2's private name, which programs import."""
    return read_picture(decode_base64(data))
