"""`AssistantAgent`: a model that solves tasks by writing code."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from ..types import LLMConfigDict
from ._agent import agent_llm_config
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

    # True until the model is first needed, for an agent whose `llm_config` was left out.
    _awaits_model = False

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
            llm_config: Config of the model, as `OpenAIWrapper` takes it; False for an agent without a model. If it is left
                out, the agent takes the model that the user has set up, when it first needs one: the entries of
                OAI_CONFIG_LIST (variable or file), or else that of a vendor's key in the environment.
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
        # Subclasses of programs may count on an agent without a model.
        self._awaits_model = llm_config is None and self.client is None and type(self) is AssistantAgent
        runtime_log.log_new_agent(self, arguments)

    def _get_model_client(self) -> Any:
        if self._awaits_model and self.client is None and not self.llm_config:
            has_reply = bool(self._default_auto_reply)
            config = agent_llm_config.find_llm_config(self.name, has_reply)
            # The message comes once: nothing is looked up again.
            self._awaits_model = False
            if config is not None:
                self._validate_llm_config(config)
        return self.client
