"""Parts of A2A messages and the content of chat messages, converted both ways."""

from __future__ import annotations

import base64
import binascii
import json
import mimetypes
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from .._mistakes import trim_stop
from .._secrets import mask_url
from .._steps import Steps, invoke
from .._untrusted import clean_text
from ..fetching import FetchedResource, FetchError, FetchPolicy, a_fetch, fetch

if TYPE_CHECKING:
    from a2a.types import Part

# A stranger may name any number of addresses.
MAX_FETCHES = 20

_DATA_URL = re.compile(r"data:(?P<type>[\w.+-]+/[\w.+-]+)?(?:;[\w=.+-]+)*;base64,(?P<data>.*)", re.DOTALL)
_TEXT_TYPES = ("text/", "application/json", "application/xml", "application/yaml")

JsonPart = dict[str, Any]
"""A part in the JSON form of the protocol."""


def build_parts(message: Mapping[str, Any], speaker: str = "") -> list[JsonPart]:
    """Return the content of a chat message as parts; empty if there is nothing to send.

    Args:
        message: Message in the OpenAI form.
        speaker: Name to put before the text; empty for none.
    """
    content = message.get("content")
    items: Iterable[Any] = [{"type": "text", "text": content}] if isinstance(content, str) else content or ()
    parts = [part for item in items if (part := _build_part(item)) is not None]
    if speaker and parts:
        if "text" in parts[0]:
            parts[0] = {"text": f"{speaker}: {parts[0]['text']}"}
        else:
            parts.insert(0, {"text": f"{speaker}:"})
    return parts


def _build_part(item: Any) -> JsonPart | None:
    if isinstance(item, str):
        item = {"type": "text", "text": item}
    if item.get("type") == "text":
        return {"text": item["text"]} if str(item.get("text") or "").strip() else None
    if item.get("type") == "image_url":
        image = item["image_url"]
        url = image["url"] if isinstance(image, Mapping) else image
        match = _DATA_URL.fullmatch(url)
        if match is None:
            return {"url": url, "mediaType": mimetypes.guess_type(url.partition("?")[0])[0] or "image/*"}
        return {"raw": match["data"], "mediaType": match["type"] or "image/png"}
    if item.get("type") == "input_audio":
        audio = item["input_audio"]
        return {"raw": audio["data"], "mediaType": f"audio/{audio['format']}"}
    return {"data": dict(item), "mediaType": "application/json"}


@dataclass(frozen=True)
class PartReader:
    """Reads parts of a stranger.

    Args:
        policy: Rules for files that are named by their address; None for those of the process.
        folder: Folder in which files are saved that are neither text nor images; None to leave them out.
    """

    policy: FetchPolicy | None = None
    folder: Path | None = None

    def read(self, parts: Iterable[Part]) -> Steps[str | list[dict[str, Any]]]:
        """Return parts as the content of a chat message: text, or a list if there are images."""
        from google.protobuf.json_format import MessageToDict

        content: list[dict[str, Any]] = []
        fetches = 0
        for part in parts:
            kind = part.WhichOneof("content")
            if kind == "text":
                content.append(_make_text(part.text))
            elif kind == "data":
                content.append(_make_text(json.dumps(MessageToDict(part.data), ensure_ascii=False)))
            elif kind == "raw":
                content.append(self._read_bytes(part.raw, part.media_type, part.filename))
            elif kind == "url":
                fetches += 1
                content.append((yield from self._fetch(part, fetches)))
        if any(item["type"] != "text" for item in content):
            return content
        return "\n".join(item["text"] for item in content)

    def _fetch(self, part: Part, number: int) -> Steps[dict[str, Any]]:
        shown = clean_text(part.filename or mask_url(part.url))[:200]
        if number > MAX_FETCHES:
            return _make_text(f"[The file {shown} was not fetched: there are more than {MAX_FETCHES}.]")
        try:
            resource: FetchedResource = yield from invoke(
                partial(fetch, part.url, policy=self.policy), partial(a_fetch, part.url, policy=self.policy)
            )
            resource.raise_for_status()
        except FetchError as error:
            return _make_text(f"[The file {shown} was not fetched: {trim_stop(error)}.]")
        return self._read_bytes(resource.content, part.media_type or resource.content_type, part.filename or part.url)

    def _read_bytes(self, data: bytes, media_type: str, name: str) -> dict[str, Any]:
        media_type = media_type.lower().partition(";")[0].strip()
        if re.fullmatch(r"image/[\w.+-]+", media_type) and media_type != "image/svg+xml":
            url = f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}"
            return {"type": "image_url", "image_url": {"url": url}}
        if media_type.startswith(_TEXT_TYPES):
            return _make_text(data.decode("utf-8", "replace"))
        details = f"{clean_text(media_type)[:80] or 'of an unknown type'}, {len(data):,} bytes"
        if self.folder is None:
            return _make_text(f"[A file ({details}) was left out: the agent has no download_folder.]")
        return _make_text(f"[A file ({details}) was saved as {_save(data, media_type, name, self.folder)}.]")


def _make_text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": clean_text(text)}


def _save(data: bytes, media_type: str, name: str, folder: Path) -> Path:
    """Save a file in a folder; of the name that a stranger gave it, letters and digits are kept."""
    stem, _, suffix = re.split(r"[/\\]", name.partition("?")[0].rstrip("/"))[-1].rpartition(".")
    stem = re.sub(r"[^A-Za-z0-9]+", "_", stem or suffix).strip("_")[:50] or "file"
    extension = mimetypes.guess_extension(media_type) or ""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder.absolute() / f"{stem}_{uuid4().hex[:6]}{extension}"
    with path.open("xb") as file:
        file.write(data)
    return path


def check_base64(parts: Iterable[JsonPart]) -> None:
    """Check the files of parts.

    Raises:
        ValueError: if one is not base64.
    """
    for part in parts:
        try:
            base64.b64decode(part.get("raw", ""), validate=True)
        except binascii.Error as error:
            raise ValueError(f"An image or a sound in a message is not valid base64: {trim_stop(error)}.") from error
