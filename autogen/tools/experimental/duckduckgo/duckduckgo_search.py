"""AG2's tool that searches the web with DuckDuckGo."""

from __future__ import annotations

from typing import Annotated

from ...._extras import require
from ....browser_utils.markdown_search import MAX_RESULTS, DdgsSearch
from ...tool import Tool
from .._web_api import NOTE, check_count, make_result

__all__ = ["DuckDuckGoSearchTool"]


class DuckDuckGoSearchTool(Tool):
    """The tool `duckduckgo_search`, which needs no key. Mind the terms of use of the search engines.

    Raises:
        ImportError: if the package `ddgs` is not installed.
    """

    def __init__(self) -> None:
        # A program should learn of it when it starts, and not a model in the middle of a chat.
        require("ddgs", extra="search", feature="DuckDuckGoSearchTool")

        def duckduckgo_search(
            query: Annotated[str, "What to search for."],
            num_results: Annotated[int, "Number of results, at most 10."] = 5,
        ) -> list[dict[str, str]]:
            check_count("num_results", num_results, MAX_RESULTS)
            return [make_result(vars(result), "url") for result in DdgsSearch().results(query)[:num_results]]

        super().__init__(
            name="duckduckgo_search",
            description=f"Search the web. {NOTE}",
            func_or_tool=duckduckgo_search,
            returns="untrusted",
        )
