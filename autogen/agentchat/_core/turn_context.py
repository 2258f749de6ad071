"""The current turn of a group chat with hand-offs, as a context variable.

Replies, tools and agents look it up here, so that they don't depend on `_handoffs.member_turn`, which implements turns.
"""

from __future__ import annotations

import copy
import json
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from ..._steps import Steps
from ..agent import Agent, Message
from .protocols import AgentCore

logger = logging.getLogger("autogen.agentchat.groupchat")

Outcome = tuple[bool, Message]
"""Success of a tool call, and its result as a message."""

Schemas = Sequence[dict[str, Any]]
"""Schemas of tools."""


class ToolDirective(ABC):
    """A tool result that is more than text: a hand-off, or new context variables."""

    @abstractmethod
    def result_text(self) -> str:
        """Return the tool result for the model."""


class SideEffects(ABC):
    """Side effects of a tool call, recorded for replay."""

    @abstractmethod
    def snapshot(self) -> dict[str, object]:
        """Return the side effects as a JSON-serialisable dict."""

    @abstractmethod
    def replay(self, recorded: dict[str, Any]) -> None:
        """Repeat side effects that `snapshot` returned."""


class VariableEffects(SideEffects):
    """Changes of context variables by a tool call.

    Args:
        variables: Context variables, before the call.
    """

    def __init__(self, variables: MutableMapping[str, object]) -> None:
        self._variables = variables
        # A copy, so that changes inside of a value are noticed; a value that JSON can't represent may not be copyable.
        self._before = {key: copy.deepcopy(value) if _is_json(value) else value for key, value in variables.items()}

    def snapshot(self) -> dict[str, object]:
        """Return the changes since the call started; variables that JSON can't represent are omitted."""
        after, before = self._variables, self._before
        changed = {key: after[key] for key in after if key not in before or before[key] != after[key]}
        for key in [key for key in changed if not _is_json(changed[key])]:
            logger.warning("JSON can't represent the context variable %r: a resumed chat won't have it.", key)
            del changed[key]
        return {"changed": changed, "removed": [key for key in before if key not in after]}

    def replay(self, recorded: dict[str, Any]) -> None:
        """Repeat recorded changes."""
        self._variables.update(recorded["changed"])
        for key in recorded["removed"]:
            self._variables.pop(key, None)


def _is_json(value: object) -> bool:
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return False
    return True


class GroupTurn(ABC):
    """Turn of one member.

    Attributes:
        agent: Member whose turn it is.
        manager: Manager that requests the reply.
    """

    agent: Agent
    manager: Agent

    @abstractmethod
    def get_tools(self) -> Schemas:
        """Return the schemas of the tools that the member's model has in this turn, besides its own."""

    @abstractmethod
    def visible_messages(self, messages: list[Message]) -> list[Message]:
        """Return the conversation as the member's model sees it."""

    @abstractmethod
    def find_transfers(self, calls: Sequence[Message]) -> set[int]:
        """Return the positions of the calls that are hand-offs: nobody executes them."""

    @abstractmethod
    def apply(self, call: Message, directive: object) -> str:
        """Apply the directive that a tool returned. Returns the tool result for the model."""

    @abstractmethod
    def make_side_effects(self, call: Message) -> SideEffects:
        """Start to record the side effects of a call."""

    @abstractmethod
    def redirect(self, target: Any, guardrail: str) -> None:
        """Set the next speaker to the target of a guardrail that tripped."""

    @abstractmethod
    def resolve_handoffs(self, calls: Sequence[Message], outcomes: list[Outcome]) -> Steps[list[Outcome]]:
        """Select the next speaker by all calls of a message, and return their results."""


_current_turn: ContextVar[GroupTurn | None] = ContextVar("current turn", default=None)
_shared_variables: ContextVar[Any] = ContextVar("shared context variables", default=None)
_extra_tools: ContextVar[Schemas] = ContextVar("extra tools", default=())


@contextmanager
def enter_turn(turn: GroupTurn | None, variables: MutableMapping[str, object]) -> Iterator[None]:
    """Set the turn in progress, for the `with` block.

    Args:
        turn: Turn; None while the next speaker is selected.
        variables: Context variables that the members share.
    """
    # Restored by value, because the step may be closed in another context, where a token is invalid.
    outer = _current_turn.get(), _shared_variables.get()
    _current_turn.set(turn)
    _shared_variables.set(variables)
    try:
        yield
    finally:
        _current_turn.set(outer[0])
        _shared_variables.set(outer[1])


@contextmanager
def extra_tools_scope(tools: Schemas) -> Iterator[None]:
    """Offer tools to the model that is requested in the `with` block."""
    # By value, as in `enter_turn`.
    outer = _extra_tools.get()
    _extra_tools.set(tools)
    try:
        yield
    finally:
        _extra_tools.set(outer)


# built-in methods, because they run on every model reply.
get_extra_tools: Callable[[], Schemas] = _extra_tools.get
"""Return the schemas of the tools that a model has besides those of its agent."""

get_active_turn: Callable[[], GroupTurn | None] = _current_turn.get
"""Return the group turn in progress, of whichever agent; None outside of a group chat with hand-offs."""


def get_current_turn(agent: object, sender: object) -> GroupTurn | None:
    """Return the group turn in which `agent` is answering `sender`, else None (also in chats nested in a turn)."""
    turn = _current_turn.get()
    # A chat nested in a turn has the same context, but other agents.
    return turn if turn is not None and turn.agent is agent and turn.manager is sender else None


def get_variables() -> Any:
    """Return the context variables that the members of the group chat in progress share; None outside of one."""
    return _shared_variables.get()


def make_side_effects(call: Message) -> SideEffects | None:
    """Start to record the side effects of a call on the turn in progress; None if there is no turn."""
    turn = _current_turn.get()
    return None if turn is None else turn.make_side_effects(call)


def is_directive(result: object) -> bool:
    """Return True if a tool returned a directive, or an agent, which selects this agent as the next speaker."""
    return isinstance(result, ToolDirective) or hasattr(type(result), "a_generate_reply")


def apply_directive(agent: AgentCore, call: Message, result: object) -> str:
    """Return the result of a tool as text for the model, and apply it if it is a directive.

    Args:
        agent: Agent that executed the call.
        call: Call.
        result: Return value of the tool.
    """
    if not is_directive(result):
        # A text may know more about itself.
        return result if isinstance(result, str) else str(result)
    turn = _current_turn.get()
    if turn is not None:
        return turn.apply(call, result)
    text = result.result_text() if isinstance(result, ToolDirective) else f"{getattr(result, 'name', None)} should go on."
    # A directive without a target only sets variables, which works outside of a group chat too.
    if not isinstance(result, ToolDirective) or getattr(result, "target", result) is not None:
        logger.warning(
            "The tool %r of agent %r selects the next speaker. That has no effect outside of a group chat with hand-offs.",
            call.get("name"),
            agent.name,
        )
    variables = getattr(result, "context_variables", None)
    if variables is not None:
        agent.context_variables.update(variables)
    return text
