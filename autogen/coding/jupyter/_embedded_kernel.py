"""A kernel in a supervised child process, reached through sockets in a private folder.

`jupyter_client` finds the kernel, writes its connection file and speaks its protocol. The process is started by
`SupervisedProcess` and not by a `KernelManager`, so that the kernel and its children die with this process, have limits,
and see no secrets.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import stat
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from ..._extras import require
from .._processes.environment import build_child_environment, prepend_to_path
from .._processes.limits import Limits
from ._cell import MAX_BYTES, Message
from ._kernel import Oversized, wait_until_ready
from ._watchdog import TERMINATE_GRACE, SupervisedProcess, call_when_dropped

if TYPE_CHECKING:
    import zmq
    from jupyter_client.blocking.client import BlockingKernelClient

_FEATURE = "A Jupyter executor"
_zmq = require("zmq", extra="jupyter-executor", feature=_FEATURE)
_jupyter_client = require("jupyter_client", extra="jupyter-executor", feature=_FEATURE)

PREFIX = "autogen-kernel-"
# Seconds. A kernel that is about to start has no sockets yet.
LEFTOVER_AGE = 600
MAX_SOCKET_FOLDER = 80  # characters of the path; the system allows about a hundred for that of a socket in it


class EmbeddedKernel:
    """A kernel in a process of its own. It ends when it is stopped, when this object is dropped, or with this process."""

    def __init__(self, name: str, *, cwd: Path, environment: Mapping[str, str], limits: Limits) -> None:
        """Start the kernel, without waiting until it is ready.

        Args:
            name: The name of an installed kernel.
            cwd: The working directory.
            environment: Additional variables.
            limits: The resources that the kernel may use.

        Raises:
            ValueError: if the kernel is not installed.
            OSError: if the kernel can't be started.
        """
        self._manager = _jupyter_client.KernelManager(kernel_name=name)
        try:
            self._spec = self._manager.kernel_spec
        except _jupyter_client.kernelspec.NoSuchKernel:
            raise ValueError(
                f"Kernel {name} is not installed. Install it, for Python with: "
                f"{sys.executable} -m pip install ipykernel && {sys.executable} -m ipykernel install --user --name {name}"
            ) from None
        self._cwd = cwd
        self._environment = dict(environment)
        self._limits = limits
        self.lock = threading.RLock()
        self._is_ready = self._was_stopped = False
        self._process: SupervisedProcess
        self._start()

    def send(self, kind: str, content: Message) -> str:
        """Send a request. Return its id."""
        message = self._client.session.msg(kind, dict(content))
        channel = self._client.control_channel if kind == "interrupt_request" else self._client.shell_channel
        channel.send(message)
        return str(message["header"]["msg_id"])

    def receive(self, seconds: float) -> Message | Oversized | None:
        """Return the next message (`{}` if it is malformed), or None if there is none in time."""
        # Outputs first: they were sent before the reply that ends the cell.
        channels = {name: getattr(self._client, f"{name}_channel").socket for name in ("iopub", "shell", "control")}
        ready, _, _ = _zmq.select(list(channels.values()), [], [], seconds)
        for name, source in channels.items():
            if source in ready:
                return self._read(name, source)
        return None

    def find_failure(self) -> str | None:
        """Return why the kernel has ended, or None while it runs."""
        return self._process.find_failure()

    def read_tail(self) -> str:
        """Return the last output of the kernel's process itself."""
        return self._process.read_tail()

    def interrupt(self) -> None:
        """Interrupt the running cell."""
        if self._spec.interrupt_mode == "message":
            self.send("interrupt_request", {})
        else:
            self._process.interrupt()

    def prepare(self) -> bool:
        """Wait until the kernel is ready. Return True if it had ended since the last cell, and was restarted.

        Raises:
            RuntimeError: if the kernel can't be started.
        """
        has_ended = self._is_ready and self._process.find_failure() is not None
        # A kernel that was stopped on purpose starts again without a notice.
        was_stopped, self._was_stopped = self._was_stopped, False
        if has_ended:
            self.restart()
        if not self._is_ready:
            try:
                wait_until_ready(self)
            except RuntimeError:
                self._process.kill()
                # Marked like a stopped kernel, so that the next block tries to start it again.
                self._is_ready = self._was_stopped = True
                raise
            self._is_ready = True
        return has_ended and not was_stopped

    def restart(self) -> None:
        """Kill the kernel and start another. A busy kernel would not react to a shutdown request."""
        self._kill()
        self._start()

    def stop(self) -> None:
        """End the kernel: by a request if it is idle, otherwise by killing it, which ends the call that runs a cell."""
        if not self.lock.acquire(blocking=False):
            self._process.kill()
            self.lock.acquire()
        try:
            if self._process.find_failure() is None and self._is_ready:
                self._client.shutdown()
                self._process.wait(TERMINATE_GRACE)
            self._kill()
            self._was_stopped = True
        finally:
            self.lock.release()

    def _kill(self) -> None:
        self._process.kill()
        self._close()

    def _start(self) -> None:
        self._is_ready = False
        # Windows has no such sockets.
        if sys.platform != "win32":
            _remove_leftovers()
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        # New sockets for each process, so that no request to the previous kernel reaches the new one.
        self._client = _open_client(folder)
        self._close = call_when_dropped(self, _clean_up, self._client, folder)
        self._manager.connection_file = self._client.connection_file
        environment = build_kernel_environment()
        spec_environment = {name: Template(value).safe_substitute(environment) for name, value in self._spec.env.items()}
        environment |= {"IPYTHONDIR": str(folder / "ipython"), **spec_environment, **self._environment}
        try:
            self._process = SupervisedProcess(
                self._manager.format_kernel_cmd(), cwd=self._cwd, env=environment, limits=self._limits, folder=folder
            )
        except BaseException:
            self._close()
            raise

    def _read(self, channel: str, source: zmq.Socket[bytes]) -> Message | Oversized:
        frames = source.recv_multipart()
        # Checked before the message is parsed, which takes several times its size.
        size = sum(map(len, frames))
        if size > MAX_BYTES:
            return Oversized(size)
        session = self._client.session
        try:
            _, parts = session.feed_identities(frames)
            return {**session.deserialize(parts), "channel": channel}
        except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
            return {}


def build_kernel_environment() -> dict[str, str]:
    """Return the environment for kernels: that of generated code, with the programs of this Python first in `PATH`.

    So `!pip` installs into the same environment as `%pip`. The plotting backend of this process is left out, since kernels
    have their own.
    """
    environment = build_child_environment()
    environment.pop("MPLBACKEND", None)
    return prepend_to_path(os.path.dirname(sys.executable), environment)


@cache
def _remove_leftovers() -> None:
    """Remove the folders of kernels that were killed together with all that would have removed them. Done once."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            status = folder.lstat()
            is_old = time.time() - status.st_mtime > LEFTOVER_AGE
            if is_old and stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not _has_kernel(folder):
                shutil.rmtree(folder, ignore_errors=True)


def _has_kernel(folder: Path) -> bool:
    """Return True unless it is certain that no process listens at the sockets of a folder."""
    sockets = [path for path in folder.iterdir() if path.is_socket()]
    for path in sockets:
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(path))
            except ConnectionRefusedError:
                continue
        return True
    return not sockets


def _open_client(folder: Path) -> BlockingKernelClient:
    """Write the connection file of a kernel that is about to start, and open the channels to it."""
    context = _zmq.Context()
    # Without a limit for waiting messages. By default ZeroMQ drops those that exceed a thousand.
    context.rcvhwm = 0
    if os.name == "posix" and len(str(folder)) <= MAX_SOCKET_FOLDER:
        address = {"transport": "ipc", "ip": str(folder / "k")}
    else:
        address = {"transport": "tcp", "ip": "127.0.0.1"}
    client: BlockingKernelClient = _jupyter_client.BlockingKernelClient(
        context=context, connection_file=str(folder / "kernel.json"), **address
    )
    client.write_connection_file()
    client.start_channels(stdin=False, hb=False)
    return client


def _clean_up(client: BlockingKernelClient, folder: Path) -> None:
    # The client holds the sockets. If they were garbage already, the context would not find them, and wait for ever.
    client.context.destroy(linger=0)
    # The kernel that is being killed may write into the folder while it is removed.
    for _ in range(10):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.01)
