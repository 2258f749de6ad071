"""AG2's path for the events of agents and chats, under their names of 0.7."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from ..events import agent_events as events
from ..events.agent_events import FunctionCall, ToolCall, ToolResponse
from ._aliases import make_message_class as _alias

BasePrintReceivedMessage = _alias(events.BasePrintReceivedEvent, "sender_name", "recipient_name")
FunctionResponseMessage = _alias(events.FunctionResponseEvent, "sender_name", "recipient_name")
ToolResponseMessage = _alias(events.ToolResponseEvent, "sender_name", "recipient_name")
FunctionCallMessage = _alias(events.FunctionCallEvent, "sender_name", "recipient_name")
ToolCallMessage = _alias(events.ToolCallEvent, "sender_name", "recipient_name")
TextMessage = _alias(events.TextEvent, "sender_name", "recipient_name")
PostCarryoverProcessingMessage = _alias(events.PostCarryoverProcessingEvent, "sender_name", "recipient_name")
ClearAgentsHistoryMessage = _alias(events.ClearAgentsHistoryEvent, "agent_name", "nr_messages_to_preserve")
SpeakerAttemptSuccessfulMessage = _alias(events.SpeakerAttemptSuccessfulEvent)
SpeakerAttemptFailedMultipleAgentsMessage = _alias(events.SpeakerAttemptFailedMultipleAgentsEvent)
SpeakerAttemptFailedNoAgentsMessage = _alias(events.SpeakerAttemptFailedNoAgentsEvent)
GroupChatResumeMessage = _alias(events.GroupChatResumeEvent, "messages")
GroupChatRunChatMessage = _alias(events.GroupChatRunChatEvent, "speaker_name")
TerminationAndHumanReplyNoInputMessage = _alias(events.TerminationAndHumanReplyNoInputEvent, "sender_name", "recipient_name")
UsingAutoReplyMessage = _alias(events.UsingAutoReplyEvent, "sender_name", "recipient_name")
TerminationMessage = _alias(events.TerminationEvent)
ExecuteCodeBlockMessage = _alias(events.ExecuteCodeBlockEvent, "recipient_name")
ExecuteFunctionMessage = _alias(events.ExecuteFunctionEvent, "recipient_name")
ExecutedFunctionMessage = _alias(events.ExecutedFunctionEvent, "recipient_name")
SelectSpeakerMessage = _alias(events.SelectSpeakerEvent, "agent_names")
SelectSpeakerTryCountExceededMessage = _alias(events.SelectSpeakerTryCountExceededEvent, "agent_names")
SelectSpeakerInvalidInputMessage = _alias(events.SelectSpeakerInvalidInputEvent, "agent_names")
ClearConversableAgentHistoryMessage = _alias(
    events.ClearConversableAgentHistoryEvent, "agent_name", "recipient_name", "no_messages_preserved"
)
ClearConversableAgentHistoryWarningMessage = _alias(events.ClearConversableAgentHistoryWarningEvent, "recipient_name")
GenerateCodeExecutionReplyMessage = _alias(
    events.GenerateCodeExecutionReplyEvent, "code_block_languages", "sender_name", "recipient_name"
)
ConversableAgentUsageSummaryNoCostIncurredMessage = _alias(
    events.ConversableAgentUsageSummaryNoCostIncurredEvent, "recipient_name"
)
ConversableAgentUsageSummaryMessage = _alias(events.ConversableAgentUsageSummaryEvent, "recipient_name")


def create_received_message_model(*, uuid: UUID | None = None, message: dict[str, Any], sender: Any, recipient: Any) -> Any:
    """Make the event of a message in the OpenAI form; see `create_received_event_model`.

    Args:
        uuid: Id of the event; None for a new one.
        message: The message.
        sender: Sending agent, or its name.
        recipient: Receiving agent, or its name.
    """
    return events.create_received_event_model(uuid=uuid, event=message, sender=sender, recipient=recipient)


__all__ = [
    "FunctionCall",
    "ToolCall",
    "ToolResponse",
    *(name for name in dir() if name.endswith("Message")),
    "create_received_message_model",
]
