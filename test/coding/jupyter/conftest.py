"""Executors with real kernels: one that this process starts, and one of a real server."""

import os
from importlib.util import find_spec
from pathlib import Path

import pytest

from autogen.coding import CodeBlock

if not (find_spec("jupyter_server") and find_spec("jupyter_client") and find_spec("websocket")):
    pytest.skip("the extra 'jupyter-executor' is not installed", allow_module_level=True)

from autogen.coding.jupyter import EmbeddedIPythonCodeExecutor, JupyterCodeExecutor, LocalJupyterServer


@pytest.fixture(scope="session")
def server():
    with LocalJupyterServer(log_file=os.devnull) as server:
        yield server


@pytest.fixture(scope="module", params=["embedded", pytest.param("served", marks=pytest.mark.slow)])
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def shared(kind, request, tmp_path_factory):
    """One warm executor for all the tests of a module."""
    folder = tmp_path_factory.mktemp("output")
    if kind == "embedded":
        manager = EmbeddedIPythonCodeExecutor(output_dir=str(folder), work_dir=str(folder))
    else:
        manager = JupyterCodeExecutor(request.getfixturevalue("server"), output_dir=folder)
    with manager as executor:
        yield executor


@pytest.fixture
def folder(shared) -> Path:
    return Path(shared._output_dir)


@pytest.fixture
def run(shared):
    """Run code in the warm executor, with a time limit if one is given."""

    def run(*codes, timeout=60, language="python"):
        shared._timeout = timeout
        return shared.execute_code_blocks([CodeBlock(language=language, code=code) for code in codes])

    return run


@pytest.fixture
def alive():
    """Whether a process runs; one that has ended and waits for its parent does not."""

    def alive(pid: int) -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except (FileNotFoundError, ProcessLookupError):
            return False

    return alive
