"""One agent at work: it calls its tools and goes on until it has an answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from ... import events
from ..._steps import Steps, get_callable_name, invoke, run_async, run_sync
from ...control import ChatControl
from .._chats.event_iterator import AsyncChatIterator, ChatIterator
from .._core.result import ChatResult
from ..agent import Message
from .state import AgentState
from .tool_registration import described

if TYPE_CHECKING:
    from ..conversable_agent import ConversableAgent


def work(
    agent: ConversableAgent,
    message: Message | str,
    tools: Sequence[Callable[..., Any]],
    max_turns: int,
    options: dict[str, Any],
) -> Steps[ChatResult]:
    """Let an agent work at a task with tools, its own among them."""
    runner = _runner(agent, max_turns)
    with _given_tools(agent, runner, tools):
        result = yield from invoke(runner.initiate_chat, runner.a_initiate_chat, agent, message=message, **options)
    return replace(result, chat_history=list(agent._history(runner)))


def _runner(agent: ConversableAgent, max_turns: int) -> ConversableAgent:
    """The other side of the conversation: it states the task, and carries out what the agent calls."""
    kind = next(one for one in type(agent).__mro__ if one.__name__ == "ConversableAgent")
    return kind(  # type: ignore[no-any-return]
        "user",
        is_termination_msg=lambda said: not (said.get("tool_calls") or said.get("function_call")),
        max_consecutive_auto_reply=max_turns,
        human_input_mode="NEVER",
        llm_config=False,
        silent=agent.silent,
    )


@contextmanager
def _given_tools(agent: ConversableAgent, runner: ConversableAgent, tools: Sequence[Callable[..., Any]]) -> Iterator[None]:
    """Let the agent's model know of the tools and the runner execute them, for this time only."""
    known = {tool["function"]["name"] for tool in (agent.llm_config or {}).get("tools", ())}
    named = {getattr(tool, "_name", None) or get_callable_name(tool): tool for tool in tools}
    before = runner._function_map
    runner._function_map = {name: tool for name, tool in before.items() if name not in named}
    new: list[str] = []
    try:
        for name, tool in named.items():
            runner.register_for_execution(name)(tool)
            if name not in known:
                agent.register_for_llm(name=name, description=described(tool))(tool)
                new.append(name)
        yield
    finally:
        own = {name: tool for name, tool in runner._function_map.items() if name not in named}
        runner._function_map = own | {name: tool for name, tool in before.items() if name in named}
        for name in new:
            agent.update_tool_signature(name, is_remove=True)


def _with_tools(
    agent: ConversableAgent, recipient: ConversableAgent, tools: Sequence[Callable[..., Any]], options: dict[str, Any]
) -> Steps[ChatResult]:
    """A chat in which the recipient's model may call tools that the agent executes."""
    with _given_tools(recipient, agent, tools):
        return (yield from invoke(agent.initiate_chat, agent.a_initiate_chat, recipient, **options))


def _as_options(recipient: Any, message: Any, tools: Any, given: dict[str, Any]) -> dict[str, Any]:
    """What the chat of an iterator is begun with.

    Raises:
        TypeError: The recipient is none.
    """
    if recipient is None:
        options = {"message": message, "tools": tuple(tools or ()), **given}
        return {key: value for key, value in options.items() if key != "max_turns" or value is not None}
    if not hasattr(recipient, "receive"):
        raise TypeError(f"The recipient must be an agent, not {recipient!r}. The task is given by message=.")
    return {"message": message, **given}


class SingleAgentMixin(AgentState):
    """An agent that can work alone."""

    def run(
        self, message: Message | str, *, tools: Sequence[Callable[..., Any]] = (), max_turns: int = 20, **kwargs: Any
    ) -> ChatResult:
        """Work at a task alone: call tools and go on, until there is an answer without a call.

        Args:
            message: The task.
            tools: Functions that the model may call meanwhile, besides those that it knows and the agent can execute.
                Their annotations are their schemas, the first line of their docstrings describes them.
            max_turns: How often tools are called, at most.
            **kwargs: As for `initiate_chat`: `silent`, `cache`, `summary_method`...

        Returns:
            The agent's side of the conversation; the summary is its answer.

        >>> agent.run("What is 6 times 7?", tools=[multiply]).summary  # doctest: +SKIP
        '42'
        """
        return run_sync(work(cast(Any, self), message, tools, max_turns, kwargs))

    async def a_run(
        self, message: Message | str, *, tools: Sequence[Callable[..., Any]] = (), max_turns: int = 20, **kwargs: Any
    ) -> ChatResult:
        """`run`, awaited."""
        return await run_async(work(cast(Any, self), message, tools, max_turns, kwargs))

    def run_iter(
        self,
        recipient: ConversableAgent | None = None,
        *,
        message: Message | str | Callable[..., Any] | None,
        tools: Sequence[Callable[..., Any]] | None = None,
        yield_on: events.Kinds | None = None,
        control: ChatControl | None = None,
        **kwargs: Any,
    ) -> ChatIterator:
        """Hold a chat event by event: it waits until the next one is asked for. Leaving the loop stops it.

        Args:
            recipient: The other agent, or the manager of a group; None for an agent that works alone, as by `run`.
            message: The first message, or the task.
            tools: Functions that the recipient's model may call, and this agent executes, meanwhile. Without a recipient
                it is the agent's own model.
            yield_on: The kinds of events to stop at, as classes of `autogen.events` or names of their types; None for all.
            control: A handle to stop it from elsewhere, or to give it a deadline.
            **kwargs: As for `initiate_chat`; without a recipient, as for `run`.

        Returns:
            An iterator of events, and after them the chat's `result`. It is a context manager, too.

        Raises:
            ValueError: There is no such kind of event.
            TypeError: The recipient is no agent.

        >>> for event in agent.run_iter(other, message="Hello", yield_on=["message_sent", "human_asked"]):  # doctest: +SKIP
        ...     if event.type == "human_asked":
        ...         event.respond(input(event.prompt))
        """
        agent, options = cast(Any, self), _as_options(recipient, message, tools, kwargs)

        def hold(control: ChatControl) -> ChatResult:
            if recipient is None:
                return cast(ChatResult, agent.run(**options, control=control))
            return run_sync(_with_tools(agent, recipient, tools or (), {**options, "control": control}))

        return ChatIterator(hold, control, yield_on)

    def a_run_iter(
        self,
        recipient: ConversableAgent | None = None,
        *,
        message: Message | str | Callable[..., Any] | None,
        tools: Sequence[Callable[..., Any]] | None = None,
        yield_on: events.Kinds | None = None,
        control: ChatControl | None = None,
        **kwargs: Any,
    ) -> AsyncChatIterator:
        """`run_iter` for `async for` and `async with`. The chat runs in the reader's event loop."""
        agent, options = cast(Any, self), _as_options(recipient, message, tools, kwargs)

        async def hold(control: ChatControl) -> ChatResult:
            if recipient is None:
                return cast(ChatResult, await agent.a_run(**options, control=control))
            return await run_async(_with_tools(agent, recipient, tools or (), {**options, "control": control}))

        return AsyncChatIterator(hold, control, yield_on)
