"""Indexing: bringing a collection up to date with files. Only new and changed files are read."""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Final

from ...._documents.chunks import split_document
from ...._documents.files import TEXT_FORMATS, FileItem, download_file, is_url, list_folder
from ...._documents.lines import split_lines
from ...._documents.readers import READ_ERRORS, READER_VERSION, read_document
from ...._mistakes import trim_stop
from ....fetching import FetchError, FetchPolicy
from .adapters import ChunkCollection
from .manifest import FILES_KEY, FileState, IndexedFile, format_states, parse_states, read_manifest

logger = logging.getLogger(__name__)

# Chunks are written in batches: embedding many at once is faster, and an interruption loses no more than these.
BATCH: Final = 128
BLOCK_BYTES: Final = 1 << 20


@dataclass(frozen=True)
class IndexProgress:
    """Progress of an indexing run.

    Attributes:
        done: Number of files that are done.
        total: Number of files.
        chunks: Number of chunks that were written so far.
        source: The current file.
    """

    done: int
    total: int
    chunks: int
    source: str

    def __str__(self) -> str:
        return f"Indexing: {self.done} of {self.total} documents, {self.chunks} chunks"


@dataclass
class IndexReport:
    """Outcome of an indexing run. Its text is a line: "3 new, 1 changed, 2 removed, 118 unchanged".

    Attributes:
        new: Files that were added.
        changed: Files that had changed.
        removed: Files that are gone, with their chunks.
        unchanged: Number of files that were not read again.
        failed: Reasons by path or address, of files that can't be read. If they were indexed before, their chunks stay.
        chunks: Number of chunks that were written.
        seconds: Duration.
    """

    new: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    unchanged: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    chunks: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        line = f"{len(self.new)} new, {len(self.changed)} changed, {len(self.removed)} removed, {self.unchanged} unchanged"
        return f"{line}, {len(self.failed)} not readable" if self.failed else line


@dataclass(frozen=True)
class SplitSettings:
    """Settings of the search for files, and of their division; see the keys of `retrieve_config`."""

    chunk_token_size: int
    count_tokens: Callable[[str], int]
    model: str = ""
    chunk_mode: str = "multi_lines"
    must_break_at_empty_line: bool = True
    split_function: Callable[[str], Sequence[str]] | None = None
    types: Sequence[str] = tuple(TEXT_FORMATS)
    recursive: bool = True
    policy: FetchPolicy | None = None

    @property
    def version(self) -> str:
        """Name of this way of dividing files; files that were divided in another way are read again."""
        function = self.split_function
        name = "" if function is None else getattr(function, "__qualname__", type(function).__name__)
        parts = (READER_VERSION, self.chunk_token_size, self.model, self.chunk_mode, self.must_break_at_empty_line, name)
        return hashlib.blake2b(repr(parts).encode(), digest_size=6).hexdigest()


@dataclass(frozen=True)
class SourceFile:
    """A file to index.

    Attributes:
        path: Path as the program named it.
        url: Address that it was downloaded from; empty for local files.
    """

    path: str
    url: str = ""

    @property
    def source(self) -> str:
        """The name that people see: the address, or the path."""
        return self.url or self.path

    @property
    def key(self) -> str:
        """The name in the manifest, which doesn't depend on the working directory."""
        return self.url or os.path.abspath(self.path)


class Indexer:
    """Brings a collection of a store up to date with files.

    Args:
        collection: The collection.
        settings: How files are found, read and divided.
    """

    def __init__(self, collection: ChunkCollection, settings: SplitSettings) -> None:
        self._collection = collection
        self._settings = settings
        self._report = IndexReport()
        self._pending: dict[Any, dict[str, Any]] = {}

    def run(
        self,
        sources: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
        progress: Callable[[IndexProgress], object] | None = None,
        *,
        rewrite: bool = False,
    ) -> IndexReport:
        """Index new and changed files, and remove the chunks of files that are gone.

        An interrupted run is continued by the next. A file that can't be read is reported, and the others are indexed.

        Args:
            sources: Files, folders and addresses. Named files are taken whatever their ending is.
            progress: Called with an `IndexProgress` after each file.
            rewrite: True to write files that have not changed as well.

        Raises:
            ValueError: if the only source does not exist.
        """
        started = time.monotonic()
        report = self._report = IndexReport()
        roots = [os.fspath(source) for source in ([sources] if isinstance(sources, (str, os.PathLike)) else sources)]
        files = list(self._list_files(roots))
        manifest = read_manifest(self._collection.load(None))
        for number, file in enumerate(files):
            try:
                self._index_file(file, manifest.get(file.key), rewrite)
            except READ_ERRORS as error:
                report.failed[file.source] = f"{trim_stop(error)}."
            if progress is not None:
                progress(IndexProgress(number + 1, len(files), report.chunks + len(self._pending), file.source))
        self._flush()
        self._remove_missing(roots, {file.key for file in files}, manifest)
        report.seconds = time.monotonic() - started
        return report

    def _list_files(self, roots: Sequence[str]) -> Iterator[SourceFile]:
        """Yield the files of the sources, each once. What is missing is reported."""
        seen = set()
        for root in roots:
            for file in self._list_root(root, is_single=len(roots) == 1):
                if file.key not in seen:
                    seen.add(file.key)
                    yield file

    def _list_root(self, root: str, is_single: bool) -> Iterator[SourceFile]:
        if is_url(root):
            try:
                yield SourceFile(*download_file(root, policy=self._settings.policy))
            except (FetchError, OSError, ImportError) as error:
                self._report.failed[root] = f"{trim_stop(error)}."
        elif os.path.isdir(root):
            for path in list_folder(root, self._settings.types, self._settings.recursive):
                yield SourceFile(path)
        elif os.path.exists(root):
            yield SourceFile(root)
        elif is_single:
            raise ValueError(f"docs_path must name a file, a folder or an address, and there is no {root!r}.")
        else:
            self._report.failed[root] = "There is no such file or folder."

    def _index_file(self, file: SourceFile, known: IndexedFile | None, rewrite: bool) -> None:
        """Index a file if it is new or has changed."""
        state = known.state if known is not None and not rewrite else None
        status = os.stat(file.path)
        version = self._settings.version
        is_same = state is not None and (state.size, state.modified) == (status.st_size, status.st_mtime_ns)
        if state is not None and is_same and state.version == version:
            self._report.unchanged += 1
            return
        digest = _hash_file(file.path)
        new_state = FileState(status.st_size, status.st_mtime_ns, digest, 0, version, file.source)
        if state is not None and state.is_like(new_state):
            self._report.unchanged += 1
            return
        chunks = {
            self._collection.make_ids([text])[0]: {"content": text, "metadata": {"source": file.source, **metadata}}
            for text, metadata in read_file(file, self._settings)
            if text.strip()
        }
        _link_neighbours(chunks)
        self._write_chunks(file.key, replace(new_state, chunks=len(chunks)), chunks)
        if known is not None:
            self._forget(file.key, known.ids - chunks.keys())
        (self._report.new if known is None else self._report.changed).append(file.source)

    def _write_chunks(self, key: str, state: FileState, chunks: Mapping[Any, dict[str, Any]]) -> None:
        """Put chunks among those to be written, with the other files that have the same text."""
        existing = {document["id"]: document for document in self._collection.load(list(chunks))} if chunks else {}
        for number, (chunk_id, chunk) in enumerate(chunks.items()):
            before = self._pending.get(chunk_id) or existing.get(chunk_id)
            states = {**parse_states(before["metadata"] if before else None), key: state}
            # The text is the same, and so is its vector.
            document = {**(before or {}), **chunk, "id": chunk_id}
            if before is not None and len(states) > 1:
                document["metadata"] = dict(before["metadata"])
            document["metadata"] = {"position": number, **document["metadata"], FILES_KEY: format_states(states)}
            self._pending[chunk_id] = document
            if len(self._pending) >= BATCH:
                self._flush()

    def _flush(self) -> None:
        """Write the chunks that are waiting."""
        documents, self._pending = list(self._pending.values()), {}
        if documents:
            self._collection.write(documents)
            self._report.chunks += len(documents)

    def _forget(self, key: str, ids: Iterable[Any]) -> None:
        """Remove chunks of a file; those that other files have, too, stay."""
        # The new chunks of the file are written first: an interruption leaves it incomplete, and never missing.
        self._flush()
        documents = self._collection.load(list(ids)) if ids else []
        gone, shared = [], []
        for document in documents:
            states = parse_states(document.get("metadata"))
            states.pop(key, None)
            if states:
                source = next(iter(states.values())).source
                metadata = {**document["metadata"], "source": source, FILES_KEY: format_states(states)}
                shared.append({**document, "metadata": metadata})
            else:
                gone.append(document["id"])
        if shared:
            self._collection.write(shared)
        if gone:
            self._collection.delete(gone)

    def _remove_missing(self, roots: Sequence[str], present: set[str], manifest: Mapping[str, IndexedFile]) -> None:
        """Remove the chunks of files below the sources that are not there any more."""
        failed = {os.path.abspath(source) for source in self._report.failed}
        folders = [os.path.abspath(root) for root in roots if not is_url(root) and os.path.isdir(root)]
        named = {os.path.abspath(root) for root in roots if not is_url(root)}
        for key, file in manifest.items():
            is_below = any(key.startswith(os.path.join(folder, "")) for folder in folders)
            if key not in present and (is_below or (key in named and key not in failed)):
                self._forget(key, file.ids)
                self._report.removed.append(key)


def _link_neighbours(chunks: Mapping[Any, dict[str, Any]]) -> None:
    """Note in the metadata of chunks which chunk of the same section is before and after them."""
    for (before_id, before), (after_id, after) in pairwise(chunks.items()):
        if before["metadata"].get("headings") == after["metadata"].get("headings"):
            before["metadata"]["next"] = after_id
            after["metadata"]["previous"] = before_id


def _hash_file(path: str) -> str:
    digest = hashlib.blake2b(digest_size=16)
    with open(path, "rb") as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def read_file(file: SourceFile, settings: SplitSettings) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the chunks of a file with their metadata.

    Raises:
        DocumentError: if it can't be read; see `READ_ERRORS` for all errors.
    """
    document = read_document(file.path, url=file.url)
    if settings.split_function is None and settings.chunk_mode == "multi_lines" and settings.must_break_at_empty_line:
        for chunk in split_document(document, settings.chunk_token_size, settings.count_tokens):
            yield chunk.text, chunk.make_metadata()
        return
    text = "\n".join(line.text for line in document.lines)
    if settings.split_function is not None:
        texts = settings.split_function(text)
    else:
        texts = split_lines(
            text,
            settings.chunk_token_size,
            settings.count_tokens,
            one_line=settings.chunk_mode == "one_line",
            must_break_at_empty_line=settings.must_break_at_empty_line,
            overlap=0,
        )
    for part in texts:
        yield part, {}


def read_chunks(files: Sequence[FileItem], settings: SplitSettings) -> tuple[list[str], list[dict[str, Any]]]:
    """Return the chunks of files, and their metadata. A file that can't be read is left out, with a warning."""
    chunks, sources = [], []
    for item in files:
        file = SourceFile(*item) if isinstance(item, tuple) else SourceFile(item)
        try:
            for text, metadata in read_file(file, settings):
                chunks.append(text)
                sources.append({"source": file.source, **metadata})
        except READ_ERRORS as error:
            logger.warning("A document is left out. %s", error)
    return chunks, sources
