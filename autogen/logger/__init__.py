"""Loggers that record the actions of agents and models; `autogen.runtime_logging` starts and stops them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy_imports import attach as _lazy

if TYPE_CHECKING:
    from .file_logger import FileLogger as FileLogger
    from .logger_factory import LoggerFactory as LoggerFactory
    from .sqlite_logger import SqliteLogger as SqliteLogger

_HOME = {"LoggerFactory": "logger_factory", "SqliteLogger": "sqlite_logger", "FileLogger": "file_logger"}

__getattr__, __dir__, __all__ = _lazy(globals(), _HOME)
