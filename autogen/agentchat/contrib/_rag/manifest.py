"""The manifest of a collection: which chunk is from which file, in which state.

It is kept in the metadata of the chunks, so that it is there wherever the store is, and never says anything else than the
store. Chunks without it, which a program has put into the store, are nobody's: they are searched, and never removed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import astuple, dataclass, field
from typing import Any, Final

FILES_KEY: Final = "files"
"""Name of the manifest in the metadata of a chunk: a JSON object of `FileState` by file."""


@dataclass(frozen=True)
class FileState:
    """A file at the time when it was indexed.

    Attributes:
        size: Size in bytes.
        modified: Time of the last change in nanoseconds.
        digest: Hash of the content.
        chunks: Number of different chunks that the file has.
        version: How it was read and divided; other settings divide it in another way.
        source: Its path as the program named it, or its address.
    """

    size: int
    modified: int
    digest: str
    chunks: int
    version: str
    source: str

    def is_like(self, other: FileState) -> bool:
        """Return True if the content and the way of reading are the same."""
        return (self.digest, self.version) == (other.digest, other.version)


@dataclass
class IndexedFile:
    """A file as the chunks of a collection know it.

    Attributes:
        ids: Ids of its chunks.
        states: The states that its chunks mention: several if its indexing was interrupted.
    """

    ids: set[Any] = field(default_factory=set)
    states: set[FileState] = field(default_factory=set)

    @property
    def state(self) -> FileState | None:
        """The state that it was completely indexed in; None if its chunks disagree, or some are missing."""
        if len(self.states) != 1:
            return None
        state = next(iter(self.states))
        return state if state.chunks == len(self.ids) else None


def read_manifest(documents: Iterable[Mapping[str, Any]]) -> dict[str, IndexedFile]:
    """Return the files of a collection by their absolute paths, or addresses.

    Args:
        documents: All documents of the collection, with their ids and metadata.
    """
    files: dict[str, IndexedFile] = {}
    for document in documents:
        for key, state in parse_states(document.get("metadata")).items():
            entry = files.setdefault(key, IndexedFile())
            entry.ids.add(document["id"])
            entry.states.add(state)
    return files


def parse_states(metadata: object) -> dict[str, FileState]:
    """Return the files that the metadata of a chunk mention."""
    text = metadata.get(FILES_KEY) if isinstance(metadata, Mapping) else None
    if not isinstance(text, str):
        return {}
    try:
        return dict(_parse_entries(json.loads(text)))
    except (ValueError, TypeError, AttributeError):
        # Metadata of a program that uses the same name.
        return {}


def _parse_entries(entries: Mapping[str, Any]) -> Iterator[tuple[str, FileState]]:
    for key, values in entries.items():
        yield key, FileState(*values)


def format_states(states: Mapping[str, FileState]) -> str:
    """Return the files of a chunk for its metadata."""
    return json.dumps({key: astuple(state) for key, state in sorted(states.items())}, ensure_ascii=False)
