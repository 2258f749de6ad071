"""The folder in which the code of a tool runs."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from pathlib import Path
from types import TracebackType

from .._threads import reset_variable

__all__ = ["WorkingDirectory"]

_current: ContextVar[WorkingDirectory | None] = ContextVar("working directory", default=None)


class WorkingDirectory:
    """A folder for the code of tools. It is current inside its `with` block; the process itself stays where it is.

    Args:
        path: The folder. It is created if it is missing, when the block begins.

    Attributes:
        path: Its path as text.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = str(path)
        self._is_temporary = False
        self._tokens: list[Token[WorkingDirectory | None]] = []

    @classmethod
    def create_tmp(cls) -> WorkingDirectory:
        """Make a new temporary folder, which is removed at the end of its `with` block."""
        directory = cls(tempfile.mkdtemp(prefix="autogen-work-"))
        directory._is_temporary = True
        return directory

    @classmethod
    def get_current_working_directory(cls, working_directory: WorkingDirectory | None = None) -> WorkingDirectory | None:
        """Return the argument, or else the current working directory; None if there is neither."""
        return working_directory or _current.get()

    def __enter__(self) -> WorkingDirectory:
        Path(self.path).mkdir(parents=True, exist_ok=True)
        self._tokens.append(_current.set(self))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        reset_variable(_current, self._tokens.pop())
        if self._is_temporary and not self._tokens:
            # Code may have left files that can't be removed.
            shutil.rmtree(self.path, ignore_errors=True)

    @contextmanager
    def use(self) -> Iterator[None]:
        """Make the folder current in a `with` block, at whose end it stays, even if it is temporary."""
        Path(self.path).mkdir(parents=True, exist_ok=True)
        token = _current.set(self)
        try:
            yield
        finally:
            reset_variable(_current, token)

    def __repr__(self) -> str:
        return f"WorkingDirectory({self.path!r})"
