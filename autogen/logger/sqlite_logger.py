"""`SqliteLogger`: records as rows of a database."""

from __future__ import annotations

import json
import logging
import sqlite3
import uuid
from collections.abc import Mapping
from typing import Any

from .._images.storage import PictureFolder, detach_pictures
from .._mistakes import trim_stop
from ._database import IN_MEMORY, Database
from ._known_secrets import learn_environment
from ._records import (
    catch_errors,
    get_class_names,
    get_function_name,
    get_name,
    get_wrapper_id,
    serialize_arguments,
    serialize_response,
)
from ._serialization import describe_error, dump_json, safe_serialize, to_clean_text
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
# An agent reports once for each constructor, the subclass last; a wrapper or client may be reported again when it is shared.
_LAST_WINS = (
    "ON CONFLICT (agent_id, session_id) DO UPDATE SET wrapper_id = excluded.wrapper_id, name = excluded.name, "
    "class = excluded.class, init_args = excluded.init_args, timestamp = excluded.timestamp"
)
_FIRST_WINS = "ON CONFLICT DO NOTHING"


class SqliteLogger(BaseLogger):
    """Writes records into an SQLite database, each of them committed at once.

    Threads and processes may share a database. No record holds a key, or the code of a function. A record that can't be
    written is logged as an error, and lost. Pictures of more than 64 KiB are in a folder beside the file, which is named
    after it, under the hashes of their bytes.

    Args:
        config: `dbname`: the path of the file, by default `logs.db` in the working directory; `:memory:` for none.
    """

    schema_version = 1

    def __init__(self, config: Mapping[str, object]) -> None:
        self.config = config
        self.session_id = ""
        self._database = Database(str(config.get("dbname", "logs.db")), _SCHEMA)

    def start(self) -> str:
        """Open the database, and create missing tables.

        Returns:
            The session id, which is part of every row.

        Raises:
            sqlite3.Error: If the database can't be opened.
        """
        learn_environment()
        try:
            self._database.open()
            self._database.execute("INSERT OR IGNORE INTO version VALUES (1, ?)", (self.schema_version,))
        except (OSError, sqlite3.Error) as error:
            error_class = type(error) if isinstance(error, sqlite3.Error) else sqlite3.OperationalError
            path = self._database.path
            raise error_class(
                f"The log database {path!r} can't be used: {trim_stop(error)}. Set config={{'dbname': ...}} to an "
                f"SQLite file, or to a new file in a writable directory; {IN_MEMORY!r} needs no file."
            ) from error
        self.session_id = str(uuid.uuid4())
        return self.session_id

    @catch_errors
    def log_chat_completion(
        self,
        invocation_id: uuid.UUID,
        client_id: int,
        wrapper_id: int,
        source: object,
        request: dict[str, Any],
        response: object,
        is_cached: int,
        cost: float | None,
        start_time: str,
    ) -> None:
        """Insert a row into `chat_completions`; see `BaseLogger.log_chat_completion`."""
        self._insert(
            "chat_completions",
            invocation_id=to_clean_text(invocation_id),
            client_id=client_id,
            wrapper_id=wrapper_id,
            session_id=self.session_id,
            source_name=get_name(source),
            request=dump_json(request),
            response=json.dumps(serialize_response(response), indent=4),
            is_cached=int(is_cached),
            cost=None if cost is None else float(cost),
            start_time=to_clean_text(start_time),
            end_time=get_current_ts(),
        )

    @catch_errors
    def log_new_agent(self, agent: object, init_args: Mapping[str, object]) -> None:
        """Insert a row into `agents`, replacing an earlier row of the agent."""
        self._insert(
            "agents",
            _LAST_WINS,
            agent_id=id(agent),
            wrapper_id=get_wrapper_id(agent),
            session_id=self.session_id,
            name=get_name(agent),
            init_args=json.dumps(serialize_arguments(init_args)),
            timestamp=get_current_ts(),
            **{"class": type(agent).__name__},
        )

    @catch_errors
    def log_event(self, source: object, name: str, **kwargs: Any) -> None:
        """Insert a row into `events`; see `BaseLogger.log_event`."""
        module, class_name = get_class_names(source)
        self._insert(
            "events",
            event_name=to_clean_text(name),
            source_id=id(source),
            source_name=get_name(source),
            agent_module=module,
            agent_class_name=class_name,
            json_state=dump_json(kwargs),
            timestamp=get_current_ts(),
        )

    @catch_errors
    def log_new_wrapper(self, wrapper: object, init_args: Mapping[str, object]) -> None:
        """Insert a row into `oai_wrappers`, unless the wrapper has one."""
        self._insert(
            "oai_wrappers",
            _FIRST_WINS,
            wrapper_id=id(wrapper),
            session_id=self.session_id,
            init_args=json.dumps(serialize_arguments(init_args)),
            timestamp=get_current_ts(),
        )

    @catch_errors
    def log_new_client(self, client: object, wrapper: object, init_args: Mapping[str, object]) -> None:
        """Insert a row into `oai_clients`, unless the client has one; see `BaseLogger.log_new_client`."""
        self._insert(
            "oai_clients",
            _FIRST_WINS,
            client_id=id(client),
            wrapper_id=id(wrapper),
            session_id=self.session_id,
            init_args=json.dumps(serialize_arguments(init_args)),
            timestamp=get_current_ts(),
            **{"class": type(client).__name__},
        )

    @catch_errors
    def log_function_use(self, source: object, function: F, args: Mapping[str, object], returns: object) -> None:
        """Insert a row into `function_calls`; see `BaseLogger.log_function_use`."""
        self._insert(
            "function_calls",
            source_id=id(source),
            source_name=get_name(source),
            function_name=get_function_name(function),
            args=safe_serialize(args),
            returns=safe_serialize(returns),
            timestamp=get_current_ts(),
        )

    def stop(self) -> None:
        """Close the database."""
        self._database.close()

    def get_connection(self) -> sqlite3.Connection | None:
        """Return the connection, which is closed after `stop`; None before the first start."""
        return self._database.get_connection()

    def report_error(self, method: str, error: Exception) -> None:
        """Log the loss of a record.

        Args:
            method: The name of the method that failed.
            error: Its error.
        """
        logger.error("[sqlite logger] %s failed, the record is lost: %s", method, describe_error(error))

    def _insert(self, table: str, on_conflict: str = "", **row: object) -> None:
        marks = ", ".join("?" * len(row))
        statement = f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks}) {on_conflict}"
        self._database.execute(statement, tuple(map(self._move_pictures, row.values())))

    def _move_pictures(self, value: object) -> object:
        """Return a text with references to the large pictures in it, which go into the folder beside the file."""
        if not isinstance(value, str) or self._database.path == IN_MEMORY:
            return value
        return detach_pictures(value, PictureFolder(f"{self._database.path}.pictures").store)
