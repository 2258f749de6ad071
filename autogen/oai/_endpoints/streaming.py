"""Assembly of streamed responses. There is no I/O here: chunks go in, text to print and the complete response come out."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from ...types import ChatMessage, FunctionCall, ToolCall

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionChunk
    from openai.types.chat.chat_completion_chunk import ChoiceDelta


class StreamAssembler:
    """Assembles the chunks of a streamed chat completion.

    Servers differ in the fields that they repeat or leave out: the first id, type and name of a call count, arguments are
    concatenated, gaps in the numbering of calls are closed.

    Args:
        model: Name of the requested model, used if no chunk has one.

    Attributes:
        complete: True if the server marked the end of the response.
    """

    def __init__(self, model: str) -> None:
        self._head: dict[str, Any] = {"id": "", "created": 0, "model": model}
        self._texts: dict[int, list[str]] = defaultdict(list)
        self._calls: dict[int, dict[int, ToolCall]] = defaultdict(lambda: defaultdict(_make_call))
        self._function_calls: dict[int, FunctionCall] = {}
        self._finish_reasons: dict[int, str] = {}
        self._usage: dict[str, Any] | None = None
        self.complete = False

    def feed(self, chunk: ChatCompletionChunk) -> str:
        """Add a chunk, and return the text that it contains."""
        for key in self._head:
            self._head[key] = getattr(chunk, key, None) or self._head[key]
        # The chunk with the usage is the last, and has no choices.
        if usage := getattr(chunk, "usage", None):
            self._usage = usage.model_dump()
        text = ""
        for choice in chunk.choices or ():
            if choice.finish_reason:
                self._finish_reasons[choice.index] = choice.finish_reason
                self.complete = True
            if choice.delta:
                text += self._add_delta(choice.index, choice.delta)
        return text

    def _add_delta(self, index: int, delta: ChoiceDelta) -> str:
        if delta.function_call:
            function = self._function_calls.setdefault(index, {"name": "", "arguments": ""})
            function["name"] = function["name"] or delta.function_call.name or ""
            function["arguments"] += delta.function_call.arguments or ""
        for part in delta.tool_calls or ():
            call = self._calls[index][part.index]
            call["id"] = call["id"] or part.id or ""
            if part.function:
                call["function"]["name"] = call["function"]["name"] or part.function.name or ""
                call["function"]["arguments"] += part.function.arguments or ""
        text = delta.content or ""
        self._texts[index].append(text)
        return text

    def build_response(self) -> dict[str, Any]:
        """Return the response in the form of a chat completion that was not streamed."""
        indexes = sorted({*self._texts, *self._calls, *self._function_calls, *self._finish_reasons}) or [0]
        choices = [self._build_choice(index) for index in indexes]
        return {**self._head, "object": "chat.completion", "choices": choices, "usage": self._usage}

    def _build_choice(self, index: int) -> dict[str, object]:
        message: ChatMessage = {"role": "assistant", "content": "".join(self._texts[index])}
        calls = [call for _, call in sorted(self._calls[index].items())] if index in self._calls else []
        if calls:
            message["tool_calls"] = calls
        if index in self._function_calls:
            message["function_call"] = self._function_calls[index]
        reason = self._finish_reasons.get(index) or ("tool_calls" if calls else "stop")
        return {"index": index, "finish_reason": reason, "message": message, "logprobs": None}


def _make_call() -> ToolCall:
    return {"id": "", "type": "function", "function": {"name": "", "arguments": ""}}
