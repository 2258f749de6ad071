"""`Plan`: a capability with which an agent keeps a list of steps, and sees it at the end of each request."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

# Pydantic reads the annotations of a TypedDict of `typing` from Python 3.12 on.
from typing_extensions import TypedDict

from .... import events
from ....tools.tool import Tool
from ..._core.termination import Condition, Observation
from ...agent import Message
from ...conversable_agent import ConversableAgent
from .agent_capability import AgentCapability

__all__ = ["Plan", "PlanDone", "PlanItem"]

Status = Literal["pending", "in_progress", "completed"]
_MARKS: Mapping[str, str] = {"pending": "[ ]", "in_progress": "[>]", "completed": "[x]"}
_TOOL = "write_todos"
_DESCRIPTION = (
    "Write the list of steps of your task: all of them, each time; it replaces the list before. Use it for tasks of three "
    "or more steps. Exactly one step is in_progress while you work; mark a step as completed as soon as it is."
)
# The newest messages in which the model sees the list anyway.
_RECENT = 4


class PlanItem(TypedDict):
    """A step of a plan.

    Attributes:
        content: The step, in words.
        status: `pending`, `in_progress` or `completed`.
    """

    content: str
    status: Status


class Plan(AgentCapability):
    """Plan of an agent: a list of steps that its model writes by the tool `write_todos`, and sees with each request.

    The plan is in the history, as the arguments of the last call; so it is in saved states and checkpoints, too. The list
    stands behind the last message that the model sees, and changes neither the history nor the beginning of the request.

    Args:
        max_items: Maximum number of steps.
        remind_after: Number of the agent's replies without a change of the plan after which a line reminds of it.
        parallel: True if several steps may be in progress at once.

    Raises:
        ValueError: if a number is below 1.

    >>> plan = Plan()
    >>> plan.add_to_agent(agent)  # doctest: +SKIP
    >>> plan.get_items(agent)  # doctest: +SKIP
    [{'content': 'Read the report', 'status': 'completed'}, ...]
    """

    def __init__(self, *, max_items: int = 50, remind_after: int = 10, parallel: bool = False) -> None:
        super().__init__()
        for name, value in (("max_items", max_items), ("remind_after", remind_after)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value!r}.")
        self._max_items = max_items
        self._remind_after = remind_after
        self._parallel = parallel

    def add_to_agent(self, agent: ConversableAgent) -> None:
        """Give an agent the tool, which it executes itself, and show its model the plan."""

        def write_todos(todos: list[PlanItem]) -> str:
            items = self._validate(todos)
            events.emit(events.PlanChanged(agent=agent.name, items=[dict(item) for item in items]))
            return _format(items) or "The plan is empty."

        self.register_tool(agent, Tool(func_or_tool=write_todos, description=_DESCRIPTION))
        self.register_hook(agent, "process_all_messages_before_reply", lambda messages: self._show(messages))

    def get_items(self, agent: ConversableAgent) -> list[PlanItem]:
        """Return the plan of an agent: that of the conversation in which it was changed last. Empty if it has none."""
        plans = [plan for messages in agent.chat_messages.values() if (plan := self._find(messages)[0])]
        return plans[-1] if plans else []

    def _validate(self, todos: Sequence[Mapping[str, Any]]) -> list[PlanItem]:
        """Return the steps of a call.

        Raises:
            ValueError: if there are too many, a step is empty, or several are in progress.
        """
        if len(todos) > self._max_items:
            raise ValueError(f"A plan has at most {self._max_items} steps, got {len(todos)}: join some of them.")
        items: list[PlanItem] = []
        for number, todo in enumerate(todos, 1):
            content, status = str(todo.get("content") or "").strip(), todo.get("status", "pending")
            if not content:
                raise ValueError(f"Step {number} has no content.")
            if status not in _MARKS:
                raise ValueError(f"The status of step {number} must be one of {', '.join(_MARKS)}, got {status!r}.")
            items.append({"content": content, "status": status})
        under_way = [number for number, item in enumerate(items, 1) if item["status"] == "in_progress"]
        if len(under_way) > 1 and not self._parallel:
            raise ValueError(f"One step at most is in_progress, got {under_way}.")
        return items

    def _find(self, messages: Sequence[Message]) -> tuple[list[PlanItem], int]:
        """Return the plan of a conversation, and the number of messages behind the call; -1 without a plan."""
        for age, message in enumerate(reversed(messages)):
            for call in reversed(message.get("tool_calls") or []):
                if call["function"]["name"] != _TOOL:
                    continue
                if (items := self._parse(call["function"]["arguments"])) is not None:
                    return items, age
        return [], -1

    def _parse(self, arguments: str) -> list[PlanItem] | None:
        """Return the steps of a call; None if it was refused."""
        try:
            return self._validate(json.loads(arguments)["todos"])
        except (AttributeError, KeyError, TypeError, ValueError):
            return None

    def _show(self, messages: list[Message]) -> list[Message]:
        """Return the messages with the plan behind them, unless the model has just written it."""
        items, age = self._find(messages)
        if not items or 0 <= age < _RECENT:
            return messages
        text = f"Your plan at present:\n{_format(items)}"
        replies = sum(message.get("role") == "assistant" for message in messages[len(messages) - age :])
        if replies >= self._remind_after and any(item["status"] != "completed" for item in items):
            text += f"\nYou have not changed it for {replies} replies: bring it up to date by {_TOOL}."
        return [*messages, {"role": "user", "content": text}]


class PlanDone(Condition):
    """True of a message in words when all steps of a plan are completed.

    Args:
        plan: The capability.
        agent: The agent whose plan it is.

    >>> user = UserProxyAgent("user", is_termination_msg=PlanDone(plan, worker))  # doctest: +SKIP
    """

    def __init__(self, plan: Plan, agent: ConversableAgent) -> None:
        self._plan = plan
        self._agent = agent

    def __repr__(self) -> str:
        return f"PlanDone({self._agent.name!r})"

    def check(self, state: object, seen: Observation) -> str | None:
        """Check the plan."""
        # The call that completes the last step, and its result, are not the answer yet.
        if any(seen.message.get(key) for key in ("tool_calls", "tool_responses")):
            return None
        items = self._plan.get_items(self._agent)
        if not items or any(item["status"] != "completed" for item in items):
            return None
        return f"the {len(items)} steps of the plan of {self._agent.name!r} are completed"


def _format(items: Sequence[PlanItem]) -> str:
    return "\n".join(f"{number}. {_MARKS[item['status']]} {item['content']}" for number, item in enumerate(items, 1))
