"""Conditions at work: what ends a chat, put together from parts, and what is remembered of each chat meanwhile.

A `Condition` is a definition: chats don't change it, so that any number of agents and chats may share it. Each agent keeps
a `Watching` of its own, and in it one `Watch` for each peer, which holds the state of that one chat.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ..._steps import get_callable_name
from ...code_utils import content_str
from ...oai._requests.budget import chat_ledger, spent
from ..agent import Agent, Message


class Observation(NamedTuple):
    """What a condition sees when an agent decides whether the chat ends.

    Attributes:
        message: The message that the agent would answer.
        speaker: Who said it, if that is known.
        messages: How many messages were said since the chat began, by all; this one included.
        cost: What the chat has spent on models since it began, in USD; answers from a cache cost nothing.
        tokens: The same in tokens, in and out.
    """

    message: Message
    speaker: str | None
    messages: int
    cost: float
    tokens: int


class Condition(ABC):
    """A condition that ends a chat. Give it to an agent as `is_termination_msg`.

    Conditions are combined with `&`, `|` and `~`, also with plain functions of a message. One that has come true stays
    true, so `a & b` waits for both, in any order. After the whole has ended a chat, or a human has gone on in spite of it,
    it begins anew; it also does when a chat begins.

    In a chat, agents and chats that share one object don't see each other's counts: each agent counts for itself, and
    for each peer. `ChatResult.stop_detail` tells why a chat ended. Called directly with a message, a condition keeps
    counts of its own, and `reason` tells why it came true of the last one. A copy begins with no counts.

    For a condition of your own override `check`, and `start` if it has to remember anything.

    >>> stop = MaxMessages(20) | TextMention("DONE") & ~TextMention("not yet")  # doctest: +SKIP
    >>> user = UserProxyAgent("user", is_termination_msg=stop)  # doctest: +SKIP
    >>> user.initiate_chat(assistant, message="Plan a trip.").stop_detail  # doctest: +SKIP
    "'assistant' said 'DONE'"
    """

    _direct: BoundCondition | None = None

    def start(self) -> Any:
        """What `check` is given for each chat to remember things in; None if it needs nothing."""
        return None

    @abstractmethod
    def check(self, state: Any, seen: Observation) -> str | None:
        """Whether the condition has come true.

        Args:
            state: What `start` returned for this chat.
            seen: The message, and the chat so far.

        Returns:
            Why it is true, as text; None if it is not.
        """

    def __call__(self, message: Message) -> bool:
        """Whether the chat ends with this message, by counts of this object's own."""
        self._direct = self._direct or BoundCondition(self)
        return self._direct(message)

    @property
    def reason(self) -> str | None:
        """Why the condition was true of the last message it was called with; None if it was not."""
        return self._direct.why() if self._direct else None

    def reset(self) -> None:
        """Begin the counts of direct calls anew."""
        self._direct = None

    def __and__(self, other: Condition | Callable[[Message], Any]) -> Condition:
        return All((self, _as_condition(other)))

    def __rand__(self, other: Callable[[Message], Any]) -> Condition:
        return All((_as_condition(other), self))

    def __or__(self, other: Condition | Callable[[Message], Any]) -> Condition:
        return AnyOf((self, _as_condition(other)))

    def __ror__(self, other: Callable[[Message], Any]) -> Condition:
        return AnyOf((_as_condition(other), self))

    def __invert__(self) -> Condition:
        return Not(self)

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "_direct"}

    def _leaves(self) -> Sequence[Condition]:
        """The conditions that look at messages themselves."""
        return (self,)

    def _verdict(self, true: Mapping[Condition, str]) -> str | None:
        """Why the whole is true, given the leaves that are; None if it is not."""
        return true.get(self)


class _Combined(Condition):
    """A condition that is made of others."""

    _sign: str

    def __init__(self, parts: Sequence[Condition]) -> None:
        self._parts = tuple(parts)

    def __repr__(self) -> str:
        return "(" + f" {self._sign} ".join(map(repr, self._parts)) + ")"

    def check(self, state: Any, seen: Observation) -> str | None:
        """Not asked: the parts look at the messages."""
        raise NotImplementedError

    def _leaves(self) -> Sequence[Condition]:
        return tuple(leaf for part in self._parts for leaf in part._leaves())


class All(_Combined):
    """True when all parts are: `a & b`."""

    _sign = "&"

    def _verdict(self, true: Mapping[Condition, str]) -> str | None:
        reasons = [part._verdict(true) for part in self._parts]
        return None if None in reasons else " and ".join(dict.fromkeys(filter(None, reasons)))


class AnyOf(_Combined):
    """True when a part is: `a | b`."""

    _sign = "|"

    def _verdict(self, true: Mapping[Condition, str]) -> str | None:
        reasons = (part._verdict(true) for part in self._parts)
        return "; ".join(dict.fromkeys(reason for reason in reasons if reason is not None)) or None


class Not(_Combined):
    """True as long as the part is not: `~a`."""

    def __init__(self, part: Condition) -> None:
        super().__init__((part,))

    def __repr__(self) -> str:
        return f"~{self._parts[0]!r}"

    def _verdict(self, true: Mapping[Condition, str]) -> str | None:
        part = self._parts[0]
        return f"not {part!r}" if part._verdict(true) is None else None


class Predicate(Condition):
    """A plain function of a message, where it stands beside conditions."""

    def __init__(self, function: Callable[[Message], Any]) -> None:
        self._function = function

    def __repr__(self) -> str:
        return get_callable_name(self._function)

    def check(self, state: Any, seen: Observation) -> str | None:
        """True if the function says so of this message."""
        return f"{self!r} was true" if call_predicate(self._function, seen.message) else None


def _as_condition(other: Any) -> Condition:
    """
    Raises:
        TypeError: It is neither a condition nor a function.
    """
    if isinstance(other, Condition):
        return other
    if isinstance(other, BoundCondition):
        return other.condition
    if callable(other):
        return Predicate(other)
    raise TypeError(f"A condition is combined with a condition or a function of a message, not with {other!r}.")


class ConditionState:
    """The state of a condition in one chat."""

    def __init__(self, condition: Condition) -> None:
        self._condition = condition
        self._ledger = chat_ledger()
        self._length = 0  # of the history, when it was looked at last
        self._message: Message | None = None
        self._messages = 0
        self.reason: str | None = None
        self._begin()

    def _begin(self) -> None:
        self._messages = 0
        self._spent = spent(self._ledger)
        self._states = {leaf: leaf.start() for leaf in dict.fromkeys(self._condition._leaves())}
        self._true: dict[Condition, str] = {}

    def skip(self, length: int) -> None:
        """Leave out what was said before this chat, if its history is kept."""
        self._length = length

    def look(self, message: Message, peer: Agent | None, history: Sequence[Message] | None) -> bool:
        """Take in what was said since the last look; returns whether the chat ends."""
        if history is None:
            self._messages += 1
        else:  # one that did not grow has been cleared meanwhile, unless it is the same message that is asked about again
            grown = len(history) - self._length
            self._messages += grown if grown > 0 else message is not self._message
            self._length, self._message = len(history), message
        cost, tokens = spent(self._ledger)
        seen = Observation(message, _speaker(message, peer), self._messages, cost - self._spent[0], tokens - self._spent[1])
        for leaf, state in self._states.items():
            if leaf not in self._true and (why := leaf.check(state, seen)) is not None:
                self._true[leaf] = why or repr(leaf)
        self.reason = self._condition._verdict(self._true)
        if self.reason is None:
            return False
        self._begin()
        return True


class BoundCondition:
    """A condition at work for one agent, and what it remembers of each of its chats."""

    def __init__(self, condition: Condition) -> None:
        self.condition = condition
        self._watches: dict[Any, ConditionState] = {}

    def __repr__(self) -> str:
        return repr(self.condition)

    def __reduce__(self) -> Any:
        return BoundCondition, (self.condition,)  # chats are not copied with an agent

    def __call__(self, message: Message) -> bool:
        """Whether the chat ends with this message, of whomever it is: the manager of a group asks so."""
        return self.observe(message)

    def observe(self, message: Message, peer: Agent | None = None, history: Sequence[Message] | None = None) -> bool:
        """Whether the chat with a peer ends with this message.

        Args:
            message: The message that would be answered.
            peer: The other agent; None counts each message that is looked at, whoever said it.
            history: The conversation with the peer, by which messages are counted that nobody asked about.
        """
        if peer not in self._watches:
            self._watches[peer] = ConditionState(self.condition)
        return self._watches[peer].look(message, peer, history)

    def reset(self, peer: Agent | None = None, history: Sequence[Message] = ()) -> None:
        """A chat with the peer begins; its history may hold earlier ones."""
        for one in (peer, None):
            self._watches[one] = ConditionState(self.condition)
        if peer is not None:
            self._watches[peer].skip(len(history))

    def why(self, peer: Agent | None = None) -> str | None:
        """Why the chat with a peer ended; None if it was not the condition that ended it."""
        reasons = (self._watches[one].reason for one in (peer, None) if one in self._watches)
        return next(filter(None, reasons), None)


def bind_condition(predicate: Any) -> Any:
    """An agent's `is_termination_msg`: a condition gets counts of the agent's own; a plain function stays as it is."""
    return BoundCondition(_as_condition(predicate)) if isinstance(predicate, (Condition, BoundCondition)) else predicate


def call_predicate(predicate: Callable[[Message], Any], message: Message) -> bool:
    """Ask a plain function of a message.

    One that is written for text (`"TERMINATE" in m["content"]`) fails on a message without text, such as a tool call, and
    looks past the text of one in parts: it is then asked again with what text there is. Where that is none, and it fails
    again (`m["content"].split()[-1]`), it has not found what it looks for.
    """
    content = message.get("content")
    if isinstance(content, str):
        return bool(predicate(message))
    try:
        found = bool(predicate(message))
        if found or not isinstance(content, list):
            return found
    except _NOT_FOR_THIS:
        pass  # it is asked again
    text = text_of(content)
    try:
        return bool(predicate({**message, "content": text}))
    except _NOT_FOR_THIS:
        if text:
            raise
        return False


_NOT_FOR_THIS = (TypeError, AttributeError, LookupError, ValueError)  # what functions of a text raise if there is none


def text_of(content: Any) -> str:
    """The text of a content; a callable, which makes its text later, has none yet."""
    return "" if callable(content) else content_str(content)


def _speaker(message: Message, peer: Agent | None) -> str | None:
    """Who said a message. In the result of a function the name is the function's."""
    name = None if message.get("role") == "function" else message.get("name")
    return name or getattr(peer, "name", None)
