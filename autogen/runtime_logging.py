"""Recording what agents and models do, for the whole process: into an SQLite database, a file, or a logger of your own.

>>> import autogen
>>> session = autogen.runtime_logging.start(config={"dbname": "logs.db"})  # doctest: +SKIP
>>> user.initiate_chat(assistant, message="Hello")  # doctest: +SKIP
>>> autogen.runtime_logging.stop()  # doctest: +SKIP
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypeVar

if TYPE_CHECKING:
    import sqlite3
    from uuid import UUID

    from .logger.base_logger import BaseLogger

F = TypeVar("F", bound=Callable[..., Any])

logger = logging.getLogger(__name__)

autogen_logger: BaseLogger | None = None
"""The logger in use, or the last one that was."""
is_logging = False
"""Whether records are made. Whoever has something to record looks here first: while this is False, nothing is paid."""

_changing = threading.RLock()


def start(
    logger: BaseLogger | None = None,
    logger_type: Literal["sqlite", "file"] = "sqlite",
    config: dict[str, Any] | None = None,
) -> str:
    """Begin to record. What was recorded so far goes no further: an earlier logger is stopped.

    Args:
        logger: A logger of your own, in place of the following.
        logger_type: `sqlite` or `file`.
        config: `{"dbname": "logs.db"}` for SQLite, `{"filename": "runtime.log"}` for a file.

    Returns:
        The id of the session.

    Raises:
        ValueError: There is no such type.
        Exception: What the logger's `start` raises, for SQLite a `sqlite3.Error`. Nothing is recorded then.
    """
    global autogen_logger, is_logging
    with _changing:
        if is_logging:
            stop()
        chosen = logger if logger is not None else _made(logger_type, config)
        try:
            session = chosen.start()
        except Exception as error:
            _tell("start", error)
            raise
        autogen_logger, is_logging = chosen, True
        return session


def stop() -> None:
    """End recording. The logger is kept, so that `get_connection` gives its connection, closed."""
    global is_logging
    with _changing:
        was, is_logging = is_logging, False
        if was and autogen_logger is not None:
            try:
                autogen_logger.stop()
            except Exception as error:  # noqa: BLE001 - a logger's errors never reach the program
                _tell("stop", error)


def logging_enabled() -> bool:
    """Whether records are made."""
    return is_logging


def get_connection() -> sqlite3.Connection | None:
    """The connection to the database; None for a logger that has none."""
    if autogen_logger is None:
        _no_logger("get_connection")
        return None
    return autogen_logger.get_connection()  # type: ignore[no-any-return]


def log_chat_completion(
    invocation_id: UUID,
    client_id: int,
    wrapper_id: int,
    agent: Any,
    request: dict[str, Any],
    response: Any,
    is_cached: int,
    cost: float,
    start_time: str,
) -> None:
    """Record that a model was asked; see `BaseLogger.log_chat_completion`."""
    _forward(
        "log_chat_completion",
        invocation_id,
        client_id,
        wrapper_id,
        agent,
        request,
        response,
        is_cached,
        cost,
        start_time,
    )


def log_new_agent(agent: Any, init_args: dict[str, Any]) -> None:
    """Record that an agent was made."""
    _forward("log_new_agent", agent, init_args)


def log_event(source: Any, name: str, **kwargs: Any) -> None:
    """Record an event of an agent; see `BaseLogger.log_event`.

    Args:
        source: The agent that it happened to, or a name.
        name: What happened.
        **kwargs: What is known of it.

    >>> log_event(agent, "asked_the_boss", answer="no")  # doctest: +SKIP
    """
    _forward("log_event", source, name, **kwargs)


def log_function_use(agent: Any, function: F, args: dict[str, Any], returns: Any) -> None:
    """Record that an agent executed a tool; see `BaseLogger.log_function_use`."""
    _forward("log_function_use", agent, function, args, returns)


def log_new_wrapper(wrapper: Any, init_args: dict[str, Any]) -> None:
    """Record that an `OpenAIWrapper` was made."""
    _forward("log_new_wrapper", wrapper, init_args)


def log_new_client(client: Any, wrapper: Any, init_args: dict[str, Any]) -> None:
    """Record that a wrapper got a model client; see `BaseLogger.log_new_client`."""
    _forward("log_new_client", client, wrapper, init_args)


def _made(logger_type: Any, config: dict[str, Any] | None) -> BaseLogger:
    from .logger.logger_factory import LoggerFactory

    return LoggerFactory.get_logger(logger_type, config)


def _forward(record: str, /, *args: Any, **kwargs: Any) -> None:
    to = autogen_logger
    if to is None:
        _no_logger(record)
        return
    try:
        getattr(to, record)(*args, **kwargs)
    except Exception as error:  # noqa: BLE001 - a logger's errors never reach the chat
        _tell(record, error)


def _no_logger(doing: str) -> None:
    logger.error("[runtime logging] %s: there is no logger. Call autogen.runtime_logging.start first.", doing)


def _tell(doing: str, error: Exception) -> None:
    from .logger._plain import told

    logger.error("[runtime logging] %s of the logger failed: %s", doing, told(error))
