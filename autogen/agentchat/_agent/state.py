"""Attributes of a conversable agent. Programs read and assign them, private or not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, MutableMapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from .._core.internals import AgentInternals
from .._core.protocols import AgentCore, Hook, Tool
from .._core.result import ChatResult
from ..agent import Agent, Message

# the executors need pydantic, which a program without code execution should not load
if TYPE_CHECKING:
    from ...coding.base import CodeExecutor


class AgentState(AgentCore):
    """State of a conversable agent, and the properties over it."""

    MAX_CONSECUTIVE_AUTO_REPLY: int

    client: Any
    hook_lists: dict[str, list[Hook]]
    llm_config: dict[str, Any] | Literal[False]
    reply_at_receive: MutableMapping[Any, bool]

    _name: str
    _description: str
    _oai_messages: MutableMapping[Any, list[Message]]
    _oai_system_message: list[Message]
    _is_termination_msg: Callable[[Message], object]
    _max_consecutive_auto_reply: int
    _max_consecutive_auto_reply_dict: MutableMapping[Any, int]
    _consecutive_auto_reply_counter: MutableMapping[Any, int]
    _function_map: dict[str, Tool]
    _default_auto_reply: str | Message | None
    _reply_func_list: list[dict[str, Any]]
    _human_input: list[str]
    # a dict, or False if the agent runs no code
    _code_execution_config: Any
    # set if the config names an executor
    _code_executor: CodeExecutor
    # by position after `initiate_chats`, by id after `a_initiate_chats`
    _finished_chats: Any

    @cached_property
    def _internals(self) -> AgentInternals:
        # made on first access, because programs subclass without calling `__init__`
        return AgentInternals()

    def _reset_conversations(self) -> None:
        """Initialise the state of conversations."""
        self.client_cache = None
        self.reply_at_receive = defaultdict(bool)
        self._consecutive_auto_reply_counter = defaultdict(int)
        self._human_input = []
        self._finished_chats = []
        # a new object: the old one may be shared with the original of a clone
        self._internals = AgentInternals()

    def _detach_clone(self) -> None:
        """Make a shallow copy independent of its original. Each class copies its own attributes, after `super()`."""
        # known to be checked, so clones don't repeat warnings; a manager's clone needs the group to copy it
        original = self._internals
        self._reset_conversations()
        self._internals = AgentInternals(checked_tools=set(original.checked_tools), group=original.group)
        self._oai_system_message = [dict(message) for message in self._oai_system_message]
        self._function_map = dict(self._function_map)
        self.hook_lists = {point: list(hooks) for point, hooks in self.hook_lists.items()}

    @property
    def name(self) -> str:
        """Name of the agent; it can't be changed."""
        return self._name

    @property
    def description(self) -> str:
        """Purpose of the agent; a group chat selects its speakers by it."""
        return self._description

    @description.setter
    def description(self, description: str) -> None:
        self._description = description

    @property
    def system_message(self) -> str:
        """System message of the model."""
        return self._oai_system_message[0]["content"]  # type: ignore[no-any-return]

    def update_system_message(self, system_message: str) -> None:
        """Replace the system message; the description stays."""
        self._oai_system_message[0]["content"] = system_message

    @property
    def chat_messages(self) -> MutableMapping[Agent, list[Message]]:
        """Live histories, by peer."""
        return self._oai_messages

    @property
    def function_map(self) -> dict[str, Tool]:
        """Functions that the agent executes, by name."""
        return self._function_map

    @property
    def code_executor(self) -> CodeExecutor | None:
        """Code executor; None if the agent has none."""
        return getattr(self, "_code_executor", None)

    @property
    def use_docker(self) -> bool | str | list[str] | None:
        """True, or the image, if code runs in Docker; None if the agent runs no code."""
        return None if self._code_execution_config is False else self._code_execution_config.get("use_docker")

    def get_chat_results(self, chat_index: int | None = None) -> list[ChatResult] | dict[int, ChatResult] | ChatResult:
        """Return the results of the agent's last chat queue, or one of them.

        Args:
            chat_index: Position, or id after `a_initiate_chats`; None for all.
        """
        return self._finished_chats if chat_index is None else self._finished_chats[chat_index]  # type: ignore[no-any-return]
