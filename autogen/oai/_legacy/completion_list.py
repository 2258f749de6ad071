"""Several configs, of which each is the fallback of the one before, the classic way."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from .completion_answer import Answer

logger = logging.getLogger("autogen.oai.completion")

Ask = Callable[[dict[str, Any], bool], "Answer | int"]
"""Asks by one config; the second argument says whether a rate limit or a timeout raises."""


def ask_in_turn(
    ask: Ask,
    config: dict[str, Any],
    config_list: list[dict[str, Any]],
    accepts: Callable[[Answer], bool] | None,
    raise_on_timeout: bool,
) -> Answer | int:
    """Ask by one config after the other, until there is an answer that is accepted.

    Args:
        ask: Asks by one.
        config: What all of them share; an entry overrides it.
        config_list: The entries.
        accepts: Whether an answer is good enough; the last one is returned anyway.
        raise_on_timeout: Whether a rate limit or a timeout of the last one raises.

    Returns:
        The answer, with `config_id`, `pass_filter` and the cost of the rejected ones added; or -1.

    Raises:
        openai.APIError: The last config failed, or the content was filtered.
    """
    import openai

    last, spent = len(config_list) - 1, 0.0
    for index, entry in enumerate(config_list):
        hurried = {"max_retry_period": 0} if index < last and accepts is None else {}
        try:
            answer = ask({**hurried, **config, **entry}, index < last or raise_on_timeout)
        except (openai.APIError, TimeoutError) as error:
            if index == last or getattr(error, "code", None) == "content_filter":
                raise
            logger.info("Config %d failed (%s), the next one is asked.", index, type(error).__name__)
            continue
        if isinstance(answer, int):  # the last one's: the others raise
            return answer
        passes = accepts is None or accepts(answer)
        if passes or index == last:
            answer.update(cost=answer["cost"] + spent, config_id=index, pass_filter=passes)
            return answer
        spent += answer["cost"]
    raise AssertionError("unreachable: there is at least one config")
