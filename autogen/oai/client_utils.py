"""Helpers for model clients: validation of parameters, hiding of tools, and a log format."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from .._functions.offers import get_offer_name

__all__ = ["logger_formatter", "should_hide_tools", "validate_parameter"]

logger_formatter = logging.Formatter("[%(name)s: %(asctime)s] {%(lineno)d} %(levelname)s - %(message)s", "%m-%d %H:%M:%S")


def validate_parameter(
    params: Mapping[str, Any],
    param_name: str,
    allowed_types: type | tuple[type, ...],
    allow_None: bool,
    default_value: object,
    numerical_bound: tuple[float | None, float | None] | None,
    allowed_values: list[Any] | None,
) -> Any:
    """Return a parameter of a request if it is valid, else its default, with a warning.

    Args:
        params: The parameters.
        param_name: The name of the parameter.
        allowed_types: The types that it may have.
        allow_None: Whether it may be None.
        default_value: The value if it is missing or invalid.
        numerical_bound: The lowest and the highest number, both valid; None for no limit.
        allowed_values: The only valid values; None for no restriction. Ignored if there is a bound.

    Raises:
        TypeError: if `allowed_values` is neither a list nor None.

    >>> validate_parameter({"temperature": 0.3}, "temperature", (int, float), False, 1.0, (0, 2), None)
    0.3
    """
    if allowed_values is not None and not isinstance(allowed_values, list):
        raise TypeError(f"allowed_values must be a list or None, got {type(allowed_values).__name__}.")
    value: Any = params.get(param_name, default_value)
    if value is None:
        problem = None if allow_None else "must not be None"
    elif not isinstance(value, allowed_types):
        kinds = allowed_types if isinstance(allowed_types, tuple) else (allowed_types,)
        problem = f"must be of type {' or '.join(kind.__name__ for kind in kinds)}, got {type(value).__name__}"
    elif numerical_bound:
        problem = _describe_bounds(value, *numerical_bound)
    elif allowed_values:
        problem = None if value in allowed_values else f"must be one of {allowed_values}"
    else:
        problem = None
    if problem is None:
        return value
    text = f"The parameter {param_name!r} {problem}. Using its default: {default_value!r}."
    warnings.warn(text, UserWarning, stacklevel=2)
    return default_value


def _describe_bounds(value: Any, low: float | None, high: float | None) -> str | None:
    """Return the limits in words if the value is outside of them, else None."""
    # Written so that NaN, which compares as False, is outside of all bounds.
    if (low is None or value >= low) and (high is None or value <= high):
        return None
    limits = [f"at least {low}" if low is not None else "", f"at most {high}" if high is not None else ""]
    return f"must be {' and '.join(filter(None, limits))}"


def should_hide_tools(
    messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]], hide_tools_param: str
) -> bool:
    """Return True if the model should not be offered its tools any more.

    Args:
        messages: The chat so far.
        tools: The tools of the request.
        hide_tools_param: `never`; `if_any_run` to hide them after one of them has run; `if_all_run` after each has run.

    Raises:
        TypeError: if `hide_tools_param` has another value.
    """
    if hide_tools_param == "never" or not tools:
        return False
    if hide_tools_param == "if_any_run":
        return any("tool_call_id" in message for message in messages)
    if hide_tools_param == "if_all_run":
        return {get_offer_name(tool) for tool in tools if "function" in tool} <= _list_executed_tools(messages)
    raise TypeError(f"hide_tools must be 'never', 'if_any_run' or 'if_all_run', got {hide_tools_param!r}.")


def _list_executed_tools(messages: Sequence[Mapping[str, Any]]) -> set[str]:
    names: dict[str, str] = {}
    executed = set()
    for message in messages:
        for call in message.get("tool_calls") or ():
            names[call["id"]] = call["function"]["name"]
        if message.get("tool_call_id") in names:
            executed.add(names[message["tool_call_id"]])
    return executed
