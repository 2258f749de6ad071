"""Functions for transforms of messages: token counts, filters, and caches of contents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ....cache.abstract_cache_base import AbstractCache
from ....oai.openai_utils import filter_config
from ..._contexts.counting import get_counter
from ..._contexts.units import is_result
from ...agent import Message

DEFAULT_MODEL = "gpt-3.5-turbo-0613"
"""Model whose tokens are counted unless another one is named."""

Content = str | list[Any] | None


def cache_key(content: object, *args: object) -> str:
    """Return a key for a cache: the texts of all arguments, joined."""
    return "".join(map(str, (content, *args)))


def cache_content_get(cache: AbstractCache | None, key: str) -> tuple[Any, ...] | None:
    """Return the tuple that is cached under a key; None if there is none, or no cache."""
    cached = None if cache is None else cache.get(key)
    # A cache that stores JSON returns lists.
    return tuple(cached) if isinstance(cached, (list, tuple)) else None


def cache_content_set(cache: AbstractCache | None, key: str, content: object, *extra_values: object) -> None:
    """Cache a content with further values, as a tuple.

    Args:
        cache: Cache; None for a no-op.
        key: Key, see `cache_key`.
        content: Content.
        *extra_values: Values after it.
    """
    if cache is not None:
        cache.set(key, (content, *extra_values))


def min_tokens_reached(messages: Sequence[Message], min_tokens: int | None, model: str = DEFAULT_MODEL) -> bool:
    """Return True if the texts of messages have at least `min_tokens`.

    Args:
        messages: Messages.
        min_tokens: Number of tokens; None or 0 is always reached.
        model: Model whose tokens are counted.
    """
    if not min_tokens:
        return True
    counter, count = get_counter(model), 0
    for message in messages:
        count += counter.count_texts(message)
        if count >= min_tokens:
            return True
    return False


def count_text_tokens(content: Content, model: str = DEFAULT_MODEL) -> int:
    """Return the tokens of the texts of a content: a text, or a list of texts and parts. Images count as 0."""
    return get_counter(model).count_texts({"content": content})


def is_content_right_type(content: object) -> bool:
    """Return True if a content is a text or a list, which may have texts."""
    return isinstance(content, (str, list))


def is_content_text_empty(content: Content) -> bool:
    """Return True if a content has no text."""
    if isinstance(content, list):
        return not any(part if isinstance(part, str) else part.get("text") for part in content)
    return not content


def should_transform_message(message: Message, filter_dict: Mapping[str, Any] | None, exclude: bool) -> bool:
    """Return True if a filter lets a message be transformed.

    Args:
        message: Message.
        filter_dict: Accepted values by key, such as `{"role": ["user"]}`; see `autogen.filter_config`.
        exclude: True to transform the messages that do not match, False for those that do.
    """
    if not filter_dict:
        return True
    return bool(filter_config([message], dict(filter_dict), exclude))


def is_tool_call_valid(messages: Sequence[Message]) -> bool:
    """Return True if messages do not begin with the result of a tool, whose call is missing."""
    return not messages or not (messages[0].get("role") == "tool" or is_result(messages[0]))
