"""Normalised responses as the SDK's objects, which programs of 0.2 expect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openai.types import Completion
    from openai.types.chat import ChatCompletion


def build_completion(body: Mapping[str, Any]) -> ChatCompletion:
    """Return the SDK's object for a normalised chat completion. Fields that the SDK doesn't know are attributes, too."""
    from openai.types.chat import ChatCompletion

    try:
        return ChatCompletion.model_validate(body)
    # Pydantic's error is one. It is not imported by name, because each answer comes by here.
    except ValueError:
        # An optional field has a value that OpenAI doesn't have. The SDK's own parser takes any.
        return ChatCompletion.construct(**_drop_private_keys(body))


def build_text_completion(body: Mapping[str, Any]) -> Completion:
    """Return the SDK's object for a normalised response to a `prompt`."""
    from openai.types import Completion

    try:
        return Completion.model_validate(body)
    except ValueError:
        return Completion.construct(**_drop_private_keys(body))


def _drop_private_keys(value: Any) -> Any:
    """Return JSON without the keys that would be arguments of the SDK's `construct`, such as `_fields_set`."""
    if isinstance(value, Mapping):
        return {key: _drop_private_keys(item) for key, item in value.items() if not key.startswith("_")}
    return [_drop_private_keys(item) for item in value] if isinstance(value, list) else value
