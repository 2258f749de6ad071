"""Documents and web pages as Markdown.

Text, HTML, CSV and JSON are converted here; office documents and PDF by the libraries of the extra `documents`, in a process
of their own with little memory, little time and no secrets, because such documents come from strangers.
"""

from __future__ import annotations

import base64
import csv
import io
import json
import logging
import mimetypes
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Protocol
from urllib.parse import parse_qs, urljoin, urlsplit
from urllib.request import url2pathname

from ..fetching import FetchedResource, FetchPolicy, fetch, get_default_policy
from ._html import convert_html, get_title, parse_html, render_markdown, tidy_markdown

__all__ = [
    "DocumentConverter",
    "DocumentConverterResult",
    "FileConversionException",
    "LockedDocument",
    "MarkdownConverter",
    "UnsupportedFormatException",
]

logger = logging.getLogger(__name__)

IS_AUDIO_TRANSCRIPTION_CAPABLE = False
"""False: audio goes to nobody, unless the program passes a function that transcribes it."""
IS_YOUTUBE_TRANSCRIPT_CAPABLE = False
"""False: transcripts of videos are not fetched."""

READER_SECONDS = 60  # of CPU time
READER_PATIENCE = 300  # seconds of waiting: the machine may be busy
MAX_TEXT = 5_000_000  # characters
MAX_ROWS = 100_000
CAPTION_PROMPT = "Describe this image in detail, so that somebody who can't see it knows what it shows."
# Variables that Python and its libraries need; none of them is a secret.
CHILD_VARIABLES = ("PATH", "HOME", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "LANG", "LC_ALL", "LD_LIBRARY_PATH")


class UnsupportedFormatException(Exception):
    """Raised if no converter knows the format of a document."""


class FileConversionException(ValueError):
    """Raised if a converter knows the format of a document, and can't read it."""


class LockedDocument(FileConversionException):
    """Raised if a document is locked by a password."""


class DocumentConverterResult:
    """A converted document.

    Args:
        title: Its title; None if it has none.
        text_content: Its text as Markdown.
        pages: The text of each page; None for formats without pages.

    Attributes:
        title: As above.
        text_content: As above.
        pages: As above.
    """

    def __init__(self, title: str | None = None, text_content: str = "", pages: list[str] | None = None) -> None:
        self.title = title
        self.text_content = text_content
        self.pages = pages

    def __repr__(self) -> str:
        return f"DocumentConverterResult(title={self.title!r}, text_content={self.text_content[:40]!r}...)"


class Response(Protocol):
    """A response of an HTTP library: of `autogen.fetching`, `requests` or `httpx`."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers."""

    @property
    def content(self) -> bytes:
        """The body."""


class DocumentConverter:
    """Base class of converters. A converter may be registered with `MarkdownConverter.register_page_converter`."""

    def convert(self, local_path: str, **kwargs: Any) -> DocumentConverterResult | None:
        """Convert a file; return None if it is of another format.

        Args:
            local_path: The path of the file.
            **kwargs: `file_extension` (with its dot), `url`, and the arguments of `MarkdownConverter.convert`.
        """
        raise NotImplementedError(f"{type(self).__name__} must define `convert`.")


class PlainTextConverter(DocumentConverter):
    """Converts text, and CSV and JSON to a table and a block."""

    def convert(self, local_path: str, **kwargs: Any) -> DocumentConverterResult | None:
        """Convert a file of text; see the base class."""
        suffix = kwargs.get("file_extension", "")
        content_type = mimetypes.guess_type(f"file{suffix}")[0] or ""
        is_text = content_type.startswith("text/") or suffix in (
            ".md",
            ".log",
            ".toml",
            ".ini",
            ".yaml",
            ".yml",
            ".py",
            ".jsonl",
        )
        if not is_text and suffix not in (".json", ".xml"):
            return None
        text = _read_text(local_path)
        if suffix in (".csv", ".tsv"):
            text = _render_table(text, "\t" if suffix == ".tsv" else ",")
        elif suffix == ".json":
            text = _indent_json(text)
        return DocumentConverterResult(None, text)


class HtmlConverter(DocumentConverter):
    """Converts web pages: the text that a reader would see."""

    def convert(self, local_path: str, **kwargs: Any) -> DocumentConverterResult | None:
        """Convert an HTML file; see the base class."""
        if not _is_html(kwargs):
            return None
        return DocumentConverterResult(*convert_html(_read_text(local_path)))


class WikipediaConverter(DocumentConverter):
    """Converts articles of Wikipedia, without all that is around them."""

    def convert(self, local_path: str, **kwargs: Any) -> DocumentConverterResult | None:
        """Convert the page of an article; see the base class."""
        if not _is_html(kwargs) or not _is_page_of(kwargs, r"([\w-]+\.)?wikipedia\.org"):
            return None
        soup = parse_html(_read_text(local_path))
        article, heading = soup.find("div", {"id": "mw-content-text"}), soup.find(class_="mw-page-title-main")
        if article is None:
            return None
        title = heading.get_text() if heading is not None else get_title(soup)
        return DocumentConverterResult(title, f"# {title}\n\n{render_markdown(article)}")


class YouTubeConverter(DocumentConverter):
    """Converts pages of videos: title, description and the like. Transcripts are not fetched."""

    def convert(self, local_path: str, **kwargs: Any) -> DocumentConverterResult | None:
        """Convert the page of a video; see the base class."""
        if not _is_html(kwargs) or not _is_page_of(kwargs, r"(www\.|m\.)?youtube\.com") or "/watch" not in kwargs["url"]:
            return None
        soup = parse_html(_read_text(local_path))
        facts = {
            str(tag.get("itemprop") or tag.get("property") or tag.get("name") or ""): str(tag.get("content") or "")
            for tag in soup.find_all("meta")
        }
        title = facts.get("og:title") or facts.get("name") or get_title(soup)
        text = f"# YouTube\n\n## {title}\n"
        for name, label in (("interactionCount", "Views"), ("keywords", "Keywords"), ("duration", "Runtime")):
            if facts.get(name):
                text += f"\n- **{label}:** {facts[name]}"
        description = facts.get("og:description") or facts.get("description")
        return DocumentConverterResult(title, f"{text}\n\n### Description\n{description}\n" if description else text)


class BingSerpConverter(DocumentConverter):
    """Converts result pages of Bing, whose links lead to the results themselves."""

    def convert(self, local_path: str, **kwargs: Any) -> DocumentConverterResult | None:
        """Convert a result page; see the base class."""
        if not _is_html(kwargs) or not _is_page_of(kwargs, r"(www\.)?bing\.com") or "/search" not in kwargs["url"]:
            return None
        query = parse_qs(urlsplit(kwargs["url"]).query).get("q", [""])[0]
        soup = parse_html(_read_text(local_path))
        results = []
        for result in soup.find_all(class_="b_algo"):
            for link in result.find_all("a", href=True):
                link["href"] = _decode_bing_link(str(link["href"]))
            results.append(render_markdown(result))
        text = f"## A Bing search for '{query}' found the following results:\n\n" + "\n\n".join(results)
        return DocumentConverterResult(get_title(soup), text)


class ReaderConverter(DocumentConverter):
    """Converts files of some formats by a reader that runs as a process of its own."""

    suffixes: tuple[str, ...] = (".epub", ".msg", ".ipynb", ".xls", ".rss", ".atom", ".rtf")

    def convert(self, local_path: str, **kwargs: Any) -> DocumentConverterResult | None:
        """Convert a file; see the base class.

        Raises:
            FileConversionException: if it can't be read.
            ImportError: if the extra is not installed.
        """
        suffix = kwargs.get("file_extension", "")
        return _read_in_process(local_path, suffix) if suffix in self.suffixes else None


class PdfConverter(ReaderConverter):
    """Converts PDF."""

    suffixes = (".pdf",)


class DocxConverter(ReaderConverter):
    """Converts documents of Word."""

    suffixes = (".docx",)


class XlsxConverter(ReaderConverter):
    """Converts workbooks of Excel: a heading and a table for each sheet."""

    suffixes = (".xlsx",)


class PptxConverter(ReaderConverter):
    """Converts presentations of PowerPoint."""

    suffixes = (".pptx",)


class MediaConverter(DocumentConverter):
    """Base class of converters of pictures and sound."""


class WavConverter(MediaConverter):
    """Converts sound to its transcript, by the program's function `transcriber`."""

    suffixes: tuple[str, ...] = (".wav",)

    def convert(self, local_path: str, **kwargs: Any) -> DocumentConverterResult | None:
        """Convert a recording; see the base class. Without a `transcriber` it is not known."""
        transcriber: Callable[[str], str] | None = kwargs.get("transcriber")
        if transcriber is None or kwargs.get("file_extension", "") not in self.suffixes:
            return None
        return DocumentConverterResult(None, f"### Audio Transcript:\n{transcriber(local_path)}")


class Mp3Converter(WavConverter):
    """Converts sound to its transcript, by the program's function `transcriber`."""

    suffixes = (".mp3",)


class ImageConverter(MediaConverter):
    """Converts pictures to a description, by a model."""

    def convert(self, local_path: str, **kwargs: Any) -> DocumentConverterResult | None:
        """Describe a picture; see the base class. Without `mlm_client` and `mlm_model` it is not known."""
        suffix, client, model = kwargs.get("file_extension", ""), kwargs.get("mlm_client"), kwargs.get("mlm_model")
        if suffix not in (".jpg", ".jpeg", ".png", ".gif", ".webp") or client is None or model is None:
            return None
        content_type = mimetypes.guess_type(f"file{suffix}")[0]
        data = base64.b64encode(Path(local_path).read_bytes()).decode()
        parts = [
            {"type": "text", "text": kwargs.get("mlm_prompt") or CAPTION_PROMPT},
            {"type": "image_url", "image_url": {"url": f"data:{content_type};base64,{data}"}},
        ]
        response = client.chat.completions.create(model=model, messages=[{"role": "user", "content": parts}])
        return DocumentConverterResult(None, f"# Description:\n{str(response.choices[0].message.content).strip()}")


class MarkdownConverter:
    """Converts documents and web pages to Markdown.

    Args:
        requests_session: A session of `requests` whose headers are sent when an address is fetched; None for no headers.
            The connection is made by `autogen.fetching`.
        mlm_client: A client of the `openai` SDK that describes pictures; with `mlm_model` in `convert`.
        mlm_model: The name of its model.
        policy: The rules for addresses; None for those of the process. Local files, and addresses of files, are passed by
            the program, and always allowed.
        transcriber: A function that returns the transcript of the sound in a file; None for no transcripts.

    >>> converter = MarkdownConverter()
    >>> converter.convert_stream(io.BytesIO(b"<title>Hi</title><h1>Hello</h1>"), file_extension=".html").text_content
    '# Hello'
    """

    def __init__(
        self,
        requests_session: Any = None,
        mlm_client: Any = None,
        *,
        mlm_model: str | None = None,
        policy: FetchPolicy | None = None,
        transcriber: Callable[[str], str] | None = None,
    ) -> None:
        self._headers = dict(requests_session.headers) if requests_session is not None else {}
        self._options = {"mlm_client": mlm_client, "mlm_model": mlm_model, "transcriber": transcriber}
        self._policy = policy
        self._converters: list[DocumentConverter] = []
        for kind in (PlainTextConverter, HtmlConverter, WikipediaConverter, YouTubeConverter, BingSerpConverter):
            self.register_page_converter(kind())
        for reader in (DocxConverter, XlsxConverter, PptxConverter, PdfConverter, ReaderConverter):
            self.register_page_converter(reader())
        for medium in (WavConverter, Mp3Converter, ImageConverter):
            self.register_page_converter(medium())

    def register_page_converter(self, converter: DocumentConverter) -> None:
        """Register a converter, which is asked before those registered earlier."""
        self._converters.insert(0, converter)

    def convert(self, source: str | os.PathLike[str] | Response, **kwargs: Any) -> DocumentConverterResult:
        """Convert a document.

        Args:
            source: A path, an address, or a response of an HTTP library.
            **kwargs: For the converters; `file_extension` is the format, if the name doesn't say it.

        Raises:
            UnsupportedFormatException: if no converter knows its format.
            FileConversionException: if it can't be read.
            FetchError: if an address can't be fetched.
        """
        if isinstance(source, (str, os.PathLike)):
            text = os.fspath(source)
            if text.lower().startswith(("http://", "https://", "file://")):
                return self.convert_url(text, **kwargs)
            return self.convert_local(text, **kwargs)
        if not hasattr(source, "headers"):
            raise TypeError(f"source must be a path, an address or a response, got {source!r}.")
        return self.convert_response(source, **kwargs)

    def convert_local(self, path: str | os.PathLike[str], **kwargs: Any) -> DocumentConverterResult:
        """Convert a file; see `convert`."""
        path = os.fspath(path)
        suffixes = [kwargs.pop("file_extension", None), Path(path).suffix, guess_suffix(path)]
        return self._convert(path, suffixes, kwargs)

    def convert_stream(self, stream: BinaryIO, **kwargs: Any) -> DocumentConverterResult:
        """Convert the content of a binary stream; see `convert`."""
        return self._convert_content(stream.read(), [kwargs.pop("file_extension", None)], kwargs)

    def convert_url(self, url: str, **kwargs: Any) -> DocumentConverterResult:
        """Fetch an address and convert what is there; see `convert`."""
        if url.lower().startswith("file://"):
            return self.convert_local(url2pathname(urlsplit(url).path), **kwargs)
        resource = fetch(url, policy=self._policy or get_default_policy(), headers=self._headers)
        return self.convert_response(resource.raise_for_status(), **kwargs)

    def convert_response(self, response: Response, **kwargs: Any) -> DocumentConverterResult:
        """Convert the body of a response; see `convert`."""
        url = str(getattr(response, "url", "") or "")
        kwargs.setdefault("url", url)
        suffixes = [kwargs.pop("file_extension", None), *list_suffixes(url, response.headers)]
        content = response.content
        if isinstance(response, FetchedResource) and (
            response.content_type.startswith("text/") or "html" in response.content_type
        ):
            # The response knows its encoding; a file has none.
            content = response.text.encode("utf-8", "replace")
        return self._convert_content(content, suffixes, kwargs)

    def _convert_content(
        self, content: bytes, suffixes: list[str | None], kwargs: dict[str, Any]
    ) -> DocumentConverterResult:
        with tempfile.TemporaryDirectory(prefix="autogen-document-") as folder:
            path = Path(folder, "document")
            path.write_bytes(content)
            return self._convert(str(path), [*suffixes, guess_suffix(str(path))], kwargs)

    def _convert(self, path: str, suffixes: list[str | None], kwargs: dict[str, Any]) -> DocumentConverterResult:
        """Ask the converters, for each format that the file may be of."""
        options = {**self._options, **kwargs}
        known = dict.fromkeys(suffix.lower() for suffix in suffixes if suffix)
        for suffix in [*known, None]:
            chosen = options if suffix is None else {**options, "file_extension": suffix}
            failures: list[str] = []
            for converter in self._converters:
                try:
                    result = converter.convert(path, **chosen)
                except (ImportError, OSError, LockedDocument):
                    raise
                except Exception as error:
                    # Converters of programs raise errors of every kind.
                    logger.debug("A converter failed:", exc_info=error)
                    failures.append(f"{type(converter).__name__}: {error}")
                    continue
                if result is not None:
                    if len(result.text_content) > MAX_TEXT:
                        logger.warning("%s is long: only its first %s characters are read.", path, f"{MAX_TEXT:,}")
                    result.text_content = tidy_markdown(result.text_content[:MAX_TEXT])
                    return result
            if failures:
                raise FileConversionException(f"The {suffix or ''} document can't be converted. {'; '.join(failures)}")
        formats = ", ".join(known) or "unknown"
        raise UnsupportedFormatException(f"No converter knows the format of the document: {formats}.")


def list_suffixes(url: str, headers: Mapping[str, str]) -> list[str]:
    """Return the file name suffixes that a response may have, from its content type, its name and its address."""
    content_type = (headers.get("content-type") or headers.get("Content-Type") or "").partition(";")[0].strip().lower()
    guesses = [".html"] if content_type in ("text/html", "application/xhtml+xml") else []
    guesses += (
        [mimetypes.guess_extension(content_type) or ""] if content_type not in ("", "application/octet-stream") else []
    )
    disposition = headers.get("content-disposition") or headers.get("Content-Disposition") or ""
    name = re.search(r"filename=\"?([^\";]+)", disposition)
    guesses += [Path(name[1]).suffix] if name else []
    guesses.append(Path(urlsplit(url).path).suffix)
    return [guess for guess in guesses if guess]


def guess_suffix(path: str) -> str | None:
    """Return the file name suffix of a file's format, by its content; None if it is not known."""
    with open(path, "rb") as file:
        head = file.read(1024)
    signatures = ((b"%PDF-", ".pdf"), (b"\x89PNG", ".png"), (b"\xff\xd8\xff", ".jpg"), (b"GIF8", ".gif"), (b"ID3", ".mp3"))
    for signature, suffix in signatures:
        if head.startswith(signature):
            return suffix
    if head.startswith(b"PK") and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            parts = {name.partition("/")[0] for name in archive.namelist()[:1000]}
        return next(
            (suffix for part, suffix in (("word", ".docx"), ("xl", ".xlsx"), ("ppt", ".pptx")) if part in parts), None
        )
    if re.match(rb"\s*(<!doctype html|<html|<head|<body)", head, re.IGNORECASE):
        return ".html"
    try:
        # A character may be cut at the end.
        head.decode("utf-8") if len(head) < 1024 else head[:-4].decode("utf-8", "strict" if head.isascii() else "ignore")
    except UnicodeDecodeError:
        return None
    return None if b"\0" in head or not head else ".txt"


def _read_text(path: str) -> str:
    """Return the text of a file, in the encoding that it names, or UTF-8."""
    return FetchedResource(path, 200, {"content-type": "text/html"}, Path(path).read_bytes()).text


def _is_html(kwargs: Mapping[str, Any]) -> bool:
    return kwargs.get("file_extension", "") in (".html", ".htm", ".xhtml")


def _is_page_of(kwargs: Mapping[str, Any], host: str) -> bool:
    """Return True if a page is of a host, given as a regular expression."""
    try:
        return bool(re.fullmatch(host, urlsplit(kwargs.get("url") or "").hostname or "", re.IGNORECASE))
    except ValueError:
        return False


def _decode_bing_link(link: str) -> str:
    """Return the address of a result that a link of Bing's leads to; any other link as it is."""
    encoded = parse_qs(urlsplit(urljoin("https://www.bing.com/", link)).query).get("u", [""])[0]
    try:
        return base64.urlsafe_b64decode(encoded[2:] + "==").decode("utf-8") if encoded.startswith("a1") else link
    except ValueError:
        return link


def _render_table(text: str, delimiter: str) -> str:
    """Return comma-separated values as a table."""
    rows = list(csv.reader(io.StringIO(text), delimiter=delimiter))[:MAX_ROWS]
    if not rows or len(rows[0]) < 2:
        return text
    cells = [[cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows]
    lines = ["| " + " | ".join(row) + " |" for row in cells]
    return "\n".join([lines[0], "|" + " --- |" * len(rows[0]), *lines[1:]])


def _indent_json(text: str) -> str:
    """Return JSON with indentation, so that pages can be cut at its white space; other text as it is."""
    try:
        return json.dumps(json.loads(text), indent=1, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


def _read_in_process(path: str, suffix: str) -> DocumentConverterResult:
    """Convert a file in a process of its own.

    Raises:
        FileConversionException: if it can't be read.
        ImportError: if the extra is not installed.
    """
    environment = {name: os.environ[name] for name in CHILD_VARIABLES if name in os.environ}
    # This package may be on the path by a setting of this process alone.
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    command = [
        sys.executable,
        "-m",
        "autogen.browser_utils._document_reader",
        os.path.abspath(path),
        suffix,
        str(READER_SECONDS),
    ]
    try:
        completed = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=READER_PATIENCE, check=False
        )
        answer: dict[str, Any] = json.loads(completed.stdout)
    except subprocess.TimeoutExpired:
        raise FileConversionException(f"reading it took more than {READER_PATIENCE} seconds") from None
    except ValueError:
        logger.debug("The reader of a document printed: %s", completed.stderr[-2000:])
        text = f"its reader ended with code {completed.returncode}, as if it needed too much memory or time"
        raise FileConversionException(text) from None
    if "missing" in answer:
        name = answer["missing"]
        text = f"Reading {suffix} documents needs the package {name!r}, which is not installed: "
        raise ImportError(text + 'pip install "autogen-classic[documents]"', name=name)
    if "locked" in answer:
        raise LockedDocument("it is locked by a password")
    if "text" not in answer:
        raise FileConversionException(answer.get("error"))
    return DocumentConverterResult(answer["title"], answer["text"] or "", answer.get("pages"))
