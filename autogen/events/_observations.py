"""Chats and operations as their events describe them: the nodes of the tree that an `Observer` maintains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from ._event import Event
from ._kinds import ChatEnded, ReplyEnded
from ._model_kinds import ModelAnswered

CHAT, TURN, REPLY, MODEL, TOOL, CODE, HUMAN = "chat", "turn", "reply", "model", "tool", "code", "human"

# These are attributes of the operation itself.
_COMMON = {"type", "agent", "seconds", *(item.name for item in fields(Event))}


@dataclass(eq=False, slots=True)
class RecordedOperation:
    """An operation, as its events describe it. Each attempt of a model request is an operation of its own.

    Attributes:
        kind: `chat`, `turn` (of a member of a group chat, from its selection to its message), `reply` (a reply function),
            `model`, `tool`, `code`, `human`, or the kind of an extension.
        agent: Name of the agent.
        name: Name of the tool or the reply function; empty for other kinds.
        attempt: Number of the model request within its operation, from 1; 0 for other kinds.
        id: Id of the operation; attempts of one model request share it. Empty in recordings of earlier versions.
        parent: Id of the operation around it.
        chat: Id of the chat in which it happened.
        at: Time of the start, in seconds since 1970.
        seconds: Duration; None while it is open, and if it has no end.
        failed: True if it has failed.
        is_open: True until it ends, or is cut off by the end of an operation around it.
        started: Event that started it; None if it was not observed.
        ended: Event that ended it; None if there is none.
        enclosing: Operation around it.
        inner: Open operations inside it, in the order of their start.
    """

    kind: str
    agent: str = ""
    name: str = ""
    attempt: int = 0
    id: str = ""
    parent: str = ""
    chat: str = ""
    at: float = 0.0
    seconds: float | None = None
    failed: bool = False
    is_open: bool = True
    started: Event | None = field(default=None, repr=False)
    ended: Event | None = field(default=None, repr=False)
    enclosing: RecordedOperation | None = field(default=None, repr=False)
    # A dict serves as an ordered set: a server may hold many chats at once.
    inner: dict[RecordedOperation, None] = field(default_factory=dict, repr=False)

    @property
    def about(self) -> dict[str, object]:
        """Data of its events, as far as they are known; keys and values are those of `Event.to_dict`."""
        events = [event for event in (self.started, self.ended) if event is not None]
        return {key: value for event in events for key, value in event.to_dict().items() if key not in _COMMON}


@dataclass(slots=True)
class Turn:
    """A message of a chat, and the operations that led to it.

    Attributes:
        number: `3` for the third message of the chat, `3.1` for the first message of a chat inside of that turn.
        author: Name of the sender.
        recipient: Name of the recipient.
        message: The message in the OpenAI form.
        at: Time of the message, in seconds since 1970; while the turn is open, the time of the message before it.
        seconds: Time since the message before it, without breaks in which no process was running.
        speaker: Member of a group that was selected to speak.
        why: Reason of the selection; empty if another agent spoke.
        operations: Operations since the message before it, in the order of their start.
        chats: Chats since the message before it.
    """

    number: str = ""
    author: str = ""
    recipient: str = ""
    message: dict[str, object] = field(default_factory=dict)
    at: float = 0.0
    seconds: float = 0.0
    speaker: str = ""
    why: str = ""
    operations: list[RecordedOperation] = field(default_factory=list)
    chats: list[Conversation] = field(default_factory=list)

    @property
    def work(self) -> list[RecordedOperation]:
        """The operations that leave the framework: without reply functions, which only contain others."""
        return [operation for operation in self.operations if operation.kind not in (REPLY, TURN)]

    @property
    def function(self) -> str:
        """Name of the reply function that gave the message; empty if the message started the chat."""
        # The last final reply counts: an earlier reply belongs to an agent that the author asked.
        for operation in reversed(self.operations):
            if operation.agent == self.author and isinstance(operation.ended, ReplyEnded) and operation.ended.final:
                return operation.name
        return ""

    @property
    def text(self) -> str:
        """Text of the message; empty if it only calls tools."""
        return get_text(self.message.get("content"))

    @property
    def thinking(self) -> str:
        """Thinking of the model before it wrote the text; empty if it is unknown."""
        return get_thinking(self.message)

    @property
    def calls(self) -> list[tuple[str, str]]:
        """Tools that the message calls, as pairs of name and arguments."""
        return get_calls(self.message)

    @property
    def results(self) -> list[str]:
        """Results of tools that the message reports."""
        # Agents bundle the results of several calls in one message.
        responses = self.message.get("tool_responses")
        if isinstance(responses, list):
            return [get_text(response.get("content")) for response in responses if isinstance(response, dict)]
        return [self.text] if self.message.get("role") in ("tool", "function") else []


@dataclass(eq=False, slots=True)
class Conversation(RecordedOperation):
    """A chat, as its events describe it.

    Attributes:
        initiator: Name of the agent that started it.
        recipient: Name of the other agent.
        number: Number of the chat among those of the observer, from 1.
        depth: Number of chats around it.
        member_turn: Open turn of a member, in a group chat.
        turns: Its messages. An `Observer` leaves it empty, a `History` fills it.
        pending: The turn after the last message.
        restarts: Number of times that it was resumed by another process.
    """

    initiator: str = ""
    recipient: str = ""
    number: int = 0
    depth: int = 0
    member_turn: RecordedOperation | None = None
    turns: list[Turn] = field(default_factory=list)
    pending: Turn = field(default_factory=Turn)
    restarts: int = 0

    @property
    def end(self) -> ChatEnded | None:
        """The event that ended it."""
        return self.ended if isinstance(self.ended, ChatEnded) else None


@dataclass(slots=True)
class Totals:
    """Sums of messages and operations.

    Attributes:
        agent: Name of the agent to which they belong; empty for all.
        messages: Number of messages.
        requests: Number of requests to models, without those served from a cache.
        responses: Number of responses to them.
        cached: Number of responses from a cache.
        failures: Number of requests that failed.
        prompt_tokens: Tokens of the requests.
        completion_tokens: Tokens of the responses.
        cost: Cost in USD.
        unpriced: Number of responses without a known price; the cost lacks them.
        saved: Original cost of the responses from a cache, in USD.
        tools: Number of tool calls.
        tools_failed: Number of them that failed.
        code: Number of code runs.
        code_failed: Number of them that failed.
        seconds: Time for models, tools and code.
        waited: Time for answers of humans, in seconds.
    """

    agent: str = ""
    messages: int = 0
    requests: int = 0
    responses: int = 0
    cached: int = 0
    failures: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0
    unpriced: int = 0
    saved: float = 0.0
    tools: int = 0
    tools_failed: int = 0
    code: int = 0
    code_failed: int = 0
    seconds: float = 0.0
    waited: float = 0.0

    def add(self, operation: RecordedOperation) -> None:
        """Add a model request, a tool call, a code run or a question to a human; operations of other kinds don't count."""
        seconds = operation.seconds or 0.0
        if operation.kind == MODEL:
            self.seconds += seconds
            self._add_request(operation)
        elif operation.kind == TOOL:
            self.seconds += seconds
            self.tools += 1
            self.tools_failed += operation.failed
        elif operation.kind == CODE:
            self.seconds += seconds
            self.code += 1
            self.code_failed += operation.failed
        elif operation.kind == HUMAN:
            self.waited += seconds

    def _add_request(self, request: RecordedOperation) -> None:
        response = request.ended
        if not isinstance(response, ModelAnswered):
            self.requests += 1
            self.failures += request.failed
        elif response.cached:
            # Nothing was requested, so that no tokens were used.
            self.cached += 1
            self.saved += response.cost
        else:
            self.requests += 1
            self.responses += 1
            self.prompt_tokens += response.prompt_tokens
            self.completion_tokens += response.completion_tokens
            self.cost += response.cost
            self.unpriced += not response.price_known


def get_thinking(message: Mapping[str, object]) -> str:
    """Return the thinking in a message of a model; empty if there is none."""
    thinking = message.get("reasoning")
    return thinking.strip() if isinstance(thinking, str) else ""


def get_text(content: object) -> str:
    """Return the content of a message as text, whatever its form; other parts become `<type>`."""
    if isinstance(content, list):
        return "".join(map(_get_part_text, content))
    return "" if content is None else str(content)


def _get_part_text(part: object) -> str:
    if not isinstance(part, Mapping):
        return str(part)
    return str(part.get("text") or f"<{str(part.get('type')).removesuffix('_url')}>")


def get_calls(message: Mapping[str, object]) -> list[tuple[str, str]]:
    """Return the calls of a message as pairs of name and arguments; whatever is not a call is left out."""
    # A damaged recording, or a model, may have anything here.
    calls = message.get("tool_calls")
    functions = [call.get("function") for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []
    # The form of OpenAI before there were tools.
    functions.append(message.get("function_call"))
    return [
        (str(function.get("name") or ""), str(function.get("arguments") or ""))
        for function in functions
        if isinstance(function, dict)
    ]
