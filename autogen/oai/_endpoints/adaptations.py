"""Learning from refusals: an endpoint that says what it does not take gets the request once more, in another form.

What helped is remembered for the endpoint and the model, as long as the process lives.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..._steps import Steps
from .message_forms import (
    Form,
    ensure_alternation,
    ensure_user_last,
    insert_tool_acknowledgements,
    render_calls_as_text,
    convert_developer_to_system,
    describe_response_format,
    convert_late_system_to_user,
    join_text_parts,
    shorten_call_ids,
    convert_system_to_user,
    fill_missing_content,
    replace_blanks,
    remove_names,
    remove_nulls,
)
from .parameters import Params, rename_params, use_max_completion_tokens, drop_params
from .tool_schemas import simplify_tools

logger = logging.getLogger("autogen.oai.client")

STATUSES = (400, 422, 500)  # of a refusal; 500 is what a chat template's complaint becomes at some servers
OPTIONAL = (
    *("temperature", "top_p", "presence_penalty", "frequency_penalty", "logit_bias", "logprobs", "top_logprobs", "seed"),
    *("stream_options", "parallel_tool_calls", "user", "store", "metadata", "service_tier", "reasoning_effort", "stop"),
)
"""Parameters without which a request still means the same, more or less."""


@dataclass(frozen=True)
class Adaptation:
    """What to do about a refusal.

    Attributes:
        name: What it does, for the log.
        refusal: A pattern of what the endpoint says.
        adapt: The request in another form, by the request and what the endpoint said.
    """

    name: str
    refusal: re.Pattern[str]
    adapt: Callable[[Params, str], Params]


def _messages(name: str, refusal: str, *forms: Form) -> Adaptation:
    def adapt(params: Params, said: str) -> Params:
        messages = params.get("messages") or []
        for form in forms:
            messages = form(messages)
        return {**params, "messages": messages} if messages else params

    return Adaptation(name, re.compile(refusal, re.IGNORECASE), adapt)


def _request(name: str, refusal: str, adapt: Callable[[Params, str], Params]) -> Adaptation:
    return Adaptation(name, re.compile(refusal, re.IGNORECASE), adapt)


def _without_what_it_names(params: Params, said: str) -> Params:
    named = [name for name in OPTIONAL if name in params and re.search(rf"\b{name}\b", said)]
    return drop_params(params, named, f"The endpoint of {params.get('model')}") if named else params


def _with_plain_tools(params: Params, said: str) -> Params:
    return {**params, "tools": simplify_tools(params["tools"])} if params.get("tools") else params


def _with_max_tokens(params: Params, said: str) -> Params:
    return rename_params(params, {"max_completion_tokens": "max_tokens"})


_NOT = (
    r"(?:not (?:\w+ )?(?:support|permit|allow|accept|recogni[sz]e|match)"
    r"|unsupported|unexpected|unknown|unrecognized|extra|invalid)"
)
_EMPTY = r"(?:null|none|nil|empty|blank|missing|required|non-empty|valid string|should be a valid|must be a string)"


def _with_format_in_words(params: Params, said: str) -> Params:
    if not params.get("response_format"):
        return params
    messages = describe_response_format(params["messages"], params["response_format"])
    return {**{key: value for key, value in params.items() if key != "response_format"}, "messages": messages}


_UNKNOWN = r"(?:not (?:\w+ )?support|unsupported|unavailable|unknown|unrecogni[sz]ed|extra)"

ADAPTATIONS = (
    _request(
        "the form of the answer in words",
        rf"(?:response_format|json_schema).{{0,60}}{_UNKNOWN}|{_UNKNOWN}.{{0,60}}(?:response_format|json_schema)",
        _with_format_in_words,
    ),
    _request(
        "max_completion_tokens for max_tokens",
        rf"{_NOT}.{{0,40}}\bmax_tokens\b|use '?max_completion_tokens",
        lambda params, said: use_max_completion_tokens(params),
    ),
    _request("max_tokens for max_completion_tokens", rf"{_NOT}.{{0,60}}max_completion_tokens", _with_max_tokens),
    _messages("names left out, or in the text", rf"\bname\b.{{0,80}}{_NOT}|{_NOT}.{{0,80}}\bname\b", remove_names),
    _messages(
        "system for developer", rf"\bdeveloper\b.{{0,80}}{_NOT}|{_NOT}.{{0,80}}\bdeveloper\b", convert_developer_to_system
    ),
    _messages(
        "no system messages",
        rf"system[`'\"]? (?:role|message|prompt|instruction)s?.{{0,30}}{_NOT}|{_NOT}.{{0,30}}['`\"]system",
        convert_system_to_user,
        ensure_alternation,
    ),
    _messages(
        "system messages in front alone", r"system.{0,60}(?:begin|first|start|precede|after role)", convert_late_system_to_user
    ),
    _messages("an assistant's turn after tools", r"'user' after role '?tool", insert_tool_acknowledgements),
    _messages(
        "user and assistant in turns",
        r"alternat|consecutive|after role|immediately after|in a row|first (?:message|turn|content).{0,30}user",
        convert_late_system_to_user,
        ensure_alternation,
    ),
    _messages(
        "the user's turn last",
        r"last (?:message|role|turn|content).{0,60}(?:user|assistant)|(?:end|finish)\w* with an? (?:user|'user')|prefill",
        ensure_user_last,
    ),
    _messages("short ids of calls", r"tool call id.{0,80}(?:must be|length|a-z)", shorten_call_ids),
    _messages(
        "text in one piece", r"sequence, expected|content.{0,60}(?:be a string|valid string|array|list)", join_text_parts
    ),
    _messages("no nulls", rf"content.{{0,80}}{_EMPTY}|{_EMPTY}.{{0,80}}content|\bnull\b|<nil>", remove_nulls, fill_missing_content),
    _messages("no blanks", rf"content.{{0,80}}{_EMPTY}|{_EMPTY}.{{0,80}}content", replace_blanks),
    _request(
        "calls as text",
        r"(?:must|should) (?:be )?define.{0,20}tools|toolConfig|`?tools`?=? (?:param|must|field|is required)",
        lambda params, said: (
            params if params.get("tools") else {**params, "messages": render_calls_as_text(params["messages"])}
        ),
    ),
    _request(
        "plainer schemas of tools",
        r"any_?of|\$defs|\$ref|additional_?properties|non-empty for object|unknown name.{0,6}(?:default|title)",
        _with_plain_tools,
    ),
    _request("parameters left out", rf"{_NOT}|only the default", _without_what_it_names),
)
"""In this order, each once for a request; one that changes nothing is passed over."""

Learnt = tuple[tuple[Adaptation, str], ...]

_lock = threading.Lock()
_memory: dict[Any, Learnt] = {}


def call_with_adaptations(endpoint: Any, label: str, params: Params, ask_endpoint: Callable[[Params], Steps[Any]]) -> Steps[Any]:
    """Ask an endpoint, in the forms that it is known to take.

    Args:
        endpoint: What tells it from others.
        label: Its name in messages to people.
        params: The request.
        ask_endpoint: The step that asks.
    """
    place = (endpoint, params.get("model"))
    learnt = _memory.get(place, ())
    known = len(learnt)
    for remedy, said in learnt:
        params = remedy.adapt(params, said)
    while True:
        try:
            answer = yield from ask_endpoint(params)
        except _api_status_error() as error:
            found = _remedy(error, params, learnt)
            if found is None:
                raise
            remedy, said, params = found
            learnt = (*learnt, (remedy, said))
            logger.info("%s refused a request, and is asked again: %s.", label, remedy.name)
        else:
            if len(learnt) > known:
                with _lock:
                    _memory[place] = learnt
            return answer


def reset_adaptations() -> None:
    """Ask all endpoints again as if nothing were known of them."""
    with _lock:
        _memory.clear()


def _remedy(error: Any, params: Params, tried: Learnt) -> tuple[Adaptation, str, Params] | None:
    if error.status_code not in STATUSES or error.code == "content_filter":
        return None
    said = f"{error.message}\n{error.body}"[:4000]  # apart: no pattern reaches from the one into the other
    used = [remedy for remedy, _ in tried]
    for remedy in ADAPTATIONS:
        if remedy not in used and remedy.refusal.search(said):
            adapted = remedy.adapt(params, said)
            if adapted != params:
                return remedy, said, adapted
    return None


def _api_status_error() -> Any:
    return sys.modules["openai"].APIStatusError  # loaded: an endpoint was asked
