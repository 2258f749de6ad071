"""Running an agent alone: it calls its tools until it has an answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, cast

from ..._functions.offers import get_offer_name
from ..._steps import Steps, invoke, run_async, run_sync
from ...code_utils import content_str
from ...control import ChatControl
from ...tools.tool import Tool
from ...tools.toolkit import Toolkit, collect_tools, require_approvals
from ...types import ChatMessage, ChatQueue
from .._chats.event_iterator import AsyncChatIterator, ChatIterator
from .._core.answer_values import enter_output_type, make_output_type
from .._core.argument_checks import check_task_options
from .._core.internals import get_history
from .._core.protocols import FirstMessage
from .._core.result import ChatResult
from .._runs import AsyncRunIterResponse, AsyncRunResponse, RunIterResponse, RunResponse
from .._runs.iterators import has_ag2_events
from .._runs.queue import make_sequence
from .._runs.run import Run, Start, convert_summary
from ..agent import Message
from .offered_tools import OfferedToolsMixin
from .tool_answers import accept_tool_answers
from .tool_registration import ToolRegistrationMixin, index_by_name

Tools: TypeAlias = Callable[..., Any] | Tool | Toolkit | Iterable[Callable[..., Any] | Tool | Toolkit] | None
"""Tools in any form."""

DEFAULT_SUMMARY_METHOD = "last_msg"
DEFAULT_MAX_TURNS = 20

_DEFAULTS: dict[str, Any] = {
    "clear_history": True,
    "silent": False,
    "cache": None,
    "max_turns": None,
    "summary_method": DEFAULT_SUMMARY_METHOD,
    "summary_args": {},
}
_OPTIONS = tuple(_DEFAULTS)
_AG2_DEFAULTS: dict[str, Any] = {"executor_kwargs": None, "user_input": False, "msg_to": "agent"}


@dataclass(frozen=True)
class RunRequest:
    """Arguments of a run.

    Attributes:
        recipient: Other agent; None for an agent that works alone.
        is_immediate: True to run to the end at once.
        is_ag2: True for AG2's form: an agent that works alone keeps the other side from run to run.
        tools: Tools for this run.
        output_type: Type of the answer; None for text.
        executor_kwargs: Arguments of the other side.
        user_input: True if the other side asks the human.
        msg_to: Who gets the first message: `agent` or `user`.
        reflect: False if the results of tools are the answer.
        control: Control of the caller.
        options: Arguments of `initiate_chat`.
    """

    recipient: Any
    is_immediate: bool
    is_ag2: bool
    tools: tuple[Tool, ...]
    output_type: object
    executor_kwargs: Mapping[str, Any] | None
    user_input: bool
    msg_to: str
    reflect: bool
    control: ChatControl | None
    options: dict[str, Any]

    def check(self) -> None:
        """Check the arguments.

        Raises:
            TypeError, ValueError: if one has an invalid value.
        """
        if self.msg_to not in ("agent", "user"):
            raise ValueError(f"msg_to must be 'agent' or 'user', got {self.msg_to!r}.")
        if not self.reflect and self.output_type is not None:
            raise TypeError("output_type is the type of the model's answer: with reflect=False the answer is a tool's.")
        if self.recipient is None:
            check_task_options(self.options, self.options["message"])
        # A task given by position would be taken for the recipient.
        elif not hasattr(self.recipient, "receive"):
            raise TypeError(f"The recipient must be an agent, not {self.recipient!r}. The task is given by message=.")
        else:
            unset = {"output_type": None, "executor_kwargs": None, "reflect": True}
            for name, value in unset.items():
                if getattr(self, name) is not value:
                    text = f"{name} has a meaning without a recipient only: it is about an agent that works alone."
                    raise TypeError(text)


class SingleAgentMixin(OfferedToolsMixin):
    """The methods that run an agent without a second agent."""

    def _make_plain_agent(self, **arguments: Any) -> ToolRegistrationMixin:
        """Make a `ConversableAgent`; this module knows its mixins alone."""
        raise NotImplementedError

    def _make_runner(self, max_turns: int) -> ToolRegistrationMixin:
        """Make the other side of the conversation: it sends the task, and executes the calls of this agent."""
        return self._make_plain_agent(
            name="user",
            is_termination_msg=lambda message: not (message.get("tool_calls") or message.get("function_call")),
            max_consecutive_auto_reply=max_turns,
            human_input_mode="NEVER",
            # It asks about approvals alone.
            human_input_source=self.human_input_source,
            human_input_timeout=self.human_input_timeout,
            llm_config=False,
            silent=self.silent,
        )

    def _make_run_executor(self, is_asking: bool, options: Mapping[str, Any]) -> ToolRegistrationMixin:
        """Make the other side of a run in AG2's form: it executes calls, and asks the human if it is asking."""
        defaults: dict[str, Any] = {
            "name": "user",
            "is_termination_msg": lambda message: "TERMINATE" in content_str(message.get("content")),
            "human_input_mode": "ALWAYS" if is_asking else "NEVER",
            "llm_config": False,
            # Without a human, it ends the chat when it has nothing to say.
            "default_auto_reply": "" if is_asking else None,
            "silent": self.silent,
        }
        return self._make_plain_agent(**{**defaults, **options})

    run_executor: Any

    _run_executor_options: tuple[bool, dict[str, Any]] | None = None

    def run(
        self,
        recipient: ToolRegistrationMixin | Message | str | None = None,
        clear_history: bool = True,
        silent: bool | None = False,
        cache: Any = None,
        max_turns: int | None = None,
        summary_method: Any = DEFAULT_SUMMARY_METHOD,
        summary_args: Mapping[str, object] | None = {},
        message: FirstMessage = None,
        executor_kwargs: Mapping[str, Any] | None = None,
        tools: Tools = None,
        user_input: bool = False,
        msg_to: str = "agent",
        *,
        output_type: object = None,
        reflect: bool = True,
        approve: Any = None,
        **kwargs: Any,
    ) -> RunResponse:
        """Work on a task: call tools until there is an answer without a call.

        A task by position is worked on at once. Otherwise the response waits: the run begins when somebody looks at it.

        Args:
            recipient: The task; or another agent to chat with, or None for an agent that works alone.
            clear_history: True to delete earlier messages between the two.
            silent: True if messages are not printed.
            cache: Cache for the models.
            max_turns: Maximum number of turns; None for no limit, and for 20 turns with a task by position.
            summary_method: As for `initiate_chat`, like `summary_args`.
            summary_args: Arguments of the summary method.
            message: First message, if `recipient` is not the task; None asks a human.
            executor_kwargs: Arguments of `ConversableAgent` for the other side of an agent that works alone.
            tools: Functions that the model may call in this run, in addition to those that it knows and the agent can
                execute. Their annotations become their schemas, the first sentence of their docstrings describes them.
            user_input: True to ask the human at each turn.
            msg_to: `agent` if the agent gets the first message, `user` if it sends it.
            output_type: Type of the answer, which becomes the `value` of the result: a pydantic model, a dataclass,
                `list[str]`, or any type that pydantic validates; None for text.
            reflect: False to answer with the results of the first calls that succeed, instead of asking the model again.
            approve: Who must approve calls of `tools`, as for `register_for_execution`; or a dict of this by the names of
                tools.
            **kwargs: Arguments of `initiate_chat`: `max_cost`, `control`...

        Returns:
            The result, with the agent's side of the conversation; the summary is its answer.

        Raises:
            TypeError: if a keyword has no meaning, `tools` has something else than tools, or pydantic has no schema for the
                `output_type`.
            ValueError: if `msg_to` is neither `agent` nor `user`.
            InvalidResponse: if the answer does not match the `output_type`, not even after corrections.

        >>> agent.run("What is 6 times 7?", tools=[multiply]).summary  # doctest: +SKIP
        '42'
        >>> agent.run("The capital of France?", output_type=City).value  # doctest: +SKIP
        City(name='Paris')
        >>> agent.run(message="What is 6 times 7?", user_input=True).process()  # doctest: +SKIP
        """
        request = _collect_request(locals())
        run = self._make_run(request)
        if request.is_immediate:
            run.complete_here(silent=False)
        return RunResponse.of_run(run)

    async def a_run(
        self,
        recipient: ToolRegistrationMixin | Message | str | None = None,
        clear_history: bool = True,
        silent: bool | None = False,
        cache: Any = None,
        max_turns: int | None = None,
        summary_method: Any = DEFAULT_SUMMARY_METHOD,
        summary_args: Mapping[str, object] | None = {},
        message: FirstMessage = None,
        executor_kwargs: Mapping[str, Any] | None = None,
        tools: Tools = None,
        user_input: bool = False,
        msg_to: str = "agent",
        *,
        output_type: object = None,
        reflect: bool = True,
        approve: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Async version of `run`. Returns a `RunResponse` for a task by position, otherwise an `AsyncRunResponse`."""
        request = _collect_request(locals())
        run = self._make_run(request)
        if request.is_immediate:
            await run.a_complete_here(silent=False)
            return RunResponse.of_run(run)
        return AsyncRunResponse.of_run(run)

    def run_iter(
        self,
        recipient: ToolRegistrationMixin | None = None,
        clear_history: bool = True,
        silent: bool | None = False,
        cache: Any = None,
        max_turns: int | None = None,
        summary_method: Any = DEFAULT_SUMMARY_METHOD,
        summary_args: Mapping[str, object] | None = {},
        message: FirstMessage = None,
        executor_kwargs: Mapping[str, Any] | None = None,
        tools: Tools = None,
        user_input: bool = False,
        msg_to: str = "agent",
        yield_on: Any = None,
        *,
        control: ChatControl | None = None,
        output_type: object = None,
        reflect: bool = True,
        approve: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Run a chat event by event: it waits until the next event is requested. Leaving the loop stops it.

        Args:
            recipient: Other agent, or the manager of a group; None for an agent that works alone, as in `run`.
            clear_history: As for `run`, like all arguments that are not listed here.
            silent: As for `run`.
            cache: As for `run`.
            max_turns: As for `run`.
            summary_method: As for `run`.
            summary_args: As for `run`.
            message: First message, or the task.
            executor_kwargs: As for `run`.
            tools: Functions that the recipient's model may call in this chat, and this agent executes. Without a recipient
                it is the agent's own model.
            user_input: As for `run`.
            msg_to: As for `run`.
            yield_on: Types of events to stop at, as classes of `autogen.events` or names of their types; None for all.
                With classes of `autogen.events.agent_events`, or names of their types, the iterator yields AG2's events.
            control: Handle to stop the chat from elsewhere, or to give it a deadline.
            output_type: As for `run`.
            reflect: As for `run`.
            approve: As for `run`.
            **kwargs: Arguments of `initiate_chat`; without a recipient, those of `run`.

        Returns:
            An iterator of events, and after them the chat's `result`. It is a context manager, too.

        Raises:
            ValueError: if there is no such type of event.
            TypeError: if the recipient is not an agent.

        >>> for event in agent.run_iter(other, message="Hello", yield_on=["message_sent", "human_asked"]):  # doctest: +SKIP
        ...     if event.type == "human_asked":
        ...         event.respond(input(event.prompt))
        """
        request = _collect_request(locals(), is_iterated=True)
        if has_ag2_events(yield_on):
            return RunIterResponse(self._make_run(request), yield_on)
        start = self._make_start(request)
        return ChatIterator(lambda control: run_sync(start(control))[0], control, yield_on)

    def a_run_iter(
        self,
        recipient: ToolRegistrationMixin | None = None,
        clear_history: bool = True,
        silent: bool | None = False,
        cache: Any = None,
        max_turns: int | None = None,
        summary_method: Any = DEFAULT_SUMMARY_METHOD,
        summary_args: Mapping[str, object] | None = {},
        message: FirstMessage = None,
        executor_kwargs: Mapping[str, Any] | None = None,
        tools: Tools = None,
        user_input: bool = False,
        msg_to: str = "agent",
        yield_on: Any = None,
        *,
        control: ChatControl | None = None,
        output_type: object = None,
        reflect: bool = True,
        approve: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Async version of `run_iter`, for `async for` and `async with`. The chat runs in the reader's event loop."""
        request = _collect_request(locals(), is_iterated=True)
        if has_ag2_events(yield_on):
            return AsyncRunIterResponse(self._make_run(request), yield_on)
        start = self._make_start(request)

        async def run_chat(control: ChatControl) -> ChatResult:
            return (await run_async(start(control)))[0]

        return AsyncChatIterator(run_chat, control, yield_on)

    def sequential_run(self, chat_queue: ChatQueue) -> list[RunResponse]:
        """Make the responses of chats that run one after another; summaries of earlier chats carry over to later ones.

        Looking at a response runs the chats before it, too. If a chat fails, the later ones raise `RuntimeError`.

        Args:
            chat_queue: As for `initiate_chats`; this agent is the sender.

        Raises:
            AssertionError: if a chat has no recipient, or its summary method is not available.
        """
        return [RunResponse.of_run(run) for run in make_sequence(chat_queue, self)]

    async def a_sequential_run(self, chat_queue: ChatQueue) -> list[AsyncRunResponse]:
        """Async version of `sequential_run`."""
        return [AsyncRunResponse.of_run(run) for run in make_sequence(chat_queue, self)]

    def _make_run(self, request: RunRequest) -> Run:
        start = self._make_start(request)
        agents = [self, self.run_executor if request.recipient is None and request.is_ag2 else request.recipient]
        return Run(start, [agent for agent in agents if agent is not None], request.control)

    def _make_start(self, request: RunRequest) -> Start:
        """Make the start of a run.

        Raises:
            TypeError, ValueError: if an argument has an invalid value.
        """
        request.check()
        if request.recipient is None and request.is_ag2:
            self._prepare_executor(request)
        executor = self.run_executor

        def start(control: ChatControl | None) -> Steps[tuple[ChatResult, Any]]:
            options = {**request.options, **({} if control is None else {"control": control})}
            if request.recipient is not None:
                result = yield from self._run_with_tools(request.recipient, request.tools, options)
                return convert_summary(result), get_group_variables(request.recipient)
            if not request.is_ag2:
                return (yield from self._run_task(request, options)), None
            steps = self._run_with_executor(executor, request, options)
            return convert_summary((yield from steps)), None

        return start

    def _prepare_executor(self, request: RunRequest) -> None:
        """Keep the other side from run to run, unless other arguments for it are given."""
        wanted = request.user_input, dict(request.executor_kwargs or {})
        if self.run_executor is None or self._run_executor_options != wanted:
            self.run_executor = self._make_run_executor(*wanted)
            self._run_executor_options = wanted

    def _run_with_executor(
        self, executor: ToolRegistrationMixin, request: RunRequest, options: dict[str, Any]
    ) -> Steps[ChatResult]:
        sender, recipient = (executor, self) if request.msg_to == "agent" else (self, executor)
        output = None if request.output_type is None else make_output_type(self, request.output_type)
        with self._enter_run(executor, request), enter_output_type(output):
            result = yield from invoke(sender.initiate_chat, sender.a_initiate_chat, recipient, **options)
        messages = cast(list[ChatMessage], list(get_history(self, executor)))
        value = result.value if output is None else output.unwrap(result.value)
        return replace(result, chat_history=messages, value=value)

    @contextmanager
    def _enter_run(self, executor: ToolRegistrationMixin, request: RunRequest) -> Iterator[None]:
        """Register the tools of a run, and decide about the last results, in this block."""
        with _lend_tools(self, executor, request.tools), accept_tool_answers(self, executor, request.reflect):
            yield

    def _run_task(self, request: RunRequest, options: dict[str, Any]) -> Steps[ChatResult]:
        """Run a task with another side that lives for this run alone."""
        output = None if request.output_type is None else make_output_type(self, request.output_type)
        max_turns = options.pop("max_turns", DEFAULT_MAX_TURNS)
        runner = self._make_runner(max_turns)
        with self._enter_run(runner, request), enter_output_type(output):
            result = yield from invoke(runner.initiate_chat, runner.a_initiate_chat, self, **options)
        messages = cast(list[ChatMessage], list(get_history(self, runner)))
        value = result.value if output is None else output.unwrap(result.value)
        return replace(result, chat_history=messages, value=value)

    def _run_with_tools(
        self, recipient: ToolRegistrationMixin, tools: Sequence[Tool], options: dict[str, Any]
    ) -> Steps[ChatResult]:
        """Run a chat in which the recipient's model may call tools that this agent executes."""
        with _lend_tools(recipient, self, tools):
            return (yield from invoke(self.initiate_chat, self.a_initiate_chat, recipient, **options))


@contextmanager
def _lend_tools(caller: ToolRegistrationMixin, executor: ToolRegistrationMixin, tools: Sequence[Tool]) -> Iterator[None]:
    """Register tools for the model of `caller` and for execution by `executor`, in this block only."""
    offered = {get_offer_name(tool) for tool in (caller.llm_config or {}).get("tools", ())}
    named = index_by_name(tools)
    # Tools of the same names are set aside for this block.
    replaced = {name: executor.function_map.pop(name) for name in named if name in executor.function_map}
    added: list[str] = []
    try:
        for name, tool in named.items():
            tool.register_for_execution(executor)
            # Tools that the model already knows stay as they are.
            if name not in offered:
                tool.register_for_llm(caller)
                added.append(name)
        yield
    finally:
        for name in named:
            executor.function_map.pop(name, None)
        executor.function_map.update(replaced)
        for name in added:
            named[name].release(caller, executor)
        known = {get_offer_name(tool) for tool in (caller.llm_config or {}).get("tools", ())}
        for name in added:
            # A server may have taken its tool back.
            if name in known:
                caller.update_tool_signature(name, is_remove=True)


def _collect_request(arguments: dict[str, Any], is_iterated: bool = False) -> RunRequest:
    """Make the request of the arguments of `run` or `run_iter`, as `locals()` has them."""
    recipient, kwargs = arguments["recipient"], arguments["kwargs"]
    # An agent may be callable as well.
    is_function = callable(recipient) and not hasattr(recipient, "receive")
    is_task = (isinstance(recipient, (str, Mapping, list)) or is_function) and not is_iterated
    if is_task and arguments["message"] is not None:
        raise TypeError("run() got the task twice: by position, and as message=.")
    message = recipient if is_task else arguments["message"]
    options = {name: arguments[name] for name in _OPTIONS if arguments[name] != _DEFAULTS[name]}
    is_ag2 = not (is_task or is_iterated) or any(arguments[name] != default for name, default in _AG2_DEFAULTS.items())
    return RunRequest(
        recipient=None if is_task else recipient,
        is_immediate=is_task,
        is_ag2=is_ag2,
        tools=tuple(require_approvals(collect_tools(arguments["tools"]), arguments["approve"])),
        output_type=arguments["output_type"],
        executor_kwargs=arguments["executor_kwargs"],
        user_input=arguments["user_input"],
        msg_to=arguments["msg_to"],
        reflect=arguments["reflect"],
        control=arguments.get("control", kwargs.get("control")),
        options={"message": message, **options, **kwargs},
    )


def get_group_variables(recipient: object) -> Any:
    """Return the context variables of the group that an agent manages; None if there are none."""
    selector = getattr(getattr(recipient, "groupchat", None), "speaker_selection_method", None)
    return getattr(selector, "context_variables", None)
