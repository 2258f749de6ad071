"""A member's turn in a group chat with hand-offs: its extra tools, what it sees, and what follows from its calls."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..._steps import Steps
from .._core.protocols import Group
from .._core.turn_context import GroupTurn, Outcome, ToolDirective
from .._handoffs.conditions import OnCondition, is_available
from .._handoffs.context_variables import ContextVariables
from .._handoffs.handoffs import get_handoffs
from .._handoffs.targets import NestedChatTarget, TransitionTarget, as_target
from ..agent import Message
from ._effects import ToolEffects

logger = logging.getLogger("autogen.agentchat.groupchat")

_NO_PARAMETERS = {"type": "object", "properties": {}, "required": []}


class MemberTurn(GroupTurn):
    """Turn of a member.

    Args:
        group: Group chat.
        agent: Member.
        manager: Manager of the group.
        variables: Context variables that the members share.
        hidden_tools: Names of the tools whose calls other models don't see.
        lead_to: Called with the target of the hand-off that wins.
    """

    def __init__(
        self,
        group: Group,
        agent: Any,
        manager: Any,
        variables: ContextVariables,
        hidden_tools: Callable[[], set[str]],
        lead_to: Callable[[TransitionTarget], None],
    ) -> None:
        self.agent = agent
        self.manager = manager
        self.variables = variables
        self._hidden_tools = hidden_tools
        self._lead_to = lead_to
        self._group = group
        self._rules = get_llm_conditions(agent)
        self._noted: list[tuple[Message, TransitionTarget]] = []

    def get_tools(self) -> list[dict[str, Any]]:
        """For each hand-off that is offered now a tool without parameters, described by its condition."""
        messages = self._group.messages
        offered = {name: rule for name, rule in self._rules.items() if self._is_offered(rule)}
        texts = {name: rule.condition.text(self.agent, messages, self.variables) for name, rule in offered.items()}
        return [
            {"type": "function", "function": {"name": name, "description": text, "parameters": dict(_NO_PARAMETERS)}}
            for name, text in texts.items()
        ]

    def visible_messages(self, messages: list[Message]) -> list[Message]:
        """The conversation without the transfers of others."""
        hidden = self._hidden_tools()
        return remove_transfers(messages, hidden, self.agent.name) if hidden else messages

    def find_transfers(self, calls: Sequence[Message]) -> set[int]:
        """The places of the calls that are hand-offs."""
        return {place for place, call in enumerate(calls) if _name(call) in self._rules}

    def apply(self, call: Message, directive: Any) -> str:
        """Set the variables that a tool returned, and remember where it leads."""
        if not isinstance(directive, ToolDirective):
            directive = as_target(directive)  # an agent
        known = getattr(directive, "context_variables", None)
        if known is not None:
            self.variables.update(known)
        target = directive if isinstance(directive, TransitionTarget) else getattr(directive, "target", None)
        if target is not None:
            self._noted.append((call, target))
        text: str = directive.result_text()
        return text

    def make_side_effects(self, call: Message) -> ToolEffects:
        """The effects that a call will have had."""

        def target() -> TransitionTarget | None:
            return next((target for noted, target in reversed(self._noted) if noted is call), None)

        def lead_to(target: TransitionTarget) -> None:
            self._noted.append((call, target))

        return ToolEffects(self._group, self.variables, target, lead_to)

    def resolve_handoffs(self, calls: Sequence[Message], outcomes: list[Outcome]) -> Steps[list[Outcome]]:
        """Let the first hand-off of a message win, and tell the model that the others are lost."""
        settled: list[Outcome] = []
        winner: TransitionTarget | None = None
        for call, outcome in zip(calls, outcomes, strict=True):
            rule = self._rules.get(_name(call))
            target: TransitionTarget | None = rule.target if rule else self._led_to(call)
            text = outcome[1].get("content", "")
            if rule and not self._is_offered(rule):
                settled.append(_result(outcome, call, f"Not transferred to {rule.target.label}: that is not possible now."))
            elif target is None:
                settled.append(outcome)
            elif winner is not None:
                lost = f"Not transferred to {target.label}: the hand-off to {winner.label} came first."
                settled.append(_result(outcome, call, lost if rule or not text else f"{text}\n{lost}", success=not rule))
            elif rule and isinstance(target, NestedChatTarget):
                winner, answer = target, (yield from target.run_chats(self.agent, self.manager))
                text = answer.get("content") or "" if isinstance(answer, dict) else answer
                settled.append(_result(outcome, call, str(text), success=True))
            else:
                winner = target
                self._lead_to(target)
                settled.append(_result(outcome, call, text or target.result_text(), success=True))
        self._noted.clear()
        return settled

    def _is_offered(self, rule: OnCondition) -> bool:
        return is_available(rule, self.agent, self._group.messages, self.variables)

    def _led_to(self, call: Message) -> TransitionTarget | None:
        """Where the tool of a call leads. The call is found by what it says: wrappers of tools may copy it."""
        for place, (noted, target) in enumerate(self._noted):
            if noted == call:
                del self._noted[place]
                return target
        return None


def get_llm_conditions(agent: Any) -> dict[str, OnCondition]:
    """The hand-offs that an agent's model decides, by the names of their tools."""
    handoffs = get_handoffs(agent)
    return handoffs.tools() if handoffs is not None else {}


def remove_transfers(messages: list[Message], hidden: set[str], reader: str) -> list[Message]:
    """A conversation as an agent sees it: without the calls of these names by others, and without their results."""
    kept: list[Message] = []
    mask: list[bool] = []  # for each call of the last message with calls: whether it is hidden
    ids: set[Any] = set()
    for message in messages:
        if calls := message.get("tool_calls"):
            foreign = message.get("name") not in (None, reader)
            mask = [foreign and _name(call.get("function") or {}) in hidden for call in calls]
            ids = {call.get("id") for call, gone in zip(calls, mask, strict=True) if gone} - {None}
            if any(mask):
                left = [call for call, gone in zip(calls, mask, strict=True) if not gone]
                message = _with(message, "tool_calls", left)
                if not left:
                    message["role"] = "user"  # what a model says besides calling is a text of another agent
                if not left and not message.get("content"):
                    continue
        elif (responses := message.get("tool_responses")) and any(mask):
            left = [one for place, one in enumerate(responses) if not _is_gone(one, place, ids, mask)]
            message = _with(message, "tool_responses", left)
            if not left and message.get("role") == "tool":
                continue
        kept.append(message)
    return kept


def _is_gone(response: Message, place: int, ids: set[Any], mask: list[bool]) -> bool:
    """Whether a result belongs to a hidden call: by its id, or by its place where calls have no ids."""
    if response.get("tool_call_id") is not None:
        return response["tool_call_id"] in ids
    return place < len(mask) and mask[place]


def _with(message: Message, key: str, left: list[Any]) -> Message:
    rest = {one: value for one, value in message.items() if one != key}
    return {**rest, key: left} if left else rest


def _name(call: Mapping[str, Any]) -> str:
    return str(call.get("name") or "").removeprefix("functions.").removeprefix("functions_")


def _result(outcome: Outcome, call: Message, text: str, *, success: bool = False) -> Outcome:
    return success, {"name": call.get("name") or "", "role": "function", **outcome[1], "content": text}
