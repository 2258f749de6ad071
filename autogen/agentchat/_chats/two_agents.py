"""A chat between two agents, from the first message to the result."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from types import FunctionType
from typing import Any, NamedTuple, cast

from ... import events
from ..._images.sources import collect_sources, name_opening
from ..._journal import JournalStore, chat_id_for, fingerprint, get_journal, open_journal, scope_for
from ..._steps import Steps, get_callable_name, hide_from_tracebacks, invoke
from ...control import ChatControl, ChatStopped, ChatWaiting, controlled_by
from ...exception_utils import BudgetExceeded
from ...oai._usage.ledger import UsageLedger, enter_chat_budget, is_inside_chat
from ...operations import Operation, is_replay_safe, perform
from ...types import ChatCost, ChatMessage
from .._approvals.labels import add_labels, gather_labels, label_first_message, usage
from .._approvals.policy import remember_approvals
from .._core import argument_checks, registration_warnings
from .._core.answer_values import collect_values, find_value
from .._core.display import silence
from .._core.internals import ASYNC_OPENINGS, get_history, get_human_inputs, internals, invoke_overridable, is_conversable
from .._core.protocols import AgentCore
from .._core.result import (
    ChatResult,
    StopReason,
    consolidate_chat_info,
    find_repetitions,
    gather_chat_usage,
    gather_foreign_usage,
)
from .._core.termination import BoundCondition, get_termination_test
from .._guardrails.checks import GuardrailStop
from .._guardrails.run import check_summary
from .._replies.registry import builtin_generate_reply
from ..agent import Agent, Message
from .active_chats import enter_active_chat
from .message_loop import Send, run_loop
from .sources import SourceRecord, gather_sources, resolve_sources
from .stream_events import send_events_to_stream
from .summary import get_last_text, summarize

# Tracebacks of pytest show the program's frames, and not those of this module.
__tracebackhide__ = True

logger = logging.getLogger(__name__)


class ChatOptions(NamedTuple):
    """The options of a chat; see `ConversableAgent.initiate_chat`."""

    clear_history: bool
    silent: bool | None
    cache: Any
    max_turns: int | None
    summary_method: Any
    summary_args: Mapping[str, object] | None
    limits: Mapping[str, object]
    control: ChatControl | None = None
    checkpoint: str | Path | JournalStore | None = None
    on_unfinished: str = "report"


class ChatRequest(NamedTuple):
    """A chat to run.

    Attributes:
        sender: Agent that starts the chat.
        recipient: The other agent.
        message: First message, a callable that makes it, or None.
        options: The options.
        context: Keyword arguments of `initiate_chat` for callable messages, with the `carryover`.
    """

    sender: AgentCore
    recipient: AgentCore
    message: Any
    options: ChatOptions
    context: dict[str, Any]


class ChatOutcome(NamedTuple):
    """State of a chat from which its result is built.

    Attributes:
        ledger: Usage of the chat.
        foreign_usage: Usage of clients that know no ledger when the chat began, by id.
        values: Parsed answers by their text.
        sources: Documents that the agents were shown.
    """

    ledger: UsageLedger
    foreign_usage: Mapping[int, ChatCost]
    values: Mapping[str, object]
    sources: SourceRecord


def run_chat(
    sender: AgentCore, recipient: AgentCore, message: object, options: ChatOptions, context: dict[str, Any]
) -> Steps[ChatResult]:
    """Run a chat from the first message to the summary.

    Raises:
        ChatInProgress: A chat of the same agents runs already.
    """
    argument_checks.check_recipient(recipient)
    argument_checks.warn_of_misspelt_context(context)
    with enter_active_chat(sender, recipient, options.control), send_events_to_stream(options.silent):
        return (yield from _run_with_journal(ChatRequest(sender, recipient, message, options, context)))


@hide_from_tracebacks
def _run_with_journal(request: ChatRequest) -> Steps[ChatResult]:
    """Run the chat with its checkpoint, if it has one."""
    sender, recipient, message, options, _ = request
    if options.checkpoint is None and get_journal() is None:
        return (yield from _run_with_events(request))
    outer = get_journal()
    first_message = get_callable_name(message) if callable(message) else fingerprint(message, named_secrets=True)
    description = {"initiator": sender.name, "recipient": recipient.name, "message": first_message}
    with (
        open_journal(options.checkpoint, description, options.on_unfinished),
        scope_for("chat", f"{sender.name}->{recipient.name}"),
    ):
        try:
            return (yield from _run_with_events(request))
        except ChatWaiting as signal:
            # The chats around this one wait, too, and the outermost is the one to resume.
            if outer is not None or options.checkpoint is None:
                raise
            return cast(ChatResult, signal.result)


@hide_from_tracebacks
def _run_with_events(request: ChatRequest) -> Steps[ChatResult]:
    """Run the chat and emit `ChatStarted` and `ChatEnded`."""
    if not events.has_listeners:
        return (yield from _run(request))
    initiator, recipient = request.sender.name, request.recipient.name
    started_at = time.monotonic()
    with events.enter_chat(chat_id_for(is_outermost=request.options.checkpoint is not None)) as (_, parent):
        agents, silent = (request.sender, request.recipient), bool(request.options.silent)
        started = events.ChatStarted(initiator=initiator, recipient=recipient, parent=parent, silent=silent, _agents=agents)
        events.emit(started)
        try:
            result = yield from _run(request)
        except BaseException as error:
            _announce_interruption(request, error, time.monotonic() - started_at)
            raise
        events.emit(
            events.ChatEnded(
                initiator=initiator,
                recipient=recipient,
                stop_reason=result.stop_reason and result.stop_reason.value,
                summary=result.summary,
                messages=len(result.chat_history),
                cost=result.cost["usage_excluding_cached_inference"]["total_cost"],
                seconds=time.monotonic() - started_at,
            )
        )
    return result


def _announce_interruption(request: ChatRequest, error: BaseException, seconds: float) -> None:
    """Emit the event of a chat that ends with an exception."""
    initiator, recipient = request.sender.name, request.recipient.name
    ended: events.ChatEnded | events.ChatWaiting
    if isinstance(error, ChatWaiting):
        ended = events.ChatWaiting(
            initiator=initiator,
            recipient=recipient,
            reasons=error.reasons,
            operations=error.operations,
            seconds=seconds,
        )
    else:
        text = f"{type(error).__name__}: {error}"
        ended = events.ChatEnded(initiator=initiator, recipient=recipient, seconds=seconds, error=text)
    try:
        events.emit(ended)
    except Exception as failure:
        # An essential listener failed. The caller needs the error that came first.
        if type(failure) is not type(error):
            logger.exception("The end of a chat could not be recorded.")


def _run(request: ChatRequest) -> Steps[ChatResult]:
    """Run the chat with its cache, budget and control."""
    sender, recipient, _, options, _ = request
    consolidate_chat_info({"sender": sender, "recipient": recipient, "summary_method": options.summary_method})
    max_turns = _validate_max_turns(options.max_turns)
    if _has_tools(sender) or _has_tools(recipient):
        registration_warnings.warn_of_unmatched(sender, recipient)
    before = gather_foreign_usage(_collect_clients(sender, recipient))
    with (
        silence(options.silent) as is_silent,
        use_cache(options.cache, sender, recipient),
        enter_chat_budget(options.limits) as ledger,
        collect_values() as values,
        gather_sources() as sources,
        remember_approvals(),
        collect_sources(),
    ):
        # A chat within a silent chat is silent, too.
        request = request._replace(options=options._replace(silent=is_silent or options.silent))
        outcome = ChatOutcome(ledger, before, values, sources)
        _reset_pair(sender, recipient, options.clear_history, max_turns)
        try:
            with controlled_by(options.control) if options.control else nullcontext():
                summary, reason = yield from _run_turns(request, max_turns)
        except ChatStopped:
            # Without a control of its own, the outer chat is being stopped.
            if options.control is None:
                raise
            return _build_result(request, outcome, None, StopReason.STOPPED)
        except GuardrailStop as stop:
            return _build_result(request, outcome, None, StopReason.GUARDRAIL, str(stop))
        except ChatWaiting as signal:
            signal.result = _build_result(request, outcome, None, StopReason.WAITING, ", ".join(signal.reasons))
            signal.result.pending = list(signal.pending)
            raise
        except BudgetExceeded as error:
            # An outer chat replaces this by its own result.
            detail = str(error) if error.on_budget == "next" else None
            error.result = result = _build_result(request, outcome, None, StopReason.BUDGET, detail)
            # The budget is the outermost chat's concern, or the agent's.
            if error.on_budget != "next" or is_inside_chat():
                raise
            logger.warning("The chat ends with a partial result: %s", error)
            result.summary = _label_summary(request, get_last_text(sender, recipient))
            return result
    return _build_result(request, outcome, summary, reason)


def _run_turns(request: ChatRequest, max_turns: int | None) -> Steps[tuple[Any, StopReason]]:
    """Run the message loop, and return the summary and the reason of the end."""
    sender, recipient, message, options, context = request
    try:
        if max_turns is None:
            first = yield from make_first_message(sender, recipient, message, context)
            yield from run_loop(Send(sender, recipient, first, silent=options.silent))
            reason = StopReason.NO_REPLY
        else:
            reason = yield from _take_turns(request, max_turns)
    except GuardrailStop as stop:
        # With a reason of its own, it has interrupted the chat.
        if stop.why:
            raise
        reason = internals(sender).stop_reasons[recipient] = StopReason.GUARDRAIL
        internals(sender).stop_details[recipient] = stop.guardrail
    method, args = options.summary_method, options.summary_args
    steps = partial(summarize, sender)
    summary = yield from invoke_overridable(sender, "_summarize_chat", steps, method, args, recipient, options.cache)
    guarded = [agent for agent in (sender, recipient) if any(agent.hook_lists.values())]
    if guarded:
        summary = yield from check_summary(guarded, summary)
    return _label_summary(request, summary), reason


def _label_summary(request: ChatRequest, summary: Any) -> Any:
    """Return the summary of a chat with the labels of the messages that it is of."""
    if not usage.is_on or not summary:
        return summary
    # A summary by a model or a function may be of any message.
    messages = _get_messages(request.sender, request.recipient)
    return add_labels(summary, gather_labels(messages[-1:] if request.options.summary_method == "last_msg" else messages))


def make_first_message(agent: AgentCore, recipient: Agent, message: Any, context: dict[str, Any]) -> Steps[Any]:
    """Make the first message of a chat: call a callable message, or append the carryover to a given one."""
    first = yield from _make_opening(agent, recipient, message, context)
    return label_first_message(first, message, context.get("carryover")) if usage.is_on else first


def _make_opening(agent: AgentCore, recipient: Agent, message: Any, context: dict[str, Any]) -> Steps[Any]:
    if callable(message):
        async_fn = _get_async_opening(message)

        def make() -> Steps[Any]:
            return invoke(message, async_fn, agent, recipient, context)

        if is_replay_safe(message):
            # It may hold texts of strangers, so its pictures are not named by the program.
            name_opening("")
            return (yield from make())
        first = yield from perform(Operation(kind="opening", key=partial(get_callable_name, message), run=make))
        name_opening(first)
        return first
    # Without the carryover, which a model may have written.
    name_opening(message)
    return (yield from invoke(agent.generate_init_message, agent.a_generate_init_message, message, **context))


def _get_async_opening(message: Callable[..., Any]) -> Callable[..., Any] | None:
    """Return the async variant of a function that makes a first message; None if it has none."""
    return ASYNC_OPENINGS.get(message) if isinstance(message, FunctionType) else None


def _take_turns(request: ChatRequest, max_turns: int) -> Steps[StopReason]:
    """Run a number of turns: in each the sender sends a message and the recipient replies."""
    sender, recipient, message, options, context = request
    for turn in range(max_turns):
        history = get_history(sender, recipient)
        if turn == 0:
            outgoing = yield from make_first_message(sender, recipient, message, context)
        else:
            outgoing = yield from builtin_generate_reply(sender, history, recipient) or invoke(
                sender.generate_reply, sender.a_generate_reply, messages=history, sender=recipient
            )
        if outgoing is None:
            return StopReason.NO_REPLY
        length = len(get_history(sender, recipient))
        yield from run_loop(Send(sender, recipient, outgoing, True, options.silent))
        # Without a reply, the sender would reply to its own message in the next turn.
        if len(get_history(sender, recipient)) == length + 1:
            return StopReason.NO_REPLY
    return StopReason.MAX_TURNS


def _has_tools(agent: AgentCore) -> bool:
    config = agent.llm_config
    return bool(agent.function_map) or (isinstance(config, dict) and bool(config.get("tools") or config.get("functions")))


def _validate_max_turns(max_turns: object) -> int | None:
    """Return `max_turns` as an int; None for no limit.

    Raises:
        ValueError: It is not a whole number.
    """
    if max_turns is None or isinstance(max_turns, int):
        return max_turns
    if isinstance(max_turns, float) and max_turns.is_integer():
        return int(max_turns)
    raise ValueError(f"max_turns must be a whole number or None, got {max_turns!r}.")


def _reset_pair(sender: AgentCore, recipient: AgentCore, clear_history: bool, max_turns: int | None) -> None:
    # With a limited number of turns, the sender's messages come from `_take_turns` and not from its `receive`.
    sender._prepare_chat(recipient, clear_history, reply_at_receive=max_turns is None)
    for agent, peer in ((sender, recipient), (recipient, sender)):
        internals(agent).start_chat(peer)


# Reasons that say less than a refusal: the chat ended as it would have ended with any last message.
_REFUSABLE = (
    *(StopReason.TERMINATION_MESSAGE, StopReason.MAX_TURNS, StopReason.MAX_ROUND, StopReason.NO_REPLY),
    StopReason.MAX_CONSECUTIVE_AUTO_REPLY,
)


def _build_result(
    request: ChatRequest, outcome: ChatOutcome, summary: object, reason: StopReason, detail: str | None = None
) -> ChatResult:
    """Build the `ChatResult` from copies, so that later chats can't change it."""
    sender, recipient, _, _, context = request
    state, peer_state = internals(sender), internals(recipient)
    messages = _get_messages(sender, recipient)
    if detail is None:
        reason = state.stop_reasons.get(recipient) or peer_state.stop_reasons.get(sender) or reason
        detail = _get_stop_detail(sender, recipient) if reason is StopReason.TERMINATION_MESSAGE else None
        if reason is StopReason.GUARDRAIL:
            detail = state.stop_details.get(recipient)
        if reason in _REFUSABLE and messages and (refusal := messages[-1].get("refusal")):
            reason, detail = StopReason.REFUSAL, refusal
    counters = [
        (sender.name, state.repeat_counters.get(recipient)),
        (recipient.name, peer_state.repeat_counters.get(sender)),
    ]
    return ChatResult(
        chat_history=cast(list[ChatMessage], messages),
        summary=summary,
        cost=gather_chat_usage(outcome.ledger, _collect_clients(sender, recipient), outcome.foreign_usage),
        value=find_value(outcome.values, messages),
        human_input=list(get_human_inputs(sender)),
        summary_error=state.summary_errors.get(recipient),
        carryover=context.get("carryover"),
        repetitions=find_repetitions(counters),
        stop_reason=reason,
        stop_detail=detail,
        sources=resolve_sources(outcome.sources, messages),
        intermediate_answers=list(outcome.sources.intermediate_answers),
    )


def _get_messages(sender: AgentCore, recipient: AgentCore) -> list[Message]:
    return list(recipient._record_for(sender) or get_history(sender, recipient))


def _get_stop_detail(sender: AgentCore, recipient: AgentCore) -> str | None:
    """Return the reason given by the condition that ended the chat: that of either agent, or of a member of the group."""
    members = filter(is_conversable, _collect_participants(recipient))
    pairs = [(sender, recipient), (recipient, sender), *((member, recipient) for member in members)]
    conditions = ((get_termination_test(agent), peer) for agent, peer in pairs)
    reasons = (condition.get_reason(peer) for condition, peer in conditions if isinstance(condition, BoundCondition))
    return next(filter(None, reasons), None)


def _collect_participants(*agents: Agent) -> list[Any]:
    """Return the agents and those that take part through them, at any depth, each once."""
    participants: dict[int, Any] = {}
    pending: list[Any] = list(agents)
    while pending:
        agent = pending.pop()
        if id(agent) not in participants:
            participants[id(agent)] = agent
            pending.extend(agent._participants() if is_conversable(agent) else ())
    return list(participants.values())


def _collect_clients(*agents: Agent) -> list[Any]:
    return [client for agent in _collect_participants(*agents) if (client := getattr(agent, "client", None)) is not None]


@contextmanager
def use_cache(cache: Any, *agents: Agent) -> Iterator[None]:
    """Let the models of the agents use a cache in a `with` block."""
    with_model = [agent for agent in agents if hasattr(agent, "client_cache")]
    previous = [agent.client_cache for agent in with_model]
    for agent in with_model:
        agent.client_cache = cache
    try:
        yield
    finally:
        for agent, previous_cache in zip(with_model, previous, strict=True):
            agent.client_cache = previous_cache
