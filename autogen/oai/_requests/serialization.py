"""Answers as JSON, for caches. Nothing is ever unpickled."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

_TAG = "autogen.answer"


def to_json(response: Any) -> dict[str, Any]:
    """An answer as a JSON-able dict.

    Raises:
        TypeError: It holds something that JSON can't.
    """
    if _sdk_class(getattr(response, "object", None)) and hasattr(response, "model_dump"):
        kind = response.object
        return {_TAG: kind, "value": response.model_dump(mode="json", exclude_unset=True)}
    return {_TAG: "namespace", "value": _plain(response)}


def from_json(stored: Any) -> Any | None:
    """The answer again; None if this is no stored answer (an old or damaged entry is a miss)."""
    if not isinstance(stored, dict) or "value" not in stored:
        return None
    kind, value = stored.get(_TAG), stored["value"]
    if kind == "namespace":
        return _namespace(value)
    sdk_class = _sdk_class(kind)
    return sdk_class().model_validate(value) if sdk_class else None


def _sdk_class(kind: Any) -> Any:
    return {"chat.completion": _chat_completion, "text_completion": _completion}.get(kind)


def _chat_completion() -> Any:
    from openai.types.chat import ChatCompletion

    return ChatCompletion


def _completion() -> Any:
    from openai.types import Completion

    return Completion


def _plain(value: Any) -> Any:
    """What a custom client returned, as JSON: objects become dicts of their attributes."""
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {"": "dict", **{str(key): _plain(item) for key, item in value.items()}}
    if hasattr(value, "__dict__") and not callable(value):
        return {key: _plain(item) for key, item in vars(value).items() if not callable(item)}
    raise TypeError(f"An answer with a {type(value).__name__} in it can't be kept as JSON.")


def _namespace(value: Any) -> Any:
    if isinstance(value, list):
        return [_namespace(item) for item in value]
    if isinstance(value, dict):
        items = {key: _namespace(item) for key, item in value.items() if key}
        return items if value.get("") == "dict" else SimpleNamespace(**items)
    return value
