"""Pages: their parts, listings of folders, and files that are saved."""

from __future__ import annotations

import html
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from .._extras import require
from ..fetching import FetchedResource

MAX_ENTRIES = 500
MAX_NAME = 120  # characters


@dataclass(frozen=True)
class Page:
    """A page.

    Attributes:
        title: Its title; None if it has none.
        text: Its text as Markdown.
        address: The address that it came from, after redirects; None for that which was asked for.
        is_split: False if it is shown as a whole, however long it is.
    """

    title: str | None
    text: str
    address: str | None = None
    is_split: bool = True


def split_page(text: str, size: int) -> list[tuple[int, int]]:
    """Return the start and end of each part of a text.

    Parts touch each other, and end at the first white space behind `size` characters. A text without white space there is
    cut at twice that size.
    """
    parts, start = [], 0
    white_space = re.compile(r"\s")
    while start < len(text):
        match = white_space.search(text, start + size, start + 2 * size)
        end = match.end() if match else min(start + 2 * size, len(text))
        if len(text) - start <= size:
            end = len(text)
        parts.append((start, end))
        start = end
    return parts or [(0, 0)]


def list_folder(path: str) -> Page:
    """Return the listing of a folder.

    Raises:
        OSError: if it can't be read.
    """
    folder = Path(path).resolve()
    lines = [f"# Index of {folder}", "", f"[.. (parent directory)]({folder.parent.as_uri()})", ""]
    lines += ["| Name | Size | Date modified |", "| --- | --- | --- |"]
    entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    for entry in entries[:MAX_ENTRIES]:
        facts = entry.stat(follow_symlinks=False)
        date = time.strftime("%Y-%m-%d %H:%M", time.localtime(facts.st_mtime))
        size = "-" if entry.is_dir() else str(facts.st_size)
        name = re.sub(r"[|\[\]\n]", " ", entry.name) + ("/" if entry.is_dir() else "")
        lines.append(f"| [{name}]({Path(folder, entry.name).as_uri()}) | {size} | {date} |")
    if len(entries) > MAX_ENTRIES:
        lines += ["", f"({len(entries) - MAX_ENTRIES:,} more entries are not listed.)"]
    return Page(f"Index of {folder}", "\n".join(lines))


def save_download(folder: str | os.PathLike[str], resource: FetchedResource) -> Path:
    """Save a resource in a folder under a new name, and return its path. No file is overwritten.

    Raises:
        OSError: if it can't be saved.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    name = clean_file_name(resource.url)
    stem, suffix = os.path.splitext(name)
    number = 0
    while True:
        path = Path(folder, f"{stem}__{number}{suffix}" if number else name).absolute()
        try:
            with open(path, "xb") as file:
                file.write(resource.content)
        except FileExistsError:
            number += 1
        else:
            return path


def clean_file_name(url: str) -> str:
    """Return the file name at the end of an address: without folders, and allowed on all systems."""
    pathvalidate = require("pathvalidate", extra="web", feature="Saving a download")
    last = re.split(r"[/\\]", unquote(urlsplit(url).path))[-1]
    name: str = pathvalidate.sanitize_filename(last, platform="universal").lstrip(". ")
    stem, suffix = os.path.splitext(name)
    return stem[: MAX_NAME - len(suffix)] + suffix[:20] if stem else f"download{suffix[:20]}"


def escape_markdown(text: str) -> str:
    """Return a text on a line of its own, so that it makes no heading and no link."""
    return re.sub(r"([\[\]#`])", r"\\\1", html.unescape(" ".join(text.split())))
