"""A target that a function of the program decides, which may also set context variables and send messages to members."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ... import events
from ..._steps import get_callable_name, invoke, run_sync, sync_and_async
from .._chats.message_loop import Send, run_loop
from .._core.display import is_silent
from .._core.internals import group_internals, is_conversable
from ..agent import Agent
from .targets import (
    HandoffContext,
    RandomAgentTarget,
    Resolution,
    RevertToUserTarget,
    TargetLike,
    TransitionTarget,
    as_target,
)

_MARK = "[FUNCTION_HANDOFF]"


@dataclass(frozen=True)
class FunctionTargetMessage:
    """A message for one member.

    Attributes:
        content: Text.
        msg_target: The member, or a target that names it.
    """

    content: str
    msg_target: TargetLike


@dataclass(frozen=True, kw_only=True)
class FunctionTargetResult:
    """Result of the function of a `FunctionTarget`.

    Attributes:
        messages: Text for the agent that the target names, or a list of `FunctionTargetMessage`; None for none.
        context_variables: Context variables to set.
        target: Where to.
    """

    messages: Sequence[FunctionTargetMessage] | str | None = None
    context_variables: Mapping[str, object] | None = None
    target: TargetLike


class FunctionTarget(TransitionTarget):
    """Target that a function decides.

    Args:
        incoming_fn: Function `(output, context_variables, **extra_args)` of the content of the last message and the
            variables. It returns a `FunctionTargetResult`. A coroutine function runs to its end before the chat goes on.
        extra_args: Further arguments of the function, by name.
        fn: The same as `incoming_fn`.

    Raises:
        ValueError: if the function does not take these arguments.

    >>> def review(output, context_variables, limit):
    ...     is_long = len(output) > limit
    ...     return FunctionTargetResult(target=AgentNameTarget("editor" if is_long else "publisher"))
    >>> writer.handoffs.set_after_work(FunctionTarget(review, extra_args={"limit": 500}))  # doctest: +SKIP
    """

    fn: Callable[..., Any]
    fn_name: str
    extra_args: dict[str, Any]

    def __init__(
        self,
        incoming_fn: Callable[..., Any] | None = None,
        *,
        extra_args: Mapping[str, object] | None = None,
        fn: Callable[..., Any] | None = None,
    ) -> None:
        function = fn if incoming_fn is None else incoming_fn
        if not callable(function):
            raise ValueError(f"FunctionTarget takes a function, got {function!r}.")
        self.fn = function
        self.fn_name = get_callable_name(function)
        self.extra_args = dict(extra_args or {})
        _check_parameters(self.fn_name, function, self.extra_args)

    def __repr__(self) -> str:
        return f"FunctionTarget({self.fn_name})"

    @property
    def label(self) -> str:
        """Name of the function."""
        return self.fn_name

    def display_name(self) -> str:
        """Return the name of the function."""
        return self.fn_name

    def needs_agent_wrapper(self) -> bool:
        """Return False."""
        return False

    def follow(self, situation: HandoffContext) -> Resolution:
        """Call the function, apply its result, and follow its target.

        Raises:
            ValueError: if the function did not return a `FunctionTargetResult`.
        """
        messages = situation.group.messages
        output = messages[-1].get("content") if messages else ""
        variables: Any = getattr(situation.agent, "context_variables", {})
        result = run_sync(invoke(*sync_and_async(self.fn), output, variables, **self.extra_args))
        if not isinstance(result, FunctionTargetResult):
            raise ValueError(f"The function {self.fn_name!r} must return a FunctionTargetResult, got {result!r}.")
        if result.context_variables:
            variables.update(result.context_variables)
        target = as_target(result.target)
        if result.messages:
            broadcast(result.messages, situation.group, situation.agent, self.fn_name, target, situation.user)
        return target.follow(situation)


def broadcast(
    messages: Sequence[FunctionTargetMessage] | str,
    group_chat: Any,
    current_agent: Any,
    fn_name: str,
    target: TargetLike,
    user_agent: Any = None,
) -> None:
    """Send messages to members of a group, without asking them to reply. They are not part of the group's record.

    Args:
        messages: Text for the agent that the target names, or a list of `FunctionTargetMessage`.
        group_chat: Group chat, which is running.
        current_agent: Agent that hands over; it gets the messages for targets that name no agent.
        fn_name: Name of the function that sends them.
        target: Where to.
        user_agent: Agent that speaks for the human.

    Raises:
        ValueError: if the group is not running, or has no such member.
    """
    manager = group_internals(group_chat).manager
    if manager is None:
        raise ValueError("Messages can be sent to the members of a group while its chat runs, and it does not.")
    items = [FunctionTargetMessage(messages, target)] if isinstance(messages, str) else list(messages)
    for message in items:
        if not isinstance(message, FunctionTargetMessage):
            raise ValueError(f"messages must be a text or a list of FunctionTargetMessage, got {message!r} in it.")
        receiver = _find_receiver(as_target(message.msg_target), HandoffContext(current_agent, group_chat, user_agent))
        content = f"{_MARK} Message of the function {fn_name}:\n\n{message.content}"
        sent = {"content": content, "role": "system", "name": fn_name}
        # Sending does not report it: a manager mostly passes on messages of members.
        if events.has_listeners:
            events.emit(events.MessageSent(sender=manager.name, recipient=receiver.name, message=sent))
        run_sync(run_loop(Send(manager, receiver, sent, False, is_silent(manager))))


def _find_receiver(target: TransitionTarget, situation: HandoffContext) -> Agent:
    """Return the agent that a target names, without following it; the agent that hands over if it names none."""
    if isinstance(target, RevertToUserTarget):
        return situation.user or situation.agent
    named = [] if isinstance(target, RandomAgentTarget) else list(target.members(situation.group))
    if not named:
        return situation.agent
    if isinstance(named[0], str) or not is_conversable(named[0]):
        names = ", ".join(situation.group.agent_names)
        raise ValueError(f"A message is for {named[0]!r}, but the agents of the group are {names}.")
    return named[0]


def _check_parameters(name: str, function: Callable[..., Any], extra_args: Mapping[str, object]) -> None:
    """Check that a function takes two arguments by position, and the others by name.

    Raises:
        ValueError: It does not.
    """
    parameters = list(inspect.signature(function).parameters.values())
    by_position = [item for item in parameters if item.kind in (item.POSITIONAL_ONLY, item.POSITIONAL_OR_KEYWORD)]
    if len(by_position) < 2 and not any(item.kind is item.VAR_POSITIONAL for item in parameters):
        raise ValueError(f"The function {name!r} must take the output and the context variables as its first two arguments.")
    rest = [item for item in parameters if item not in by_position[:2]]
    named = {item.name: item for item in rest if item.kind in (item.POSITIONAL_OR_KEYWORD, item.KEYWORD_ONLY)}
    takes_any = any(item.kind is item.VAR_KEYWORD for item in parameters)
    if unknown := [key for key in extra_args if key not in named and not takes_any]:
        raise ValueError(
            f"The function {name!r} takes no {', '.join(unknown)}; extra_args may have {', '.join(named) or 'none'}."
        )
    missing = [key for key, item in named.items() if item.default is item.empty and key not in extra_args]
    if missing:
        raise ValueError(f"extra_args must have {', '.join(missing)}, which the function {name!r} requires.")
