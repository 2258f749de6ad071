"""`FileLogger`: records as lines of JSON in a file."""

from __future__ import annotations

import io
import json
import logging
import os
import threading
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from .._images.storage import PictureFolder, detach_pictures
from ._known_secrets import learn_environment
from ._records import (
    catch_errors,
    get_class_names,
    get_function_name,
    get_name,
    get_wrapper_id,
    serialize_arguments,
)
from ._serialization import describe_error, dump_json, safe_serialize, serialize, to_clean_text
from .base_logger import BaseLogger, F
from .logger_utils import get_current_ts

__all__ = ["FileLogger"]

# Prompts belong into the files, not into the application's log.
_logger = logging.getLogger(__name__)
_logger.setLevel(logging.INFO)
_logger.propagate = False


class FileLogger(BaseLogger):
    """Writes records into a file: a line with the session id, then one JSON object per line.

    Processes may share a file. No record holds a key, or the code of a function. A record that can't be serialised is
    replaced by a line with the error. Pictures of more than 64 KiB are in a folder beside the file, which is named after it,
    under the hashes of their bytes.

    Args:
        config: `filename`: the path of the file, by default `runtime.log`. A relative path starts at the directory
            `autogen_logs` in the working directory.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.config = config
        self.session_id = str(uuid.uuid4())
        self.log_dir = os.path.join(os.getcwd(), "autogen_logs")
        self.log_file = os.path.join(self.log_dir, config.get("filename", "runtime.log"))
        self.logger = _logger
        self._handler: logging.Handler | None = None
        self._lock = threading.Lock()

    def start(self) -> str:
        """Open the file. A second start continues the session.

        Returns:
            The session id.

        Raises:
            OSError: if the file can't be written.
        """
        learn_environment()
        with self._lock:
            if self._handler is None:
                self._handler = self._open_file()
                self._write(f"Session ID: {self.session_id}")
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
        cost: float,
        start_time: str,
    ) -> None:
        """Write a line for a request to a model; see `BaseLogger.log_chat_completion`."""
        self._write_record(
            invocation_id=to_clean_text(invocation_id),
            client_id=client_id,
            wrapper_id=wrapper_id,
            request=serialize(request),
            response=to_clean_text(response),
            is_cached=is_cached,
            cost=serialize(cost),
            start_time=to_clean_text(start_time),
            end_time=get_current_ts(),
            source_name=get_name(source),
        )

    @catch_errors
    def log_new_agent(self, agent: object, init_args: Mapping[str, object] = {}) -> None:
        """Write a line for a new agent, one for each constructor; see `BaseLogger.log_new_agent`."""
        self._write_record(
            id=id(agent),
            agent_name=get_name(agent),
            wrapper_id=get_wrapper_id(agent),
            session_id=self.session_id,
            current_time=get_current_ts(),
            agent_type=type(agent).__name__,
            args=serialize_arguments(init_args),
        )

    @catch_errors
    def log_event(self, source: object, name: str, **kwargs: Any) -> None:
        """Write a line for an event; see `BaseLogger.log_event`."""
        module, class_name = get_class_names(source)
        self._write_record(
            source_id=id(source),
            source_name=get_name(source),
            event_name=to_clean_text(name),
            **({} if class_name is None else {"agent_module": module, "agent_class": class_name}),
            json_state=dump_json(kwargs),
            timestamp=get_current_ts(),
        )

    @catch_errors
    def log_new_wrapper(self, wrapper: object, init_args: Mapping[str, object] = {}) -> None:
        """Write a line for a new `OpenAIWrapper`."""
        self._write_record(
            wrapper_id=id(wrapper),
            session_id=self.session_id,
            json_state=json.dumps(serialize_arguments(init_args)),
            timestamp=get_current_ts(),
        )

    @catch_errors
    def log_new_client(self, client: object, wrapper: object, init_args: Mapping[str, object]) -> None:
        """Write a line for a new model client; see `BaseLogger.log_new_client`."""
        self._write_record(
            client_id=id(client),
            wrapper_id=id(wrapper),
            session_id=self.session_id,
            **{"class": type(client).__name__},
            json_state=json.dumps(serialize_arguments(init_args)),
            timestamp=get_current_ts(),
        )

    @catch_errors
    def log_function_use(self, source: object, function: F, args: Mapping[str, object], returns: object) -> None:
        """Write a line for the execution of a tool; see `BaseLogger.log_function_use`."""
        module, class_name = get_class_names(source)
        self._write_record(
            source_id=id(source),
            source_name=get_name(source),
            agent_module=module,
            agent_class=class_name,
            function_name=get_function_name(function),
            timestamp=get_current_ts(),
            input_args=safe_serialize(args),
            returns=safe_serialize(returns),
        )

    def get_connection(self) -> None:
        """Return None: there is no database."""

    def stop(self) -> None:
        """Close the file. A later start begins a new session."""
        with self._lock:
            if self._handler is not None:
                self.logger.removeHandler(self._handler)
                self._handler.close()
                self._handler = None
                self.session_id = str(uuid.uuid4())

    def report_error(self, method: str, error: Exception) -> None:
        """Write a line about a record that can't be written; log it while the file is closed.

        Args:
            method: The name of the method that failed.
            error: Its error.
        """
        line = f"[file logger] {method} failed, the record is lost: {describe_error(error)}"
        if self._handler is None:
            # The logger of this class writes to its files alone.
            logging.getLogger("autogen.logger").error("%s", line)
        else:
            self._write(line)

    def _open_file(self) -> logging.Handler:
        Path(self.log_file).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handler = _WholeLineHandler(self.log_file, encoding="utf-8")
        handler.addFilter(lambda record: getattr(record, "file_logger", None) is self)
        self.logger.addHandler(handler)
        return handler

    def _write_record(self, **record: object) -> None:
        if self._handler is None:
            raise RuntimeError("the logger is not started, call its start() first")
        line = json.dumps({**record, "thread_id": threading.get_ident()})
        self._write(detach_pictures(line, PictureFolder(f"{self.log_file}.pictures").store))

    def _write(self, line: str) -> None:
        # Without arguments, logging doesn't interpret a "%" in the line.
        self.logger.info(line, extra={"file_logger": self})


class _WholeLineHandler(logging.FileHandler):
    """Writes each record with a single system call, so that lines of several processes don't mix.

    A new file is readable for its owner only.
    """

    def _open(self) -> io.TextIOWrapper:
        def open_private(path: str, flags: int) -> int:
            return os.open(path, flags, 0o600)

        # Unbuffered files are binary; the base class only needs a stream that it can flush and close.
        return cast("io.TextIOWrapper", open(self.baseFilename, "ab", buffering=0, opener=open_private))

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record).replace("\n", " ") + "\n"
            cast("io.FileIO", self.stream).write(line.encode("utf-8", "backslashreplace"))
        # Like every handler of the standard library, report the error on stderr.
        except Exception:  # noqa: BLE001
            self.handleError(record)
