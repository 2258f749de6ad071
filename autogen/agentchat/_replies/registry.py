"""The registered reply functions of an agent: which are called, in which order, and how.

They stand in a plain list of dicts, because programs insert, delete and swap entries. Each is called in turn until one
gives a final reply. A built-in function has a sync and an async variant, both in the list: only the one for the caller's
mode is called, at the position of the sync one.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Container, Sequence
from operator import itemgetter
from types import FunctionType
from typing import Any, NamedTuple, TypeAlias

from ... import events, runtime_logging
from ..._steps import Call, Steps, get_callable_name, is_coroutine_function
from ...control import get_control, yield_point
from ...events._event import current_operation_id, parent_operation_id
from ...events._reply_events import make_reply_ended, make_reply_started
from ...exception_utils import SenderRequired
from ...operations import Operation, get_journal, is_replay_safe, make_id, perform
from .._approvals.labels import TrustedText, label_reply, usage
from .._core import runtime_log
from .._core.internals import ANSWERING, get_default_reply, get_reply_rows, internals
from .._core.messages import AnswerText, as_dict
from .._core.protocols import AgentCore, ReplyFunction
from .._guardrails.beside import get_pending_checks
from ..agent import Agent, Message

# Tracebacks of pytest show the program's frames, and not those of this module.
__tracebackhide__ = True

ReplyTuple: TypeAlias = tuple[bool, object]
"""Return value of a reply function: True if the reply is final, and the reply."""

get_function = itemgetter("reply_func")

NO_REPLY: tuple[bool, None] = (False, None)
"""Returned by a reply function that declines."""

SKIPPED: tuple[bool, None] = tuple([False, None])  # type: ignore[assignment]  # noqa: C409 - not the constant above
"""Sentinel, compared by identity: the function has no variant for the caller's mode, and was not called."""


class AsyncVariants:
    """The built-in reply functions that have a sync and an async variant."""

    def __init__(self) -> None:
        self._async_variants: dict[ReplyFunction, ReplyFunction] = {}
        self._sync_variants: dict[ReplyFunction, ReplyFunction] = {}

    def add(self, sync_function: ReplyFunction, async_function: ReplyFunction) -> None:
        """Register a pair."""
        self._async_variants[sync_function] = async_function
        self._sync_variants[async_function] = sync_function

    def get_async(self, function: ReplyFunction) -> ReplyFunction:
        """Return the async variant of a built-in function, or the function itself."""
        return self._async_variants.get(function, function) if type(function) is FunctionType else function

    def get_sync(self, function: ReplyFunction) -> ReplyFunction | None:
        """Return the sync variant of a built-in async function, else None."""
        return self._sync_variants.get(function) if type(function) is FunctionType else None

    def contains(self, function: ReplyFunction) -> bool:
        """Return True if the function is one of a pair."""
        return type(function) is FunctionType and (function in self._async_variants or function in self._sync_variants)


ASYNC_VARIANTS = AsyncVariants()
"""Filled by the classes that define built-in reply functions."""

ReplyStep: TypeAlias = Callable[[Any, list[Message], Any, Any], "Steps[Any] | ReplyTuple | None"]
"""A built-in reply function of `(agent, messages, sender, config)` that runs in the current driver.

It returns a step if it must wait, a reply tuple if not, None to decline.
"""


class BuiltinStep(NamedTuple):
    """A built-in reply function as a step.

    Attributes:
        step: The step.
        key: Key that a message must have; without it the function declines. None if it must be called to know.
        has_effects: False if it decides about the chat, or asks the model, and nothing else.
    """

    step: ReplyStep
    key: str | None = None
    has_effects: bool = True


BUILTIN_STEPS: dict[Any, BuiltinStep] = {}
"""Steps by reply function. Filled by the classes that define built-in reply functions."""

ANY_SENDER: list[Any] = [Agent, None]
"""Trigger of the built-in reply functions."""


class ReplyDetails(NamedTuple):
    """The variants of a reply function, and its name.

    Attributes:
        function: The registered function.
        sync_function: Variant for a sync caller.
        async_function: Variant for an async caller.
        name: Name of the function.
        is_builtin: True if it is one of this package.
        has_effects: As for `BuiltinStep`.
    """

    function: ReplyFunction
    sync_function: ReplyFunction
    async_function: ReplyFunction
    name: str
    is_builtin: bool
    has_effects: bool = True


class PlannedReply(NamedTuple):
    """A reply function to call.

    Attributes:
        key: Key that the last message must have; see `BuiltinStep`.
        position: Index in the list of reply functions.
        step: The function as a step, if it is a built-in one.
        details: Its variants and its name.
    """

    key: str | None
    position: int
    step: ReplyStep | None
    details: ReplyDetails


class ReplyPlan:
    """The reply functions to call: one of each pair, none that is excluded."""

    __slots__ = ("functions", "replies")

    def __init__(self, functions: list[ReplyFunction], exclude: Container[ReplyFunction]) -> None:
        self.functions = functions
        included = [function for function in functions if function not in exclude]
        self.replies = [
            _plan_reply(index, function)
            for index, function in enumerate(functions)
            if function not in exclude and ASYNC_VARIANTS.get_sync(function) not in included
        ]


def _plan_reply(index: int, function: ReplyFunction) -> PlannedReply:
    name, is_builtin = get_callable_name(function), ASYNC_VARIANTS.contains(function)
    if is_coroutine_function(function):
        return PlannedReply(None, index, None, ReplyDetails(function, decline, function, name, is_builtin))
    builtin = BUILTIN_STEPS.get(function) if type(function) is FunctionType else None
    step, key, has_effects = builtin or (None, None, True)
    async_function = ASYNC_VARIANTS.get_async(function)
    is_builtin = is_builtin or step is not None
    return PlannedReply(key, index, step, ReplyDetails(function, function, async_function, name, is_builtin, has_effects))


def _get_plan(agent: AgentCore, rows: Sequence[dict[str, Any]], exclude: Container[ReplyFunction]) -> list[PlannedReply]:
    """Return the plan of an agent. It is cached as long as the list has the same functions."""
    functions = list(map(get_function, rows))
    cached: ReplyPlan | None = internals(agent).reply_plan
    if cached is not None and functions == cached.functions and not exclude:
        return cached.replies
    plan = ReplyPlan(functions, exclude)
    if not exclude:
        internals(agent).reply_plan = plan
    return plan.replies


def make_row(
    trigger: object,
    reply_func: ReplyFunction,
    config: object = None,
    reset_config: Callable[[Any], Any] | None = None,
    ignore_async_in_sync_chat: bool = False,
) -> dict[str, Any]:
    """Make an entry of `_reply_func_list`.

    Raises:
        ValueError: The trigger is of an unsupported type.
    """
    is_supported = trigger is None or isinstance(trigger, (type, str, list, Agent)) or callable(trigger)
    if not is_supported:
        raise ValueError(
            f"A trigger must be a class, a name, an agent, a callable, None or a list of these, got {trigger!r}."
        )
    return {
        "trigger": trigger,
        "reply_func": reply_func,
        "config": copy_config(config),
        "init_config": config,
        "reset_config": reset_config,
        "ignore_async_in_sync_chat": ignore_async_in_sync_chat and is_coroutine_function(reply_func),
    }


def copy_config(config: Any) -> Any:
    """Return a copy of a reply function's config; a live object, such as a group chat, is returned as it is."""
    return config if getattr(config, "is_live", False) else copy.copy(config)


def is_triggered_by(trigger: object, sender: Agent | None) -> bool:
    """Return True if a reply function with this trigger answers this sender.

    Raises:
        SenderRequired: The trigger is a name and there is no sender.
        AssertionError: A callable trigger did not return a bool.
        ValueError: The trigger is of an unsupported type.
    """
    if isinstance(trigger, list):
        # A loop, as `any` is slower, and this runs several times a message.
        for item in trigger:  # noqa: SIM110
            if is_triggered_by(item, sender):
                return True
        return False
    if trigger is None:
        return sender is None
    if isinstance(trigger, type):
        # The nominal test first: the structural one of a protocol costs several microseconds.
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
            raise AssertionError(f"Trigger {trigger!r} must return a bool, got {answer!r}.")
        return answer
    raise ValueError(f"Unsupported trigger: {trigger!r}")


def builtin_generate_reply(agent: AgentCore, history: list[Message], peer: Agent | None) -> Steps[Any] | None:
    """Return `generate_reply` as a step of the current driver; None if it, or a method that it calls, is overridden."""
    if not ANSWERING.is_untouched(agent):
        return None
    if any(agent.hook_lists.values()):
        return agent._reply_step(history, peer)
    return run_reply_functions(agent, history, peer, ())


def run_reply_functions(
    agent: AgentCore, messages: list[Message], sender: Agent | None, exclude: Container[ReplyFunction]
) -> Steps[Any]:
    """Call the reply functions in turn until one gives a final reply; return it, or the agent's default reply."""
    if usage.is_on:
        return label_reply(_call_reply_functions(agent, messages, sender, exclude), messages)
    return _call_reply_functions(agent, messages, sender, exclude)


def _call_reply_functions(
    agent: AgentCore, messages: list[Message], sender: Agent | None, exclude: Container[ReplyFunction]
) -> Steps[Any]:
    rows = list(get_reply_rows(agent))
    answers_agents = sender is None or Agent in type(sender).__mro__ or is_triggered_by(Agent, sender)
    is_observed = runtime_logging.is_logging or (
        events.has_listeners and events.is_wanted(events.ReplyStarted, events.ReplyEnded)
    )
    last_message: Container[str] = messages[-1] if messages else ()
    for key, index, step, details in _get_plan(agent, rows, exclude):
        if key is not None and not is_observed and key not in last_message:
            continue
        row = rows[index]
        trigger, config = row["trigger"], row["config"]
        if not (answers_agents if trigger == ANY_SENDER else is_triggered_by(trigger, sender)):
            continue
        if is_observed:
            # A function that would decline is not called, unless a journal counts the calls.
            if key is not None and key not in last_message and get_journal() is None:
                _report_decline(agent, details)
                if get_control() is not None:
                    yield from yield_point()
                continue
            answer = yield from perform(_ReplyOperation(agent, step, details, messages, sender, config))
        elif step is None:
            if (beside := get_pending_checks(agent)) is not None:
                yield from beside.settle(messages)
            keywords = {"messages": messages, "sender": sender, "config": config}
            answer = yield Call(details.sync_function, details.async_function, (agent,), keywords)
        else:
            answer = step(agent, messages, sender, config)
            if answer is None:
                continue
            if not isinstance(answer, tuple):
                if (beside := get_pending_checks(agent)) is not None and details.has_effects:
                    yield from beside.settle(messages)
                answer = yield from answer
        final, reply = answer
        if final:
            return reply
    return get_default_reply(agent)


def _encode_answer(answer: ReplyTuple) -> list[Any]:
    final, reply = answer
    # Text that has more fields becomes a message.
    stored = [final, as_dict(reply) if isinstance(reply, AnswerText) and reply.fields else reply]
    return [*stored, "trusted"] if isinstance(reply, TrustedText) else stored


def _decode_answer(stored: Any) -> ReplyTuple:
    final, reply, *marks = stored
    if not marks:
        return final, reply
    fields = dict(reply) if isinstance(reply, dict) else {"content": reply}
    return final, TrustedText(fields.pop("content"), fields)


class _ReplyOperation(Operation[Any]):
    """Call of a reply function. Only the result of a program's own function is kept in the journal.

    Its parts are methods instead of closures, because it is made several times for each message.
    """

    __slots__ = ("_agent", "_config", "_details", "_messages", "_sender", "_step")

    def __init__(
        self,
        agent: AgentCore,
        step: ReplyStep | None,
        details: ReplyDetails,
        messages: list[Message],
        sender: Agent | None,
        config: object,
    ) -> None:
        self._agent, self._step, self._details = agent, step, details
        self._messages, self._sender, self._config = messages, sender, config
        is_builtin = details.is_builtin or is_replay_safe(details.function)
        self.kind = "builtin_reply" if is_builtin else "reply"
        self.is_journaled = not is_builtin

    # As class attributes they replace the slots of the base class.
    encode = staticmethod(_encode_answer)
    decode = staticmethod(_decode_answer)
    on_unfinished = None
    holds_chats = True
    is_silent_in_replay = False

    def key(self) -> str:
        return f"{self._agent.name}:{self._details.name}"

    def run(self) -> Steps[Any]:
        """Call the function: as a step if it is a built-in one, else the variant for the caller's mode."""
        beside = get_pending_checks(self._agent) if self._details.has_effects else None
        if self._step is None:
            if beside is not None:
                yield from beside.settle(self._messages)
            keywords = {"messages": self._messages, "sender": self._sender, "config": self._config}
            return (yield Call(self._details.sync_function, self._details.async_function, (self._agent,), keywords))
        answer = self._step(self._agent, self._messages, self._sender, self._config)
        if answer is None:
            return NO_REPLY
        if isinstance(answer, tuple):
            return answer
        if beside is not None:
            yield from beside.settle(self._messages)
        return (yield from answer)

    def started(self) -> events.Event:
        operation, parent = current_operation_id.get(), parent_operation_id.get()
        return make_reply_started(self._agent.name, self._details.name, operation, parent)

    def finished(self, answer: ReplyTuple, seconds: float) -> events.Event:
        operation, parent = current_operation_id.get(), parent_operation_id.get()
        return make_reply_ended(self._agent.name, self._details.name, operation, parent, bool(answer[0]), seconds)

    def log(self, answer: ReplyTuple) -> None:
        # A missing variant was not called.
        if answer is not SKIPPED:
            runtime_log.log_reply(self._agent, self._details.function, *answer)


def _report_decline(agent: AgentCore, details: ReplyDetails) -> None:
    """Emit the events, and log the result, of a function that need not be called to know that it declines."""
    if events.has_listeners:
        name, operation, parent = agent.name, make_id(), current_operation_id.get()
        events.emit(make_reply_started(name, details.name, operation, parent))
        events.emit(make_reply_ended(name, details.name, operation, parent))
    if runtime_logging.is_logging:
        runtime_log.log_reply(agent, details.function, *NO_REPLY)


def decline(*_args: object, **_kwargs: object) -> tuple[bool, None]:
    """Stand in for a missing sync variant: decline."""
    return SKIPPED
