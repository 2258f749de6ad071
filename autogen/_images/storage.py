"""Large pictures in stored texts: they are kept once, by the hash of their bytes, and a short reference stands for them."""

from __future__ import annotations

import contextlib
import hashlib
import mimetypes
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .._folders import replace_file
from .data_uris import decode_base64, make_data_uri, parse_data_uri
from .pictures import ImageError, is_picture, make_picture_uri, read_picture

MAX_INLINE = 64 * 1024
"""Number of bytes up to which a picture stays in the text."""

_MIN_CHARS = (MAX_INLINE + 1) * 4 // 3
_LARGE = re.compile(rf"data:([\w.+-]{{1,64}}/[\w.+-]{{1,64}});base64,([A-Za-z0-9+/]{{{_MIN_CHARS},}}={{0,2}})", re.ASCII)
_REFERENCE = re.compile(r"data:([\w.+-]{1,64}/[\w.+-]{1,64});sha256=([0-9a-f]{64}),", re.ASCII)


def detach_pictures(text: str, store: Callable[[str, str, bytes], None]) -> str:
    """Return a text, such as JSON, with references in place of the data URIs of large pictures.

    Args:
        text: The text.
        store: Called with the digest, the media type and the bytes of each picture.
    """
    if len(text) < _MIN_CHARS:
        return text

    def replace(match: re.Match[str]) -> str:
        try:
            content = decode_base64(match[2])
        except ValueError:
            return match[0]
        digest = hashlib.sha256(content).hexdigest()
        store(digest, match[1], content)
        return f"data:{match[1]};sha256={digest},"

    return _LARGE.sub(replace, text)


def attach_pictures(text: str, load: Callable[[str], bytes | None]) -> str:
    """Return a text with the data URIs of pictures in place of the references to them.

    Args:
        text: The text.
        load: Returns the bytes for a digest; None if they are not there. Then the reference stays.
    """

    def replace(match: re.Match[str]) -> str:
        content = load(match[2])
        # What was changed since is not what the text refers to.
        if content is None or hashlib.sha256(content).hexdigest() != match[2]:
            return match[0]
        return make_data_uri(content, match[1])

    return _REFERENCE.sub(replace, text) if ";sha256=" in text else text


def make_reference(uri: str) -> str:
    """Return a short text in place of a data URI: its type, and the hash of its bytes."""
    try:
        media_type, content = parse_data_uri(uri)
    except ValueError:
        media_type, content = "application/octet-stream", uri.encode("utf-8", "replace")
    return f"data:{media_type};sha256={hashlib.sha256(content).hexdigest()},"


def has_media(messages: Any) -> bool:
    """Return True if one of the messages may have more than text."""
    # One plain loop, because each request comes by here more than once. A program may pass objects of its SDK.
    for message in messages or ():  # noqa: SIM110
        if isinstance(message, dict) and type(message.get("content")) is list:
            return True
    return False


def shorten_data_uris(value: Any) -> Any:
    """Return a copy of a JSON value with references in place of the data URIs of large pictures, which are not stored."""
    if isinstance(value, str):
        return detach_pictures(value, lambda digest, media_type, content: None)
    if isinstance(value, dict):
        return {key: shorten_data_uris(item) for key, item in value.items()}
    return [shorten_data_uris(item) for item in value] if isinstance(value, (list, tuple)) else value


def encode_picture_value(value: Any) -> str:
    """Return a picture of Pillow, or the file of a picture, as a data URI: the `default` of `json.dumps`.

    Raises:
        TypeError: if it is something else.
    """
    if isinstance(value, os.PathLike):
        with contextlib.suppress(ImageError, OSError):
            value = read_picture(Path(value).read_bytes())
    if is_picture(value):
        return make_picture_uri(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


class PictureFolder:
    """A folder of pictures, each in a file that is named after the hash of its bytes.

    Args:
        path: The folder. It is made with the first picture.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def store(self, digest: str, media_type: str, content: bytes) -> None:
        """Store a picture, unless it is there."""
        file = self.path / f"{digest}{mimetypes.guess_extension(media_type) or ''}"
        if file.exists():
            return
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        with replace_file(file) as stream:
            stream.write(content)

    def find(self, digest: str) -> Path | None:
        """Return the file of a picture; None if it is not there."""
        return next(iter(sorted(self.path.glob(f"{digest}*"))), None)

    def load(self, digest: str) -> bytes | None:
        """Return the bytes of a picture; None if it is not there."""
        file = self.find(digest)
        return None if file is None else file.read_bytes()
