"""Recording of what agents and models do in this process, into an SQLite database, a file, or a logger of your own.

>>> import autogen
>>> session = autogen.runtime_logging.start(config={"dbname": "logs.db"})  # doctest: +SKIP
>>> user.initiate_chat(assistant, message="Hello")  # doctest: +SKIP
>>> autogen.runtime_logging.stop()  # doctest: +SKIP
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeVar

if TYPE_CHECKING:
    import sqlite3
    from uuid import UUID

    from .logger.base_logger import BaseLogger

F = TypeVar("F", bound=Callable[..., Any])

logger = logging.getLogger(__name__)

autogen_logger: BaseLogger | None = None
"""The current logger, or the last one after `stop`."""
is_logging = False
"""True while records are made. Callers check it before they gather the details of a record."""

_state_lock = threading.RLock()


def start(
    logger: BaseLogger | None = None,
    logger_type: Literal["sqlite", "file"] = "sqlite",
    config: Mapping[str, object] | None = None,
) -> str:
    """Start recording. An earlier logger is stopped.

    Args:
        logger: A logger of your own, instead of `logger_type` and `config`.
        logger_type: `sqlite` or `file`.
        config: `{"dbname": "logs.db"}` for SQLite, `{"filename": "runtime.log"}` for a file.

    Returns:
        The session id.

    Raises:
        ValueError: if `logger_type` is unknown.
        Exception: if the logger can't start; for SQLite a `sqlite3.Error`. Nothing is recorded then.
    """
    global autogen_logger, is_logging
    with _state_lock:
        if is_logging:
            stop()
        new_logger = logger if logger is not None else _make_logger(logger_type, config)
        try:
            session = new_logger.start()
        except Exception as error:
            _log_failure("start", error)
            raise
        autogen_logger, is_logging = new_logger, True
        return session


def stop() -> None:
    """Stop recording. The logger is kept: `get_connection` returns its connection, which is closed."""
    global is_logging
    with _state_lock:
        was_logging, is_logging = is_logging, False
        if was_logging and autogen_logger is not None:
            try:
                autogen_logger.stop()
            # A logger's errors never reach the program.
            except Exception as error:  # noqa: BLE001
                _log_failure("stop", error)


def logging_enabled() -> bool:
    """Return True while records are made."""
    return is_logging


def get_connection() -> sqlite3.Connection | None:
    """Return the database connection of the logger; None if it has none."""
    if autogen_logger is None:
        _log_missing_logger("get_connection")
        return None
    return autogen_logger.get_connection()


def log_chat_completion(
    invocation_id: UUID,
    client_id: int,
    wrapper_id: int,
    agent: object,
    request: Mapping[str, object],
    response: object,
    is_cached: int,
    cost: float,
    start_time: str,
) -> None:
    """Record a request to a model; see `BaseLogger.log_chat_completion`."""
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


def log_new_agent(agent: object, init_args: Mapping[str, object]) -> None:
    """Record a new agent; see `BaseLogger.log_new_agent`."""
    _forward("log_new_agent", agent, init_args)


def log_event(source: object, name: str, **kwargs: Any) -> None:
    """Record an event of an agent; see `BaseLogger.log_event`.

    Args:
        source: The agent it happened to, or a name.
        name: The name of the event.
        **kwargs: The details of the event.

    >>> log_event(agent, "asked_the_boss", answer="no")  # doctest: +SKIP
    """
    _forward("log_event", source, name, **kwargs)


def log_function_use(agent: object, function: F, args: Mapping[str, object], returns: object) -> None:
    """Record the execution of a tool; see `BaseLogger.log_function_use`."""
    _forward("log_function_use", agent, function, args, returns)


def log_new_wrapper(wrapper: object, init_args: Mapping[str, object]) -> None:
    """Record a new `OpenAIWrapper`."""
    _forward("log_new_wrapper", wrapper, init_args)


def log_new_client(client: object, wrapper: object, init_args: Mapping[str, object]) -> None:
    """Record a new model client; see `BaseLogger.log_new_client`."""
    _forward("log_new_client", client, wrapper, init_args)


def _make_logger(logger_type: Literal["sqlite", "file"], config: Mapping[str, object] | None) -> BaseLogger:
    from .logger.logger_factory import LoggerFactory

    return LoggerFactory.get_logger(logger_type, config)


def _forward(method: str, /, *args: object, **kwargs: object) -> None:
    if autogen_logger is None:
        _log_missing_logger(method)
        return
    try:
        getattr(autogen_logger, method)(*args, **kwargs)
    # A logger's errors never reach the chat.
    except Exception as error:  # noqa: BLE001
        _log_failure(method, error)


def _log_missing_logger(method: str) -> None:
    logger.error("[runtime logging] %s: there is no logger. Call autogen.runtime_logging.start first.", method)


def _log_failure(method: str, error: Exception) -> None:
    from .logger._serialization import describe_error

    logger.error("[runtime logging] %s of the logger failed: %s", method, describe_error(error))
