"""AG2's tools that search Wikipedia and read its pages."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BaseModel

from ...._untrusted import clean_text
from ....fetching import FetchError
from ...tool import Tool
from .._web_api import NOTE, Fields, ask_service, check_count, get_rows, get_text

__all__ = ["Document", "WikipediaPageLoadTool", "WikipediaQueryRunTool"]

_MAX_QUERY = 300  # characters


class Document(BaseModel):
    """A page.

    Attributes:
        page_content: Its text.
        metadata: Its title, address and summary.
    """

    page_content: str
    metadata: Fields = {}


class _WikipediaClient:
    """A client of Wikipedia.

    Args:
        language: Language code.
        top_k: Number of pages, at most 20.

    Raises:
        ValueError: if one of them is not valid.
    """

    def __init__(self, language: str, top_k: int) -> None:
        # It becomes part of a host name.
        if not re.fullmatch(r"[a-z]{2,12}(-[a-z]{2,12})*", language):
            raise ValueError(f"language must be a language code such as 'en', got {language!r}.")
        self.url = f"https://{language}.wikipedia.org/w/api.php"
        self._count = check_count("top_k", top_k, 20)

    def search(self, query: str, *, is_intro: bool) -> list[Fields]:
        """Return the pages that a search finds, the best first, with their `title`, `fullurl` and `extract`.

        Raises:
            FetchError: if Wikipedia can't be asked.
        """
        params = {
            "action": "query",
            "format": "json",
            "formatversion": "2",
            "generator": "search",
            "gsrsearch": query[:_MAX_QUERY],
            "gsrlimit": self._count,
            "prop": "extracts|info",
            "inprop": "url",
            "explaintext": "1",
            # The service gives the whole text of one page at once, and the introductions of 20.
            "exlimit": "20" if is_intro else "1",
        }
        if is_intro:
            params["exintro"] = "1"
        answer = ask_service(self.url, params=params)
        pages = get_rows(answer.get("query") or {}, "pages")
        # The service sorts them by their ids.
        return sorted(pages, key=lambda page: page.get("index") or 0)

    def load(self, title: str) -> str:
        """Return the text of a page.

        Raises:
            FetchError: if Wikipedia can't be asked.
        """
        params = {
            "action": "query",
            "format": "json",
            "formatversion": "2",
            "prop": "extracts",
            "explaintext": "1",
            "titles": title,
        }
        pages = get_rows(ask_service(self.url, params=params).get("query") or {}, "pages")
        return clean_text(str((pages[0] if pages else {}).get("extract") or ""))


class WikipediaQueryRunTool(Tool):
    """The tool `wikipedia-query-run`, which finds pages and their summaries.

    Args:
        language: Language code of the Wikipedia.
        top_k: Number of pages, at most 20.
        verbose: Has no effect: events and logs show what a tool does.

    Raises:
        ValueError: if the language or the number is not valid.
    """

    def __init__(self, language: str = "en", top_k: int = 3, verbose: bool = False) -> None:
        self.verbose = verbose
        self._client = _WikipediaClient(language, top_k)
        super().__init__(
            name="wikipedia-query-run",
            description=f"Search Wikipedia for pages, and return their summaries. {NOTE}",
            func_or_tool=self.query_run,
            returns="untrusted",
        )

    def query_run(self, query: Annotated[str, "What to search for."]) -> list[str] | str:
        """Return the titles and summaries of pages; a sentence if there are none, or Wikipedia can't be asked.

        Args:
            query: The search.
        """
        try:
            pages = self._client.search(query, is_intro=True)
        except FetchError as error:
            return f"Wikipedia could not be searched: {error}"
        found = [f"Page: {get_text(page, 'title')}\nSummary: {get_text(page, 'extract')}" for page in pages]
        return found or "No page of Wikipedia was found."


class WikipediaPageLoadTool(Tool):
    """The tool `wikipedia-page-load`, which finds pages and their texts.

    Args:
        language: Language code of the Wikipedia.
        top_k: Number of pages, at most 20.
        truncate: Maximum length of the text of a page, in characters.
        verbose: Has no effect: events and logs show what a tool does.

    Raises:
        ValueError: if the language or a number is not valid.
    """

    def __init__(self, language: str = "en", top_k: int = 3, truncate: int = 4000, verbose: bool = False) -> None:
        if truncate < 1:
            raise ValueError(f"truncate must be positive, got {truncate}.")
        self.verbose = verbose
        self._truncate = truncate
        self._client = _WikipediaClient(language, top_k)
        super().__init__(
            name="wikipedia-page-load",
            description=f"Search Wikipedia for pages, and return their texts. {NOTE}",
            func_or_tool=self.content_search,
            returns="untrusted",
        )

    def content_search(self, query: Annotated[str, "What to search for."]) -> list[Document] | str:
        """Return pages with their texts; a sentence if there are none, or Wikipedia can't be asked.

        Args:
            query: The search.
        """
        try:
            pages = self._client.search(query, is_intro=True)
            documents = [self._make_document(page) for page in pages]
        except FetchError as error:
            return f"Wikipedia could not be asked: {error}"
        return documents or "No page of Wikipedia was found."

    def _make_document(self, page: Fields) -> Document:
        title = get_text(page, "title")
        metadata = {"source": get_text(page, "fullurl"), "title": title, "summary": get_text(page, "extract")}
        return Document(page_content=self._client.load(title)[: self._truncate], metadata=metadata)
