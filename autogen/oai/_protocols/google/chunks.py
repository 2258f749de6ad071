"""Assembly of streamed answers of the Gemini API: each chunk is an answer with the next parts."""

from __future__ import annotations

from collections.abc import Mapping

from ....types import JSON
from ..._responses.assembly import Delta
from ..protocol import Fields
from .answer import make_error


class GeminiAssembler:
    """Assembles the chunks of a streamed answer.

    Attributes:
        skipped: Number of frames that are not chunks.
    """

    def __init__(self) -> None:
        self.skipped = 0
        self._body: dict[str, JSON] = {}
        self._candidate: dict[str, JSON] = {}
        self._parts: list[dict[str, JSON]] = []

    @property
    def complete(self) -> bool:
        """True if the server marked the end of the answer, or blocked the prompt."""
        return bool(self._candidate.get("finishReason") or self._body.get("promptFeedback"))

    @property
    def is_empty(self) -> bool:
        """True if nothing of an answer has arrived."""
        return not self._body and not self._candidate

    def feed(self, event: object) -> list[Delta]:
        """Add a chunk, and return the pieces that it has for people.

        Raises:
            openai.APIError: if the chunk is an error.
        """
        if not isinstance(event, Mapping):
            self.skipped += 1
            return []
        if event.get("error"):
            raise make_error(event)
        self._body |= {key: value for key, value in event.items() if key != "candidates" and value is not None}
        candidates = event.get("candidates")
        candidate = candidates[0] if isinstance(candidates, list) and candidates else None
        if not isinstance(candidate, Mapping):
            return []
        self._candidate |= {key: value for key, value in candidate.items() if key != "content" and value is not None}
        content = candidate.get("content")
        parts = content.get("parts") if isinstance(content, Mapping) else None
        deltas: list[Delta] = []
        for part in parts if isinstance(parts, list) else ():
            if isinstance(part, Mapping):
                deltas += self._add(part)
        return deltas

    def _add(self, part: Fields) -> list[Delta]:
        last = self._parts[-1] if self._parts else {}
        # A signature belongs to its own part: parts with one are never joined.
        is_plain = part.keys() <= {"text", "thought"} and "text" in part
        if is_plain and last.keys() <= {"text", "thought"} and last and last.get("thought") == part.get("thought"):
            last["text"] = str(last["text"]) + str(part["text"])
        else:
            self._parts.append(dict(part))
        if isinstance(text := part.get("text"), str) and text:
            return [Delta("thinking" if part.get("thought") else "text", text)]
        if isinstance(call := part.get("functionCall"), Mapping):
            return [Delta("arguments", str(call.get("args") or {}), str(call.get("name") or ""))]
        return []

    def finish(self) -> list[Delta]:
        """Return the last pieces for people: none, because each is passed on at once."""
        return []

    def build_response(self) -> dict[str, JSON]:
        """Return the answer in the form of a whole one."""
        if not self._candidate and not self._parts:
            return self._body
        content: dict[str, JSON] = {"role": "model", "parts": [*self._parts]}
        return {**self._body, "candidates": [{**self._candidate, "content": content}]}
