"""The text browser of early 0.2, and of AG2's line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .markdown_search import BingMarkdownSearch
from .requests_markdown_browser import RequestsMarkdownBrowser

__all__ = ["SimpleTextBrowser"]


class SimpleTextBrowser(RequestsMarkdownBrowser):
    """A `RequestsMarkdownBrowser` with the arguments of an earlier class.

    Args:
        start_page: The address of the first page; None for an empty page.
        viewport_size: The size of the part that is shown, in characters.
        downloads_folder: The folder for files that can't be shown; None to save nothing.
        bing_api_key: Has no effect: the service has ended.
        request_kwargs: See `requests_get_kwargs` of `RequestsMarkdownBrowser`.
        **kwargs: Its other arguments, such as `policy` and `search_engine`.
    """

    def __init__(
        self,
        start_page: str | None = None,
        viewport_size: int | None = 1024 * 8,
        downloads_folder: str | None = None,
        bing_api_key: str | None = None,
        request_kwargs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        kwargs["search_engine"] = kwargs.get("search_engine") or BingMarkdownSearch(bing_api_key)
        super().__init__(start_page, viewport_size, downloads_folder, requests_get_kwargs=request_kwargs, **kwargs)
