"""Policies: who approves the calls of a tool, and the decisions that a chat remembers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias, TypeVar

from ..._mistakes import suggest
from ..._threads import reset_variable
from .._guardrails.checks import GuardedCall

F = TypeVar("F", bound=Callable[..., Any])
Preview: TypeAlias = Callable[..., "str | None"]
"""A function of the arguments of a call that returns a text for the human who approves it."""

HUMAN, RULE, EXPIRY = "human", "rule", "expiry"
REMEMBER = ("call", "chat", "session", "always")
_FORMS = "'human', a function of the call, Rules, a Reviewer, or a list of these"


@dataclass(frozen=True)
class Edit:
    """Decision of a rule: the call is approved with other arguments.

    Attributes:
        arguments: The arguments.
    """

    arguments: dict[str, Any]


@dataclass(frozen=True)
class Ask:
    """Decision of a rule: a human decides.

    Attributes:
        why: Reason, which the human reads.
    """

    why: str = ""


class ApprovalPolicy(NamedTuple):
    """The approval that a tool needs.

    Attributes:
        rules: Functions of the call, in order.
        needs_human: True if a human is asked, after the rules.
        remember: Where an approval by a human is remembered: one of REMEMBER.
        approvers: Names of those who may answer elsewhere; empty for anybody.
        preview: Returns a text about a call for the human; None for none.
    """

    rules: tuple[Callable[[GuardedCall], Any], ...]
    needs_human: bool
    remember: str
    approvers: tuple[str, ...] = ()
    preview: Preview | None = None


class Decision(NamedTuple):
    """Decision about a call, in a form that JSON can hold.

    Attributes:
        verdict: `approve`, `always`, `reject`, `reject_rest`, `edit` or `stop`.
        words: Words for the model.
        arguments: Other arguments; None for those of the call.
        by: `human`, `rule`, `reviewer`, or `expiry` if nobody answered in time.
        why: Reason why a human was asked.
        others: Answers that the human gave about other calls of the message, by their numbers.
    """

    verdict: str
    words: str = ""
    arguments: dict[str, Any] | None = None
    by: str = RULE
    why: str = ""
    others: dict[str, str] | None = None

    @property
    def is_approved(self) -> bool:
        """True if the call is made as it is."""
        return self.verdict in ("approve", "always")


class ApprovedCall(NamedTuple):
    """A call that may be made.

    Attributes:
        arguments: The arguments to use.
        notice: Text for the model if they are not its own; empty otherwise.
    """

    arguments: dict[str, Any]
    notice: str = ""


@dataclass
class Memory:
    """The decisions of one chat.

    Attributes:
        approved: Calls, and tools, that need no further question.
        refusals: How often a call was refused.
        refused_message: Message whose remaining calls are refused; None for none.
    """

    approved: set[tuple[str, ...]] = field(default_factory=set)
    refusals: Counter[tuple[str, ...]] = field(default_factory=Counter)
    refused_message: object = None


_memory: ContextVar[Memory | None] = ContextVar("approvals of the chat", default=None)

get_memory: Callable[[], Memory | None] = _memory.get
"""Return the decisions of the current chat; None outside of chats."""


@contextmanager
def remember_approvals() -> Iterator[None]:
    """Remember decisions during the chat in a `with` block. Chats inside it have their own."""
    token = _memory.set(Memory())
    try:
        yield
    finally:
        reset_variable(_memory, token)


def make_policy(
    approve: Any, remember: str = "call", approvers: Iterable[str] = (), preview: Preview | None = None
) -> ApprovalPolicy:
    """Make the policy of a tool.

    Args:
        approve: `human`, a function of a `GuardedCall`, `Rules`, a `Reviewer`, or a list of these.
        remember: `call`, `chat`, `session` or `always`.
        approvers: Names of those who may answer elsewhere; empty for anybody.
        preview: Returns a text about a call for the human; None for none.

    Raises:
        TypeError: if `approve`, `approvers` or `preview` is of another type.
        ValueError: if it is an unknown text or empty, or `remember` is unknown or needs a file of rules.
    """
    if remember not in REMEMBER:
        allowed = ", ".join(map(repr, REMEMBER))
        raise ValueError(f"remember must be one of {allowed}, got {remember!r}.{suggest(str(remember), REMEMBER)}")
    items = list(approve) if isinstance(approve, (list, tuple)) else [approve]
    if not items:
        raise ValueError(f"approve must be {_FORMS}, got an empty list.")
    for item in items:
        if isinstance(item, str) and item != HUMAN:
            raise ValueError(f"approve must be {_FORMS}, got {item!r}.")
        if not isinstance(item, str) and not callable(item):
            raise TypeError(f"approve must be {_FORMS}, got {item!r}.")
    if preview is not None and not callable(preview):
        raise TypeError(f"preview must be a function of the arguments of a call, got {preview!r}.")
    rules = tuple(item for item in items if item != HUMAN)
    policy = ApprovalPolicy(rules, HUMAN in items, remember, read_approvers(approvers), preview)
    if remember == "always" and find_rules_file(policy) is None:
        raise ValueError("remember='always' needs Rules from a file, to which the human's answer is added.")
    return policy


def read_approvers(approvers: Iterable[str]) -> tuple[str, ...]:
    """Return the names of those who may answer.

    Raises:
        TypeError: if it is not a list of names.
    """
    names = () if isinstance(approvers, str) else tuple(approvers)
    if isinstance(approvers, str) or not all(isinstance(name, str) and name for name in names):
        raise TypeError(f"approvers must be a list of names, got {approvers!r}.")
    return names


def find_rules_file(policy: ApprovalPolicy) -> Any:
    """Return the first rules of a policy that come from a file; None if there are none."""
    return next((rule for rule in policy.rules if getattr(rule, "path", None) and hasattr(rule, "allow_tool")), None)


def require_approval(
    approve: Any = HUMAN, *, remember: str = "call", approvers: Iterable[str] = (), preview: Preview | None = None
) -> Callable[[F], F]:
    """Return a decorator for a function that agents may call after an approval alone, however they get it.

    Args:
        approve: `human`, a function of a `GuardedCall`, `Rules`, a `Reviewer`, or a list of these.
        remember: `call` to ask about each call; `chat` or `session` to ask once for each call with the same arguments, in a
            chat or until the agent is reset; `always` to add the tool to the file of the `Rules` if the human says so.
        approvers: Names of those who may answer with `Recording.answer`; empty for anybody. Whoever is asked in the process
            itself may answer, too.
        preview: Function of the arguments of a call that returns a text for the human, such as `preview_diff()`.

    Raises:
        TypeError: if `approve`, `approvers` or `preview` is of another type.
        ValueError: if it is an unknown text or empty, or `remember` is unknown or needs a file of rules.

    >>> @require_approval("human")
    ... def pay(euros: int) -> str:
    ...     return f"Paid {euros}."
    """
    policy = make_policy(approve, remember, approvers, preview)

    def decorate(function: F) -> F:
        set_policy(function, policy)
        return function

    return decorate


def set_policy(function: Any, policy: ApprovalPolicy) -> None:
    """Let a function need an approval."""
    vars(function)["_approval"] = policy


_approved: ContextVar[object] = ContextVar("tool whose call was approved", default=None)


@contextmanager
def mark_approved(function: Any) -> Iterator[None]:
    """Note in a `with` block that the call of a registered tool was approved; see `is_approved`."""
    token = _approved.set(getattr(function, "_origin", function))
    try:
        yield
    finally:
        reset_variable(_approved, token)


def is_approved(function: object) -> bool:
    """Return True if this call of a function, from within, was approved: a function that is called by another way asks."""
    return function is not None and _approved.get() is function


def get_policy(function: Any) -> ApprovalPolicy | None:
    """Return the approval that a function needs; None if it needs none."""
    return getattr(function, "_approval", None)
