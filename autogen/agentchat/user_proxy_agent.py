"""`UserProxyAgent`: an agent that stands for the user, asks them for input, and runs the code that others write."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from ..types import LLMConfigDict
from ._agent.options import AgentOptions
from ._core import runtime_log
from ._replies.termination_and_human import check_mode
from .agent import Message
from .conversable_agent import ConversableAgent, HumanInputMode

# The executors need pydantic, which a program without code execution should not load.
if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..coding.base import CodeExecutionConfig

__all__ = ["UserProxyAgent"]


class UserProxyAgent(ConversableAgent):
    """An agent that stands for the user: it asks them at each message, and runs code and functions for them.

    >>> UserProxyAgent("user", human_input_mode="NEVER", code_execution_config={"use_docker": False})  # doctest: +SKIP
    """

    DEFAULT_USER_PROXY_AGENT_DESCRIPTIONS = {
        "ALWAYS": "A human who reads every message, answers questions, and can run Python and shell code.",
        "TERMINATE": "A user who runs Python and shell code and reports the results.",
        "NEVER": "A terminal that does nothing but run the Python and shell code blocks it is given.",
    }

    def __init__(
        self,
        name: str,
        is_termination_msg: Callable[[Message], object] | None = None,
        max_consecutive_auto_reply: int | None = None,
        human_input_mode: HumanInputMode = "ALWAYS",
        function_map: Mapping[str, Callable[..., object] | None] | None = None,
        code_execution_config: CodeExecutionConfig | Mapping[str, object] | Literal[False] = {},
        default_auto_reply: str | Message | None = "",
        llm_config: LLMConfigDict | Mapping[str, object] | Literal[False] | None = False,
        system_message: str | Sequence[Mapping[str, object]] | None = "",
        description: str | None = None,
        **kwargs: Unpack[AgentOptions],
    ) -> None:
        """Create a user proxy.

        Args:
            name: Name that others see.
            is_termination_msg: Function of a received message that returns True if it ends the chat, or a condition from
                `autogen.agentchat.conditions`. By default the exact text `TERMINATE` does.
            max_consecutive_auto_reply: Maximum number of automatic replies in a row; None for the limit of the class.
            human_input_mode: When the human is asked: `ALWAYS`, `TERMINATE` or `NEVER`.
            function_map: Functions that the agent executes, by name.
            code_execution_config: How code is run, by default in Docker; False for an agent that runs no code.
            default_auto_reply: Reply if no reply function has a final reply.
            llm_config: Config of a model that replies if the human does not; by default there is no model.
            system_message: System message of that model.
            description: Purpose of the agent; by default a text that fits the `human_input_mode`.
            **kwargs: Further arguments of `ConversableAgent`, such as `human_input_timeout`.

        Raises:
            ValueError: if an argument has an invalid value; the message names it.
            RuntimeError: if code is to run in Docker, and Docker is not available.
        """
        arguments = runtime_log.capture_arguments(locals())
        # The base class would take the system message, which is empty.
        if description is None:
            description = self.DEFAULT_USER_PROXY_AGENT_DESCRIPTIONS[check_mode(human_input_mode)]
        super().__init__(
            name,
            system_message,
            is_termination_msg,
            max_consecutive_auto_reply,
            human_input_mode,
            function_map,
            code_execution_config,
            llm_config,
            default_auto_reply,
            description,
            **kwargs,
        )
        runtime_log.log_new_agent(self, arguments)
