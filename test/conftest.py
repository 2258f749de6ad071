"""Fixtures for all tests: the network is shut, and a chat runs sync and async."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Hundreds of tests start Python. Where it may write no bytecode beside the sources, each of these processes would compile
# the whole package, which takes longer than most tests: it goes to a folder of its own.
if os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):
    sys.dont_write_bytecode = False
    sys.pycache_prefix = os.environ["PYTHONPYCACHEPREFIX"] = str(Path(__file__).parent.parent / ".cache" / "bytecode")

import pytest
from hypothesis import settings

from autogen import ConversableAgent
from autogen.oai._endpoints import provider_registry as registry
from autogen.oai._endpoints.adaptations import reset_adaptations
from autogen.oai._local import weights as weights_module
from autogen.oai._requests.retry import forget_failures

# A noisy machine is no failure, so there is no deadline. Few examples are enough while somebody works on the code; CI has
# --hypothesis-profile thorough.
settings.register_profile("autogen", deadline=None, max_examples=25)
settings.register_profile("thorough", deadline=None, max_examples=100)
settings.load_profile("autogen")


def pytest_collection_finish() -> None:
    """Keep thousands of collected tests out of every garbage collection that follows."""
    gc.collect()
    gc.freeze()


LOOPBACK = ("127.", "::1", "0:0:0:0:0:0:0:1", "localhost")


@pytest.fixture(autouse=True)
def loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that reaches for the network fails, and says where to."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family != getattr(socket, "AF_UNIX", None) and not str(address[0]).startswith(LOOPBACK):
            pytest.fail(f"This test tried to reach {address}. Use autogen.testing.ScriptedModel or OpenAIServer.")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test depends on keys or switches of the machine it runs on."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OAI_CONFIG_LIST", "AUTOGEN_USE_DOCKER"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def unknown_endpoints() -> None:
    """No test sees what an earlier one's endpoint failed at, or refused: ports are used again."""
    forget_failures()
    reset_adaptations()


def get_logging_state() -> dict[str, object]:
    """Return the settings that decide which records are seen. The levels of other packages' loggers are their own affair."""
    root = logging.getLogger()
    state: dict[str, object] = {"logging.disable": root.manager.disable, "root": (root.level, *root.handlers)}
    for name, logger in root.manager.loggerDict.items():
        if isinstance(logger, logging.Logger):
            ours = (logger.level, logger.propagate) if name.partition(".")[0] == "autogen" else ()
            state[name] = (logger.disabled, *ours)
    return state


@pytest.fixture(autouse=True)
def logging_unchanged() -> Iterator[None]:
    """Fail a test that changes logging for good: later tests of the same worker would miss records."""
    before = get_logging_state()
    yield
    after = get_logging_state()
    changes = {name: (before[name], state) for name, state in after.items() if before.get(name, state) != state}
    assert not changes, f"this test changed logging (before, after): {changes}"


@pytest.fixture
def sigint_raises() -> Iterator[None]:
    """Make SIGINT raise KeyboardInterrupt, here and in child processes, also where it was ignored from the start.

    A shell starts its background jobs with SIGINT ignored. Python then installs no handler, and children inherit that.
    """
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, previous)


@pytest.fixture(scope="session")
def weights() -> Path:
    """The weights of the local model, pulled into the user's cache by the first run, before a test shuts the network."""
    pytest.importorskip("xllamacpp", reason="the extra 'local' is not installed")
    return weights_module.pull("smollm2-135m")


@pytest.fixture(scope="session")
def tool_model() -> str:
    """The largest model in this process whose weights are there, and that can call tools. Nothing is downloaded."""
    pytest.importorskip("xllamacpp", reason="the extra 'local' is not installed")
    for name in ("qwen2.5-coder-1.5b", "qwen2.5-coder-0.5b"):
        if weights_module.CATALOGUE[name].is_installed:
            return name
    pytest.skip("no weights of a model that calls tools: autogen models pull --yes qwen2.5-coder-1.5b")


@pytest.fixture(scope="session")
def embedding_weights() -> Path:
    """The weights of the offline embedding model, pulled like those of the local model."""
    for package in ("numpy", "safetensors", "threadpoolctl", "tokenizers"):
        pytest.importorskip(package, reason="the extra 'embeddings' is not installed")
    return weights_module.pull("all-minilm-l6-v2")


@pytest.fixture(params=["sync", "async"])
def mode(request: pytest.FixtureRequest) -> str:
    """Run the test twice: "sync" and "async"."""
    return request.param


@pytest.fixture
def provider_registry() -> Iterator[None]:
    """Undo the registrations of a test."""
    tables = (registry._registered, registry._otel_names)
    before = [dict(table) for table in tables]
    yield
    for table, content in zip(tables, before, strict=True):
        table.clear()
        table.update(content)
    registry._searched.clear()


@pytest.fixture
def call(mode: str):
    """Call a method, sync or async: `call(a.initiate_chat, b, message="hi")` also runs `a.a_initiate_chat`."""

    def call(method, *args, **kwargs):
        if mode == "sync":
            return method(*args, **kwargs)
        return asyncio.run(getattr(method.__self__, "a_" + method.__name__)(*args, **kwargs))

    return call


@pytest.fixture
def agent():
    """Make an agent without a model, a human or a voice; keywords change that."""

    def make(name: str, kind: type[ConversableAgent] = ConversableAgent, **options: Any) -> ConversableAgent:
        return kind(name, **{"human_input_mode": "NEVER", "llm_config": False, "silent": True, **options})

    return make
