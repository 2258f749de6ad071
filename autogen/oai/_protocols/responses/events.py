"""Assembly of streamed answers of the Responses API."""

from __future__ import annotations

from collections.abc import Mapping

from ....types import JSON
from ..._responses.assembly import Delta
from ..protocol import Fields
from .answer import make_error

_TERMINAL = ("response.completed", "response.incomplete", "response.failed", "response.cancelled")
# The pieces of an answer: the kind for people, and the part of an item that they belong to.
_PIECES = {
    "response.output_text.delta": "text",
    "response.refusal.delta": "text",
    "response.reasoning_summary_text.delta": "thinking",
    "response.reasoning_text.delta": "thinking",
    "response.function_call_arguments.delta": "arguments",
    "response.custom_tool_call_input.delta": "arguments",
}


class ResponsesAssembler:
    """Assembles the events of a streamed answer. The vendor's whole items count, pieces fill in for those that are missing.

    Attributes:
        skipped: Number of frames that are not events.
    """

    def __init__(self) -> None:
        self._is_ended = False
        self.skipped = 0
        self._response: dict[str, JSON] = {}
        self._items: dict[int, _Item] = {}

    @property
    def complete(self) -> bool:
        """True if the server marked the end of the answer, or at least of each item, and one is a message."""
        items = list(self._items.values())
        return self._is_ended or (all(item.is_done for item in items) and any(item.is_message for item in items))

    @property
    def is_empty(self) -> bool:
        """True if nothing of an answer has arrived."""
        return not self._items and not self._response.get("output")

    def feed(self, event: object) -> list[Delta]:
        """Add an event, and return the pieces that it has for people.

        Raises:
            openai.APIError: if the event is an error.
        """
        if not isinstance(event, Mapping):
            self.skipped += 1
            return []
        kind = str(event.get("type") or "")
        if kind == "error" or (not kind and event.get("error")):
            raise make_error(event)
        if kind in _TERMINAL:
            response = event.get("response")
            self._response = {**self._response, **(response if isinstance(response, Mapping) else {})}
            self._is_ended = True
            return []
        if kind in ("response.created", "response.in_progress") and isinstance(event.get("response"), Mapping):
            self._response = {**self._response, **event["response"]}
            return []
        if not kind.startswith("response."):
            self.skipped += 1
            return []
        return self._add(kind, event)

    def _add(self, kind: str, event: Fields) -> list[Delta]:
        index = event.get("output_index")
        index = index if isinstance(index, int) else max(self._items, default=0)
        if kind in ("response.output_item.added", "response.output_item.done"):
            item = self._items.setdefault(index, _Item())
            if isinstance(event.get("item"), Mapping):
                item.set(event["item"], is_done=kind.endswith("done"))
            return []
        if kind not in _PIECES or not isinstance(piece := event.get("delta"), str) or not piece:
            self._add_whole(kind, index, event)
            return []
        item = self._items.setdefault(index, _Item())
        item.add(kind, piece, event)
        label = _PIECES[kind]
        if label == "arguments":
            return [Delta("arguments", piece, item.name)]
        return [Delta("thinking" if label == "thinking" else "text", piece)]

    def _add_whole(self, kind: str, index: int, event: Fields) -> None:
        """Add a text that arrives whole, which matters only if its pieces and its item don't arrive."""
        for key in ("text", "refusal", "arguments", "input"):
            if kind.endswith(".done") and isinstance(text := event.get(key), str) and f"{kind[:-5]}.delta" in _PIECES:
                self._items.setdefault(index, _Item()).set_text(f"{kind[:-5]}.delta", text, event)

    def finish(self) -> list[Delta]:
        """Return the last pieces for people: none, because each is passed on at once."""
        return []

    def build_response(self) -> dict[str, JSON]:
        """Return the answer in the form of a whole one."""
        output = self._response.get("output")
        streamed = [item.build() for _, item in sorted(self._items.items())]
        complete = isinstance(output, list) and len(output) >= len(streamed)
        return {**self._response, "output": output if complete else [*streamed]}


class _Item:
    """An item that arrives in pieces."""

    def __init__(self) -> None:
        self._whole: Mapping[str, JSON] | None = None
        self._opened: Mapping[str, JSON] = {}
        self._kind = ""
        # Pieces by the number of their part.
        self._texts: dict[tuple[str, int], str] = {}

    @property
    def name(self) -> str:
        """Name of the tool that the item calls."""
        return str(self._opened.get("name") or "")

    @property
    def is_done(self) -> bool:
        """True if the item has arrived whole."""
        return self._whole is not None

    @property
    def is_message(self) -> bool:
        """True if it is a part of the answer in words."""
        return self._opened.get("type") == "message"

    def set(self, item: Mapping[str, JSON], is_done: bool) -> None:
        if is_done:
            self._whole = item
        self._opened = item

    def add(self, kind: str, piece: str, event: Fields) -> None:
        key = self._find_part(kind, event)
        self._texts[key] = self._texts.get(key, "") + piece

    def set_text(self, kind: str, text: str, event: Fields) -> None:
        key = self._find_part(kind, event)
        self._texts[key] = max(self._texts.get(key, ""), text, key=len)

    def _find_part(self, kind: str, event: Fields) -> tuple[str, int]:
        number = event.get("content_index", event.get("summary_index"))
        return kind, number if isinstance(number, int) else 0

    def build(self) -> dict[str, JSON]:
        if self._whole is not None:
            return dict(self._whole)
        item = dict(self._opened)
        for (kind, _), text in sorted(self._texts.items()):
            if "arguments" in kind or "input" in kind:
                is_custom = "input" in kind
                item.setdefault("type", "custom_tool_call" if is_custom else "function_call")
                item["input" if is_custom else "arguments"] = text
            elif "reasoning" in kind:
                item.setdefault("type", "reasoning")
                key, label = ("summary", "summary_text") if "summary" in kind else ("content", "reasoning_text")
                item[key] = [*_list_parts(item, key), {"type": label, "text": text}]
            else:
                item |= {"type": "message", "role": "assistant"}
                is_refusal = "refusal" in kind
                part: dict[str, JSON] = {"type": "refusal" if is_refusal else "output_text"}
                part["refusal" if is_refusal else "text"] = text
                item["content"] = [*_list_parts(item, "content"), part]
        return item


def _list_parts(item: Mapping[str, JSON], key: str) -> list[JSON]:
    parts = item.get(key)
    # The item may have been opened with an empty part.
    return [part for part in parts if isinstance(part, dict) and part.get("text")] if isinstance(parts, list) else []
