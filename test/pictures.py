"""Real pictures for tests, made with Pillow."""

from __future__ import annotations

import base64
import io
import random
from typing import Any

from PIL import Image


def make_picture(size=(8, 6), color: Any = (200, 30, 30), mode: str = "RGB", kind: str = "PNG", **options: Any) -> bytes:
    """Return a picture of one colour as the bytes of a file."""
    buffer = io.BytesIO()
    Image.new(mode, size, color).save(buffer, kind, **options)
    return buffer.getvalue()


def make_uri(content: bytes, media_type: str = "image/png") -> str:
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def make_noise(size=(300, 300), seed: int = 1) -> Image.Image:
    """Return a picture that compresses badly; the same for the same seed."""
    return Image.frombytes("RGB", size, random.Random(seed).randbytes(size[0] * size[1] * 3))


def decode_uri(uri: str) -> Image.Image:
    """Return the picture of a data URI."""
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))).convert("RGB")
