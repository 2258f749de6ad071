"""The attributes of a conversable agent. Public programs read and write them, underscore or not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, MutableMapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from .._core import turn_context
from .._core.repetition import RepeatCounter
from .._core.result import ChatResult, StopReason
from ..agent import Agent, LLMAgent, Message

if TYPE_CHECKING:
    from ..group.context_variables import ContextVariables
    from ..group.handoffs import Handoffs


class AgentState(LLMAgent):
    """What a conversable agent remembers."""

    MAX_CONSECUTIVE_AUTO_REPLY: int
    llm_config: dict[str, Any] | Literal[False]
    client: Any
    client_cache: Any
    human_input_mode: str
    silent: bool | None
    reply_at_receive: defaultdict[Any, bool]
    hook_lists: dict[str, list[Callable[..., Any]]]
    human_input_source: Callable[[str], Any] | None
    human_input_timeout: float | None
    human_input_default: str
    concurrent_tool_calls: bool

    _name: str
    _description: str
    _oai_messages: MutableMapping[Any, list[Message]]
    _oai_system_message: list[Message]
    _is_termination_msg: Callable[[Message], Any]
    _max_consecutive_auto_reply: int
    _max_consecutive_auto_reply_dict: defaultdict[Any, int]
    _consecutive_auto_reply_counter: defaultdict[Any, int]
    _function_map: dict[str, Callable[..., Any]]
    _default_auto_reply: str | Message | None
    _reply_func_list: list[dict[str, Any]]
    _reply_plan: Any = None  # which of them are asked, as long as they are the same
    _human_input: list[str]
    _code_execution_config: Any  # a dict, or False
    _code_executor: Any
    _finished_chats: Any
    _stop_reasons: dict[Any, StopReason]
    _repeat_counters: dict[Any, RepeatCounter]
    _last_speaker: Agent | None
    _checked_tools: set[str]
    _summary_errors: dict[Any, str]

    def _reset_conversations(self) -> None:
        """As an agent is that has not been in a chat."""
        self.client_cache = None
        self.reply_at_receive = defaultdict(bool)
        self._consecutive_auto_reply_counter = defaultdict(int)
        self._human_input = []
        self._finished_chats = []
        self._stop_reasons = {}
        self._repeat_counters = {}
        self._last_speaker = None
        self._checked_tools = set()
        self._summary_errors = {}

    @property
    def name(self) -> str:
        """The agent's name; it can't be changed."""
        return self._name

    @property
    def description(self) -> str:
        """What the agent is good for; a group chat chooses its speakers by it."""
        return self._description

    @description.setter
    def description(self, description: str) -> None:
        self._description = description

    @property
    def system_message(self) -> str:
        """What the model is told before the conversation."""
        return self._oai_system_message[0]["content"]  # type: ignore[no-any-return]

    def update_system_message(self, system_message: str) -> None:
        """Change what the model is told before the conversation; the description stays."""
        self._oai_system_message[0]["content"] = system_message

    @property
    def chat_messages(self) -> MutableMapping[Agent, list[Message]]:
        """The live histories, by the other agent."""
        return self._oai_messages

    @property
    def function_map(self) -> dict[str, Callable[..., Any]]:
        """The functions that the agent can execute, by name."""
        return self._function_map

    @property
    def code_executor(self) -> Any:
        """The code executor; None if the agent has none."""
        return getattr(self, "_code_executor", None)

    @property
    def use_docker(self) -> bool | str | list[str] | None:
        """Whether, or in which image, code runs in Docker; None if the agent runs no code."""
        return None if self._code_execution_config is False else self._code_execution_config.get("use_docker")

    @cached_property
    def handoffs(self) -> Handoffs:
        """To whom the agent hands over in a group chat with hand-offs, and when."""
        from ..group.handoffs import Handoffs

        return Handoffs()

    @property
    def context_variables(self) -> ContextVariables:
        """What the members of a group chat with hand-offs know in common while it runs; else what the agent knows itself."""
        shared: ContextVariables | None = turn_context.variables()
        return self._own_variables if shared is None else shared

    @context_variables.setter
    def context_variables(self, variables: ContextVariables) -> None:
        self._own_variables = variables

    @cached_property
    def _own_variables(self) -> ContextVariables:
        from ..group.context_variables import ContextVariables

        return ContextVariables()

    def _new_side_effects(self) -> turn_context.SideEffects:
        """What a call will have done to the variables that the agent knows."""
        from ..group._effects import VariableEffects

        return VariableEffects(self.context_variables)

    def get_chat_results(self, chat_index: int | None = None) -> list[ChatResult] | dict[int, ChatResult] | ChatResult:
        """The results of the agent's last queue of chats, or one of them."""
        return self._finished_chats if chat_index is None else self._finished_chats[chat_index]  # type: ignore[no-any-return]
