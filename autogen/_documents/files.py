"""The files of folders, and of addresses."""

from __future__ import annotations

import hashlib
import logging
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from .._folders import replace_file
from .._secrets import redact
from ..browser_utils.mdconvert import list_suffixes
from ..fetching import FetchedResource, FetchError, FetchPolicy, fetch
from .pages import render_page

__all__ = ["TEXT_FORMATS", "FileItem", "download_file", "is_url", "list_files", "list_folder"]

logger = logging.getLogger(__name__)

FileItem = str | tuple[str, str]
"""The path of a file; with its address if it was downloaded."""

TEXT_FORMATS: Final = [
    *("txt", "json", "csv", "tsv", "md", "html", "htm", "rtf", "rst", "jsonl", "log", "xml", "yaml", "yml", "pdf"),
    *("docx", "xlsx", "pptx", "epub", "ipynb"),
]
"""The file name endings that are looked for in folders."""

DOWNLOAD_FOLDER: Final = os.path.join("tmp", "chromadb")
MAX_NAME: Final = 80


def is_url(string: str) -> bool:
    """Return True if a text is an address: it has a scheme and a host.

    >>> is_url("https://example.org/a.md"), is_url("C:/notes/a.md")
    (True, False)
    """
    try:
        parts = urlsplit(string)
    except (ValueError, AttributeError, TypeError):
        return False
    return bool(parts.scheme and parts.netloc)


def list_files(
    sources: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    types: Sequence[str] = TEXT_FORMATS,
    recursive: bool = True,
    *,
    policy: FetchPolicy | None = None,
    save_folder: str | None = None,
) -> list[FileItem]:
    """Return the files of folders, files and addresses, each once.

    Args:
        sources: A path or an address, or a list of them. Files that are named are taken whatever their ending is.
        types: The endings that are looked for in folders, in lower or upper case.
        recursive: True to look in folders inside folders.
        policy: The rules for addresses; None for those of the process.
        save_folder: Where downloaded files are kept; None for `tmp/chromadb`.

    Raises:
        ValueError: if `types` is empty, or the only source does not exist.
    """
    if not types:
        raise ValueError("types must name at least one file ending, got an empty list.")
    is_single = isinstance(sources, (str, os.PathLike))
    files: dict[FileItem, None] = {}
    for source in [sources] if isinstance(sources, (str, os.PathLike)) else sources:
        path = os.fspath(source)
        if is_url(path):
            try:
                files[download_file(path, save_folder, policy=policy)] = None
            except (FetchError, OSError) as error:
                logger.warning("A document is left out. %s", error)
        elif os.path.isfile(path):
            files[path] = None
        elif os.path.isdir(path):
            files.update(dict.fromkeys(list_folder(path, types, recursive)))
        elif is_single:
            raise ValueError(f"There is no file or folder {path!r}.")
        else:
            logger.warning("There is no file or folder %r: it is left out.", path)
    return list(files)


def list_folder(folder: str, types: Sequence[str], recursive: bool) -> Iterator[str]:
    """Yield the files of a folder that have one of the endings, in the order of their paths. Hidden files are left out."""
    endings = tuple(f".{ending.lower().lstrip('.')}" for ending in types)
    # Links may lead in a circle.
    seen: set[str] = set()
    for parent, folders, names in os.walk(folder, followlinks=True):
        seen.add(os.path.realpath(parent))
        folders[:] = sorted(
            name
            for name in folders
            if recursive and not name.startswith(".") and os.path.realpath(os.path.join(parent, name)) not in seen
        )
        for name in sorted(names):
            path = os.path.join(parent, name)
            if not name.startswith(".") and name.lower().endswith(endings) and os.path.isfile(path):
                yield path


def download_file(url: str, save_path: str | None = None, *, policy: FetchPolicy | None = None) -> tuple[str, str]:
    """Download a document, and return its path and its address. Pages are saved as Markdown.

    Args:
        url: The address.
        save_path: The path of the file, or a folder; None for the folder `tmp/chromadb`.
        policy: The rules for addresses; None for those of the process.

    Raises:
        FetchError: if it can't be downloaded.
        OSError: if it can't be saved.
    """
    resource = fetch(url, policy=policy).raise_for_status()
    is_page = resource.content_type in ("text/html", "application/xhtml+xml")
    content = render_page(resource.text, url).encode("utf-8", "replace") if is_page else resource.content
    folder = Path(save_path or DOWNLOAD_FOLDER)
    is_folder = save_path is None or folder.is_dir() or save_path.endswith(("/", os.sep))
    path = folder / _make_name(url, ".md" if is_page else _choose_suffix(resource)) if is_folder else folder
    path.parent.mkdir(parents=True, exist_ok=True)
    with replace_file(path) as file:
        file.write(content)
    return str(path), str(redact(url))


def _choose_suffix(resource: FetchedResource) -> str:
    """Return the file name suffix of a document: that of its address if it has any, else that of its content type."""
    named = Path(urlsplit(resource.url).path).suffix
    return named if re.fullmatch(r"\.\w{1,10}", named) else next(iter(list_suffixes(resource.url, resource.headers)), ".txt")


def _make_name(url: str, suffix: str) -> str:
    """Return a file name for an address that is legal on every system, and that no other address has."""
    parts = urlsplit(url)
    stem = re.sub(r"[^\w.-]+", "_", unquote(Path(parts.path).stem) or parts.hostname or "page").strip("._")[:MAX_NAME]
    return f"{stem or 'page'}-{hashlib.sha256(url.encode('utf-8', 'replace')).hexdigest()[:8]}{suffix}"
