"""Token counts of images, by tiles, patches or area, as the vendors document them (2026-11).

The size is read from the first bytes of an image in a data URL. Images behind other URLs are not downloaded and count as
1024 x 1024 pixels.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Mapping
from typing import Literal

UNKNOWN_SIZE = (1024, 1024)

# Tiles of 512 x 512: tokens for any image, and for each tile. The first match applies.
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


def is_image(part: object) -> bool:
    """Return True if a part of a message's content is an image."""
    return isinstance(part, Mapping) and (part.get("type") in ("image_url", "input_image", "image") or "image_url" in part)


def count_image_tokens(image: object, model: str) -> int:
    """Return the number of tokens of an image.

    Args:
        image: A part of a message's content, or a URL.
        model: The model's name. Claude counts by area, Gemini by tiles of its own, and other models like OpenAI's.
    """
    detail: object = "auto"
    # A part has the URL, or a dictionary with the URL, under either name.
    for _ in range(2):
        if isinstance(image, Mapping):
            detail = image.get("detail") or detail
            image = image.get("image_url") or image.get("url")
    # A picture of Pillow has a size.
    size = _get_size(image) if isinstance(image, str) else getattr(image, "size", None)
    width, height = size if isinstance(size, tuple) and len(size) == 2 else UNKNOWN_SIZE
    name = model.rpartition("/")[2].lower()
    if "claude" in name:
        scale = min(1.0, 1568 / max(width, height))
        return min(1600, math.ceil(width * scale * height * scale / 750))
    if "gemini" in name:
        return 258 * (1 if max(width, height) <= 384 else math.ceil(width / 768) * math.ceil(height / 768))
    for pattern, factor in _PATCHES:
        if re.match(pattern, name):
            return math.ceil(min(1536, math.ceil(width / 32) * math.ceil(height / 32)) * factor)
    base, per_tile = next((base, tile) for pattern, base, tile in _TILES if re.match(pattern, name))
    return base if detail == "low" else base + per_tile * _count_tiles(width, height)


def _count_tiles(width: int, height: int) -> int:
    """Fit the image into 2048 x 2048, then its shorter side into 768, and count the squares of 512."""
    scale = min(1.0, 2048 / max(width, height))
    scale = min(scale, 768 / min(width, height))
    # Rounded first: 512.0000000001 would need a second tile.
    columns, rows = (max(1, math.ceil(round(side * scale, 6) / 512)) for side in (width, height))
    return columns * rows


def _get_size(url: str) -> tuple[int, int] | None:
    """Return width and height of the image in a data URL, or None if they can't be read."""
    head, comma, data = url.partition(",")
    if not (comma and head.startswith("data:") and head.endswith("base64")):
        return None
    # The size comes early, but in a JPEG a thumbnail may come first.
    start = data[: 4 * 65536]
    try:
        raw = base64.b64decode(start + "=" * (-len(start) % 4))
    except (binascii.Error, ValueError):
        return None
    size = _parse_size(raw)
    return size if size and min(size) > 0 else None


def _parse_size(raw: bytes) -> tuple[int, int] | None:
    def read(offset: int, length: int, order: Literal["little", "big"] = "little") -> int:
        return int.from_bytes(raw[offset : offset + length], order)

    if raw.startswith(b"\x89PNG"):
        return read(16, 4, "big"), read(20, 4, "big")
    if raw.startswith(b"GIF8"):
        return read(6, 2), read(8, 2)
    if raw[8:12] == b"WEBP":
        kind = raw[12:16]
        if kind == b"VP8X":
            return read(24, 3) + 1, read(27, 3) + 1
        if kind == b"VP8L":
            return (read(21, 4) & 0x3FFF) + 1, (read(21, 4) >> 14 & 0x3FFF) + 1
        return read(26, 2) & 0x3FFF, read(28, 2) & 0x3FFF
    # A JPEG is a list of segments. One of the start-of-frame segments (C0 to CF) has the size.
    offset = 2 if raw.startswith(b"\xff\xd8") else len(raw)
    while offset + 9 <= len(raw) and raw[offset] == 0xFF:
        if 0xC0 <= raw[offset + 1] <= 0xCF and raw[offset + 1] not in (0xC4, 0xC8, 0xCC):
            return read(offset + 7, 2, "big"), read(offset + 5, 2, "big")
        offset += 2 + read(offset + 2, 2, "big")
    return None
