"""Assembly of streamed answers of the Converse API."""

from __future__ import annotations

import json
from collections.abc import Mapping

from ....types import JSON
from ..._responses.assembly import Delta
from ..._responses.calls import UnreadableCalls
from ..protocol import Fields
from .answer import make_error
from .blocks import join_base64


class ConverseAssembler:
    """Assembles the events of a streamed answer: objects with one key, the kind of the event.

    Attributes:
        skipped: Number of frames that are not events.
    """

    def __init__(self) -> None:
        self.skipped = 0
        self._head: dict[str, JSON] = {}
        self._stop: str = ""
        self._blocks: dict[int, _Block] = {}

    @property
    def complete(self) -> bool:
        """True if the server marked the end of the answer."""
        return bool(self._stop)

    @property
    def is_empty(self) -> bool:
        """True if nothing of an answer has arrived."""
        return not self._blocks and not self._stop

    def feed(self, event: object) -> list[Delta]:
        """Add an event, and return the pieces that it has for people.

        Raises:
            openai.APIError: if the event is an error.
        """
        if not isinstance(event, Mapping):
            self.skipped += 1
            return []
        deltas: list[Delta] = []
        for kind, fields in event.items():
            deltas += self._add(str(kind), fields)
        return deltas

    def _add(self, kind: str, fields: object) -> list[Delta]:
        if kind.lower().endswith("exception") or kind == "error":
            raise make_error(kind, fields)
        if not isinstance(fields, Mapping):
            self.skipped += 1
        elif kind == "contentBlockDelta" and isinstance(delta := fields.get("delta"), Mapping):
            return self._blocks.setdefault(self._get_index(fields), _Block({})).add(delta)
        elif kind == "contentBlockStart" and isinstance(start := fields.get("start"), Mapping):
            self._blocks[self._get_index(fields)] = _Block(start)
        elif kind == "messageStop":
            self._stop = str(fields.get("stopReason") or "end_turn")
        elif kind == "metadata":
            self._head |= {key: value for key, value in fields.items() if value is not None}
        elif kind == "requestId":
            self._head["requestId"] = str(fields.get("id"))
        elif kind not in ("messageStart", "contentBlockStop"):
            self.skipped += 1
        return []

    def _get_index(self, fields: Fields) -> int:
        index = fields.get("contentBlockIndex")
        return index if isinstance(index, int) else max(self._blocks, default=0)

    def finish(self) -> list[Delta]:
        """Return the last pieces for people: none, because each is passed on at once."""
        return []

    def build_response(self) -> dict[str, JSON]:
        """Return the answer in the form of a whole one.

        Raises:
            UnreadableCalls: if the input of a call isn't one JSON object.
        """
        is_cut = self._stop == "max_tokens"
        blocks = [block.build(is_cut) for _, block in sorted(self._blocks.items())]
        message: dict[str, JSON] = {"role": "assistant", "content": [block for block in blocks if block]}
        return {**self._head, "output": {"message": message}, "stopReason": self._stop}


class _Block:
    """A block that arrives in pieces."""

    def __init__(self, start: Fields) -> None:
        self._start = dict(start)
        self._text = ""
        self._input = ""
        self._thinking = ""
        self._signature = ""
        self._redacted: list[str] = []
        self._citations: list[JSON] = []

    def add(self, delta: Fields) -> list[Delta]:
        if isinstance(text := delta.get("text"), str):
            self._text += text
            return [Delta("text", text)] if text else []
        if isinstance(use := delta.get("toolUse"), Mapping) and isinstance(piece := use.get("input"), str):
            self._input += piece
            tool = self._start.get("toolUse")
            return [Delta("arguments", piece, str(tool.get("name")) if isinstance(tool, Mapping) else "")] if piece else []
        if isinstance(thinking := delta.get("reasoningContent"), Mapping):
            return self._add_thinking(thinking)
        if isinstance(citation := delta.get("citation"), Mapping):
            self._citations.append(dict(citation))
        elif isinstance(image := delta.get("image"), Mapping):
            opened = self._start.get("image")
            self._start["image"] = {**(opened if isinstance(opened, Mapping) else {}), **image}
        return []

    def _add_thinking(self, thinking: Fields) -> list[Delta]:
        if isinstance(redacted := thinking.get("redactedContent"), str):
            self._redacted.append(redacted)
        if isinstance(signature := thinking.get("signature"), str):
            self._signature += signature
        if isinstance(text := thinking.get("text"), str) and text:
            self._thinking += text
            return [Delta("thinking", text)]
        return []

    def build(self, is_cut: bool) -> dict[str, JSON]:
        """Return the block; an empty one for thinking that was cut, which can't go back without its signature."""
        if isinstance(use := self._start.get("toolUse"), Mapping):
            return {"toolUse": {**use, "input": self._parse_input(is_cut)}}
        if self._redacted:
            return {"reasoningContent": {"redactedContent": join_base64(self._redacted)}}
        if self._thinking or self._signature:
            if is_cut and not self._signature and not self._text:
                return {}
            signature: dict[str, JSON] = {"signature": self._signature} if self._signature else {}
            return {"reasoningContent": {"reasoningText": {"text": self._thinking, **signature}}}
        if self._citations:
            return {"citationsContent": {"content": [{"text": self._text}], "citations": self._citations}}
        return self._start if self._start and not self._text else {"text": self._text}

    def _parse_input(self, is_cut: bool) -> JSON:
        try:
            value: JSON = json.loads(self._input or "{}")
        except ValueError:
            if is_cut:
                return {}
            raise UnreadableCalls(f"the input of a call must be a JSON object, got {self._input[:80]!r}") from None
        return value
