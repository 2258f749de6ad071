"""The content of a response, a text or a list of parts, split into text, thinking and refusal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from ...types import JSON
from .thinking import split_thinking

# Fields in which vendors send thinking beside the content. The first is ours as well.
REASONING_KEYS = ("reasoning", "reasoning_content", "thinking")
_THINKING_TYPES = ("thinking", "reasoning", "reasoning_content", "reasoning_text", "redacted_thinking", "summary_text")
_TEXT_KEYS = ("text", "content", "output_text", "thinking", "reasoning", "reasoning_text", "summary")


@dataclass
class Content:
    """Content in the internal form.

    Attributes:
        texts: Pieces of the answer. None stands for content that is null or missing.
        thoughts: Pieces of the thinking.
        refusals: Pieces of a refusal.
    """

    texts: list[str] | None = None
    thoughts: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)

    def to_json(self) -> JSON:
        """Return the content as an endpoint could have sent it: text, or parts if there is more than text."""
        if not self.thoughts and not self.refusals:
            return None if self.texts is None else "".join(self.texts)
        pieces = (("thinking", self.thoughts), ("text", self.texts or ()), ("refusal", self.refusals))
        return [{"type": kind, kind: "".join(texts)} for kind, texts in pieces if texts]

    def take_text(self) -> str | None:
        """Return the answer as one text, or None; thinking that is written into it is moved to `thoughts`."""
        if self.texts is None:
            return None
        # Byte order marks, which some servers put in front, have no meaning in a text.
        return self._move_thinking("".join(self.texts).replace("\ufeff", ""))

    def take_refusal(self, refusal: object) -> str:
        """Return the refusal: that of the content, and that of the message's field for it.

        Args:
            refusal: Value of the field.
        """
        text, pieces = read_text(refusal) or "", "".join(self.refusals)
        return self._move_thinking(text if pieces in text else text + pieces)

    def _move_thinking(self, text: str) -> str:
        text, thinking = split_thinking(text)
        if thinking:
            self.thoughts.append(thinking)
        return text


def read_content(value: object) -> Content:
    """Read content in any form that servers send: null, text, a part, a list of parts, another value.

    Parts of text are joined without a separator, as they were cut from one text. A part that is neither text, thinking nor
    a refusal is kept as JSON text, so that nothing is lost.
    """
    content = Content()
    _add(value, content)
    return content


def _add(value: object, content: Content) -> None:
    if value is None:
        return
    if content.texts is None:
        content.texts = []
    if isinstance(value, list):
        for part in value:
            _add(part, content)
    elif isinstance(value, Mapping):
        _add_part(value, content)
    else:
        content.texts.append(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _add_part(part: Mapping[str, object], content: Content) -> None:
    assert content.texts is not None
    kind = part.get("type")
    if kind == "refusal" and isinstance(part.get("refusal"), str):
        content.refusals.append(str(part["refusal"]))
    elif kind in _THINKING_TYPES:
        # The encrypted kind has no text.
        content.thoughts += filter(None, [read_text(part)])
    elif kind in ("text", "output_text", "input_text", None) and (text := read_text(part)) is not None:
        content.texts.append(text)
    else:
        content.texts.append(json.dumps(part, ensure_ascii=False))


def read_text(value: object) -> str | None:
    """Return the text of a value: itself, or that of a part or of parts, at any depth; None if it has none."""
    # Most fields that are asked for are missing, and the look for a mapping takes longest.
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, list):
        texts = [text for text in map(read_text, value) if text is not None]
        return "".join(texts) if texts else None
    if isinstance(value, Mapping):
        return next((text for key in _TEXT_KEYS if (text := read_text(value.get(key))) is not None), None)
    return None
