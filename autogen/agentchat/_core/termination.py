"""Termination conditions: combinators, and the state kept for each chat.

A `Condition` is a definition: chats don't change it, so any number of agents and chats may share it. Each agent holds a
`BoundCondition`, and in it one `ConditionState` for each peer.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType
from typing import Any, NamedTuple, TypeVar

from ..._steps import get_callable_name
from ...code_utils import content_str
from ...oai._usage.ledger import compute_spending, get_chat_ledger
from ...types import MessageContentType
from ..agent import Agent, Message
from .internals import get_history
from .protocols import AgentCore

# Raised by functions written for text if there is no text.
_UNSUITED = (TypeError, AttributeError, LookupError, ValueError)


P = TypeVar("P")


class Observation(NamedTuple):
    """The chat as a condition sees it when an agent decides whether the chat ends.

    Attributes:
        message: Message that the agent would answer.
        speaker: Name of its author, if known.
        messages: Number of messages of all agents since the chat started, including this one.
        cost: Cost of the chat's model requests so far, in USD; responses from a cache are free.
        tokens: Number of tokens of these requests, in and out.
    """

    message: Message
    speaker: str | None
    messages: int
    cost: float
    tokens: int


class Condition(ABC):
    """A condition that ends a chat. Give it to an agent as `is_termination_msg`.

    Conditions are combined with `&`, `|` and `~`, also with plain functions of a message. A condition that has become true
    stays true, so `a & b` waits for both, in any order. All counts restart when a chat starts, and after the whole condition
    has ended a chat or a human has continued in spite of it.

    In a chat, agents and chats that share one object don't see each other's counts: each agent counts for itself, and
    for each peer. `ChatResult.stop_detail` tells why a chat ended. Called directly with a message, a condition keeps
    separate counts, and `reason` tells why it was true of the last message. A copy has no counts.

    For a condition of your own override `check`, and `start` if it needs state.

    >>> stop = MaxMessages(20) | TextMention("DONE") & ~TextMention("not yet")  # doctest: +SKIP
    >>> user = UserProxyAgent("user", is_termination_msg=stop)  # doctest: +SKIP
    >>> user.initiate_chat(assistant, message="Plan a trip.").stop_detail  # doctest: +SKIP
    "'assistant' said 'DONE'"
    """

    # On the class, because subclasses define `__init__` without calling this one.
    _direct: BoundCondition | None = None

    def start(self) -> object:
        """Create the state for one chat, which `check` gets; None if it needs none."""
        return None

    @abstractmethod
    def check(self, state: Any, seen: Observation) -> str | None:
        """Check whether the condition has become true.

        Args:
            state: Value that `start` returned for this chat.
            seen: The message, and the chat so far.

        Returns:
            The reason as text if it is true, else None.
        """

    def __call__(self, message: Message) -> bool:
        """Return True if the chat ends with this message, by counts for direct calls."""
        self._direct = self._direct or BoundCondition(self)
        return self._direct(message)

    @property
    def reason(self) -> str | None:
        """Reason why the condition was true of the last message it was called with; None if it was not."""
        return self._direct.get_reason() if self._direct else None

    def reset(self) -> None:
        """Reset the counts for direct calls."""
        self._direct = None

    def __and__(self, other: Condition | Callable[[Message], object]) -> Condition:
        return All((self, _as_condition(other)))

    def __rand__(self, other: Callable[[Message], object]) -> Condition:
        return All((_as_condition(other), self))

    def __or__(self, other: Condition | Callable[[Message], object]) -> Condition:
        return AnyOf((self, _as_condition(other)))

    def __ror__(self, other: Callable[[Message], object]) -> Condition:
        return AnyOf((_as_condition(other), self))

    def __invert__(self) -> Condition:
        return Not(self)

    def __getstate__(self) -> dict[str, object]:
        # A copy shares no counts.
        return {key: value for key, value in self.__dict__.items() if key != "_direct"}


class Combination(Condition):
    """A condition made of others.

    Attributes:
        parts: Combined conditions.
    """

    _sign: str

    def __init__(self, parts: Sequence[Condition]) -> None:
        self.parts = tuple(parts)

    def __repr__(self) -> str:
        return "(" + f" {self._sign} ".join(map(repr, self.parts)) + ")"

    def check(self, state: object, seen: Observation) -> str | None:
        """Raise `NotImplementedError`: the parts look at the messages."""
        raise NotImplementedError


class All(Combination):
    """True when all of its parts are: `a & b`."""

    _sign = "&"


class AnyOf(Combination):
    """True when any of its parts is: `a | b`."""

    _sign = "|"


class Not(Combination):
    """True while its part is false: `~a`."""

    def __init__(self, part: Condition) -> None:
        super().__init__((part,))

    def __repr__(self) -> str:
        return f"~{self.parts[0]!r}"


class Predicate(Condition):
    """A plain function of a message, combined with conditions."""

    def __init__(self, function: Callable[[Message], object]) -> None:
        self._function = function

    def __repr__(self) -> str:
        return get_callable_name(self._function)

    def check(self, state: object, seen: Observation) -> str | None:
        """Check the message with the function."""
        return f"{self!r} was true" if call_predicate(self._function, seen.message) else None


def find_leaves(condition: Condition) -> list[Condition]:
    """Return the conditions within `condition` that look at messages themselves."""
    if isinstance(condition, Combination):
        return [leaf for part in condition.parts for leaf in find_leaves(part)]
    return [condition]


def evaluate(condition: Condition, reasons: Mapping[Condition, str]) -> str | None:
    """Return the reason why `condition` is true, given the reasons of its true leaves; None if it is not."""
    if not isinstance(condition, Combination):
        return reasons.get(condition)
    found = [evaluate(part, reasons) for part in condition.parts]
    # A negation has one part, and never becomes true for good.
    if isinstance(condition, Not):
        return f"not {condition.parts[0]!r}" if found[0] is None else None
    if isinstance(condition, All):
        return None if None in found else " and ".join(dict.fromkeys(filter(None, found)))
    return "; ".join(dict.fromkeys(reason for reason in found if reason is not None)) or None


def _as_condition(other: object) -> Condition:
    """Return a condition, or a function as one.

    Raises:
        TypeError: if `other` is neither a condition nor a function.
    """
    if isinstance(other, Condition):
        return other
    if isinstance(other, BoundCondition):
        return other.condition
    if callable(other):
        return Predicate(other)
    raise TypeError(f"A condition must be combined with a condition or a function of a message, got {other!r}.")


class ConditionState:
    """State of a condition in one chat.

    Attributes:
        reason: Why the condition was true of the last message; None if it was not.
    """

    def __init__(self, condition: Condition) -> None:
        self._condition = condition
        self._ledger = get_chat_ledger()
        # Length of the history, and its last message, at the last observation.
        self._length = 0
        self._message: Message | None = None
        self._messages = 0
        self.reason: str | None = None
        self._restart()

    def _restart(self) -> None:
        self._messages = 0
        self._spent = compute_spending(self._ledger)
        self._states = {leaf: leaf.start() for leaf in dict.fromkeys(find_leaves(self._condition))}
        self._reasons: dict[Condition, str] = {}

    def skip(self, length: int) -> None:
        """Ignore the messages that a history already has when the chat starts."""
        self._length = length

    def observe(self, message: Message, peer: Agent | None, history: Sequence[Message] | None) -> bool:
        """Count the messages since the last observation; return True if the chat ends."""
        if history is None:
            self._messages += 1
        else:
            # A history that did not grow was cleared, unless this is the same message again.
            growth = len(history) - self._length
            self._messages += growth if growth > 0 else message is not self._message
            self._length, self._message = len(history), message
        cost, tokens = compute_spending(self._ledger)
        speaker = _get_speaker(message, peer)
        seen = Observation(message, speaker, self._messages, cost - self._spent[0], tokens - self._spent[1])
        # A leaf that has become true stays true, and is not checked again.
        for leaf, state in self._states.items():
            if leaf not in self._reasons and (reason := leaf.check(state, seen)) is not None:
                # An empty reason counts as true.
                self._reasons[leaf] = reason or repr(leaf)
        self.reason = evaluate(self._condition, self._reasons)
        if self.reason is None:
            return False
        # A human may continue the chat: the condition then starts over.
        self._restart()
        return True


class BoundCondition:
    """A condition of one agent, with its state in each of the agent's chats."""

    def __init__(self, condition: Condition) -> None:
        self.condition = condition
        self._states: dict[Agent | None, ConditionState] = {}

    def __repr__(self) -> str:
        return repr(self.condition)

    def __reduce__(self) -> tuple[type[BoundCondition], tuple[Condition]]:
        # Chats are not copied with an agent.
        return BoundCondition, (self.condition,)

    def __call__(self, message: Message) -> bool:
        """Return True if the chat ends with this message, whoever sent it: managers of groups call it so."""
        return self.observe(message)

    def observe(self, message: Message, peer: Agent | None = None, history: Sequence[Message] | None = None) -> bool:
        """Return True if the chat with a peer ends with this message.

        Args:
            message: Message that would be answered.
            peer: Other agent; None counts each observed message, whoever sent it.
            history: Conversation with the peer; messages in it that were not observed are counted too.
        """
        if peer not in self._states:
            self._states[peer] = ConditionState(self.condition)
        return self._states[peer].observe(message, peer, history)

    def reset(self, peer: Agent | None = None, history: Sequence[Message] = ()) -> None:
        """Reset the state for a chat with `peer` that starts now; its history may hold earlier chats."""
        # The state under None is for calls without a peer, as managers of groups make them.
        for key in (peer, None):
            self._states[key] = ConditionState(self.condition)
        if peer is not None:
            self._states[peer].skip(len(history))

    def get_reason(self, peer: Agent | None = None) -> str | None:
        """Return the reason why the chat with a peer ended; None if the condition did not end it."""
        reasons = (self._states[key].reason for key in (peer, None) if key in self._states)
        return next(filter(None, reasons), None)


def bind_condition(predicate: P) -> P | BoundCondition:
    """Return the `is_termination_msg` of a new agent: a condition is bound to it, a function stays as it is."""
    return BoundCondition(_as_condition(predicate)) if isinstance(predicate, (Condition, BoundCondition)) else predicate


def get_termination_test(agent: AgentCore) -> Callable[[Message], object]:
    """Return the agent's `is_termination_msg`, bound to the agent if it is a condition."""
    test = agent._is_termination_msg
    if isinstance(test, Condition):
        # Assigned by a program after construction.
        test = agent._is_termination_msg = bind_condition(test)
    return test


def is_termination(agent: AgentCore, message: Message, sender: Agent | None = None) -> bool:
    """Return True if the chat ends with this message, by the agent's `is_termination_msg`."""
    test = agent._is_termination_msg
    # A plain function is the usual case, and cheaper.
    if type(test) is FunctionType:
        return call_predicate(test, message)
    test = get_termination_test(agent)
    if isinstance(test, BoundCondition):
        return test.observe(message, sender, None if sender is None else get_history(agent, sender))
    return call_predicate(test, message)


def is_default_termination(message: Message) -> bool:
    """Return True for the default termination message: the exact text `TERMINATE`."""
    content = message.get("content")
    return (content if isinstance(content, str) else get_text(content)) == "TERMINATE"


def call_predicate(predicate: Callable[[Message], object], message: Message) -> bool:
    """Call a plain function of a message, written for messages with text.

    Such a function (`"TERMINATE" in m["content"]`) fails on a message without text, such as a tool call, and doesn't find
    the text in a list of parts. It is then called again with the text of the message. If there is no text, and it fails
    again (`m["content"].split()[-1]`), the result is False.
    """
    content = message.get("content")
    if isinstance(content, str):
        return bool(predicate(message))
    try:
        result = bool(predicate(message))
        if result or not isinstance(content, list):
            return result
    except _UNSUITED:
        # Called again below, with text.
        pass
    text = get_text(content)
    try:
        return bool(predicate({**message, "content": text}))
    except _UNSUITED:
        if text:
            raise
        return False


def get_text(content: MessageContentType | Callable[..., object]) -> str:
    """Return the text of a content; a callable, which makes its text later, has none yet."""
    return "" if callable(content) else content_str(content)


def _get_speaker(message: Message, peer: Agent | None) -> str | None:
    """Return the name of a message's author. In the result of a function the name is the function's."""
    name = None if message.get("role") == "function" else message.get("name")
    return name or getattr(peer, "name", None)
