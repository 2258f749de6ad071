"""Small pictures of messages, for pages of HTML."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .data_uris import find_type, is_data_uri, make_data_uri, parse_data_uri
from .pictures import ImageError, is_picture, read_picture, shrink_picture
from .sources import get_url

_MAX_SIDE = 640
_MAX_BYTES = 256 * 1024


def list_thumbnails(content: object) -> list[str]:
    """Return the pictures of a message's content as data URIs that may stand in HTML as they are.

    Pictures behind addresses are left out: a page that a message makes load something would tell who reads it.
    """
    return list(_iter_thumbnails(content))


def _iter_thumbnails(content: object) -> Iterator[str]:
    for part in content if isinstance(content, list) else ():
        url: Any = get_url(part) if isinstance(part, Mapping) else None
        try:
            if isinstance(url, str) and is_data_uri(url):
                raw = parse_data_uri(url)[1]
                media_type = find_type(raw)
                if media_type is not None and len(raw) <= _MAX_BYTES:
                    # Encoded a second time: the text of the message may be anything.
                    yield make_data_uri(raw, media_type)
                    continue
                url = read_picture(raw)
            if is_picture(url):
                encoding = shrink_picture(url, _MAX_SIDE, _MAX_BYTES)
                yield make_data_uri(encoding.content, encoding.media_type)
        # What can't be shown is still in the text, as a word. Pillow may be missing.
        except (ImageError, ImportError, ValueError):
            continue
