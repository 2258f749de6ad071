"""A Jupyter server on this machine."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from ..._extras import require
from .._processes.limits import Limits
from ._embedded_kernel import build_kernel_environment
from ._watchdog import SupervisedProcess, call_when_dropped
from .base import GENERATED, JupyterConnectable, JupyterConnectionInfo, token_of
from .base import GenerateToken as _GenerateToken
from .jupyter_client import JupyterClient

__all__ = ["LocalJupyterServer"]

START = 60.0  # seconds
ATTEMPTS = 5  # to start on a port that nobody takes in the meantime
PASSED_ON = ("JUPYTER_PATH", "JUPYTER_DATA_DIR")  # where kernels are installed


class LocalJupyterServer(JupyterConnectable):
    """A Jupyter server on this machine, without isolation: its kernels have the rights of the user who runs it.

    No secret of this process's environment is handed to them. The token stands in no command line, log or `repr`, and not in
    the kernels' environment. The server ends with this object, with this process (also if that is killed), by `stop()`, or
    at the end of a `with`, and its kernels end with it.

    >>> with LocalJupyterServer() as server:  # doctest: +SKIP
    ...     executor = JupyterCodeExecutor(server)
    """

    GenerateToken = _GenerateToken

    def __init__(
        self,
        ip: str = "127.0.0.1",
        port: int | None = None,
        token: str | _GenerateToken | None = GENERATED,
        log_file: str = "jupyter_gateway.log",
        log_level: str = "INFO",
        log_max_bytes: int = 1048576,
        log_backup_count: int = 3,
        *,
        environment: Mapping[str, str] | None = None,
        limits: Limits | None = None,
    ) -> None:
        """
        Args:
            ip: The address it listens at.
            port: None: one that is free.
            token: What clients must know. Without one given, it is made up; None and "" let everybody in.
            log_file: The server's log.
            log_level: What is in it.
            log_max_bytes: At this size a new one is begun.
            log_backup_count: So many old ones are kept.
            environment: Variables for the kernels, besides the harmless ones of this process.
            limits: What each kernel may use. Time and output do not count here; the number of processes is that of all.

        Raises:
            ValueError: It can't be started. The message has its last words.
        """
        if sys.platform == "win32":
            raise ValueError("LocalJupyterServer is not supported on Windows: use EmbeddedIPythonCodeExecutor.")
        try:
            require("jupyter_server", extra="jupyter-executor", feature="LocalJupyterServer")
        except ImportError as error:
            raise ValueError(str(error)) from error
        self._ip = ip
        self._token = token_of(token)
        self._environment = {**build_kernel_environment(), **_passed_on(), **(environment or {})}
        self._limits = limits or Limits()
        old = [f"{log_file}.{number}" for number in range(1, log_backup_count + 1)]
        self.log_files = [Path(name).resolve() for name in (log_file, *old)]
        self._logging = _logging(log_file, log_level, log_max_bytes, log_backup_count)
        self._folder = Path(tempfile.mkdtemp(prefix="autogen-jupyter-"))  # nobody else may look into it
        self._clean_up = call_when_dropped(self, shutil.rmtree, self._folder, True)
        try:
            self._start(port)
        except BaseException:
            self._clean_up()
            raise

    @property
    def ip(self) -> str:
        """The address it listens at."""
        return self._ip

    @property
    def port(self) -> int:
        """The port it listens at."""
        return self._port

    @property
    def token(self) -> str:
        """What clients must know."""
        return self._token

    @property
    def connection_info(self) -> JupyterConnectionInfo:
        """Where it is, for clients on this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(self._ip, self._ip)
        return JupyterConnectionInfo(host=host, use_https=False, port=self._port, token=self._token)

    def get_client(self) -> JupyterClient:
        """A client of it."""
        return JupyterClient(self.connection_info)

    def stop(self) -> None:
        """End it and its kernels. A second call does nothing."""
        self._process.stop()
        self._clean_up()

    def __enter__(self) -> LocalJupyterServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _start(self, port: int | None) -> None:
        for attempt in range(ATTEMPTS if port is None else 1):
            self._port = _free_port(self._ip) if port is None else port
            if self._begin():
                return
            if "already in use" not in self._process.read_tail() or attempt == ATTEMPTS - 1:
                break
        self._process.kill()
        words = self._process.read_tail() or "It did not answer."
        raise ValueError(f"Jupyter gateway server failed to start at {self._ip}:{self._port}. Its last words:\n{words}")

    def _begin(self) -> bool:
        """Start it, and wait until it lets us in; False if it ends instead."""
        config, token = self._folder / "config.json", self._folder / "token"
        config.write_text(json.dumps(self._config()))
        token.touch(mode=0o600)
        token.write_text(self._token)  # a command line, an environment and a config would be read by others, and logged
        command = [sys.executable, "-m", "jupyter_server", f"--config={config}"]
        folders = {f"JUPYTER_{kind}_DIR": str(self._folder) for kind in ("CONFIG", "RUNTIME")}
        own = {"JUPYTER_TOKEN_FILE": str(token), "IPYTHONDIR": str(self._folder / "ipython")}
        environment = {**self._environment, **folders, **own}
        try:
            self._process = SupervisedProcess(
                command, cwd=Path.cwd(), env=environment, limits=self._limits, folder=self._folder
            )
        except OSError as error:
            raise ValueError(f"Jupyter gateway server failed to start: {error}") from error
        client, deadline = self.get_client(), time.monotonic() + START
        while not client.is_ready():
            if self._process.find_failure() is not None or time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        others = (path for pattern in ("jp*", "*secret*") for path in self._folder.glob(pattern))
        for secret in (token, *others):  # the server has read it, and nobody needs the others
            secret.unlink(missing_ok=True)
        return True

    def _config(self) -> dict[str, Any]:
        server = {
            "ip": self._ip,
            "port": self._port,
            "port_retries": 0,
            "open_browser": False,
            "allow_root": True,
            "terminals_enabled": False,
            "root_dir": os.getcwd(),
            "logging_config": self._logging,
        }
        return {
            "ServerApp": server,
            **({} if self._token else {"IdentityProvider": {"token": ""}}),
            "ZMQChannelsWebsocketConnection": {"limit_rate": False},  # whoever reads it cuts it, and says so
            "KernelRestarter": {"time_to_dead": 0.5},  # seconds until a kernel's death is noticed
            "KernelManager": {"shutdown_wait_time": 1.0},
        }


def _passed_on() -> dict[str, str]:
    return {name: os.environ[name] for name in PASSED_ON if name in os.environ}


def _free_port(ip: str) -> int:
    """A port that nobody uses now. Somebody may take it at once: then the server says so, and another is tried."""
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((ip, 0))
        except OSError as error:
            raise ValueError(f"Jupyter gateway server failed to start: no port at {ip!r}: {error}") from error
        return int(probe.getsockname()[1])


def _logging(file: str, level: str, max_bytes: int, backup_count: int) -> dict[str, Any]:
    try:
        open(file, "ab").close()
    except OSError as error:  # the server would wait for a better one
        raise ValueError(f"Jupyter gateway server failed to start: its log can't be written: {error}") from error
    handler = {
        "class": "logging.handlers.RotatingFileHandler",
        "level": level,
        "maxBytes": max_bytes,
        "backupCount": backup_count,
        "formatter": "console",
        "filename": os.path.abspath(file),
    }
    return {
        "handlers": {"file": handler},
        "loggers": {"ServerApp": {"level": level, "handlers": ["file", "console"]}},
    }
