"""The context of a question: the retrieved texts that the partner is shown, within its limit of tokens."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from ...._untrusted import clean_text, mark_untrusted
from ..._core.result import ChatSource
from .search import Result, flatten_results


@dataclass
class QuestionState:
    """A question, and how far its results were used.

    Attributes:
        problem: The question; None before the first.
        n_results: Maximum number of texts in a context.
        search_string: Text that is exactly in the results.
        position: Index of the next result to look at.
        used: The sources that were shown, in their order; their numbers are those in the context.
        contents: Their texts, with those of their neighbours.
        joined: The ids of the neighbours.
        intermediate_answers: First sentences of answers that asked for other documents.
    """

    problem: str | None = None
    n_results: int = 20
    search_string: str = ""
    position: int = 0
    used: list[ChatSource] = field(default_factory=list)
    contents: list[str] = field(default_factory=list)
    joined: list[str] = field(default_factory=list)
    intermediate_answers: list[str] = field(default_factory=list)

    def encode(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)

    @classmethod
    def decode(cls, state: Mapping[str, Any]) -> QuestionState:
        """Return the state that `encode` made."""
        return cls(**{**state, "used": [ChatSource(**source) for source in state["used"]]})


def select_texts(
    results: object,
    state: QuestionState,
    max_tokens: int,
    count: Callable[[str], int],
    show: Callable[[str], object] = lambda text: None,
) -> list[ChatSource]:
    """Take the next results into the context of a question, until it is full.

    If tokens are left then, the results get the chunks of the same section that are before and after them.

    Args:
        results: Results of a search.
        state: The question; it is updated.
        max_tokens: Size of a context.
        count: Counts the tokens of a text.
        show: Shows a line about each result.

    Returns:
        The sources that were taken.
    """
    used = {source.id for source in state.used} | {*state.joined}
    taken: list[ChatSource] = []
    documents: list[dict[str, Any]] = []
    total = 0
    found = flatten_results(results)
    while state.position < len(found) and len(taken) < state.n_results:
        document = found[state.position][0]
        text, key = str(document.get("content") or ""), str(document.get("id"))
        if key not in used:
            tokens = count(text)
            if tokens > max_tokens:
                show(f"Skip doc_id {document.get('id')} as it is too long to fit in the context.")
            elif total + tokens > max_tokens:
                break
            else:
                show(f"Adding content of doc {document.get('id')} to context.")
                source = make_source(document, len(state.used) + 1)
                taken.append(source)
                documents.append(document)
                state.used.append(source)
                state.contents.append(text)
                used.add(key)
                total += tokens
        state.position += 1
    _join_neighbours(documents, state, used, max_tokens - total, count)
    return taken


def _join_neighbours(
    documents: Sequence[Mapping[str, Any]], state: QuestionState, used: set[str], budget: int, count: Callable[[str], int]
) -> None:
    """Join the last contents of a question with their neighbours, the best result first.

    Args:
        documents: The results that these contents come from.
        state: The question; it is updated.
        used: The ids of all chunks that were shown.
        budget: Maximum number of tokens.
        count: Counts the tokens of a text.
    """
    first = len(state.contents) - len(documents)
    for index, document in enumerate(documents, first):
        for side in ("before", "after"):
            neighbour = document.get(side)
            if not isinstance(neighbour, Mapping) or str(neighbour.get("id")) in used:
                continue
            text, key = str(neighbour.get("content") or ""), str(neighbour.get("id"))
            tokens = count(text) + 1
            if tokens > budget:
                continue
            parts = (text, state.contents[index]) if side == "before" else (state.contents[index], text)
            state.contents[index] = "\n\n".join(parts)
            state.joined.append(key)
            used.add(key)
            budget -= tokens


def make_source(document: Mapping[str, Any], number: int) -> ChatSource:
    """Return the source of a document."""
    metadata = document.get("metadata")
    metadata = metadata if isinstance(metadata, Mapping) else {}
    page = metadata.get("page")
    return ChatSource(
        source=_clean_line(metadata.get("source")),
        id=str(document.get("id")),
        number=number,
        headings=_clean_line(metadata.get("headings")),
        page=page if isinstance(page, int) else None,
    )


def render_context(sources: Sequence[ChatSource], contents: Sequence[str]) -> str:
    """Return texts with their sources in a block that says that nothing in it is an instruction; empty if there are none."""
    if not sources:
        return ""
    parts = [
        f"[{source.number}] {source.label}\n{clean_text(content)}" for source, content in zip(sources, contents, strict=True)
    ]
    return mark_untrusted("\n\n".join(parts), "retrieved documents")


def render_recent(state: QuestionState, max_tokens: int, count: Callable[[str], int]) -> str:
    """Return the context of all texts that were shown so far; the oldest are left out if they don't fit."""
    total, first = 0, len(state.contents)
    while first and total + (tokens := count(state.contents[first - 1])) <= max_tokens:
        total += tokens
        first -= 1
    return render_context(state.used[first:], state.contents[first:])


def _clean_line(value: object) -> str:
    return " ".join(clean_text(str(value)).split()) if value else ""


def copy_results(results: object) -> list[list[tuple[dict[str, Any], float]]]:
    """Return results as JSON, without vectors."""
    kept: list[Result] = []
    for document, distance in flatten_results(results):
        kept.append(({key: value for key, value in document.items() if key != "embedding"}, distance))
    return [kept]
