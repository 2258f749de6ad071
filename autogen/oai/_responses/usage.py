"""The token counts of a response, in all forms in which servers report them."""

from __future__ import annotations

import math
from collections.abc import Mapping

from ...types import Message

_DETAILS = ("prompt_tokens_details", "completion_tokens_details")
# Counts above this one are nonsense.
_MAX_TOKENS = 10**12


def find_usage(body: Mapping[str, object]) -> object:
    """Return the token counts of a response or a chunk, where its server puts them."""
    groq = body.get("x_groq")
    usage = body.get("usage") or (groq.get("usage") if isinstance(groq, Mapping) else None)
    timings = body.get("timings")
    if isinstance(usage, Mapping) and isinstance(timings, Mapping) and "prompt_tokens_details" not in usage:
        # llama.cpp counts the part of the prompt that it had already read.
        return {**usage, "prompt_tokens_details": {"cached_tokens": timings.get("cache_n")}}
    return usage


def normalize_usage(value: object) -> Message | None:
    """Return token counts as numbers with a total; None if there are none.

    Counts may be sent as text or floats. Fields that OpenAI doesn't have are kept.
    """
    if not isinstance(value, Mapping):
        return None
    prompt, completion = _read_count(value.get("prompt_tokens")), _read_count(value.get("completion_tokens"))
    total = _read_count(value.get("total_tokens"))
    if prompt is None and completion is None and total is None:
        return None
    prompt = prompt or 0
    # Some servers leave the reasoning out of the completion, though it is in the total and has to be paid.
    completion = max(completion or 0, (total or 0) - prompt)
    usage = {**value, "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    for key in _DETAILS:
        details = value.get(key)
        if isinstance(details, Mapping):
            usage[key] = {name: _read_count(count) for name, count in details.items()}
        else:
            usage.pop(key, None)
    # DeepSeek's name.
    if "prompt_tokens_details" not in usage and (hits := _read_count(value.get("prompt_cache_hit_tokens"))):
        usage["prompt_tokens_details"] = {"cached_tokens": hits}
    return usage


def _read_count(value: object) -> int | None:
    # The usual case. A bool has another type.
    if type(value) is int and 0 <= value <= _MAX_TOKENS:
        return value
    try:
        count = float(value) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        return None
    return int(count) if 0 <= count <= _MAX_TOKENS else None
