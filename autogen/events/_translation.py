"""AG2's events, made from the project's: the second face of one stream. Only readers of AG2's events load this module."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, cast

from . import _group_kinds as group_kinds
from . import _kinds as kinds
from . import agent_events as ag2
from ._event import Event
from ._model_kinds import TokenReceived
from .base_event import BaseEvent
from .client_events import StreamEvent, UsageSummaryEvent
from .print_event import PrintEvent


def _parse_arguments(arguments: object) -> object:
    """Return the arguments of a call as a dict; as the model wrote them, if that is not JSON."""
    try:
        return json.loads(arguments) if isinstance(arguments, str) else arguments
    except ValueError:
        return arguments


_REASONS = {
    "termination_message": "Termination message condition: the message asks for the end.",
    "max_consecutive_auto_reply": "Maximum number of consecutive auto-replies reached.",
    "max_turns": "Maximum turns reached.",
    "human_exit": "User requested to end the conversation.",
    "max_round": "Maximum rounds reached.",
    "terminate_target": "No next speaker: a hand-off ended the chat.",
    "no_eligible_speaker": "No next speaker may speak.",
    "guardrail": "A guardrail ended the chat.",
    "tool_result": "No reply of a model is needed: the result of a tool is the answer.",
    "no_reply": "No reply was generated.",
    "stopped": "The chat was stopped.",
    "waiting": "The chat waits for an answer.",
    "budget": "The budget was spent.",
}


class Translator:
    """Converts the project's events of one run to AG2's.

    Args:
        is_replay: True for events of the past: their questions can't be answered any more.
    """

    def __init__(self, is_replay: bool = False) -> None:
        self._is_replay = is_replay
        # Sender and recipient of the last message of each chat.
        self._last_messages: dict[str, tuple[str, str]] = {}
        self._open_calls: dict[str, kinds.ToolCalled] = {}
        # Ids of silent chats inside of the run, whose messages are not shown.
        self._hidden_chats: set[str] = set()

    def translate(self, event: Event) -> list[BaseEvent]:
        """Return the AG2 events of an event, in order; none if AG2 has no counterpart."""
        if self._hidden_chats and event.chat in self._hidden_chats and isinstance(event, _SPOKEN):
            return []
        converter = _CONVERTERS.get(type(event))
        translated = [] if converter is None else list(converter(self, event))
        for item in translated:
            content = cast(Any, item).content
            if content.chat_id is None:
                content.chat_id = event.chat or None
        return translated

    def _translate_start(self, event: kinds.ChatStarted) -> Iterable[Any]:
        # A reader that asks for the events of a silent chat gets them, but not those of silent chats inside.
        if event.parent and (event.silent or event.parent in self._hidden_chats):
            self._hidden_chats.add(event.chat)
        return ()

    def _translate_message(self, event: kinds.MessageSent) -> Iterable[Any]:
        self._last_messages[event.chat] = event.sender, event.recipient
        message = event.message if isinstance(event.message, dict) else {"content": event.message}
        yield ag2.create_received_event_model(event=message, sender=event.sender, recipient=event.recipient)

    def _translate_preparation(self, event: kinds.ChatPrepared) -> Iterable[Any]:
        yield ag2.PostCarryoverProcessingEvent(
            sender=event.initiator,
            recipient=event.recipient,
            message=event.message,
            carryover=event.carryover,
            **event.options,
        )

    def _translate_speaker(self, event: group_kinds.SpeakerSelected) -> Iterable[Any]:
        yield ag2.GroupChatRunChatEvent(speaker=event.speaker)

    def _translate_auto_reply(self, event: kinds.AutoReplied) -> Iterable[Any]:
        peer = event.peer or None
        yield ag2.UsingAutoReplyEvent(human_input_mode=event.mode, sender=peer, recipient=event.agent)

    def _translate_call(self, event: kinds.ToolCalled) -> Iterable[Any]:
        self._open_calls[event.operation] = event
        yield ag2.ExecuteFunctionEvent(
            func_name=event.name,
            call_id=event.call_id,
            arguments=_parse_arguments(event.arguments),
            recipient=event.agent,
        )

    def _translate_result(self, event: kinds.ToolReturned) -> Iterable[Any]:
        call = self._open_calls.pop(event.operation, None)
        yield ag2.ExecutedFunctionEvent(
            func_name=event.name,
            call_id=call and call.call_id,
            arguments=call and _parse_arguments(call.arguments),
            content=event.content,
            recipient=event.agent,
            is_exec_success=event.success,
        )

    def _translate_code(self, event: kinds.CodeStarted) -> Iterable[Any]:
        sender = self._last_messages.get(event.chat, ("", ""))[0] or None
        languages = [language for language, _ in event.blocks]
        yield ag2.GenerateCodeExecutionReplyEvent(code_blocks=languages, sender=sender, recipient=event.agent)
        for number, (language, code) in enumerate(event.blocks, 1):
            yield ag2.ExecuteCodeBlockEvent(code=code, language=language, code_block_count=number, recipient=event.agent)

    def _translate_question(self, event: kinds.HumanAsked) -> Iterable[Any]:
        respond = None if self._is_replay else event.respond
        yield ag2.InputRequestEvent(prompt=event.prompt, password=event.is_hidden, respond=respond)

    def _translate_no_input(self, event: kinds.NoHumanInput) -> Iterable[Any]:
        text = "NO HUMAN INPUT RECEIVED."
        yield ag2.TerminationAndHumanReplyNoInputEvent(
            no_human_input_msg=text, sender=event.peer or None, recipient=event.agent
        )

    def _translate_clearing(self, event: kinds.HistoryCleared) -> Iterable[Any]:
        if event.by == "command":
            yield ag2.ClearAgentsHistoryEvent(agent=event.agent, nr_events_to_preserve=event.kept or None)
        else:
            yield ag2.ClearConversableAgentHistoryEvent(
                agent=event.agent, recipient=event.peer, no_events_preserved=event.extra
            )

    def _translate_usage(self, event: kinds.UsagePrinted) -> Iterable[Any]:
        if event.mode == "heading":
            yield ag2.ConversableAgentUsageSummaryEvent(recipient=event.agent)
        elif event.mode == "none":
            yield ag2.ConversableAgentUsageSummaryNoCostIncurredEvent(recipient=event.agent)
        else:
            yield UsageSummaryEvent(actual_usage_summary=event.actual, total_usage_summary=event.total, mode=event.mode)

    def _translate_resumption(self, event: group_kinds.GroupResumed) -> Iterable[Any]:
        yield ag2.GroupChatResumeEvent(last_speaker_name=event.last_speaker, events=event.messages)

    def _translate_speaker_request(self, event: group_kinds.SpeakerRequested) -> Iterable[Any]:
        yield ag2.SelectSpeakerEvent(agents=event.candidates)

    def _translate_attempt(self, event: group_kinds.SpeakerAttempted) -> Iterable[Any]:
        if event.by == "human" and event.attempts_left:
            yield ag2.SelectSpeakerInvalidInputEvent(agents=event.candidates)
        elif event.by == "human":
            yield ag2.SelectSpeakerTryCountExceededEvent(try_count=event.attempt, agents=event.candidates)
        elif event.verbose:
            yield ag2.ATTEMPTS[min(len(event.mentions), 2)](
                mentions=event.mentions,
                attempt=event.attempt,
                attempts_left=event.attempts_left,
                verbose=event.verbose,
            )

    def _translate_handoff(self, event: group_kinds.HandedOver) -> Iterable[Any]:
        transition = ag2.TRANSITIONS.get(event.by)
        if transition is not None:
            source, target = event.objects
            yield transition(source_agent=source, transition_target=target)

    def _translate_safeguard(self, event: kinds.SafeguardActed) -> Iterable[Any]:
        yield ag2.SafeguardEvent(
            event_type=event.event_type,
            message=event.message,
            source_agent=event.source,
            target_agent=event.destination,
            guardrail_type=event.section,
            action=event.action,
            content_preview=event.preview,
        )

    def _translate_token(self, event: TokenReceived) -> Iterable[Any]:
        if event.kind == "text":
            yield StreamEvent(content=event.delta)

    def _translate_end(self, event: kinds.ChatEnded) -> Iterable[Any]:
        if event.error is not None:
            return
        # The recipient of the last message noticed that there is nothing more to say.
        sender, recipient = self._last_messages.pop(event.chat, (event.recipient, event.initiator))
        reason = _REASONS.get(event.stop_reason or "", f"The chat ended: {event.stop_reason}.")
        yield ag2.TerminationEvent(
            termination_reason=reason, sender=recipient, recipient=sender, stop_reason=event.stop_reason
        )

    def _translate_program_event(self, event: kinds.ProgramEvent) -> Iterable[Any]:
        if isinstance(event.content, dict):
            yield PrintEvent(*event.content["objects"], sep=event.content["sep"], end=event.content["end"])
        else:
            yield event.content


# The kinds that a silent chat does not show.
_SPOKEN = (kinds.MessageSent, group_kinds.SpeakerSelected, TokenReceived, kinds.ChatEnded)

_CONVERTERS: dict[type[Event], Callable[[Translator, Any], Iterable[Any]]] = {
    kinds.ChatStarted: Translator._translate_start,
    kinds.ChatPrepared: Translator._translate_preparation,
    kinds.MessageSent: Translator._translate_message,
    group_kinds.GroupResumed: Translator._translate_resumption,
    kinds.HistoryCleared: Translator._translate_clearing,
    kinds.NoHumanInput: Translator._translate_no_input,
    group_kinds.SpeakerAttempted: Translator._translate_attempt,
    group_kinds.SpeakerRequested: Translator._translate_speaker_request,
    kinds.UsagePrinted: Translator._translate_usage,
    group_kinds.SpeakerSelected: Translator._translate_speaker,
    kinds.AutoReplied: Translator._translate_auto_reply,
    kinds.ToolCalled: Translator._translate_call,
    kinds.ToolReturned: Translator._translate_result,
    kinds.CodeStarted: Translator._translate_code,
    kinds.HumanAsked: Translator._translate_question,
    group_kinds.HandedOver: Translator._translate_handoff,
    kinds.SafeguardActed: Translator._translate_safeguard,
    TokenReceived: Translator._translate_token,
    kinds.ChatEnded: Translator._translate_end,
    kinds.ProgramEvent: Translator._translate_program_event,
}

KINDS: tuple[type[Event], ...] = tuple(_CONVERTERS)
"""The kinds that AG2 has counterparts of."""
