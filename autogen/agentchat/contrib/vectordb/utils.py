"""Helpers for vector stores, under 0.2's names."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from ....formatting_utils import colored
from .base import QueryResults

__all__ = ["ColoredLogger", "chroma_results_to_query_results", "filter_results_by_distance", "get_logger"]


class ColoredLogger(logging.Logger):
    """A logger whose methods take a `color` as well.

    Args:
        name: Name of the logger.
        level: Its level.
    """

    def __init__(self, name: str, level: int = logging.NOTSET) -> None:
        super().__init__(name, level)

    def debug(self, msg: object, *args: Any, color: str | None = None, **kwargs: Any) -> None:
        """Log a message for developers; see `info`."""
        super().debug(_colour(msg, color), *args, **_skip_frame(kwargs))

    def info(self, msg: object, *args: Any, color: str | None = None, **kwargs: Any) -> None:
        """Log a message.

        Args:
            msg: The message, with placeholders for `args`.
            *args: Its parts.
            color: Its colour, None for none.
            **kwargs: Further arguments of `logging.Logger.log`.
        """
        super().info(_colour(msg, color), *args, **_skip_frame(kwargs))

    def warning(self, msg: object, *args: Any, color: str | None = "yellow", **kwargs: Any) -> None:
        """Log a warning; see `info`."""
        super().warning(_colour(msg, color), *args, **_skip_frame(kwargs))

    def error(self, msg: object, *args: Any, color: str | None = "light_red", **kwargs: Any) -> None:
        """Log an error; see `info`."""
        super().error(_colour(msg, color), *args, **_skip_frame(kwargs))

    def critical(self, msg: object, *args: Any, color: str | None = "red", **kwargs: Any) -> None:
        """Log a failure that ends the program; see `info`."""
        super().critical(_colour(msg, color), *args, **_skip_frame(kwargs))

    def fatal(self, msg: object, *args: Any, color: str | None = "red", **kwargs: Any) -> None:
        """Log a failure that ends the program; see `info`."""
        super().critical(_colour(msg, color), *args, **_skip_frame(kwargs))


def _colour(message: object, color: str | None) -> object:
    return message if color is None else colored(message, color)


def _skip_frame(kwargs: dict[str, Any]) -> dict[str, Any]:
    """Make the record name the line of the caller instead of this module."""
    return {**kwargs, "stacklevel": kwargs.get("stacklevel", 1) + 1}


def get_logger(name: str, level: int = logging.INFO) -> ColoredLogger:
    """Return a logger whose methods take a `color`.

    Args:
        name: Name of the logger. Its records go to the handlers of the logger of this name.
        level: Its level.
    """
    logger = ColoredLogger(name, level)
    logger.parent = logging.getLogger(name)
    return logger


def filter_results_by_distance(results: QueryResults, distance_threshold: float = -1) -> QueryResults:
    """Return the results that are nearer than a threshold.

    Args:
        results: The results of each query.
        distance_threshold: The distance. Zero or less for no limit.
    """
    if distance_threshold <= 0:
        return results
    return [[result for result in row if result[1] < distance_threshold] for row in results]


def chroma_results_to_query_results(data_dict: Mapping[str, Any], special_key: str = "distances") -> QueryResults:
    """Return the results of a query to Chroma as pairs of documents and distances.

    Args:
        data_dict: Lists of values for each query, by the plurals of their names. A document gets the singulars.
        special_key: Name of the values that are paired with the documents.

    >>> chroma_results_to_query_results({"ids": [["a", "b"]], "uris": None, "distances": [[0.1, 0.2]]})
    [[({'id': 'a'}, 0.1), ({'id': 'b'}, 0.2)]]
    """
    fields = {key[:-1]: values for key, values in data_dict.items() if key != special_key and _is_table(values)}
    results: QueryResults = []
    for row, specials in enumerate(data_dict[special_key]):
        documents: list[Any] = [
            {key: values[row][column] for key, values in fields.items()} for column in range(len(specials))
        ]
        results.append(list(zip(documents, specials, strict=True)))
    return results


def _is_table(values: object) -> bool:
    """Return True for lists of lists. Newer versions of Chroma add a plain list of the fields that were asked for."""
    return isinstance(values, Sequence) and not isinstance(values, str) and not any(isinstance(row, str) for row in values)
