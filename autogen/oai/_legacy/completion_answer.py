"""Answers as the classic API gives them: plain dicts whose keys are attributes too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Answer(dict[str, Any]):
    """An answer: a dict whose keys are attributes too.

    >>> Answer({"choices": [{"message": {"content": "Paris."}}]}).choices[0].message.content
    'Paris.'
    """

    def __init__(self, content: Mapping[str, Any]) -> None:
        super().__init__({str(name): _answer_part(value) for name, value in content.items()})

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"This answer has no {name!r}; it has {', '.join(self)}.") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value


def _answer_part(value: Any) -> Any:
    if isinstance(value, Mapping):
        return Answer(value)
    return [_answer_part(item) for item in value] if isinstance(value, (list, tuple)) else value


def answer_of(response: Any) -> Answer:
    """What the wrapper returned, as an answer."""
    content = _plain(response)
    for name in ("config_id", "pass_filter"):  # those of the wrapper's list, which had one entry
        content.pop(name, None)
    return Answer({**content, "cost": response.cost})


def _plain(value: Any) -> Any:
    """What a client returned as dicts and lists."""
    if hasattr(value, "model_dump"):
        return _plain(value.model_dump())
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items() if not callable(item)}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "__dict__"):
        return {name: _plain(item) for name, item in vars(value).items() if not callable(item)}
    return value


def joined(one: Answer, other: Answer, wanted: int) -> Answer:
    """Two answers to one question as one that has `wanted` choices at most. Both were paid for."""
    choices = [*one["choices"], *other["choices"]][:wanted]
    usages = [one.get("usage") or {}, other.get("usage") or {}]
    names = ("prompt_tokens", "completion_tokens", "total_tokens")
    usage = {name: sum(usage.get(name) or 0 for usage in usages) for name in names}
    numbered = [{**choice, "index": index} for index, choice in enumerate(choices)]
    return Answer({**one, "choices": numbered, "usage": usage, "cost": one["cost"] + other["cost"]})


def texts_of(response: Mapping[str, Any]) -> list[str]:
    """For each choice its text; an empty one where there is none."""
    return [_said(choice) or "" for choice in response["choices"]]


def texts_or_calls_of(response: Mapping[str, Any]) -> list[Any]:
    """For each choice its text, or the message if it calls something."""
    return [_called(choice) or _said(choice) for choice in response["choices"]]


def _said(choice: Mapping[str, Any]) -> Any:
    return choice["text"] if "text" in choice else choice["message"].get("content")


def _called(choice: Mapping[str, Any]) -> Any:
    message = choice.get("message") or {}
    return message if message.get("function_call") or message.get("tool_calls") else None
