"""Results of tools, resources and prompts as text for a model; pictures and the like as files."""

from __future__ import annotations

import base64
import binascii
import mimetypes
import os
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import uuid4

from .._untrusted import clean_text, mark_untrusted, shorten
from ._json_text import to_json

_FILE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


class ResultWriter:
    """Writes results as text.

    Args:
        server: Name of the server.
        max_chars: Maximum length of a text. Longer texts are saved as files.
        folder: Folder of files; None for a temporary folder, made with the first file.
    """

    def __init__(self, server: str, max_chars: int, folder: str | Path | None) -> None:
        self._server = server
        self._max_chars = max_chars
        self._folder = None if folder is None else Path(folder)

    def write(self, tool: str, result: Any) -> str:
        """Return the result of a tool as text, marked as data.

        Args:
            tool: Name of the tool.
            result: The SDK's `CallToolResult`.
        """
        structured = getattr(result, "structured_content", None)
        parts = list(result.content or ())
        text = "\n".join(self._write_part(part) for part in parts)
        if structured is not None and not any(part.type == "text" for part in parts):
            text = "\n".join(filter(None, [text, clean_text(to_json(structured))]))
        return self.limit(text, f"the tool {tool!r} of the MCP server {self._server!r}")

    def write_contents(self, contents: Iterable[Any], source: str) -> str:
        """Return the contents of a resource as text, marked as data."""
        return self.limit("\n".join(self._write_resource(item) for item in contents), source)

    def write_prompt(self, messages: Iterable[Any], source: str) -> str:
        """Return the messages of a prompt as text, marked as data."""
        text = "\n".join(f"{message.role}: {self._write_part(message.content)}" for message in messages)
        return self.limit(text, source)

    def limit(self, text: str, source: str) -> str:
        """Return a text of limited length, marked as data. The whole text is saved if it is too long."""
        note = ""
        if len(text) > self._max_chars:
            note = f", the whole is in {self.save(text.encode('utf-8', 'replace'), 'text/plain')}"
        return mark_untrusted(shorten(text, self._max_chars, note), source)

    def _write_part(self, part: Any) -> str:
        if part.type == "text":
            return clean_text(part.text)
        if part.type in ("image", "audio"):
            return self._write_data(part.type, part.data, part.mime_type)
        if part.type == "resource":
            return self._write_resource(part.resource)
        if part.type == "resource_link":
            return clean_text(f"[resource {part.uri}: {part.description or part.name}]")
        return f"[content of the unknown type {clean_text(str(part.type))!r}]"

    def _write_resource(self, resource: Any) -> str:
        head = clean_text(f"[resource {resource.uri}]")
        if (text := getattr(resource, "text", None)) is not None:
            return f"{head}\n{clean_text(text)}"
        return f"{head} {self._write_data('data', resource.blob, resource.mime_type)}"

    def _write_data(self, kind: str, data: str, mime_type: str | None) -> str:
        mime_type = clean_text(mime_type or "application/octet-stream")
        try:
            content = base64.b64decode(data)
        except binascii.Error:
            return f"[{kind} of the type {mime_type}, which can't be decoded]"
        return f"[{kind} of the type {mime_type}, {len(content):,} bytes, saved as {self.save(content, mime_type)}]"

    def find_files(self, text: str) -> list[Path]:
        """Return the files of this writer that a text names. Nobody else can name a file outside of its folder."""
        if self._folder is None:
            return []
        beginning = re.escape(str(self._folder.absolute() / "mcp-"))
        return [Path(name) for name in dict.fromkeys(re.findall(rf"{beginning}[0-9a-f]{{12}}\.\w+", text))]

    def save(self, content: bytes, mime_type: str) -> Path:
        """Save a result as a new file, and return its path.

        Raises:
            OSError: if it can't be written.
        """
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="autogen-mcp-"))
        self._folder.mkdir(parents=True, exist_ok=True)
        # No part of the name comes from the server, or from a model.
        name = f"mcp-{uuid4().hex[:12]}{mimetypes.guess_extension(mime_type) or '.bin'}"
        path = self._folder.absolute() / name
        with os.fdopen(os.open(path, _FILE_FLAGS, 0o600), "wb") as file:
            file.write(content)
        return path
