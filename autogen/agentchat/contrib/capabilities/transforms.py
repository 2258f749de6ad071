"""Transforms of the messages that a model sees: limits, compression, names and summaries.

A transform has `apply_transform(messages)`, which returns the messages that the model sees and changes none of those that
it gets, and `get_logs(before, after)`, which describes the effect. It may also have `a_apply_transform`, for async chats.
Any object with such methods can be used in `TransformMessages` or as the `model_context` of an agent; so can the model
contexts of `autogen.agentchat.model_context`.

No transform of this package separates a call from its results. None copies the history.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from ...._steps import Steps
from ....cache.abstract_cache_base import AbstractCache
from ....formatting_utils import colored
from ....io.base import IOStream
from ....token_count_utils import UnknownModel, get_max_token_limit
from ..._contexts.counting import TokenCounter, get_agent_counter, get_counter
from ..._contexts.limits import TokenFit, keep_newest
from ..._contexts.memory import Memory
from ..._contexts.summary import SummaryTransform as SummaryTransform
from ..._contexts.texts import get_texts, replace_texts
from ..._contexts.transform import MessageTransform as MessageTransform
from ..._contexts.transform import Transform
from ..._contexts.view import View, select
from ...agent import Message
from . import transforms_util
from .text_compressors import LLMLingua, TextCompressor

__all__ = [
    "MessageHistoryLimiter",
    "MessageTokenLimiter",
    "MessageTransform",
    "SummaryTransform",
    "TextMessageCompressor",
    "TextMessageContentName",
]


class MessageHistoryLimiter(Transform):
    """Transform that shows the newest messages.

    A call and its results are shown together or not at all, so fewer messages than the limit may be shown. The last of them
    are shown together even above the limit, if nothing else would be shown.

    Args:
        max_messages: Maximum number of messages; None for no limit.
        keep_first_message: True if the first message is one of them.

    Raises:
        ValueError: if the limit is below 1.
    """

    def __init__(self, max_messages: int | None = None, keep_first_message: bool = False) -> None:
        if max_messages is not None and max_messages < 1:
            raise ValueError(f"max_messages must be None or at least 1, got {max_messages!r}.")
        self._max_messages = max_messages
        self._keep_first_message = keep_first_message

    def run(self, agent: Any, messages: list[Message]) -> Steps[View]:
        """Return the newest messages; a step."""
        yield from ()
        if self._max_messages is None:
            return View(messages)
        return keep_newest(messages, self._max_messages, self._keep_first_message)

    def get_logs(self, pre_transform_messages: list[Message], post_transform_messages: list[Message]) -> tuple[str, bool]:
        """Return how many messages are left out."""
        before, after = len(pre_transform_messages), len(post_transform_messages)
        if after >= before:
            return "No messages were removed.", False
        return f"Removed {before - after} messages. Number of messages reduced from {before} to {after}.", True


class MessageTokenLimiter(Transform):
    """Transform that limits the tokens of each message, and of all of them.

    The texts of messages and of the results of tools are shortened. With `max_tokens`, as many of the newest messages are
    shown as fit, and the oldest of those is shortened to what is left. The first message of the user and the last messages
    are never left out, but shortened, if need be. Texts, calls, results and images count.

    Args:
        max_tokens_per_message: Maximum number of tokens of the texts of a message; None for no limit.
        max_tokens: Maximum number of tokens of all messages; None for no limit.
        min_tokens: Number of tokens of all texts below which nothing is done.
        model: Model whose tokens are counted, and whose context length limits both limits; None for that of the agent.
        filter_dict: Accepted values by key of messages, such as `{"role": ["user"]}`.
        exclude_filter: True if texts of messages that match are not shortened, False if only those are.

    Raises:
        ValueError: if a limit is negative, or `min_tokens` is above `max_tokens`.
    """

    def __init__(
        self,
        max_tokens_per_message: int | None = None,
        max_tokens: int | None = None,
        min_tokens: int | None = None,
        model: str | None = transforms_util.DEFAULT_MODEL,
        filter_dict: Mapping[str, Any] | None = None,
        exclude_filter: bool = True,
    ) -> None:
        limits = {"max_tokens_per_message": max_tokens_per_message, "max_tokens": max_tokens, "min_tokens": min_tokens}
        for name, limit in limits.items():
            if limit is not None and limit < 0:
                raise ValueError(f"{name} must be None or at least 0, got {limit!r}.")
        if max_tokens is not None and min_tokens is not None and min_tokens > max_tokens:
            raise ValueError(f"min_tokens must not be more than max_tokens, got {min_tokens!r} and {max_tokens!r}.")
        self._model = model
        self._max_tokens_per_message, self._max_tokens = _cap_limits(model, max_tokens_per_message, max_tokens)
        self._min_tokens = min_tokens
        self._filter_dict = filter_dict
        self._exclude_filter = exclude_filter

    def run(self, agent: Any, messages: list[Message]) -> Steps[View]:
        """Return the messages within the limits; a step."""
        yield from ()
        counter = self._get_counter(agent)
        if not transforms_util.min_tokens_reached(messages, self._min_tokens, counter.model):
            return View(messages)
        is_protected = None if not self._filter_dict else self._is_protected
        fit = TokenFit(messages, counter, self._max_tokens_per_message, is_protected)
        return fit.shorten_each() if self._max_tokens is None else fit.keep_newest(self._max_tokens)

    def get_logs(self, pre_transform_messages: list[Message], post_transform_messages: list[Message]) -> tuple[str, bool]:
        """Return how many tokens are left out."""
        counter = self._get_counter(None)
        before = sum(map(counter.count, pre_transform_messages))
        after = sum(map(counter.count, post_transform_messages))
        if after >= before:
            return "No tokens were truncated.", False
        return f"Truncated {before - after} tokens. Number of tokens reduced from {before} to {after}", True

    def _get_counter(self, agent: Any) -> TokenCounter:
        return get_agent_counter(agent) if self._model is None else get_counter(self._model)

    def _is_protected(self, message: Message) -> bool:
        return not transforms_util.should_transform_message(message, self._filter_dict, self._exclude_filter)


def _cap_limits(model: str | None, *limits: int | None) -> list[int | None]:
    """Return limits that are no more than a model takes, and print if one is lowered or the model is unknown."""
    if model is None:
        return list(limits)
    show = IOStream.get_default().print
    try:
        window = get_max_token_limit(model)
    except UnknownModel:
        show(colored(f"Model {model} not found in token_count_utils.", "yellow"), flush=True)
        return list(limits)
    for limit in limits:
        if limit is not None and limit > window:
            show(colored(f"A limit of {limit} tokens is lowered to {window}, which {model} takes.", "yellow"), flush=True)
    return [None if limit is None else min(limit, window) for limit in limits]


class _Compressed(NamedTuple):
    """A compressed text, and the tokens that it saves."""

    text: str
    savings: int


class TextMessageCompressor(Transform):
    """Transform that compresses the texts of messages. Each text is compressed once.

    Args:
        text_compressor: Object with `compress_text(text, **params)`, which returns a dict with the text as
            `compressed_prompt` or `compressed_text`, and optionally `origin_tokens` and `compressed_tokens`; None for
            `LLMLingua`.
        min_tokens: Number of tokens of all texts below which nothing is done.
        compression_params: Arguments of `compress_text`.
        cache: Cache that keeps compressed texts between runs; None for none.
        filter_dict: Accepted values by key of messages, such as `{"role": ["user"]}`.
        exclude_filter: True if messages that match are not compressed, False if only those are.

    Raises:
        ValueError: if `min_tokens` is below 1.
        ImportError: if there is no compressor and the extra `long-context` is not installed.
    """

    def __init__(
        self,
        text_compressor: TextCompressor | None = None,
        min_tokens: int | None = None,
        compression_params: Mapping[str, Any] = {},
        cache: AbstractCache | None = None,
        filter_dict: Mapping[str, Any] | None = None,
        exclude_filter: bool = True,
    ) -> None:
        if min_tokens is not None and min_tokens <= 0:
            raise ValueError(f"min_tokens must be None or at least 1, got {min_tokens!r}.")
        self._text_compressor: TextCompressor = LLMLingua() if text_compressor is None else text_compressor
        self._min_tokens = min_tokens
        self._compression_params = compression_params
        self._cache = cache
        self._filter_dict = filter_dict
        self._exclude_filter = exclude_filter
        self._compressed: Memory[tuple[str, str], _Compressed] = Memory()
        self._recent_savings = 0

    def run(self, agent: Any, messages: list[Message]) -> Steps[View]:
        """Return the messages with compressed texts; a step."""
        yield from ()
        self._recent_savings = 0
        if not messages or not transforms_util.min_tokens_reached(messages, self._min_tokens):
            return View(messages)
        params = dict(self._compression_params)
        # The last message of the user says which sentences matter, so it is the query of compressors that take one.
        if getattr(self._text_compressor, "takes_query", False) and params.get("query") is None:
            params["query"] = _get_last_question(messages)
        identity = _identify(self._text_compressor, params)
        replaced: dict[int, Message] = {}
        for position, message in enumerate(messages):
            texts = get_texts(message)
            if not any(texts) or not self._is_included(message):
                continue
            results = [self._compress(text, params, identity) for text in texts]
            self._recent_savings += sum(result.savings for result in results)
            if [result.text for result in results] != texts:
                replaced[position] = replace_texts(message, [result.text for result in results])
        return select(messages, range(len(messages)), replaced)

    def get_logs(self, pre_transform_messages: list[Message], post_transform_messages: list[Message]) -> tuple[str, bool]:
        """Return how many tokens the last call of `apply_transform` saved."""
        if self._recent_savings > 0:
            return f"{self._recent_savings} tokens saved with text compression.", True
        return "No tokens saved with text compression.", False

    def _is_included(self, message: Message) -> bool:
        return transforms_util.should_transform_message(message, self._filter_dict, self._exclude_filter)

    def _compress(self, text: str, params: dict[str, Any], identity: str) -> _Compressed:
        if not text:
            return _Compressed(text, 0)
        key = (text, identity)
        if (known := self._compressed.get(key)) is not None:
            return known
        cache_key = transforms_util.cache_key(text, self._min_tokens, identity)
        cached = transforms_util.cache_content_get(self._cache, cache_key)
        if cached is not None:
            text, savings = cached
            result = _Compressed(text, savings)
        else:
            result = _read_result(self._text_compressor.compress_text(text, **params), self._text_compressor)
            transforms_util.cache_content_set(self._cache, cache_key, result.text, result.savings)
        self._compressed.set(key, result)
        return result


def _get_last_question(messages: list[Message]) -> str:
    for message in reversed(messages):
        if message.get("role") == "user" and (texts := get_texts(message)):
            return "\n".join(texts)
    return ""


def _identify(compressor: object, params: Mapping[str, Any]) -> str:
    """Return a text that differs for compressors and parameters with different results."""
    kind = type(compressor)
    settings = repr(compressor) if kind.__repr__ is not object.__repr__ else ""
    return f"|{kind.__module__}.{kind.__qualname__}|{settings}|{json.dumps(params, sort_keys=True, default=str)}"


def _read_result(result: Mapping[str, Any], compressor: object) -> _Compressed:
    text = result.get("compressed_prompt", result.get("compressed_text"))
    if not isinstance(text, str):
        name = type(compressor).__name__
        raise ValueError(f"{name}.compress_text must return a dict with a text as 'compressed_prompt', got {result!r}.")
    return _Compressed(text, int(result.get("origin_tokens") or 0) - int(result.get("compressed_tokens") or 0))


class TextMessageContentName(Transform):
    """Transform that puts the name of a message's author into its text, for endpoints that refuse `name`.

    Args:
        position: `start` or `end`.
        format_string: Text with `{name}`.
        deduplicate: True to leave texts alone that have it already.
        filter_dict: Accepted values by key of messages, such as `{"role": ["user"]}`.
        exclude_filter: True if messages that match are not changed, False if only those are.

    Raises:
        AssertionError: if an argument has an invalid value.
    """

    def __init__(
        self,
        position: str = "start",
        format_string: str = "{name}:\n",
        deduplicate: bool = True,
        filter_dict: Mapping[str, Any] | None = None,
        exclude_filter: bool = True,
    ) -> None:
        assert position in ("start", "end"), f"position must be 'start' or 'end', got {position!r}."
        is_format = isinstance(format_string, str) and "{name}" in format_string
        assert is_format, f"format_string must be a text with {{name}}, got {format_string!r}."
        assert isinstance(deduplicate, bool), f"deduplicate must be True or False, got {deduplicate!r}."
        self._position = position
        self._format_string = format_string
        self._deduplicate = deduplicate
        self._filter_dict = filter_dict
        self._exclude_filter = exclude_filter

    def run(self, agent: Any, messages: list[Message]) -> Steps[View]:
        """Return the messages with names in their texts; a step."""
        yield from ()
        changed = {position: self._add_name(message) for position, message in enumerate(messages)}
        replaced = {position: message for position, message in changed.items() if message is not None}
        return select(messages, range(len(messages)), replaced)

    def get_logs(self, pre_transform_messages: list[Message], post_transform_messages: list[Message]) -> tuple[str, bool]:
        """Return how many messages got a name."""
        pairs = zip(pre_transform_messages, post_transform_messages, strict=False)
        count = sum(before.get("content") != after.get("content") for before, after in pairs)
        return (
            (f"{count} message(s) changed to incorporate name.", True)
            if count
            else ("No messages changed to incorporate name.", False)
        )

    def _add_name(self, message: Message) -> Message | None:
        """Return a message with the name of its author in its text; None if it stays as it is."""
        name = message.get("name")
        content: Any = message.get("content")
        if not name or transforms_util.is_content_text_empty(content):
            return None
        if not transforms_util.should_transform_message(message, self._filter_dict, self._exclude_filter):
            return None
        label = self._make_label(str(name))
        texts = get_texts({"content": content})
        has_label = texts[0].startswith(label) if self._position == "start" else texts[-1].endswith(label)
        if self._deduplicate and has_label:
            return None
        if isinstance(content, str):
            return {**message, "content": label + content if self._position == "start" else content + label}
        part = {"type": "text", "text": label}
        return {**message, "content": [part, *content] if self._position == "start" else [*content, part]}

    def _make_label(self, name: str) -> str:
        try:
            return self._format_string.format(name=name)
        except (KeyError, IndexError, ValueError):
            # The format has other braces, too.
            return self._format_string.replace("{name}", name)
