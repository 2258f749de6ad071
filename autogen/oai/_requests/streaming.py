"""Putting a streamed answer together. No input or output: chunks go in, text to show and the whole answer come out."""

from __future__ import annotations

from collections import defaultdict
from typing import Any


class StreamAssembler:
    """Collects the chunks of one streamed chat completion.

    Servers differ in what they repeat and what they leave out: the first id, type and name of a call count, arguments are
    joined, gaps in the numbering of calls are closed.

    Args:
        model: The model asked for, where no chunk names one.
    """

    def __init__(self, model: str) -> None:
        self._head: dict[str, Any] = {"id": "", "created": 0, "model": model}
        self._texts: dict[int, list[str]] = defaultdict(list)
        self._calls: dict[int, dict[int, dict[str, Any]]] = defaultdict(lambda: defaultdict(_new_call))
        self._function_calls: dict[int, dict[str, Any]] = {}
        self._finish: dict[int, str] = {}
        self._usage: dict[str, Any] | None = None
        self.complete = False
        """Whether the server said that the answer is whole."""

    def feed(self, chunk: Any) -> str:
        """Take one chunk (an SDK object); returns the text that it adds."""
        for key in self._head:
            self._head[key] = getattr(chunk, key, None) or self._head[key]
        if getattr(chunk, "usage", None):
            self._usage = chunk.usage.model_dump()
        shown = ""
        for choice in chunk.choices or ():
            if choice.finish_reason:
                self._finish[choice.index] = choice.finish_reason
                self.complete = True
            if choice.delta:
                shown += self._take(choice.index, choice.delta)
        return shown

    def _take(self, index: int, delta: Any) -> str:
        if delta.function_call:
            call = self._function_calls.setdefault(index, {"name": "", "arguments": ""})
            call["name"] = call["name"] or delta.function_call.name or ""
            call["arguments"] += delta.function_call.arguments or ""
        for part in delta.tool_calls or ():
            call = self._calls[index][part.index]
            call["id"] = call["id"] or part.id or ""
            if part.function:
                call["function"]["name"] = call["function"]["name"] or part.function.name or ""
                call["function"]["arguments"] += part.function.arguments or ""
        text = delta.content or ""
        self._texts[index].append(text)
        return text

    def result(self) -> dict[str, Any]:
        """The whole answer in the form of a chat completion that was not streamed."""
        indexes = sorted({*self._texts, *self._calls, *self._function_calls, *self._finish}) or [0]
        choices = [self._choice(index) for index in indexes]
        return {**self._head, "object": "chat.completion", "choices": choices, "usage": self._usage}

    def _choice(self, index: int) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": "".join(self._texts[index])}
        calls = [call for _, call in sorted(self._calls[index].items())] if index in self._calls else []
        if calls:
            message["tool_calls"] = calls
        if index in self._function_calls:
            message["function_call"] = self._function_calls[index]
        reason = self._finish.get(index) or ("tool_calls" if calls else "stop")
        return {"index": index, "finish_reason": reason, "message": message, "logprobs": None}


def _new_call() -> dict[str, Any]:
    return {"id": "", "type": "function", "function": {"name": "", "arguments": ""}}
