"""`AssistantAgent`: a model that solves tasks by writing code."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from ..types import LLMConfigDict
from ._agent.options import AssistantOptions
from ._core import runtime_log
from .agent import Message
from .conversable_agent import ConversableAgent, HumanInputMode

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["AssistantAgent"]


class AssistantAgent(ConversableAgent):
    """An agent that uses a model. It asks no human and runs no code: it writes code for others to run.

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
        system_message: str | Sequence[Mapping[str, object]] | None = DEFAULT_SYSTEM_MESSAGE,
        llm_config: LLMConfigDict | Mapping[str, object] | Literal[False] | None = None,
        is_termination_msg: Callable[[Message], object] | None = None,
        max_consecutive_auto_reply: int | None = None,
        human_input_mode: HumanInputMode = "NEVER",
        description: str | None = None,
        **kwargs: Unpack[AssistantOptions],
    ) -> None:
        """Create an assistant.

        Args:
            name: Name that others see.
            system_message: System message of the model; by default instructions to solve tasks by writing code.
            llm_config: Config of the model, as `OpenAIWrapper` takes it; False for an agent without a model.
            is_termination_msg: Function of a received message that returns True if it ends the chat, or a condition from
                `autogen.agentchat.conditions`. By default the exact text `TERMINATE` does.
            max_consecutive_auto_reply: Maximum number of automatic replies in a row; None for the limit of the class.
            human_input_mode: When the human is asked: `ALWAYS`, `TERMINATE` or `NEVER`.
            description: Purpose of the agent; if None, the `system_message`, or a text that fits the default one.
            **kwargs: Further arguments of `ConversableAgent`, such as `code_execution_config`.

        Raises:
            ValueError: if an argument has an invalid value; the message names it.
        """
        arguments = runtime_log.capture_arguments(locals())
        # Without the default system message the description would be misleading.
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
        runtime_log.log_new_agent(self, arguments)
