"""AG2's tool that searches the web with Tavily."""

from __future__ import annotations

from typing import Annotated, Any

from ...tool import Tool
from .._web_api import NOTE, Fields, ask_service, check_count, find_key, get_rows, get_text, make_result

__all__ = ["TavilySearchTool"]


class TavilySearchTool(Tool):
    """The tool `tavily_search`.

    Args:
        llm_config: Has no effect.
        tavily_api_key: Key; None for the environment variable `TAVILY_API_KEY`.

    Attributes:
        url: Address of the service.

    Raises:
        ValueError: if there is no key.
    """

    url = "https://api.tavily.com/search"

    def __init__(self, *, llm_config: Any = None, tavily_api_key: str | None = None) -> None:
        key = find_key(tavily_api_key, "TAVILY_API_KEY", "TavilySearchTool", "tavily_api_key")

        def tavily_search(
            query: Annotated[str, "What to search for."],
            search_depth: Annotated[str, "'basic' or 'advanced'."] = "basic",
            include_answer: Annotated[
                str, "'basic' or 'advanced' for an answer in words; 'none' for results alone."
            ] = "basic",
            include_raw_content: Annotated[bool, "True for the text of the pages."] = False,
            include_domains: Annotated[list[str], "Domains to search; empty for all."] = [],
            num_results: Annotated[int, "Number of results, at most 20."] = 5,
        ) -> list[dict[str, str]]:
            check_count("num_results", num_results, 20)
            request: Fields = {
                "query": query,
                "search_depth": search_depth,
                "include_answer": False if include_answer == "none" else include_answer,
                "include_raw_content": include_raw_content,
                "include_domains": include_domains,
                "max_results": num_results,
            }
            answer = ask_service(self.url, headers={"Authorization": f"Bearer {key}"}, json=request)
            results = []
            for row in get_rows(answer, "results"):
                raw = {"raw_content": get_text(row, "raw_content")} if include_raw_content else {}
                results.append({**make_result(row, "url", "content"), **raw})
            # The answer is made of the results, and is as untrusted as they are.
            words = get_text(answer, "answer")
            return [{"title": "Answer of Tavily", "link": "", "snippet": words}, *results] if words else results

        super().__init__(
            name="tavily_search",
            description=f"Search the web with Tavily. {NOTE}",
            func_or_tool=tavily_search,
            returns="untrusted",
        )
