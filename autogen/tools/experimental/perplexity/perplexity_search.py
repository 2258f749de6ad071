"""AG2's tool that asks Perplexity, which searches the web."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel

from ....fetching import FetchError
from ...tool import Tool
from .._web_api import MAX_TEXT, NOTE, Fields, ask_service, find_key, get_rows, get_text

__all__ = ["PerplexitySearchTool", "SearchResponse"]


class SearchResponse(BaseModel):
    """An answer of Perplexity.

    Attributes:
        content: The answer; None if there is none.
        citations: Addresses of its sources.
        error: Why there is none.
    """

    content: str | None = None
    citations: list[str] | None = None
    error: str | None = None


class PerplexitySearchTool(Tool):
    """The tool `perplexity-search`.

    Args:
        model: Model of Perplexity.
        api_key: Key; None for the environment variable `PERPLEXITY_API_KEY`.
        max_tokens: Maximum number of tokens of an answer.
        search_domain_filter: Domains to search; None for all.

    Attributes:
        url: Address of the service.
        model: As above.

    Raises:
        ValueError: if there is no key, or the number of tokens is not positive.
    """

    url = "https://api.perplexity.ai/chat/completions"

    def __init__(
        self,
        model: str = "sonar",
        api_key: str | None = None,
        max_tokens: int = 1000,
        search_domain_filter: list[str] | None = None,
    ) -> None:
        if max_tokens < 1:
            raise ValueError(f"max_tokens must be positive, got {max_tokens}.")
        self.model = model
        self._key = find_key(api_key, "PERPLEXITY_API_KEY", "PerplexitySearchTool", "api_key")
        self._request: Fields = {"model": model, "max_tokens": max_tokens}
        if search_domain_filter is not None:
            self._request["search_domain_filter"] = search_domain_filter
        super().__init__(
            name="perplexity-search",
            description=f"Ask Perplexity, which searches the web. {NOTE}",
            func_or_tool=self.search,
            returns="untrusted",
        )

    def search(self, query: Annotated[str, "The question."]) -> SearchResponse:
        """Return the answer to a question; its `error` says why there is none.

        Args:
            query: The question.

        Raises:
            ValueError: if the question is empty.
        """
        if not query.strip():
            raise ValueError("The question must not be empty.")
        request = {**self._request, "messages": [{"role": "user", "content": query}]}
        # AG2's programs read the error of the result.
        try:
            answer = ask_service(self.url, headers={"Authorization": f"Bearer {self._key}"}, json=request)
        except FetchError as error:
            return SearchResponse(error=str(error))
        choices = get_rows(answer, "choices")
        content = get_text(choices[0] if choices else None, "message", "content")
        if not content:
            return SearchResponse(
                error=f"Perplexity gave no answer: {get_text(answer, 'error', 'message') or 'no choices'}."
            )
        citations = answer.get("citations")
        sources = [str(item)[:MAX_TEXT] for item in citations] if isinstance(citations, list) else []
        return SearchResponse(content=content, citations=sources)
