"""`FileLogger`: records as lines of JSON in a file."""

from __future__ import annotations

import json
import logging
import os
import threading
import uuid
from pathlib import Path
from typing import Any

from ._known_secrets import learn_environment
from ._plain import as_json, plain, safe_serialize, text_of, told
from ._records import arguments, class_of, function_name, name_of, never_raises, wrapper_id_of
from .base_logger import BaseLogger, F
from .logger_utils import get_current_ts

__all__ = ["FileLogger"]


class FileLogger(BaseLogger):
    """Writes records into a file: a line with the session's id, then a JSON object a line. Processes can share a file.

    No record holds a key, or the code of a function. Of a record that can't be written a line in the file tells.

    Args:
        config: `filename`: the file, by default `runtime.log`, in the directory `autogen_logs` of the working directory
            unless its path is absolute.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self.session_id = str(uuid.uuid4())
        self.log_dir = os.path.join(os.getcwd(), "autogen_logs")
        self.log_file = os.path.join(self.log_dir, config.get("filename", "runtime.log"))
        self.logger = logging.getLogger(__name__)
        self._handler: logging.Handler | None = None
        self._lock = threading.Lock()

    def start(self) -> str:
        """Open the file. A second start goes on with the first.

        Returns:
            The id of the session.

        Raises:
            OSError: The file can't be written.
        """
        learn_environment()
        with self._lock:
            if self._handler is None:
                self._handler = self._opened()
                self._write(f"Session ID: {self.session_id}")
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
        """A line for a request to a model; see `BaseLogger.log_chat_completion`."""
        self._record(
            invocation_id=text_of(invocation_id),
            client_id=client_id,
            wrapper_id=wrapper_id,
            request=plain(request),
            response=text_of(response),
            is_cached=is_cached,
            cost=plain(cost),
            start_time=text_of(start_time),
            end_time=get_current_ts(),
            source_name=name_of(source),
        )

    @never_raises
    def log_new_agent(self, agent: Any, init_args: dict[str, Any] = {}) -> None:
        """A line for an agent; one for each constructor that reports it."""
        self._record(
            id=id(agent),
            agent_name=name_of(agent),
            wrapper_id=wrapper_id_of(agent),
            session_id=self.session_id,
            current_time=get_current_ts(),
            agent_type=type(agent).__name__,
            args=arguments(init_args),
        )

    @never_raises
    def log_event(self, source: Any, name: str, **kwargs: Any) -> None:
        """A line for an event; see `BaseLogger.log_event`."""
        module, kind = class_of(source)
        self._record(
            source_id=id(source),
            source_name=name_of(source),
            event_name=text_of(name),
            **({} if kind is None else {"agent_module": module, "agent_class": kind}),
            json_state=as_json(kwargs),
            timestamp=get_current_ts(),
        )

    @never_raises
    def log_new_wrapper(self, wrapper: Any, init_args: dict[str, Any] = {}) -> None:
        """A line for an `OpenAIWrapper`."""
        self._record(
            wrapper_id=id(wrapper),
            session_id=self.session_id,
            json_state=json.dumps(arguments(init_args)),
            timestamp=get_current_ts(),
        )

    @never_raises
    def log_new_client(self, client: Any, wrapper: Any, init_args: dict[str, Any]) -> None:
        """A line for a model client; see `BaseLogger.log_new_client`."""
        self._record(
            client_id=id(client),
            wrapper_id=id(wrapper),
            session_id=self.session_id,
            **{"class": type(client).__name__},
            json_state=json.dumps(arguments(init_args)),
            timestamp=get_current_ts(),
        )

    @never_raises
    def log_function_use(self, source: Any, function: F, args: dict[str, Any], returns: Any) -> None:
        """A line for the execution of a tool; see `BaseLogger.log_function_use`."""
        module, kind = class_of(source)
        self._record(
            source_id=id(source),
            source_name=name_of(source),
            agent_module=module,
            agent_class=kind,
            function_name=function_name(function),
            timestamp=get_current_ts(),
            input_args=safe_serialize(args),
            returns=safe_serialize(returns),
        )

    def get_connection(self) -> None:
        """None: there is no database."""

    def stop(self) -> None:
        """Close the file. A later start begins a new session."""
        with self._lock:
            if self._handler is not None:
                self.logger.removeHandler(self._handler)
                self._handler.close()
                self._handler = None
                self.session_id = str(uuid.uuid4())

    def _opened(self) -> logging.Handler:
        Path(self.log_file).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handler = _WholeLines(self.log_file, encoding="utf-8")
        handler.addFilter(lambda record: getattr(record, "file_logger", None) is self)
        self.logger.setLevel(logging.INFO)
        self.logger.propagate = False  # prompts are for this file, not for the application's log
        self.logger.addHandler(handler)
        return handler

    def _record(self, **record: Any) -> None:
        self._write(json.dumps({**record, "thread_id": threading.get_ident()}))

    def _write(self, line: str) -> None:
        self.logger.info(line, extra={"file_logger": self})  # without arguments, a % in it stays as it is

    def _failed(self, doing: str, error: Exception) -> None:
        self._write(f"[file logger] {doing} failed, the record is lost: {told(error)}")


class _WholeLines(logging.FileHandler):
    """Writes each record at once, so that the lines of several processes don't mix. A new file is its owner's alone."""

    def _open(self) -> Any:
        def opener(path: str, flags: int) -> int:
            return os.open(path, flags, 0o600)

        return open(self.baseFilename, "ab", buffering=0, opener=opener)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record).replace("\n", " ") + "\n"
            stream: Any = self.stream
            stream.write(line.encode("utf-8", "backslashreplace"))
        except Exception:  # noqa: BLE001 - as every handler does: it tells on stderr
            self.handleError(record)
