"""Approval of tool calls: by a human, by rules of the program, or both."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from ... import events
from ..._secrets import redact
from ..._steps import Steps, invoke, sync_and_async
from ..._threads import reset_variable
from ...operations import Operation, fingerprint, perform
from .._core.protocols import AgentCore
from .._guardrails.checks import GuardedCall, GuardrailStop
from .termination_and_human import ask_about

F = TypeVar("F", bound=Callable[..., Any])

HUMAN = "human"
CHOICES = ("approve", "always", "reject", "edit", "stop")
MAX_REFUSALS = 3
"""Number of times that a refused call may come again in a chat before the chat ends."""

_MAX_SHOWN = 2_000  # characters
_YES = ("y", "yes", "ok", "approve")
_ALWAYS = ("a", "always")
_NO = ("", "n", "no", "reject")
_STOP = ("q", "exit", "stop")


@dataclass(frozen=True)
class Edit:
    """Decision of a rule: the call is approved with other arguments.

    Attributes:
        arguments: The arguments.
    """

    arguments: dict[str, Any]


class ApprovalPolicy(NamedTuple):
    """The approval that a tool needs.

    Attributes:
        rules: Functions of the call, in order.
        needs_human: True if a human is asked, after the rules.
        remember: `call` or `chat`.
    """

    rules: tuple[Callable[[GuardedCall], Any], ...]
    needs_human: bool
    remember: str


class Decision(NamedTuple):
    """Decision about a call, in a form that JSON can hold.

    Attributes:
        verdict: `approve`, `always`, `reject`, `edit` or `stop`.
        words: Words for the model.
        arguments: Other arguments; None for those of the call.
        by: `human` or `rule`.
    """

    verdict: str
    words: str = ""
    arguments: dict[str, Any] | None = None
    by: str = "rule"


@dataclass
class Memory:
    """The decisions of one chat.

    Attributes:
        approved: Calls, and tools, that need no further question.
        refusals: How often a call was refused.
    """

    approved: set[tuple[str, ...]] = field(default_factory=set)
    refusals: Counter[tuple[str, ...]] = field(default_factory=Counter)


_memory: ContextVar[Memory | None] = ContextVar("approvals of the chat", default=None)


@contextmanager
def remember_approvals() -> Iterator[None]:
    """Remember decisions during the chat in a `with` block. Chats inside it have their own."""
    token = _memory.set(Memory())
    try:
        yield
    finally:
        reset_variable(_memory, token)


def make_policy(approve: Any, remember: str = "call") -> ApprovalPolicy:
    """Make the policy of a tool.

    Args:
        approve: `human`, a function of a `GuardedCall`, or a list of these.
        remember: `call` or `chat`.

    Raises:
        TypeError: if `approve` is of another type.
        ValueError: if it is an unknown text or empty, or `remember` is unknown.
    """
    if remember not in ("call", "chat"):
        raise ValueError(f"remember must be 'call' or 'chat', got {remember!r}.")
    items = list(approve) if isinstance(approve, (list, tuple)) else [approve]
    if not items:
        raise ValueError("approve must be 'human', a function of the call, or a list of these, got an empty list.")
    for item in items:
        if isinstance(item, str) and item != HUMAN:
            raise ValueError(f"approve must be 'human', a function of the call, or a list of these, got {item!r}.")
        if not isinstance(item, str) and not callable(item):
            raise TypeError(f"approve must be 'human', a function of the call, or a list of these, got {item!r}.")
    return ApprovalPolicy(tuple(item for item in items if item != HUMAN), HUMAN in items, remember)


def require_approval(approve: Any = HUMAN, *, remember: str = "call") -> Callable[[F], F]:
    """Return a decorator for a function that agents may call after an approval alone, however they get it.

    Args:
        approve: `human`, a function of a `GuardedCall`, or a list of these.
        remember: `call` to ask about each call, `chat` to ask once for each call with the same arguments in a chat.

    Raises:
        TypeError: if `approve` is of another type.
        ValueError: if it is an unknown text or empty, or `remember` is unknown.

    >>> @require_approval("human")
    ... def pay(euros: int) -> str:
    ...     return f"Paid {euros}."
    """
    policy = make_policy(approve, remember)

    def decorate(function: F) -> F:
        vars(function)["_approval"] = policy
        return function

    return decorate


def get_policy(function: Any) -> ApprovalPolicy | None:
    """Return the approval that a function needs; None if it needs none."""
    return getattr(function, "_approval", None)


def request_approval(
    agent: AgentCore, policy: ApprovalPolicy, name: str, arguments: dict[str, Any]
) -> Steps[dict[str, Any] | str]:
    """Request the approval of a call. Returns the arguments to use, or the text for the model if it is refused.

    Raises:
        GuardrailStop: if the human ends the chat, or a refused call comes again and again.
    """
    memory = _memory.get() or Memory()
    key = (agent.name, name, fingerprint(arguments, named_secrets=True))
    if memory.refusals[key]:
        memory.refusals[key] += 1
        if memory.refusals[key] > MAX_REFUSALS:
            raise GuardrailStop(f"approval of {name}", "a call that was refused came again and again")
        return _make_refusal(agent, "", "It was refused before.")
    decision = yield from perform(_make_operation(agent, policy, name, arguments, key, memory))
    if decision.verdict == "stop":
        raise GuardrailStop(f"approval of {name}", "a human ended the chat")
    if decision.verdict == "reject":
        memory.refusals[key] = 1
        return _make_refusal(agent, decision.words)
    if decision.verdict == "always":
        memory.approved.add(key[:2])
    elif policy.remember == "chat" and decision.verdict == "approve":
        memory.approved.add(key)
    return arguments if decision.arguments is None else decision.arguments


def _make_refusal(agent: AgentCore, words: str, addition: str = "") -> str:
    reason = f": {words}" if words else "."
    end = "" if reason.endswith((".", "!", "?")) else "."
    advice = addition or "Do not repeat it unchanged."
    return f"The call was not made. The reviewer of {agent.name} refused it{reason}{end} {advice}"


def _make_operation(
    agent: AgentCore,
    policy: ApprovalPolicy,
    name: str,
    arguments: dict[str, Any],
    key: tuple[str, ...],
    memory: Memory,
) -> Operation[Decision]:
    def decode(stored: list[Any]) -> Decision:
        return Decision(*stored)

    return Operation(
        kind="approval",
        key=lambda: f"{name}:{key[2]}",
        run=lambda: _decide(agent, policy, GuardedCall(agent.name, name, dict(arguments)), key, memory),
        started=lambda: events.ApprovalAsked(agent=agent.name, name=name, arguments=arguments),
        finished=lambda decision, seconds: events.ApprovalGiven(
            agent=agent.name,
            name=name,
            verdict="approve" if decision.verdict == "always" else decision.verdict,
            words=decision.words,
            by=decision.by,
            remembered=decision.verdict == "always" or policy.remember == "chat",
            seconds=seconds,
        ),
        encode=list,
        decode=decode,
    )


def _decide(
    agent: AgentCore, policy: ApprovalPolicy, call: GuardedCall, key: tuple[str, ...], memory: Memory
) -> Steps[Decision]:
    """Apply the rules in order; the first that refuses decides. Then ask the human, if that is needed."""
    needs_human = policy.needs_human
    edited: dict[str, Any] | None = None
    for rule in policy.rules:
        answer = yield from invoke(*sync_and_async(rule), call)
        if answer == HUMAN:
            needs_human = True
        elif isinstance(answer, Edit):
            edited = dict(answer.arguments)
            call = GuardedCall(call.agent, call.name, dict(edited))
        elif isinstance(answer, str):
            return Decision("reject", answer)
        elif answer is not True:
            if answer is not False and answer is not None:
                raise TypeError(f"A rule for approvals must return True, False, a text or Edit, got {answer!r:.100}.")
            return Decision("reject")
    is_remembered = key in memory.approved or key[:2] in memory.approved
    if not needs_human or (is_remembered and edited is None):
        return Decision("approve" if edited is None else "edit", "", edited)
    decision = yield from _ask(agent, call)
    if edited is not None and decision.verdict in ("approve", "always"):
        return decision._replace(verdict="edit", arguments=edited)
    return decision


def _ask(agent: AgentCore, call: GuardedCall) -> Steps[Decision]:
    shown = json.dumps(redact(call.arguments), ensure_ascii=False, default=str)
    if len(shown) > _MAX_SHOWN:
        shown = f"{shown[:_MAX_SHOWN]}... ({len(shown)} characters, digest {fingerprint(call.arguments)})"
    prompt = (
        f"{agent.name} is to call {call.name} with {shown}. Approve? (y: yes, a: yes, and later calls of it in this chat, "
        "n: no, e {...}: yes, with these arguments, q: end the chat, or a text: no, and the model reads it) "
    )
    subject = {"kind": "approval", "tool": call.name, "arguments": redact(call.arguments), "choices": CHOICES}
    problem = ""
    while True:
        with ask_about(**subject):
            text = yield from invoke(agent.get_human_input, agent.a_get_human_input, problem + prompt)
        decision = parse_decision(text)
        if decision is not None:
            return decision
        problem = "The new arguments must be a JSON object after the e. "


def parse_decision(text: str) -> Decision | None:
    """Parse the answer of a human; None if its arguments are not a JSON object."""
    words = text.strip()
    plain = words.rstrip(".!").lower()
    if plain in _YES:
        return Decision("approve", by=HUMAN)
    if plain in _ALWAYS:
        return Decision("always", by=HUMAN)
    if plain in _STOP:
        return Decision("stop", by=HUMAN)
    if plain in _NO:
        return Decision("reject", by=HUMAN)
    first, _, rest = words.partition(" ")
    if first.lower() in ("e", "edit") and rest.lstrip().startswith("{"):
        try:
            arguments = json.loads(rest)
        except ValueError:
            return None
        return Decision("edit", "", arguments, HUMAN)
    # A text that only begins with yes is a condition, which the model has to read first.
    if first.lower().rstrip(",:;") in ("n", "no", "reject") and rest:
        words = rest
    return Decision("reject", words, by=HUMAN)
