"""Reading documents: the lines of a file of any known format, with their pages."""

from __future__ import annotations

import codecs
import csv
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from .._extras import require
from .._mistakes import trim_stop
from ..browser_utils.mdconvert import (
    FileConversionException,
    LockedDocument,
    MarkdownConverter,
    UnsupportedFormatException,
    guess_suffix,
)
from ..fetching import FetchError

__all__ = [
    "READER_VERSION",
    "READ_ERRORS",
    "Document",
    "DocumentError",
    "EmptyDocument",
    "Line",
    "make_document",
    "read_document",
    "register_reader",
]

READER_VERSION: Final = 1
"""Number of this way of reading. Files that were indexed by another are read again."""

Kind = Literal["markdown", "text", "code", "records"]

MARKDOWN_SUFFIXES: Final = (".md", ".markdown", ".mdx", ".qmd", ".rst")
RECORD_SUFFIXES: Final = (".jsonl", ".ndjson", ".log")
TABLE_SUFFIXES: Final = (".csv", ".tsv")
# Formats that the converter reads: those with a signature are known whatever the name of the file is.
CONVERTED_SUFFIXES: Final = (".html", ".htm", ".xhtml", ".docx", ".xlsx", ".pptx", ".pdf", ".epub", ".msg", ".xls", ".rtf")
SIGNATURE_SUFFIXES: Final = (".pdf", ".docx", ".xlsx", ".pptx", ".rtf", ".html")
MEDIA_SUFFIXES: Final = (".png", ".jpg", ".gif", ".mp3")
CODE_SUFFIXES: Final = (
    *(".py", ".pyi", ".js", ".jsx", ".mjs", ".ts", ".tsx", ".java", ".kt", ".scala", ".go", ".rs", ".c", ".h", ".cc"),
    *(".cpp", ".hpp", ".cs", ".rb", ".php", ".pl", ".pm", ".swift", ".lua", ".r", ".jl", ".sh", ".bash", ".ps1", ".sql"),
    *(".ex", ".exs", ".hs", ".ml", ".clj", ".dart"),
)
# Old office documents, and encrypted new documents.
OLE_SIGNATURE: Final = bytes.fromhex("d0cf11e0a1b11ae1")
BYTE_ORDER_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
BLOCK_BYTES: Final = 1 << 20
SLIDE = re.compile(r"<!-- Slide number: (\d+) -->")
SCANNED = (
    "{} has no text: its {} pages are pictures, as of a scanner. Run a text recognition on it first (for example "
    "`ocrmypdf`), and index its result."
)


class DocumentError(ValueError):
    """Raised if a document can't be read. Its text says which, why, and what helps."""


class EmptyDocument(DocumentError):
    """Raised if a document has no text, such as a PDF whose pages are pictures."""


READ_ERRORS: Final = (
    OSError,
    ImportError,
    DocumentError,
    FileConversionException,
    UnsupportedFormatException,
    UnicodeError,
    FetchError,
)
"""The errors of a file that can't be read: another file may be readable all the same."""


class Line(NamedTuple):
    """A line of a document.

    Attributes:
        text: The text, without its line break.
        number: Its number in the file, from 1; in converted documents, in the converted text.
        page: The number of the page, or slide, from 1; None for formats without pages.
    """

    text: str
    number: int
    page: int | None = None


@dataclass(frozen=True)
class Document:
    """A document whose lines are read when they are iterated over.

    Attributes:
        lines: The lines.
        kind: How its structure shows: by Markdown, by empty lines, as code, or with a record on each line.
        title: The title; empty if it has none.
    """

    lines: Iterable[Line]
    kind: Kind = "text"
    title: str = ""


_readers: dict[str, Callable[[str], str]] = {}


def register_reader(suffixes: str | Sequence[str], reader: Callable[[str], str] | None) -> None:
    """Register a function that reads files of a format, before those of this package.

    Args:
        suffixes: The file name suffix, or several: ".odt".
        reader: Takes a path, and returns the document as Markdown. None to remove its reader.

    >>> register_reader(".shout", lambda path: Path(path).read_text().upper())
    >>> register_reader(".shout", None)
    """
    for suffix in [suffixes] if isinstance(suffixes, str) else suffixes:
        key = f".{suffix.lower().lstrip('.')}"
        if reader is None:
            _readers.pop(key, None)
        elif callable(reader):
            _readers[key] = reader
        else:
            raise TypeError(f"reader must be a function of a path, got {reader!r}.")


def make_document(text: str, kind: Kind = "text", title: str = "") -> Document:
    """Return a text as a document."""
    return Document(tuple(Line(line, number) for number, line in enumerate(text.splitlines(), 1)), kind, title)


def read_document(path: str | os.PathLike[str], *, url: str = "") -> Document:
    """Return the document in a file. Its format is recognised by its content first, then by its name.

    Args:
        path: The file.
        url: The address that it came from, if any: pages of some sites are read in a way of their own.

    Raises:
        DocumentError: if it can't be read.
        ImportError: if the format needs a package that is not installed.
        OSError: if the file can't be opened.
    """
    path = os.fspath(path)
    suffix = Path(path).suffix.lower()
    if suffix in _readers:
        return make_document(_readers[suffix](path), "markdown")
    with open(path, "rb") as file:
        head = file.read(BLOCK_BYTES)
    if not head.strip():
        raise EmptyDocument(f"{path} is empty.")
    suffix = _recognise_suffix(path, suffix, head)
    if suffix in CONVERTED_SUFFIXES:
        return _convert_document(path, suffix, url)
    if suffix == ".ipynb":
        return _read_notebook(path)
    if suffix == ".json":
        return make_document(MarkdownConverter().convert_local(path, file_extension=suffix).text_content)
    encoding = _detect_encoding(path, head)
    if encoding is None:
        return _read_unknown(path, suffix)
    if suffix in TABLE_SUFFIXES:
        return Document(_TableLines(path, encoding, "\t" if suffix == ".tsv" else ","), "markdown")
    kind: Kind = "markdown" if suffix in MARKDOWN_SUFFIXES else "code" if suffix in CODE_SUFFIXES else "text"
    return Document(_TextLines(path, encoding), "records" if suffix in RECORD_SUFFIXES else kind)


def _recognise_suffix(path: str, suffix: str, head: bytes) -> str:
    """Return the suffix of a file's format.

    Raises:
        LockedDocument: if it is an encrypted office document.
    """
    if head.startswith(b"{\\rtf"):
        return ".rtf"
    if head.startswith(OLE_SIGNATURE) and suffix in (".docx", ".xlsx", ".pptx"):
        raise LockedDocument(f"{path} is locked by a password: save a copy without one.")
    guess = guess_suffix(path)
    if guess in MEDIA_SUFFIXES:
        return guess or ""
    # A page is an HTML page whatever its name says, but code and Markdown may begin with a tag, too.
    is_text = suffix in MARKDOWN_SUFFIXES or suffix in CODE_SUFFIXES
    return guess if guess in SIGNATURE_SUFFIXES and not (guess == ".html" and is_text) else suffix


def _convert_document(path: str, suffix: str, url: str) -> Document:
    """Convert a document that is not text.

    Raises:
        EmptyDocument: if it has no text.
        FileConversionException: if it can't be read.
    """
    try:
        result = MarkdownConverter().convert_local(path, file_extension=suffix, url=url)
    except LockedDocument:
        raise LockedDocument(f"{path} is locked by a password: save a copy without one.") from None
    except FileConversionException as error:
        raise FileConversionException(f"{path} can't be read. {error}") from error
    pages = result.pages
    if pages is None:
        numbered = _number_slides(result.text_content) if suffix == ".pptx" else None
        lines = numbered or make_document(result.text_content).lines
        if not result.text_content.strip():
            raise EmptyDocument(f"{path} has no text.")
        return Document(lines, "markdown", result.title or "")
    if not any(page.strip() for page in pages):
        raise EmptyDocument(SCANNED.format(path, len(pages)))
    texts = [(line, page) for page, text in enumerate(pages, 1) for line in (*text.splitlines(), "")]
    return Document([Line(text, number, page) for number, (text, page) in enumerate(texts, 1)], "text", result.title or "")


def _number_slides(text: str) -> list[Line]:
    """Return the lines of a presentation with the numbers of their slides."""
    lines, slide = [], None
    for number, line in enumerate(text.splitlines(), 1):
        mark = SLIDE.fullmatch(line.strip())
        if mark is None:
            lines.append(Line(line, number, slide))
        else:
            slide = int(mark[1])
            # The slide before may not end with an empty line.
            lines.append(Line("", number, slide))
    return lines


def _read_notebook(path: str) -> Document:
    """Return the texts and the code of a notebook, without outputs.

    Raises:
        DocumentError: if it is not a notebook.
    """
    try:
        notebook: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
        language = notebook.get("metadata", {}).get("kernelspec", {}).get("language", "python")
        parts = []
        for cell in notebook["cells"]:
            source = cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])
            parts.append(f"```{language}\n{source}\n```" if cell["cell_type"] == "code" else source)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DocumentError(f"{path} is not a notebook of format 4: {type(error).__name__}: {trim_stop(error)}.") from error
    return make_document("\n\n".join(part for part in parts if part.strip()), "markdown")


def _read_unknown(path: str, suffix: str) -> Document:
    """Read a file that is not text by a library that the user has.

    Raises:
        DocumentError: if there is none.
    """
    if suffix and find_spec("unstructured") is not None:
        partition = require("unstructured.partition.auto", feature=f"Reading {suffix} files").partition
        return make_document("\n\n".join(str(element) for element in partition(filename=path)), "text")
    raise DocumentError(
        f"{path} is neither text nor a document of a known format. A function of yours can read {suffix or 'such'} files: "
        "see autogen.retrieve_utils.register_reader."
    )


def _detect_encoding(path: str, head: bytes) -> str | None:
    """Return the encoding of a file of text; None if it is not text."""
    for mark, encoding in BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return encoding
    if b"\0" in head:
        return None
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with open(path, "rb") as file:
            while block := file.read(BLOCK_BYTES):
                decoder.decode(block)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        # No byte is lost: each means a character of it.
        return "cp1252"
    return "utf-8"


class _TextLines:
    """The lines of a file of text, read while they are iterated over, so that large files take little memory."""

    def __init__(self, path: str, encoding: str) -> None:
        self._path = path
        self._encoding = encoding

    def __iter__(self) -> Iterator[Line]:
        with open(self._path, encoding=self._encoding, errors="replace") as file:
            for number, line in enumerate(file, 1):
                yield Line(line.rstrip("\n"), number)


class _TableLines(_TextLines):
    """The rows of a file of comma-separated values, as rows of a Markdown table."""

    def __init__(self, path: str, encoding: str, delimiter: str) -> None:
        super().__init__(path, encoding)
        self._delimiter = delimiter

    def __iter__(self) -> Iterator[Line]:
        with open(self._path, encoding=self._encoding, errors="replace", newline="") as file:
            for number, row in enumerate(csv.reader(file, delimiter=self._delimiter), 1):
                cells = (" ".join(cell.replace("|", "\\|").split()) for cell in row)
                yield Line(f"| {' | '.join(cells)} |" if row else "", number)
                if number == 1:
                    yield Line("|" + " --- |" * len(row), number)
