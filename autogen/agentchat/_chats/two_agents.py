"""A chat between two agents, from the first message to the result."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ... import events
from ..._journal import chat_id_for, fingerprint, get_journal, open_journal, scope_for
from ..._steps import Steps, get_callable_name, invoke
from ...control import ChatControl, ChatStopped, controlled_by
from ...exception_utils import BudgetExceeded
from ...oai._requests.budget import chat_budget
from .._core import unmatched_tools
from .._core.overrides import as_async_method
from .._core.repetition import longest_runs
from .._core.result import ChatResult, StopReason
from .._core.termination import BoundCondition
from .._replies.registry import builtin_generate_reply
from ..agent import Agent
from ..utils import consolidate_chat_info, gather_usage_summary
from .carryover import opening
from .message_loop import Send, run_loop
from .summary import summarize

if TYPE_CHECKING:
    from ..conversable_agent import ConversableAgent


class ChatOptions(NamedTuple):
    """How a chat is held; see `ConversableAgent.initiate_chat`."""

    clear_history: bool
    silent: bool | None
    cache: Any
    max_turns: int | None
    summary_method: Any
    summary_args: dict[str, Any] | None
    limits: dict[str, float | None]
    control: ChatControl | None = None
    checkpoint: str | Path | None = None
    on_unfinished: str = "report"


def run_chat(
    sender: ConversableAgent,
    recipient: ConversableAgent,
    message: Any,
    options: ChatOptions,
    context: dict[str, Any],
) -> Steps[ChatResult]:
    """Hold a chat, sum it up, and report."""
    if options.checkpoint is None and get_journal() is None:
        return (yield from _run_with_events(sender, recipient, message, options, context))
    first = get_callable_name(message) if callable(message) else fingerprint(message)
    about = {"initiator": sender.name, "recipient": recipient.name, "message": first}
    with (
        open_journal(options.checkpoint, about, options.on_unfinished),
        scope_for("chat", f"{sender.name}->{recipient.name}"),
    ):
        return (yield from _run_with_events(sender, recipient, message, options, context))


def _run_with_events(
    sender: ConversableAgent,
    recipient: ConversableAgent,
    message: Any,
    options: ChatOptions,
    context: dict[str, Any],
) -> Steps[ChatResult]:
    """`_run`, told to whoever listens."""
    if not events.has_listeners:
        return (yield from _run(sender, recipient, message, options, context))
    names: dict[str, Any] = {"initiator": sender.name, "recipient": recipient.name}
    began = time.monotonic()
    with events.enter_chat(chat_id_for(is_outermost=options.checkpoint is not None)) as (_, parent):
        events.emit(events.ChatStarted(**names, parent=parent))
        try:
            result = yield from _run(sender, recipient, message, options, context)
        except BaseException as error:
            text = f"{type(error).__name__}: {error}"
            events.emit(events.ChatEnded(**names, seconds=time.monotonic() - began, error=text))
            raise
        events.emit(
            events.ChatEnded(
                **names,
                stop_reason=result.stop_reason and result.stop_reason.value,
                summary=result.summary,
                messages=len(result.chat_history),
                cost=result.cost["usage_excluding_cached_inference"]["total_cost"],
                seconds=time.monotonic() - began,
            )
        )
    return result


def _run(
    sender: ConversableAgent,
    recipient: ConversableAgent,
    message: Any,
    options: ChatOptions,
    context: dict[str, Any],
) -> Steps[ChatResult]:
    consolidate_chat_info({"sender": sender, "recipient": recipient, "summary_method": options.summary_method})
    turns = _validate_max_turns(options.max_turns)
    unmatched_tools.warn(sender, recipient)
    with using_cache(options.cache, sender, recipient), chat_budget(options.limits):
        _reset_pair(sender, recipient, options.clear_history, turns)
        try:
            with controlled_by(options.control):
                summary, reason = yield from _run_turns(sender, recipient, message, options, turns, context)
        except ChatStopped:
            if options.control is None:  # the chat around this one is stopped
                raise
            return _result(sender, recipient, None, StopReason.STOPPED, context)
        except BudgetExceeded as error:
            error.result = _result(sender, recipient, None, StopReason.BUDGET, context)  # of the outermost chat that ends
            raise
    return _result(sender, recipient, summary, reason, context)


def _run_turns(
    sender: ConversableAgent,
    recipient: ConversableAgent,
    message: Any,
    options: ChatOptions,
    turns: int | None,
    context: dict[str, Any],
) -> Steps[tuple[Any, StopReason]]:
    """The messages, and the summary."""
    if turns is None:
        first = yield from opening(sender, recipient, message, context)
        yield from run_loop(Send(sender, recipient, first, silent=options.silent))
        reason = StopReason.NO_REPLY
    else:
        reason = yield from _take_turns(sender, recipient, message, context, turns, options.silent)
    method, args = options.summary_method, options.summary_args
    twin = as_async_method(sender, "_summarize_chat", partial(summarize, sender))
    summary = yield from invoke(sender._summarize_chat, twin, method, args, recipient, options.cache)
    return summary, reason


def _reset_pair(sender: ConversableAgent, recipient: ConversableAgent, clear_history: bool, turns: int | None) -> None:
    sender._prepare_chat(recipient, clear_history, reply_at_receive=turns is None)
    for agent, peer in ((sender, recipient), (recipient, sender)):
        agent._stop_reasons.pop(peer, None)
        agent._repeat_counters.pop(peer, None)
        agent._summary_errors.pop(peer, None)


def _result(
    sender: ConversableAgent, recipient: ConversableAgent, summary: Any, reason: StopReason, context: dict[str, Any]
) -> ChatResult:
    """What came of a chat so far, as copies: the next chat does not change it."""
    reason = sender._stop_reasons.get(recipient) or recipient._stop_reasons.get(sender) or reason
    return ChatResult(
        chat_history=list(recipient._record_for(sender) or sender._history(recipient)),
        summary=summary,
        cost=gather_usage_summary(_all_participants(sender, recipient)),
        human_input=list(sender._human_input),
        summary_error=sender._summary_errors.get(recipient),
        carryover=context.get("carryover"),
        repetitions=longest_runs(((sender, recipient), (recipient, sender))),
        stop_reason=reason,
        stop_detail=_stop_detail(sender, recipient) if reason is StopReason.TERMINATION_MESSAGE else None,
    )


def _stop_detail(sender: ConversableAgent, recipient: ConversableAgent) -> str | None:
    """What the condition that ended the chat says: an agent's of the two, or that of a member of a group."""
    pairs = [(sender, recipient), (recipient, sender), *((member, recipient) for member in recipient._participants())]
    tests = ((getattr(agent, "_is_termination_msg", None), peer) for agent, peer in pairs)
    return next(filter(None, (test.why(peer) for test, peer in tests if isinstance(test, BoundCondition))), None)


def _all_participants(*agents: Any) -> list[Any]:
    """The agents and whoever takes part through them, however deep; each once."""
    found: dict[int, Any] = {}
    waiting = list(agents)
    while waiting:
        agent = waiting.pop()
        if id(agent) not in found:
            found[id(agent)] = agent
            waiting.extend(agent._participants() if hasattr(agent, "_participants") else ())
    return list(found.values())


def _validate_max_turns(max_turns: Any) -> int | None:
    """`max_turns` as a number; None means: until somebody stops.

    Raises:
        ValueError: It is not a whole number.
    """
    if max_turns is None or isinstance(max_turns, int):
        return max_turns
    if isinstance(max_turns, float) and max_turns.is_integer():
        return int(max_turns)
    raise ValueError(f"max_turns must be a whole number or None, not {max_turns!r}.")


def _take_turns(
    sender: ConversableAgent,
    recipient: ConversableAgent,
    message: Any,
    context: dict[str, Any],
    turns: int,
    silent: bool | None,
) -> Steps[StopReason]:
    """A turn is one message and one answer."""
    for turn in range(turns):
        history = sender._history(recipient)
        if turn == 0:
            said = yield from opening(sender, recipient, message, context)
        else:
            said = yield from builtin_generate_reply(sender, history, recipient) or invoke(
                sender.generate_reply, sender.a_generate_reply, messages=history, sender=recipient
            )
        if said is None:
            return StopReason.NO_REPLY
        before = len(sender._history(recipient))
        yield from run_loop(Send(sender, recipient, said, True, silent))
        if len(sender._history(recipient)) == before + 1:  # no answer: the next turn would talk to itself
            return StopReason.NO_REPLY
    return StopReason.MAX_TURNS


@contextmanager
def using_cache(cache: Any, *agents: Agent) -> Iterator[None]:
    """Let the agents' models use this cache during the chat, whatever becomes of it."""
    known = [agent for agent in agents if hasattr(agent, "client_cache")]
    previous = [agent.client_cache for agent in known]
    for agent in known:
        agent.client_cache = cache
    try:
        yield
    finally:
        for agent, before in zip(known, previous, strict=True):
            agent.client_cache = before
