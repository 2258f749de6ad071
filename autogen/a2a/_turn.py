"""A turn of a remote agent: unread messages are sent, its task is followed to the end, its questions go to the human."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any, ClassVar

from .. import events
from .._mistakes import trim_stop
from .._secrets import redact
from .._steps import Steps, invoke
from .._untrusted import clean_text
from ..agentchat.agent import Message
from ..events import Event
from ..operations import Journal, Operation, fingerprint, perform, resolve_unfinished
from ._parts import JsonPart, PartReader, build_parts, check_base64
from ._session import ConnectionLost, Session
from ._task_view import TaskView
from .errors import A2aClientError, A2aTaskError

Content = str | list[dict[str, Any]]

MAX_POLLING_INTERVAL = 10.0  # seconds
WAITING = "input_required"


@dataclass(kw_only=True)
class A2aTaskUpdated(Event):
    """A remote agent says how far it is.

    Attributes:
        agent: Name of the agent that stands for it.
        task: Id of the task.
        state: State of the task, such as `working`.
        text: Text of the state; empty if there is none.
    """

    type: ClassVar[str] = "a2a_task_updated"
    agent: str
    task: str
    state: str
    text: str = ""


@dataclass
class Conversation:
    """A conversation with a remote agent, for one partner.

    Attributes:
        context_id: Id of the conversation at the remote agent.
        task_id: Id of the task that waits for an answer; empty if there is none.
        seen: Fingerprints of the messages that the remote agent has.
    """

    context_id: str = ""
    task_id: str = ""
    seen: list[str] = field(default_factory=list)

    def take_unread(self, messages: Sequence[Message], own_name: str) -> list[JsonPart]:
        """Return the parts of the messages that the remote agent does not have yet.

        If the history is another one than before, a new conversation begins with all of it.
        """
        prints = [fingerprint([message.get(key) for key in ("role", "name", "content")]) for message in messages]
        count = len(self.seen)
        # Without the own reply it is another chat that begins with the same messages.
        has_reply = count < len(messages) and messages[count].get("role") == "assistant"
        is_continued = count > 0 and has_reply and prints[:count] == self.seen
        if not is_continued:
            self.context_id = self.task_id = ""
            self.seen = []
        unread = [m for m in messages[len(self.seen) :] if not (is_continued and m.get("role") == "assistant")]
        self.seen = prints
        if len(unread) == 1:
            return build_parts(unread[0])
        names = [message.get("name") or (own_name if message.get("role") == "assistant" else "user") for message in unread]
        return [part for message, name in zip(unread, names, strict=True) for part in build_parts(message, name)]


@dataclass
class Outcome:
    """The state of a task after a request.

    Attributes:
        state: State, such as `completed`.
        task_id: Id of the task; empty if there is none.
        context_id: Id of the conversation.
        content: Content of the answer.
    """

    state: str
    task_id: str = ""
    context_id: str = ""
    content: Content = ""

    @property
    def is_open(self) -> bool:
        """True if the remote agent is still at work."""
        return self.state in ("submitted", "working", "unspecified")


class RemoteTurn:
    """A turn of a remote agent.

    Args:
        agent: Agent that stands for it.
        session: Connection.
        reader: Reads the parts of answers.
    """

    def __init__(self, agent: Any, session: Session, reader: PartReader) -> None:
        self._agent = agent
        self._session = session
        self._reader = reader
        self._view: TaskView | None = None

    def exchange(
        self, parts: list[JsonPart], context_id: str, task_id: str = "", extra: Sequence[Any] = ()
    ) -> Steps[Outcome]:
        """Send a message and return the outcome of its task.

        Raises:
            A2aTaskError: if the task ends without a result.
            A2aClientError: if the remote agent can't be reached, or breaks the protocol.
        """
        check_base64(parts)
        while True:
            self._view = None
            outcome = yield from self._perform(
                lambda: fingerprint([self._agent.name, "send", parts, task_id]),
                partial(self._send, parts, context_id, task_id, extra),
                self._resolve_unfinished,
            )
            assert outcome is not None
            if not outcome.is_open:
                return outcome
            followed = yield from self._perform(
                partial(fingerprint, [self._agent.name, outcome.task_id]), partial(self._follow, outcome), None
            )
            # A task that was cancelled when an earlier process ended: the message is sent again.
            if followed is not None:
                return followed

    def _perform(
        self,
        key: Callable[[], str],
        run: Callable[[], Steps[Outcome | None]],
        on_unfinished: Callable[[Journal], Steps[Outcome | None]] | None,
    ) -> Steps[Outcome | None]:
        operation: Operation[Outcome | None] = Operation(
            kind="remote",
            key=key,
            run=run,
            encode=lambda outcome: None if outcome is None else asdict(outcome),
            decode=lambda stored: None if stored is None else Outcome(**stored),
            on_unfinished=on_unfinished,
        )
        return (yield from perform(operation))

    def _resolve_unfinished(self, journal: Journal) -> Steps[Outcome | None]:
        text = yield from resolve_unfinished(journal, "A remote agent was asked.", self._ask)
        return None if text is None else Outcome("completed", content=text)

    def _ask(self, prompt: str) -> Steps[str]:
        return invoke(self._agent.get_human_input, self._agent.a_get_human_input, prompt)

    def ask_human(self, outcome: Outcome, peer: str) -> Steps[str]:
        """Pass a question of the remote agent on to the human."""
        text = (
            outcome.content
            if isinstance(outcome.content, str)
            else "\n".join(item.get("text", "[an image]") for item in outcome.content)
        )
        prompt = f"{self._agent.name} asks: {text}\nAnswer (Enter: leave it to {peer}; 'exit': end the chat): "
        return self._ask(prompt)

    def _send(self, parts: list[JsonPart], context_id: str, task_id: str, extra: Sequence[Any]) -> Steps[Outcome | None]:
        self._view = view = TaskView(self._session.options.max_bytes, task_id, context_id)
        try:
            self._apply(view, (yield from self._session.call(self._session.send, parts, context_id, task_id, extra)))
            return (yield from self._conclude(view))
        except BaseException:
            if not view.task_id and self._session.first_event is not None:
                view.apply(self._session.first_event)
            yield from self._cancel_task(view)
            raise

    def _follow(self, outcome: Outcome) -> Steps[Outcome | None]:
        """Follow a task until nothing more happens by itself; return None if it was cancelled while nobody looked."""
        session = self._session
        # The message was sent by an earlier process.
        is_reattached = self._view is None
        view = self._view or TaskView(session.options.max_bytes, outcome.task_id, outcome.context_id)
        pause = session.options.polling_interval
        losses = 0
        try:
            while True:
                try:
                    if (event := (yield from session.call(session.next_event))) is not None:
                        self._apply(view, event)
                    else:
                        view.replace((yield from session.call(session.get_task, view.task_id)))
                    if is_reattached and view.state == "canceled":
                        return None
                    if view.is_settled:
                        break
                    if event is not None:
                        continue
                    if session.can_stream and losses <= session.options.max_reconnects:
                        losses += 1
                        yield from session.call(session.subscribe, view.task_id)
                        continue
                except ConnectionLost as error:
                    losses += 1
                    if losses > session.options.max_reconnects:
                        raise A2aClientError(f"{trim_stop(error)}; the connection was lost {losses} times.") from error
                yield from session.call(session.sleep, pause)
                pause = min(pause * 1.5, MAX_POLLING_INTERVAL)
            return (yield from self._conclude(view))
        except BaseException:
            yield from self._cancel_task(view)
            raise

    def _apply(self, view: TaskView, event: Any) -> None:
        text = clean_text(view.apply(event))
        if not events.has_listeners:
            return
        if event.HasField("artifact_update"):
            if text:
                events.emit(events.TokenReceived(agent=self._agent.name, delta=text))
        elif event.HasField("status_update"):
            events.emit(A2aTaskUpdated(agent=self._agent.name, task=view.task_id, state=view.state, text=text))

    def _conclude(self, view: TaskView) -> Steps[Outcome]:
        """Return the outcome so far.

        Raises:
            A2aTaskError: if the task has ended without a result.
        """
        if not view.is_settled:
            return Outcome(view.state, view.task_id, view.context_id)
        content = yield from self._reader.read(view.get_parts())
        if view.state not in ("completed", WAITING):
            details = f": {trim_stop(str(redact(content)))}" if isinstance(content, str) and content.strip() else ""
            state = view.state.replace("_", " ")
            hint = " Pass its credentials as auth=." if view.state == "auth_required" else ""
            raise A2aTaskError(f"The task of the remote agent {self._agent.name!r} is {state}{details}.{hint}", view.state)
        return Outcome(view.state, view.task_id if view.state == WAITING else "", view.context_id, content)

    def _cancel_task(self, view: TaskView) -> Steps[None]:
        if view.task_id and (not view.is_settled or view.state == "auth_required"):
            yield from self.cancel(view.task_id)

    def cancel(self, task_id: str) -> Steps[None]:
        """Cancel a task of the remote agent."""
        yield from invoke(self._session.cancel, self._session.a_cancel, task_id)
