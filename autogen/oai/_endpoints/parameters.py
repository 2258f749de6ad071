"""Parameters of a request in the form an endpoint takes: names, bounds, refused parameters, reasoning models."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from ..._models.abilities import Abilities
from .._once import warn_once

Params = dict[str, Any]
"""Parameters of a request: keyword arguments for the SDK."""


@dataclass(frozen=True)
class Bound:
    """The values that a parameter may have.

    Attributes:
        low: The smallest value; None for no limit.
        high: The largest value; None for no limit.
        otherwise: The value sent in place of a value that is not allowed; None to send nothing.
        kind: The types that a value may have. A bool is allowed only if `bool` is among them.
    """

    low: float | None = None
    high: float | None = None
    otherwise: object = None
    kind: tuple[type, ...] = (int, float)

    def allows(self, value: Any) -> bool:
        """Return True if the value has an allowed type and lies within the limits."""
        # A bool is an int to `isinstance`, but not to an endpoint.
        has_kind = isinstance(value, self.kind) and (bool in self.kind or type(value) is not bool)
        if not has_kind:
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
DEFAULTS: Mapping[str, object] = {
    "temperature": 1,
    "top_p": 1,
    "presence_penalty": 0,
    "frequency_penalty": 0,
    "logprobs": False,
    "n": 1,
    "parallel_tool_calls": True,
    "store": False,
    "response_validation": True,
}
"""Values that endpoints assume: leaving one of them out changes nothing and needs no warning."""


def rename_params(params: Params, names: Mapping[str, str]) -> Params:
    """Rename parameters to the endpoint's names. If both names are present, the endpoint's wins."""
    if not names.keys() & params.keys():
        return params
    unchanged = {key: value for key, value in params.items() if key not in names}
    return {**{names[key]: value for key, value in params.items() if key in names}, **unchanged}


def apply_bounds(params: Params, bounds: Mapping[str, Bound], label: str) -> Params:
    """Replace or drop values that are not allowed, with a warning.

    Args:
        params: The parameters, which stay as they are.
        bounds: The allowed values by parameter. None is always allowed.
        label: The endpoint's name in the warning.
    """
    result = dict(params)
    for name, bound in bounds.items():
        # None stands for the endpoint's default.
        value = params.get(name)
        if value is None or bound.allows(value):
            continue
        consequence = "not sent" if bound.otherwise is None else f"sending {bound.otherwise!r}"
        warn_once(f"{label}: {name} must be {bound}, got {value!r}: {consequence}.")
        del result[name]
        if bound.otherwise is not None:
            result[name] = bound.otherwise
    return result


def drop_params(params: Params, refused: Collection[str], label: str) -> Params:
    """Drop parameters that an endpoint refuses or ignores, with a warning if their values differ from the defaults.

    Args:
        params: The parameters, which stay as they are.
        refused: The names of parameters to drop.
        label: The endpoint's name in the warning.
    """
    dropped = sorted(name for name in refused if params.get(name) is not None and params[name] != DEFAULTS.get(name))
    if dropped:
        warn_once(f"{label} does not take {', '.join(dropped)}: not sent.")
    return {key: value for key, value in params.items() if key not in refused}


def move_to_extra_body(params: Params, paths: Mapping[str, tuple[str, ...]]) -> Params:
    """Move parameters that the SDK does not know to `extra_body`, which it sends unchanged.

    Args:
        params: The parameters, which stay as they are.
        paths: For each such parameter its path in the body. Values of the user's own `extra_body` win.
    """
    result = {key: value for key, value in params.items() if key not in paths}
    body: Params = {}
    for name, path in paths.items():
        if name in params:
            parent = body
            for step in path[:-1]:
                parent = parent.setdefault(step, {})
            parent[path[-1]] = params[name]
    if body:
        result["extra_body"] = _merge(body, params.get("extra_body") or {})
    return result


def _merge(base: Mapping[str, object], overrides: Mapping[str, object]) -> Params:
    """Merge nested mappings; `overrides` win."""
    result: Params = {**base, **overrides}
    for key in base.keys() & overrides.keys():
        inner, override = base[key], overrides[key]
        if isinstance(inner, Mapping) and isinstance(override, Mapping):
            result[key] = _merge(inner, override)
    return result


def replace_functions_by_tools(params: Params) -> Params:
    """Replace `functions` and `function_call` by `tools` and `tool_choice`, which superseded them."""
    if not {"functions", "function_call"} & params.keys():
        return params
    result = {key: value for key, value in params.items() if key not in ("functions", "function_call")}
    if params.get("functions"):
        tools = [{"type": "function", "function": function} for function in params["functions"]]
        result["tools"] = [*(params.get("tools") or ()), *tools]
    choice = params.get("function_call")
    if choice is not None and "tool_choice" not in result:
        # A mapping names a function; "auto" and "none" mean the same for both.
        is_named = isinstance(choice, Mapping)
        result["tool_choice"] = {"type": "function", "function": {"name": choice.get("name")}} if is_named else choice
    return result


TOOL_SETTINGS = ("tools", "tool_choice", "parallel_tool_calls")


_SAMPLING = frozenset(
    {"temperature", "top_p", "presence_penalty", "frequency_penalty", "logprobs", "top_logprobs", "logit_bias"}
)


def adapt_to_abilities(params: Params, abilities: Abilities) -> Params:
    """Rename and drop parameters that a model is known to refuse. Models under other names are adapted to after a refusal.

    Args:
        params: The parameters, which stay as they are.
        abilities: Abilities of the model.
    """
    model = params.get("model")
    if abilities.tools is False and params.get("tools"):
        warn_once(f"The model {model} calls no tools: they are not sent.")
        params = {key: value for key, value in params.items() if key not in TOOL_SETTINGS}
    params = ask_for_call(params, abilities)
    # The names of parameters that OpenAI's reasoning models have, also elsewhere.
    if abilities.thinking_form != "effort":
        return params
    params = use_max_completion_tokens(params)
    if abilities.parallel_tools is False:
        params = drop_params(params, {"parallel_tool_calls"}, f"The model {model}")
    does_not_think = params.get("reasoning_effort") in (None, "none")
    if abilities.sampling is False or (abilities.sampling == "without_effort" and not does_not_think):
        return drop_params(params, _SAMPLING, f"The model {model} reasons and")
    return params


def ask_for_call(params: Params, abilities: Abilities) -> Params:
    """Ask in words for a call that the parameters demand, if the model decides for itself whether it calls a tool.

    Args:
        params: The parameters, which stay as they are.
        abilities: Abilities of the model.
    """
    choice, messages = params.get("tool_choice"), params.get("messages")
    is_demand = isinstance(choice, Mapping) or choice in ("required", "any")
    if abilities.tool_choice not in ("none", "auto") or not (is_demand and messages and params.get("tools")):
        return params
    function = choice.get("function") if isinstance(choice, Mapping) else None
    name = function.get("name") if isinstance(function, Mapping) else None
    demand = f"Call the tool {name} now." if name else "Call one of the tools now."
    rest = {key: value for key, value in params.items() if key != "tool_choice"}
    return {**rest, "messages": [*messages, {"role": "user", "content": demand}]}


def use_max_completion_tokens(params: Params) -> Params:
    """Rename `max_tokens` to `max_completion_tokens`."""
    return rename_params(params, {"max_tokens": "max_completion_tokens"})
