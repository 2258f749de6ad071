"""Web search, with the results as Markdown.

Nobody is asked for results unless the program names a back end.
"""

from __future__ import annotations

import json as json_module
import logging
import os
import re
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import cast

from .._extras import require
from .._mistakes import warn_caller
from ..fetching import FetchError, FetchPolicy, fetch
from ..types import JSON

__all__ = [
    "AbstractMarkdownSearch",
    "BingMarkdownSearch",
    "BraveSearch",
    "CallableSearch",
    "DdgsSearch",
    "LocalSearch",
    "SearchResult",
    "SearxngSearch",
    "TavilySearch",
]

logger = logging.getLogger(__name__)

MAX_RESULTS = 10
NOT_CONFIGURED = (
    "No web search is configured. Bing's search API ended in August 2025. Pass search_engine=SearxngSearch(...) or another "
    "class of autogen.browser_utils, or set AUTOGEN_SEARCH to `ddgs` or `searxng:` and the address of a server."
)


@dataclass(frozen=True)
class SearchResult:
    """A result of a search.

    Attributes:
        title: The title of the page.
        url: Its address.
        snippet: Some of its text.
        date: Its date, as the back end writes it; empty if it gives none.
    """

    title: str
    url: str
    snippet: str = ""
    date: str = ""


class AbstractMarkdownSearch(ABC):
    """Base class of search back ends: a subclass defines `search`, or `results` in a `ResultSearch`."""

    @abstractmethod
    def search(self, query: str) -> str:
        """Return the results of a search as Markdown."""


class ResultSearch(AbstractMarkdownSearch):
    """Base class of search back ends that return a list of results."""

    name = "web"

    @abstractmethod
    def results(self, query: str) -> list[SearchResult]:
        """Return the results of a search, the best first.

        Raises:
            FetchError: if the back end can't be asked.
        """

    def search(self, query: str) -> str:
        """Return the results of a search as Markdown, or a sentence that says why there are none."""
        try:
            results = self.results(query)
        except FetchError as error:
            return f"The {self.name} search for '{query}' failed: {error}"
        lines = [f"A {self.name} search for '{query}' found {len(results)} results:", "", "## Web Results"]
        for number, result in enumerate(results, 1):
            facts = [f"Date published: {result.date}"] if result.date else []
            title = re.sub(r"[\[\]\s]+", " ", result.title).strip() or result.url
            lines.append("\n".join([f"{number}. [{title}]({result.url})", *facts, result.snippet.strip()]).strip() + "\n")
        return "\n".join(lines).strip()


class CallableSearch(ResultSearch):
    """A search by a function of the program.

    Args:
        function: Takes the query and returns results, or mappings with the attributes of `SearchResult` as keys.
    """

    def __init__(self, function: Callable[[str], Iterable[SearchResult | Mapping[str, str]]]) -> None:
        self._function = function

    def results(self, query: str) -> list[SearchResult]:
        """Return the results of the function."""
        return [result if isinstance(result, SearchResult) else SearchResult(**result) for result in self._function(query)]


class LocalSearch(ResultSearch):
    """A full-text search over pages that the program has, for tests and closed networks.

    Args:
        pages: The address of each page, with its title and its text.

    >>> search = LocalSearch({"http://intern/a": ("Tea", "How to make tea."), "http://intern/b": ("Coffee", "Beans.")})
    >>> [result.url for result in search.results("making tea")]
    ['http://intern/a']
    """

    name = "local"

    def __init__(self, pages: Mapping[str, tuple[str, str]]) -> None:
        # Threads of asynchronous callers search, too.
        self._database = sqlite3.connect(":memory:", check_same_thread=False)
        self._database.execute(
            "CREATE VIRTUAL TABLE pages USING fts5 (title, text, url UNINDEXED, tokenize = 'porter unicode61')"
        )
        self._database.executemany(
            "INSERT INTO pages (url, title, text) VALUES (?, ?, ?)", [(url, *page) for url, page in pages.items()]
        )

    def results(self, query: str) -> list[SearchResult]:
        """Return the pages that have words of the query."""
        words = re.findall(r"\w+", query)
        if not words:
            return []
        rows = self._database.execute(
            "SELECT title, url, snippet(pages, 1, '', '', '...', 30) FROM pages"
            " WHERE pages MATCH ? ORDER BY bm25(pages) LIMIT ?",
            (" OR ".join(f'"{word}"' for word in words), MAX_RESULTS),
        )
        return [SearchResult(*row) for row in rows]

    def __del__(self) -> None:
        self._database.close()


class DdgsSearch(ResultSearch):
    """A search by the package `ddgs`, which asks public search engines without a key. Mind their terms of use."""

    def results(self, query: str) -> list[SearchResult]:
        """Return the results of the package.

        Raises:
            ImportError: if it is not installed.
            FetchError: if it fails.
        """
        ddgs = require("ddgs", extra="search", feature="This search")
        try:
            rows = ddgs.DDGS().text(query, max_results=MAX_RESULTS)
        except ddgs.exceptions.DDGSException as error:
            raise FetchError(f"the search engines can't be asked: {error}") from error
        return [SearchResult(row.get("title", ""), row.get("href", ""), row.get("body", "")) for row in rows]


class JsonSearch(ResultSearch):
    """Base class of search back ends that answer in JSON.

    Args:
        url: The address of the back end, of the program and not of a model.
        policy: The rules for the request; None to allow this address alone, also in a private network.
    """

    title_key, url_key, snippet_key, date_key = "title", "url", "content", "publishedDate"

    def __init__(self, url: str, *, policy: FetchPolicy | None = None) -> None:
        self.url = url
        self._policy = policy or FetchPolicy(allow_private=True, max_redirects=0)

    def _ask(
        self, *, headers: Mapping[str, str] | None = None, params: Mapping[str, str] | None = None, json: JSON = None
    ) -> JSON:
        """Return the answer of the back end.

        Raises:
            FetchError: if it can't be asked, or doesn't answer in JSON.
        """
        method = "GET" if json is None else "POST"
        resource = fetch(self.url, policy=self._policy, method=method, headers=headers, params=params, json=json)
        try:
            return cast(JSON, json_module.loads(resource.raise_for_status().text))
        except ValueError as error:
            raise FetchError(f"{self.url}: it did not answer in JSON.") from error

    def _make_results(self, rows: JSON) -> list[SearchResult]:
        if not isinstance(rows, list):
            return []
        keys = (self.title_key, self.url_key, self.snippet_key, self.date_key)
        return [
            SearchResult(*(str(row.get(key) or "") for key in keys)) for row in rows[:MAX_RESULTS] if isinstance(row, dict)
        ]


class SearxngSearch(JsonSearch):
    """A search by a SearXNG server, whose settings must allow the format `json`.

    Args:
        base_url: The address of the server.
        policy: The rules for the request; None to allow this address alone, also in a private network.
    """

    def __init__(self, base_url: str, *, policy: FetchPolicy | None = None) -> None:
        super().__init__(base_url.rstrip("/") + "/search", policy=policy)

    def results(self, query: str) -> list[SearchResult]:
        """Return the results of the server."""
        answer = self._ask(params={"q": query, "format": "json"})
        return self._make_results(answer.get("results") if isinstance(answer, dict) else None)


class BraveSearch(JsonSearch):
    """A search by Brave's API.

    Args:
        key: The API key.
        url: The address of the API.
        policy: The rules for the request.
    """

    snippet_key, date_key = "description", "age"

    def __init__(
        self, key: str, *, url: str = "https://api.search.brave.com/res/v1/web/search", policy: FetchPolicy | None = None
    ) -> None:
        super().__init__(url, policy=policy)
        self._key = key

    def results(self, query: str) -> list[SearchResult]:
        """Return the results of the API."""
        answer = self._ask(headers={"X-Subscription-Token": self._key}, params={"q": query})
        web = answer.get("web") if isinstance(answer, dict) else None
        return self._make_results(web.get("results") if isinstance(web, dict) else None)


class TavilySearch(JsonSearch):
    """A search by Tavily's API.

    Args:
        key: The API key.
        url: The address of the API.
        policy: The rules for the request.
    """

    date_key = "published_date"

    def __init__(self, key: str, *, url: str = "https://api.tavily.com/search", policy: FetchPolicy | None = None) -> None:
        super().__init__(url, policy=policy)
        self._key = key

    def results(self, query: str) -> list[SearchResult]:
        """Return the results of the API."""
        answer = self._ask(
            headers={"Authorization": f"Bearer {self._key}"}, json={"query": query, "max_results": MAX_RESULTS}
        )
        return self._make_results(answer.get("results") if isinstance(answer, dict) else None)


class BingMarkdownSearch(AbstractMarkdownSearch):
    """0.2's search, whose service has ended: it asks the back end that the environment variable `AUTOGEN_SEARCH` names.

    Args:
        bing_api_key: Has no effect.
        interleave_results: Has no effect.
    """

    def __init__(self, bing_api_key: str | None = None, interleave_results: bool = True) -> None:
        if bing_api_key:
            warn_caller("Bing's search API ended in August 2025, so bing_api_key has no effect. Pass a search_engine.")
        self._interleave_results = interleave_results

    def search(self, query: str) -> str:
        """Return the results of the back end that is configured, or a sentence that says that there is none."""
        engine = find_search(os.environ.get("AUTOGEN_SEARCH", ""))
        return engine.search(query) if engine is not None else NOT_CONFIGURED


def find_search(setting: str) -> AbstractMarkdownSearch | None:
    """Return the back end that a setting names: `ddgs`, or `searxng:` and an address; None if it is empty.

    Raises:
        ValueError: if it names another.
    """
    if not setting:
        return None
    name, _, address = setting.partition(":")
    if name == "ddgs":
        return DdgsSearch()
    if name == "searxng" and address:
        return SearxngSearch(address)
    raise ValueError(f"AUTOGEN_SEARCH must be `ddgs`, or `searxng:` and an address, got {setting!r}.")
