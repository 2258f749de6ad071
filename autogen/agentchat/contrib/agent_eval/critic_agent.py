"""`CriticAgent`: an agent that makes criteria for a task."""

from __future__ import annotations

from typing import Any

from ...conversable_agent import ConversableAgent

__all__ = ["CriticAgent"]


class CriticAgent(ConversableAgent):
    """An agent that makes criteria for judging the solutions of a task. It runs no code and asks no human.

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
        "You make criteria by which solutions of a task are judged. You get the task, an example of a solution that "
        "succeeds and an example of a solution that fails. Choose criteria that tell such solutions apart. Each must be "
        "about one thing, must not overlap with another, and must be decidable from the solution alone.\n"
        "Answer with a JSON list of objects with the keys `name`, `description` and `accepted_values`, and nothing else. "
        "`accepted_values` is a list of distinct values, words or numbers, the best first."
    )
    DEFAULT_DESCRIPTION = "Makes criteria by which solutions of a task are judged."

    def __init__(
        self,
        name: str = "critic",
        system_message: str | None = DEFAULT_SYSTEM_MESSAGE,
        description: str | None = DEFAULT_DESCRIPTION,
        **kwargs: Any,
    ) -> None:
        options = {"human_input_mode": "NEVER", "code_execution_config": False, **kwargs}
        super().__init__(name=name, system_message=system_message, description=description, **options)
