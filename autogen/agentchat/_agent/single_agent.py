"""Running an agent alone: it calls its tools until it has an answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, cast

from ... import events
from ..._steps import Steps, invoke, run_async, run_sync
from ...control import ChatControl
from ...types import ChatMessage
from .._chats.event_iterator import AsyncChatIterator, ChatIterator
from .._core.answer_values import enter_output_type, make_output_type
from .._core.argument_checks import check_task_options
from .._core.internals import get_history
from .._core.protocols import FirstMessage, Tool
from .._core.result import ChatResult
from ..agent import Message
from .tool_registration import ToolRegistrationMixin, describe_function, index_by_name


class SingleAgentMixin(ToolRegistrationMixin):
    """The methods that run an agent without a second agent."""

    def _make_runner(self, max_turns: int) -> ToolRegistrationMixin:
        """Make the other side of the conversation: it sends the task, and executes the calls of this agent."""
        raise NotImplementedError

    def run(
        self,
        message: Message | str,
        *,
        tools: Sequence[Tool] = (),
        max_turns: int = 20,
        output_type: object = None,
        **kwargs: Any,
    ) -> ChatResult:
        """Work on a task alone: call tools until there is an answer without a call.

        Args:
            message: Task.
            tools: Functions that the model may call in this run, in addition to those that it knows and the agent can
                execute. Their annotations become their schemas, the first sentence of their docstrings describes them.
            max_turns: Maximum number of turns in which tools are called.
            output_type: Type of the answer, which becomes the `value` of the result: a pydantic model, a dataclass,
                `list[str]`, or any type that pydantic validates; None for text.
            **kwargs: Arguments of `initiate_chat`: `silent`, `cache`, `summary_method`...

        Returns:
            The agent's side of the conversation; the summary is its answer.

        Raises:
            TypeError: if a keyword has no meaning, or pydantic has no schema for the `output_type`.
            InvalidResponse: if the answer does not match the `output_type`, not even after corrections.

        >>> agent.run("What is 6 times 7?", tools=[multiply]).summary  # doctest: +SKIP
        '42'
        >>> agent.run("The capital of France?", output_type=City).value  # doctest: +SKIP
        City(name='Paris')
        """
        return run_sync(self._run_task(message, tools, max_turns, output_type, kwargs))

    async def a_run(
        self,
        message: Message | str,
        *,
        tools: Sequence[Tool] = (),
        max_turns: int = 20,
        output_type: object = None,
        **kwargs: Any,
    ) -> ChatResult:
        """Async version of `run`."""
        return await run_async(self._run_task(message, tools, max_turns, output_type, kwargs))

    def run_iter(
        self,
        recipient: ToolRegistrationMixin | None = None,
        *,
        message: FirstMessage,
        tools: Sequence[Tool] | None = None,
        yield_on: events.Kinds | None = None,
        control: ChatControl | None = None,
        **kwargs: Any,
    ) -> ChatIterator:
        """Run a chat event by event: it waits until the next event is requested. Leaving the loop stops it.

        Args:
            recipient: Other agent, or the manager of a group; None for an agent that works alone, as in `run`.
            message: First message, or the task.
            tools: Functions that the recipient's model may call in this chat, and this agent executes. Without a recipient
                it is the agent's own model.
            yield_on: Types of events to stop at, as classes of `autogen.events` or names of their types; None for all.
            control: Handle to stop the chat from elsewhere, or to give it a deadline.
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
        options = _make_options(recipient, message, tools, kwargs)

        def run_chat(control: ChatControl) -> ChatResult:
            if recipient is None:
                return self.run(**options, control=control)
            return run_sync(self._run_with_tools(recipient, tools or (), {**options, "control": control}))

        return ChatIterator(run_chat, control, yield_on)

    def a_run_iter(
        self,
        recipient: ToolRegistrationMixin | None = None,
        *,
        message: FirstMessage,
        tools: Sequence[Tool] | None = None,
        yield_on: events.Kinds | None = None,
        control: ChatControl | None = None,
        **kwargs: Any,
    ) -> AsyncChatIterator:
        """Async version of `run_iter`, for `async for` and `async with`. The chat runs in the reader's event loop."""
        options = _make_options(recipient, message, tools, kwargs)

        async def run_chat(control: ChatControl) -> ChatResult:
            if recipient is None:
                return await self.a_run(**options, control=control)
            return await run_async(self._run_with_tools(recipient, tools or (), {**options, "control": control}))

        return AsyncChatIterator(run_chat, control, yield_on)

    def _run_task(
        self,
        message: Message | str,
        tools: Sequence[Tool],
        max_turns: int,
        output_type: object,
        options: dict[str, Any],
    ) -> Steps[ChatResult]:
        check_task_options(options, message)
        output = None if output_type is None else make_output_type(self, output_type)
        runner = self._make_runner(max_turns)
        with _lend_tools(self, runner, tools), enter_output_type(output):
            result = yield from invoke(runner.initiate_chat, runner.a_initiate_chat, self, message=message, **options)
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
    offered = {tool["function"]["name"] for tool in (caller.llm_config or {}).get("tools", ())}
    named = index_by_name(tools)
    # Tools of the same names are set aside for this block.
    replaced = {name: executor.function_map.pop(name) for name in named if name in executor.function_map}
    added: list[str] = []
    try:
        for name, tool in named.items():
            executor.register_for_execution(name)(tool)
            # Tools that the model already knows stay as they are.
            if name not in offered:
                caller.register_for_llm(name=name, description=describe_function(tool))(tool)
                added.append(name)
        yield
    finally:
        for name in named:
            executor.function_map.pop(name, None)
        executor.function_map.update(replaced)
        for name in added:
            caller.update_tool_signature(name, is_remove=True)


def _make_options(
    recipient: object, message: FirstMessage, tools: Sequence[Tool] | None, kwargs: dict[str, Any]
) -> dict[str, Any]:
    """Make the arguments of the chat behind an iterator.

    Raises:
        TypeError: if the recipient is not an agent.
    """
    if recipient is None:
        check_task_options(kwargs, message)
        options = {"message": message, "tools": tuple(tools or ()), **kwargs}
        # None means the default of `run`.
        return {key: value for key, value in options.items() if key != "max_turns" or value is not None}
    # A task given by position would be taken for the recipient.
    if not hasattr(recipient, "receive"):
        raise TypeError(f"The recipient must be an agent, not {recipient!r}. The task is given by message=.")
    return {"message": message, **kwargs}
