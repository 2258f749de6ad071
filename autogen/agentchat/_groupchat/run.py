"""The run of a group chat: each message is broadcast to the members, then the next speaker is selected.

A message is built once and held by reference: a round costs two appends for each member, however long the chat is.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

from ... import events, runtime_logging
from ..._steps import Steps, invoke
from ...code_utils import content_str
from ...control import get_control
from ...exception_utils import NoEligibleSpeaker
from ...formatting_utils import colored
from ...io.base import IOStream
from ...operations import Operation, perform
from .._chats.message_loop import Delivery, Receive, Send, run_loop
from .._chats.two_agents import use_cache
from .._core.display import is_silent
from .._core.internals import (
    BEFORE_SENDING,
    MethodSet,
    get_histories,
    get_history,
    get_managed_group,
    group_internals,
    internals,
    is_conversable,
)
from .._core.messages import to_stored_form
from .._core.pending_calls import get_pending_names
from .._core.protocols import AgentCore, Group
from .._core.result import StopReason
from .._core.selection_strategy import get_selection_strategy
from .._core.termination import get_termination_test
from .._guardrails.checks import Guard
from .._guardrails.run import get_all_guards
from .._handoffs.targets import HandoffContext, announce_handoff
from ..agent import Agent, Message
from ..conversable_agent import ConversableAgent
from .clear_history import apply_command
from .validation import warn_of_idle_test

logger = logging.getLogger("autogen.agentchat.groupchat")

_RECEIVING_METHODS = ("receive", "a_receive", "_process_received_message", "_append_oai_message", "_message_to_dict")
"""The methods that run when an agent receives a message without replying."""


def run_group_chat(
    manager: AgentCore, group: Group, messages: list[Message], sender: Agent
) -> Steps[tuple[bool, str | None]]:
    """Run the group chat that starts with the last message, until it ends or the rounds are used up.

    Returns:
        `(True, None)`, as a manager does not reply. If it is a member of the sender's group, it replies with the last text
        of its own group.
    """
    silent = bool(getattr(manager, "_silent", False)) or is_silent(manager)
    for agent in group.agents:
        if isinstance(agent, ConversableAgent):
            # The reason of an earlier run.
            internals(agent).stop_reasons.pop(manager, None)
            for guard in get_all_guards(agent):
                _validate_target(group, agent, guard)
    opening = _copy_last_message(get_history(manager, sender), messages[-1])
    outer_group = get_managed_group(sender)
    # A group inside of a group replies, a group that an agent starts does not.
    is_member = outer_group is not None and manager in outer_group.agents
    members = [agent for agent in group.agents if hasattr(agent, "client_cache")]
    cache = getattr(manager, "client_cache", None)
    with use_cache(cache, *(members if cache is not None else ())):
        if is_member:
            yield from _sync_from_outer_group(manager, group, messages[:-1])
        if group.send_introductions and group.max_round:
            yield from _introduce(manager, group)
        group_internals(group).manager = manager
        try:
            internals(manager).stop_reasons[sender] = yield from _run_rounds(manager, group, opening, sender, silent)
        finally:
            group_internals(group).manager = None
    return True, _get_last_text(group, opening) if is_member else None


def _copy_last_message(history: list[Message], message: Message) -> Message:
    """Return a copy of a message that can be changed, and put it into the history: other agents may hold the original."""
    copied = dict(message)
    if history and history[-1] is message:
        history[-1] = copied
    return copied


def _sync_from_outer_group(manager: AgentCore, group: Group, messages: list[Message]) -> Steps[None]:
    """Broadcast the messages of the outer group since the last one of this manager."""
    own = (index + 1 for index, message in enumerate(messages) if message.get("name") == manager.name)
    for message in messages[max(own, default=0) :]:
        if message.get("content") and not (message.get("tool_calls") or message.get("tool_responses")):
            group.messages.append({**message, "content": content_str(message["content"])})
            yield from broadcast(manager, group, message, None)


def _get_last_text(group: Group, opening: Message) -> str | None:
    """Return the last text after the opening, without the termination word; None if there is none."""
    for message in reversed(group.messages):
        if message is opening:
            break
        if text := str(message["content"]).replace("TERMINATE", "").strip():
            return text
    return None


def _introduce(manager: AgentCore, group: Group) -> Steps[None]:
    text = group.introductions_msg()
    for agent in group.agents:
        yield from run_loop(Send(manager, agent, text, False, True))


def _run_rounds(manager: AgentCore, group: Group, message: Message, speaker: Agent, silent: bool) -> Steps[StopReason]:
    # The last round only records the message: nobody is selected for a reply that would not be recorded.
    for round_number in range(1, group.max_round + 1):
        internals(manager).last_speaker = speaker
        yield from _record_and_broadcast(manager, group, message, speaker)
        if get_termination_test(manager)(message):
            return StopReason.TERMINATION_MESSAGE
        warn_of_idle_test(group, speaker, message)
        if round_number == group.max_round:
            break
        if _is_ended_by_guardrail(manager):
            return StopReason.TERMINATE_TARGET
        try:
            speaker, reply = yield from _run_turn(manager, group, speaker, silent)
        except NoEligibleSpeaker as error:
            # Set if the selection strategy ended the chat on purpose.
            reason = get_selection_strategy(group).stop_reason
            logger.log(logging.INFO if reason else logging.WARNING, "The group chat ends: %s", error)
            return reason or StopReason.NO_ELIGIBLE_SPEAKER
        if reply is None:
            reasons = internals(speaker).stop_reasons if is_conversable(speaker) else {}
            return reasons.get(manager) or StopReason.NO_REPLY
        if group.enable_clear_history and isinstance(reply, dict):
            reply = apply_command(manager, group, reply)
        message = yield from _collect_reply(manager, group, reply, speaker, silent)
    return StopReason.MAX_ROUND


def _record_and_broadcast(manager: AgentCore, group: Group, message: Message, speaker: Agent) -> Steps[None]:
    content = message.get("content")
    group.append(message, speaker)
    # The record holds text; the members get the parts.
    received = {**message, "content": content} if isinstance(content, list) else message
    yield from broadcast(manager, group, received, speaker)


def _select_next_speaker(manager: AgentCore, group: Group, last: Agent) -> Steps[Agent]:
    """Select the next speaker; a resumed chat gets the recorded one."""
    if (speaker := _follow_guardrail(manager, group, last)) is not None:
        return speaker
    select = partial(group._select_speaker_step, last, manager)
    # A function of the program runs again, as its state is rebuilt by the replay.
    if not isinstance(group.speaker_selection_method, str):
        return (yield from select())

    def decode(stored: list[str]) -> Agent:
        name, group.last_selection = stored
        return next(agent for agent in group.agents if agent.name == name)

    selection = Operation(
        kind="speaker",
        key=lambda: manager.name,
        run=select,
        encode=lambda agent: [agent.name, group.last_selection],
        decode=decode,
    )
    return (yield from perform(selection))


def _is_ended_by_guardrail(manager: AgentCore) -> bool:
    """Return True if the target of a guardrail that tripped in the last turn is the end of the chat."""
    redirection = internals(manager).redirection
    return redirection is not None and redirection[0].ends_chat


def _follow_guardrail(manager: AgentCore, group: Group, last: Agent) -> Agent | None:
    """Return the speaker to whom a guardrail hands over that tripped in the last turn, once; None to select one."""
    redirection, internals(manager).redirection = internals(manager).redirection, None
    if redirection is None:
        return None
    target, name = redirection
    announce_handoff(last, target, "guardrail", name)
    group.last_selection = f"the guardrail {name} of {last.name}"
    return target.follow(HandoffContext(last, group, None)).speaker  # type: ignore[no-any-return]


def _validate_target(group: Group, agent: Agent, guard: Guard) -> None:
    """Validate the target of a guardrail before the first turn.

    Raises:
        ValueError: if it leads to an agent outside the group.
    """
    for member in guard.target.members(group) if guard.target is not None else ():
        if not any(member is other for other in group.agents):
            name = member if isinstance(member, str) else member.name
            raise ValueError(
                f"The guardrail {guard.name!r} of agent {agent.name!r} hands over to {name!r}, who is not in the group."
            )


def _deliver_pending_calls(manager: AgentCore, group: Group, speaker: Agent) -> None:
    """Ensure that the agent that executes calls has received them, even if the message was for other members."""
    message = group.messages[-1]
    if get_pending_names(group.messages) is None or not isinstance(speaker, ConversableAgent):
        return
    last = get_history(speaker, manager)[-1:]
    if not last or any(last[0].get(key) != message.get(key) for key in ("tool_calls", "function_call")):
        _deliver_quietly(manager, speaker, message)


def _run_turn(manager: AgentCore, group: Group, last: Agent, silent: bool) -> Steps[tuple[Agent, Any]]:
    """Select the next speaker and get its reply. On Ctrl-C the administrator takes over, if there is one."""
    try:
        speaker = yield from _select_next_speaker(manager, group, last)
        _deliver_pending_calls(manager, group, speaker)
        if events.has_listeners:
            why = group.last_selection
            events.emit(events.SpeakerSelected(agent=manager.name, speaker=speaker.name, why=why, _speaker=speaker))
        if not silent:
            IOStream.get_default().print(colored(f"\nNext speaker: {speaker.name}\n", "green"), flush=True)
        reply = yield from get_selection_strategy(group).take_turn(speaker, manager, group)
    except KeyboardInterrupt:
        admin = group.agent_by_name(group.admin_name)
        if admin is None:
            raise
        speaker = admin
        reply = yield from invoke(speaker.generate_reply, speaker.a_generate_reply, sender=manager)
    return speaker, reply


def _collect_reply(manager: AgentCore, group: Group, reply: object, speaker: Agent, silent: bool) -> Steps[Message]:
    """Send a reply from the speaker to the manager, and return it as the manager has stored it.

    If this fails, the reply is removed from both histories: a message that is not in the record was not sent. If the chat
    is stopped once the reply is sent, all members have it.
    """
    histories = [get_history(manager, speaker)]
    delivery: Delivery = Receive(manager, speaker, reply, False, silent)
    if isinstance(speaker, ConversableAgent):
        histories.append(get_history(speaker, manager))
        delivery = Send(speaker, manager, reply, False, silent)
    lengths = [len(history) for history in histories]
    try:
        yield from run_loop(delivery)
        # An override of `send` or `receive` may drop the message.
        if len(histories[0]) == lengths[0]:
            raise ValueError(f"{speaker.name!r} replied, but did not send its reply to {manager.name!r}.")
        message = histories[0][-1]
        # Raises if the record can't hold the content.
        content_str(message.get("content"))
    except BaseException:
        control = get_control()
        if control is not None and control.is_stopped and len(histories[0]) > lengths[0]:
            yield from _record_and_broadcast(manager, group, histories[0][-1], speaker)
            raise
        for history, length in zip(histories, lengths, strict=True):
            del history[length:]
        raise
    return message


def _get_names(receivers: object) -> list[str]:
    """Return the names of the receivers of a message: agents or names, one or several."""
    several = receivers if isinstance(receivers, (list, tuple, set, frozenset)) else [receivers]
    return [str(getattr(receiver, "name", receiver)) for receiver in several]


def broadcast(manager: AgentCore, group: Group, message: Message, speaker: Agent | None) -> Steps[None]:
    """Send a message to all members but the speaker, or to its receivers.

    If sending to a member fails, the others receive the message before the error is raised.
    """
    members = [agent for agent in group.agents if agent is not speaker]
    receivers = None if message.get("receivers") is None else _get_names(message["receivers"])
    if receivers is not None or group.visible_to is not None:
        members = [agent for agent in members if _can_see(group, agent, message, receivers)]
    # One object for all members, and one for all histories of the manager.
    received = to_stored_form(message, "user", manager.name)
    sent = to_stored_form(message, "assistant", manager.name)
    if received is None or sent is None:
        # Neither content nor calls: the members refuse the message.
        for agent in members:
            yield from _send_to_member(manager, agent, message, None)
        return
    quiet_classes: set[type] = set()
    if _uses_builtin_send(manager):
        # Once per class, because a group may have a hundred members.
        quiet_classes = {kind for kind in set(map(type, members)) if _QUIET_RECEIVE.is_class_untouched(kind)}
    histories = get_histories(manager)
    pending = iter(members)
    try:
        for agent in pending:
            if type(agent) in quiet_classes and vars(agent).keys().isdisjoint(_RECEIVING_METHODS):
                histories.setdefault(agent, []).append(sent)
                get_histories(agent).setdefault(manager, []).append(received)  # type: ignore[arg-type]
            else:
                yield from _send_to_member(manager, agent, message, received)
    except BaseException:
        for agent in pending:
            if isinstance(agent, ConversableAgent):
                get_history(agent, manager).append(received)
        raise


def _deliver_quietly(manager: AgentCore, agent: AgentCore, message: Message) -> None:
    """Append a message to the histories of a member and of the manager, without calling `send` and `receive`."""
    get_history(agent, manager).append(to_stored_form(message, "user", manager.name) or {})
    get_history(manager, agent).append(to_stored_form(message, "assistant", manager.name) or {})


def _send_to_member(manager: AgentCore, agent: Agent, message: Message, received: Message | None) -> Steps[None]:
    """Send a message to one member; the member has it in its history even if sending fails."""
    history = get_history(agent, manager) if isinstance(agent, ConversableAgent) else None
    length = len(history or ())
    try:
        yield from run_loop(Send(manager, agent, message, False, True))
    except BaseException:
        if history is not None and len(history) == length and received is not None:
            history.append(received)
        raise


def _can_see(group: Group, agent: Agent, message: Message, receivers: list[str] | None) -> bool:
    if receivers is not None and agent.name not in receivers:
        return False
    return group.visible_to is None or bool(group.visible_to(message, agent))


_QUIET_SEND = MethodSet("send", "a_send", "_append_oai_message", *BEFORE_SENDING.names)
_QUIET_RECEIVE = MethodSet(*_RECEIVING_METHODS)


def _uses_builtin_send(manager: AgentCore) -> bool:
    """Return True if sending has no effect but two appends: no override, hook, log or output."""
    hooks = manager.hook_lists
    return (
        not runtime_logging.is_logging
        and manager.silent is not False
        and not (hooks["process_message_before_send"] or hooks.get("a_process_message_before_send"))
        and _QUIET_SEND.is_untouched(manager)
    )
