"""`SqliteLogger`: records as rows of a database."""

from __future__ import annotations

import json
import logging
import sqlite3
import uuid
from typing import Any

from ._database import IN_MEMORY, Database
from ._known_secrets import learn_environment
from ._plain import as_json, safe_serialize, text_of, told
from ._records import answer, arguments, class_of, function_name, name_of, never_raises, wrapper_id_of
from .base_logger import BaseLogger, F
from .logger_utils import get_current_ts

__all__ = ["SqliteLogger"]

logger = logging.getLogger(__name__)

_SCHEMA = (
    """CREATE TABLE IF NOT EXISTS chat_completions (
        id INTEGER PRIMARY KEY, invocation_id TEXT, client_id INTEGER, wrapper_id INTEGER, session_id TEXT,
        source_name TEXT, request TEXT, response TEXT, is_cached INEGER, cost REAL, start_time DATETIME, end_time DATETIME
    )""",
    """CREATE TABLE IF NOT EXISTS agents (
        id INTEGER PRIMARY KEY, agent_id INTEGER, wrapper_id INTEGER, session_id TEXT, name TEXT, class TEXT,
        init_args TEXT, timestamp DATETIME, UNIQUE(agent_id, session_id)
    )""",
    """CREATE TABLE IF NOT EXISTS oai_wrappers (
        id INTEGER PRIMARY KEY, wrapper_id INTEGER, session_id TEXT, init_args TEXT, timestamp DATETIME,
        UNIQUE(wrapper_id, session_id)
    )""",
    """CREATE TABLE IF NOT EXISTS oai_clients (
        id INTEGER PRIMARY KEY, client_id INTEGER, wrapper_id INTEGER, session_id TEXT, class TEXT, init_args TEXT,
        timestamp DATETIME, UNIQUE(client_id, session_id)
    )""",
    "CREATE TABLE IF NOT EXISTS version (id INTEGER PRIMARY KEY CHECK (id = 1), version_number INTEGER NOT NULL)",
    """CREATE TABLE IF NOT EXISTS events (
        event_name TEXT, source_id INTEGER, source_name TEXT, agent_module TEXT DEFAULT NULL,
        agent_class_name TEXT DEFAULT NULL, id INTEGER PRIMARY KEY, json_state TEXT, timestamp DATETIME
    )""",
    """CREATE TABLE IF NOT EXISTS function_calls (
        source_id INTEGER, source_name TEXT, function_name TEXT, args TEXT, returns TEXT, timestamp DATETIME
    )""",
)
_LAST_WINS = (
    "ON CONFLICT (agent_id, session_id) DO UPDATE SET wrapper_id = excluded.wrapper_id, name = excluded.name, "
    "class = excluded.class, init_args = excluded.init_args, timestamp = excluded.timestamp"
)
_FIRST_WINS = "ON CONFLICT DO NOTHING"


class SqliteLogger(BaseLogger):
    """Writes records into an SQLite database. Threads and processes can share one; each record is committed at once.

    No record holds a key, or the code of a function. A record that can't be written is logged as an error, and lost.

    Args:
        config: `dbname`: the file, by default `logs.db` in the working directory; `:memory:` for none.
    """

    schema_version = 1

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self.session_id = ""
        self._database = Database(str(config.get("dbname", "logs.db")), _SCHEMA)

    def start(self) -> str:
        """Open the database, and make the tables that are missing.

        Returns:
            The id of the session, which is in every row.

        Raises:
            sqlite3.Error: The database can't be opened, or is none.
        """
        learn_environment()
        try:
            self._database.open()
            self._database.execute("INSERT OR IGNORE INTO version VALUES (1, ?)", (self.schema_version,))
        except (OSError, sqlite3.Error) as error:
            kind = type(error) if isinstance(error, sqlite3.Error) else sqlite3.OperationalError
            path = self._database.path
            raise kind(
                f"The log database {path!r} can't be used: {error}. Set config={{'dbname': ...}} to an SQLite file, or to "
                f"a new one in a directory that can be written to; {IN_MEMORY!r} needs no file."
            ) from error
        self.session_id = str(uuid.uuid4())
        return self.session_id

    @never_raises
    def log_chat_completion(
        self,
        invocation_id: uuid.UUID,
        client_id: int,
        wrapper_id: int,
        source: Any,
        request: dict[str, Any],
        response: Any,
        is_cached: int,
        cost: float,
        start_time: str,
    ) -> None:
        """A row of `chat_completions`; see `BaseLogger.log_chat_completion`."""
        self._insert(
            "chat_completions",
            invocation_id=text_of(invocation_id),
            client_id=client_id,
            wrapper_id=wrapper_id,
            session_id=self.session_id,
            source_name=name_of(source),
            request=as_json(request),
            response=json.dumps(answer(response), indent=4),
            is_cached=int(is_cached),
            cost=None if cost is None else float(cost),
            start_time=text_of(start_time),
            end_time=get_current_ts(),
        )

    @never_raises
    def log_new_agent(self, agent: Any, init_args: dict[str, Any]) -> None:
        """A row of `agents`. Of one agent's rows the last wins."""
        self._insert(
            "agents",
            _LAST_WINS,
            agent_id=id(agent),
            wrapper_id=wrapper_id_of(agent),
            session_id=self.session_id,
            name=name_of(agent),
            init_args=json.dumps(arguments(init_args)),
            timestamp=get_current_ts(),
            **{"class": type(agent).__name__},
        )

    @never_raises
    def log_event(self, source: Any, name: str, **kwargs: Any) -> None:
        """A row of `events`; see `BaseLogger.log_event`."""
        module, kind = class_of(source)
        self._insert(
            "events",
            event_name=text_of(name),
            source_id=id(source),
            source_name=name_of(source),
            agent_module=module,
            agent_class_name=kind,
            json_state=as_json(kwargs),
            timestamp=get_current_ts(),
        )

    @never_raises
    def log_new_wrapper(self, wrapper: Any, init_args: dict[str, Any]) -> None:
        """A row of `oai_wrappers`. Of one wrapper's rows the first wins."""
        self._insert(
            "oai_wrappers",
            _FIRST_WINS,
            wrapper_id=id(wrapper),
            session_id=self.session_id,
            init_args=json.dumps(arguments(init_args)),
            timestamp=get_current_ts(),
        )

    @never_raises
    def log_new_client(self, client: Any, wrapper: Any, init_args: dict[str, Any]) -> None:
        """A row of `oai_clients`; see `BaseLogger.log_new_client`. Of one client's rows the first wins."""
        self._insert(
            "oai_clients",
            _FIRST_WINS,
            client_id=id(client),
            wrapper_id=id(wrapper),
            session_id=self.session_id,
            init_args=json.dumps(arguments(init_args)),
            timestamp=get_current_ts(),
            **{"class": type(client).__name__},
        )

    @never_raises
    def log_function_use(self, source: Any, function: F, args: dict[str, Any], returns: Any) -> None:
        """A row of `function_calls`; see `BaseLogger.log_function_use`."""
        self._insert(
            "function_calls",
            source_id=id(source),
            source_name=name_of(source),
            function_name=function_name(function),
            args=safe_serialize(args),
            returns=safe_serialize(returns),
            timestamp=get_current_ts(),
        )

    def stop(self) -> None:
        """Close the database."""
        self._database.close()

    def get_connection(self) -> sqlite3.Connection | None:
        """The connection, closed after `stop`; None before the first start."""
        return self._database.connection()

    def _insert(self, table: str, on_conflict: str = "", **row: Any) -> None:
        marks = ", ".join("?" * len(row))
        statement = f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks}) {on_conflict}"
        self._database.execute(statement, tuple(row.values()))

    def _failed(self, doing: str, error: Exception) -> None:
        logger.error("[sqlite logger] %s failed, the record is lost: %s", doing, told(error))
