"""Labels of messages: text of strangers, and private text, is known by its sources, and some tools don't run because of it.

A tool says that its results are untrusted, or private. The reply to a message with such a result has the label, and so has
each reply of an agent that was asked with it in view. A tool that needs trusted, or public, messages refuses their calls.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple, TypeAlias

from ..._mistakes import suggest
from ..._steps import Steps
from ..._threads import reset_variable
from .._core.messages import AnswerText
from ..agent import Message

Labels: TypeAlias = dict[str, list[str]]
"""The sources of the text in a message, by label."""

KEY = "labels"
UNTRUSTED = "untrusted"
RESULTS = (UNTRUSTED, "private")
NEEDS = {"trusted": UNTRUSTED, "public": "private"}
"""The label that keeps a tool from running, by its need."""


class ToolLabels(NamedTuple):
    """The labels that concern a tool.

    Attributes:
        returns: Labels of its results.
        needs: Needs of its calls.
    """

    returns: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()


class _Usage:
    """The use of labels in this process.

    Attributes:
        is_on: True once a tool has labels. Programs without any are spared the work; they read it for each message.
    """

    is_on = False


usage = _Usage()


class TrustedText(AnswerText):
    """A text that is not untrusted, whatever was in view: made by `trusted`."""


_collected: ContextVar[Labels | None] = ContextVar("labels of the reply that is made", default=None)


# Histories by their ids: numbers of messages, the last of them, and the labels of all.
_known: OrderedDict[int, tuple[int, Message, Labels]] = OrderedDict()
_MAX_KNOWN = 1_000


def trusted(text: str) -> str:
    """Return a text that a program has checked: as a reply, or as the result of a tool, it is not untrusted.

    Args:
        text: The text.

    Raises:
        TypeError: if it is not a text.

    >>> def reply_with_total(recipient, messages, sender, config):
    ...     return True, trusted(str(int(messages[-1]["content"])))
    """
    if not isinstance(text, str):
        raise TypeError(f"trusted takes a text, got {text!r:.100}.")
    kept = {label: sources for label, sources in get_message_labels(text).items() if label != UNTRUSTED}
    return TrustedText(text, {KEY: kept} if kept else None)


def make_labels(returns: str | Iterable[str] | None = None, needs: str | Iterable[str] | None = None) -> ToolLabels:
    """Make the labels of a tool.

    Raises:
        ValueError: if a word is not known.
    """
    result = ToolLabels(_read("returns", returns, ("trusted", "public", *RESULTS)), _read("needs", needs, tuple(NEEDS)))
    if result.needs or any(word in RESULTS for word in result.returns):
        usage.is_on = True
    return result


def _read(name: str, words: str | Iterable[str] | None, allowed: tuple[str, ...]) -> tuple[str, ...]:
    items = () if words is None else (words,) if isinstance(words, str) else tuple(words)
    for word in items:
        if word not in allowed:
            choices = ", ".join(map(repr, allowed))
            raise ValueError(f"{name} must be of {choices}, got {word!r}.{suggest(str(word), allowed)}")
    return items


def set_labels(function: Any, labels: ToolLabels) -> None:
    """Let a function that an agent executes have labels."""
    vars(function)["_labels"] = labels


def get_labels(function: Any) -> ToolLabels:
    """Return the labels of a function that an agent executes.

    A decorator that lets a model call the function says it, too, before or after it is registered for execution.
    """
    own = getattr(function, "_labels", None) or ToolLabels()
    returns = own.returns or getattr(getattr(function, "_origin", None), "_returns", ())
    return own._replace(returns=returns)


def get_message_labels(message: object) -> Labels:
    """Return the labels of a message; empty for one without."""
    labels = message.get(KEY) if isinstance(message, Mapping) else getattr(message, "fields", {}).get(KEY)
    return dict(labels) if isinstance(labels, Mapping) else {}


def is_known_text(value: object) -> bool:
    """Return True for a text that knows its labels, or that a program has checked."""
    return isinstance(value, AnswerText)


def find_spoilers(labels: ToolLabels, message: object) -> list[str]:
    """Return the sources in view that keep a tool from running."""
    found = get_message_labels(message)
    return [source for need in labels.needs for source in found.get(NEEDS[need], ())]


def gather_labels(items: Iterable[object]) -> Labels:
    """Return the union of the labels of messages, and of texts that know theirs."""
    labels: Labels = {}
    for item in items:
        _merge(labels, get_message_labels(item))
    return labels


def note_labels(labels: Labels) -> None:
    """Note that labelled text is in view of the reply that is made."""
    collected = _collected.get()
    if collected is not None:
        _merge(collected, labels)


def label_result(steps: Steps[tuple[bool, Message]], labels: ToolLabels, source: str) -> Steps[tuple[bool, Message]]:
    """Make a call whose result has the labels of the tool, and of all that happens meanwhile.

    Args:
        steps: Makes the call, and returns whether it succeeded, and its result.
        labels: The labels of the tool.
        source: Name of the result.
    """
    collected: Labels = {word: [source] for word in labels.returns if word in RESULTS}
    # A chat within the tool notes its labels here, so that they are stored with the result.
    with _collect(collected):
        success, result = yield from steps
    content = result.get("content")
    _merge(collected, get_message_labels(content))
    if isinstance(content, TrustedText):
        collected.pop(UNTRUSTED, None)
    return success, ({**result, KEY: collected} if collected else result)


def take_labels(result: Message) -> Message:
    """Note the labels of the result of a call, and return it without them."""
    if KEY not in result:
        return result
    note_labels(get_message_labels(result))
    return {key: value for key, value in result.items() if key != KEY}


def label_first_message(message: Any, origin: object, carryover: object) -> Any:
    """Return the first message of a chat with the labels of the text in it, and of the reply within which the chat begins.

    Args:
        message: The message.
        origin: The message that the program has passed.
        carryover: The carryover.
    """
    # Text that the carryover is appended to loses what it knows of itself.
    labels = gather_labels([origin, *(carryover if isinstance(carryover, (list, tuple)) else [carryover])])
    _merge(labels, _collected.get() or {})
    return add_labels(message, labels)


def label_reply(steps: Steps[Any], messages: Iterable[Message]) -> Steps[Any]:
    """Make a reply that has the labels of the messages, and of all that happens while it is made.

    Args:
        steps: Makes the reply.
        messages: The messages that the agent is asked with.
    """
    labels = _gather_known(messages) if isinstance(messages, list) else gather_labels(messages)
    with _collect(labels):
        reply = yield from steps
    if isinstance(reply, TrustedText):
        labels.pop(UNTRUSTED, None)
    # The reply may be made within another one: that of a chat within a chat, or a tool.
    outer = _collected.get()
    if outer is not None:
        _merge(outer, labels)
    return reply if reply is None else add_labels(reply, labels)


def _gather_known(messages: list[Message]) -> Labels:
    """Return the labels of a history that grows: each message is looked at once."""
    count, last, labels = _known.get(id(messages), (0, None, {}))
    # A new list may have the id of a list that is gone, and a history may be cleared.
    if count > len(messages) or (count and messages[count - 1] is not last):
        count, labels = 0, {}
    labels = {label: list(sources) for label, sources in labels.items()}
    for message in messages[count:]:
        if KEY in message:
            _merge(labels, get_message_labels(message))
    if messages:
        while len(_known) >= _MAX_KNOWN:
            _known.popitem(last=False)
        _known[id(messages)] = len(messages), messages[-1], {label: list(sources) for label, sources in labels.items()}
    return labels


def add_labels(message: Any, labels: Labels) -> Any:
    """Return a message with more labels."""
    if isinstance(message, TrustedText):
        labels = {label: sources for label, sources in labels.items() if label != UNTRUSTED}
    if not labels:
        return message
    merged = get_message_labels(message)
    merged = {label: list(sources) for label, sources in merged.items()}
    _merge(merged, labels)
    if isinstance(message, str):
        kind = TrustedText if isinstance(message, TrustedText) else AnswerText
        return kind(message, {**getattr(message, "fields", {}), KEY: merged})
    return {**message, KEY: merged} if isinstance(message, Mapping) else message


@contextmanager
def _collect(labels: Labels) -> Iterator[None]:
    token = _collected.set(labels)
    try:
        yield
    finally:
        reset_variable(_collected, token)


def _merge(labels: Labels, more: Mapping[str, Iterable[str]]) -> None:
    for label, sources in more.items():
        labels[label] = list(dict.fromkeys((*labels.get(label, ()), *sources)))
