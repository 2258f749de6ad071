"""One agent at work: it calls its tools and goes on until it has an answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from .._drive import Steps, adrive, ask, drive, name_of
from ._result import ChatResult
from ._state import AgentState
from .agent import Message

if TYPE_CHECKING:
    from .conversable_agent import ConversableAgent


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
        result = yield from ask(runner.initiate_chat, runner.a_initiate_chat, agent, message=message, **options)
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
    """Let the agent's model know of the tools, for this time only."""
    known = {tool["function"]["name"] for tool in (agent.llm_config or {}).get("tools", ())}
    new = []
    for tool in tools:
        name = getattr(tool, "_name", None) or name_of(tool)
        runner.register_for_execution(name)(tool)
        if name not in known:
            about = getattr(tool, "_description", None) or (tool.__doc__ or name).strip().partition("\n")[0]
            agent.register_for_llm(name=name, description=about)(tool)
            new.append(name)
    try:
        yield
    finally:
        for name in new:
            agent.update_tool_signature(name, is_remove=True)


class Runs(AgentState):
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
        return drive(work(cast(Any, self), message, tools, max_turns, kwargs))

    async def a_run(
        self, message: Message | str, *, tools: Sequence[Callable[..., Any]] = (), max_turns: int = 20, **kwargs: Any
    ) -> ChatResult:
        """`run`, awaited."""
        return await adrive(work(cast(Any, self), message, tools, max_turns, kwargs))
