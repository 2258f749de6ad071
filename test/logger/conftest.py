"""Recording into a database or a file of the test's own, and reading what was recorded."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from autogen import runtime_logging
from autogen.logger.base_logger import BaseLogger


class Kept(BaseLogger):
    """Keeps the calls that reach it."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []

    def start(self):
        return "a session"

    def stop(self):
        self.calls.append(("stop", (), {}))

    def get_connection(self):
        return None

    def log_chat_completion(self, *args):
        self.calls.append(("log_chat_completion", args, {}))

    def log_new_agent(self, *args):
        self.calls.append(("log_new_agent", args, {}))

    def log_event(self, source, name, **kwargs):
        self.calls.append(("log_event", (source, name), kwargs))

    def log_new_wrapper(self, *args):
        self.calls.append(("log_new_wrapper", args, {}))

    def log_new_client(self, *args):
        self.calls.append(("log_new_client", args, {}))

    def log_function_use(self, *args):
        self.calls.append(("log_function_use", args, {}))


@pytest.fixture(autouse=True)
def nothing_recorded_before_or_after(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(runtime_logging, "autogen_logger", None)
    yield
    runtime_logging.stop()


@pytest.fixture
def kept():
    """A logger of one's own, started."""
    logger = Kept()
    runtime_logging.start(logger)
    return logger


@pytest.fixture
def rows(tmp_path):
    """Start recording into a database; call it for the rows of a table, as dicts."""
    path = tmp_path / "logs.db"
    runtime_logging.start(config={"dbname": str(path)})

    def rows(table: str) -> list[dict[str, Any]]:
        connection = sqlite3.connect(path)
        connection.row_factory = sqlite3.Row
        found = [dict(row) for row in connection.execute(f"SELECT * FROM {table}")]
        connection.close()
        return found

    return rows


@pytest.fixture
def lines(tmp_path):
    """Start recording into a file; call it for its records."""
    runtime_logging.start(logger_type="file")

    def lines() -> list[dict[str, Any]]:
        return [json.loads(line) for line in Path(tmp_path, "autogen_logs", "runtime.log").read_text().splitlines()[1:]]

    return lines
