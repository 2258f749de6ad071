"""Fixtures for pytest, which registers them by an entry point of the package."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

# Imported in the fixtures at run time: pytest loads this module in every project, also where it is not used.
if TYPE_CHECKING:
    from . import OpenAIServer, ScriptedModel


@pytest.fixture
def scripted_model() -> Iterator[Callable[..., ScriptedModel]]:
    """Make scripted models: `scripted_model("Hello", "TERMINATE")`. The test fails if a reply is left unused."""
    from . import ScriptedModel

    with ExitStack() as scripts:
        yield lambda *replies, **options: scripts.enter_context(ScriptedModel(*replies, **options))


@pytest.fixture
def openai_server() -> Iterator[Callable[..., OpenAIServer]]:
    """Start local servers: `openai_server("Hello")`. They stop after the test."""
    from . import OpenAIServer

    with ExitStack() as servers:

        def start_server(*script: Any, **options: Any) -> OpenAIServer:
            return servers.enter_context(OpenAIServer(*script, **options))

        yield start_server
