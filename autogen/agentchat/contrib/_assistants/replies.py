"""Replies of an assistant as text: with footnotes, and with the files that its tools have made."""

from __future__ import annotations

import base64
import re
from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...._steps import Steps, invoke, wrap_in_thread
from ....code_utils import content_str
from ...agent import Message

_CONTAINER = "container "
_UNSAFE = re.compile(r"[^\w.-]+")


def render_reply(message: Message, client: Any, folder: Path | None) -> Steps[str]:
    """Return the text of an answer, with a footnote for each source and each file that was made.

    Args:
        message: Message of the model.
        client: The SDK's client, which downloads files.
        folder: Folder for files; None to name their ids instead.
    """
    text = content_str(message.get("content"))
    files = [file for file in message.get("files") or () if isinstance(file, dict)]
    paths: dict[str, Path] = {}
    if folder is not None:
        for file in files:
            path = yield from invoke(_save_file, wrap_in_thread(_save_file), file, client, folder)
            if path is not None:
                paths[str(file.get("id"))] = path
    made = {str(file.get("id")) for file in files if str(file.get("origin")).startswith(_CONTAINER)}
    text = add_footnotes(text, message.get("citations") or (), made, paths)
    lines = [
        f"Received file {paths[key]}" if (key := str(file.get("id"))) in paths else f"Received file id={key}"
        for file in files
        if str(file.get("id")) not in made
    ]
    return "\n".join(filter(None, [text, *lines]))


def add_footnotes(
    text: str, citations: Sequence[Mapping[str, Any]], made: Container[str] = (), paths: Mapping[str, Path] | None = None
) -> str:
    """Return a text with a number after each cited passage, and a list of the sources at the end.

    Args:
        text: The text.
        citations: The sources, with `end` in the text and `url`, `title`, `document`, `quote`, `file_id`.
        made: Ids of the files that were made, and are not sources.
        paths: Where files were saved, by id.
    """
    notes = []
    for number, citation in enumerate(citations):
        notes.append(f"[{number}] {_describe_source(citation, made, paths or {})}")
    # From the end, so that the positions before it stay right.
    marks = sorted(((_get_end(citation, text), number) for number, citation in enumerate(citations)), reverse=True)
    for end, number in marks:
        text = f"{text[:end]} [{number}]{text[end:]}"
    return "\n".join([text, *notes]) if notes else text


def _get_end(citation: Mapping[str, Any], text: str) -> int:
    end = citation.get("end")
    return min(end, len(text)) if isinstance(end, int) else len(text)


def _describe_source(citation: Mapping[str, Any], made: Container[str], paths: Mapping[str, Path]) -> str:
    file_id = str(citation.get("file_id") or "")
    name = str(citation.get("document") or citation.get("title") or file_id)
    if file_id in paths:
        return f"{name} is {paths[file_id]}"
    if file_id in made:
        return f"Click <here> to download {name}"
    details = [str(value) for value in (citation.get("url"), citation.get("quote")) if value]
    return ": ".join([name, *details]) if name else ": ".join(details)


def _save_file(file: Mapping[str, Any], client: Any, folder: Path) -> Path | None:
    """Save a file that a tool has made, and return its path; None if its content can't be had."""
    origin = str(file.get("origin") or "")
    if isinstance(file.get("data"), str):
        data = base64.b64decode(file["data"])
    elif origin.startswith(_CONTAINER) and client is not None:
        container = origin.removeprefix(_CONTAINER)
        data = client.containers.files.content.retrieve(file["id"], container_id=container).read()
    else:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    # A name of the model's: it must not lead out of the folder, nor replace a file of another answer.
    name = _UNSAFE.sub("_", Path(str(file.get("name") or "file").replace("\\", "/")).name).lstrip(".") or "file"
    path = folder / name
    if path.exists():
        path = folder / f"{_UNSAFE.sub('_', str(file.get('id')))}_{name}"
    path.write_bytes(data)
    return path
