"""Data URIs, and the types of pictures by their first bytes."""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import unquote_to_bytes

_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)
_HEAD = re.compile(r"data:([\w.+-]+/[\w.+-]+)?((?:;[\w.+-]+=[^;,]*)*)(;base64)?,", re.IGNORECASE)
_SPACE = re.compile(r"\s+")


def find_type(content: bytes) -> str | None:
    """Return the media type of a picture that models take: PNG, JPEG, GIF or WebP; None for anything else."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for signature, kind in _SIGNATURES if content.startswith(signature)), None)


def make_data_uri(content: bytes, media_type: str) -> str:
    """Return bytes as a data URI."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def is_data_uri(text: str) -> bool:
    """Return True if a text begins like a data URI."""
    return text[:5].lower() == "data:"


def parse_data_uri(text: str) -> tuple[str, bytes]:
    """Return the media type and the bytes of a data URI.

    Raises:
        ValueError: if it is damaged.
    """
    head = _HEAD.match(text)
    if head is None:
        raise ValueError("the data URI has no comma, or no proper type, in front of its data")
    body = text[head.end() :]
    content = decode_base64(body) if head[3] else unquote_to_bytes(body)
    return (head[1] or "text/plain").lower(), content


def decode_base64(text: str) -> bytes:
    """Return the bytes of a base64 text, which may have line breaks, or lack its padding.

    Raises:
        ValueError: if it has other characters, or a length that no base64 text has.
    """
    compact = _SPACE.sub("", text).rstrip("=")
    try:
        return base64.b64decode(compact + "=" * (-len(compact) % 4), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError("the base64 text is damaged") from error
