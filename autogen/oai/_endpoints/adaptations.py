"""Learning from refusals: a request that an endpoint refuses is adapted to the error message and sent again.

Adaptations that helped are remembered per endpoint and model for the life of the process.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, TypeVar

from ..._steps import Steps
from .._once import log_once
from .._protocols.protocol import Adaptation, make_adaptation
from .message_forms import (
    Form,
    convert_developer_to_system,
    convert_late_system_to_user,
    convert_system_to_user,
    describe_response_format,
    ensure_alternation,
    ensure_user_last,
    fill_missing_content,
    insert_tool_acknowledgements,
    join_text_parts,
    keep_thinking_beside_calls,
    remove_names,
    remove_nulls,
    remove_thinking,
    render_calls_as_text,
    replace_blanks,
    shorten_call_ids,
    sign_calls,
)
from .parameters import Params, drop_params, rename_params, use_max_completion_tokens
from .tool_schemas import drop_large_limits, simplify_tools

if TYPE_CHECKING:
    import openai

T = TypeVar("T")

logger = logging.getLogger("autogen.oai.client")

# Some servers respond with 500 where a chat template rejects the messages.
STATUSES = (400, 422, 500)
OPTIONAL = (
    *("temperature", "top_p", "presence_penalty", "frequency_penalty", "logit_bias", "logprobs", "top_logprobs", "seed"),
    *("stream_options", "parallel_tool_calls", "user", "store", "metadata", "service_tier", "reasoning_effort", "stop"),
)
"""Parameters that may be dropped: the request still means about the same."""


_THINKING_BUDGET = 4096


def _change_messages(name: str, refusal: str, *forms: Form) -> Adaptation:
    def adapt(params: Params, error_text: str) -> Params:
        messages = params.get("messages") or []
        for form in forms:
            messages = form(messages)
        return {**params, "messages": messages} if messages else params

    return make_adaptation(name, refusal, adapt)


def _drop_quoted_params(params: Params, error_text: str) -> Params:
    # Some vendors put names as their own SDKs have them: reasoningEffort.
    words = {name: rf"\b{name.replace('_', '_?')}\b" for name in OPTIONAL if name in params}
    quoted = [name for name, word in words.items() if re.search(word, error_text, re.IGNORECASE)]
    return drop_params(params, quoted, f"The endpoint of {params.get('model')}") if quoted else params


def _simplify_tools(params: Params, error_text: str) -> Params:
    return {**params, "tools": simplify_tools(params["tools"])} if params.get("tools") else params


def _drop_large_limits(params: Params, error_text: str) -> Params:
    return {**params, "tools": drop_large_limits(params["tools"])} if params.get("tools") else params


def _use_max_tokens(params: Params, error_text: str) -> Params:
    return rename_params(params, {"max_completion_tokens": "max_tokens"})


def _describe_response_format(params: Params, error_text: str) -> Params:
    if not params.get("response_format"):
        return params
    messages = describe_response_format(params["messages"], params["response_format"])
    return {**{key: value for key, value in params.items() if key != "response_format"}, "messages": messages}


def _require_tool(params: Params, error_text: str) -> Params:
    """Require the only tool of the request in place of a named one, where servers know no names."""
    choice = params.get("tool_choice")
    if not isinstance(choice, dict):
        return params
    name = (choice.get("function") or {}).get("name")
    tools = [tool for tool in params.get("tools") or () if tool.get("function", {}).get("name") == name]
    return {**params, "tools": tools, "tool_choice": "required"} if tools else params


def _free_tool_choice(params: Params, error_text: str) -> Params:
    # Models that think choose for themselves.
    return {**params, "tool_choice": "auto"} if params.get("tool_choice") not in (None, "auto", "none") else params


def _disable_thinking(params: Params, error_text: str) -> Params:
    return {**params, "extra_body": {**(params.get("extra_body") or {}), "enable_thinking": False}}


def _limit_thinking(params: Params, error_text: str) -> Params:
    return {**params, "extra_body": {**(params.get("extra_body") or {}), "thinking_budget": _THINKING_BUDGET}}


def _replace_pictures(params: Params, error_text: str) -> Params:
    """Replace pictures by the word `<image>`."""
    messages = []
    for message in params.get("messages") or ():
        parts = message.get("content")
        if isinstance(parts, list) and any(part.get("type") == "image_url" for part in parts):
            parts = [{"type": "text", "text": "<image>"} if part.get("type") == "image_url" else part for part in parts]
            is_text = all(part.get("type") == "text" for part in parts)
            message = {**message, "content": "".join(part["text"] for part in parts) if is_text else parts}
        messages.append(message)
    if messages == params.get("messages"):
        return params
    log_once(f"The endpoint of {params.get('model')} takes no pictures: it gets the word <image> instead.")
    return {**params, "messages": messages}


def _render_calls(params: Params, error_text: str) -> Params:
    return params if params.get("tools") else {**params, "messages": render_calls_as_text(params["messages"])}


# Words of error messages, as vendors and servers put them. The gaps in the patterns below are short, so that the words
# belong to one sentence.
_NOT = (
    r"(?:not (?:\w+ )?(?:support|permit|allow|accept|recogni[sz]e|match)"
    r"|unsupported|unexpected|unknown|unrecognized|extra|invalid)"
)
_EMPTY = r"(?:null|none|nil|empty|blank|missing|required|non-empty|valid string|should be a valid|must be a string)"
_UNKNOWN = r"(?:not (?:\w+ )?support|unsupported|unavailable|unknown|unrecogni[sz]ed|extra)"

ADAPTATIONS = (
    _change_messages(
        "thinking beside calls only",
        r"missing.{0,20}reasoning_content|reasoning_content.{0,60}(?:must be passed|missing|required)",
        keep_thinking_beside_calls,
    ),
    _change_messages(
        "no thinking in the history",
        rf"both content and thinking|(?:reasoning(?:_content|_details)?|thinking_blocks)\b.{{0,60}}{_NOT}"
        rf"|{_NOT}.{{0,60}}\b(?:reasoning(?:_content|_details)?|thinking_blocks)\b",
        remove_thinking,
    ),
    _change_messages("stand-ins for signatures", r"thought_?signature", sign_calls),
    make_adaptation("no large limits in schemas of tools", r"failed to initialize samplers|repetitions", _drop_large_limits),
    make_adaptation(
        "describe the response format in a system message",
        rf"(?:response_format|json_schema).{{0,60}}{_UNKNOWN}|{_UNKNOWN}.{{0,60}}(?:response_format|json_schema)"
        r"|response_format.{0,20}must be|failed to initialize samplers|grammar (?:constraints )?with tools",
        _describe_response_format,
    ),
    make_adaptation(
        "max_completion_tokens for max_tokens",
        rf"{_NOT}.{{0,40}}\bmax_tokens\b|use '?max_completion_tokens",
        lambda params, error_text: use_max_completion_tokens(params),
    ),
    make_adaptation("max_tokens for max_completion_tokens", rf"{_NOT}.{{0,60}}max_completion_tokens", _use_max_tokens),
    _change_messages(
        "remove names or move them to the text", rf"\bname\b.{{0,80}}{_NOT}|{_NOT}.{{0,80}}\bname\b", remove_names
    ),
    _change_messages(
        "system for developer", rf"\bdeveloper\b.{{0,80}}{_NOT}|{_NOT}.{{0,80}}\bdeveloper\b", convert_developer_to_system
    ),
    _change_messages(
        "no system messages",
        rf"system[`'\"]? (?:role|message|prompt|instruction)s?.{{0,30}}{_NOT}|{_NOT}.{{0,30}}['`\"]system",
        convert_system_to_user,
        ensure_alternation,
    ),
    _change_messages(
        "system messages at the start only",
        r"system.{0,60}(?:begin|first|start|precede|after role)",
        convert_late_system_to_user,
    ),
    _change_messages("an assistant's turn after tools", r"'user' after role '?tool", insert_tool_acknowledgements),
    _change_messages(
        "alternating user and assistant",
        r"alternat|consecutive|after role|immediately after|in a row|first (?:message|turn|content).{0,30}user",
        convert_late_system_to_user,
        ensure_alternation,
    ),
    _change_messages(
        "the user's turn last",
        r"last (?:message|role|turn|content).{0,60}(?:user|assistant)|(?:end|finish)\w* with an? (?:user|'user')|prefill",
        ensure_user_last,
    ),
    _change_messages("short call ids", r"tool call id.{0,80}(?:must be|length|a-z)", shorten_call_ids),
    # Not for a picture that is damaged or too large, which is a mistake of this request alone.
    make_adaptation(
        "words in place of pictures",
        r"images?(?:_urls?)?\W{0,3}(?:inputs?|content)?\W{0,3}(?:is|are)? ?(?:not|only) (?:\w+ )?support"
        r"|(?:not|n't) support (?:\w+ ){0,2}(?:image|vision|multi-?modal)|unknown variant \W?image_url"
        r"|not (?:a |an )?(?:vision|multi-?modal)",
        _replace_pictures,
    ),
    _change_messages(
        "text in one piece", r"sequence, expected|content.{0,60}(?:be a string|valid string|array|list)", join_text_parts
    ),
    _change_messages(
        "no nulls",
        rf"content.{{0,80}}{_EMPTY}|{_EMPTY}.{{0,80}}content|\bnull\b|<nil>",
        remove_nulls,
        fill_missing_content,
    ),
    _change_messages("no blanks", rf"content.{{0,80}}{_EMPTY}|{_EMPTY}.{{0,80}}content", replace_blanks),
    make_adaptation(
        "calls as text",
        r"(?:must|should) (?:be )?define.{0,20}tools|toolConfig|`?tools`?=?`? (?:param|must|field|is required)",
        _render_calls,
    ),
    make_adaptation(
        "simpler tool schemas",
        r"any_?of|\$defs|\$ref|additional_?properties|prefix_?items|exclusive_?m(?:in|ax)imum|non-empty for object"
        r"|only allowed for string|items: missing|type: must be specified|unknown name.{0,6}(?:default|title|const)",
        _simplify_tools,
    ),
    make_adaptation("a required tool", r"tool_choice.{0,30}object", _require_tool),
    make_adaptation("the model's own choice of tools", r"tool_choice", _free_tool_choice),
    make_adaptation("a budget of thinking", r"thinking_budget.{0,40}must be", _limit_thinking),
    make_adaptation("no thinking without a stream", r"enable_thinking.{0,20} must be (?:set to )?false", _disable_thinking),
    make_adaptation(
        "drop parameters", rf"{_NOT}|only the default|\breasoning_effort\b.{{0,40}}must be", _drop_quoted_params
    ),
)
"""Adaptations in the order in which they are tried, each once per request. Those that change nothing are skipped."""

History = tuple[tuple[Adaptation, str], ...]
"""Adaptations that were applied, each with the error message that called for it."""

_lock = threading.Lock()
_learned: dict[Hashable, History] = {}


def call_with_adaptations(
    endpoint: Hashable,
    label: str,
    params: Params,
    send_request: Callable[[Params], Steps[T]],
    adaptations: Sequence[Adaptation] | None = None,
) -> Steps[T]:
    """Send a request with the adaptations that the endpoint is known to need, and learn new ones from refusals.

    Args:
        endpoint: The identity of the endpoint.
        label: The endpoint's name in the log.
        params: The request, which stays as it is.
        send_request: The step that sends a request.
        adaptations: The known adaptations; by default those for chat completions.

    Raises:
        openai.APIStatusError: if the endpoint refuses and no adaptation is left that changes the request.
    """
    key = (endpoint, params.get("model"))
    history = _learned.get(key, ())
    remembered = len(history)
    # Each adaptation needs the message that it was learned from, because some read names of parameters from it.
    for adaptation, error_text in history:
        params = adaptation.adapt(params, error_text)
    while True:
        try:
            response = yield from send_request(params)
        except _get_status_error() as error:
            adapted = _adapt_to_error(error, params, history, ADAPTATIONS if adaptations is None else adaptations)
            if adapted is None:
                raise
            adaptation, error_text, params = adapted
            history = (*history, (adaptation, error_text))
            logger.info("%s refused a request, retrying with an adaptation: %s.", label, adaptation.name)
        else:
            # Only now is it certain that the adaptations helped.
            if len(history) > remembered:
                with _lock:
                    _learned[key] = tuple(entry for entry in history if entry[0].is_remembered)
            return response


def reset_adaptations() -> None:
    """Forget all adaptations that were learned."""
    with _lock:
        _learned.clear()


def _adapt_to_error(
    error: openai.APIStatusError, params: Params, history: History, adaptations: Sequence[Adaptation]
) -> tuple[Adaptation, str, Params] | None:
    # A content filter refuses the text of the request, which no other form of it changes.
    # What a vendor stores is gone some day: the protocols of vendors have adaptations for this.
    statuses = STATUSES if adaptations is ADAPTATIONS else (*STATUSES, 404)
    if error.status_code not in statuses or error.code == "content_filter":
        return None
    # The line break keeps patterns from matching across message and body.
    error_text = f"{error.message}\n{error.body}"[:4000]
    applied = [adaptation for adaptation, _ in history]
    for adaptation in adaptations:
        if adaptation not in applied and adaptation.refusal.search(error_text):
            adapted = adaptation.adapt(params, error_text)
            if adapted != params:
                return adaptation, error_text, adapted
    return None


def _get_status_error() -> type[openai.APIStatusError]:
    # A request was sent, so the SDK is loaded.
    return sys.modules["openai"].APIStatusError  # type: ignore[no-any-return]
