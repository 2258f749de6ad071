"""Parameters of a request as an endpoint takes them: other names, bounds, what it refuses, what reasoning models refuse."""

from __future__ import annotations

import re
import threading
import warnings
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

Params = dict[str, Any]

_lock = threading.Lock()
_warned: set[str] = set()


def warn_once(text: str) -> None:
    """A `UserWarning`, the first time in this process."""
    with _lock:
        new = text not in _warned
        _warned.add(text)
    if new:
        warnings.warn(text, UserWarning, stacklevel=2)


@dataclass(frozen=True)
class Bound:
    """What a parameter may be.

    Attributes:
        low: The smallest value; None for no limit.
        high: The largest.
        otherwise: What is sent in the place of another value; None: nothing is.
        kind: The types of its values.
    """

    low: float | None = None
    high: float | None = None
    otherwise: Any = None
    kind: tuple[type, ...] = (int, float)

    def allows(self, value: Any) -> bool:
        """Whether a value is within it."""
        of_its_kind = any(isinstance(value, kind) for kind in self.kind)
        if not of_its_kind or (isinstance(value, bool) and bool not in self.kind):
            return False
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)

    def __str__(self) -> str:
        if self.low is None and self.high is None:
            return " or ".join(kind.__name__ for kind in self.kind)
        if self.low == self.high:
            return f"{self.low:g}"
        if self.high is None:
            return f"at least {self.low:g}"
        return f"{self.low:g} to {self.high:g}" if self.low is not None else f"at most {self.high:g}"


WHOLE = (int,)
USUAL: Mapping[str, Any] = {
    "temperature": 1,
    "top_p": 1,
    "presence_penalty": 0,
    "frequency_penalty": 0,
    "logprobs": False,
    "n": 1,
    "parallel_tool_calls": True,
    "store": False,
    "native_tool_calls": True,
    "response_validation": True,
}
"""What parameters are where nobody says anything."""


def rename_params(params: Params, names: Mapping[str, str]) -> Params:
    """The parameters under the endpoint's names. One that stands there under that name already comes first."""
    if not names.keys() & params.keys():
        return params
    own = {key: value for key, value in params.items() if key not in names}
    return {**{names[key]: value for key, value in params.items() if key in names}, **own}


def apply_bounds(params: Params, bounds: Mapping[str, Bound], whom: str) -> Params:
    """The parameters within their bounds; a warning tells what is sent in the place of one that is not."""
    result = dict(params)
    for name, bound in bounds.items():
        value = params.get(name)
        if value is None or bound.allows(value):
            continue
        sent = "it is not sent" if bound.otherwise is None else f"{bound.otherwise!r} is sent"
        warn_once(f"{whom}: {name} must be {bound}, not {value!r}: {sent}.")
        del result[name]
        if bound.otherwise is not None:
            result[name] = bound.otherwise
    return result


def drop_params(params: Params, refused: Collection[str], whom: str) -> Params:
    """The parameters without those that an endpoint refuses or ignores. A warning names those that change something."""
    gone = sorted(name for name in refused if params.get(name) is not None and params[name] != USUAL.get(name))
    if gone:
        warn_once(f"{whom} does not take {', '.join(gone)}: not sent.")
    return {key: value for key, value in params.items() if key not in refused}


def move_to_extra_body(params: Params, places: Mapping[str, tuple[str, ...]]) -> Params:
    """The parameters, with those that the SDK does not know in `extra_body`, which it sends as it is.

    Args:
        params: The parameters.
        places: For each such parameter, the path to it. What the user's own `extra_body` says comes first.
    """
    result = {key: value for key, value in params.items() if key not in places}
    body: Params = {}
    for name, path in places.items():
        if name in params:
            inner = body
            for step in path[:-1]:
                inner = inner.setdefault(step, {})
            inner[path[-1]] = params[name]
    if body:
        result["extra_body"] = _merged(body, params.get("extra_body") or {})
    return result


def _merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> Params:
    """Both, keys within keys too; the other's come first."""
    result = {**one, **other}
    for key in one.keys() & other.keys():
        if isinstance(one[key], Mapping) and isinstance(other[key], Mapping):
            result[key] = _merged(one[key], other[key])
    return result


def replace_functions_by_tools(params: Params) -> Params:
    """`tools` and `tool_choice` for `functions` and `function_call`, which stand for the same and are older."""
    if not {"functions", "function_call"} & params.keys():
        return params
    result = {key: value for key, value in params.items() if key not in ("functions", "function_call")}
    if params.get("functions"):
        tools = [{"type": "function", "function": function} for function in params["functions"]]
        result["tools"] = [*(params.get("tools") or ()), *tools]
    choice = params.get("function_call")
    if choice is not None and "tool_choice" not in result:
        named = isinstance(choice, Mapping) and {"type": "function", "function": {"name": choice.get("name")}}
        result["tool_choice"] = named or choice
    return result


TOOL_SETTINGS = ("tools", "tool_choice", "parallel_tool_calls")


@dataclass(frozen=True)
class ReasoningModels:
    """What a family of reasoning models wants.

    Attributes:
        names: A pattern of the models' names.
        refuses: The parameters that they don't take.
        unless_effort_is_none: Whether they take them while they don't reason; and they don't, unless they are told to.
        knows_system: Whether they take system messages.
    """

    names: re.Pattern[str]
    refuses: frozenset[str]
    unless_effort_is_none: bool = False
    knows_system: bool = True


_SAMPLING = frozenset(
    {"temperature", "top_p", "presence_penalty", "frequency_penalty", "logprobs", "top_logprobs", "logit_bias"}
)
_PREFIX = r"^(?:[\w.-]+/)?(?:ft:)?"
_END = r"(?![a-z0-9])"

REASONING_MODELS = (
    ReasoningModels(
        re.compile(rf"{_PREFIX}o1-(?:mini|preview){_END}"), _SAMPLING | {"parallel_tool_calls"}, knows_system=False
    ),
    ReasoningModels(re.compile(rf"{_PREFIX}o[134]{_END}"), _SAMPLING),
    ReasoningModels(re.compile(rf"{_PREFIX}gpt-5[.]\d+{_END}(?!.*-chat)"), _SAMPLING, unless_effort_is_none=True),
    ReasoningModels(re.compile(rf"{_PREFIX}gpt-5{_END}(?![.]\d)(?!.*-chat)"), _SAMPLING),
)
"""The first row that fits the model's name counts. Models under other names are found out by what they refuse."""


def find_reasoning_family(model: Any) -> ReasoningModels | None:
    """The family of a reasoning model; None for any other model."""
    return next((family for family in REASONING_MODELS if family.names.search(str(model))), None)


def adapt_to_reasoning(params: Params) -> Params:
    """The parameters as the model takes them, if it is one that reasons."""
    family = find_reasoning_family(params.get("model"))
    if family is None:
        return params
    params = use_max_completion_tokens(params)
    if family.unless_effort_is_none and params.get("reasoning_effort") in (None, "none"):
        return params
    return drop_params(params, family.refuses, f"The model {params.get('model')} reasons and")


def use_max_completion_tokens(params: Params) -> Params:
    """`max_completion_tokens` for `max_tokens`."""
    return rename_params(params, {"max_tokens": "max_completion_tokens"})
