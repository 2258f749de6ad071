"""`AssistantAgent`: a model that solves tasks by writing code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from ._core import runtime_log
from .agent import Message
from .conversable_agent import ConversableAgent, HumanInputMode

__all__ = ["AssistantAgent"]


class AssistantAgent(ConversableAgent):
    """An agent that a model speaks for. It asks no human and runs no code: it writes code for others to run.

    >>> AssistantAgent("assistant", llm_config={"model": "smollm2-135m", "api_type": "local"})  # doctest: +SKIP
    """

    DEFAULT_SYSTEM_MESSAGE = """You are an assistant that solves tasks together with a user who can run code.

When something has to be looked up, computed or done on the machine, write code for it:
- Put it in one fenced block, tagged python or sh. Give the whole program each time; the user runs it unchanged.
- Begin it with the line `# filename: <name>` if it should be saved under a name.
- Print what you need to see. The program can't ask the user for input.
- Write one block per message, then wait for its result.

Read the result that comes back. If the run failed, find the cause and send the corrected program. If it
succeeded, check that the output really answers the task, and go on with the next step until it does.

When the task is done, say what the answer is and end your message with the word TERMINATE.
"""

    DEFAULT_DESCRIPTION = "A general-purpose assistant that reasons in plain language and writes Python and shell programs."

    def __init__(
        self,
        name: str,
        system_message: str | None = DEFAULT_SYSTEM_MESSAGE,
        llm_config: dict[str, Any] | Literal[False] | None = None,
        is_termination_msg: Callable[[Message], Any] | None = None,
        max_consecutive_auto_reply: int | None = None,
        human_input_mode: HumanInputMode = "NEVER",
        description: str | None = None,
        **kwargs: Any,
    ) -> None:
        """
        Args:
            name: The name that others see.
            system_message: What the model is told before the conversation; by default how to solve tasks by writing code.
            llm_config: The model, as `OpenAIWrapper` takes it; False for an agent without one.
            is_termination_msg: Whether a received message ends the chat; a function, or a condition. By default the exact
                text `TERMINATE` does.
            max_consecutive_auto_reply: How many automatic replies in a row; None for the class's limit.
            human_input_mode: When the human is asked: `ALWAYS`, `TERMINATE` or `NEVER`.
            description: What the agent is good for; with a system message of your own that message, if None.
            **kwargs: More of what `ConversableAgent` takes, such as `code_execution_config`.

        Raises:
            ValueError: An argument has a value that is not possible; the message names it.
        """
        given = runtime_log.given(locals())
        if description is None and system_message == self.DEFAULT_SYSTEM_MESSAGE:
            description = self.DEFAULT_DESCRIPTION
        super().__init__(
            name,
            system_message,
            is_termination_msg,
            max_consecutive_auto_reply,
            human_input_mode,
            llm_config=llm_config,
            description=description,
            **kwargs,
        )
        runtime_log.new_agent(self, given)
