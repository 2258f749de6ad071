"""AG2's tool that searches the web with Google."""

from __future__ import annotations

from typing import Annotated

from ...tool import Tool
from .._web_api import NOTE, ask_service, check_count, find_key, get_rows, make_result

__all__ = ["GoogleSearchTool"]


class GoogleSearchTool(Tool):
    """The tool `google_search`, which asks Google's Custom Search.

    A Gemini model searches by itself without this tool: its config has `tools=[{"type": "google_search"}]`.

    Args:
        search_api_key: Key; None for the environment variable `GOOGLE_SEARCH_API_KEY`.
        search_engine_id: Id of the search engine; None for the environment variable `GOOGLE_SEARCH_ENGINE_ID`.
        use_internal_llm_tool_if_available: Has no effect: see above.

    Attributes:
        url: Address of the service.

    Raises:
        ValueError: if there is no key, or no id.
    """

    url = "https://www.googleapis.com/customsearch/v1"

    def __init__(
        self,
        *,
        search_api_key: str | None = None,
        search_engine_id: str | None = None,
        use_internal_llm_tool_if_available: bool = True,
    ) -> None:
        name = type(self).__name__
        key = find_key(search_api_key, "GOOGLE_SEARCH_API_KEY", name, "search_api_key")
        engine = find_key(search_engine_id, "GOOGLE_SEARCH_ENGINE_ID", name, "search_engine_id")

        def google_search(
            query: Annotated[str, "What to search for."],
            num_results: Annotated[int, "Number of results, at most 10."] = 10,
        ) -> list[dict[str, str]]:
            params = {"q": query, "cx": engine, "num": check_count("num_results", num_results, 10)}
            # In a header and not in the address, which errors and logs name.
            answer = ask_service(self.url, headers={"X-Goog-Api-Key": key}, params=params)
            # A search without results has no items at all.
            return [make_result(row) for row in get_rows(answer, "items")]

        super().__init__(
            name="google_search",
            description=f"Search the web with Google. {NOTE}",
            func_or_tool=google_search,
            returns="untrusted",
        )
