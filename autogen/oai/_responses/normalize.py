"""Normalisation of responses: JSON of any server becomes a chat completion in the internal form, or an `UnreadableAnswer`.

Normalising a normalised response changes nothing, so responses of caches and journals are normalised, too.
"""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ...types import JSON, Message
from .calls import UnreadableCalls, has_calls, normalize_calls, normalize_function
from .content import REASONING_KEYS, read_content, read_text
from .native import attach_native
from .text import TooDeep, copy_json
from .usage import find_usage, normalize_usage

if TYPE_CHECKING:
    from ..errors import UnreadableAnswer

# Responses may be large, and nested without end.
_SHORT = reprlib.Repr()
_SHORT.maxlevel, _SHORT.maxdict, _SHORT.maxstring, _SHORT.maxother = 5, 12, 120, 120

# Finish reasons of other vendors and servers, by OpenAI's words. An unknown reason means `stop`.
_FINISH_REASONS = {
    "stop": {"stop", "eos", "eos_token", "end_turn", "stop_sequence", "end", "complete", "completed"},
    "length": {
        *("length", "max_tokens", "max_output_tokens", "model_length", "model_context_window_exceeded", "abort"),
        "insufficient_system_resource",
    },
    "content_filter": {
        *("content_filter", "safety", "recitation", "blocklist", "prohibited_content", "spii", "language", "model_armor"),
        *("refusal", "guardrail_intervened", "content_filtered"),
    },
    "tool_calls": {"tool_calls", "tool_use", "function_calls", "tool_call"},
    "function_call": {"function_call"},
}
_OPENAI_REASONS = {alias: reason for reason, aliases in _FINISH_REASONS.items() for alias in aliases}
# Reasons that a message names: others are ordinary.
_STOP_REASONS = ("length", "context", "content_filter", "refusal")
_LISTS_OF_THINKING = ("reasoning_details", "thinking_blocks")
_THINKING_FIELDS = (*REASONING_KEYS, *_LISTS_OF_THINKING)
# The endpoint failed while it answered.
_FAILURES = (
    *("error", "failed", "cancelled", "malformed_function_call", "malformed_response", "malformed_model_output"),
    *("malformed_tool_use", "unexpected_tool_call", "too_many_tool_calls"),
)


def normalize_completion(data: object, *, model: str = "", origin: str = "") -> dict[str, JSON]:
    """Return a response to a chat request as the JSON of a chat completion.

    Args:
        data: JSON as the endpoint sent it, or as it was stored.
        model: Name of the requested model, used if the response has none.
        origin: Origin of a response that has just arrived; empty for a stored one.

    Raises:
        UnreadableAnswer: if it isn't an answer.
    """
    try:
        body = copy_json(data)
        if not isinstance(body, dict):
            raise make_unreadable("is not a completion", data)
        choices = [_normalize_choice(choice, body, origin) for choice in _list_choices(body)]
    except (TooDeep, UnreadableCalls) as error:
        raise make_unreadable(f"can't be read: {error}", data) from None
    # Numbers that are missing or twice would mix the choices up.
    for index, choice in enumerate(choices):
        choice["index"] = index
    return {**_normalize_head(body, model), "object": "chat.completion", "choices": [*choices]}


def _list_choices(body: Mapping[str, JSON]) -> list[Mapping[str, JSON]]:
    choices = body.get("choices")
    # `choices` without a list around the only one has been seen.
    items = choices if isinstance(choices, list) else [choices]
    present: list[Mapping[str, JSON]] = [choice for choice in items if isinstance(choice, dict)]
    if not present:
        raise make_unreadable("is not a completion", body)
    return present


def _normalize_choice(choice: Mapping[str, JSON], body: Mapping[str, JSON], origin: str) -> dict[str, JSON]:
    message = choice.get("message")
    if isinstance(message, str):
        message = {"content": message}
    if not isinstance(message, dict):
        raise make_unreadable("has no message", body)
    message = normalize_message(message, seed=str(body.get("id") or ""), origin=origin)
    reason = str(choice.get("finish_reason") or "").lower()
    if reason in _FAILURES:
        raise make_unreadable(f"ended with {reason!r}", body)
    is_empty = not message.get("content") and not has_calls(message) and not message.get("refusal")
    # An empty answer is one only if the model ended it, and didn't mean to call.
    has_ended = _OPENAI_REASONS.get(reason) in ("stop", "length") and reason != "insufficient_system_resource"
    if is_empty and not has_ended:
        raise make_unreadable(f"is empty, with the finish reason {reason or None!r}", body)
    translated = _translate_finish_reason(reason, message)
    stop_reason = _find_stop_reason(reason, translated, message, None if origin else choice.get("message"))
    if stop_reason:
        message["stop_reason"] = stop_reason
    return {**choice, "finish_reason": translated, "message": message}


def _find_stop_reason(reason: str, translated: str, message: Message, stored: object) -> str | None:
    """Return the reason of the end in the words of the internal form; None for an ordinary one."""
    earlier = stored.get("stop_reason") if isinstance(stored, dict) else None
    if isinstance(earlier, str) and earlier in _STOP_REASONS:
        return earlier
    if message.get("refusal"):
        return "refusal"
    if reason == "model_context_window_exceeded":
        return "context"
    return translated if translated in _STOP_REASONS else None


def _translate_finish_reason(reason: str, message: Mapping[str, object]) -> str:
    """Return a finish reason in OpenAI's words. Servers differ most in the reason beside calls."""
    translated = _OPENAI_REASONS.get(reason, "stop")
    if message.get("tool_calls"):
        # Cut calls must be recognisable.
        return translated if translated == "length" else "tool_calls"
    if message.get("function_call"):
        return translated if translated == "length" else "function_call"
    return "stop" if translated in ("tool_calls", "function_call") else translated


def normalize_message(message: Mapping[str, object], *, seed: str = "", origin: str = "") -> Message:
    """Return the message of an answer in the internal form; fields that it doesn't know are kept.

    Args:
        message: JSON of the message, without surrogates.
        seed: Id of the response.
        origin: Origin of a response that has just arrived; see `native.attach`.

    Raises:
        UnreadableCalls: if its calls can't be read.
    """
    content = read_content(message.get("content"))
    text = content.take_text()
    refusal = content.take_refusal(message.get("refusal"))
    result: Message = {**message, "role": "assistant", "content": text}
    for key in ("tool_calls", "function_call", "refusal", "reasoning", "stop_reason"):
        result.pop(key, None)
    if thinking := _join_thinking(message, content.thoughts):
        result["reasoning"] = thinking
    if refusal:
        # People and programs read the content alone.
        result |= {"refusal": refusal, "content": text or refusal}
    if calls := normalize_calls(message.get("tool_calls"), seed):
        result["tool_calls"] = calls
    function = message.get("function_call")
    # An empty object means that there is no call.
    if function is not None and not (isinstance(function, Mapping) and not any(function.values())):
        result["function_call"] = normalize_function(function)
    return attach_native(result, message, origin) if origin else result


def _join_thinking(message: Mapping[str, object], thoughts: list[str]) -> str:
    """Return the thinking of a message: the fields for it, and that of its content. Many servers send it twice."""
    if not thoughts and message.keys().isdisjoint(_THINKING_FIELDS):
        return ""
    fields = [read_text(message.get(key)) for key in REASONING_KEYS]
    if not any(fields):
        fields = [read_text(message.get(key)) for key in _LISTS_OF_THINKING]
    joined: list[str] = []
    for text in (*fields, *thoughts):
        if text and not any(text in earlier for earlier in joined):
            joined.append(text)
    return "\n\n".join(joined)


def normalize_text_completion(data: object, *, model: str = "") -> dict[str, JSON]:
    """Return a response to a `prompt` as the JSON of a text completion.

    Raises:
        UnreadableAnswer: if it isn't an answer.
    """
    try:
        body = copy_json(data)
    except TooDeep as error:
        raise make_unreadable(f"can't be read: {error}", data) from None
    if not isinstance(body, dict):
        raise make_unreadable("is not a completion", data)
    choices: list[JSON] = []
    for index, choice in enumerate(_list_choices(body)):
        text = read_text(choice.get("text"))
        if text is None:
            raise make_unreadable("has no text", data)
        reason = _OPENAI_REASONS.get(str(choice.get("finish_reason") or "").lower(), "stop")
        choices.append({"logprobs": None, **choice, "index": index, "text": text, "finish_reason": reason})
    return {**_normalize_head(body, model), "object": "text_completion", "choices": choices}


def _normalize_head(body: Mapping[str, JSON], model: str) -> dict[str, JSON]:
    created = body.get("created")
    return {
        **body,
        "id": str(body.get("id") or ""),
        "created": int(created) if isinstance(created, (int, float)) else 0,
        "model": str(body.get("model") or model),
        "usage": normalize_usage(find_usage(body)),
    }


def make_unreadable(problem: str, data: object = None) -> UnreadableAnswer:
    """Return the error for an answer that can't be read.

    Args:
        problem: Predicate of a sentence about the response.
        data: The response. The error quotes an excerpt of it.
    """
    # Importing the exception imports the SDK.
    from ..errors import UnreadableAnswer

    excerpt = "" if data is None else _SHORT.repr(data)[:300]
    quoted = f": {excerpt}" if excerpt else ""
    return UnreadableAnswer(f"The endpoint sent a response that {problem}{quoted}", received=excerpt or problem)
