"""The pictures that may be opened: files that the program or the human named, and those in folders that were allowed.

A model may write any path into a message. So a path is opened only if it was named by the program (in the message that
starts a chat, or that it sends) or by the human in this chat, or if it is in an allowed folder: the work directory of an
executor that ran code in this chat, or a folder of the agent's.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path

from .data_uris import is_data_uri
from .pictures import ImageError

TAG_START = "<img "

_TAG = re.compile(r"<img (.*?)>")
_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+:")
# A path is shorter, and base64 is mostly longer.
_MAX_PATH = 4096


@dataclass
class _Sources:
    """The sources of a chat.

    Attributes:
        tags: Contents of the tags that the program or the human wrote.
        folders: Allowed folders.
        is_opened: True once the first message was made.
    """

    tags: set[str] = field(default_factory=set)
    folders: set[Path] = field(default_factory=set)
    is_opened: bool = False


_sources: ContextVar[_Sources | None] = ContextVar("sources of pictures", default=None)


@contextmanager
def collect_sources() -> Iterator[None]:
    """Collect the sources of a chat in a `with` block. A chat within a chat shares those of the outer one."""
    if _sources.get() is not None:
        yield
        return
    token = _sources.set(_Sources())
    try:
        yield
    finally:
        # A step that is abandoned may be closed in another context, which never had the value.
        with suppress(ValueError):
            _sources.reset(token)


def name_opening(message: object) -> None:
    """Note the pictures of the message that starts a chat. One within a chat may start with the text of a model."""
    sources = _sources.get()
    if sources is not None and not sources.is_opened:
        sources.is_opened = True
        name_sources(message)


def name_sources(message: object) -> None:
    """Note the pictures of a message that the program or the human wrote: they may be opened in this chat.

    Args:
        message: Text, or a dict with a `content` of text or parts. Anything else names no picture.
    """
    sources = _sources.get()
    content = message.get("content") if isinstance(message, Mapping) else message
    if sources is None or not isinstance(content, (str, list)):
        return
    for item in [content] if isinstance(content, str) else content:
        text = item.get("text") if isinstance(item, Mapping) else item
        if isinstance(text, str) and TAG_START in text:
            sources.tags.update(_TAG.findall(text))
        if isinstance(item, Mapping) and isinstance(url := get_url(item), str) and not is_address(url):
            sources.tags.add(url)


def get_url(part: Mapping[str, object]) -> object:
    """Return the picture of an image part: a URL, a path, or an object; None if the part is of another kind."""
    if part.get("type") != "image_url":
        return None
    value = part.get("image_url")
    return value.get("url") if isinstance(value, Mapping) else value


def allow_folder(folder: object) -> None:
    """Allow the pictures of a folder in this chat: code that runs here writes there. No-op if it is not a path."""
    sources = _sources.get()
    if sources is not None and folder and isinstance(folder, (str, os.PathLike)):
        sources.folders.add(Path(folder).resolve())


def is_address(source: str) -> bool:
    """Return True if a text is an address or a data URI, and not a path."""
    # A drive of Windows has one letter.
    return is_data_uri(source) or bool(_SCHEME.match(source))


def find_file(source: str, folders: Iterable[str | os.PathLike[str]] = ()) -> Path | None:
    """Return the file that a text names if it may be opened; None if there is no such file.

    Args:
        source: A path, as it stands in a message.
        folders: Folders that are allowed besides those of the chat.

    Raises:
        ImageError: if there is such a file, and nobody allowed it.
    """
    if not source or len(source) > _MAX_PATH or "\0" in source or is_address(source):
        return None
    sources = _sources.get()
    # Outside of a chat only the program can have named it.
    is_named = sources is None or any(_is_in_tag(source, tag) for tag in sources.tags)
    if is_named and (file := _find_regular(Path(source))) is not None:
        return file
    allowed = [*(Path(folder).resolve() for folder in folders), *(sources.folders if sources is not None else ())]
    for folder in allowed:
        # The path may be that of the program, or begin in the folder, as for the code that runs there.
        for path in (folder / source, Path(source)):
            file = _find_regular(path)
            if file is not None and file.is_relative_to(folder):
                return file
    if _find_regular(Path(source)) is not None:
        raise ImageError(
            f"The file {source!r} is not opened: neither the program nor the human named it, and it is in no folder that is "
            "allowed (`image_folders`, or the work directory of the executor)."
        )
    return None


def _is_in_tag(source: str, tag: str) -> bool:
    tag = tag.strip()
    return tag == source or tag.startswith(f"{source} ") or f"'{source}'" in tag or f'"{source}"' in tag


def _find_regular(path: Path) -> Path | None:
    """Return a path with its links resolved if it is that of a regular file."""
    try:
        file = path.resolve()
        return file if file.is_file() else None
    except (OSError, ValueError, RuntimeError):
        return None
