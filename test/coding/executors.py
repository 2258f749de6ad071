"""The executors that `test_executor_contract.py` is run with. To have another one tested, add an entry to EXECUTORS.

An entry is a name, a way to make one, and a reason not to test it here, if there is one.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from session_pool import Credential, running_pool

from autogen.code_utils import is_docker_running
from autogen.coding import (
    ApprovedCodeExecutor,
    AzureSessionsCodeExecutor,
    CodeBlock,
    DockerCommandLineCodeExecutor,
    LocalCommandLineCodeExecutor,
    SandboxedCommandLineCodeExecutor,
)
from autogen.coding._bubblewrap import check_machine

IMAGE = "autogen-test:python"  # made by `.ci/docker`


@dataclass(frozen=True)
class Entry:
    """An executor under test.

    Attributes:
        name: What the test is called.
        make: `make(work_dir, timeout)` gives a context manager that makes one, and clears it away.
        skip: Says why it can't be tested on this machine; None if it can.
        programs: Whether each block is a program of its own, with a file; else it runs in a kernel.
        languages: Those it runs.
        marks: Marks for its tests.
    """

    name: str
    make: Callable[[Path, int], AbstractContextManager[Any]]
    skip: Callable[[], str | None] = lambda: None
    programs: bool = True
    languages: tuple[str, ...] = ("python", "sh")
    marks: tuple[Any, ...] = ()


@cache
def no_docker() -> str | None:
    """Why nothing can be tested with Docker here; None if it can."""
    if not is_docker_running():
        return "no Docker engine answers: `bash .ci/docker` starts one"
    from autogen.coding._docker.engine import connect

    client = connect()
    try:
        found = client.images.list(IMAGE)
    finally:
        client.close()
    return None if found else f"there is no image {IMAGE}: `bash .ci/docker` builds it"


def local(work_dir: Path, timeout: int) -> AbstractContextManager[Any]:
    return nullcontext(LocalCommandLineCodeExecutor(work_dir=work_dir, timeout=timeout))


@cache
def no_sandbox() -> str | None:
    """Why nothing can be tested in a sandbox here; None if it can."""
    try:
        check_machine()
    except RuntimeError as error:
        return str(error)
    return None


def sandbox(work_dir: Path, timeout: int) -> AbstractContextManager[Any]:
    return nullcontext(SandboxedCommandLineCodeExecutor(work_dir=work_dir, timeout=timeout))


def approved(work_dir: Path, timeout: int) -> AbstractContextManager[Any]:
    executor = LocalCommandLineCodeExecutor(work_dir=work_dir, timeout=timeout)
    return ApprovedCodeExecutor(executor, lambda block: True)


def docker(work_dir: Path, timeout: int) -> AbstractContextManager[Any]:
    return DockerCommandLineCodeExecutor(IMAGE, work_dir=work_dir, timeout=timeout)


def without(module: str) -> Callable[[], str | None]:
    """Why nothing can be tested where a module is missing."""
    return lambda: None if find_spec(module) else "the extra 'jupyter-executor' is not installed"


def embedded(work_dir: Path, timeout: int) -> AbstractContextManager[Any]:
    from autogen.coding.jupyter import EmbeddedIPythonCodeExecutor

    return EmbeddedIPythonCodeExecutor(timeout=timeout, output_dir=str(work_dir), work_dir=str(work_dir))


@cache
def jupyter_server() -> Any:
    """One for all tests."""
    from autogen.coding.jupyter import LocalJupyterServer

    return LocalJupyterServer(log_file=os.devnull)


def jupyter(work_dir: Path, timeout: int) -> AbstractContextManager[Any]:
    from autogen.coding.jupyter import JupyterCodeExecutor

    executor = JupyterCodeExecutor(jupyter_server(), timeout=timeout, output_dir=work_dir)
    executor.execute_code_blocks([CodeBlock(language="python", code=f"import os; os.chdir({str(work_dir)!r})")])
    return executor


@contextmanager
def azure_sessions(work_dir: Path, timeout: int) -> Iterator[Any]:
    with TemporaryDirectory() as folder, running_pool(Path(folder)) as pool:
        yield AzureSessionsCodeExecutor(pool.endpoint, Credential(), work_dir=work_dir, timeout=timeout)


@contextmanager
def pod(work_dir: Path, timeout: int) -> Iterator[Any]:
    from cluster import running_cluster

    from autogen.coding.kubernetes import PodCommandLineCodeExecutor

    with TemporaryDirectory() as folder:
        file = Path(folder) / "config"
        options = {"namespace": "ns", "stop_container": False, "kube_config_file": str(file)}
        with running_cluster(file), PodCommandLineCodeExecutor(work_dir=work_dir, timeout=timeout, **options) as executor:
            yield executor


def no_pod() -> str | None:
    if sys.platform == "win32":
        return "the pod is played by this machine's shell"
    return None if find_spec("kubernetes") else "the extra 'kubernetes' is not installed"


def no_pipes() -> str | None:
    return "the sessions are played by processes that inherit a pipe" if sys.platform == "win32" else None


EXECUTORS = [
    Entry("local", local),
    Entry("sandbox", sandbox, skip=no_sandbox),
    Entry("approved", approved, marks=(pytest.mark.slow,)),
    Entry(
        "ipython-embedded",
        embedded,
        skip=without("jupyter_client"),
        programs=False,
        languages=("python",),
        marks=(pytest.mark.slow,),
    ),
    Entry(
        "jupyter",
        jupyter,
        skip=without("jupyter_server"),
        programs=False,
        languages=("python",),
        marks=(pytest.mark.slow,),
    ),
    Entry(
        "azure-sessions",
        azure_sessions,
        skip=no_pipes,
        programs=False,
        languages=("python",),
        marks=(pytest.mark.slow,),
    ),
    Entry("docker", docker, skip=no_docker, marks=(pytest.mark.docker,)),
]

# These pass the kit, not the contract. Files and links of a pod are its own, and long output loses its end.
REMOTE = [Entry("pod", pod, skip=no_pod)]
