"""Transforms of a history for a model: ours, and objects of programs that have the same methods."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeAlias, runtime_checkable

from ... import events
from ..._steps import Steps, invoke, run_async, run_sync
from ...formatting_utils import colored
from ...io.base import IOStream
from .._approvals.labels import add_labels, gather_labels, get_message_labels, usage
from .._core.display import is_silent
from ..agent import Message
from .view import View, describe, find_gaps


@runtime_checkable
class ModelContext(Protocol):
    """A model context. It may also have `a_view`, for async chats."""

    def view(self, messages: list[Message]) -> list[Message]:
        """Return the messages that the model sees of a history. Neither it nor its messages are changed."""


@runtime_checkable
class MessageTransform(Protocol):
    """A transform of messages. It may also have `a_apply_transform`, for async chats."""

    def apply_transform(self, messages: list[Message]) -> list[Message]:
        """Return the messages that the model sees. The argument and its messages stay as they are."""

    def get_logs(self, pre_transform_messages: list[Message], post_transform_messages: list[Message]) -> tuple[str, bool]:
        """Return a sentence about the effect, and whether there was one."""


ContextLike: TypeAlias = "ModelContext | MessageTransform"
"""A model context or a transform: each may be used where the other is expected."""


class Transform:
    """Base class of the package's transforms and model contexts, which are used alike.

    A subclass defines `run`, and may define `get_logs`.
    """

    def run(self, agent: Any, messages: list[Message]) -> Steps[View]:
        """Return what the model of an agent sees of a history; a step.

        Args:
            agent: Agent whose model sees it; None if a program asks.
            messages: The history. Neither it nor its messages are changed.
        """
        raise NotImplementedError

    def apply_transform(self, messages: list[Message]) -> list[Message]:
        """Return the messages that a model sees of a history, which stays as it is."""
        return run_sync(self.run(None, messages)).messages

    async def a_apply_transform(self, messages: list[Message]) -> list[Message]:
        """Async version of `apply_transform`."""
        return (await run_async(self.run(None, messages))).messages

    def view(self, messages: list[Message]) -> list[Message]:
        """Return the messages that a model sees of a history: `apply_transform` under the name of model contexts."""
        return self.apply_transform(messages)

    async def a_view(self, messages: list[Message]) -> list[Message]:
        """Async version of `view`."""
        return await self.a_apply_transform(messages)

    def get_logs(self, pre_transform_messages: list[Message], post_transform_messages: list[Message]) -> tuple[str, bool]:
        """Return a sentence about the effect, and whether there was one."""
        before, after = len(pre_transform_messages), len(post_transform_messages)
        if before == after:
            return "All messages are shown.", False
        return f"The model sees {after} of {before} messages.", True


def check_transform(transform: object, name: str) -> None:
    """Check that an object is a transform or a model context.

    Raises:
        TypeError: if it has none of the methods.
    """
    if isinstance(transform, type) or _find_method(transform) is None:
        raise TypeError(f"{name} must have a method apply_transform(messages) or view(messages), got {transform!r}.")


def _find_method(transform: object) -> tuple[Callable[..., Any], Callable[..., Any] | None] | None:
    """Return the sync and the async form of the method that transforms a history; None if there is none."""
    # In a subclass of ours, the method that the program has overridden.
    names = ("view", "apply_transform") if _overrides(transform, "view") else ("apply_transform", "view")
    for name in names:
        method, async_method = getattr(transform, name, None), getattr(transform, f"a_{name}", None)
        if callable(method):
            return method, None if async_method is not None and _is_stale(transform, name) else async_method
    return None


def _is_stale(transform: object, name: str) -> bool:
    """Return True if the async form of a method is ours, but the sync form is the program's."""
    return _overrides(transform, name) and not _overrides(transform, f"a_{name}")


def _is_own(transform: object) -> bool:
    """Return True for our transforms, unless the program has overridden the methods for programs."""
    is_overridden = _overrides(transform, "apply_transform") or _overrides(transform, "view")
    return isinstance(transform, Transform) and not is_overridden


def _overrides(transform: object, name: str) -> bool:
    """Return True if an object derives from our base class, and has a method of its own in place of ours."""
    if not isinstance(transform, Transform):
        return False
    return name in vars(transform) or getattr(type(transform), name) is not getattr(Transform, name)


def apply(transform: Any, agent: Any, messages: list[Message], verbose: bool) -> Steps[list[Message]]:
    """Apply a transform of any kind; print its effect if `verbose`, and emit the event. The history stays as it is."""
    view: View
    if _is_own(transform):
        view = yield from transform.run(agent, messages)
    else:
        view = yield from _apply_foreign(transform, messages)
    if view.left_out or view.changed or len(view.messages) != len(messages):
        _report(transform, agent, messages, view, verbose)
    return view.messages


def _apply_foreign(transform: Any, messages: list[Message]) -> Steps[View]:
    method = _find_method(transform)
    assert method is not None
    # Transforms of programs may change what they get, as 0.2 allowed, so they get copies.
    copies = [_copy(message) for message in messages]
    result = yield from invoke(*method, list(copies))
    if not isinstance(result, list):
        raise TypeError(f"{type(transform).__name__} must return a list of messages, got {type(result).__name__}.")
    view = _describe_foreign(result, messages, copies)
    return replace(view, messages=_keep_labels(result, messages, copies)) if usage.is_on else view


def _keep_labels(result: list[Message], messages: list[Message], copies: list[Message]) -> list[Message]:
    """Return the messages that a transform shows with their labels; a new message stands for those that it does not show."""
    positions = {id(message): position for position, message in enumerate(copies)}
    shown = {positions[id(message)] for message in result if id(message) in positions}
    # Nobody knows which of them a new message was made of.
    hidden = gather_labels(message for position, message in enumerate(messages) if position not in shown)
    return [
        add_labels(message, get_message_labels(messages[positions[id(message)]]) if id(message) in positions else hidden)
        for message in result
    ]


def _describe_foreign(result: list[Message], messages: list[Message], copies: list[Message]) -> View:
    if len(result) == len(messages):
        return View(result, [], [index for index, message in enumerate(messages) if result[index] != message])
    positions = {id(message): position for position, message in enumerate(copies)}
    shown = {positions[id(message)] for message in result if id(message) in positions}
    # A new message of the program is not known to be another form of one of the history.
    return View(
        result,
        find_gaps(sorted(shown), len(messages)),
        [index for index in sorted(shown) if copies[index] != messages[index]],
    )


def _copy(message: Message) -> Message:
    content = message.get("content")
    if isinstance(content, list):
        return {**message, "content": [dict(part) if isinstance(part, dict) else part for part in content]}
    return dict(message)


def _report(transform: Any, agent: Any, before: list[Message], view: View, verbose: bool) -> None:
    is_printed = verbose and not is_silent(agent)
    if not is_printed and not events.is_wanted(events.ContextTransformed):
        return
    get_logs = getattr(transform, "get_logs", None) or functools.partial(Transform.get_logs, transform)
    text, had_effect = get_logs(before, view.messages)
    if not had_effect:
        return
    details = describe(view)
    if is_printed:
        shown = f"{text.removesuffix('.')}. {details}" if details else text
        IOStream.get_default().print(colored(shown, "yellow"), flush=True)
    report(agent, type(transform).__name__, len(before), view, text)


def report(agent: Any, name: str, count: int, view: View, text: str) -> None:
    """Emit the event about a history that the model sees in another form.

    Args:
        agent: Agent whose model sees it; None if a program asks.
        name: Name of the transform.
        count: Number of messages of the history.
        view: The view.
        text: Its effect, in words.
    """
    if events.has_listeners:
        events.emit(
            events.ContextTransformed(
                agent=getattr(agent, "name", ""),
                transform=name,
                messages_before=count,
                messages_after=len(view.messages),
                left_out=[list(run) for run in view.left_out],
                changed=view.changed,
                effect=text,
            )
        )


def apply_all(transforms: Sequence[Any], agent: Any, messages: list[Message], verbose: bool) -> Steps[list[Message]]:
    """Apply transforms in their order to a history but for a leading system message."""
    system = messages[:1] if messages and messages[0].get("role") == "system" else []
    shown = messages[1:] if system else messages
    for transform in transforms:
        if not shown:
            break
        shown = yield from apply(transform, agent, shown, verbose)
    return [*system, *shown] if system else shown
