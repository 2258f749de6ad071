"""Metrics of a config over data: what `Completion.test` computes from the answers."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Aggregate = Callable[[list[Any]], Any]


def numeric(metrics: Mapping[str, Any]) -> list[str]:
    """The names of the metrics that are numbers, or can be read as one."""
    return [name for name, value in metrics.items() if _is_number(value)]


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def aggregated(results: Sequence[Mapping[str, Any]], method: Any) -> dict[str, Any]:
    """One value for each numeric metric of the first result.

    Args:
        results: The metrics of each instance.
        method: `"avg"`, `"average"`, `"median"`, a function from the values to one, or a dict of such functions by metric;
            what a dict does not name is left out.

    Raises:
        AssertionError: A dict has something else than functions.
        ValueError: It is none of these.
    """
    names = numeric(results[0])
    how = _functions(names, method)
    return {name: how[name]([result[name] for result in results]) for name in names if name in how}


def _functions(names: list[str], method: Any) -> Mapping[str, Aggregate]:
    if method in ("avg", "average"):
        return dict.fromkeys(names, _mean)
    if method == "median":
        return dict.fromkeys(names, _median)
    if callable(method):
        return dict.fromkeys(names, method)
    if not isinstance(method, dict):
        raise ValueError(f"agg_method is 'avg', 'median', a function, or a dict of functions by metric, not {method!r}.")
    for name, function in method.items():
        assert callable(function), f"agg_method[{name!r}] must be a function, not {function!r}."
    return method


def _mean(values: list[Any]) -> float:
    return statistics.fmean(float(value) for value in values)


def _median(values: list[Any]) -> float:
    return statistics.median(float(value) for value in values)
