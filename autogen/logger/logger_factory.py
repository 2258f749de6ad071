"""Which logger a name stands for."""

from __future__ import annotations

from typing import Any, Literal

from .base_logger import BaseLogger

__all__ = ["LoggerFactory"]


class LoggerFactory:
    """Makes loggers."""

    @staticmethod
    def get_logger(logger_type: Literal["sqlite", "file"] = "sqlite", config: dict[str, Any] | None = None) -> BaseLogger:
        """A new logger, not yet started.

        Args:
            logger_type: `sqlite` or `file`.
            config: `{"dbname": ...}` for SQLite, `{"filename": ...}` for a file.

        Raises:
            ValueError: There is no such type.
        """
        if logger_type == "sqlite":
            from .sqlite_logger import SqliteLogger

            return SqliteLogger(config or {})
        if logger_type == "file":
            from .file_logger import FileLogger

            return FileLogger(config or {})
        raise ValueError(f"logger_type is {logger_type!r}; it must be 'sqlite' or 'file'. Others are given as `logger`.")
