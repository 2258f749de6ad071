"""The turn that a member of a group chat with hand-offs is taking: what its rooms have to know of that.

The rooms for models, tools and state ask here, so that none of them depends on the package `group`, which implements it.
"""

from __future__ import annotations

import copy
import json
import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from ..._steps import Steps
from ..agent import Message

logger = logging.getLogger("autogen.agentchat.groupchat")

Outcome = tuple[bool, Message]


class ToolDirective(ABC):
    """What a tool may return that tells more than text: who speaks next, and what is known now."""

    @abstractmethod
    def told(self) -> str:
        """What the model is told, as the result of its call."""


class SideEffects(ABC):
    """What a call does to the turn in which it is made, besides giving a result."""

    @abstractmethod
    def snapshot(self) -> Any:
        """What it was, as JSON has it."""

    @abstractmethod
    def replay(self, taken: Any) -> None:
        """Do the same again."""


class VariableEffects(SideEffects):
    """What one call does to the variables that its tool knows."""

    def __init__(self, variables: MutableMapping[str, Any]) -> None:
        self._variables = variables
        self._before = {key: copy.deepcopy(value) if _is_json(value) else value for key, value in variables.items()}

    def snapshot(self) -> dict[str, Any]:
        """What changed since the call was made."""
        known = self._variables
        changed = {key: known[key] for key in known if key not in self._before or self._before[key] != known[key]}
        for key in [key for key in changed if not _is_json(changed[key])]:
            logger.warning("JSON can't hold the context variable %r: a resumed chat lacks it.", key)
            del changed[key]
        return {"changed": changed, "removed": [key for key in self._before if key not in known]}

    def replay(self, taken: dict[str, Any]) -> None:
        """Do the same again."""
        self._variables.update(taken["changed"])
        for key in taken["removed"]:
            self._variables.pop(key, None)


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return False
    return True


class GroupTurn(ABC):
    """One member's turn.

    Attributes:
        agent: Whose turn it is.
        manager: Who asks it.
    """

    agent: Any
    manager: Any

    @abstractmethod
    def tools(self) -> list[dict[str, Any]]:
        """The schemas of the tools that its model has in this turn, besides its own."""

    @abstractmethod
    def visible_messages(self, messages: list[Message]) -> list[Message]:
        """The conversation as its model sees it."""

    @abstractmethod
    def transfers(self, calls: Sequence[Message]) -> set[int]:
        """The places of the calls that nobody executes, as they are hand-offs."""

    @abstractmethod
    def note(self, call: Message, directive: Any) -> str:
        """Take note of what a tool returned, at once. Returns what its model is told."""

    @abstractmethod
    def effects(self, call: Message) -> SideEffects:
        """The effects that a call will have had."""

    @abstractmethod
    def resolve_handoffs(self, calls: Sequence[Message], outcomes: list[Outcome]) -> Steps[list[Outcome]]:
        """The results of all calls of a message, when it is decided who goes on."""


_in_play: ContextVar[GroupTurn | None] = ContextVar("turn in play", default=None)
_known: ContextVar[Any] = ContextVar("what the members know in common", default=None)
_lent: ContextVar[Sequence[dict[str, Any]]] = ContextVar("lent tools", default=())


@contextmanager
def in_play(turn: GroupTurn | None, variables: Any) -> Iterator[None]:
    """The turn is taken within, or it is decided whose it is.

    Args:
        turn: The turn; None while it is decided.
        variables: What the members know in common.
    """
    outer = _in_play.get(), _known.get()
    _in_play.set(turn)
    _known.set(variables)
    try:
        yield
    finally:
        _in_play.set(outer[0])
        _known.set(outer[1])


@contextmanager
def extra_tools_scope(tools: Sequence[dict[str, Any]]) -> Iterator[None]:
    """The model that is asked within has these tools too."""
    outer = _lent.get()
    _lent.set(tools)
    try:
        yield
    finally:
        _lent.set(outer)


def extra_tools() -> Sequence[dict[str, Any]]:
    """The tools that a model has besides those of its agent."""
    return _lent.get()


def current_turn(agent: Any, sender: Any) -> GroupTurn | None:
    """The turn that an agent takes when it answers this sender; None in any other chat, also one held within a turn."""
    turn = _in_play.get()
    return turn if turn is not None and turn.agent is agent and turn.manager is sender else None


def variables() -> Any:
    """What the members know in common, where a turn is taken or decided; None elsewhere."""
    return _known.get()


def effects(call: Message) -> SideEffects | None:
    """The effects that a call will have had on the turn that is taken; None if none is."""
    turn = _in_play.get()
    return None if turn is None else turn.effects(call)


def is_directive(result: Any) -> bool:
    """Whether a tool returned more than text: a directive, or an agent, which means that this one is next."""
    return isinstance(result, ToolDirective) or hasattr(type(result), "a_generate_reply")


def apply_directive(agent: Any, call: Message, result: Any) -> str:
    """The result of a tool as text for the model; what else it tells is taken note of."""
    if not is_directive(result):
        return str(result)
    turn = _in_play.get()
    if turn is not None:
        return turn.note(call, result)
    text = result.told() if isinstance(result, ToolDirective) else f"{result.name} should go on."
    if not isinstance(result, ToolDirective) or getattr(result, "target", result) is not None:
        logger.warning(
            "The tool %r of agent %r says who speaks next. That has no effect outside of a group chat with hand-offs.",
            call.get("name"),
            agent.name,
        )
    known = getattr(result, "context_variables", None)
    if known is not None:
        agent.context_variables.update(known)
    return text
