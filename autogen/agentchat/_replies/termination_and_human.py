"""Termination and human input: the built-in reply function that is called first.

Each decision is a row of the table RULES; no other code depends on `human_input_mode`.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any, NamedTuple, TypeAlias

from ... import events
from ..._images.sources import name_sources
from ..._journal import Answer, Pending
from ..._journal.questions import make_digest
from ..._steps import Call, Steps, invoke, sync_and_async
from ..._threads import CallTimeout, reset_variable
from ...control import ChatWaiting, interruptible
from ...io._event_streams import get_asked_stream
from ...io.base import AsyncInputStream, InputStream, InterruptibleInputStream, Later, TimedInputStream
from ...operations import Journal, Operation, fingerprint, get_journal, perform
from .._core.display import print_notice
from .._core.internals import get_human_inputs, get_managed_group, get_reply_counts, internals, is_conversable
from .._core.protocols import AgentCore, QuestionStream
from .._core.result import StopReason
from .._core.termination import is_default_termination, is_termination
from .._guardrails.hook_points import has_hooks
from .._guardrails.run import filter_value
from ..agent import Agent, Message

# Fields of the question, what is to be known about its answer, and a text that stands before it for whoever is asked here.
_subject: ContextVar[tuple[Mapping[str, Any], dict[str, Any], str] | None] = ContextVar("subject", default=None)

# Answers to questions that expire, by kind, where that is not the agent's default.
_DEFAULTS = {"approval": "reject nobody answered in time", "elicitation": ""}

POLL_INTERVAL = 0.5  # seconds

CONSOLE = "console"
"""The author of an answer that was typed where the chat runs."""

MODES = ("ALWAYS", "TERMINATE", "NEVER")


class Consequence(Enum):
    """Consequence of a rule if the human was not asked, or pressed Enter."""

    STOP = "end the chat"
    AUTO = "let the other reply functions answer"


@dataclass(frozen=True, slots=True)
class Rule:
    """A row of the table. None in a condition matches any value.

    Attributes:
        mode: `human_input_mode` of the agent.
        at_limit: True if the agent has used up its automatic replies.
        terminated: True if the message is a termination message.
        prompt: Question to the human; None if nobody is asked.
        on_enter: Consequence if the human was not asked, or pressed Enter.
    """

    mode: str
    at_limit: bool | None
    terminated: bool | None
    prompt: str | None
    on_enter: Consequence


# Web pages of programs find a question, and the names in it, by the phrases of 0.2.
_SKIP = "Press enter to skip and use auto-reply, or type 'exit' to"
FEEDBACK = f"Replying as {{agent}}. Provide feedback to {{peer}}. {_SKIP} end the chat: "
STOPPING = "{peer} would end the chat here. Provide feedback to {peer} to go on. Press enter or type 'exit' to stop: "
LIMIT = f"{{agent}} has used up its auto-replies. Provide feedback to {{peer}}. {_SKIP} stop: "

RULES = (
    #    mode         at limit  terminated  prompt    on Enter, or not asked
    Rule("ALWAYS",    None,     True,       FEEDBACK, Consequence.STOP),
    Rule("ALWAYS",    None,     False,      FEEDBACK, Consequence.AUTO),
    Rule("TERMINATE", None,     True,       STOPPING, Consequence.STOP),
    Rule("TERMINATE", True,     False,      LIMIT,    Consequence.AUTO),
    Rule("TERMINATE", False,    False,      None,     Consequence.AUTO),
    Rule("NEVER",     True,     None,       None,     Consequence.STOP),
    Rule("NEVER",     False,    True,       None,     Consequence.STOP),
    Rule("NEVER",     False,    False,      None,     Consequence.AUTO),
)  # fmt: skip


def _select_rules(mode: str, at_limit: bool, terminated: bool | None = None) -> tuple[Rule, ...]:
    """Return the matching rules; `terminated` None matches any value."""
    candidates = (rule for rule in RULES if rule.mode == mode and rule.at_limit in (None, at_limit))
    return tuple(rule for rule in candidates if None in (terminated, rule.terminated) or rule.terminated is terminated)


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The rules that apply before `is_termination_msg` is called. It is user code, so it is called only if needed.

    Attributes:
        needs_termination: True if the prompt depends on the result of `is_termination_msg`.
        prompt: The prompt, if it does not.
        rules: The rules for either result.
        by_termination: The rules for each result.
    """

    needs_termination: bool
    prompt: str | None
    rules: tuple[Rule, ...]
    by_termination: dict[bool, tuple[Rule, ...]]


def _make_rule_set(mode: str, at_limit: bool) -> RuleSet:
    rules = _select_rules(mode, at_limit)
    by_termination = {terminated: _select_rules(mode, at_limit, terminated) for terminated in (True, False)}
    return RuleSet(len({rule.prompt for rule in rules}) > 1, rules[0].prompt, rules, by_termination)


_RULE_SETS = {(mode, at_limit): _make_rule_set(mode, at_limit) for mode in MODES for at_limit in (True, False)}


def check_mode(mode: str) -> str:
    """Return `mode` if it is one of MODES.

    Raises:
        ValueError: if it is not.
    """
    if mode not in MODES:
        raise ValueError(f"human_input_mode must be one of {', '.join(map(repr, MODES))}, got {mode!r}.")
    return mode


Decision: TypeAlias = tuple[bool, "Message | None"]


def check_termination_and_human(agent: AgentCore, messages: list[Message], sender: Agent | None) -> Steps[Decision]:
    """End the chat, send the human's input, or let other reply functions answer, as the table says."""
    decision = decide_reply(agent, messages, sender)
    return decision if isinstance(decision, tuple) else (yield from decision)


def decide_reply(
    agent: AgentCore, messages: list[Message], sender: Agent | None, config: object = None
) -> Decision | Steps[Decision]:
    """Apply the table to the last message; return a decision, or a step if the human has to be asked."""
    if not messages:
        return False, None
    message = messages[-1]
    # Read without the accessors: this runs on every message.
    limit, counts = agent._max_consecutive_auto_reply_dict[sender], agent._consecutive_auto_reply_counter
    mode, at_limit = agent.human_input_mode, counts[sender] >= limit
    # Programs assign human_input_mode, too: an unknown value is reported here.
    rule_set = _RULE_SETS.get((mode, at_limit)) or _RULE_SETS[check_mode(mode), at_limit]
    rules, prompt = rule_set.rules, rule_set.prompt
    if rule_set.needs_termination:
        rules = rule_set.by_termination[_is_termination(agent, message, sender)]
        prompt = rules[0].prompt
    if prompt:
        return _ask_and_decide(agent, message, sender, rule_set, rules, prompt, limit)
    if len(rules) > 1:
        rules = rule_set.by_termination[_is_termination(agent, message, sender)]
    # The usual case, in the same step.
    if mode == "NEVER" and rules[0].on_enter is Consequence.AUTO:
        counts[sender] += 1
        return False, None
    return _decide_without_input(agent, message, sender, rule_set, rules)


def _ask_and_decide(
    agent: AgentCore,
    message: Message,
    sender: Agent | None,
    rule_set: RuleSet,
    rules: tuple[Rule, ...],
    prompt: str,
    limit: int,
) -> Steps[Decision]:
    question = prompt.format(agent=agent.name, peer=sender.name if sender else "the sender")
    text = yield from invoke(agent.get_human_input, agent.a_get_human_input, question)
    if text and text != "exit" and has_hooks(agent, "safeguard_human_inputs"):
        text = yield from filter_value(agent, "safeguard_human_inputs", text)
    if text == "exit":
        return _stop(agent, sender, StopReason.HUMAN_EXIT)
    if text:
        name_sources(text)
        return _make_human_reply(agent, message, sender, text)
    print_notice(agent, "NO HUMAN INPUT RECEIVED.", "red")
    if events.has_listeners:
        events.emit(events.NoHumanInput(agent=agent.name, peer=sender.name if sender else ""))
    # Where no automatic reply is allowed at all, Enter is the human's reply.
    return _decide_without_input(agent, message, sender, rule_set, rules, is_reply=limit == 0)


def _decide_without_input(
    agent: AgentCore,
    message: Message,
    sender: Agent | None,
    rule_set: RuleSet,
    rules: tuple[Rule, ...],
    is_reply: bool = False,
) -> Decision:
    """Decide if the human was not asked, or pressed Enter; `is_reply` makes Enter an empty reply."""
    if len(rules) > 1:
        rules = rule_set.by_termination[_is_termination(agent, message, sender)]
    rule = rules[0]
    if rule.on_enter is Consequence.STOP:
        return _stop(agent, sender, _get_stop_reason(rule))
    if is_reply:
        return _make_human_reply(agent, message, sender, "")
    if agent.human_input_mode != "NEVER" and not _is_own_call(agent, message, sender):
        print_notice(agent, "USING AUTO REPLY...", "red")
        if events.has_listeners:
            peer = sender.name if sender else ""
            events.emit(events.AutoReplied(agent=agent.name, peer=peer, mode=agent.human_input_mode))
    get_reply_counts(agent)[sender] += 1
    return False, None


def _is_own_call(agent: AgentCore, message: Message, sender: Agent | None) -> bool:
    """Return True if an agent executes its own call, in a group: it answers nobody."""
    if not (message.get("tool_calls") or message.get("function_call")) or not is_conversable(sender):
        return False
    return get_managed_group(sender) is not None and internals(sender).last_speaker is agent


def ask_human(agent: AgentCore, prompt: str, iostream: InputStream | AsyncInputStream | None = None) -> Steps[str]:
    """Ask the human, and record the answer.

    Args:
        agent: Agent that asks.
        prompt: Question.
        iostream: Stream for this question; None for the `human_input_source`, or else the default `IOStream`.
    """
    question: events.HumanAsked | None = None

    def announce() -> events.Event:
        nonlocal question
        question = events.HumanAsked(agent=agent.name, prompt=prompt, _agent=agent)
        return question

    def run() -> Steps[str]:
        # A listener may have answered in place of the human.
        answer = None if question is None else question.answer
        return (yield from _request_input(agent, prompt, iostream)) if answer is None else answer

    operation = Operation(
        kind="human",
        key=lambda: fingerprint([agent.name, prompt]),
        run=run,
        started=announce,
        finished=lambda text, seconds: events.HumanAnswered(agent=agent.name, text=text),
        is_silent_in_replay=True,
        decode=_decode_text,
    )
    typed = yield from perform(operation)
    get_human_inputs(agent).append(typed)
    return typed


class _Found(NamedTuple):
    """The answer to a question that was given elsewhere.

    Attributes:
        text: The answer; None if there is none.
        question: The question, for which the answer may still come; None without a journal.
    """

    text: str | None = None
    question: Pending | None = None


def _find_answer(agent: AgentCore, prompt: str, later: Later | None, timeout: float | None) -> Steps[_Found]:
    """Return the answer that somebody gave elsewhere, whoever is asked now.

    Args:
        agent: Agent that asks.
        prompt: Question.
        later: The source of an agent that leaves its questions open; None for another source.
        timeout: Seconds to wait for an answer before the question is left open; None not to wait.

    Raises:
        ChatWaiting: if there is none, and the question is left open.
    """
    journal = get_journal()
    if journal is None and later is None:
        return _Found()
    question: Pending | None = None
    signal = ChatWaiting(f"an answer for {agent.name}: {prompt.strip()}")
    if journal is not None:
        subject, outcome, _ = _subject.get() or ({"kind": "human"}, {}, "")
        now = time.time() if later is None else later.clock()
        if later is not None and later.expires is not None:
            default = _DEFAULTS.get(subject["kind"], agent.human_input_default or "exit")
            subject = {**subject, "expires_after": later.expires.total_seconds(), "default": default}
        question = journal.make_question(now, agent=agent.name, prompt=prompt, **subject)
        answer = journal.read_answer(question)
        if answer is None and later is not None:
            journal.require_questions()
            if question.expires_at is not None and now >= question.expires_at:
                outcome["is_expired"] = True
                return _Found(question.default)
            if timeout is not None:
                journal.ask(question)
                answer = yield from _poll(journal, question, timeout)
        if answer is not None:
            outcome["is_elsewhere"] = True
            return _Found(answer.text)
        signal.pending.append(question)
    if later is not None:
        raise signal
    return _Found(None, question)


def _open_question(agent: AgentCore, prompt: str) -> Pending:
    """Make a question for the reader of a stream; in a chat with a checkpoint it is stored before anybody knows of it."""
    subject, *_ = _subject.get() or ({"kind": "human"}, {}, "")
    journal = get_journal()
    if journal is None:
        digest = make_digest(agent.name, prompt, dict(subject))
        return Pending(id=uuid.uuid4().hex, agent=agent.name, prompt=prompt, asked_at=time.time(), digest=digest, **subject)
    journal.require_questions()
    question = journal.make_question(time.time(), agent=agent.name, prompt=prompt, **subject)
    journal.ask(question)
    return question


def _ask_reader(stream: QuestionStream, question: Pending, prompt: str) -> str:
    return stream.ask_question(question)


def _poll(journal: Journal, question: Pending, seconds: float) -> Steps[Answer | None]:
    """Look for the answer to a question, for a number of seconds. Returns None if there is none."""
    end = time.monotonic() + seconds
    while (remaining := end - time.monotonic()) > 0:
        yield Call(interruptible(time.sleep), asyncio.sleep, (min(POLL_INTERVAL, remaining),), {})
        if (answer := journal.read_answer(question)) is not None:
            return answer
    return None


@contextmanager
def ask_about(*, preface: str = "", **subject: Any) -> Iterator[dict[str, Any]]:
    """Describe the questions to humans in a `with` block by fields of `Pending`.

    Args:
        preface: Text before a question for whoever is asked in this process; the question itself is without it.
        **subject: The fields.

    Yields:
        A dict, in which `is_expired` is True once a question had its default as answer, and `is_elsewhere` once somebody
        answered elsewhere.
    """
    outcome: dict[str, Any] = {}
    token = _subject.set((subject, outcome, preface))
    try:
        yield outcome
    finally:
        reset_variable(_subject, token)


def _decode_text(stored: object) -> str:
    if not isinstance(stored, str):
        raise TypeError(f"it must be text, got {type(stored).__name__}")
    return stored


def _request_input(agent: AgentCore, prompt: str, iostream: InputStream | AsyncInputStream | None) -> Steps[str]:
    timeout = agent.human_input_timeout
    source = None if iostream is not None else agent.human_input_source
    text, question = yield from _find_answer(agent, prompt, source if isinstance(source, Later) else None, timeout)
    if text is not None:
        return text
    subject = _subject.get()
    preface = "" if subject is None else subject[2]
    if source is None:
        stream = get_asked_stream() if iostream is None else iostream
        journal = get_journal()
        if isinstance(stream, QuestionStream):
            if subject is not None:
                # Its reader sees the question alone.
                subject[1]["is_elsewhere"] = True
            source = partial(_ask_reader, stream, _open_question(agent, prompt))
        elif question and journal and journal.can_settle and isinstance(stream, InterruptibleInputStream):
            return (yield from _ask_here_and_elsewhere(agent, journal, question, stream, preface + prompt))
        elif timeout is not None and isinstance(stream, TimedInputStream):
            source, timeout = partial(stream.input_within, timeout), None
        else:
            source = stream.input
    try:
        ask, a_ask = sync_and_async(source, seconds=timeout, blocks=True)
        text = yield from invoke(interruptible(ask), a_ask, preface + prompt)
    except CallTimeout:
        text = _use_default(agent)
    return text


def _use_default(agent: AgentCore) -> str:
    text = agent.human_input_default
    print_notice(agent, f"NO HUMAN INPUT WITHIN {agent.human_input_timeout:g} SECONDS: {text!r} IS USED.", "red")
    return text


def _ask_here_and_elsewhere(
    agent: AgentCore, journal: Journal, question: Pending, stream: InterruptibleInputStream, prompt: str
) -> Steps[str]:
    """Ask a question on a stream, while it can be answered elsewhere, too. The first answer counts."""
    # Stored before anybody is asked: whoever reads the checkpoint can answer from now on.
    journal.ask(question)

    def is_answered() -> bool:
        return journal.read_answer(question) is not None

    ask, a_ask = sync_and_async(stream.input_until, blocks=True)
    try:
        typed: str | None = yield from invoke(
            interruptible(ask), a_ask, is_answered, prompt, seconds=agent.human_input_timeout
        )
    except CallTimeout:
        typed = _use_default(agent)
    own = None if typed is None else Answer(typed, CONSOLE, "", time.time())
    answer = journal.settle(question, own)
    if answer != own:
        if (subject := _subject.get()) is not None:
            subject[1]["is_elsewhere"] = True
        print_notice(agent, f"ANSWERED ELSEWHERE BY {answer.by or 'SOMEBODY'}: {answer.text!r}", "red")
    return answer.text


def _is_termination(agent: AgentCore, message: Message, sender: Agent | None) -> bool:
    # The usual case first: this runs on every message.
    if agent._is_termination_msg is is_default_termination:
        return is_default_termination(message)
    return is_termination(agent, message, sender)


def answer_pending_calls(message: Message) -> list[Message]:
    """Make results for the calls of `message`, which are not executed because a human replied instead."""
    text = "USER INTERRUPTED"
    results: list[Message] = []
    if call := message.get("function_call"):
        results.append({"role": "function", "name": call.get("name", ""), "content": text})
    for call in message.get("tool_calls") or ():
        results.append({"role": "tool", "tool_call_id": call.get("id", ""), "content": text})
    return results


def _get_stop_reason(rule: Rule) -> StopReason:
    return StopReason.TERMINATION_MESSAGE if rule.terminated else StopReason.MAX_CONSECUTIVE_AUTO_REPLY


def _stop(agent: AgentCore, sender: Agent | None, reason: StopReason) -> Decision:
    get_reply_counts(agent)[sender] = 0
    internals(agent).stop_reasons[sender] = reason
    return True, None


def _make_human_reply(agent: AgentCore, message: Message, sender: Agent | None, text: str) -> Decision:
    get_reply_counts(agent)[sender] = 0
    reply: Message = {"role": "user", "content": text}
    if results := answer_pending_calls(message):
        reply["tool_responses"] = results
    return True, reply
