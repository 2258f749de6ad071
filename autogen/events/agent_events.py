"""AG2's events of agents and chats."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field, PlainSerializer

from .._jsonable import to_jsonable
from ..formatting_utils import colored
from .base_event import AgentName, Anything, BaseEvent, Print, resolve_print_callable, wrap_event


def _dump_variables(variables: Any) -> Any:
    dump = getattr(variables, "model_dump", None)
    return None if variables is None else to_jsonable(dump() if dump is not None else dict(variables))


def _print_framed(show: Print, title: str, body: object) -> None:
    head = f"***** {title} *****"
    show(colored(head, "green"), flush=True)
    show(body, flush=True)
    show(colored("*" * len(head), "green"), flush=True)


class _NoticeEvent(BaseEvent):
    """Base class of events that are printed as one line."""

    def _get_notice(self) -> str:
        raise NotImplementedError

    def print(self, f: Print | None = None) -> None:
        """Print the line."""
        resolve_print_callable(f)(colored(f"\n>>>>>>>> {self._get_notice()}", "red"), flush=True)


class BasePrintReceivedEvent(BaseEvent):
    """Base class of messages."""

    content: Any = None
    sender: AgentName
    recipient: AgentName

    def print(self, f: Print | None = None) -> None:
        """Print the message as its recipient sees it."""
        show = resolve_print_callable(f)
        show(f"{colored(self.sender, 'yellow')} (to {self.recipient}):\n", flush=True)
        self._print_body(show)
        show("\n", "-" * 80, flush=True, sep="")

    def _print_body(self, show: Print) -> None:
        if self.content is not None:
            show(_get_text(self.content), flush=True)


@wrap_event
class FunctionResponseEvent(BasePrintReceivedEvent):
    """Result of a function."""

    name: str | None = None
    role: Literal["function"] = "function"
    content: Anything = None

    def _print_body(self, show: Print) -> None:
        _print_framed(show, f"Response from calling function ({self.name})", self.content)


class ToolResponse(BaseModel):
    """Result of one call."""

    tool_call_id: str | None = None
    role: Literal["tool"] = "tool"
    content: Anything = None

    def print(self, f: Print | None = None) -> None:
        """Print the result."""
        _print_framed(resolve_print_callable(f), f"Response from calling tool ({self.tool_call_id})", self.content)


@wrap_event
class ToolResponseEvent(BasePrintReceivedEvent):
    """Results of tools; the content is their text."""

    role: Literal["tool"] | None = "tool"
    tool_responses: list[ToolResponse]
    content: Anything = None

    def _print_body(self, show: Print) -> None:
        for response in self.tool_responses:
            response.print(show)


class FunctionCall(BaseModel):
    """Function that a model calls, with arguments as it wrote them."""

    name: str | None = None
    arguments: str | None = None

    def print(self, f: Print | None = None) -> None:
        """Print the call."""
        show = resolve_print_callable(f)
        _print_framed(show, f"Suggested function call: {self.name or '(No function name found)'}", self.arguments)


@wrap_event
class FunctionCallEvent(BasePrintReceivedEvent):
    """Message that calls a function, in the form before there were tools."""

    content: Anything = None
    function_call: FunctionCall

    def _print_body(self, show: Print) -> None:
        super()._print_body(show)
        self.function_call.print(show)


class ToolCall(BaseModel):
    """Call of a tool."""

    id: str | None = None
    function: FunctionCall
    type: str = "function"

    def print(self, f: Print | None = None) -> None:
        """Print the call."""
        title = f"Suggested tool call ({self.id}): {self.function.name}"
        _print_framed(resolve_print_callable(f), title, self.function.arguments)


@wrap_event
class ToolCallEvent(BasePrintReceivedEvent):
    """Message that calls tools."""

    content: Anything = None
    refusal: str | None = None
    role: str | None = None
    audio: Anything = None
    function_call: FunctionCall | None = None
    tool_calls: list[ToolCall]

    def _print_body(self, show: Print) -> None:
        super()._print_body(show)
        for call in self.tool_calls:
            call.print(show)


@wrap_event
class TextEvent(BasePrintReceivedEvent):
    """Message of text, or of parts; images in memory are placeholders in a dump."""

    content: Anything = None


def create_received_event_model(*, uuid: UUID | None = None, event: dict[str, Any], sender: Any, recipient: Any) -> Any:
    """Make the event of a message in the OpenAI form.

    Args:
        uuid: Id of the event; None for a new one.
        event: The message.
        sender: Sending agent, or its name.
        recipient: Receiving agent, or its name.
    """
    who: dict[str, Any] = {"sender": sender, "recipient": recipient, "uuid": uuid}
    content, role, responses = event.get("content"), event.get("role"), event.get("tool_responses")
    if role == "function":
        return FunctionResponseEvent(**who, name=event.get("name"), content=content)
    if responses or role == "tool":
        responses = responses or [{"tool_call_id": event.get("tool_call_id"), "content": content}]
        items = [{key: item.get(key) for key in ("tool_call_id", "content")} for item in responses]
        text = content if content is not None else "\n\n".join(str(item["content"]) for item in items)
        return ToolResponseEvent(**who, tool_responses=items, content=text)
    if calls := [call for call in event.get("tool_calls") or () if call]:
        rest = {key: event.get(key) for key in ("refusal", "role", "audio")}
        items = [{**call, "type": call.get("type") or "function"} for call in calls]
        return ToolCallEvent(**who, content=content, tool_calls=items, **rest)
    if call := event.get("function_call"):
        return FunctionCallEvent(**who, content=content, function_call=call)
    return TextEvent(**who, content=content)


@wrap_event
class PostCarryoverProcessingEvent(BaseEvent):
    """Begin of a chat of a queue; its message has the carryover of the chats before."""

    carryover: Anything = ""
    message: Anything = None
    verbose: bool = False
    sender: AgentName
    recipient: AgentName
    summary_method: Annotated[Any, PlainSerializer(lambda method: getattr(method, "__name__", method))] = None
    summary_args: Anything = None
    max_turns: int | None = None

    def __init__(self, *, chat_info: dict[str, Any] | None = None, uuid: UUID | None = None, **fields: Any) -> None:
        known = {key: value for key, value in (chat_info or {}).items() if key in type(self).model_fields}
        super().__init__(uuid=uuid, **{**known, **fields})

    def print(self, f: Print | None = None) -> None:
        """Print that a chat begins."""
        show = resolve_print_callable(f)
        show(colored("\n" + "*" * 80, "blue"), flush=True)
        show(colored("Starting a new chat....", "blue"), flush=True)
        if self.verbose:
            show(colored(f"Message:\n{self.message}\n\nCarryover:\n{self.carryover}", "blue"), flush=True)
        show(colored("\n" + "*" * 80, "blue"), flush=True)


@wrap_event
class ClearAgentsHistoryEvent(_NoticeEvent):
    """Histories of a group that are cleared; the agent is None for all members."""

    agent: AgentName | None = None
    nr_events_to_preserve: int | None = None

    def _get_notice(self) -> str:
        kept = f" but the last {self.nr_events_to_preserve} messages" if self.nr_events_to_preserve else ""
        return f"Clearing the history of {self.agent or 'all agents'}{kept}."


class _SpeakerAttemptEvent(_NoticeEvent):
    mentions: dict[str, int]
    attempt: int
    attempts_left: int
    verbose: bool | None = False


@wrap_event
class SpeakerAttemptSuccessfulEvent(_SpeakerAttemptEvent):
    """Answer of a model that selects a speaker, and names one agent."""

    def _get_notice(self) -> str:
        return f"Selected the next speaker: {next(iter(self.mentions), None)}."


@wrap_event
class SpeakerAttemptFailedMultipleAgentsEvent(_SpeakerAttemptEvent):
    """Answer of a model that selects a speaker, and names several agents."""

    def _get_notice(self) -> str:
        return f"The answer names several agents: {', '.join(self.mentions)}."


@wrap_event
class SpeakerAttemptFailedNoAgentsEvent(_SpeakerAttemptEvent):
    """Answer of a model that selects a speaker, and names no agent."""

    def _get_notice(self) -> str:
        return "The answer names no agent."


ATTEMPTS: tuple[type[Any], ...] = (
    SpeakerAttemptFailedNoAgentsEvent,
    SpeakerAttemptSuccessfulEvent,
    SpeakerAttemptFailedMultipleAgentsEvent,
)
"""The events of answers that name none, one or several agents."""


@wrap_event
class GroupChatResumeEvent(_NoticeEvent):
    """Group chat that continues."""

    last_speaker_name: str
    events: Anything = None
    verbose: bool | None = False

    def _get_notice(self) -> str:
        return f"The group chat continues after the message of {self.last_speaker_name}."


@wrap_event
class GroupChatRunChatEvent(BaseEvent):
    """Selection of the next speaker of a group chat."""

    speaker: AgentName
    verbose: bool | None = False

    def print(self, f: Print | None = None) -> None:
        """Print the name."""
        resolve_print_callable(f)(colored(f"\nNext speaker: {self.speaker}\n", "green"), flush=True)


@wrap_event
class TerminationAndHumanReplyNoInputEvent(_NoticeEvent):
    """Question that a human did not answer."""

    no_human_input_msg: str
    sender: AgentName | None = None
    recipient: AgentName

    def _get_notice(self) -> str:
        return self.no_human_input_msg


@wrap_event
class UsingAutoReplyEvent(_NoticeEvent):
    """Reply without a human, of an agent that may ask one."""

    human_input_mode: str
    sender: AgentName | None = None
    recipient: AgentName

    def _get_notice(self) -> str:
        return "USING AUTO REPLY..."


@wrap_event
class TerminationEvent(_NoticeEvent):
    """End of a chat. `termination_reason` is a sentence, `stop_reason` the value of the `StopReason`."""

    termination_reason: str
    sender: AgentName | None = None
    recipient: AgentName | None = None
    stop_reason: str | None = None

    def _get_notice(self) -> str:
        return f"TERMINATING RUN ({self.uuid}): {self.termination_reason}"


@wrap_event
class ExecuteCodeBlockEvent(_NoticeEvent):
    """Block of code that is run."""

    code: str
    language: str
    code_block_count: int
    recipient: AgentName

    def _get_notice(self) -> str:
        return f"EXECUTING CODE BLOCK {self.code_block_count} (inferred language is {self.language})..."


@wrap_event
class ExecuteFunctionEvent(_NoticeEvent):
    """Function that is called; the recipient executes it."""

    func_name: str
    call_id: str | None = None
    arguments: Anything = None
    recipient: AgentName

    def _get_notice(self) -> str:
        return f"EXECUTING FUNCTION {self.func_name}...\nCall ID: {self.call_id}\nInput arguments: {self.arguments}"


@wrap_event
class ExecutedFunctionEvent(_NoticeEvent):
    """Function that has returned, or failed."""

    func_name: str
    call_id: str | None = None
    arguments: Anything = None
    content: Anything = None
    recipient: AgentName
    is_exec_success: bool = True

    def _get_notice(self) -> str:
        return f"EXECUTED FUNCTION {self.func_name}...\nCall ID: {self.call_id}\nOutput:\n{self.content}"


class _AgentListEvent(_NoticeEvent):
    agents: list[AgentName] | None = None

    def _list_agents(self) -> str:
        return "\n".join(f"{number}: {name}" for number, name in enumerate(self.agents or (), 1))


@wrap_event
class SelectSpeakerEvent(_AgentListEvent):
    """Question to a human who selects the next speaker."""

    def _get_notice(self) -> str:
        return f"Please select the next speaker from the following list:\n{self._list_agents()}"


@wrap_event
class SelectSpeakerTryCountExceededEvent(_AgentListEvent):
    """Selection by a human that is given up."""

    try_count: int

    def _get_notice(self) -> str:
        return f"You have tried {self.try_count} times. The next speaker will be selected automatically."


@wrap_event
class SelectSpeakerInvalidInputEvent(_AgentListEvent):
    """Answer of a human that selects nobody."""

    def _get_notice(self) -> str:
        return f"Invalid input. Please enter a number from 1 to {len(self.agents or ())}."


@wrap_event
class ClearConversableAgentHistoryEvent(_NoticeEvent):
    """Messages that an agent keeps when its history is cleared."""

    agent: AgentName
    recipient: AgentName | None = None
    no_events_preserved: int = 0

    def _get_notice(self) -> str:
        return f"{self.agent} keeps {self.no_events_preserved} messages with {self.recipient}."


@wrap_event
class ClearConversableAgentHistoryWarningEvent(_NoticeEvent):
    """Number of messages to keep that was ignored. Here it counts for a single history, too, so nothing sends this event."""

    recipient: AgentName | None = None

    def _get_notice(self) -> str:
        return f"nr_messages_to_preserve has no effect on the history with {self.recipient}."


@wrap_event
class GenerateCodeExecutionReplyEvent(_NoticeEvent):
    """Start of a code run; the blocks are named by their languages."""

    code_blocks: list[str]
    sender: AgentName | None = None
    recipient: AgentName

    def _get_notice(self) -> str:
        count = len(self.code_blocks)
        blocks = f"{count} CODE BLOCKS" if count > 1 else "CODE BLOCK"
        return f"EXECUTING {blocks} (inferred languages are [{', '.join(self.code_blocks)}])..."


@wrap_event
class ConversableAgentUsageSummaryNoCostIncurredEvent(_NoticeEvent):
    """Usage of an agent without any."""

    recipient: AgentName

    def _get_notice(self) -> str:
        return f"No cost incurred from agent '{self.recipient}'."


@wrap_event
class ConversableAgentUsageSummaryEvent(_NoticeEvent):
    """Usage of an agent."""

    recipient: AgentName

    def _get_notice(self) -> str:
        return f"Agent '{self.recipient}':"


class _TransitionEvent(_NoticeEvent):
    source_agent: Annotated[Any, PlainSerializer(lambda agent: getattr(agent, "name", agent))]
    transition_target: Annotated[Any, PlainSerializer(lambda target: str(getattr(target, "label", target)))]

    def _get_notice(self) -> str:
        source = getattr(self.source_agent, "name", self.source_agent)
        return f"{source} hands over to {getattr(self.transition_target, 'label', self.transition_target)}."


@wrap_event
class SafeguardEvent(_NoticeEvent):
    """Step of a safeguard policy."""

    event_type: str
    message: str
    source_agent: str | None = None
    target_agent: str | None = None
    guardrail_type: str | None = None
    action: str | None = None
    content_preview: str | None = None

    def _get_notice(self) -> str:
        return f"SAFEGUARD {self.event_type.upper()}: {self.message}"


@wrap_event
class AfterWorksTransitionEvent(_TransitionEvent):
    """Hand-off after the work of an agent."""


@wrap_event
class OnContextConditionTransitionEvent(_TransitionEvent):
    """Hand-off that the context variables decide."""


@wrap_event
class OnConditionLLMTransitionEvent(_TransitionEvent):
    """Hand-off that a model decides."""


@wrap_event
class ReplyResultTransitionEvent(_TransitionEvent):
    """Hand-off that the result of a tool asks for."""


TRANSITIONS: dict[str, type[Any]] = {
    "after_work": AfterWorksTransitionEvent,
    "context": OnContextConditionTransitionEvent,
    "llm": OnConditionLLMTransitionEvent,
    "reply_result": ReplyResultTransitionEvent,
}
"""The events of hand-offs, by the word in `HandedOver.by`."""


@wrap_event
class InputRequestEvent(BaseEvent):
    """Question to a human. `content.respond(text)` answers it; otherwise the source of the agent is asked."""

    prompt: str
    password: bool = False
    respond: Callable[[str], object] | None = Field(default=None, exclude=True, repr=False)
    type: str = "input_request"


@wrap_event
class AsyncInputRequestEvent(BaseEvent):
    """Question to a human in an async chat."""

    prompt: str
    password: bool = False
    respond: Callable[[str], object] | None = Field(default=None, exclude=True, repr=False)


@wrap_event
class InputResponseEvent(BaseEvent):
    """Answer of a human."""

    value: str


@wrap_event
class ErrorEvent(BaseEvent):
    """Exception that ended the run; text in a dump."""

    error: Annotated[Any, PlainSerializer(str)]


@wrap_event
class RunCompletionEvent(BaseEvent):
    """End of a run, always its last event."""

    summary: Anything = None
    history: Anything = None
    cost: Anything = None
    last_speaker: AgentName | None = None
    context_variables: Annotated[Any, PlainSerializer(_dump_variables)] = None


def _get_text(content: Any) -> str:
    if isinstance(content, list):
        return "\n".join(str(part.get("text") or f"<{part.get('type')}>") for part in content)
    return str(content)
