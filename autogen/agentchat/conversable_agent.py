"""`ConversableAgent`: an agent that sends, receives and replies. Each method delegates to the module that implements it."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from .._mistakes import warn_caller
from .._steps import run_async, run_sync
from ..cache.abstract_cache_base import AbstractCache
from ..code_utils import execute_code
from ..control import ChatControl
from ..formatting_utils import colored as colored
from ..oai.client import OpenAIWrapper
from ..operations import JournalStore
from ..types import ChatQueue, Limit, LLMConfigDict
from ._agent import agent_llm_config, hooks
from ._agent.group_member import GroupMemberMixin
from ._agent.human_input import HumanInputMixin
from ._agent.lifecycle import LifecycleMixin
from ._agent.messaging import MessagingMixin
from ._agent.single_agent import SingleAgentMixin
from ._agent.snapshot import SnapshotMixin
from ._agent.tool_registration import register_function as register_function
from ._agent.usage import UsageMixin
from ._chats import sequence
from ._chats.carryover import ask_first_message
from ._chats.message_loop import Receive, Send, deliver
from ._chats.nested import SUMMARY, make_nested_reply
from ._chats.two_agents import ChatOptions, run_chat
from ._contexts.transform import ContextLike
from ._core import argument_checks as checks
from ._core import registration_warnings, runtime_log
from ._core.internals import as_async_method, get_conversation, is_overridden, store_original_methods
from ._core.messages import assert_valid_name
from ._core.protocols import ReplyFunction, Trigger
from ._core.result import ChatResult
from ._core.termination import bind_condition, is_default_termination
from ._handoffs.context_variables import ContextVariables
from ._handoffs.context_variables import UpdateSystemMessage as UpdateSystemMessage
from ._handoffs.handoffs import Handoffs
from ._memory.mixin import MemoryMixin
from ._replies import code_reply, registry
from ._replies.model_reply import generate_model_reply, make_model_step
from ._replies.termination_and_human import check_mode, check_termination_and_human, decide_reply
from ._replies.tool_execution import execute_function_call, execute_tool_calls, make_function_step, make_tool_step
from .agent import Agent, Message

# The executors need pydantic, which a program without code execution should not load.
if TYPE_CHECKING:
    from ..coding.base import CodeExecutionConfig

# Tracebacks of pytest show the program's frames, and not those of this module.
__tracebackhide__ = True

__all__ = ["ConversableAgent"]

A = TypeVar("A", bound=Agent)
# Programs import it from here.
F = TypeVar("F", bound=Callable[..., Any])
Reply = tuple[bool, str | Message | None]
HumanInputMode = Literal["ALWAYS", "NEVER", "TERMINATE"]


class ConversableAgent(
    LifecycleMixin,
    SnapshotMixin,
    UsageMixin,
    GroupMemberMixin,
    HumanInputMixin,
    SingleAgentMixin,
    MemoryMixin,
    MessagingMixin,
):
    """An agent that converses: with a model, by running code and tools, by asking a human, or any combination.

    Subclass it or register reply functions to make another kind of agent. Built-in reply functions, like
    `generate_oai_reply`, take `messages` (the history with `sender` if None), the `sender` that gets the reply, and a
    `config` (None for the agent's own); they return whether the reply is final, and the reply.

    Attributes:
        DEFAULT_CONFIG: `llm_config` of agents constructed with None.
        MAX_CONSECUTIVE_AUTO_REPLY: Limit of agents constructed with None.
        DEFAULT_SUMMARY_PROMPT: Prompt for a summary by reflection.
        DEFAULT_SUMMARY_METHOD: Summary method of chats without one.
        run_executor: The other side of the last run in AG2's form; None before the first.
    """

    run_executor = None

    DEFAULT_CONFIG: dict[str, Any] | Literal[False] = False
    MAX_CONSECUTIVE_AUTO_REPLY = 100
    DEFAULT_SUMMARY_PROMPT = "Sum up what this conversation arrived at, in plain words. Give the summary alone, no preamble."
    DEFAULT_SUMMARY_METHOD = "last_msg"

    def __init__(
        self,
        name: str,
        system_message: str | Sequence[Mapping[str, object]] | None = "You are a helpful AI Assistant.",
        is_termination_msg: Callable[[Message], object] | None = None,
        max_consecutive_auto_reply: int | None = None,
        human_input_mode: HumanInputMode = "TERMINATE",
        function_map: Mapping[str, Callable[..., object] | None] | None = None,
        code_execution_config: CodeExecutionConfig | Mapping[str, object] | Literal[False] = False,
        llm_config: LLMConfigDict | Mapping[str, object] | Literal[False] | None = None,
        default_auto_reply: str | Message | None = "",
        description: str | None = None,
        chat_messages: MutableMapping[A, list[Message]] | None = None,
        silent: bool | None = None,
        context_variables: ContextVariables | None = None,
        functions: Any = None,
        update_agent_state_before_reply: Callable[..., object] | Sequence[Callable[..., object]] | None = None,
        handoffs: Handoffs | None = None,
        *,
        human_input_source: Callable[[str], str | Awaitable[str]] | None = None,
        human_input_timeout: float | None = None,
        human_input_default: str = "",
        concurrent_tool_calls: bool = False,
        model_context: ContextLike | None = None,
    ) -> None:
        """Create an agent.

        Args:
            name: Name that others see.
            system_message: System message of the model.
            is_termination_msg: Function of a received message that returns True if it ends the chat, or a condition from
                `autogen.agentchat.conditions`. By default the exact text `TERMINATE` does.
            max_consecutive_auto_reply: Maximum number of automatic replies in a row; None for the limit of the class.
            human_input_mode: `ALWAYS` asks the human at each message, `TERMINATE` only when the chat would end, `NEVER`
                never.
            function_map: Functions that the agent executes, by name.
            code_execution_config: How code is run; False for an agent that runs no code.
            llm_config: Config of the model, as `OpenAIWrapper` takes it; False for an agent without a model.
            default_auto_reply: Reply if no reply function has a final reply.
            description: Purpose of the agent; the system message if None.
            chat_messages: Histories to continue. The mapping itself is used, not a copy.
            silent: True if messages are not printed; None leaves it to each call.
            context_variables: Context variables of the agent; see `autogen.agentchat.group`.
            functions: Functions that its model may call, described by the first sentences of their docstrings: one, several,
                `Tool`s or a `Toolkit`. The agent executes them itself if no other agent does.
            update_agent_state_before_reply: Functions `(agent, messages)` called before each reply, or an
                `UpdateSystemMessage`.
            handoffs: Hand-offs to other agents in a group chat.
            human_input_source: Function of a prompt, sync or async, that returns the human's input; None for the current
                `IOStream`.
            human_input_timeout: Timeout for the human in seconds; None for no timeout.
            human_input_default: Input taken at a timeout. An empty text is the same as pressing Enter.
            concurrent_tool_calls: True if the calls of one message also run concurrently in sync chats, and sync functions
                in threads in async chats, where they would block the event loop.
            model_context: What the model sees of the history: a context of `autogen.agentchat.model_context`, or a
                transform; None for all of it.

        Raises:
            TypeError, ValueError: if an argument has an invalid value; the message names it.
            AssertionError: if `llm_config` is not a dict, False or None.
            RuntimeError: if code is to run in Docker, and Docker is not available.
        """
        arguments = runtime_log.capture_arguments(locals())
        checks.check_agent_arguments(name, system_message, is_termination_msg, max_consecutive_auto_reply, function_map)
        self._reset_conversations()
        # A copy, because the settings are completed below.
        self._code_execution_config = copy.copy(code_execution_config)
        self._name = name
        # An empty history for each new peer, but a mapping of the program as it is.
        self._oai_messages = defaultdict(list) if chat_messages is None else chat_messages
        self._oai_system_message = [{"content": system_message, "role": "system"}]
        self._description = system_message if description is None else description  # type: ignore[assignment]
        self._is_termination_msg = bind_condition(is_termination_msg or is_default_termination)
        self.silent = silent
        self._validate_llm_config(llm_config)
        self.human_input_mode = check_mode(human_input_mode)
        limit = max_consecutive_auto_reply
        self._max_consecutive_auto_reply = self.MAX_CONSECUTIVE_AUTO_REPLY if limit is None else limit
        self._reset_reply_limits()
        self._function_map = self._prepare_functions(
            {assert_valid_name(key): value for key, value in (function_map or {}).items() if value is not None}
        )
        self._default_auto_reply = default_auto_reply
        self.human_input_source = human_input_source
        self.human_input_timeout = human_input_timeout
        self.human_input_default = human_input_default
        self.concurrent_tool_calls = concurrent_tool_calls
        # From here on other agents find the tools of this one.
        registration_warnings.register_agent(self)
        self.hook_lists = hooks.make_hook_lists()
        self.model_context = model_context
        self._register_builtin_replies()
        self._prepare_for_groups(context_variables, handoffs)
        self._register_own_functions(functions)
        self._register_state_hooks(update_agent_state_before_reply)
        self._unshare_attributes()
        runtime_log.log_new_agent(self, arguments)

    def _register_builtin_replies(self) -> None:
        self._reply_func_list = []
        # Each registration goes to the front, so the last one is called first:
        # termination, then pending calls, then code, then the model.
        self._register_reply_pair("generate_oai_reply")
        self._set_up_code_execution()
        self._register_reply_pair("generate_tool_calls_reply")
        self._register_reply_pair("generate_function_call_reply")
        self._register_reply_pair("check_termination_and_human_reply")

    def _register_reply_pair(self, name: str) -> None:
        """Register the sync and the async variant of a built-in reply function.

        They are the functions of `ConversableAgent`, or patches of them: overrides in subclasses have to be registered.
        """
        sync_function, async_function = getattr(ConversableAgent, name), getattr(ConversableAgent, f"a_{name}")
        registry.ASYNC_VARIANTS.add(sync_function, async_function)
        self.register_reply([Agent, None], sync_function)
        self.register_reply([Agent, None], async_function, ignore_async_in_sync_chat=True)

    def _set_up_code_execution(self) -> None:
        if self._code_execution_config is None:
            warn_caller("code_execution_config=None is deprecated: use False for no code execution.")
            self._code_execution_config = {}
        config = self._code_execution_config
        if config is False:
            return
        if not isinstance(config, dict):
            raise ValueError(f"code_execution_config must be a dict or False, got {config!r}.")
        executor = code_reply.prepare_code_config(config, is_open=is_overridden(self, "run_code"))
        if executor is None:
            self.register_reply([Agent, None], ConversableAgent.generate_code_execution_reply)
            return
        self._code_executor = executor
        self.register_reply([Agent, None], ConversableAgent._generate_code_execution_reply_using_executor)

    def _validate_llm_config(self, llm_config: object) -> None:
        self.llm_config = agent_llm_config.validate_llm_config(llm_config, self.DEFAULT_CONFIG)
        self.client = OpenAIWrapper(**self.llm_config) if self.llm_config else None

    def _make_plain_agent(self, **arguments: Any) -> ConversableAgent:
        return ConversableAgent(**arguments)

    def register_model_client(self, model_client_cls: type, **kwargs: Any) -> None:
        """Register a custom client class for the agent's model; see `OpenAIWrapper.register_model_client`."""
        self.client.register_model_client(model_client_cls, **kwargs)

    # Conversations

    def send(
        self, message: Message | str, recipient: Agent, request_reply: bool | None = None, silent: bool | None = False
    ) -> None:
        """Send a message.

        Args:
            message: Text, or a dict in the OpenAI form.
            recipient: Receiving agent.
            request_reply: True to request a reply, False for none; None leaves it to the recipient's `reply_at_receive`.
            silent: True if the message is not printed.

        Raises:
            ValueError: if the message has neither content nor calls.
        """
        run_sync(deliver(Send(self, recipient, message, request_reply, silent)))

    async def a_send(
        self, message: Message | str, recipient: Agent, request_reply: bool | None = None, silent: bool | None = False
    ) -> None:
        """Async version of `send`."""
        await run_async(deliver(Send(self, recipient, message, request_reply, silent)))

    def receive(
        self, message: Message | str, sender: Agent, request_reply: bool | None = None, silent: bool | None = False
    ) -> None:
        """Receive a message from `sender`, and reply if a reply is requested. The arguments are those of `send`."""
        run_sync(deliver(Receive(self, sender, message, request_reply, silent)))

    async def a_receive(
        self, message: Message | str, sender: Agent, request_reply: bool | None = None, silent: bool | None = False
    ) -> None:
        """Async version of `receive`."""
        await run_async(deliver(Receive(self, sender, message, request_reply, silent)))

    def generate_reply(
        self, messages: list[Message] | None = None, sender: Agent | None = None, **kwargs: Any
    ) -> str | Message | None:
        """Generate a reply to a conversation by the first reply function with a final reply.

        Args:
            messages: Conversation; the history with `sender` if None.
            sender: Agent that gets the reply.
            **kwargs: `exclude`: reply functions that are not called.

        Returns:
            The reply; None ends the chat.

        Raises:
            AssertionError: if both `messages` and `sender` are None.

        >>> agent.generate_reply(messages=[{"role": "user", "content": "Hello"}])  # doctest: +SKIP
        """
        return run_sync(self._reply_step(messages, sender, **kwargs))

    async def a_generate_reply(
        self, messages: list[Message] | None = None, sender: Agent | None = None, **kwargs: Any
    ) -> str | Message | None:
        """Async version of `generate_reply`."""
        return await run_async(self._reply_step(messages, sender, **kwargs))

    def initiate_chat(
        self,
        recipient: ConversableAgent,
        clear_history: bool = True,
        silent: bool | None = False,
        cache: AbstractCache | None = None,
        max_turns: int | None = None,
        summary_method: str | Callable[..., object] | None = DEFAULT_SUMMARY_METHOD,
        summary_args: Mapping[str, object] | None = {},
        message: Message | str | Callable[..., object] | None = None,
        *,
        max_cost: Limit | None = None,
        max_tokens_total: Limit | None = None,
        on_budget: Literal["stop", "next"] | None = None,
        control: ChatControl | None = None,
        checkpoint: str | Path | JournalStore | None = None,
        on_unfinished: Literal["report", "rerun", "ask"] = "report",
        **kwargs: Any,
    ) -> ChatResult:
        """Run a chat with another agent until one of them stops, or the turns are used up.

        Args:
            recipient: Other agent.
            clear_history: True to delete earlier messages between the two.
            silent: True if messages are not printed.
            cache: Cache for the models of both during this chat.
            max_turns: Maximum number of turns (a message and its reply); None for no limit.
            summary_method: `last_msg`, `reflection_with_llm`, a callable `(sender, recipient, args)`, or None.
            summary_args: Arguments of the summary method, such as `summary_prompt`.
            message: First message; a callable `(sender, recipient, context)` that makes it; None asks a human.
            max_cost: Budget for models in USD, including chats inside the chat; or a window, `{"usd": 5, "per": "day"}`.
            max_tokens_total: Budget for models in tokens, in and out.
            on_budget: `next` to go down the config list when the budget is spent, and to end the chat with a partial result.
            control: Handle to stop, pause and resume the chat, or to give it a deadline.
            checkpoint: File that stores each step as soon as it is done. If the process dies, the same call resumes the
                chat: no model response is paid twice, no finished tool runs again.
            on_unfinished: What to do about a tool or code that was running then: `report` it to the model, `rerun` it, or
                `ask` the human.
            **kwargs: Context for callable messages; `carryover` is appended to the first message.

        Returns:
            The messages, summary, cost, human input, and the reason why the chat ended.

        Raises:
            BudgetExceeded: if the budget is spent; its `result` is the chat so far.
            ChatInProgress: if a chat of the two runs already, in another thread or task: their histories would be mixed.

        >>> result = user.initiate_chat(assistant, message="What is 2 + 2?", max_turns=1)  # doctest: +SKIP
        >>> result.summary  # doctest: +SKIP
        '4'
        """
        checks.check_recipient(recipient)
        # Refused before the first message, not in the middle of the chat.
        for agent in (self, recipient):
            agent._raise_exception_on_async_reply_functions()
        limits = {"max_cost": max_cost, "max_tokens_total": max_tokens_total, "on_budget": on_budget}
        options = ChatOptions(
            clear_history, silent, cache, max_turns, summary_method, summary_args, limits, control, checkpoint, on_unfinished
        )
        return run_sync(run_chat(self, recipient, message, options, kwargs))

    async def a_initiate_chat(
        self,
        recipient: ConversableAgent,
        clear_history: bool = True,
        silent: bool | None = False,
        cache: AbstractCache | None = None,
        max_turns: int | None = None,
        summary_method: str | Callable[..., object] | None = DEFAULT_SUMMARY_METHOD,
        summary_args: Mapping[str, object] | None = {},
        message: Message | str | Callable[..., object] | None = None,
        *,
        max_cost: Limit | None = None,
        max_tokens_total: Limit | None = None,
        on_budget: Literal["stop", "next"] | None = None,
        control: ChatControl | None = None,
        checkpoint: str | Path | JournalStore | None = None,
        on_unfinished: Literal["report", "rerun", "ask"] = "report",
        **kwargs: Any,
    ) -> ChatResult:
        """Async version of `initiate_chat`. A callable message may be a coroutine function."""
        # Async chats call coroutine functions and sync ones alike, so there is nothing to refuse.
        limits = {"max_cost": max_cost, "max_tokens_total": max_tokens_total, "on_budget": on_budget}
        options = ChatOptions(
            clear_history, silent, cache, max_turns, summary_method, summary_args, limits, control, checkpoint, on_unfinished
        )
        return await run_async(run_chat(self, recipient, message, options, kwargs))

    def initiate_chats(self, chat_queue: ChatQueue) -> list[ChatResult]:
        """Run chats one after another; see `autogen.agentchat.chat.initiate_chats`."""
        self._finished_chats = results = sequence.initiate_chats(self._check_chat_queue_for_sender(chat_queue))
        return results

    async def a_initiate_chats(self, chat_queue: ChatQueue) -> dict[int, ChatResult]:
        """Run chats concurrently; see `autogen.agentchat.chat.a_initiate_chats`."""
        self._finished_chats = results = await sequence.a_initiate_chats(self._check_chat_queue_for_sender(chat_queue))
        return results

    def generate_init_message(self, message: Message | str | None, **kwargs: Any) -> str | Message:
        """Make the first message of a chat: `message`, or a human's input if None, with the carryover appended."""
        first = run_sync(ask_first_message(self)) if message is None else message
        return self._handle_carryover(first, kwargs)

    async def a_generate_init_message(self, message: Message | str | None, **kwargs: Any) -> str | Message:
        """Async version of `generate_init_message`."""
        first = await run_async(ask_first_message(self)) if message is None else message
        return self._handle_carryover(first, kwargs)

    # Reply functions

    def register_reply(
        self,
        trigger: Trigger,
        reply_func: ReplyFunction,
        position: int = 0,
        config: object = None,
        reset_config: Callable[..., object] | None = None,
        *,
        ignore_async_in_sync_chat: bool = False,
        remove_other_reply_funcs: bool = False,
    ) -> None:
        """Register a reply function: `(recipient, messages, sender, config) -> (final, reply)`, sync or async.

        Args:
            trigger: Senders that it answers: a class, an agent, a name, a callable `(sender) -> bool`, None (no sender), or
                a list of these.
            reply_func: Function. If its reply is final, no other function is called.
            position: Index in the list of reply functions; the front by default.
            config: Config that the function gets, as a copy.
            reset_config: Called with the config by `reset()`, instead of restoring it.
            ignore_async_in_sync_chat: True if a sync chat skips a coroutine function, instead of raising an error.
            remove_other_reply_funcs: True to replace all other reply functions.

        Raises:
            ValueError: if the trigger is of an unsupported type.
        """
        # A row is a plain dict, because programs edit the list.
        row = registry.make_row(trigger, reply_func, config, reset_config, ignore_async_in_sync_chat)
        if remove_other_reply_funcs:
            self._reply_func_list.clear()
        self._reply_func_list.insert(position, row)

    def replace_reply_func(self, old_reply_func: ReplyFunction, new_reply_func: ReplyFunction) -> None:
        """Replace a reply function wherever it is registered."""
        for row in self._reply_func_list:
            if row["reply_func"] == old_reply_func:
                row["reply_func"] = new_reply_func

    def unregister_reply(self, reply_func: ReplyFunction) -> bool:
        """Remove a reply function wherever it is registered. Return True if it was."""
        rows = [row for row in self._reply_func_list if row["reply_func"] != reply_func]
        was_registered = len(rows) < len(self._reply_func_list)
        # In place, because programs keep the list.
        self._reply_func_list[:] = rows
        return was_registered

    def register_nested_chats(
        self,
        chat_queue: ChatQueue,
        trigger: Trigger,
        reply_func_from_nested_chats: str | Callable[..., object] = SUMMARY,
        position: int = 2,
        use_async: bool | None = None,
        **kwargs: Any,
    ) -> None:
        """Register nested chats as a reply function.

        Args:
            chat_queue: Specs of the chats, as in `initiate_chats`. The first chat starts with the message to be answered
                unless it has a message; a callable message is called `(recipient, messages, sender, config)`.
            trigger: Senders that it answers; see `register_reply`.
            reply_func_from_nested_chats: `summary_from_nested_chats`, or a callable
                `(chat_queue, recipient, messages, sender, config) -> (final, reply)`.
            position: Index in the list of reply functions.
            use_async: True to run the chats concurrently, by `a_initiate_chats`. Each needs a `chat_id` then.
            **kwargs: `config`, `reset_config` and `ignore_async_in_sync_chat` of `register_reply`.

        Raises:
            ValueError: if the function does not fit `use_async`, or a chat lacks its id.
        """
        reply = make_nested_reply(chat_queue, reply_func_from_nested_chats, use_async)
        checks.check_nested_options(kwargs)
        passed = {key: kwargs[key] for key in checks.NESTED_OPTIONS if key in kwargs}
        self.register_reply(trigger, reply, position, **passed)

    def check_termination_and_human_reply(
        self, messages: list[Message] | None = None, sender: Agent | None = None, config: object = None
    ) -> Reply:
        """Decide if the chat ends, and ask the human if `human_input_mode` requires it."""
        return run_sync(check_termination_and_human(self, get_conversation(self, messages, sender), sender))

    async def a_check_termination_and_human_reply(
        self, messages: list[Message] | None = None, sender: Agent | None = None, config: object = None
    ) -> Reply:
        """Async version of `check_termination_and_human_reply`."""
        return await run_async(check_termination_and_human(self, get_conversation(self, messages, sender), sender))

    def generate_function_call_reply(
        self, messages: list[Message] | None = None, sender: Agent | None = None, config: object = None
    ) -> Reply:
        """Execute the function call of the last message."""
        return run_sync(execute_function_call(self, get_conversation(self, messages, sender), sender))

    async def a_generate_function_call_reply(
        self, messages: list[Message] | None = None, sender: Agent | None = None, config: object = None
    ) -> Reply:
        """Async version of `generate_function_call_reply`."""
        return await run_async(execute_function_call(self, get_conversation(self, messages, sender), sender))

    def generate_tool_calls_reply(
        self, messages: list[Message] | None = None, sender: Agent | None = None, config: object = None
    ) -> Reply:
        """Execute the tool calls of the last message."""
        return run_sync(execute_tool_calls(self, get_conversation(self, messages, sender), sender))

    async def a_generate_tool_calls_reply(
        self, messages: list[Message] | None = None, sender: Agent | None = None, config: object = None
    ) -> Reply:
        """Async version of `generate_tool_calls_reply`: the calls run concurrently."""
        return await run_async(execute_tool_calls(self, get_conversation(self, messages, sender), sender))

    def generate_oai_reply(
        self, messages: list[Message] | None = None, sender: Agent | None = None, config: OpenAIWrapper | None = None
    ) -> Reply:
        """Request a reply from the model. `config` is the client to use."""
        return run_sync(generate_model_reply(self, messages, sender, config))

    async def a_generate_oai_reply(
        self, messages: list[Message] | None = None, sender: Agent | None = None, config: OpenAIWrapper | None = None
    ) -> Reply:
        """Async version of `generate_oai_reply`. An override of the sync version alone runs in a thread."""
        request = as_async_method(self, "generate_oai_reply", partial(generate_model_reply, self))
        return await request(messages, sender, config)

    def generate_code_execution_reply(
        self,
        messages: list[Message] | None = None,
        sender: Agent | None = None,
        config: dict[str, Any] | Literal[False] | None = None,
    ) -> Reply:
        """Run the code of recent messages, without an executor."""
        return run_sync(code_reply.run_code_by_agent(self, get_conversation(self, messages, sender), config))

    async def _a_generate_code_execution_reply(
        self,
        messages: list[Message] | None = None,
        sender: Agent | None = None,
        config: dict[str, Any] | Literal[False] | None = None,
    ) -> Reply:
        return await run_async(code_reply.run_code_by_agent(self, get_conversation(self, messages, sender), config))

    def _generate_code_execution_reply_using_executor(
        self, messages: list[Message] | None = None, sender: Agent | None = None, config: None = None
    ) -> Reply:
        """Run the code of recent messages with the agent's executor."""
        return run_sync(code_reply.run_code_by_executor(self, get_conversation(self, messages, sender), config))

    async def _a_generate_code_execution_reply_using_executor(
        self, messages: list[Message] | None = None, sender: Agent | None = None, config: None = None
    ) -> Reply:
        return await run_async(code_reply.run_code_by_executor(self, get_conversation(self, messages, sender), config))

    def run_code(self, code: str, **kwargs: Any) -> tuple[int, str, str | None]:
        """Run code; override it to run code elsewhere.

        Returns:
            Exit code, output, and the Docker image that the next block should use, if any.
        """
        return execute_code(code, **kwargs)

    def execute_code_blocks(self, code_blocks: list[tuple[str, str]]) -> tuple[int, str]:
        """Run `(language, code)` pairs until one fails. Returns the last exit code, and all output."""
        return code_reply.run_blocks(self, code_blocks)


# Taken here, before a program or a tracing package patches the class.
store_original_methods(ConversableAgent)

# The built-in reply functions as steps, which need no driver of their own.
registry.BUILTIN_STEPS.update(
    {
        ConversableAgent.check_termination_and_human_reply: registry.BuiltinStep(decide_reply, has_effects=False),
        ConversableAgent.generate_function_call_reply: registry.BuiltinStep(make_function_step, "function_call"),
        ConversableAgent.generate_tool_calls_reply: registry.BuiltinStep(make_tool_step, "tool_calls"),
        ConversableAgent.generate_oai_reply: registry.BuiltinStep(make_model_step, has_effects=False),
    }
)

for _sync_name, _async_name in (
    ("generate_code_execution_reply", "_a_generate_code_execution_reply"),
    ("_generate_code_execution_reply_using_executor", "_a_generate_code_execution_reply_using_executor"),
):
    registry.ASYNC_VARIANTS.add(vars(ConversableAgent)[_sync_name], vars(ConversableAgent)[_async_name])
