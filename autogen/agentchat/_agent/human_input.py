"""Questions of an agent to its human."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ..._steps import run_sync
from ...io.base import AsyncInputStream, InputStream
from .._core.internals import as_async_method
from .._replies.termination_and_human import ask_human
from .state import AgentState


class HumanInputMixin(AgentState):
    """The methods that ask the human. Programs override them to ask elsewhere than on the console."""

    # Typed programs of 0.2 override the methods without `iostream`, which a type checker refuses if it knows the parameter.
    if TYPE_CHECKING:

        def get_human_input(self, prompt: str) -> str:
            """Ask the human."""
            raise NotImplementedError

        async def a_get_human_input(self, prompt: str) -> str:
            """Async version of `get_human_input`."""
            raise NotImplementedError

    else:

        def get_human_input(self, prompt: str, *, iostream: InputStream | None = None) -> str:
            """Ask the human; override it to ask elsewhere than on the console.

            Args:
                prompt: Question.
                iostream: Stream for this question; None for the `human_input_source`, or else the current stream.
            """
            return run_sync(ask_human(self, prompt, iostream))

        async def a_get_human_input(self, prompt: str, *, iostream: InputStream | AsyncInputStream | None = None) -> str:
            """Async version of `get_human_input`. An override of the sync version alone runs in a thread, or is awaited."""
            ask = as_async_method(self, "get_human_input", partial(ask_human, self))
            # An override need not know the parameter.
            return await (ask(prompt) if iostream is None else ask(prompt, iostream=iostream))
