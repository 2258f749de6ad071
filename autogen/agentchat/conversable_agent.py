"""`ConversableAgent`: an agent that sends, receives and answers. Each method names the room where its work is done."""

from __future__ import annotations

import copy
import logging
import warnings
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from .._steps import Steps, run_async, run_sync
from ..code_utils import check_can_use_docker_or_throw, decide_use_docker, execute_code
from ..control import ChatControl
from ..oai.client import OpenAIWrapper
from ._agent import agent_llm_config, hooks
from ._agent.clone import general_limit
from ._agent.single_agent import SingleAgentMixin
from ._agent.tool_registration import as_list
from ._agent.tool_registration import register_function as register_function
from ._agent.turns import MessagingMixin
from ._agent.usage import UsageMixin
from ._chats import sequence
from ._chats.carryover import initial_message
from ._chats.message_loop import Receive, Send, deliver
from ._chats.nested import SUMMARY, nested_reply
from ._chats.two_agents import ChatOptions, run_chat
from ._core import runtime_log, unmatched_tools
from ._core.messages import assert_valid_name
from ._core.overrides import ORIGINAL_METHODS, as_async_method
from ._core.result import ChatResult
from ._core.termination import bind_condition
from ._replies import code_reply, registry
from ._replies.human_input import ask_human, check_mode, default_termination, termination_and_human, termination_step
from ._replies.model_reply import model_reply, model_step
from ._replies.tool_execution import function_reply, function_step, tool_reply, tool_step
from .agent import Agent, Message

if TYPE_CHECKING:
    from .group.context_variables import ContextVariables
    from .group.handoffs import Handoffs

__all__ = ["ConversableAgent"]

F = TypeVar("F", bound=Callable[..., Any])  # programs import it from here
Reply = tuple[bool, Any]
HumanInputMode = Literal["ALWAYS", "NEVER", "TERMINATE"]

logger = logging.getLogger(__name__)


class ConversableAgent(UsageMixin, SingleAgentMixin, MessagingMixin):
    """An agent that can hold a conversation: by a model, by running code and tools, by asking a human, or any mix.

    Subclass it or register reply functions to make an agent of another kind. Those that are built in, like
    `generate_oai_reply`, take `messages` (the history with `sender` if None), the `sender` who is answered, and a `config`
    (None for the agent's own); they give whether their answer is final, and the answer.

    Attributes:
        DEFAULT_CONFIG: The `llm_config` of agents that are given None.
        MAX_CONSECUTIVE_AUTO_REPLY: The limit of agents that are given None.
        DEFAULT_SUMMARY_PROMPT: What a model is asked when a chat is summed up by reflection.
        DEFAULT_SUMMARY_METHOD: The summary method of chats that name none.
    """

    DEFAULT_CONFIG: dict[str, Any] | Literal[False] = False
    MAX_CONSECUTIVE_AUTO_REPLY = 100
    DEFAULT_SUMMARY_PROMPT = "Sum up what this conversation arrived at, in plain words. Give the summary alone, no preamble."
    DEFAULT_SUMMARY_METHOD = "last_msg"

    def __init__(
        self,
        name: str,
        system_message: str | list[Any] | None = "You are a helpful AI Assistant.",
        is_termination_msg: Callable[[Message], Any] | None = None,
        max_consecutive_auto_reply: int | None = None,
        human_input_mode: HumanInputMode = "TERMINATE",
        function_map: dict[str, Callable[..., Any]] | None = None,
        code_execution_config: dict[str, Any] | Literal[False] = False,
        llm_config: dict[str, Any] | Literal[False] | None = None,
        default_auto_reply: str | Message | None = "",
        description: str | None = None,
        chat_messages: dict[Agent, list[Message]] | None = None,
        silent: bool | None = None,
        *,
        human_input_source: Callable[[str], Any] | None = None,
        human_input_timeout: float | None = None,
        human_input_default: str = "",
        concurrent_tool_calls: bool = False,
        functions: Callable[..., Any] | Sequence[Callable[..., Any]] = (),
        context_variables: ContextVariables | None = None,
        handoffs: Handoffs | None = None,
        update_agent_state_before_reply: Callable[..., Any] | Sequence[Callable[..., Any]] = (),
    ) -> None:
        """
        Args:
            name: The name that others see.
            system_message: What the model is told before the conversation.
            is_termination_msg: Whether a received message ends the chat. By default the exact text `TERMINATE` does.
                A function of a message, or a condition; see `autogen.agentchat.conditions`.
            max_consecutive_auto_reply: How many automatic replies in a row; None for the class's limit.
            human_input_mode: `ALWAYS` asks the human at each message, `TERMINATE` only when the chat would end, `NEVER`
                never.
            function_map: Functions that the agent executes, by name.
            code_execution_config: How code is run; False for an agent that runs none.
            llm_config: The model, as `OpenAIWrapper` takes it; False for an agent without one.
            default_auto_reply: The answer when nothing else has one.
            description: What the agent is good for; the system message if None.
            chat_messages: Histories to go on from. The mapping is used as it is.
            silent: Whether messages are printed; None leaves it to each call.
            human_input_source: What is called with a prompt when the human is asked, plain or a coroutine function; None
                for the `IOStream` in use.
            human_input_timeout: Seconds to wait for the human; None for as long as it takes.
            human_input_default: What counts as typed when that time is over. Nothing typed is the same as Enter.
            concurrent_tool_calls: Whether the calls of one message also run at the same time in synchronous chats, and
                plain functions in threads in asynchronous ones, whose event loop they block otherwise.
            functions: Functions that its model may call, described by the first lines of their docstrings. The agent
                executes them itself where nobody else does.
            context_variables: What it knows; see `autogen.agentchat.group`.
            handoffs: To whom it hands over in a group chat, and when.
            update_agent_state_before_reply: What brings it up to date before each reply: functions `(agent, messages)`,
                or an `UpdateSystemMessage`.

        Raises:
            ValueError: An argument has a value that is not possible; the message names it.
            AssertionError: `llm_config` is neither a dict, False nor None.
            RuntimeError: Code is to run in Docker, and no Docker answers.
        """
        given = runtime_log.given(locals())
        self._reset_conversations()
        self._code_execution_config = copy.copy(code_execution_config)
        self._name = name
        self._oai_messages = _as_histories(chat_messages)
        self._oai_system_message = [{"content": system_message, "role": "system"}]
        self._description = system_message if description is None else description  # type: ignore[assignment]
        self._is_termination_msg = bind_condition(is_termination_msg) or default_termination
        self.silent = silent
        self._validate_llm_config(llm_config)
        self.human_input_mode = check_mode(human_input_mode)
        limit = max_consecutive_auto_reply
        self._max_consecutive_auto_reply = self.MAX_CONSECUTIVE_AUTO_REPLY if limit is None else limit
        self._max_consecutive_auto_reply_dict = defaultdict(partial(general_limit, self))
        self._function_map = {
            assert_valid_name(key): value for key, value in (function_map or {}).items() if value is not None
        }
        self._default_auto_reply = default_auto_reply
        self.human_input_source = human_input_source
        self.human_input_timeout = human_input_timeout
        self.human_input_default = human_input_default
        self.concurrent_tool_calls = concurrent_tool_calls
        unmatched_tools.remember(self)
        self.hook_lists = hooks.empty_lists()
        self._reply_func_list = []
        self._register_built_in_replies()
        if context_variables is not None:
            self.context_variables = context_variables
        if handoffs is not None:
            self.handoffs = handoffs
        for function in as_list(functions):
            self._add_own_function(function)
        for hook in as_list(update_agent_state_before_reply):
            self.register_hook("update_agent_state", hook)
        runtime_log.new_agent(self, given)

    def _register_built_in_replies(self) -> None:
        """Each registration goes to the front, so the last one is asked first."""
        self._register_pair("generate_oai_reply")
        self._set_up_code_execution()
        self._register_pair("generate_tool_calls_reply")
        self._register_pair("generate_function_call_reply")
        self._register_pair("check_termination_and_human_reply")

    def _register_pair(self, name: str) -> None:
        """The class's own forms, or what a program has put in their place: overrides in subclasses have to be registered."""
        plain, awaitable = getattr(ConversableAgent, name), getattr(ConversableAgent, f"a_{name}")
        registry.ASYNC_VARIANTS.add(plain, awaitable)
        self.register_reply([Agent, None], plain)
        self.register_reply([Agent, None], awaitable, ignore_async_in_sync_chat=True)

    def _set_up_code_execution(self) -> None:
        if self._code_execution_config is None:
            warnings.warn(
                "code_execution_config=None is deprecated: use False for no code execution.", UserWarning, stacklevel=4
            )
            self._code_execution_config = {}
        config = self._code_execution_config
        if config is False:
            return
        if not isinstance(config, dict):
            raise ValueError("code_execution_config must be a dict or False.")
        if config.get("executor") is None:
            config.pop("executor", None)
            config["use_docker"] = decide_use_docker(config.get("use_docker"))
            check_can_use_docker_or_throw(config["use_docker"])
            self.register_reply([Agent, None], ConversableAgent.generate_code_execution_reply)
            return
        for key in ("use_docker", "work_dir", "timeout"):
            if key in config:
                raise ValueError(
                    f"'{key}' in code_execution_config is not valid when 'executor' is set. Give it to the executor."
                )
        from ..coding.factory import CodeExecutorFactory

        self._code_executor = CodeExecutorFactory.create(config)  # type: ignore[arg-type]
        self.register_reply([Agent, None], ConversableAgent._generate_code_execution_reply_using_executor)

    def _validate_llm_config(self, llm_config: Any) -> None:
        self.llm_config = agent_llm_config.checked(llm_config, self.DEFAULT_CONFIG)
        self.client = OpenAIWrapper(**self.llm_config) if self.llm_config else None

    def register_model_client(self, model_client_cls: type, **kwargs: Any) -> None:
        """Give the agent's model a client class of your own; see `OpenAIWrapper.register_model_client`."""
        self.client.register_model_client(model_client_cls, **kwargs)

    # Talking. Every pair is one line over one step.

    def send(
        self, message: Message | str, recipient: Agent, request_reply: bool | None = None, silent: bool | None = False
    ) -> None:
        """Send a message.

        Args:
            message: Text, or a dict in the OpenAI form.
            recipient: Who receives it.
            request_reply: Whether an answer is wanted; None leaves it to the recipient's `reply_at_receive`.
            silent: Whether the message is not printed.

        Raises:
            ValueError: The message has neither content nor calls.
        """
        run_sync(deliver(Send(self, recipient, message, request_reply, silent)))

    async def a_send(
        self, message: Message | str, recipient: Agent, request_reply: bool | None = None, silent: bool | None = False
    ) -> None:
        """`send`, awaited."""
        await run_async(deliver(Send(self, recipient, message, request_reply, silent)))

    def receive(
        self, message: Message | str, sender: Agent, request_reply: bool | None = None, silent: bool | None = False
    ) -> None:
        """Receive a message from `sender`, and answer it if an answer is wanted. The arguments are those of `send`."""
        run_sync(deliver(Receive(self, sender, message, request_reply, silent)))

    async def a_receive(
        self, message: Message | str, sender: Agent, request_reply: bool | None = None, silent: bool | None = False
    ) -> None:
        """`receive`, awaited."""
        await run_async(deliver(Receive(self, sender, message, request_reply, silent)))

    def generate_reply(
        self, messages: list[Message] | None = None, sender: Agent | None = None, **kwargs: Any
    ) -> str | Message | None:
        """Answer a conversation, by the first reply function that has a final answer.

        Args:
            messages: The conversation; the history with `sender` if None.
            sender: Who is answered.
            **kwargs: `exclude`: reply functions that are not asked.

        Returns:
            The answer; None ends the chat.

        Raises:
            AssertionError: Both `messages` and `sender` are None.

        >>> agent.generate_reply(messages=[{"role": "user", "content": "Hello"}])  # doctest: +SKIP
        """
        return run_sync(self._reply_step(messages, sender, **kwargs))  # type: ignore[no-any-return]

    async def a_generate_reply(
        self, messages: list[Message] | None = None, sender: Agent | None = None, **kwargs: Any
    ) -> str | Message | None:
        """`generate_reply`, awaited."""
        return await run_async(self._reply_step(messages, sender, **kwargs))

    def initiate_chat(
        self,
        recipient: ConversableAgent,
        clear_history: bool = True,
        silent: bool | None = False,
        cache: Any = None,
        max_turns: int | None = None,
        summary_method: str | Callable[..., Any] | None = DEFAULT_SUMMARY_METHOD,
        summary_args: dict[str, Any] | None = {},
        message: Message | str | Callable[..., Any] | None = None,
        *,
        max_cost: float | None = None,
        max_tokens_total: int | None = None,
        control: ChatControl | None = None,
        checkpoint: str | Path | None = None,
        on_unfinished: Literal["report", "rerun", "ask"] = "report",
        **kwargs: Any,
    ) -> ChatResult:
        """Hold a chat with another agent until one of them stops, or the turns are used up.

        Args:
            recipient: The other agent.
            clear_history: Whether earlier messages between the two are forgotten.
            silent: Whether messages are not printed.
            cache: A cache for the models of both during this chat.
            max_turns: How many turns (a message and its answer); None for no limit.
            summary_method: `last_msg`, `reflection_with_llm`, a callable `(sender, recipient, args)`, or None.
            summary_args: For the summary method, such as `summary_prompt`.
            message: The first message; a callable `(sender, recipient, context)` that makes it; None asks a human.
            max_cost: What the chat may spend on models (USD), also in chats inside it.
            max_tokens_total: How many tokens, in and out.
            control: A handle to stop, pause and resume the chat, or to give it a deadline.
            checkpoint: A file that keeps what is done as it is done. If the process dies, the same call takes the chat up
                again: no answer of a model is paid twice, no tool that has finished runs again.
            on_unfinished: What becomes of a tool or of code that was under way then: the model is told (`report`), it is
                run again (`rerun`), or the human decides (`ask`).
            **kwargs: The context for callable messages; `carryover` is appended to the first message.

        Returns:
            The messages, summary, cost, human input, and the reason why the chat ended.

        Raises:
            BudgetExceeded: What may be spent is spent; its `result` is what the chat had come to.

        >>> result = user.initiate_chat(assistant, message="What is 2 + 2?", max_turns=1)  # doctest: +SKIP
        >>> result.summary  # doctest: +SKIP
        '4'
        """
        for agent in (self, recipient):
            agent._raise_exception_on_async_reply_functions()
        limits = {"max_cost": max_cost, "max_tokens_total": max_tokens_total}
        options = ChatOptions(
            clear_history, silent, cache, max_turns, summary_method, summary_args, limits, control, checkpoint, on_unfinished
        )
        return run_sync(run_chat(self, recipient, message, options, kwargs))

    async def a_initiate_chat(
        self,
        recipient: ConversableAgent,
        clear_history: bool = True,
        silent: bool | None = False,
        cache: Any = None,
        max_turns: int | None = None,
        summary_method: str | Callable[..., Any] | None = DEFAULT_SUMMARY_METHOD,
        summary_args: dict[str, Any] | None = {},
        message: Message | str | Callable[..., Any] | None = None,
        *,
        max_cost: float | None = None,
        max_tokens_total: int | None = None,
        control: ChatControl | None = None,
        checkpoint: str | Path | None = None,
        on_unfinished: Literal["report", "rerun", "ask"] = "report",
        **kwargs: Any,
    ) -> ChatResult:
        """`initiate_chat`, awaited. A callable message may be a coroutine function."""
        limits = {"max_cost": max_cost, "max_tokens_total": max_tokens_total}
        options = ChatOptions(
            clear_history, silent, cache, max_turns, summary_method, summary_args, limits, control, checkpoint, on_unfinished
        )
        return await run_async(run_chat(self, recipient, message, options, kwargs))

    def initiate_chats(self, chat_queue: list[dict[str, Any]]) -> list[ChatResult]:
        """Hold chats one after another; see `autogen.agentchat.chat.initiate_chats`."""
        self._finished_chats = results = sequence.initiate_chats(sequence.with_sender(chat_queue, self))
        return results

    async def a_initiate_chats(self, chat_queue: list[dict[str, Any]]) -> dict[int, ChatResult]:
        """Hold chats concurrently; see `autogen.agentchat.chat.a_initiate_chats`."""
        self._finished_chats = results = await sequence.a_initiate_chats(sequence.with_sender(chat_queue, self))
        return results

    def generate_init_message(self, message: Message | str | None, **kwargs: Any) -> str | Message:
        """The first message of a chat: what is given, or what a human types, with the carry-over appended."""
        return run_sync(initial_message(self, message, kwargs))  # type: ignore[no-any-return]

    async def a_generate_init_message(self, message: Message | str | None, **kwargs: Any) -> str | Message:
        """`generate_init_message`, awaited."""
        return await run_async(initial_message(self, message, kwargs))

    # Answering.

    def register_reply(
        self,
        trigger: Any,
        reply_func: Callable[..., Any],
        position: int = 0,
        config: Any = None,
        reset_config: Callable[[Any], Any] | None = None,
        *,
        ignore_async_in_sync_chat: bool = False,
        remove_other_reply_funcs: bool = False,
    ) -> None:
        """Add a reply function: `(recipient, messages, sender, config) -> (final, reply)`, plain or coroutine.

        Args:
            trigger: Whom it answers: a class, an agent, a name, a callable `(sender) -> bool`, None (no sender), or a
                list of these.
            reply_func: The function. If its answer is final, no other is asked.
            position: Where in the list; the front by default.
            config: Passed to the function, a copy of it.
            reset_config: Called with the config by `reset()`, instead of restoring it.
            ignore_async_in_sync_chat: Whether a synchronous chat passes over a coroutine function, instead of refusing.
            remove_other_reply_funcs: Whether it replaces all others.

        Raises:
            ValueError: The trigger is of no known kind.
        """
        row = registry.make_row(trigger, reply_func, config, reset_config, ignore_async_in_sync_chat)
        if remove_other_reply_funcs:
            self._reply_func_list.clear()
        self._reply_func_list.insert(position, row)

    def replace_reply_func(self, old_reply_func: Callable[..., Any], new_reply_func: Callable[..., Any]) -> None:
        """Let another function answer wherever `old_reply_func` is registered."""
        for row in self._reply_func_list:
            if row["reply_func"] == old_reply_func:
                row["reply_func"] = new_reply_func

    def register_nested_chats(
        self,
        chat_queue: list[dict[str, Any]],
        trigger: Any,
        reply_func_from_nested_chats: str | Callable[..., Any] = SUMMARY,
        position: int = 2,
        use_async: bool | None = None,
        **kwargs: Any,
    ) -> None:
        """Let the agent answer by holding chats of its own.

        Args:
            chat_queue: The chats, as `initiate_chats` takes them. The first begins with the message to be answered
                unless it has one; a callable message is called `(recipient, messages, sender, config)`.
            trigger: Whom it answers; see `register_reply`.
            reply_func_from_nested_chats: `summary_from_nested_chats`, or a callable
                `(chat_queue, recipient, messages, sender, config) -> (final, reply)`.
            position: Where in the list of reply functions.
            use_async: Whether the chats run concurrently, by `a_initiate_chats`. Each needs a `chat_id` then.
            **kwargs: `config`, `reset_config` and `ignore_async_in_sync_chat` of `register_reply`.

        Raises:
            ValueError: The function can't be used so, or a chat lacks its id.
        """
        reply = nested_reply(chat_queue, reply_func_from_nested_chats, use_async)
        passed = ("config", "reset_config", "ignore_async_in_sync_chat")
        self.register_reply(trigger, reply, position, **{key: kwargs[key] for key in passed if key in kwargs})

    def check_termination_and_human_reply(
        self, messages: list[Message] | None = None, sender: Agent | None = None, config: Any = None
    ) -> Reply:
        """Decide whether the chat ends, and ask the human where `human_input_mode` says so."""
        return run_sync(termination_and_human(self, self._conversation(messages, sender), sender))

    async def a_check_termination_and_human_reply(
        self, messages: list[Message] | None = None, sender: Agent | None = None, config: Any = None
    ) -> Reply:
        """`check_termination_and_human_reply`, awaited."""
        return await run_async(termination_and_human(self, self._conversation(messages, sender), sender))

    def generate_function_call_reply(
        self, messages: list[Message] | None = None, sender: Agent | None = None, config: Any = None
    ) -> Reply:
        """Execute the function call of the last message."""
        return run_sync(function_reply(self, self._conversation(messages, sender), sender))

    async def a_generate_function_call_reply(
        self, messages: list[Message] | None = None, sender: Agent | None = None, config: Any = None
    ) -> Reply:
        """`generate_function_call_reply`, awaited."""
        return await run_async(function_reply(self, self._conversation(messages, sender), sender))

    def generate_tool_calls_reply(
        self, messages: list[Message] | None = None, sender: Agent | None = None, config: Any = None
    ) -> Reply:
        """Execute the tool calls of the last message."""
        return run_sync(tool_reply(self, self._conversation(messages, sender), sender))

    async def a_generate_tool_calls_reply(
        self, messages: list[Message] | None = None, sender: Agent | None = None, config: Any = None
    ) -> Reply:
        """`generate_tool_calls_reply`, awaited: the calls run concurrently."""
        return await run_async(tool_reply(self, self._conversation(messages, sender), sender))

    def generate_oai_reply(
        self, messages: list[Message] | None = None, sender: Agent | None = None, config: Any = None
    ) -> Reply:
        """Let the model answer. `config` may be another `OpenAIWrapper`."""
        return run_sync(self._oai_reply(messages, sender, config))

    async def a_generate_oai_reply(
        self, messages: list[Message] | None = None, sender: Agent | None = None, config: Any = None
    ) -> Reply:
        """`generate_oai_reply`, awaited. A subclass that overrides the plain form alone is asked in a thread."""
        return await as_async_method(self, "generate_oai_reply", self._oai_reply)(messages, sender, config)

    def _oai_reply(self, messages: list[Message] | None, sender: Agent | None, config: Any) -> Steps[Reply]:
        client = self.client if config is None else config
        return model_reply(self, client, self._conversation(messages, sender), sender)

    def generate_code_execution_reply(
        self,
        messages: list[Message] | None = None,
        sender: Agent | None = None,
        config: dict[str, Any] | Literal[False] | None = None,
    ) -> Reply:
        """Run the code of recent messages, without an executor."""
        return run_sync(code_reply.legacy_reply(self, self._conversation(messages, sender), config))

    async def _a_generate_code_execution_reply(
        self, messages: list[Message] | None = None, sender: Agent | None = None, config: Any = None
    ) -> Reply:
        return await run_async(code_reply.legacy_reply(self, self._conversation(messages, sender), config))

    def _generate_code_execution_reply_using_executor(
        self, messages: list[Message] | None = None, sender: Agent | None = None, config: Any = None
    ) -> Reply:
        """Run the code of recent messages with the agent's executor."""
        return run_sync(code_reply.executor_reply(self, self._conversation(messages, sender), config))

    async def _a_generate_code_execution_reply_using_executor(
        self, messages: list[Message] | None = None, sender: Agent | None = None, config: Any = None
    ) -> Reply:
        return await run_async(code_reply.executor_reply(self, self._conversation(messages, sender), config))

    def run_code(self, code: str, **kwargs: Any) -> tuple[int, str, str | None]:
        """Run code; override it to run it elsewhere.

        Returns:
            Exit code, output, and the Docker image that the next block should use, if any.
        """
        return execute_code(code, **kwargs)

    def execute_code_blocks(self, code_blocks: list[tuple[str, str]]) -> tuple[int, str]:
        """Run `(language, code)` pairs until one fails. Returns the last exit code, and all output."""
        return code_reply.run_blocks(self, code_blocks)

    def get_human_input(self, prompt: str) -> str:
        """Ask a human. Override it to ask elsewhere than on the console."""
        return run_sync(ask_human(self, prompt))

    async def a_get_human_input(self, prompt: str) -> str:
        """`get_human_input`, awaited. Where only the plain form is overridden, that is asked, in a thread."""
        return await as_async_method(self, "get_human_input", partial(ask_human, self))(prompt)

    # The steps. Whatever a subclass may override is asked for through `self`, in both forms.


ORIGINAL_METHODS.update({name: getattr(ConversableAgent, name) for name in dir(ConversableAgent)})

registry.BUILTIN_STEPS.update(
    {
        ConversableAgent.check_termination_and_human_reply: registry.BuiltIn(termination_step),
        ConversableAgent.generate_function_call_reply: registry.BuiltIn(function_step, "function_call"),
        ConversableAgent.generate_tool_calls_reply: registry.BuiltIn(tool_step, "tool_calls"),
        ConversableAgent.generate_oai_reply: registry.BuiltIn(model_step),
    }
)

for _code_reply_name in ("generate_code_execution_reply", "_generate_code_execution_reply_using_executor"):
    _awaitable_name = f"_a_{_code_reply_name.removeprefix('_')}"
    registry.ASYNC_VARIANTS.add(vars(ConversableAgent)[_code_reply_name], vars(ConversableAgent)[_awaitable_name])


def _as_histories(given: dict[Agent, list[Message]] | None) -> Any:
    """A mapping of histories that has an empty one for each new peer, used by reference where it is given."""
    return defaultdict(list) if given is None else given
