"""Answers of an agent that works alone which are results of tools, without another request to its model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .._core.internals import get_reply_rows, internals
from .._core.messages import strip_namespace
from .._core.result import StopReason
from .._replies.registry import make_row
from ..agent import Agent, Message
from .offered_tools import OfferedToolsMixin

# The beginning of a result that describes an error, which the model may mend.
_ERROR = "Error: "


@contextmanager
def accept_tool_answers(agent: OfferedToolsMixin, executor: Agent, reflect: bool) -> Iterator[None]:
    """End the chat with the results of tools whose `reflect` is False, in this block.

    Args:
        agent: The agent that works alone.
        executor: The other side, which executes its calls.
        reflect: False if the results of all tools are the answer.
    """
    # None for all.
    final = {tool.name for tool in agent.tools if not tool.reflect} if reflect else None
    if final is not None and not final:
        yield
        return

    def end_chat(recipient: OfferedToolsMixin, messages: list[Message], sender: Agent, config: object) -> tuple[bool, None]:
        if not _is_answer(messages, final):
            return False, None
        internals(recipient).stop_reasons[sender] = StopReason.TOOL_RESULT
        return True, None

    rows = get_reply_rows(agent)
    rows.insert(0, make_row(executor, end_chat))
    try:
        yield
    finally:
        rows[:] = [row for row in rows if row["reply_func"] is not end_chat]


def _is_answer(messages: list[Message], final: set[str] | None) -> bool:
    """Return True if the last message has results of these tools alone, without an error; None stands for all tools."""
    if len(messages) < 2:
        return False
    calls, results = messages[-2], messages[-1]
    functions = [call.get("function") or {} for call in calls.get("tool_calls") or ()] or [calls.get("function_call") or {}]
    contents = [response.get("content") for response in results.get("tool_responses") or (results,)]
    has_results = bool(results.get("tool_responses")) or results.get("role") == "function"
    names = {strip_namespace(str(function.get("name"))) for function in functions}
    is_final = final is None or names <= final
    return has_results and is_final and not any(str(content).startswith(_ERROR) for content in contents)
