"""Results of the classic API: the texts of responses, and metrics over many of them."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypedDict, cast

from ...types import ChatMessage

Aggregate = Callable[[list[Any]], object]


class _Choice(TypedDict, total=False):
    message: ChatMessage
    text: str


def get_texts(response: Mapping[str, object]) -> list[str]:
    """Return the text of each choice; an empty text where there is none."""
    return [_get_text(choice) or "" for choice in cast("list[_Choice]", response["choices"])]


def get_texts_or_calls(response: Mapping[str, object]) -> list[str | ChatMessage | None]:
    """Return the text of each choice, or its message if that has calls."""
    return [_get_call(choice) or _get_text(choice) for choice in cast("list[_Choice]", response["choices"])]


def _get_text(choice: _Choice) -> str | None:
    return choice["text"] if "text" in choice else cast("str | None", choice["message"].get("content"))


def _get_call(choice: _Choice) -> ChatMessage | None:
    message = choice.get("message")
    return message if message and (message.get("function_call") or message.get("tool_calls")) else None


def get_numeric_metrics(metrics: Mapping[str, object]) -> list[str]:
    """Return the names of the metrics that are numbers, or texts of numbers."""
    return [name for name, value in metrics.items() if _is_number(value)]


def _is_number(value: object) -> bool:
    try:
        float(cast("float", value))
    except (TypeError, ValueError):
        return False
    return True


def aggregate_metrics(results: Sequence[Mapping[str, object]], method: object) -> dict[str, object]:
    """Aggregate each numeric metric of the first result over all results.

    Args:
        results: The metrics of each instance.
        method: `"avg"`, `"average"`, `"median"`, a function of the list of values, or a dict of such functions by metric.
            A dict leaves out the metrics that it doesn't have.

    Raises:
        AssertionError: if a dict has something other than functions.
        ValueError: if `method` is something else.
    """
    # All instances have the metrics of the first, because one function evaluates them.
    names = get_numeric_metrics(results[0])
    functions = _select_functions(names, method)
    return {name: functions[name]([result[name] for result in results]) for name in names if name in functions}


def _select_functions(names: list[str], method: object) -> Mapping[str, Aggregate]:
    if method in ("avg", "average"):
        return dict.fromkeys(names, _compute_mean)
    if method == "median":
        return dict.fromkeys(names, _compute_median)
    if callable(method):
        return dict.fromkeys(names, method)
    if not isinstance(method, dict):
        raise ValueError(
            f"agg_method must be 'avg', 'median', a function, or a dict of functions by metric, got {method!r}."
        )
    for name, function in method.items():
        assert callable(function), f"agg_method[{name!r}] must be a function, got {function!r}."
    return method


def _compute_mean(values: Sequence[float | str]) -> float:
    # The values may be texts of numbers.
    return statistics.fmean(float(value) for value in values)


def _compute_median(values: Sequence[float | str]) -> float:
    return statistics.median(float(value) for value in values)
