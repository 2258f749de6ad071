"""Responses as JSON, for caches and journals. Nothing is ever unpickled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from ..._jsonable import to_jsonable
from ...types import JSON
from .._model_client import ModelResponse
from .._responses.completion import build_completion, build_text_completion
from .._responses.normalize import normalize_completion, normalize_text_completion

if TYPE_CHECKING:
    from pydantic import BaseModel

_TAG = "autogen.answer"
_OTHER = "namespace"
# The version of the internal form of a response, kept beside the responses of endpoints: all are in it when they are stored.
_FORM_KEY, _FORM = "form", 1
_SDK_KINDS = ("chat.completion", "text_completion")


class ResponseDict(dict[str, Any]):
    """A dict whose keys are attributes too, at any depth, for code that expects an object as well as for code with a dict.

    >>> ResponseDict({"choices": [{"message": {"content": "Paris."}}]}).choices[0].message.content
    'Paris.'
    """

    def __init__(self, content: Mapping[str, object]) -> None:
        super().__init__({name: _add_attributes(value) for name, value in dict(content).items()})
        # The items are the attributes: reading one costs no more than with any object.
        self.__dict__ = self

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def __reduce__(self) -> tuple[type[ResponseDict], tuple[dict[str, Any]]]:
        return type(self), (dict(self),)


def _add_attributes(value: object) -> object:
    # JSON has no other containers.
    if isinstance(value, dict):
        return ResponseDict(value)
    return [_add_attributes(item) for item in value] if isinstance(value, list) else value


def get_attributes(value: object) -> dict[str, object]:
    """Return the attributes of an object without functions: the form in which JSON holds the response of a custom client.

    Raises:
        TypeError: if it has none.
    """
    if not hasattr(value, "__dict__") or callable(value):
        raise TypeError(f"A {type(value).__name__} in a response can't be converted to JSON.")
    return {name: item for name, item in vars(value).items() if not callable(item)}


def to_json(response: ModelResponse) -> dict[str, JSON]:
    """Convert a response to JSON.

    Raises:
        TypeError: if JSON can't hold it.
    """
    kind = getattr(response, "object", None)
    if kind in _SDK_KINDS and hasattr(response, "model_dump"):
        value = cast("BaseModel", response).model_dump(mode="json", exclude_unset=True, warnings=False)
        return {_TAG: kind, _FORM_KEY: _FORM, "value": value}
    # The attributes of a dataclass that aren't fields, such as the cost, would be left out of the object itself.
    return {_TAG: _OTHER, "value": to_jsonable(get_attributes(response), get_attributes)}


def from_json(stored: object) -> ModelResponse | None:
    """Convert JSON to a response: one of the SDK, or a `ResponseDict` for that of a custom client.

    A response that an earlier version stored is normalised like a response that has just arrived.

    Returns:
        The response; None if the JSON is something else, such as a damaged entry of a cache.
    """
    if not isinstance(stored, dict) or not isinstance(value := stored.get("value"), dict):
        return None
    if (kind := stored.get(_TAG)) == _OTHER:
        return cast("ModelResponse", ResponseDict(value))
    if kind not in _SDK_KINDS:
        return None
    from ..errors import UnreadableAnswer

    is_chat = kind == "chat.completion"
    try:
        if stored.get(_FORM_KEY) != _FORM:
            value = normalize_completion(value) if is_chat else normalize_text_completion(value)
        return cast("ModelResponse", build_completion(value) if is_chat else build_text_completion(value))
    except UnreadableAnswer:
        return None
