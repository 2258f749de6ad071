"""A model in this process: llama.cpp behind its own OpenAI-compatible server on loopback.

There is one server for each file of weights, started by the first request and stopped with the process. Other users of the
machine and pages in a browser can reach its port, so it answers only requests with its key, which no other process knows,
and allows no origin to read its responses.
"""

from __future__ import annotations

import atexit
import os
import secrets
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from ..._extras import require
from ..._mistakes import trim_stop
from . import weights

if TYPE_CHECKING:
    import xllamacpp

CONTEXT = 8192  # tokens, for a file that is not in the catalogue

_lock = threading.Lock()
_servers: dict[tuple[int, Path], _Server] = {}
# A child's copies of its parent's servers. Closing one would wait for threads that don't exist in the child.
_abandoned: list[_Server] = []


@dataclass(frozen=True)
class LocalEndpoint:
    """The address of a model in this process, the path of its weights, and the key of its server."""

    base_url: str
    path: Path
    api_key: str = field(repr=False)


@dataclass(frozen=True)
class _Server:
    """A running server and its key."""

    server: xllamacpp.Server
    api_key: str = field(repr=False)


def serve(model: str) -> LocalEndpoint:
    """Return the endpoint of a model, starting its server if it is not running.

    Args:
        model: A name in the catalogue, or the path of a GGUF file.

    Raises:
        WeightsError: if the weights don't exist or can't be loaded.
        ImportError: if the extra `local` is not installed.
    """
    # A missing package is reported before the user downloads the weights.
    load_llama_cpp()
    path = weights.resolve(model).resolve()
    with _lock:
        # By process id as well: a fork copies this table, but not the server's threads.
        server = _servers.get((os.getpid(), path))
        if server is None:
            server = _servers[os.getpid(), path] = _start_server(path, model)
    return LocalEndpoint(f"{server.server.listening_address}/v1", path, server.api_key)


def _start_server(path: Path, name: str) -> _Server:
    validate_gguf(path)
    llama = load_llama_cpp()
    params = llama.CommonParams()
    params.model.path = str(path)
    # The name of the model in responses, and in the usage.
    params.model_alias = {name}
    row = weights.find_model(path.name)
    if row is not None:
        require_memory(row)
    params.n_ctx = CONTEXT if row is None else row.context
    params.n_parallel = 1
    # llama.cpp's threads spin while they wait for each other, so that one thread per core slows all of them down.
    params.cpuparams.n_threads = max(1, (os.cpu_count() or 1) // 2)
    # Tool calls depend on the chat template.
    params.use_jinja = True
    params.verbosity = -1
    api_key = secrets.token_urlsafe()
    params.api_keys = [api_key]
    # The default is any origin, with credentials.
    params.cors_origins, params.cors_credentials = "", False
    params.ui = params.endpoint_slots = False
    try:
        with _silence_stderr():
            return _Server(llama.Server(params), api_key)
    except RuntimeError as error:
        raise weights.WeightsError(f"{path} can't be loaded as a model: {error}") from error


def load_llama_cpp() -> ModuleType:
    """Import llama.cpp.

    Raises:
        ImportError: if the extra `local`, or a system library that it needs, is not installed.
    """
    try:
        return require("xllamacpp", extra="local", feature="A local model")
    except ImportError as error:
        if "libgomp" not in str(error):
            raise
        raise ImportError(
            f"A local model needs OpenMP, which slim images lack: {trim_stop(error)}. Debian, Ubuntu: apt-get install "
            "libgomp1; Fedora: dnf install libgomp.",
            name="xllamacpp",
        ) from error


def validate_gguf(path: Path) -> None:
    """Check that a file is a GGUF file in a readable version. On any other file llama.cpp aborts the whole process.

    Raises:
        WeightsError: if it is not.
    """
    with open(path, "rb") as file:
        header = file.read(24)
    if len(header) < 24 or header[:4] != b"GGUF":
        raise weights.WeightsError(f"{path} is not a GGUF file.")
    version, tensors, _ = struct.unpack("<IQQ", header[4:])
    if not 2 <= version <= 3 or tensors == 0:
        raise weights.WeightsError(f"{path} is a GGUF file of version {version} with {tensors} tensors: not a model.")


def require_memory(model: weights.Model) -> None:
    """Check that a model fits into the free memory. Without this the system swaps, or ends a process.

    Raises:
        WeightsError: if it doesn't.
    """
    psutil = require("psutil", extra="local", feature="A local model")
    free = psutil.virtual_memory().available
    if free < model.memory:
        raise weights.WeightsError(
            f"The model {model.name!r} needs {model.memory / 1e9:.1f} GB of free memory, and {free / 1e9:.1f} GB are free. "
            "Close other programs, or use a smaller model: autogen models list"
        )


@contextmanager
def _silence_stderr() -> Iterator[None]:
    """Discard the output of llama.cpp, which writes to the file descriptor directly, past `sys.stderr`."""
    saved, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(null)


def _abandon_servers() -> None:
    """Forget the servers in a child process: they are the parent's."""
    _abandoned.extend(_servers.values())
    _servers.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_abandon_servers)


@atexit.register
def stop_servers() -> None:
    """Stop all servers of this process."""
    _servers.clear()
