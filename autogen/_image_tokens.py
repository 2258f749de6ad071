"""How many tokens an image costs: by tiles, patches or area, as the vendors document it (2026-11).

The size is read from the first bytes of an image in a data URL. What lies behind any other URL is not fetched: it counts as
1024 x 1024 pixels.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Mapping
from typing import Any

UNKNOWN_SIZE = (1024, 1024)

# Tiles of 512 x 512: tokens for any image, and for each tile. The first match counts.
_TILES = (
    (r"gpt-4o-mini", 2833, 5667),
    (r"o1|o3(?!-mini)", 75, 150),
    (r"gpt-5", 70, 140),
    (r".*", 85, 170),
)
# Patches of 32 x 32, at most 1536, times a factor.
_PATCHES = (
    (r"gpt-4\.1-mini|gpt-5-mini", 1.62),
    (r"gpt-4\.1-nano|gpt-5-nano", 2.46),
    (r"o4-mini", 1.72),
)


def is_image(part: Any) -> bool:
    """Whether a part of a message's content is an image."""
    return isinstance(part, Mapping) and (part.get("type") in ("image_url", "input_image", "image") or "image_url" in part)


def count_image_tokens(image: Any, model: str) -> int:
    """The tokens of one image.

    Args:
        image: A part of a message's content, or a URL.
        model: The model that sees it. Claude counts by area, Gemini by tiles of its own, others as OpenAI's.
    """
    detail = "auto"
    for _ in range(2):  # a part holds the URL, or a dictionary that holds it
        if isinstance(image, Mapping):
            detail = image.get("detail") or detail
            image = image.get("image_url") or image.get("url")
    width, height = (_size(image) if isinstance(image, str) else None) or UNKNOWN_SIZE
    name = model.rpartition("/")[2].lower()
    if "claude" in name:
        shrink = min(1.0, 1568 / max(width, height))
        return min(1600, math.ceil(width * shrink * height * shrink / 750))
    if "gemini" in name:
        return 258 * (1 if max(width, height) <= 384 else math.ceil(width / 768) * math.ceil(height / 768))
    for pattern, factor in _PATCHES:
        if re.match(pattern, name):
            return math.ceil(min(1536, math.ceil(width / 32) * math.ceil(height / 32)) * factor)
    base, per_tile = next((base, tile) for pattern, base, tile in _TILES if re.match(pattern, name))
    return base if detail == "low" else base + per_tile * _tiles(width, height)


def _tiles(width: int, height: int) -> int:
    """The image is fitted into 2048 x 2048, then its shorter side into 768, then cut into squares of 512."""
    shrink = min(1.0, 2048 / max(width, height))
    shrink = min(shrink, 768 / min(width, height))
    across, down = (max(1, math.ceil(round(side * shrink, 6) / 512)) for side in (width, height))
    return across * down


def _size(url: str) -> tuple[int, int] | None:
    """Width and height of the image in a data URL; None if there is none or it can't be read."""
    head, comma, data = url.partition(",")
    if not (comma and head.startswith("data:") and head.endswith("base64")):
        return None
    start = data[: 4 * 65536]  # a JPEG may have a thumbnail in front of its size
    try:
        raw = base64.b64decode(start + "=" * (-len(start) % 4))
    except (binascii.Error, ValueError):
        return None
    size = _read_size(raw)
    return size if size and min(size) > 0 else None


def _read_size(raw: bytes) -> tuple[int, int] | None:
    def number(at: int, length: int, order: Any = "little") -> int:
        return int.from_bytes(raw[at : at + length], order)

    if raw.startswith(b"\x89PNG"):
        return number(16, 4, "big"), number(20, 4, "big")
    if raw.startswith(b"GIF8"):
        return number(6, 2), number(8, 2)
    if raw[8:12] == b"WEBP":
        kind = raw[12:16]
        if kind == b"VP8X":
            return number(24, 3) + 1, number(27, 3) + 1
        if kind == b"VP8L":
            return (number(21, 4) & 0x3FFF) + 1, (number(21, 4) >> 14 & 0x3FFF) + 1
        return number(26, 2) & 0x3FFF, number(28, 2) & 0x3FFF
    at = 2 if raw.startswith(b"\xff\xd8") else len(raw)
    while at + 9 <= len(raw) and raw[at] == 0xFF:  # the segments of a JPEG, until the one that describes the frame
        if 0xC0 <= raw[at + 1] <= 0xCF and raw[at + 1] not in (0xC4, 0xC8, 0xCC):
            return number(at + 7, 2, "big"), number(at + 5, 2, "big")
        at += 2 + number(at + 2, 2, "big")
    return None
