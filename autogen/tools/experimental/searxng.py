"""AG2's tool that searches the web with a SearXNG server."""

from __future__ import annotations

from typing import Annotated

from ..tool import Tool
from ._web_api import NOTE, ask_service, check_count, get_rows, make_result

__all__ = ["SearxngSearchTool"]


class SearxngSearchTool(Tool):
    """The tool `searxng_search`.

    Args:
        base_url: Address of the search of a server, whose settings must allow the format `json`.

    Attributes:
        base_url: As above.
    """

    def __init__(self, base_url: str = "https://searxng.site/search") -> None:
        self.base_url = base_url
        super().__init__(
            name="searxng_search",
            description=f"Search the web with SearXNG. {NOTE}",
            func_or_tool=self.searxng_search,
            returns="untrusted",
        )

    def searxng_search(
        self,
        query: Annotated[str, "What to search for."],
        max_results: Annotated[int, "Number of results, at most 20."] = 5,
        categories: Annotated[list[str] | None, "Categories to search, such as 'science'."] = None,
        language: Annotated[str | None, "Language code, such as 'en-GB'."] = None,
    ) -> list[dict[str, str]]:
        """Return the results of a search: dicts with `title`, `link` and `snippet`.

        Args:
            query: The search.
            max_results: Number of results, at most 20.
            categories: Categories of the server; None for its own choice.
            language: Language code; None for all.

        Raises:
            FetchError: if the server can't be asked.
            ValueError: if the number is not valid.
        """
        check_count("max_results", max_results, 20)
        params = {"q": query, "format": "json"}
        # An empty parameter means no category to some servers.
        if categories:
            params["categories"] = ",".join(categories)
        if language:
            params["language"] = language
        answer = ask_service(self.base_url, params=params)
        return [make_result(row, "url", "content") for row in get_rows(answer, "results")[:max_results]]
