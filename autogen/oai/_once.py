"""Warnings that are given once per process, however often there is a reason."""

from __future__ import annotations

import logging
import threading
import warnings

logger = logging.getLogger("autogen.oai.client")

_lock = threading.Lock()
_emitted: set[str] = set()


def log_once(text: str) -> None:
    """Log a warning with this text, once per process."""
    if _is_new(text):
        logger.warning("%s", text)


def warn_once(text: str) -> None:
    """Emit a `UserWarning` with this text, once per process."""
    if _is_new(text):
        warnings.warn(text, UserWarning, stacklevel=3)


def _is_new(text: str) -> bool:
    with _lock:
        is_new = text not in _emitted
        _emitted.add(text)
    return is_new
