"""Small helpers for clients of models: checked parameters, tools that are hidden once they ran, the form of a log line."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["logger_formatter", "should_hide_tools", "validate_parameter"]

logger_formatter = logging.Formatter("[%(name)s: %(asctime)s] {%(lineno)d} %(levelname)s - %(message)s", "%m-%d %H:%M:%S")


def validate_parameter(
    params: Mapping[str, Any],
    param_name: str,
    allowed_types: type | tuple[type, ...],
    allow_None: bool,
    default_value: Any,
    numerical_bound: tuple[float | None, float | None] | None,
    allowed_values: list[Any] | None,
) -> Any:
    """A parameter of a request if it is possible; otherwise its default, with a warning.

    Args:
        params: The parameters.
        param_name: Which of them.
        allowed_types: What it may be.
        allow_None: Whether it may be None too.
        default_value: Its value where it is missing or not possible.
        numerical_bound: The lowest and the highest number, both possible; None for no limit.
        allowed_values: The only possible values. Not looked at if there is a bound.

    Raises:
        TypeError: `allowed_values` is neither a list nor None.

    >>> validate_parameter({"temperature": 0.3}, "temperature", (int, float), False, 1.0, (0, 2), None)
    0.3
    """
    if allowed_values is not None and not isinstance(allowed_values, list):
        raise TypeError(f"allowed_values must be a list or None, not {type(allowed_values).__name__}.")
    value = params.get(param_name, default_value)
    if value is None:
        wrong = None if allow_None else "must not be None"
    elif not isinstance(value, allowed_types):
        kinds = allowed_types if isinstance(allowed_types, tuple) else (allowed_types,)
        wrong = f"must be of type {' or '.join(kind.__name__ for kind in kinds)}, not {type(value).__name__}"
    elif numerical_bound:
        wrong = _out_of_bounds(value, *numerical_bound)
    elif allowed_values:
        wrong = None if value in allowed_values else f"must be one of {allowed_values}"
    else:
        wrong = None
    if wrong is None:
        return value
    warnings.warn(
        f"The parameter {param_name!r} {wrong}. Its default is used: {default_value!r}.", UserWarning, stacklevel=2
    )
    return default_value


def _out_of_bounds(value: Any, low: float | None, high: float | None) -> str | None:
    inside = (low is None or value >= low) and (high is None or value <= high)  # NaN is in no bounds
    if inside:
        return None
    limits = [f"at least {low}" if low is not None else "", f"at most {high}" if high is not None else ""]
    return f"must be {' and '.join(filter(None, limits))}"


def should_hide_tools(
    messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]], hide_tools_param: str
) -> bool:
    """Whether a model should not be shown its tools any more.

    Args:
        messages: The chat so far.
        tools: The tools of the request.
        hide_tools_param: `never`; `if_any_run`: once one of them ran; `if_all_run`: once each of them did.

    Raises:
        TypeError: It is none of the three.
    """
    if hide_tools_param == "never" or not tools:
        return False
    if hide_tools_param == "if_any_run":
        return any("tool_call_id" in message for message in messages)
    if hide_tools_param == "if_all_run":
        return {tool["function"]["name"] for tool in tools} <= _names_of_tools_that_ran(messages)
    raise TypeError(f"hide_tools must be 'never', 'if_any_run' or 'if_all_run', not {hide_tools_param!r}.")


def _names_of_tools_that_ran(messages: Sequence[Mapping[str, Any]]) -> set[str]:
    asked: dict[str, str] = {}
    ran = set()
    for message in messages:
        for call in message.get("tool_calls") or ():
            asked[call["id"]] = call["function"]["name"]
        if message.get("tool_call_id") in asked:
            ran.add(asked[message["tool_call_id"]])
    return ran
