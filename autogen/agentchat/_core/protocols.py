"""Protocols of agents and groups, by which the packages of `agentchat` know the classes of the packages above them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Container, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, runtime_checkable

from ..._journal import Pending
from ..._steps import Steps
from ..agent import Agent, LLMAgent, Message
from .result import ChatResult

# The executors need pydantic, which a program without code execution should not load.
if TYPE_CHECKING:
    from ...coding.base import CodeExecutor

Hook = Callable[..., Any]
"""A function that observes or changes messages; the hook point decides about its arguments."""

Tool = Callable[..., Any]
"""A function that an agent executes: any parameters, sync or async."""

Trigger: TypeAlias = "type[object] | str | Agent | Callable[[Any], bool] | Sequence[Trigger] | None"
"""The senders that a reply function answers: a class, a name, an agent, a function of the sender, None for no sender, or a
list of these."""


FirstMessage: TypeAlias = Message | str | Callable[..., object] | None
"""The first message of a chat: a callable makes it, None asks a human."""


class ReplyFunction(Protocol):
    """A reply function, sync or async. It returns whether its reply is final, and the reply."""

    def __call__(
        self, recipient: Any, /, messages: Any, sender: Any, config: Any
    ) -> tuple[bool, object] | Awaitable[tuple[bool, object]]:
        """Reply to the last message of a conversation, or decline by `(False, None)`."""


@runtime_checkable
class QuestionStream(Protocol):
    """An `IOStream` whose reader gets questions with all that is known about them, and may answer them later."""

    def ask_question(self, question: Pending) -> str:
        """Ask a question, and wait for the answer. In a chat with a checkpoint, the question is stored already.

        Raises:
            ChatWaiting: if it is left open, with the question among its `pending`.
        """
        ...


class SpeakerSelector(Protocol):
    """A function that selects the next speaker of a group chat, sync or async."""

    def __call__(self, last_speaker: Any, groupchat: Any, /) -> object:
        """Return an agent, the name of a selection method, or None to end the chat."""


class AgentCapability(Protocol):
    """A capability that an agent is given: a memory, a filter, a shortened history."""

    def add_to_agent(self, agent: Any) -> None:
        """Register the capability's hooks with `agent`."""


class AgentCore(LLMAgent, Protocol):
    """A conversable agent as the packages below `conversable_agent` know it.

    The private methods are those that programs override, or that a subclass of this package does.
    """

    DEFAULT_SUMMARY_PROMPT: str
    client: Any
    client_cache: Any
    concurrent_tool_calls: bool
    hook_lists: dict[str, list[Hook]]
    human_input_default: str
    human_input_mode: str
    human_input_source: Callable[[str], str | Awaitable[str]] | None
    human_input_timeout: float | None
    llm_config: dict[str, Any] | Literal[False]
    reply_at_receive: MutableMapping[Any, bool]
    silent: bool | None
    _is_termination_msg: Callable[[Message], object]
    _awaits_model: bool
    _consecutive_auto_reply_counter: MutableMapping[Agent | None, int]
    _max_consecutive_auto_reply_dict: MutableMapping[Agent | None, int]

    @property
    def chat_messages(self) -> MutableMapping[Agent, list[Message]]:
        """Live histories by peer."""

    def _get_model_client(self) -> Any:
        """Return the client of the agent's model; None if it has no model."""

    @property
    def code_executor(self) -> CodeExecutor | None:
        """Code executor, or None."""

    @property
    def context_variables(self) -> MutableMapping[str, object]:
        """Context variables of the group chat in progress, or else the agent's."""

    @property
    def function_map(self) -> dict[str, Tool]:
        """Functions that the agent executes, by name."""

    def initiate_chat(self, recipient: Any, *, message: FirstMessage = None, **kwargs: Any) -> ChatResult:
        """Run a chat with another agent."""

    async def a_initiate_chat(self, recipient: Any, *, message: FirstMessage = None, **kwargs: Any) -> ChatResult:
        """Async version of `initiate_chat`."""

    def generate_init_message(self, message: Message | str | None, **kwargs: Any) -> str | Message:
        """Make the first message of a chat."""

    async def a_generate_init_message(self, message: Message | str | None, **kwargs: Any) -> str | Message:
        """Async version of `generate_init_message`."""

    def get_human_input(self, prompt: str) -> str:
        """Ask the human."""

    async def a_get_human_input(self, prompt: str) -> str:
        """Async version of `get_human_input`."""

    def can_execute_function(self, name: str | list[str]) -> bool:
        """Return True if the agent executes this function, or all of these."""

    def execute_function(
        self, func_call: Message, call_id: str | bool | None = None, verbose: bool = False
    ) -> tuple[bool, Message]:
        """Execute a function call."""

    async def a_execute_function(
        self, func_call: Message, call_id: str | bool | None = None, verbose: bool = False
    ) -> tuple[bool, Message]:
        """Async version of `execute_function`."""

    async def _a_execute_tool_call(self, tool_call: Message) -> Message:
        """Execute one tool call in an async chat."""

    def execute_code_blocks(self, code_blocks: list[tuple[str, str]]) -> tuple[int, str]:
        """Run code blocks until one fails."""

    def run_code(self, code: str, **kwargs: Any) -> tuple[int, str, str | None]:
        """Run one code block."""

    def clear_history(self, recipient: Agent | None = None, nr_messages_to_preserve: int | None = None) -> None:
        """Delete messages."""

    def last_message(self, agent: Agent | None = None) -> Message | None:
        """Return the last message of a conversation."""

    def chat_messages_for_summary(self, agent: Agent) -> list[Message]:
        """Return the messages that a summary of the chat with `agent` covers."""

    def _a_summary_from_nested_chats(self, *args: Any) -> Awaitable[tuple[bool, object]]: ...
    def _append_oai_message(
        self, message: Message | str, role: str, conversation_id: Agent, is_sending: bool | None = None
    ) -> bool: ...
    def _format_json_str(self, text: str, /) -> str: ...
    def _get_chats_to_run(self, *args: Any) -> list[Any]: ...
    def _last_msg_as_summary(self, sender: AgentCore, recipient: AgentCore, summary_args: object, /) -> str: ...
    def _participants(self) -> Sequence[object]: ...
    def _prepare_chat(
        self, recipient: Agent, clear_history: bool, prepare_recipient: bool = True, reply_at_receive: bool = True
    ) -> None: ...
    def _raise_exception_on_async_reply_functions(self) -> None: ...
    def _receive_step(self, delivery: Any, is_untouched: bool = False) -> Steps[object]: ...
    def _record_for(self, peer: Agent) -> list[Message] | None: ...
    def _reply_step(
        self, messages: list[Message] | None, sender: Agent | None, exclude: Container[ReplyFunction] = ()
    ) -> Steps[str | Message | None]: ...
    def _send_step(self, delivery: Any) -> Steps[object]: ...
    def _str_for_tool_response(self, tool_response: Message) -> str: ...
    def _summary_from_nested_chats(self, *args: Any) -> tuple[bool, object]: ...


class Group(Protocol):
    """A group chat as the packages below `groupchat` know it."""

    admin_name: str
    agents: list[Agent]
    allow_repeat_speaker: bool | list[Agent] | None
    allowed_or_disallowed_speaker_transitions: dict[Agent, list[Agent]] | None
    allowed_speaker_transitions_dict: dict[Agent, list[Agent]]
    eligibility_policies: Any
    enable_clear_history: bool
    func_call_filter: bool
    last_selection: str
    max_retries_for_selecting_speaker: int
    max_round: int
    messages: list[Message]
    return_results_to_caller: bool | None
    role_for_select_speaker_messages: str
    select_speaker_auto_llm_config: dict[str, Any] | Literal[False] | None
    select_speaker_auto_model_client_cls: type[Any] | list[type[Any]] | None
    select_speaker_auto_multiple_template: str
    select_speaker_auto_none_template: str
    select_speaker_auto_structured: bool | None
    select_speaker_auto_verbose: bool
    select_speaker_message_template: str
    select_speaker_prompt_template: str | None
    select_speaker_transform_messages: Any
    select_speaker_model_context: Any
    send_introductions: bool
    speaker_selection_method: Any
    speaker_transitions_type: Any
    visible_to: Callable[[Message, Agent], bool] | None

    @property
    def agent_names(self) -> list[str]:
        """Names of the members, in order."""

    def agent_by_name(self, name: str, recursive: bool = False, raise_on_name_conflict: bool = False) -> Agent | None:
        """Return the first member with this name."""

    def nested_agents(self) -> list[Agent]:
        """Return the members, and those of their groups."""

    def next_agent(self, agent: Agent | None, agents: list[Agent] | None = None) -> Agent:
        """Return the agent that follows in order."""

    def append(self, message: Message, speaker: Agent) -> None:
        """Record a message."""

    def reset(self) -> None:
        """Clear the record."""

    def introductions_msg(self, agents: list[Agent] | None = None) -> str:
        """Return the message that introduces the members."""

    def select_speaker_msg(self, agents: list[Agent] | None = None) -> str:
        """Return the system message of the model that selects speakers."""

    def select_speaker_prompt(self, agents: list[Agent] | None = None) -> str | None:
        """Return the question after the conversation."""

    def manual_select_speaker(self, agents: list[Agent] | None = None) -> Agent | None:
        """Ask a human for the next speaker."""

    def random_select_speaker(self, agents: list[Agent] | None = None) -> Agent:
        """Return a random agent."""

    async def a_auto_select_speaker(
        self, last_speaker: Agent, selector: Any, messages: list[Message], agents: list[Agent] | None
    ) -> Agent:
        """Let a model select the next speaker."""

    def _auto_select_speaker(
        self, last_speaker: Agent, selector: Any, messages: list[Message], agents: list[Agent] | None
    ) -> Agent: ...
    def _create_internal_agents(self, *args: Any) -> tuple[AgentCore, AgentCore]: ...
    def _manual_select_step(self, agents: list[Agent], asker: str) -> Steps[Agent | None]: ...
    def _process_speaker_selection_result(
        self, result: ChatResult, last_speaker: Agent, agents: list[Agent] | None
    ) -> Agent: ...
    def _select_speaker_step(self, last_speaker: Agent, selector: Any) -> Steps[Agent]: ...
    def _validate_speaker_name(self, *args: Any) -> tuple[bool, Message | None]: ...


class GroupManager(AgentCore, Protocol):
    """The manager of a group chat as the packages below `groupchat` know it."""

    @property
    def groupchat(self) -> Group:
        """Group chat that it manages."""

    def clear_agents_history(self, reply: Message, groupchat: Any) -> str:
        """Obey the command to clear histories in a reply."""

    def messages_from_string(self, message_string: str) -> list[Message]:
        """Parse messages from JSON text."""

    def _process_resume_termination(self, remove: str | Callable[[str], str] | None, /, messages: list[Message]) -> None: ...
    def _valid_resume_messages(self, messages: list[Message]) -> None: ...
