"""The turn of a member of a group chat with hand-offs: the tools it gets, the messages it sees, and where its calls lead."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence

from ..._steps import Steps
from .._core.messages import strip_namespace
from .._core.protocols import Group
from .._core.turn_context import GroupTurn, Outcome, Schemas, ToolDirective
from ..agent import Agent, Message
from .conditions import OnCondition, is_available
from .context_variables import ContextVariables
from .handoffs import get_handoffs
from .targets import ReplyTarget, TransitionTarget, announce_handoff, as_target
from .tool_effects import ToolEffects

logger = logging.getLogger("autogen.agentchat.groupchat")

_NO_PARAMETERS = {"type": "object", "properties": {}, "required": []}


class MemberTurn(GroupTurn):
    """Turn of a member.

    Args:
        group: Group chat.
        agent: Member.
        manager: Manager of the group.
        variables: Context variables that the members share.
        get_hidden_tools: Returns the names of the tools whose calls other models don't see.
        set_target: Called with the target of the hand-off that wins.
    """

    def __init__(
        self,
        group: Group,
        agent: Agent,
        manager: Agent,
        variables: ContextVariables,
        get_hidden_tools: Callable[[], set[str]],
        set_target: Callable[[TransitionTarget], None],
    ) -> None:
        self.agent = agent
        self.manager = manager
        self.variables = variables
        self._get_hidden_tools = get_hidden_tools
        self._set_target = set_target
        self._group = group
        self._conditions = get_llm_conditions(agent)
        # Targets that tools returned, with their calls.
        self._tool_targets: list[tuple[Message, TransitionTarget]] = []

    def get_tools(self) -> Schemas:
        """Return a tool without parameters for each hand-off that is available now, described by its condition."""
        messages = self._group.messages
        available = {name: rule for name, rule in self._conditions.items() if self._is_available(rule)}
        # All texts first: a function of the program may change the variables.
        texts = {name: rule.condition.text(self.agent, messages, self.variables) for name, rule in available.items()}
        return [
            {"type": "function", "function": {"name": name, "description": text, "parameters": dict(_NO_PARAMETERS)}}
            for name, text in texts.items()
        ]

    def visible_messages(self, messages: list[Message]) -> list[Message]:
        """Return the conversation without the transfers of other agents."""
        # The usual case needs no copy.
        hidden = self._get_hidden_tools()
        return remove_transfers(messages, hidden, self.agent.name) if hidden else messages

    def find_transfers(self, calls: Sequence[Message]) -> set[int]:
        """Return the positions of the calls that are hand-offs."""
        return {index for index, call in enumerate(calls) if _get_name(call) in self._conditions}

    def apply(self, call: Message, directive: object) -> str:
        """Set the context variables that a tool returned, and note its target. Returns the tool result."""
        # A tool may also return an agent.
        directive = directive if isinstance(directive, ToolDirective) else as_target(directive)
        variables = getattr(directive, "context_variables", None)
        if variables is not None:
            self.variables.update(variables)
        target = directive if isinstance(directive, TransitionTarget) else getattr(directive, "target", None)
        if target is not None:
            self._tool_targets.append((call, target))
        return directive.result_text()

    def make_side_effects(self, call: Message) -> ToolEffects:
        """Start to record the side effects of a call."""

        def get_target() -> TransitionTarget | None:
            # By identity, because a message may have two equal calls.
            return next((target for other, target in reversed(self._tool_targets) if other is call), None)

        def set_target(target: TransitionTarget) -> None:
            self._tool_targets.append((call, target))

        return ToolEffects(self._group, self.variables, get_target, set_target)

    def redirect(self, target: TransitionTarget, guardrail: str) -> None:
        """Hand over to the target of a guardrail that tripped."""
        announce_handoff(self.agent, target, "guardrail", guardrail)
        self._set_target(target)

    def resolve_handoffs(self, calls: Sequence[Message], outcomes: list[Outcome]) -> Steps[list[Outcome]]:
        """Let the first hand-off of a message win, and report to the model that the others had no effect."""
        results: list[Outcome] = []
        winner: TransitionTarget | None = None
        for call, outcome in zip(calls, outcomes, strict=True):
            rule = self._conditions.get(_get_name(call))
            target = rule.target if rule else self._pop_target(call)
            text = outcome[1].get("content", "")
            # The model may call a tool that it had in an earlier turn.
            if rule and not self._is_available(rule):
                text = f"Not transferred to {rule.target.label}: that is not possible now."
                results.append(_make_result(outcome, call, text))
            elif target is None:
                results.append(outcome)
            # A result of a tool stays, even if its hand-off has no effect.
            elif winner is not None:
                lost = f"Not transferred to {target.label}: the hand-off to {winner.label} came first."
                text = lost if rule or not text else f"{text}\n{lost}"
                results.append(_make_result(outcome, call, text, success=not rule))
            elif rule and isinstance(target, ReplyTarget):
                # The chats run at once: their summary is the result of the call.
                winner, answer = target, (yield from target.run_chats(self.agent, self.manager))
                text = answer.get("content") or "" if isinstance(answer, dict) else answer
                results.append(_make_result(outcome, call, str(text), success=True))
            else:
                winner = target
                announce_handoff(self.agent, target, "llm" if rule else "reply_result")
                self._set_target(target)
                results.append(_make_result(outcome, call, text or target.result_text(), success=True))
        self._tool_targets.clear()
        return results

    def _is_available(self, rule: OnCondition) -> bool:
        return is_available(rule, self.agent, self._group.messages, self.variables)

    def _pop_target(self, call: Message) -> TransitionTarget | None:
        """Return the target that the tool of a call returned, once. Calls are compared by value: wrappers may copy them."""
        for index, (other, target) in enumerate(self._tool_targets):
            if other == call:
                del self._tool_targets[index]
                return target
        return None


def get_llm_conditions(agent: Agent) -> dict[str, OnCondition]:
    """Return the hand-offs that an agent's model decides, by the names of their tools."""
    handoffs = get_handoffs(agent)
    return handoffs.tools() if handoffs is not None else {}


def remove_transfers(messages: list[Message], hidden: set[str], reader: str) -> list[Message]:
    """Return a conversation without the calls of hidden tools by other agents, and without their results.

    Args:
        messages: Conversation.
        hidden: Names of the hidden tools.
        reader: Name of the agent that reads the conversation.
    """
    visible: list[Message] = []
    # Of the last message with calls: for each call True if it is hidden, and the ids of the hidden calls.
    mask: list[bool] = []
    hidden_ids: set[object] = set()
    for message in messages:
        if calls := message.get("tool_calls"):
            is_foreign = message.get("name") not in (None, reader)
            mask = [is_foreign and _get_name(call.get("function") or {}) in hidden for call in calls]
            hidden_ids = {call.get("id") for call, is_hidden in zip(calls, mask, strict=True) if is_hidden} - {None}
            if any(mask):
                visible_calls = [call for call, is_hidden in zip(calls, mask, strict=True) if not is_hidden]
                message = _replace_items(message, "tool_calls", visible_calls)
                if not visible_calls:
                    # Without calls the rest is the text of another agent.
                    message["role"] = "user"
                    if not message.get("content"):
                        continue
        elif (responses := message.get("tool_responses")) and any(mask):
            visible_responses = [
                response
                for index, response in enumerate(responses)
                if not _is_hidden_result(response, index, hidden_ids, mask)
            ]
            message = _replace_items(message, "tool_responses", visible_responses)
            if not visible_responses and message.get("role") == "tool":
                continue
        visible.append(message)
    return visible


def _is_hidden_result(response: Message, index: int, hidden_ids: set[object], mask: list[bool]) -> bool:
    """Return True if a result belongs to a hidden call: by its id, or by its position if calls have no ids."""
    if response.get("tool_call_id") is not None:
        return response["tool_call_id"] in hidden_ids
    return index < len(mask) and mask[index]


def _replace_items(message: Message, key: str, items: list[Message]) -> Message:
    """Copy a message with other items under a key; without items the key is left out."""
    rest = {other: value for other, value in message.items() if other != key}
    return {**rest, key: items} if items else rest


def _get_name(call: Mapping[str, object]) -> str:
    # Some models put a namespace before the name.
    return strip_namespace(str(call.get("name") or ""))


def _make_result(outcome: Outcome, call: Message, text: str, *, success: bool = False) -> Outcome:
    return success, {"name": call.get("name") or "", "role": "function", **outcome[1], "content": text}
