"""The kinds of events: plain dataclasses, treated as immutable."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeAlias, Union

from ._budget_kinds import SteppedDown
from ._capability_kinds import MemoriesRecalled, PlanChanged, SkillUsed
from ._context_kinds import ContextTransformed
from ._document_kinds import DocumentsIndexed, DocumentsRetrieved
from ._event import Event
from ._group_kinds import GroupResumed, HandedOver, SpeakerAttempted, SpeakerRequested, SpeakerSelected
from ._model_kinds import ModelAnswered, ModelAsked, ModelFailed, ReasoningTree, TokenReceived


@dataclass(kw_only=True)
class ChatPrepared(Event):
    """Chat of a queue that is about to start.

    Attributes:
        initiator: Agent that starts the chat.
        recipient: The other agent.
        message: First message; the name of a function that makes it.
        carryover: Items that the chat takes over from earlier chats.
        options: Further arguments of the chat: `verbose`, `summary_method`, `summary_args`, `max_turns`, as far as given.
    """

    type: ClassVar[str] = "chat_prepared"
    initiator: str
    recipient: str
    message: Any
    carryover: list[Any]
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(kw_only=True)
class ChatStarted(Event):
    """Start of a chat.

    Attributes:
        initiator: Agent that started the chat.
        recipient: The other agent.
        parent: Id of the chat around it; empty if there is none.
        silent: True if it was started with `silent=True`.
    """

    type: ClassVar[str] = "chat_started"
    starts: ClassVar[str] = "chat"
    initiator: str
    recipient: str
    parent: str = ""
    silent: bool = False
    _agents: tuple[Any, ...] = field(default=(), repr=False, compare=False)

    @property
    def agents(self) -> tuple[Any, ...]:
        """The initiator and the recipient, for listeners in this process; empty in a recording."""
        return self._agents


@dataclass(kw_only=True)
class ChatEnded(Event):
    """End of a chat.

    Attributes:
        initiator: Agent that started the chat.
        recipient: The other agent.
        stop_reason: Value of the `StopReason`.
        summary: Summary of the chat.
        messages: Number of messages.
        cost: Cost in USD, without cached responses.
        seconds: Duration.
        error: The exception as text; None if there was none.
    """

    type: ClassVar[str] = "chat_ended"
    ends: ClassVar[str] = "chat"
    initiator: str
    recipient: str
    stop_reason: str | None = None
    summary: Any = None
    messages: int = 0
    cost: float = 0.0
    seconds: float = 0.0
    error: str | None = None


@dataclass(kw_only=True)
class ChatWaiting(Event):
    """End of a run of a chat that waits for an answer; the chat is resumed later.

    Attributes:
        initiator: Agent that started the chat.
        recipient: The other agent.
        reasons: Texts that say what it waits for.
        operations: Ids of the operations that wait.
        seconds: Duration of this run.
    """

    type: ClassVar[str] = "chat_waiting"
    ends: ClassVar[str] = "chat"
    initiator: str
    recipient: str
    reasons: list[str] = field(default_factory=list)
    operations: list[str] = field(default_factory=list)
    seconds: float = 0.0


@dataclass(kw_only=True)
class MessageSent(Event):
    """A message from an agent to another one.

    Attributes:
        sender: Name of the sender.
        recipient: Name of the recipient.
        message: Text, or a dict in the OpenAI form.
    """

    type: ClassVar[str] = "message_sent"
    sender: str
    recipient: str
    message: Any


@dataclass(kw_only=True)
class ReplyStarted(Event):
    """Call of a reply function.

    Attributes:
        agent: Name of the agent.
        function: Name of the reply function.
    """

    type: ClassVar[str] = "reply_started"
    starts: ClassVar[str] = "reply"
    agent: str
    function: str


@dataclass(kw_only=True)
class ReplyEnded(Event):
    """Return of a reply function.

    Attributes:
        agent: Name of the agent.
        function: Name of the reply function.
        final: True if its reply is used and no other function is called.
        seconds: Duration.
    """

    type: ClassVar[str] = "reply_ended"
    ends: ClassVar[str] = "reply"
    agent: str
    function: str
    final: bool
    seconds: float


@dataclass(kw_only=True)
class ToolCalled(Event):
    """Call of a function that a model suggested.

    Attributes:
        agent: Name of the agent that executes it.
        name: Name of the function.
        arguments: Arguments as the model wrote them.
        call_id: Id of the call; None if it has none.
    """

    type: ClassVar[str] = "tool_called"
    starts: ClassVar[str] = "tool"
    agent: str
    name: str
    arguments: Any
    call_id: str | None = None
    # The object, for listeners in this process; not in JSON.
    _agent: Any = field(default=None, repr=False, compare=False)


@dataclass(kw_only=True)
class ToolReturned(Event):
    """Return, or failure, of a function that a model called.

    Attributes:
        agent: Name of the agent that executed it.
        name: Name of the function.
        success: False if it failed.
        content: Result as the model sees it.
        seconds: Duration.
    """

    type: ClassVar[str] = "tool_returned"
    ends: ClassVar[str] = "tool"
    agent: str
    name: str
    success: bool
    content: str
    seconds: float


@dataclass(kw_only=True)
class CodeStarted(Event):
    """Start of a code run.

    Attributes:
        agent: Name of the agent.
        blocks: List of `[language, code]`.
    """

    type: ClassVar[str] = "code_started"
    starts: ClassVar[str] = "code"
    agent: str
    blocks: list[list[str]]
    # The object, for listeners in this process; not in JSON.
    _agent: Any = field(default=None, repr=False, compare=False)


@dataclass(kw_only=True)
class CodeEnded(Event):
    """End of a code run.

    Attributes:
        agent: Name of the agent.
        exit_code: Exit code; 0 for success.
        output: Output of the code.
        seconds: Duration.
    """

    type: ClassVar[str] = "code_ended"
    ends: ClassVar[str] = "code"
    agent: str
    exit_code: int
    output: str
    seconds: float


@dataclass(kw_only=True)
class AutoReplied(Event):
    """Decision of an agent that may ask a human to reply without one.

    Attributes:
        agent: Name of the agent.
        peer: Name of the agent that gets the reply; empty if a program asked for it.
        mode: Its `human_input_mode`.
    """

    type: ClassVar[str] = "auto_reply"
    agent: str
    peer: str
    mode: str


@dataclass(kw_only=True)
class GuardrailChecked(Event):
    """Result of one check of a guardrail.

    Attributes:
        agent: Name of the agent.
        name: Name of the guardrail.
        on: Stage: `input`, `output`, `tool`, `tool_result`, `code`, `final`, or `safeguard` for a policy.
        tripped: True if it objects.
        why: Its reason; empty if it does not object. The checked text is not part of the event.
        seconds: Duration.
    """

    type: ClassVar[str] = "guardrail_checked"
    agent: str
    name: str
    on: str
    tripped: bool
    why: str
    seconds: float


@dataclass(kw_only=True)
class ReplyRetracted(Event):
    """Reply that was shown while it arrived, and then replaced by a guardrail.

    Attributes:
        agent: Name of the agent.
    """

    type: ClassVar[str] = "reply_retracted"
    agent: str


@dataclass(kw_only=True)
class NoHumanInput(Event):
    """Question that a human has answered with Enter.

    Attributes:
        agent: Name of the agent that asked.
        peer: Name of the agent whose message is answered; empty if a program asked for the reply.
    """

    type: ClassVar[str] = "no_human_input"
    agent: str
    peer: str


@dataclass(kw_only=True)
class HistoryCleared(Event):
    """Histories that are cleared but for some messages, or by the command of a human in a group chat.

    Attributes:
        agent: Name of the agent; None for all members of the group.
        peer: Name of the peer whose history is cleared; None for all.
        kept: Number of messages to keep.
        extra: Number of messages that are kept beyond that, because a tool response stays with its call.
        by: `command` or `program`.
    """

    type: ClassVar[str] = "history_cleared"
    agent: str | None
    peer: str | None
    kept: int
    extra: int = 0
    by: str


@dataclass(kw_only=True)
class UsagePrinted(Event):
    """Usage that a program has printed. For an agent, an event with its name comes before that of its client.

    Attributes:
        agent: Name of the agent; empty for a client.
        mode: For a client `actual`, `total` or `both`; for an agent `heading`, or `none` if it has no model.
        actual: Cost and tokens by model, without responses from a cache; None if there are none.
        total: Cost and tokens by model, with responses from a cache; None if there are none.
    """

    type: ClassVar[str] = "usage_printed"
    agent: str
    mode: str
    actual: dict[str, Any] | None = None
    total: dict[str, Any] | None = None


@dataclass(kw_only=True)
class ApprovalAsked(Event):
    """Tool call that needs an approval.

    Attributes:
        agent: Name of the agent that is to execute it.
        name: Name of the tool.
        arguments: Its arguments.
    """

    type: ClassVar[str] = "approval_asked"
    starts: ClassVar[str] = "approval"
    agent: str
    name: str
    arguments: dict[str, Any]


@dataclass(kw_only=True)
class ApprovalGiven(Event):
    """Decision about a tool call.

    Attributes:
        agent: Name of the agent.
        name: Name of the tool.
        verdict: `approve`, `reject`, `edit` (approved with other arguments) or `stop` (the chat ends).
        words: Words of the person or the rule that refused it; empty for none.
        by: `human`, `rule`, `reviewer` (a model), or `expiry` if nobody answered in time.
        why: Reason why a human was asked; empty if there is none.
        remembered: True if the decision may count for later calls, too.
        seconds: Duration.
    """

    type: ClassVar[str] = "approval_given"
    ends: ClassVar[str] = "approval"
    agent: str
    name: str
    verdict: str
    words: str
    by: str
    why: str = ""
    remembered: bool
    seconds: float


@dataclass(kw_only=True)
class SafeguardActed(Event):
    """Step of a safeguard policy.

    Attributes:
        event_type: `load`, `violation` or `action`.
        message: Sentence about it.
        source: Agent, tool, `llm` or `user` that the text comes from.
        destination: Its receiver.
        section: Name of the list of rules.
        action: `block`, `mask` or `warning`.
        preview: Beginning of the text, without secrets.
    """

    type: ClassVar[str] = "safeguard"
    event_type: str
    message: str
    source: str
    destination: str
    section: str
    action: str
    preview: str


@dataclass(kw_only=True)
class ProgramEvent(Event):
    """Event that a program sent through its stream: an AG2 event, or a line that it printed in a run.

    Attributes:
        content: The event; for a line, a dict of its `objects`, `sep` and `end`.
    """

    type: ClassVar[str] = "program_event"
    content: Any


@dataclass(kw_only=True)
class HumanAsked(Event):
    """Question to a human. A listener may `respond`; then nobody else is asked.

    Attributes:
        agent: Name of the agent; empty for a question of a tool.
        prompt: The question.
        is_hidden: True if the answer is a secret, such as a password.
    """

    type: ClassVar[str] = "human_asked"
    starts: ClassVar[str] = "human"
    agent: str
    prompt: str
    is_hidden: bool = False
    # The object, for listeners in this process; not in JSON.
    _agent: Any = field(default=None, repr=False, compare=False)
    _answers: list[str] = field(default_factory=list, repr=False, compare=False)

    def respond(self, text: str) -> None:
        """Answer in place of the human."""
        self._answers.append(text)

    @property
    def answer(self) -> str | None:
        """The first answer of a listener; None if there is none."""
        return self._answers[0] if self._answers else None


@dataclass(kw_only=True)
class HumanAnswered(Event):
    """Answer of a human, or the default after a timeout.

    Attributes:
        agent: Name of the agent; empty for a question of a tool.
        text: The answer; empty if it is a secret.
    """

    type: ClassVar[str] = "human_answered"
    ends: ClassVar[str] = "human"
    agent: str
    text: str


AnyEvent: TypeAlias = Union[
    ChatPrepared,
    ChatStarted,
    ChatEnded,
    ChatWaiting,
    MessageSent,
    ReplyRetracted,
    ReplyStarted,
    ReplyEnded,
    ModelAsked,
    TokenReceived,
    ModelAnswered,
    ModelFailed,
    SteppedDown,
    ToolCalled,
    ToolReturned,
    CodeStarted,
    CodeEnded,
    GroupResumed,
    SpeakerRequested,
    SpeakerAttempted,
    SpeakerSelected,
    HandedOver,
    AutoReplied,
    GuardrailChecked,
    ContextTransformed,
    MemoriesRecalled,
    ReasoningTree,
    SkillUsed,
    PlanChanged,
    NoHumanInput,
    HistoryCleared,
    UsagePrinted,
    SafeguardActed,
    ApprovalAsked,
    ApprovalGiven,
    DocumentsIndexed,
    DocumentsRetrieved,
    ProgramEvent,
    HumanAsked,
    HumanAnswered,
]
"""All kinds of the core, so that a type checker can tell whether a `match` covers them. Extensions subclass `Event`."""
