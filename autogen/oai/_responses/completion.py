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
    from pydantic import ValidationError

    try:
        return ChatCompletion.model_validate(body)
    except ValidationError:
        # An optional field has a value that OpenAI doesn't have. The SDK's own parser takes any.
        return ChatCompletion.construct(**body)


def build_text_completion(body: Mapping[str, Any]) -> Completion:
    """Return the SDK's object for a normalised response to a `prompt`."""
    from openai.types import Completion
    from pydantic import ValidationError

    try:
        return Completion.model_validate(body)
    except ValidationError:
        return Completion.construct(**body)
