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

from ..._extras import require
from .._default_folder import make_default_folder
from .._processes.limits import Limits
from ._embedded_kernel import build_kernel_environment
from ._watchdog import SupervisedProcess, call_when_dropped
from .base import GENERATED, JupyterConnectable, JupyterConnectionInfo, resolve_token
from .base import GenerateToken as _GenerateToken
from .jupyter_client import JupyterClient

__all__ = ["LocalJupyterServer"]

START_TIMEOUT = 60.0  # seconds
# Another process may take a free port before the server does. Then another port is tried.
MAX_ATTEMPTS = 5
# The folders with installed kernels.
INHERITED_VARIABLES = ("JUPYTER_PATH", "JUPYTER_DATA_DIR")


class LocalJupyterServer(JupyterConnectable):
    """A Jupyter server on this machine, without isolation: its kernels have the rights of the current user.

    The kernels see no secrets of this process's environment. The token is in no command line, log or `repr`, and not in the
    environment of the kernels. The server and its kernels end with this object, with this process (even if that is killed),
    by `stop()`, or at the end of a `with` block.

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
        work_dir: Path | str | None = None,
    ) -> None:
        """Start the server, and wait until it answers.

        Args:
            ip: The address to listen at.
            port: The port; None for a free port.
            token: The token that clients must send; by default a random token. None and "" allow access without a token.
            log_file: The log of the server.
            log_level: The level of the log.
            log_max_bytes: The size in bytes at which the log is rotated.
            log_backup_count: The number of old logs that are kept.
            environment: Additional variables for the kernels.
            limits: Resource limits of each kernel. `seconds` and `output` are ignored. `processes` limits the server and all
                kernels together.
            work_dir: An existing folder, in which the kernels run; by default a new folder in the user's cache directory.

        Raises:
            ValueError: if the folder does not exist, or the server can't be started. The message has the end of its output.
        """
        if sys.platform == "win32":
            raise ValueError("LocalJupyterServer is not supported on Windows: use EmbeddedIPythonCodeExecutor.")
        try:
            require("jupyter_server", extra="jupyter-executor", feature="LocalJupyterServer")
        except ImportError as error:
            raise ValueError(str(error)) from error
        self._work_dir = make_default_folder(self) if work_dir is None else Path(work_dir).resolve()
        if not self._work_dir.is_dir():
            raise ValueError(f"The work directory {work_dir} does not exist.")
        self._ip = ip
        self._token = resolve_token(token)
        inherited = {name: os.environ[name] for name in INHERITED_VARIABLES if name in os.environ}
        self._environment = {**build_kernel_environment(), **inherited, **(environment or {})}
        self._limits = limits or Limits()
        old = [f"{log_file}.{number}" for number in range(1, log_backup_count + 1)]
        self.log_files = [Path(name).resolve() for name in (log_file, *old)]
        self._logging = _build_log_config(log_file, log_level, log_max_bytes, log_backup_count)
        # Readable by the current user only.
        self._folder = Path(tempfile.mkdtemp(prefix="autogen-jupyter-"))
        self._clean_up = call_when_dropped(self, shutil.rmtree, self._folder, True)
        try:
            self._start(port)
        except BaseException:
            self._clean_up()
            raise

    @property
    def work_dir(self) -> Path:
        """The folder in which the kernels run."""
        return self._work_dir

    @property
    def ip(self) -> str:
        """The address the server listens at."""
        return self._ip

    @property
    def port(self) -> int:
        """The port the server listens at."""
        return self._port

    @property
    def token(self) -> str:
        """The token that clients must send."""
        return self._token

    @property
    def connection_info(self) -> JupyterConnectionInfo:
        """The address and token of the server, for clients on this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(self._ip, self._ip)
        return JupyterConnectionInfo(host=host, use_https=False, port=self._port, token=self._token)

    def get_client(self) -> JupyterClient:
        """Return a new client of the server."""
        return JupyterClient(self.connection_info)

    def stop(self) -> None:
        """End the server and its kernels. A second call does nothing."""
        self._process.stop()
        self._clean_up()

    def __enter__(self) -> LocalJupyterServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _start(self, port: int | None) -> None:
        for _ in range(MAX_ATTEMPTS if port is None else 1):
            self._port = _find_free_port(self._ip) if port is None else port
            if self._try_start():
                return
            if "already in use" not in self._process.read_tail():
                break
        self._process.kill()
        tail = self._process.read_tail() or "It did not answer."
        raise ValueError(f"Jupyter gateway server failed to start at {self._ip}:{self._port}. Its last output:\n{tail}")

    def _try_start(self) -> bool:
        """Start the server, and wait until it accepts the token. Return False if it ends, or does not answer in time."""
        config, token = self._folder / "config.json", self._folder / "token"
        config.write_text(json.dumps(self._build_config()))
        token.touch(mode=0o600)
        # Other processes can read a command line and an environment, and the server logs its config.
        token.write_text(self._token)
        command = [sys.executable, "-m", "jupyter_server", f"--config={config}"]
        folders = {f"JUPYTER_{kind}_DIR": str(self._folder) for kind in ("CONFIG", "RUNTIME")}
        files = {"JUPYTER_TOKEN_FILE": str(token), "IPYTHONDIR": str(self._folder / "ipython")}
        environment = {**self._environment, **folders, **files}
        try:
            self._process = SupervisedProcess(
                command, cwd=self._work_dir, env=environment, limits=self._limits, folder=self._folder
            )
        except OSError as error:
            raise ValueError(f"Jupyter gateway server failed to start: {error}") from error
        client, deadline = self.get_client(), time.monotonic() + START_TIMEOUT
        while not client.is_ready():
            if self._process.find_failure() is not None or time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        # The server has read the token by now. It also writes files with secrets that only other programs would read.
        written = (path for pattern in ("jp*", "*secret*") for path in self._folder.glob(pattern))
        for secret in (token, *written):
            secret.unlink(missing_ok=True)
        return True

    def _build_config(self) -> dict[str, object]:
        server = {
            "ip": self._ip,
            "port": self._port,
            "port_retries": 0,
            "open_browser": False,
            "allow_root": True,
            "terminals_enabled": False,
            "root_dir": str(self._work_dir),
            "logging_config": self._logging,
        }
        return {
            "ServerApp": server,
            **({} if self._token else {"IdentityProvider": {"token": ""}}),
            # The server would drop output above its rate. The client cuts long output, and reports that.
            "ZMQChannelsWebsocketConnection": {"limit_rate": False},
            "KernelRestarter": {"time_to_dead": 0.5},  # seconds between checks whether a kernel died
            "KernelManager": {"shutdown_wait_time": 1.0},  # seconds
        }


def _find_free_port(ip: str) -> int:
    """Return a port that is free now.

    Raises:
        ValueError: if the address is not one of this machine.
    """
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((ip, 0))
        except OSError as error:
            raise ValueError(f"Jupyter gateway server failed to start: can't listen at {ip!r}: {error}") from error
        return int(probe.getsockname()[1])


def _build_log_config(file: str, level: str, max_bytes: int, backup_count: int) -> dict[str, object]:
    # The server itself does not end if it can't write its log.
    try:
        open(file, "ab").close()
    except OSError as error:
        raise ValueError(f"Jupyter gateway server failed to start: can't write the log: {error}") from error
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
