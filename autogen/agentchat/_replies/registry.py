"""Who answers, in which order.

An agent's reply functions stand in a plain list of dicts, because programs insert, delete and swap entries. Each is
called in turn until one gives a final answer. Built-in functions come in pairs, a plain one and its awaitable twin: of a
pair only one is asked, the one of the caller's colour, at the place of the plain one.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Container
from functools import partial
from operator import itemgetter
from types import FunctionType
from typing import TYPE_CHECKING, Any, NamedTuple

from ... import events, runtime_logging
from ..._steps import Call, Steps, get_callable_name, is_coroutine_function
from ...exception_utils import SenderRequired
from ...operations import Operation, is_replay_safe, perform
from .._core import runtime_log
from .._core.overrides import ANSWERING
from ..agent import Agent, Message

if TYPE_CHECKING:
    from .._agent.state import AgentState
    from .._agent.turns import MessagingMixin

ReplyFunction = Callable[..., Any]
FUNCTION_OF = itemgetter("reply_func")

NO_REPLY: tuple[bool, None] = (False, None)
"""The answer of who has nothing to say."""

SKIPPED: tuple[bool, None] = tuple([False, None])  # type: ignore[assignment]  # noqa: C409 - not the constant above
"""This very object is the answer of a form that does not exist: nobody was asked."""


class AsyncVariants:
    """The built-in reply functions that have two forms, a plain one and an awaitable one."""

    def __init__(self) -> None:
        self._awaitable: dict[Any, Any] = {}
        self._plain: dict[Any, Any] = {}

    def add(self, plain: ReplyFunction, awaitable: ReplyFunction) -> None:
        """Make a pair known."""
        self._awaitable[plain] = awaitable
        self._plain[awaitable] = plain

    def awaitable(self, function: ReplyFunction) -> ReplyFunction:
        """The awaitable form of a built-in; the function itself if it is none."""
        return self._awaitable.get(function, function) if type(function) is FunctionType else function

    def knows(self, function: ReplyFunction) -> bool:
        """Whether a function is one of them."""
        return type(function) is FunctionType and (function in self._awaitable or function in self._plain)

    def plain_of(self, function: ReplyFunction) -> ReplyFunction | None:
        """The plain form of an awaitable built-in; None if it is none."""
        return self._plain.get(function) if type(function) is FunctionType else None


ASYNC_VARIANTS = AsyncVariants()
"""Filled by the class that defines them."""

Step = Callable[[Any, list[Message], Any, Any], "Steps[Any] | tuple[bool, Any] | None"]
"""A built-in reply function of `(agent, messages, sender, config)`: to ask it takes no driver of its own. One that need not
call out gives its answer at once, and None is that of who has nothing to say."""


class BuiltIn(NamedTuple):
    """What is known of a built-in reply function."""

    step: Step
    about: str | None = None  # it has nothing to say but to messages that have this key


BUILTIN_STEPS: dict[Any, BuiltIn] = {}
"""Filled by the class that defines them."""

EVERYBODY: list[Any] = [Agent, None]
"""The trigger of the built-in reply functions."""


PlannedReply = tuple[str | None, int, ReplyFunction, ReplyFunction, ReplyFunction, "Step | None"]
"""One that is asked: the key that it is about, its place in the list, itself, its two forms, itself as a step."""


class ReplyPlan:
    """Which of an agent's reply functions are asked: of a pair one, of what is excluded none."""

    __slots__ = ("asked", "functions")

    def __init__(self, functions: list[ReplyFunction], exclude: Container[ReplyFunction]) -> None:
        self.functions = functions
        meant = [function for function in functions if function not in exclude]
        self.asked = [
            _asked(place, function)
            for place, function in enumerate(functions)
            if function not in exclude and ASYNC_VARIANTS.plain_of(function) not in meant
        ]


def _asked(place: int, function: ReplyFunction) -> PlannedReply:
    if is_coroutine_function(function):
        return None, place, function, decline, function, None
    known = BUILTIN_STEPS.get(function) if type(function) is FunctionType else None
    step, about = known or (None, None)
    return about, place, function, function, ASYNC_VARIANTS.awaitable(function), step


def _plan(agent: AgentState, rows: list[dict[str, Any]], exclude: Container[ReplyFunction]) -> list[PlannedReply]:
    """Whom to ask. The answer is kept while the list of reply functions has the same functions."""
    functions = list(map(FUNCTION_OF, rows))
    known: ReplyPlan | None = agent._reply_plan
    if known is not None and functions == known.functions and not exclude:
        return known.asked
    order = ReplyPlan(functions, exclude)
    if not exclude:
        agent._reply_plan = order
    return order.asked


def make_row(
    trigger: Any,
    reply_func: ReplyFunction,
    config: Any = None,
    reset_config: Callable[[Any], Any] | None = None,
    ignore_async_in_sync_chat: bool = False,
) -> dict[str, Any]:
    """One row of `_reply_func_list`.

    Raises:
        ValueError: The trigger is of no known kind.
    """
    if (
        trigger is not None
        and not isinstance(trigger, (type, str, list))
        and not (callable(trigger) or isinstance(trigger, Agent))
    ):
        raise ValueError(f"A trigger must be a class, a name, an agent, a callable, None or a list of these: {trigger!r}")
    return {
        "trigger": trigger,
        "reply_func": reply_func,
        "config": copy_config(config),
        "init_config": config,
        "reset_config": reset_config,
        "ignore_async_in_sync_chat": ignore_async_in_sync_chat and is_coroutine_function(reply_func),
    }


def copy_config(config: Any) -> Any:
    """The config that a reply function is given: a copy, but of what is alive, such as a group chat, the thing itself."""
    return config if getattr(config, "is_live", False) else copy.copy(config)


def matches(trigger: Any, sender: Agent | None) -> bool:
    """Whether a reply function with this trigger answers this sender.

    Raises:
        SenderRequired: The trigger is a name and there is no sender.
        AssertionError: A callable trigger returned something else than a bool.
        ValueError: The trigger is of no known kind.
    """
    if isinstance(trigger, list):
        for one in trigger:  # noqa: SIM110 - `any` is slower, and this is asked several times a message
            if matches(one, sender):
                return True
        return False
    if trigger is None:
        return sender is None
    if isinstance(trigger, type):  # the nominal test first: a structural one costs several microseconds
        return trigger in type(sender).__mro__ or isinstance(sender, trigger)
    if isinstance(trigger, str):
        if sender is None:
            raise SenderRequired()
        return trigger == sender.name
    if isinstance(trigger, Agent):
        return trigger == sender
    if callable(trigger):
        answer = trigger(sender)
        if not isinstance(answer, bool):
            raise AssertionError(f"Trigger {trigger!r} must return a bool, not {answer!r}.")
        return answer
    raise ValueError(f"Unsupported trigger: {trigger!r}")


def builtin_generate_reply(agent: MessagingMixin, history: list[Message], peer: Any) -> Steps[Any] | None:
    """`generate_reply` as a step, which takes no driver of its own; None if it, or what it calls, is overridden."""
    if not ANSWERING.is_untouched(agent):
        return None
    return (
        agent._reply_step(history, peer) if any(agent.hook_lists.values()) else run_reply_functions(agent, history, peer, ())
    )


def run_reply_functions(
    agent: AgentState, messages: list[Message], sender: Agent | None, exclude: Container[ReplyFunction]
) -> Steps[Any]:
    """Call the reply functions in turn until one gives a final reply; return it, or the agent's default reply."""
    rows = list(agent._reply_func_list)
    answers_agents = sender is None or Agent in type(sender).__mro__ or matches(Agent, sender)
    is_observed = runtime_logging.is_logging or (
        events.has_listeners and events.is_wanted(events.ReplyStarted, events.ReplyEnded)
    )
    last_message: Container[str] = messages[-1] if messages else ()
    for planned in _plan(agent, rows, exclude):
        key, index, _, _, _, step = planned
        # a function that would decline need not be called, unless somebody is to see that
        if key is not None and not is_observed and key not in last_message:
            continue
        row = rows[index]
        trigger, config = row["trigger"], row["config"]
        if not (answers_agents if trigger == EVERYBODY else matches(trigger, sender)):
            continue
        if is_observed:
            answer = yield from perform(_operation(agent, planned, messages, sender, config))
        elif step is None:
            answer = yield from _call(agent, planned, messages, sender, config)
        else:
            answer = step(agent, messages, sender, config)
            if answer is None:
                continue
            if not isinstance(answer, tuple):
                answer = yield from answer
        final, reply = answer
        if final:
            return reply
    return agent._default_auto_reply


def _call(agent: AgentState, planned: PlannedReply, messages: list[Message], sender: Any, config: Any) -> Steps[Any]:
    """Call a reply function: as a step if it is a built-in one, else the variant for the caller's mode."""
    _, _, _, sync_function, async_function, step = planned
    if step is None:
        keywords = {"messages": messages, "sender": sender, "config": config}
        return (yield Call(sync_function, async_function, (agent,), keywords))
    answer = step(agent, messages, sender, config)
    if answer is None:
        return NO_REPLY
    return answer if isinstance(answer, tuple) else (yield from answer)


def _operation(
    agent: AgentState, planned: PlannedReply, messages: list[Message], sender: Any, config: Any
) -> Operation[Any]:
    """Describe the call of a reply function. A function of the program has its result in the journal."""
    _, _, function, _, _, step = planned
    name = get_callable_name(function)
    is_built_in = step is not None or ASYNC_VARIANTS.knows(function) or is_replay_safe(function)

    def log(answer: tuple[Any, Any]) -> None:
        # a variant that does not exist was not called
        if answer is not SKIPPED:
            runtime_log.replied(agent, function, *answer)

    return Operation(
        kind="builtin_reply" if is_built_in else "reply",
        key=lambda: f"{agent.name}:{name}",
        run=partial(_call, agent, planned, messages, sender, config),
        started=lambda: events.ReplyStarted(agent=agent.name, function=name),
        finished=lambda answer, seconds: events.ReplyEnded(
            agent=agent.name, function=name, final=bool(answer[0]), seconds=seconds
        ),
        log=log,
        encode=list,
        decode=tuple,
        holds_chats=True,
        is_journaled=not is_built_in,
    )


def decline(*_: Any, **__: Any) -> tuple[bool, None]:
    """The other form of a function that exists in one colour only: it has nothing to say."""
    return SKIPPED
