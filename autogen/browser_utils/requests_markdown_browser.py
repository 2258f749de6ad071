"""A text browser over `autogen.fetching`: no JavaScript, and no address inside unless a policy allows it."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit
from urllib.request import url2pathname

from .._mistakes import trim_stop, warn_caller
from .._steps import Steps, run_async, run_sync, to_thread
from ..fetching import FetchedResource, FetchPolicy, get_default_policy
from ..fetching._fetch import fetch_resource
from ._pages import Page, list_folder, save_download, split_page
from ._text_search import WordPattern
from .abstract_markdown_browser import AbstractMarkdownBrowser
from .markdown_search import AbstractMarkdownSearch, BingMarkdownSearch
from .mdconvert import FileConversionException, MarkdownConverter, UnsupportedFormatException

__all__ = ["RequestsMarkdownBrowser"]

BLANK = "about:blank"
SEARCH = "search:"
KNOWN_GET_ARGUMENTS = ("headers", "params", "timeout")


class RequestsMarkdownBrowser(AbstractMarkdownBrowser):
    """A text browser that fetches pages, without JavaScript.

    Each method that goes to a page has an async version with the prefix `a_`. A browser shows one page at a time, so each
    chat needs its own.

    Args:
        start_page: The address of the first page, fetched when it is first looked at; None for an empty page.
        viewport_size: The size of the part that is shown, in characters.
        downloads_folder: The folder for files that can't be shown; None to save nothing.
        search_engine: The back end for addresses such as "search: words"; None for that of `AUTOGEN_SEARCH`.
        markdown_converter: Converts pages; None for a `MarkdownConverter`.
        requests_session: A session of `requests` whose headers are sent. The connections are made by `autogen.fetching`.
        requests_get_kwargs: Arguments of `requests.get`: `headers`, `params` and `timeout` have their meaning.
        policy: The rules for addresses; None for those of the process.

    Attributes:
        start_page: As above.
        viewport_size: As above.
        downloads_folder: As above.
        history: The addresses that were visited, each with its time.
        page_title: The title of the page; None if it has none.
        viewport_pages: The start and end of each part of the page.
        viewport_current_page: The number of the part that is shown, from 0.

    Raises:
        ValueError: if `viewport_size` is not a positive number.

    >>> browser = RequestsMarkdownBrowser()
    >>> "metadata" in browser.visit_page("http://169.254.169.254/latest/meta-data/")
    False
    >>> browser.page_title
    'Request Exception'
    """

    def __init__(
        self,
        start_page: str | None = None,
        viewport_size: int | None = 1024 * 8,
        downloads_folder: str | os.PathLike[str] | None = None,
        search_engine: AbstractMarkdownSearch | None = None,
        markdown_converter: MarkdownConverter | None = None,
        requests_session: Any = None,
        requests_get_kwargs: Mapping[str, Any] | None = None,
        *,
        policy: FetchPolicy | None = None,
    ) -> None:
        size = 1024 * 8 if viewport_size is None else viewport_size
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise ValueError(f"viewport_size must be a positive number of characters, got {viewport_size!r}.")
        self.start_page = start_page or BLANK
        self.viewport_size = size
        self.downloads_folder = downloads_folder
        self.history: list[tuple[str, float]] = []
        self.page_title: str | None = None
        self.viewport_current_page = 0
        self.viewport_pages: list[tuple[int, int]] = [(0, 0)]
        self._policy = policy
        self._converter = markdown_converter or MarkdownConverter()
        self._engine = search_engine or BingMarkdownSearch()
        self._page_content = ""
        self._last_query: str | None = None
        self._last_match: int | None = None
        self._read_get_arguments(requests_session, requests_get_kwargs or {})

    def _read_get_arguments(self, session: Any, arguments: Mapping[str, Any]) -> None:
        for name in arguments.keys() - set(KNOWN_GET_ARGUMENTS):
            warn_caller(
                f"{name!r} in requests_get_kwargs has no effect: pages are fetched by autogen.fetching, by its policy."
            )
        self._headers = {**(dict(session.headers) if session is not None else {}), **(arguments.get("headers") or {})}
        self._params: Mapping[str, str] = arguments.get("params") or {}
        if isinstance(arguments.get("timeout"), (int, float)):
            self._policy = replace(self._policy or get_default_policy(), timeout=float(arguments["timeout"]))

    @property
    def address(self) -> str:
        """The address of the page."""
        return self.history[-1][0] if self.history else self.start_page

    @property
    def viewport(self) -> str:
        """The part of the page that is shown."""
        self._open_start_page()
        start, end = self.viewport_pages[self.viewport_current_page]
        return self._page_content[start:end]

    @property
    def page_content(self) -> str:
        """The whole page."""
        self._open_start_page()
        return self._page_content

    def set_address(self, uri_or_path: str) -> None:
        """Go to an address: of a page, `search: words`, `about:blank`, or relative to the address of the page."""
        run_sync(self._visit(uri_or_path))

    def visit_page(self, path_or_uri: str) -> str:
        """Go to an address and return the first part of its page. See `set_address`.

        An address that can't be fetched leads to a page that says why.
        """
        return run_sync(self._visit(path_or_uri))

    async def a_visit_page(self, path_or_uri: str) -> str:
        """Async version of `visit_page`."""
        return await run_async(self._visit(path_or_uri))

    def open_local_file(self, local_path: str) -> str:
        """Open a file or a folder of this machine and return its first part. Programs call it; pages and models can't."""
        return run_sync(self._visit(Path(local_path).absolute().as_uri(), is_file_allowed=True))

    async def a_open_local_file(self, local_path: str) -> str:
        """Async version of `open_local_file`."""
        return await run_async(self._visit(Path(local_path).absolute().as_uri(), is_file_allowed=True))

    def page_down(self) -> None:
        """Show the next part of the page; nothing changes at its end."""
        self.viewport_current_page = min(self.viewport_current_page + 1, len(self.viewport_pages) - 1)

    def page_up(self) -> None:
        """Show the previous part of the page; nothing changes at its beginning."""
        self.viewport_current_page = max(self.viewport_current_page - 1, 0)

    def find_on_page(self, query: str) -> str | None:
        """Show the next part of the page that has some words, from this part on and then from the beginning, and return it.

        Case and punctuation mean nothing; `*` stands for any characters. The same query again means `find_next`.

        Args:
            query: The words.

        Returns:
            The part; None if no part has the words, and then the same part is shown as before.
        """
        if query == self._last_query and self.viewport_current_page == self._last_match:
            return self.find_next()
        self._last_query = query
        return self._find(query, self.viewport_current_page)

    def find_next(self) -> str | None:
        """Repeat the last search, from the next part on; None if nothing is found, or was searched."""
        if self._last_query is None:
            return None
        start = 0 if self._last_match is None else self._last_match + 1
        return self._find(self._last_query, start % len(self.viewport_pages))

    def _find(self, query: str, start: int) -> str | None:
        self._open_start_page()
        pattern, count = WordPattern(query), len(self.viewport_pages)
        for offset in range(count):
            number = (start + offset) % count
            first, last = self.viewport_pages[number]
            if pattern.is_in(self._page_content[first:last]):
                self.viewport_current_page = self._last_match = number
                return self.viewport
        self._last_match = None
        return None

    def _open_start_page(self) -> None:
        # Not in the constructor: an agent may never look at it, and a constructor should contact nobody.
        if not self.history and self.start_page != BLANK:
            self.visit_page(self.start_page)

    def _visit(self, address: str, *, is_file_allowed: bool = False) -> Steps[str]:
        """Go to an address and return the first part of its page."""
        address = self._resolve_address(str(address).strip())
        page = yield from self._load(address, is_file_allowed)
        return self._show(page, address)

    def _show(self, page: Page, address: str) -> str:
        """Make a page the current page, and return its first part."""
        self.history.append((page.address or address, time.time()))
        self.page_title = page.title
        self._page_content = page.text
        self.viewport_pages = split_page(page.text, self.viewport_size) if page.is_split else [(0, len(page.text))]
        self.viewport_current_page = 0
        self._last_query = self._last_match = None
        return self.viewport

    def _resolve_address(self, address: str) -> str:
        """Return an address that may be relative as an absolute address."""
        try:
            if address.startswith((BLANK, SEARCH)) or urlsplit(address).scheme:
                return address
            base = next((url for url, _ in reversed(self.history) if not url.startswith((SEARCH, BLANK))), "")
            return urljoin(base, address)
        except ValueError:
            # It is refused when it is fetched.
            return address

    def _load(self, address: str, is_file_allowed: bool) -> Steps[Page]:
        """Return the page at an address; or a page that says why there is none."""
        if address == BLANK:
            return Page(None, "")
        if address.startswith(SEARCH):
            query = address.removeprefix(SEARCH).strip()
            text = yield from to_thread(self._engine.search, query)
            return Page(f"{query} - Search", text, is_split=False)
        policy = self._policy or get_default_policy()
        if is_file_allowed:
            policy = replace(policy, allow_file=True)
        try:
            path = self._find_folder(address, policy)
            if path is not None:
                return (yield from to_thread(list_folder, path))
            return (yield from self._load_page(address, policy))
        except OSError as error:
            # Errors of fetching are among them.
            return Page("Request Exception", f"## Request Exception\n\n{error}")

    def _load_page(self, address: str, policy: FetchPolicy) -> Steps[Page]:
        """Fetch the page at an address.

        Raises:
            FetchError: if it can't be fetched.
        """
        resource = yield from fetch_resource(address, policy=policy, headers=self._headers, params=self._params or None)
        return (yield from to_thread(self._convert, resource))

    def _convert(self, resource: FetchedResource) -> Page:
        """Convert a resource to a page, and save it if it can't be shown."""
        is_text = resource.content_type.startswith("text/") or resource.content_type.endswith(("html+xml", "json"))
        path = None
        if (
            resource.is_success
            and not is_text
            and self.downloads_folder is not None
            and not resource.url.startswith("file:")
        ):
            path = save_download(self.downloads_folder, resource)
        try:
            result = self._converter.convert_response(resource)
            title, text = result.title, result.text_content
        except (UnsupportedFormatException, FileConversionException) as error:
            title, text = self._describe_download(resource, path, error)
        if not resource.is_success:
            title, text = f"Error {resource.status}", f"## Error {resource.status}\n\n{text}"
        return Page(title, text, resource.url)

    def _describe_download(self, resource: FetchedResource, path: Path | None, error: Exception) -> tuple[str | None, str]:
        """Return the title and text of a page for a resource that can't be shown."""
        if not resource.is_success:
            return None, ""
        if path is not None:
            return "Download complete", f"# Download complete\n\nSaved file to '{path}'"
        kind = resource.content_type or "unknown"
        text = f"# Not shown\n\nThe address has {len(resource.content):,} bytes of the type {kind}. They can't be shown"
        if isinstance(error, FileConversionException):
            text += f" ({trim_stop(error)})"
        if self.downloads_folder is None:
            text += ", and were not saved, because this browser has no downloads_folder"
        return "Not shown", f"{text}."

    def _find_folder(self, address: str, policy: FetchPolicy) -> str | None:
        """Return the path of the folder that an address names; None if it names none, or files are not allowed."""
        if not policy.allow_file or not address.lower().startswith("file:"):
            return None
        path = url2pathname(urlsplit(address).path)
        return path if os.path.isdir(path) else None
