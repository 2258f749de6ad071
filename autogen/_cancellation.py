"""Stopping a program from outside: who waits for it in a thread can end it.

What says so travels in a context variable. So it reaches the program through every executor and every override on the
way, and none of them has a parameter for it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_stop: ContextVar[threading.Event | None] = ContextVar("stop the program", default=None)


async def run_in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function that runs programs, in a thread. If the caller is cancelled its programs are killed.

    >>> result = await run_in_thread(executor.execute_code_blocks, blocks)  # doctest: +SKIP
    """
    stop = threading.Event()
    token = _stop.set(stop)
    try:
        return await asyncio.to_thread(function, *args, **kwargs)
    except asyncio.CancelledError:
        stop.set()
        raise
    finally:
        _stop.reset(token)


def cancelled() -> bool:
    """Whether nobody waits any more for what runs here."""
    stop = _stop.get()
    return stop is not None and stop.is_set()
