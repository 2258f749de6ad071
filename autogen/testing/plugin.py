"""Fixtures for pytest; they are there as soon as the package is installed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from . import OpenAIServer, ScriptedModel


@pytest.fixture
def scripted_model() -> Iterator[Callable[..., ScriptedModel]]:
    """Make scripted models: `scripted_model("Hello", "TERMINATE")`. The test fails if a script is not used up."""
    from . import ScriptedModel

    with ExitStack() as scripts:
        yield lambda *replies, **options: scripts.enter_context(ScriptedModel(*replies, **options))


@pytest.fixture
def openai_server() -> Iterator[Callable[..., OpenAIServer]]:
    """Start loopback servers: `openai_server("Hello")`. They are shut down after the test."""
    from . import OpenAIServer

    with ExitStack() as servers:

        def start(*script: Any, **options: Any) -> OpenAIServer:
            return servers.enter_context(OpenAIServer(*script, **options))

        yield start
