"""`UserProxyAgent`: stands for the user, asks them, and runs the code that others write."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from ._core import runtime_log
from ._replies.human_input import check_mode
from .agent import Message
from .conversable_agent import ConversableAgent, HumanInputMode

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
        is_termination_msg: Callable[[Message], Any] | None = None,
        max_consecutive_auto_reply: int | None = None,
        human_input_mode: HumanInputMode = "ALWAYS",
        function_map: dict[str, Callable[..., Any]] | None = None,
        code_execution_config: dict[str, Any] | Literal[False] = {},
        default_auto_reply: str | Message | None = "",
        llm_config: dict[str, Any] | Literal[False] | None = False,
        system_message: str | list[Any] | None = "",
        description: str | None = None,
        **kwargs: Any,
    ) -> None:
        """
        Args:
            name: The name that others see.
            is_termination_msg: Whether a received message ends the chat; a function, or a condition. By default the exact
                text `TERMINATE` does.
            max_consecutive_auto_reply: How many automatic replies in a row; None for the class's limit.
            human_input_mode: When the human is asked: `ALWAYS`, `TERMINATE` or `NEVER`.
            function_map: Functions that the agent executes, by name.
            code_execution_config: How code is run, by default in Docker; False for an agent that runs none.
            default_auto_reply: The answer when nothing else has one.
            llm_config: A model that answers where the human does not; by default there is none.
            system_message: What that model is told before the conversation.
            description: What the agent is good for; by default a text that fits the `human_input_mode`.
            **kwargs: More of what `ConversableAgent` takes, such as `human_input_timeout`.

        Raises:
            ValueError: An argument has a value that is not possible; the message names it.
            RuntimeError: Code is to run in Docker, and no Docker answers.
        """
        given = runtime_log.given(locals())
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
        runtime_log.new_agent(self, given)
