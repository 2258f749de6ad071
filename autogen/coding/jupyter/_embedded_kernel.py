"""A kernel that this process starts, and speaks to through sockets in a private folder."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any

from ..._extras import require
from .._environment import child_environment, with_programs_of
from .._limits import Limits
from ._cell import MOST_BYTES, Message
from ._guard import POLITE, SupervisedProcess, when_dropped
from ._kernel import Oversized, wait_for

_WHAT = "A Jupyter executor"
_zmq = require("zmq", extra="jupyter-executor", feature=_WHAT)
_specs = require("jupyter_client.kernelspec", extra="jupyter-executor", feature=_WHAT)
_session = require("jupyter_client.session", extra="jupyter-executor", feature=_WHAT)
_connect = require("jupyter_client.connect", extra="jupyter-executor", feature=_WHAT)

CHANNELS = {"shell": "DEALER", "control": "DEALER", "iopub": "SUB"}
LONGEST_SOCKET = 80  # characters of a folder that holds one; the system takes about a hundred for its whole name


class EmbeddedKernel:
    """A kernel in a process of its own. It ends with this object, with this process, or by `stop`."""

    def __init__(self, name: str, *, cwd: Path, environment: Mapping[str, str], limits: Limits) -> None:
        """
        Raises:
            ValueError: There is no such kernel.
            OSError: It can't be started.
        """
        try:
            self._spec = _specs.KernelSpecManager().get_kernel_spec(name)
        except _specs.NoSuchKernel:
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
        """Send a request; returns its id."""
        channel = "control" if kind in ("shutdown_request", "interrupt_request") else "shell"
        message = self._messages.session.send(self._messages.sockets[channel], kind, content)
        return str(message["header"]["msg_id"])

    def receive(self, seconds: float) -> Message | Oversized | None:
        """The next message."""
        return self._messages.receive(seconds)

    def trouble(self) -> str | None:
        """Why the kernel does not run any more; None if it runs."""
        return self._process.trouble()

    def last_words(self) -> str:
        """What the process printed itself."""
        return self._process.last_words()

    def interrupt(self) -> None:
        """Interrupt the cell that runs."""
        if self._spec.interrupt_mode == "message":
            self.send("interrupt_request", {})
        else:
            self._process.interrupt()

    def prepare(self) -> bool:
        """Wait until the kernel is ready; one that ended between two blocks is started anew, and that is said."""
        has_ended = self._is_ready and self._process.trouble() is not None
        was_stopped, self._was_stopped = self._was_stopped, False
        if has_ended:
            self.restart()
        if not self._is_ready:
            try:
                wait_for(self)
            except RuntimeError:
                self._process.kill()
                self._is_ready = self._was_stopped = True  # the next block tries again
                raise
            self._is_ready = True
        return has_ended and not was_stopped

    def restart(self) -> None:
        """End the kernel, and start it anew. Not a word is lost on one that is busy: it may not listen."""
        self._end()
        self._start()

    def stop(self) -> None:
        """End the kernel, politely if it is not busy. A cell that another thread waits for ends at once."""
        if not self.lock.acquire(blocking=False):
            self._process.kill()
            self.lock.acquire()
        try:
            if self._process.trouble() is None and self._is_ready:
                self.send("shutdown_request", {"restart": False})
                self._process.wait(POLITE)
            self._end()
            self._was_stopped = True
        finally:
            self.lock.release()

    def _end(self) -> None:
        self._process.kill()
        self._close()

    def _start(self) -> None:
        self._is_ready = False
        self._folder = Path(tempfile.mkdtemp(prefix="autogen-kernel-"))  # nobody else may look into it
        self._messages = _Messages(self._folder)
        self._close = when_dropped(self, _clean_up, self._messages, self._folder)
        command = [part.format_map(_Places(self._messages.file, self._spec.resource_dir)) for part in self._spec.argv]
        if command[0] in ("python", "python3", f"python{sys.version_info[0]}.{sys.version_info[1]}"):
            command[0] = sys.executable
        try:
            self._process = SupervisedProcess(
                command, cwd=self._cwd, env=self._kernel_environment(), limits=self._limits, folder=self._folder
            )
        except BaseException:
            self._close()
            raise

    def _kernel_environment(self) -> dict[str, str]:
        environment = kernel_environment()
        own = {name: Template(value).safe_substitute(environment) for name, value in self._spec.env.items()}
        return {**environment, "IPYTHONDIR": str(self._folder / "ipython"), **own, **self._environment}


def kernel_environment() -> dict[str, str]:
    """The environment of kernels: that of generated code. Their figures are shown in the way of kernels, none else.

    The programs of the Python that runs this come first: `!pip` installs where `%pip` does.
    """
    environment = child_environment()
    environment.pop("MPLBACKEND", None)
    return with_programs_of(os.path.dirname(sys.executable), environment)


class _Places(dict[str, str]):
    def __init__(self, file: str, resources: str) -> None:
        super().__init__(connection_file=file, resource_dir=resources, prefix=sys.prefix)

    def __missing__(self, name: str) -> str:
        return "{" + name + "}"  # it is none of ours


class _Messages:
    """The channels of a kernel."""

    def __init__(self, folder: Path) -> None:
        key = secrets.token_hex(32)
        local = os.name == "posix" and len(str(folder)) <= LONGEST_SOCKET
        place = {"transport": "ipc", "ip": str(folder / "k")} if local else {"transport": "tcp", "ip": "127.0.0.1"}
        self.file, facts = _connect.write_connection_file(str(folder / "kernel.json"), key=key.encode(), **place)
        self.session = _session.Session(key=key.encode(), username="autogen")
        self.context = _zmq.Context()
        self.poller = _zmq.Poller()
        self.sockets: dict[str, Any] = {}
        for channel, kind in CHANNELS.items():
            socket = self.context.socket(getattr(_zmq, kind))
            socket.linger = 0
            socket.rcvhwm = 0  # a message of the kernel that is not taken in would be lost
            if kind == "SUB":
                socket.subscribe(b"")
            port = facts[f"{channel}_port"]
            socket.connect(f"ipc://{folder / 'k'}-{port}" if local else f"tcp://127.0.0.1:{port}")
            self.sockets[channel] = socket
            self.poller.register(socket, _zmq.POLLIN)

    def receive(self, seconds: float) -> Message | Oversized | None:
        """The next message; None if there is none in time, or it can't be understood."""
        ready = dict(self.poller.poll(int(seconds * 1000)))
        for channel in ("iopub", "shell", "control"):  # what a cell shows comes before its end
            if self.sockets[channel] in ready:
                return self._read(channel)
        return None

    def _read(self, channel: str) -> Message | Oversized | None:
        frames = self.sockets[channel].recv_multipart()
        size = sum(map(len, frames))
        if size > MOST_BYTES:
            return Oversized(size)
        try:
            _, parts = self.session.feed_identities(frames)
            message = self.session.deserialize(parts)
        except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
            return {}  # not a message of the protocol
        return {**message, "channel": channel}


def _clean_up(messages: _Messages, folder: Path) -> None:
    messages.context.destroy(linger=0)
    for _ in range(10):
        shutil.rmtree(folder, ignore_errors=True)  # the kernel that is being killed may write once more
        if not folder.exists():
            return
        time.sleep(0.01)
