"""What the tests of code execution share."""

import contextlib
import uuid

import pytest
from executors import IMAGE

from autogen.coding import DockerCommandLineCodeExecutor
from autogen.coding._docker.engine import connect


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "docker: runs code in Docker, and is skipped where there is none")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many Docker tests ran: that none did must not go unnoticed."""
    counts = {
        # reports of collecting have no keywords
        outcome: sum("docker" in getattr(report, "keywords", ()) for report in terminalreporter.stats.get(outcome, ()))
        for outcome in ("passed", "failed", "skipped")
    }
    if any(counts.values()):
        ran = counts["passed"] + counts["failed"]
        terminalreporter.write_line(f"Docker tests: {ran} ran ({counts['failed']} failed), {counts['skipped']} skipped")


@pytest.fixture
def client():
    with contextlib.closing(connect()) as client:
        yield client


@pytest.fixture
def made(tmp_path):
    """Make executors that are stopped after the test."""
    executors = []

    def make(**options):
        executors.append(DockerCommandLineCodeExecutor(IMAGE, **{"work_dir": tmp_path, **options}))
        return executors[-1]

    yield make
    for executor in executors:
        executor.stop()
        executor._finish()


@pytest.fixture
def name(client):
    """A name for a container that is cleared away."""
    name = f"autogen-test-{uuid.uuid4().hex}"
    yield name
    for container in client.api.containers(all=True, filters={"name": f"^/{name}$"}):
        client.api.remove_container(container["Id"], force=True)
