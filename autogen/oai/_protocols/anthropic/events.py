"""Assembly of streamed answers of the Messages API."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping

from ....types import JSON
from ..._responses.assembly import Delta
from ..._responses.calls import UnreadableCalls
from ..protocol import Fields
from .answer import make_error

_PIECES = {"text_delta": ("text", "text"), "thinking_delta": ("thinking", "thinking")}


class MessagesAssembler:
    """Assembles the events of a streamed answer. Blocks that were never opened are opened by their first piece.

    Attributes:
        skipped: Number of frames that are not events.
    """

    def __init__(self) -> None:
        self.skipped = 0
        self._message: dict[str, JSON] = {}
        self._usage: dict[str, JSON] = {}
        self._blocks: dict[int, _Block] = {}
        self._is_ended = False

    @property
    def complete(self) -> bool:
        """True if the server marked the end of the answer."""
        return self._is_ended or bool(self._message.get("stop_reason"))

    @property
    def is_empty(self) -> bool:
        """True if nothing of an answer has arrived."""
        return not self._blocks and not self._message

    def feed(self, event: object) -> list[Delta]:
        """Add an event, and return the pieces that it has for people.

        Raises:
            openai.APIError: if the event is an error.
        """
        if not isinstance(event, Mapping):
            self.skipped += 1
            return []
        kind = event.get("type")
        if kind == "error" or (kind is None and event.get("error")):
            raise make_error(event)
        if kind == "message_start" and isinstance(message := event.get("message"), Mapping):
            self._message |= {key: value for key, value in message.items() if key not in ("content", "usage")}
            self._add_usage(message.get("usage"))
        elif kind == "message_delta":
            delta = event.get("delta")
            self._message |= {key: value for key, value in (delta or {}).items() if value is not None}
            self._add_usage(event.get("usage"))
        elif kind == "message_stop":
            self._is_ended = True
        elif kind == "content_block_start" and isinstance(block := event.get("content_block"), Mapping):
            self._blocks[self._get_index(event)] = _Block(block)
        elif kind == "content_block_delta" and isinstance(delta := event.get("delta"), Mapping):
            return self._add_delta(self._get_index(event), delta)
        elif kind == "content_block_stop" and (opened := self._blocks.get(self._get_index(event))):
            opened.is_closed = True
        elif kind not in ("ping", "content_block_stop"):
            self.skipped += 1
        return []

    def _get_index(self, event: Fields) -> int:
        index = event.get("index")
        return index if isinstance(index, int) else max(self._blocks, default=0)

    def _add_usage(self, usage: object) -> None:
        # Counts are cumulative: the last ones count.
        if isinstance(usage, Mapping):
            self._usage |= {key: value for key, value in usage.items() if value is not None}

    def _add_delta(self, index: int, delta: Fields) -> list[Delta]:
        block = self._blocks.setdefault(index, _Block({}))
        return block.add(delta)

    def finish(self) -> list[Delta]:
        """Return the last pieces for people: none, because each is passed on at once."""
        return []

    def build_response(self) -> dict[str, JSON]:
        """Return the answer in the form of a whole one.

        Raises:
            UnreadableCalls: if the input of a call isn't one JSON object.
        """
        is_cut = self._message.get("stop_reason") == "max_tokens"
        blocks = [block.build(is_cut) for _, block in sorted(self._blocks.items())]
        usage = {"usage": self._usage} if self._usage else {}
        # Thinking that was cut has no signature, and can't go back.
        content = [block for block in blocks if block.get("type") != "thinking" or block.get("signature") or not is_cut]
        return {**self._message, **usage, "content": [*content]}


class _Block:
    """A block that arrives in pieces."""

    def __init__(self, opened: Mapping[str, JSON]) -> None:
        self._block = dict(opened)
        self._json = ""
        self._signatures: list[str] = []
        self.is_closed = False

    def add(self, delta: Fields) -> list[Delta]:
        kind = str(delta.get("type"))
        if kind in _PIECES:
            key, label = _PIECES[kind]
            piece = delta.get(key)
            if not isinstance(piece, str) or not piece:
                return []
            self._block.setdefault("type", key)
            self._block[key] = str(self._block.get(key) or "") + piece
            return [Delta("thinking" if label == "thinking" else "text", piece)]
        if kind == "input_json_delta" and isinstance(piece := delta.get("partial_json"), str):
            self._json += piece
            return [Delta("arguments", piece, str(self._block.get("name") or ""))] if piece else []
        if kind == "signature_delta" and isinstance(signature := delta.get("signature"), str):
            self._block.setdefault("type", "thinking")
            self._signatures.append(signature)
        elif kind == "citations_delta" and isinstance(citation := delta.get("citation"), Mapping):
            citations = self._block.get("citations")
            self._block["citations"] = [*(citations if isinstance(citations, list) else []), dict(citation)]
        return []

    def build(self, is_cut: bool) -> dict[str, JSON]:
        block = dict(self._block)
        if self._signatures:
            block["signature"] = _join_signatures(self._signatures)
        if self._json:
            try:
                block["input"] = json.loads(self._json)
            except ValueError:
                if not is_cut:
                    raise UnreadableCalls(f"the input of a call must be a JSON object, got {self._json[:80]!r}") from None
        return block


def _join_signatures(pieces: list[str]) -> str:
    """Return the signature: the last one, or, if gateways have split it, all pieces joined."""
    last = next((piece for piece in reversed(pieces) if piece), "")
    is_whole = len(last) > 40 and _is_base64(last)
    return last if is_whole or len(pieces) == 1 else "".join(pieces)


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True
