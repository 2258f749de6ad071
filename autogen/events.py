"""What happens in chats, as a stream of typed events that JSON can hold.

Each kind of event is emitted in one place of the framework. Nothing is made while nobody listens.

>>> import autogen.events
>>> with autogen.events.subscribe(lambda event: print(event.to_dict())):
...     user.initiate_chat(assistant, message="Hello")  # doctest: +SKIP
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, ClassVar, Union

from ._secrets import redact

logger = logging.getLogger(__name__)

Listener = Callable[["Event"], None]

_chat: ContextVar[str] = ContextVar("chat", default="")


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened.

    Attributes:
        type: What kind of thing, as it stands in JSON.
        at: When, in seconds since 1970.
        chat: The id of the chat in which it happened; empty outside of one.
    """

    type: ClassVar[str] = "event"
    at: float = field(default_factory=time.time)
    chat: str = field(default_factory=_chat.get)

    def to_dict(self) -> dict[str, Any]:
        """The event as JSON has it. Secrets are masked; of what JSON can't hold the kind is shown."""
        own = {one.name: _plain(getattr(self, one.name)) for one in fields(self) if one.name[0] != "_"}
        return {"type": self.type, **redact(own)}


@dataclass(frozen=True, kw_only=True)
class ChatStarted(Event):
    """A chat begins. `parent` is the id of the chat in which it was begun.

    Attributes:
        initiator: Who began the chat.
        recipient: The other agent.
        parent: The id of the chat around it; empty if there is none.
    """

    type: ClassVar[str] = "chat_started"
    initiator: str
    recipient: str
    parent: str = ""


@dataclass(frozen=True, kw_only=True)
class ChatEnded(Event):
    """A chat is over: why, and what it cost (USD). `error` is set if it ended by one.

    Attributes:
        initiator: Who began the chat.
        recipient: The other agent.
        stop_reason: Why it ended.
        summary: Its summary.
        messages: How many there were.
        cost: In USD, without answers from a cache.
        seconds: How long it took.
        error: What was raised; None if nothing was.
    """

    type: ClassVar[str] = "chat_ended"
    initiator: str
    recipient: str
    stop_reason: str | None = None
    summary: Any = None
    messages: int = 0
    cost: float = 0.0
    seconds: float = 0.0
    error: str | None = None


@dataclass(frozen=True, kw_only=True)
class MessageSent(Event):
    """An agent sends a message to another one.

    Attributes:
        sender: Who sends it.
        recipient: Who gets it.
        message: Text, or a dict in the OpenAI form.
    """

    type: ClassVar[str] = "message_sent"
    sender: str
    recipient: str
    message: Any


@dataclass(frozen=True, kw_only=True)
class ReplyStarted(Event):
    """A reply function is asked.

    Attributes:
        agent: The agent's name.
        function: The reply function's name.
    """

    type: ClassVar[str] = "reply_started"
    agent: str
    function: str


@dataclass(frozen=True, kw_only=True)
class ReplyEnded(Event):
    """A reply function has answered, finally or not.

    Attributes:
        agent: The agent's name.
        function: The reply function's name.
        final: Whether no other is asked.
        seconds: How long it took.
    """

    type: ClassVar[str] = "reply_ended"
    agent: str
    function: str
    final: bool
    seconds: float


@dataclass(frozen=True, kw_only=True)
class ModelAsked(Event):
    """A request goes to an endpoint. `attempt` counts the requests of one call.

    Attributes:
        agent: The agent's name.
        model: The model.
        endpoint: Where it is.
        attempt: The number of the request, from 1, within one call.
        messages: How many messages are sent.
    """

    type: ClassVar[str] = "model_asked"
    agent: str
    model: str
    endpoint: str
    attempt: int
    messages: int
    _params: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)  # for tracing; not in JSON


@dataclass(frozen=True, kw_only=True)
class ModelAnswered(Event):
    """An endpoint, or the cache, has answered. `cost` is in USD.

    Attributes:
        agent: The agent's name.
        model: The model.
        endpoint: Where it is.
        attempt: The number of the request, from 1, within one call.
        cached: Whether the answer came from a cache.
        prompt_tokens: Tokens in.
        completion_tokens: Tokens out.
        cost: In USD.
        price_known: Whether it is; if not, the cost counts as 0.
        seconds: How long it took.
    """

    type: ClassVar[str] = "model_answered"
    agent: str
    model: str
    endpoint: str
    attempt: int
    cached: bool
    prompt_tokens: int
    completion_tokens: int
    cost: float
    price_known: bool = True
    seconds: float
    _response: Any = field(default=None, repr=False, compare=False)  # for tracing; not in JSON


@dataclass(frozen=True, kw_only=True)
class ModelFailed(Event):
    """An endpoint has failed; `then` says what follows.

    Attributes:
        agent: The agent's name.
        model: The model.
        endpoint: Where it is.
        attempt: The number of the request, from 1, within one call.
        error: What went wrong.
        then: What is done about it.
    """

    type: ClassVar[str] = "model_failed"
    agent: str
    model: str
    endpoint: str
    attempt: int
    error: str
    then: str


@dataclass(frozen=True, kw_only=True)
class ToolCalled(Event):
    """An agent executes a function that a model called.

    Attributes:
        agent: The agent's name.
        name: The function's name.
        arguments: As the model gave them.
    """

    type: ClassVar[str] = "tool_called"
    agent: str
    name: str
    arguments: Any


@dataclass(frozen=True, kw_only=True)
class ToolReturned(Event):
    """A function has returned, or failed.

    Attributes:
        agent: The agent's name.
        name: The function's name.
        success: Whether it returned.
        content: What the model is told.
        seconds: How long it took.
    """

    type: ClassVar[str] = "tool_returned"
    agent: str
    name: str
    success: bool
    content: str
    seconds: float


@dataclass(frozen=True, kw_only=True)
class CodeStarted(Event):
    """An agent runs code: a list of `[language, code]`.

    Attributes:
        agent: The agent's name.
        blocks: The code.
    """

    type: ClassVar[str] = "code_started"
    agent: str
    blocks: list[list[str]]


@dataclass(frozen=True, kw_only=True)
class CodeEnded(Event):
    """The code has ended.

    Attributes:
        agent: The agent's name.
        exit_code: 0 for success.
        output: What it printed.
        seconds: How long it took.
    """

    type: ClassVar[str] = "code_ended"
    agent: str
    exit_code: int
    output: str
    seconds: float


@dataclass(frozen=True, kw_only=True)
class SpeakerSelected(Event):
    """A group chat has its next speaker, and why.

    Attributes:
        agent: The manager's name.
        speaker: Who speaks next.
        why: How that was found.
    """

    type: ClassVar[str] = "speaker_selected"
    agent: str
    speaker: str
    why: str


@dataclass(frozen=True, kw_only=True)
class HumanAsked(Event):
    """A human is asked. A listener may `respond`; then nobody else is asked.

    Attributes:
        agent: The agent's name.
        prompt: The question.
    """

    type: ClassVar[str] = "human_asked"
    agent: str
    prompt: str
    _answers: list[str] = field(default_factory=list, repr=False, compare=False)

    def respond(self, text: str) -> None:
        """Answer in the human's place."""
        self._answers.append(text)

    @property
    def answer(self) -> str | None:
        """What a listener answered first; None if none did."""
        return self._answers[0] if self._answers else None


@dataclass(frozen=True, kw_only=True)
class HumanAnswered(Event):
    """A human has answered, or the time for it was over.

    Attributes:
        agent: The agent's name.
        text: What was typed, or what counts as typed.
    """

    type: ClassVar[str] = "human_answered"
    agent: str
    text: str


def _with_derived(kind: type[Event]) -> set[type[Event]]:
    return {kind}.union(*map(_with_derived, kind.__subclasses__()))


def _quicken(kind: type[Event]) -> None:
    """Give a kind of event an `__init__` that takes the same and fills the instance directly.

    That of a frozen dataclass sets each field by a call, and takes twice the time: most of what listening costs.
    """
    world: dict[str, Any] = {"missing": MISSING}
    parameters, lines = [], []
    for one in fields(kind):
        value = name = one.name
        if one.default_factory is not MISSING:
            world[f"make_{name}"] = one.default_factory
            parameters.append(f"{name}=missing")
            value = f"make_{name}() if {name} is missing else {name}"
        elif one.default is not MISSING:
            world[f"default_{name}"] = one.default
            parameters.append(f"{name}=default_{name}")
        else:
            parameters.append(name)
        lines.append(f"    own[{name!r}] = {value}")
    source = [f"def __init__(self, *, {', '.join(parameters)}):", "    own = self.__dict__", *lines]
    exec("\n".join(source), world)
    kind.__init__ = world["__init__"]  # type: ignore[method-assign]


for _kind in _with_derived(Event):
    _quicken(_kind)


Kinds = Iterable[Union[type[Event], str]]
"""Some kinds of events: their classes, or the names of their types."""


def resolve_types(wanted: Kinds) -> frozenset[type[Event]]:
    """The classes of some kinds of events, with what is derived from them.

    Raises:
        ValueError: There is no such kind.
    """
    known = _with_derived(Event)
    found: set[type[Event]] = set()
    for one in [wanted] if isinstance(wanted, (str, type)) else wanted:
        if isinstance(one, type) and issubclass(one, Event):
            found |= _with_derived(one)
        elif named := {kind for kind in known if kind.type == one}:
            found |= named
        else:
            names = ", ".join(sorted(kind.type for kind in known - {Event}))
            raise ValueError(f"{one!r} is no kind of event. Give a class of autogen.events, or one of: {names}.")
    return frozenset(found)


_lock = threading.Lock()
_everywhere: tuple[Listener, ...] = ()
_here: ContextVar[tuple[Listener, ...]] = ContextVar("listeners", default=())
_subscriptions: list[frozenset[type[Event]] | None] = []  # what each listener of the process wants; None: all
_wanted: frozenset[type[Event]] | None = frozenset()
on = False
"""Whether anybody listens. Read it as `events.on` before making an event."""


def is_wanted(*kinds: type[Event]) -> bool:
    """Whether a listener wants any of these kinds: to be asked before making events that are frequent."""
    return _wanted is None or not _wanted.isdisjoint(kinds)


def current_chat() -> str:
    """The id of the chat that goes on here; empty if there is none."""
    return _chat.get()


@contextmanager
def in_chat(chat_id: str | None = None) -> Iterator[tuple[str, str]]:
    """A chat goes on within: gives its id (a new one if None is given) and that of the chat around it."""
    parent, own = _chat.get(), chat_id or uuid.uuid4().hex
    token = _chat.set(own)
    try:
        yield own, parent
    finally:
        _chat.reset(token)


@contextmanager
def subscribe(listener: Listener, *, everywhere: bool = False, types: Kinds | None = None) -> Iterator[None]:
    """Have a function called with each event, in the order in which they happen, in the thread where they happen.

    What it raises is logged, and the chat goes on.

    Args:
        listener: The function.
        everywhere: Whether it hears of all chats of the process; else of those begun in this context.
        types: The kinds that it hears of: classes, or names of types; None for all. The fewer, the less it costs.

    Raises:
        ValueError: There is no such kind.
    """
    global _everywhere
    kinds = None if types is None else resolve_types(types)
    told = listener if kinds is None else _only(kinds, listener)
    token = None
    with _lock:
        if everywhere:
            _everywhere = (*_everywhere, told)
        else:
            token = _here.set((*_here.get(), told))
        _subscriptions.append(kinds)
        _count()
    try:
        yield
    finally:
        with _lock:
            if token is None:
                place = next(place for place, one in enumerate(_everywhere) if one is told)
                _everywhere = _everywhere[:place] + _everywhere[place + 1 :]
            else:
                _here.reset(token)
            _subscriptions.remove(kinds)
            _count()


def _count() -> None:
    global on, _wanted
    kinds = [one for one in _subscriptions if one is not None]
    _wanted = frozenset().union(*kinds) if len(kinds) == len(_subscriptions) else None
    on = bool(_subscriptions)


def _only(kinds: frozenset[type[Event]], listener: Listener) -> Listener:
    def told(event: Event) -> None:
        if type(event) in kinds:
            listener(event)

    return told


def emit(event: Event) -> None:
    """Tell the listeners."""
    for listener in _everywhere + _here.get():
        try:
            listener(event)
        except Exception:
            logger.exception("A listener failed at a %s event; the chat goes on.", event.type)


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item) for item in value]
    return f"<{type(value).__name__}>"
