"""`SubCriticAgent`: an agent that divides criteria into finer criteria."""

from __future__ import annotations

from typing import Any

from ...conversable_agent import ConversableAgent

__all__ = ["SubCriticAgent"]


class SubCriticAgent(ConversableAgent):
    """An agent that divides criteria into finer criteria. It runs no code and asks no human.

    Args:
        name: Name.
        system_message: System message.
        description: Description, for other agents.
        **kwargs: Further arguments of `ConversableAgent`.

    Attributes:
        DEFAULT_SYSTEM_MESSAGE: System message, unless another is given.
        DEFAULT_DESCRIPTION: Description, unless another is given.
    """

    DEFAULT_SYSTEM_MESSAGE = (
        "You divide criteria by which solutions of a task are judged. For each criterion that you get, add finer criteria "
        "that together cover it: each about one thing, and decidable from a solution alone. Leave out those that repeat "
        "another.\n"
        "Answer with the whole JSON list of criteria and nothing else. Each keeps its `name`, `description` and "
        "`accepted_values`, and gets `sub_criteria`: a list of objects with the keys `name`, `description` and "
        "`accepted_values`, the best value first."
    )
    DEFAULT_DESCRIPTION = "Divides criteria into finer criteria."

    def __init__(
        self,
        name: str = "subcritic",
        system_message: str | None = DEFAULT_SYSTEM_MESSAGE,
        description: str | None = DEFAULT_DESCRIPTION,
        **kwargs: Any,
    ) -> None:
        options = {"human_input_mode": "NEVER", "code_execution_config": False, **kwargs}
        super().__init__(name=name, system_message=system_message, description=description, **options)
