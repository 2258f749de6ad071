"""Content of messages as blocks of the Converse API. A block is an object with one key, which says its kind."""

from __future__ import annotations

import base64
import hashlib
import mimetypes
import re
from collections.abc import Mapping
from typing import Any

from ....types import JSON, Message
from ..protocol import Fields
from ..turns import get_file_name, iter_parts, join_text, parse_arguments, render_call, render_part, split_data_uri

BLANK = "(empty)"
"""Text in place of an empty one, which the vendor refuses."""

_IMAGES = ("png", "jpeg", "gif", "webp")
_DOCUMENTS = {
    "application/pdf": "pdf",
    "text/csv": "csv",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "text/html": "html",
    "text/plain": "txt",
    "text/markdown": "md",
}
# Blocks in the vendor's own form, as parts of a message.
_OWN = ("image", "document", "video", "audio", "searchResult", "guardContent")
_USE_ID = re.compile(r"[a-zA-Z0-9_.:-]{1,64}")


def make_text(text: str) -> dict[str, JSON]:
    """Return a text as a block."""
    return {"text": text}


def build_content(content: object) -> list[JSON]:
    """Return the blocks of a message's content, without blank texts. A document has a text beside it."""
    blocks = [_build_block(part) for part in iter_parts(content)]
    kept: list[JSON] = [block for block in blocks if "text" not in block or str(block["text"]).strip()]
    has_document = any(isinstance(block, dict) and "document" in block for block in kept)
    if has_document and not any(isinstance(block, dict) and "text" in block for block in kept):
        kept.append(make_text("The document."))
    return kept


def _build_block(part: Message) -> dict[str, JSON]:
    kind = part.get("type")
    if kind == "image_url":
        image = part.get("image_url")
        block = _build_image(str(image.get("url") if isinstance(image, Mapping) else image))
    elif kind == "file":
        block = _build_document(part)
    else:
        block = {key: part[key] for key in _OWN if kind is None and isinstance(part.get(key), Mapping)} or None
    return block or make_text(render_part(part))


def _build_image(url: str) -> dict[str, JSON] | None:
    """Return a picture as a block; None for an address, or a kind of picture that the vendor doesn't take."""
    media, data = split_data_uri(url) or ("", "")
    kind = media.removeprefix("image/").replace("jpg", "jpeg")
    return {"image": {"format": kind, "source": {"bytes": data}}} if kind in _IMAGES else None


def _build_document(part: Message) -> dict[str, JSON] | None:
    """Return a document as a block; None without its data, or for a kind that the vendor doesn't take."""
    file = part.get("file")
    uri = file.get("file_data") if isinstance(file, Mapping) else None
    media, data = (split_data_uri(uri) if isinstance(uri, str) else None) or ("", "")
    name = get_file_name(part)
    kind = _DOCUMENTS.get(media) or _DOCUMENTS.get(mimetypes.guess_type(name)[0] or "")
    if not data or not kind:
        return None
    title = str(part.get("title") or name.rpartition(".")[0] or name)
    document: dict[str, JSON] = {"format": kind, "name": _make_document_name(title), "source": {"bytes": data}}
    if part.get("context"):
        document["context"] = str(part["context"])
    if part.get("citations"):
        document["citations"] = {"enabled": True}
    return {"document": document}


def _make_document_name(title: str) -> str:
    # Letters, digits, some signs, and single blanks are all that the vendor takes.
    return re.sub(r"[^a-zA-Z0-9()\[\]-]+", " ", title).strip()[:200] or "document"


def build_result(result: Message) -> JSON:
    """Return the result of a call as a block. It is never empty."""
    content = result.get("content")
    blocks = build_content(content) if isinstance(content, list) else []
    if not blocks:
        text = join_text(content)
        blocks = [make_text(text if text.strip() else BLANK)]
    block: dict[str, JSON] = {"toolUseId": make_use_id(result.get("tool_call_id")), "content": blocks}
    return {"toolResult": {**block, "status": "error"} if result.get("is_error") else block}


def rebuild_answer(message: Message, *, has_tools: bool) -> list[JSON]:
    """Return the blocks for an answer of another origin, or a changed one: without thinking, which is signed."""
    text = join_text(message.get("content"))
    blocks: list[JSON] = [make_text(text)] if text.strip() else []
    for call in message.get("tool_calls") or ():
        if has_tools:
            use = {"toolUseId": make_use_id(call["id"]), "name": call["function"]["name"], "input": parse_arguments(call)}
            blocks.append({"toolUse": use})
        else:
            blocks.append(make_text(render_call(call)))
    return blocks


def make_use_id(call_id: object) -> str:
    """Return the id of a call as the vendor takes it, in each request the same."""
    text = str(call_id)
    return text if _USE_ID.fullmatch(text) else f"tooluse_{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:24]}"


def get_kind(block: Fields) -> str:
    """Return the kind of a block: its key."""
    return next(iter(block), "")


def join_base64(pieces: list[str]) -> str:
    """Return the base64 text of data whose pieces are base64 texts of their own."""
    return base64.b64encode(b"".join(map(base64.b64decode, pieces))).decode() if len(pieces) > 1 else "".join(pieces)


def list_blocks(message: Any) -> list[Fields]:
    """Return the blocks of a message."""
    content = message.get("content") if isinstance(message, Mapping) else None
    return [block for block in content if isinstance(block, Mapping)] if isinstance(content, list) else []
