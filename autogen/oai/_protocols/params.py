"""Parameters of chat completions, as far as the protocols of vendors treat them alike."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from .._once import log_once
from .protocol import Body, Fields, NeutralRequest, make_adaptation

Unknown = Mapping[str, Collection[object]]
"""Parameters that a protocol doesn't have, with the values that mean nothing and need no warning."""

COMMON_UNKNOWN: Unknown = {
    "n": (1,),
    "logit_bias": ({},),
    "logprobs": (False,),
    "stream_options": ({"include_usage": True}, {"include_usage": False}),
}
"""Those that no vendor's own protocol has."""

_SAMPLING: Unknown = {"temperature": (1,), "top_p": (1,), "top_k": ()}
_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")


def get_output_limit(params: Fields, maximum: int, max_unstreamed: int | None) -> int:
    """Return the maximum number of tokens of a response: that of the request, else that of the model.

    Args:
        params: Parameters of the request.
        maximum: Maximum of the model.
        max_unstreamed: Maximum of a response that is not streamed; None if it is the same.
    """
    for name in ("max_tokens", "max_completion_tokens", "max_output_tokens"):
        if isinstance(limit := params.get(name), int):
            return limit
    return maximum if max_unstreamed is None or params.get("stream") else min(maximum, max_unstreamed)


def select_params(request: NeutralRequest, unknown: Unknown, translated: Collection[str]) -> Body:
    """Return the parameters that are sent under a name of their own, and warn about those that can't be sent.

    Args:
        request: The request.
        unknown: Parameters that the protocol doesn't have.
        translated: Parameters that the protocol has in another form.
    """
    selected: Body = {}
    effort = request.params.get("reasoning_effort")
    sampling = request.abilities.sampling
    if sampling is False or (sampling == "without_effort" and effort not in (None, "none")):
        unknown = {**_SAMPLING, **unknown}
    for name, value in request.params.items():
        if value is None or name in translated:
            continue
        if name not in unknown:
            selected[name] = value
        elif value not in unknown[name]:
            log_once(f"{request.label} does not take {name}: not sent.")
    return selected


def fit_effort(request: NeutralRequest) -> str | None:
    """Return the `reasoning_effort` of a request, or the closest that its model takes; None if there is none."""
    effort, efforts = request.params.get("reasoning_effort"), request.abilities.efforts
    # Whether there is thinking at all is the protocol's question.
    if effort not in _EFFORTS or effort == "none" or not efforts or effort in efforts:
        return effort or None
    position = _EFFORTS.index(effort)
    closest = min(filter(_EFFORTS.__contains__, efforts), key=lambda other: abs(_EFFORTS.index(other) - position))
    log_once(f"The model {request.model} has no reasoning_effort {effort!r}: it gets {closest!r}.")
    return closest


def get_last_id(request: NeutralRequest) -> str | None:
    """Return the id of the vendor's last answer in the history; None if there is none."""
    records = (record for record in reversed(request.records) if record is not None)
    return next((str(record["id"]) for record in records if record.get("id")), None)


def get_schema(response_format: Fields | None) -> Fields | None:
    """Return the JSON schema of a `response_format`; None if it has none."""
    holder = (response_format or {}).get("json_schema")
    return holder.get("schema") if isinstance(holder, Mapping) else None


def list_stops(stop: Any) -> list[str]:
    """Return stop sequences as a list. Blank ones, which vendors refuse, are left out."""
    stops = [stop] if isinstance(stop, str) else list(stop or ())
    return [text for text in stops if text.strip()]


def get_function_name(choice: object) -> str | None:
    """Return the name of the function that a `tool_choice` requires; None if it requires no particular one."""
    function = choice.get("function") if isinstance(choice, Mapping) else None
    return str(function.get("name")) if isinstance(function, Mapping) else None


_DROPPABLE = (
    *("temperature", "top_p", "top_k", "presence_penalty", "frequency_penalty", "seed", "stop_sequences", "metadata"),
    *(
        "service_tier",
        "parallel_tool_calls",
        "top_logprobs",
        "verbosity",
        "safety_identifier",
        "truncation",
        "media_resolution",
    ),
)
_DROPPABLE_WORDS = {name.replace("_", ""): name for name in _DROPPABLE}


def _drop_refused(body: Body, error_text: str) -> Body:
    words = {word.replace("_", "").lower() for word in re.findall(r"[A-Za-z_]{3,}", error_text)}
    return _drop_words(body, words & _DROPPABLE_WORDS.keys(), str(body.get("model")))


def _drop_words(body: Body, words: Collection[str], model: str) -> Body:
    """Return a body without some parameters, which may stand in an object with others; names are without underscores."""
    kept: Body = {}
    for name, value in body.items():
        if (word := name.replace("_", "").lower()) in words:
            log_once(f"The endpoint of {model} does not take {_DROPPABLE_WORDS[word]}: not sent.")
        elif isinstance(value, dict) and value:
            if inner := _drop_words(value, words, model):
                kept[name] = inner
        else:
            kept[name] = value
    return kept


DROP_REFUSED = make_adaptation(
    "drop parameters",
    r"not (?:\w+ )?(?:support|permit|allow|accept)|unsupported|unknown|unrecognized|extra|deprecated|invalid|cannot",
    _drop_refused,
)
"""Adaptation to a model that refuses a parameter: the request still means about the same without it."""
