"""A tracer for each provider, of the operations that the functions for AG2's programs select."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from contextlib import ExitStack
from typing import TYPE_CHECKING
from weakref import WeakSet

from .. import events
from .._secrets import redact
from ..agentchat.groupchat import GroupChatManager
from ..events._observations import CHAT, CODE, HUMAN, MODEL, TOOL, TURN, Conversation, RecordedOperation
from ..tracing import TRACED_KINDS, Tracer

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider
    from opentelemetry.util.types import AttributeValue

SPAN_TYPE = "ag2.span.type"
SPAN_TYPES = {
    CHAT: "conversation",
    TURN: "agent",
    MODEL: "llm",
    TOOL: "tool",
    CODE: "code_execution",
    HUMAN: "human_input",
}
# The temporary agents that select the next speaker of a group in a dialogue.
_SELECTION_DIALOGUE = ("checking_agent", "speaker_selection_agent")


class SelectiveTracer(Tracer):
    """A tracer of the operations of some agents and groups, and of requests to models.

    Attributes:
        provider: Provider of the spans.
        agents: Agents to trace, also those of groups.
        members: Agents whose groups are traced.
        traces_models: True to trace all requests to models.
        captures_messages: True to record their messages.
    """

    def __init__(self, provider: TracerProvider) -> None:
        super().__init__(provider)
        self.provider = provider
        self.agents: WeakSet[object] = WeakSet()
        self.members: WeakSet[object] = WeakSet()
        self.traces_models = False
        self.captures_messages = False
        self._subscription = ExitStack()

    def add_members(self, agents: Iterable[object]) -> None:
        """Trace some agents, and the groups that they belong to."""
        for agent in agents:
            self.agents.add(agent)
            self.members.add(agent)

    def start(self) -> None:
        """Listen to the events of the process."""
        self._subscription.enter_context(self.open())
        self._subscription.enter_context(events.subscribe(self.listen, everywhere=True, types=TRACED_KINDS))

    def stop(self) -> None:
        """Stop listening, and end the spans that are open."""
        self._subscription.close()

    def has_content(self, kind: str) -> bool:
        """Return True if the messages of requests to models are recorded, and this is such a request."""
        return kind == MODEL and self.captures_messages

    def is_traced(self, operation: RecordedOperation, event: events.Event) -> bool:
        """Return True if an operation belongs to one of the agents or groups, or is a traced request to a model."""
        if operation.kind == MODEL:
            return self.traces_models
        if isinstance(event, events.ChatStarted):
            return self._is_traced_chat(operation, event)
        agent = getattr(event, "_speaker", None) or getattr(event, "_agent", None)
        if agent is not None and agent in self.agents:
            return True
        # The other side of an agent that works alone executes its calls.
        chat = operation.enclosing
        while chat is not None and not isinstance(chat, Conversation):
            chat = chat.enclosing
        return operation.kind != TURN and chat is not None and self.has_span(chat) and not _is_group_chat(chat)

    def _is_traced_chat(self, operation: RecordedOperation, event: events.ChatStarted) -> bool:
        if any(agent in self.agents for agent in event.agents):
            return True
        if _is_selection(event):
            return operation.enclosing is not None and self.has_span(operation.enclosing)
        groups = [agent.groupchat for agent in event.agents if isinstance(agent, GroupChatManager)]
        return any(member in self.members for group in groups for member in group.agents)

    def get_extra_attributes(self, operation: RecordedOperation, event: events.Event) -> dict[str, AttributeValue]:
        """Return the attributes that AG2 gives to such a span, as far as they are known."""
        attributes: dict[str, AttributeValue] = {SPAN_TYPE: SPAN_TYPES.get(operation.kind, operation.kind)}
        if isinstance(event, events.ChatStarted) and _is_selection(event):
            attributes[SPAN_TYPE] = "speaker_selection"
        elif isinstance(event, events.ChatEnded):
            # The type is that of the start.
            return {"gen_ai.conversation.turns": event.messages, "gen_ai.usage.cost": event.cost}
        elif isinstance(event, events.ChatWaiting):
            return {}
        elif isinstance(event, events.SpeakerSelected) and operation.ended is not event:
            attributes["ag2.speaker_selection.selected"] = event.speaker
        elif isinstance(event, events.ModelAnswered):
            attributes["gen_ai.usage.cost"] = float(event.cost)
        elif isinstance(event, events.HumanAsked):
            attributes["ag2.human_input.prompt"] = str(redact(event.prompt))
        elif isinstance(event, events.CodeEnded):
            attributes["ag2.code_execution.exit_code"] = event.exit_code
        return attributes


_lock = threading.Lock()
_tracers: list[SelectiveTracer] = []


def get_tracer(provider: TracerProvider) -> SelectiveTracer:
    """Return the tracer of a provider, which listens to the events of the process.

    Raises:
        TypeError: if it is not a tracer provider.
        ImportError: if `opentelemetry` is not installed.
    """
    if not callable(getattr(provider, "get_tracer", None)):
        raise TypeError(f"tracer_provider must be a TracerProvider of OpenTelemetry, got {provider!r}.")
    with _lock:
        tracer = next((tracer for tracer in _tracers if tracer.provider is provider), None)
        if tracer is None:
            tracer = SelectiveTracer(provider)
            tracer.start()
            _tracers.append(tracer)
        return tracer


def uninstrument(*, tracer_provider: TracerProvider | None = None) -> None:
    """Undo the functions of this package: no more spans are made.

    Args:
        tracer_provider: Provider given to them; None for all.
    """
    with _lock:
        for tracer in [tracer for tracer in _tracers if tracer_provider in (None, tracer.provider)]:
            _tracers.remove(tracer)
            tracer.stop()


def _is_selection(event: events.ChatStarted) -> bool:
    return (event.initiator, event.recipient) == _SELECTION_DIALOGUE


def _is_group_chat(chat: Conversation) -> bool:
    return isinstance(chat.started, events.ChatStarted) and any(
        isinstance(agent, GroupChatManager) for agent in chat.started.agents
    )
