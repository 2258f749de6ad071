r"""Documents for retrieval: finding files, reading them as text, and dividing them into chunks.

>>> split_text_to_chunks("first line\nsecond line\n\nthird line\nfourth line", max_tokens=8)
['first line\nsecond line', '\nthird line\nfourth line']
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from tempfile import TemporaryDirectory
from typing import IO, Any

from ._documents.chunks import split_document
from ._documents.files import TEXT_FORMATS, FileItem, download_file, is_url, list_files
from ._documents.lines import split_lines
from ._documents.pages import render_page
from ._documents.readers import READ_ERRORS, Document, EmptyDocument, read_document, register_reader
from .browser_utils.mdconvert import LockedDocument
from .fetching import FetchError
from .token_count_utils import count_token

__all__ = [
    "HAS_UNSTRUCTURED",
    "RAG_MINIMUM_MESSAGE_LENGTH",
    "TEXT_FORMATS",
    "UNSTRUCTURED_FORMATS",
    "VALID_CHUNK_MODES",
    "create_vector_db_from_dir",
    "extract_text_from_pdf",
    "get_file_from_url",
    "get_files_from_dir",
    "is_url",
    "parse_html_to_markdown",
    "query_vector_db",
    "register_reader",
    "split_files_to_chunks",
    "split_text_to_chunks",
]

logger = logging.getLogger(__name__)

UNSTRUCTURED_FORMATS = ["doc", "docx", "epub", "msg", "odt", "org", "pdf", "ppt", "pptx", "rtf", "rst", "xlsx"]
"""The formats of the package `unstructured`, which is used for those that this package does not read."""
HAS_UNSTRUCTURED = find_spec("unstructured") is not None
"""True if the package `unstructured` is installed."""
VALID_CHUNK_MODES = frozenset({"one_line", "multi_lines"})
RAG_MINIMUM_MESSAGE_LENGTH = int(os.environ.get("RAG_MINIMUM_MESSAGE_LENGTH", "5"))
"""The minimum length of a chunk in characters; shorter chunks are dropped."""


def split_text_to_chunks(
    text: str,
    max_tokens: int = 4000,
    chunk_mode: str = "multi_lines",
    must_break_at_empty_line: bool = True,
    overlap: int = 0,
) -> list[str]:
    """Split a text into chunks of whole lines.

    Args:
        text: The text.
        max_tokens: The maximum size of a chunk: the sum over its lines. A longer line is divided.
        chunk_mode: "multi_lines", or "one_line" for chunks of a line each, as long as the rest is too long for a chunk.
        must_break_at_empty_line: True to break only before empty lines, where a chunk has any. Texts of less than three
            lines are divided anywhere.
        overlap: The number of lines that a chunk repeats of the chunk before it.

    Raises:
        AssertionError: if `chunk_mode` is unknown.
        ValueError: if `max_tokens` is not positive, or `overlap` is negative.
    """
    _check_sizes(max_tokens, chunk_mode)
    if overlap < 0:
        raise ValueError(f"overlap must not be negative, got {overlap!r}.")
    chunks = split_lines(
        text,
        max_tokens,
        count_token,
        one_line=chunk_mode == "one_line",
        must_break_at_empty_line=must_break_at_empty_line,
        overlap=overlap,
    )
    return [chunk for chunk in chunks if len(chunk) >= RAG_MINIMUM_MESSAGE_LENGTH]


def split_files_to_chunks(
    files: Sequence[FileItem],
    max_tokens: int = 4000,
    chunk_mode: str = "multi_lines",
    must_break_at_empty_line: bool = True,
    custom_text_split_function: Callable[[str], list[str]] | None = None,
) -> tuple[list[str], list[dict[str, str | int]]]:
    """Read files, and split each into chunks, at headings, paragraphs, table rows and definitions.

    A file that can't be read is left out, with a warning.

    Args:
        files: Paths, or pairs of path and address.
        max_tokens: The maximum size of a chunk.
        chunk_mode: "multi_lines", or "one_line"; see `split_text_to_chunks`.
        must_break_at_empty_line: With "multi_lines", False to split at any line, without regard to the structure.
        custom_text_split_function: Splits the text of a file instead.

    Returns:
        The chunks, and for each of them `{"source": address or path}`, with "headings" and "page" where the file has them.

    Raises:
        AssertionError: if `chunk_mode` is unknown.
        ValueError: if `max_tokens` is not positive.
    """
    _check_sizes(max_tokens, chunk_mode)
    by_structure = chunk_mode == "multi_lines" and must_break_at_empty_line
    chunks: list[str] = []
    sources: list[dict[str, str | int]] = []
    for item in files:
        path, url = item if isinstance(item, tuple) else (item, "")
        texts: list[tuple[str, dict[str, str | int]]]
        try:
            document = read_document(path, url=url)
            if custom_text_split_function is not None:
                texts = [(text, {}) for text in custom_text_split_function(_join_lines(document))]
            elif by_structure:
                texts = [(chunk.text, chunk.make_metadata()) for chunk in split_document(document, max_tokens, count_token)]
            else:
                split = split_text_to_chunks(_join_lines(document), max_tokens, chunk_mode, must_break_at_empty_line)
                texts = [(text, {}) for text in split]
        except READ_ERRORS as error:
            logger.warning("A document is left out. %s", error)
            continue
        for text, metadata in texts:
            chunks.append(text)
            sources.append({"source": url or path, **metadata})
    return chunks, sources


def _join_lines(document: Document) -> str:
    return "\n".join(line.text for line in document.lines)


def _check_sizes(max_tokens: int, chunk_mode: str) -> None:
    """Check the arguments of a splitter.

    Raises:
        AssertionError: if the mode is unknown, as in 0.2.
        ValueError: if the size is not positive.
    """
    if chunk_mode not in VALID_CHUNK_MODES:
        modes = ", ".join(sorted(VALID_CHUNK_MODES))
        raise AssertionError(f"chunk_mode must be one of {modes}, got {chunk_mode!r}.")
    if max_tokens < 1:
        raise ValueError(f"max_tokens must be a positive whole number, got {max_tokens!r}.")


def extract_text_from_pdf(file: str | IO[bytes]) -> str:
    """Return the text of all pages of a PDF, with an empty line between pages.

    A file that is locked by a password, or whose pages are pictures, gives a warning and an empty text.

    Args:
        file: The path, or the open file.

    Raises:
        FileConversionException: if it is not a PDF, or broken.
        ImportError: if the extra `documents` is not installed.
    """
    if not isinstance(file, str):
        with TemporaryDirectory(prefix="autogen-document-") as folder:
            path = os.path.join(folder, "document.pdf")
            with open(path, "wb") as copy:
                copy.write(file.read())
            return extract_text_from_pdf(path)
    try:
        return _join_lines(read_document(file)).rstrip("\n")
    except (LockedDocument, EmptyDocument) as error:
        logger.warning("%s", error)
        return ""


def get_files_from_dir(
    dir_path: str | os.PathLike[str] | list[str], types: Sequence[str] = TEXT_FORMATS, recursive: bool = True
) -> list[FileItem]:
    """Return the files of a folder, of a file, of an address, or of a list of them.

    Args:
        dir_path: The path or address, or the list. What is missing in a list, and what can't be downloaded, gives a
            warning.
        types: The endings that are looked for in folders, in lower or upper case. Files that are named are taken whatever
            their ending is.
        recursive: True to look in folders inside folders.

    Returns:
        Paths; for addresses, pairs of path and address.

    Raises:
        ValueError: if `types` is empty, or a single path does not exist.
    """
    return list_files(dir_path, types, recursive)


def get_file_from_url(url: str, save_path: str | None = None) -> tuple[str, str] | None:
    """Download a document, and return its path and its address; None, with a warning, if it can't be downloaded.

    Args:
        url: The address. A web page is saved as Markdown.
        save_path: The path of the file, or a folder; None for the folder `tmp/chromadb`.
    """
    try:
        return download_file(url, save_path)
    except FetchError as error:
        logger.warning("A document is left out. %s", error)
        return None


def parse_html_to_markdown(html: str, url: str | None = None) -> str:
    r"""Return a web page as Markdown, without scripts and styles, with its title as the first heading.

    Args:
        html: The page.
        url: Its address; of a page of Wikipedia, the article alone is returned.

    Raises:
        ImportError: if the extra `web` is not installed.

    >>> parse_html_to_markdown("<title>Greeting</title><h1>Hello, World!</h1>")
    '# Greeting\n\nHello, World!\n============='
    """
    return render_page(html, url)


def create_vector_db_from_dir(
    dir_path: str | list[str],
    max_tokens: int = 4000,
    client: Any = None,
    db_path: str = "tmp/chromadb.db",
    collection_name: str = "all-my-documents",
    get_or_create: bool = False,
    chunk_mode: str = "multi_lines",
    must_break_at_empty_line: bool = True,
    embedding_model: str = "all-MiniLM-L6-v2",
    embedding_function: Any = None,
    custom_text_split_function: Callable[[str], list[str]] | None = None,
    custom_text_types: Sequence[str] = TEXT_FORMATS,
    recursive: bool = True,
    extra_docs: bool = False,
) -> Any:
    """Fill a collection with the documents of a folder. `RetrieveUserProxyAgent` also keeps it up to date.

    Args:
        dir_path: Folder, file or address, or a list of them.
        max_tokens: The maximum size of a chunk.
        client: A client of Chroma, or a vector store; None for a store in `db_path`: Chroma if its database is there,
            otherwise the store of this package.
        db_path: Folder of the store.
        collection_name: Name of the collection. If it exists and `get_or_create` is False, there is a warning, and nothing
            is done.
        get_or_create: True to use an existing collection.
        chunk_mode: See `split_files_to_chunks`.
        must_break_at_empty_line: See `split_files_to_chunks`.
        embedding_model: Name of the model that makes vectors; see `autogen.embeddings.get_embedder`.
        embedding_function: Another source of vectors.
        custom_text_split_function: Splits the text of a file instead.
        custom_text_types: The endings that are looked for in folders.
        recursive: True to look in folders inside folders.
        extra_docs: True to number the ids `doc_0`... on from the present number of documents.

    Returns:
        The client; without one, the store.
    """
    from .agentchat.contrib._rag.legacy import fill_collection, open_store

    def split() -> tuple[list[str], list[dict[str, str | int]]]:
        files = get_files_from_dir(dir_path, custom_text_types, recursive)
        return split_files_to_chunks(files, max_tokens, chunk_mode, must_break_at_empty_line, custom_text_split_function)

    store = open_store(client, db_path, embedding_function or embedding_model)
    return fill_collection(store, collection_name, split, get_or_create=get_or_create, extra_docs=extra_docs)


def query_vector_db(
    query_texts: list[str],
    n_results: int = 10,
    client: Any = None,
    db_path: str = "tmp/chromadb.db",
    collection_name: str = "all-my-documents",
    search_string: str = "",
    embedding_model: str = "all-MiniLM-L6-v2",
    embedding_function: Any = None,
) -> dict[str, Any]:
    """Search a collection.

    Args:
        query_texts: The questions.
        n_results: The maximum number of results for each question.
        client: See `create_vector_db_from_dir`.
        db_path: Folder of the store.
        collection_name: Name of the collection.
        search_string: Text that is exactly in the results; empty for any.
        embedding_model: Name of the model that makes vectors.
        embedding_function: Another source of vectors.

    Returns:
        A dict with a list for each question under `ids`, `documents`, `metadatas` and `distances`.

    Raises:
        ValueError: if there is no such collection.
    """
    from .agentchat.contrib._rag.legacy import open_store, query_collection

    store = open_store(client, db_path, embedding_function or embedding_model)
    return query_collection(store, collection_name, query_texts, n_results, search_string)
