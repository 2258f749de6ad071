"""Responses as JSON, for caches and journals. Nothing is ever unpickled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from ..._jsonable import to_jsonable
from ...types import JSON
from .._model_client import ModelResponse

if TYPE_CHECKING:
    from pydantic import BaseModel

_TAG = "autogen.answer"
_OTHER = "namespace"


class ResponseDict(dict[str, Any]):
    """A dict whose keys are attributes too, at any depth, for code that expects an object as well as for code with a dict.

    >>> ResponseDict({"choices": [{"message": {"content": "Paris."}}]}).choices[0].message.content
    'Paris.'
    """

    def __init__(self, content: Mapping[str, object]) -> None:
        super().__init__({name: _add_attributes(value) for name, value in content.items()})

    @property
    def __dict__(self) -> dict[str, Any]:  # type: ignore[override]
        """The dict itself, so that `vars()` returns what it returned for the object that was stored."""
        return self

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"The response has no {name!r}, only {', '.join(self)}.") from None

    def __setattr__(self, name: str, value: object) -> None:
        self[name] = value


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
    if _find_sdk_class(kind) is not None and hasattr(response, "model_dump"):
        return {_TAG: kind, "value": cast("BaseModel", response).model_dump(mode="json", exclude_unset=True)}
    # The attributes of a dataclass that aren't fields, such as the cost, would be left out of the object itself.
    return {_TAG: _OTHER, "value": to_jsonable(get_attributes(response), get_attributes)}


def from_json(stored: object) -> ModelResponse | None:
    """Convert JSON to a response: one of the SDK, or a `ResponseDict` for that of a custom client.

    Returns:
        The response; None if the JSON is something else, such as a damaged entry of a cache.
    """
    if not isinstance(stored, dict) or not isinstance(value := stored.get("value"), dict):
        return None
    if (kind := stored.get(_TAG)) == _OTHER:
        return cast("ModelResponse", ResponseDict(value))
    sdk_class = _find_sdk_class(kind)
    return None if sdk_class is None else cast("ModelResponse", sdk_class.model_validate(value))


def _find_sdk_class(kind: object) -> type[BaseModel] | None:
    # The imports take long, so they are made for the response at hand alone.
    if kind == "chat.completion":
        from openai.types.chat import ChatCompletion

        return ChatCompletion
    if kind == "text_completion":
        from openai.types import Completion

        return Completion
    return None
