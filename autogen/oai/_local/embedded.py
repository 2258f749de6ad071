"""A model in this process: llama.cpp behind its own OpenAI-compatible server on loopback.

There is one server for each file of weights, begun by the first request and ended with the process.
"""

from __future__ import annotations

import atexit
import os
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..._extras import require
from . import weights

CONTEXT = 8192  # tokens, for a file that is not in the catalogue

_lock = threading.Lock()
_servers: dict[tuple[int, Path], Any] = {}
_abandoned: list[Any] = []  # a child's copies of its parent's servers: closing one would wait for threads it doesn't have


@dataclass(frozen=True)
class LocalEndpoint:
    """Where a model of this process answers."""

    base_url: str
    path: Path


def serve(model: str) -> LocalEndpoint:
    """The server of a model; it is started if it is not running.

    Args:
        model: A name in the catalogue, or the path of a GGUF file.

    Raises:
        WeightsError: The weights are not here, or no weights.
        ImportError: The extra `local` is not installed.
    """
    load_llama_cpp()  # what is missing is told before the weights are fetched
    path = weights.resolve(model).resolve()
    with _lock:
        server = _servers.get((os.getpid(), path))
        if server is None:
            server = _servers[os.getpid(), path] = _start(path, model)
    return LocalEndpoint(f"{server.listening_address}/v1", path)


def _start(path: Path, name: str) -> Any:
    validate_gguf(path)
    llama = load_llama_cpp()
    params = llama.CommonParams()
    params.model.path = str(path)
    params.model_alias = {name}  # what answers call it, and usage is counted under
    params.n_ctx = next((row.context for row in weights.CATALOGUE.values() if row.member.endswith(path.name)), CONTEXT)
    params.n_parallel = 1
    params.cpuparams.n_threads = max(1, (os.cpu_count() or 1) // 2)  # threads wait for each other: never ask for every core
    params.use_jinja = True  # tools are a matter of the chat template
    params.verbosity = -1
    try:
        with _quiet():
            return llama.Server(params)
    except RuntimeError as error:
        raise weights.WeightsError(f"{path} can't be loaded as a model: {error}") from error


def load_llama_cpp() -> Any:
    """llama.cpp.

    Raises:
        ImportError: The extra `local` is not installed, or a library of the system that it needs.
    """
    try:
        return require("xllamacpp", extra="local", feature="A local model")
    except ImportError as error:
        if "libgomp" not in str(error):
            raise
        raise ImportError(
            f"A local model needs OpenMP, which slim images lack: {error}. Debian, Ubuntu: apt-get install libgomp1; "
            "Fedora: dnf install libgomp.",
            name="xllamacpp",
        ) from error


def validate_gguf(path: Path) -> None:
    """Refuse a file that is no GGUF file of a version that can be read: llama.cpp would end the whole process.

    Raises:
        WeightsError: It is none.
    """
    with open(path, "rb") as file:
        head = file.read(24)
    if len(head) < 24 or head[:4] != b"GGUF":
        raise weights.WeightsError(f"{path} is not a GGUF file.")
    version, tensors, _ = struct.unpack("<IQQ", head[4:])
    if not 2 <= version <= 3 or tensors == 0:
        raise weights.WeightsError(f"{path} is a GGUF file of version {version} with {tensors} tensors: not a model.")


@contextmanager
def _quiet() -> Iterator[None]:
    """Send what llama.cpp writes to the descriptor of standard error, past Python, to nowhere."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _forget() -> None:
    """In a child process: the servers are the parent's."""
    _abandoned.extend(_servers.values())
    _servers.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


@atexit.register
def stop_servers() -> None:
    """End all servers of this process."""
    _servers.clear()
