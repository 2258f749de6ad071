"""Pictures as Pillow's objects: reading, encoding, and preparing them for models.

A picture that is read keeps its original bytes if models take them as they are: PNG, JPEG, WebP or GIF, upright, not
animated, with eight bits per channel in grey, RGB or a palette. Any other picture is converted once.
"""

from __future__ import annotations

import io
import sys
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .._extras import require
from .._mistakes import trim_stop
from .data_uris import find_type, make_data_uri

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_SIDE = 2048
"""Pixels of the longer side that models look at; they shrink larger pictures themselves."""
LOW_DETAIL_SIDE = 512
MAX_BYTES = 5 * 2**20
"""The smallest limit of a vendor for one picture."""
DETAILS = ("auto", "low", "high", "original")

# Those of the web and of scanners. Formats for which Pillow starts another program are not among them.
_FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "MPO", "BMP", "TIFF", "PPM", "ICO", "AVIF")
_KEPT_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA")
_SAVED_MODES = ("1", "L", "LA", "P", "RGB", "RGBA")
_ORIENTATION = 0x0112
_UPRIGHT = 1
# Byte of a PNG that has the bits per channel.
_PNG_DEPTH = 24
_ATTRIBUTE = "_autogen_encoding"
_QUALITIES = (90, 80, 65, 50)
_SMALLEST_SIDE = 64


class ImageError(ValueError):
    """Raised if a picture can't be read: it is damaged, of an unknown format, too large, or not to be opened."""


@dataclass(frozen=True)
class Encoding:
    """A picture as bytes.

    Attributes:
        content: The bytes.
        media_type: Their type, such as `image/png`.
        checksum: Checksum of the pixels, by which a change of the picture is noticed.
    """

    content: bytes
    media_type: str
    checksum: int


def is_picture(value: object) -> bool:
    """Return True if a value is a picture of Pillow. Nothing is loaded for that."""
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(value, module.Image)


def read_picture(content: bytes) -> Image:
    """Read a picture: its first frame, upright, in RGB. Transparent parts become white.

    Raises:
        ImageError: if it is not a picture, is damaged, or has more pixels than Pillow's limit.
        ImportError: if Pillow is not installed.
    """
    pillow = _load_pillow()
    try:
        opened = pillow.open(io.BytesIO(content), formats=[name for name in _FORMATS if name in pillow.OPEN])
        _check_size(opened)
        opened.load()
        is_kept = _is_kept(opened, content)
        picture = _convert_to_rgb(_turn_upright(opened))
    except (pillow.DecompressionBombError, pillow.DecompressionBombWarning) as error:
        raise ImageError(f"The picture has too many pixels: {trim_stop(error)}.") from error
    except pillow.UnidentifiedImageError as error:
        raise ImageError("It is not a picture, or one of an unknown format.") from error
    except ImageError:
        raise
    # The decoders of Pillow raise errors of many kinds for damaged files.
    except Exception as error:
        raise ImageError(f"The picture can't be read: {trim_stop(error) or type(error).__name__}.") from error
    media_type = find_type(content)
    if is_kept and media_type is not None:
        _remember(picture, content, media_type)
    # The loss of a JPEG was there before, and as a PNG it would be ten times the size.
    elif opened.format in ("JPEG", "MPO", "WEBP", "AVIF"):
        _remember(picture, _save(picture, "JPEG", quality=_QUALITIES[0]), "image/jpeg")
    return picture


def encode_picture(picture: Image) -> Encoding:
    """Return a picture as bytes: its original ones if it was read and not changed since, else as a PNG.

    Raises:
        ImageError: if it can't be encoded, as it is empty or damaged.
        ImportError: if Pillow is not installed.
    """
    try:
        checksum = _compute_checksum(picture)
        known = getattr(picture, _ATTRIBUTE, None)
        if isinstance(known, Encoding) and known.checksum == checksum:
            return known
        upright = _turn_upright(picture)
        return _remember(picture, _save(upright if upright.mode in _SAVED_MODES else _convert_to_rgb(upright), "PNG"))
    # As above: a picture that the program opened is read only now.
    except Exception as error:
        raise ImageError(f"The picture can't be encoded: {trim_stop(error) or type(error).__name__}.") from error


def make_picture_uri(picture: Image) -> str:
    """Return a picture as a data URI."""
    encoding = encode_picture(picture)
    return make_data_uri(encoding.content, encoding.media_type)


def shrink_picture(picture: Image, max_side: int = MAX_SIDE, max_bytes: int = MAX_BYTES) -> Encoding:
    """Return a picture as bytes that are within limits: shrunk, and as a JPEG if a PNG is too large.

    Args:
        picture: The picture. It is not changed.
        max_side: Maximum number of pixels of the longer side.
        max_bytes: Maximum number of bytes.

    Raises:
        ImageError: if it can't be made small enough.
    """
    encoding = encode_picture(picture)
    if max(picture.size) <= max_side and len(encoding.content) <= max_bytes:
        return encoding
    pillow = _load_pillow()
    small = _convert_to_rgb(_turn_upright(picture))
    small.thumbnail((max_side, max_side), pillow.Resampling.LANCZOS)
    if encoding.media_type == "image/png" and len(content := _save(small, "PNG")) <= max_bytes:
        return Encoding(content, "image/png", 0)
    while True:
        for quality in _QUALITIES:
            if len(content := _save(small, "JPEG", quality=quality)) <= max_bytes:
                return Encoding(content, "image/jpeg", 0)
        side = max(small.size) * 3 // 4
        if side < _SMALLEST_SIDE:
            raise ImageError(f"The picture can't be made smaller than {max_bytes:,} bytes.")
        small.thumbnail((side, side), pillow.Resampling.LANCZOS)


def choose_side(detail: str, max_side: int = MAX_SIDE) -> int:
    """Return the maximum number of pixels of the longer side for a `detail` of an image part.

    Raises:
        ValueError: if there is no such `detail`.
    """
    if detail not in DETAILS:
        raise ValueError(f"detail must be one of {', '.join(DETAILS)}, got {detail!r}.")
    return min(max_side, LOW_DETAIL_SIDE) if detail == "low" else max_side


def _load_pillow() -> Any:
    pillow = require("PIL.Image", extra="images", feature="Reading pictures")
    # Pillow loads most formats only if asked.
    pillow.init()
    return pillow


def _check_size(opened: Image) -> None:
    """Refuse a picture of too many pixels, for which Pillow only warns up to twice its limit."""
    limit = _load_pillow().MAX_IMAGE_PIXELS
    width, height = opened.size
    if limit is not None and width * height > limit:
        raise ImageError(
            f"The picture has {width:,} x {height:,} pixels, more than the limit of {limit:,} "
            "(`PIL.Image.MAX_IMAGE_PIXELS`), and is not opened."
        )


def _is_kept(opened: Image, content: bytes) -> bool:
    """Return True if models take the bytes of a picture as they are."""
    if find_type(content) is None or opened.mode not in _KEPT_MODES:
        return False
    # Phones put several pictures into a JPEG, which are not an animation.
    if opened.format not in ("JPEG", "MPO") and getattr(opened, "n_frames", 1) > 1:
        return False
    if opened.format == "PNG" and content[_PNG_DEPTH : _PNG_DEPTH + 1] == b"\x10":
        return False
    return _is_upright(opened)


def _is_upright(picture: Image) -> bool:
    orientation: object = picture.getexif().get(_ORIENTATION, _UPRIGHT)
    return orientation == _UPRIGHT


def _turn_upright(picture: Image) -> Image:
    if _is_upright(picture):
        return picture
    turned: Image | None = require("PIL.ImageOps", extra="images", feature="Reading pictures").exif_transpose(picture)
    return turned or picture


def _convert_to_rgb(picture: Image) -> Image:
    """Return a copy in RGB: sixteen bits are scaled to eight, transparent parts are white, CMYK follows its profile."""
    if picture.mode == "RGB" and "transparency" not in picture.info:
        return picture.copy()
    if picture.mode in ("I", "F") or picture.mode.startswith("I;"):
        return _scale_to_bytes(picture).convert("RGB")
    if picture.mode == "CMYK" and (profile := picture.info.get("icc_profile")):
        return _apply_profile(picture, profile)
    if picture.has_transparency_data:
        image = _load_pillow()
        layer = picture.convert("RGBA")
        sheet: Image = image.alpha_composite(image.new("RGBA", layer.size, "white"), layer)
        return sheet.convert("RGB")
    return picture.convert("RGB")


def _scale_to_bytes(picture: Image) -> Image:
    """Return a grey picture of more than eight bits with eight."""
    wide = picture.convert("F")
    low, high = wide.getextrema()
    assert isinstance(low, float)
    assert isinstance(high, float)
    if picture.mode == "F":
        scale, offset = (255 / (high - low), -low * 255 / (high - low)) if high > low else (1.0, 0.0)
    else:
        # Some readers give eight bits in thirty-two.
        scale, offset = (1.0 if high <= 255 else 255 / max(65535.0, high)), 0.0
    return wide.point(lambda value: value * scale + offset).convert("L")


def _apply_profile(picture: Image, profile: bytes) -> Image:
    colours = require("PIL.ImageCms", extra="images", feature="Reading pictures")
    try:
        source = colours.ImageCmsProfile(io.BytesIO(profile))
        converted: Image | None = colours.profileToProfile(picture, source, colours.createProfile("sRGB"), outputMode="RGB")
    # The picture is not lost for a damaged profile.
    except (colours.PyCMSError, OSError):
        converted = None
    return converted or picture.convert("RGB")


def _save(picture: Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    (picture if kind == "PNG" or picture.mode in ("L", "RGB") else picture.convert("RGB")).save(buffer, kind, **options)
    return buffer.getvalue()


def _compute_checksum(picture: Image) -> int:
    return zlib.crc32(picture.tobytes(), zlib.crc32(f"{picture.mode} {picture.size}".encode()))


def _remember(picture: Image, content: bytes, media_type: str = "image/png") -> Encoding:
    """Note the bytes of a picture at the picture: it may be sent many times."""
    encoding = Encoding(content, media_type, _compute_checksum(picture))
    setattr(picture, _ATTRIBUTE, encoding)
    return encoding
