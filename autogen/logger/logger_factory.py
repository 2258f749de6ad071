"""Creation of loggers by their type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from .base_logger import BaseLogger

__all__ = ["LoggerFactory"]


class LoggerFactory:
    """Creates loggers."""

    @staticmethod
    def get_logger(
        logger_type: Literal["sqlite", "file"] = "sqlite", config: Mapping[str, object] | None = None
    ) -> BaseLogger:
        """Create a logger, which is not started yet.

        Args:
            logger_type: `sqlite` or `file`.
            config: `{"dbname": ...}` for SQLite, `{"filename": ...}` for a file.

        Raises:
            ValueError: if `logger_type` is unknown.
        """
        if logger_type == "sqlite":
            from .sqlite_logger import SqliteLogger

            return SqliteLogger(config or {})
        if logger_type == "file":
            from .file_logger import FileLogger

            return FileLogger(config or {})
        raise ValueError(f"logger_type must be 'sqlite' or 'file', got {logger_type!r}. Pass any other logger as `logger`.")
