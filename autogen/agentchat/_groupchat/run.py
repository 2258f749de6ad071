"""A run of a group chat: who speaks is heard by all, then the next speaker is chosen.

Messages are built once and held by reference: a round costs two appends for each listener, however long the talk is.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

from ... import events, runtime_logging
from ..._steps import Steps, invoke
from ...code_utils import content_str
from ...exception_utils import NoEligibleSpeaker
from ...formatting_utils import colored
from ...io.base import IOStream
from ...operations import Operation, perform
from .._chats.message_loop import Delivery, Receive, Send, run_loop
from .._chats.two_agents import use_cache
from .._core.internals import get_histories, get_history, get_managed_group, internals
from .._core.messages import to_stored_form
from .._core.overrides import ORIGINAL_METHODS
from .._core.protocols import AgentCore, Group
from .._core.result import StopReason
from .._core.selection_strategy import get_selection_method
from .._core.termination import get_termination_test
from ..agent import Agent, Message
from ..conversable_agent import ConversableAgent
from .clear_history import clear_as_told
from .pending_calls import pending_names

logger = logging.getLogger("autogen.agentchat.groupchat")

_OWN = frozenset(("receive", "a_receive", "_process_received_message", "_append_oai_message", "_message_to_dict"))
"""The methods that hearing a message takes; an agent may have them of its own."""


def run_group_chat(
    manager: AgentCore, group: Group, messages: list[Message], sender: Agent
) -> Steps[tuple[bool, str | None]]:
    """Hold the talk that begins with the last message, until somebody ends it or the rounds are used up.

    Returns:
        `(True, None)`: a manager does not answer. One that is a member of the sender's group does, by what its own group
        said last.
    """
    silent = getattr(manager, "_silent", False)
    for agent in group.agents:
        if isinstance(agent, ConversableAgent):
            # forget why it stopped in an earlier run
            internals(agent).stop_reasons.pop(manager, None)
    opening = _own_copy(get_history(manager, sender), messages[-1])
    outer_group = get_managed_group(sender)
    is_member = outer_group is not None and manager in outer_group.agents
    members = [agent for agent in group.agents if hasattr(agent, "client_cache")]
    cache = getattr(manager, "client_cache", None)
    with use_cache(cache, *(members if cache is not None else ())):
        if is_member:
            yield from _sync_from_outer_group(manager, group, messages[:-1])
        if group.send_introductions and group.max_round:
            yield from _introduce(manager, group)
        internals(manager).stop_reasons[sender] = yield from _run_rounds(manager, group, opening, sender, silent)
    return True, _last_text(group, opening) if is_member else None


def _own_copy(history: list[Message], message: Message) -> Message:
    """The message as a dict that may be changed: others may hold this one, too."""
    copied = dict(message)
    if history and history[-1] is message:
        history[-1] = copied
    return copied


def _sync_from_outer_group(manager: AgentCore, group: Group, messages: list[Message]) -> Steps[None]:
    """Let the members know what was said in the outer group since this one spoke there."""
    start = max((place + 1 for place, message in enumerate(messages) if message.get("name") == manager.name), default=0)
    for message in messages[start:]:
        if message.get("content") and not (message.get("tool_calls") or message.get("tool_responses")):
            group.messages.append({**message, "content": content_str(message["content"])})
            yield from broadcast(manager, group, message, None)


def _last_text(group: Group, opening: Message) -> str | None:
    """What was said last after the opening, without the word that ended the talk; None if nothing was."""
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
    for round_number in range(1, group.max_round + 1):
        internals(manager).last_speaker = speaker
        spoken = message.get("content")
        group.append(message, speaker)
        heard = {**message, "content": spoken} if isinstance(spoken, list) else message  # the record has text only
        yield from broadcast(manager, group, heard, speaker)
        if get_termination_test(manager)(message):
            return StopReason.TERMINATION_MESSAGE
        if round_number == group.max_round:
            break
        try:
            speaker, reply = yield from _next_turn(manager, group, speaker, silent)
        except NoEligibleSpeaker as error:
            meant = get_selection_method(group).stop_reason
            logger.log(logging.INFO if meant else logging.WARNING, "The group chat ends: %s", error)
            return meant or StopReason.NO_ELIGIBLE_SPEAKER
        if reply is None:
            reason = internals(speaker).stop_reasons.get(manager) if isinstance(speaker, ConversableAgent) else None
            return reason or StopReason.NO_REPLY
        if group.enable_clear_history and isinstance(reply, dict):
            reply = clear_as_told(manager, group, reply)
        message = yield from _collect_reply(manager, group, reply, speaker, silent)
    return StopReason.MAX_ROUND


def _next_speaker(manager: AgentCore, group: Group, last: Agent) -> Steps[Agent]:
    """The next speaker; a chat that is taken up again has the one that was drawn or picked."""
    take = partial(group._next_speaker, last, manager)
    if not isinstance(group.speaker_selection_method, str):
        return (yield from take())

    def decode(stored: list[str]) -> Agent:
        name, group.last_selection = stored
        return next(agent for agent in group.agents if agent.name == name)

    selection = Operation(
        kind="speaker",
        key=lambda: manager.name,
        run=take,
        encode=lambda agent: [agent.name, group.last_selection],
        decode=decode,
    )
    return (yield from perform(selection))


def _deliver_pending_calls(manager: AgentCore, group: Group, speaker: Agent) -> None:
    """Who is to carry out calls has heard them, whoever they were for otherwise."""
    message = group.messages[-1]
    if pending_names(group.messages) is None or not isinstance(speaker, ConversableAgent):
        return
    last = get_history(speaker, manager)[-1:]
    if not last or any(last[0].get(key) != message.get(key) for key in ("tool_calls", "function_call")):
        get_history(speaker, manager).append(to_stored_form(message, "user", manager.name) or {})
        get_history(manager, speaker).append(to_stored_form(message, "assistant", manager.name) or {})


def _next_turn(manager: AgentCore, group: Group, last: Agent, silent: bool) -> Steps[tuple[Agent, Any]]:
    """Choose the next speaker, who answers. On Ctrl-C the administrator takes over, if there is one."""
    try:
        speaker = yield from _next_speaker(manager, group, last)
        _deliver_pending_calls(manager, group, speaker)
        if events.has_listeners:
            events.emit(events.SpeakerSelected(agent=manager.name, speaker=speaker.name, why=group.last_selection))
        if not silent:
            IOStream.get_default().print(colored(f"\nNext speaker: {speaker.name}\n", "green"), flush=True)
        reply = yield from get_selection_method(group).take_turn(speaker, manager, group)
    except KeyboardInterrupt:
        admin = group.agent_by_name(group.admin_name)
        if admin is None:
            raise
        speaker = admin
        reply = yield from invoke(speaker.generate_reply, speaker.a_generate_reply, sender=manager)
    return speaker, reply


def _collect_reply(manager: AgentCore, group: Group, reply: Any, speaker: Agent, silent: bool) -> Steps[Message]:
    """Let the speaker send its reply to the manager; returns it as the manager has it.

    If that fails, nobody has it: what is not on the record was not said.
    """
    histories = [get_history(manager, speaker)]
    move: Delivery = Receive(manager, speaker, reply, False, silent)
    if isinstance(speaker, ConversableAgent):
        histories.append(get_history(speaker, manager))
        move = Send(speaker, manager, reply, False, silent)
    lengths = [len(history) for history in histories]
    try:
        yield from run_loop(move)
        if len(histories[0]) == lengths[0]:  # an override kept it back
            raise ValueError(f"{speaker.name!r} answered, but did not send its answer to {manager.name!r}.")
        message = histories[0][-1]
        content_str(message.get("content"))  # the record takes nothing else
    except BaseException:
        for history, length in zip(histories, lengths, strict=True):
            del history[length:]
        raise
    return message


def _names(receivers: Any) -> list[str]:
    """The names of those who hear a message: agents or names, or one of these."""
    several = receivers if isinstance(receivers, (list, tuple, set, frozenset)) else [receivers]
    return [str(getattr(one, "name", one)) for one in several]


def broadcast(manager: AgentCore, group: Group, message: Message, speaker: Agent | None) -> Steps[None]:
    """Let all members but the speaker hear a message, or those that it is for.

    If one fails to receive it the others hear it all the same, before the failure is reported.
    """
    listeners = [agent for agent in group.agents if agent is not speaker]
    receivers = None if message.get("receivers") is None else _names(message["receivers"])
    if receivers is not None or group.visible_to is not None:
        listeners = [agent for agent in listeners if _may_hear(group, agent, message, receivers)]
    sent = to_stored_form(message, "assistant", manager.name)  # the two forms in which it is kept, by the manager
    heard = to_stored_form(message, "user", manager.name)  # and by the members: one object for all of them
    quick: dict[type, bool] = {}
    if not _uses_builtin_send(manager):
        quick = dict.fromkeys(map(type, listeners), False)
    theirs, place = get_histories(manager), 0
    try:
        for place, agent in enumerate(listeners):  # noqa: B007 - `place` is for the failure
            kind = type(agent)
            if kind not in quick:
                quick[kind] = _uses_builtin_receive(kind)
            if quick[kind] and vars(agent).keys().isdisjoint(_OWN):
                theirs.setdefault(agent, []).append(sent)  # type: ignore[arg-type]
                get_history(agent, manager).append(heard)  # type: ignore[arg-type]
            else:
                yield from _send_to_member(manager, agent, message, heard)
    except BaseException:
        for agent in listeners[place + 1 :]:
            if isinstance(agent, ConversableAgent):
                get_history(agent, manager).append(heard)  # type: ignore[arg-type]
        raise


def _send_to_member(manager: AgentCore, agent: Agent, message: Message, heard: Any) -> Steps[None]:
    """Send a message to one member. It remembers it also if something fails on the way."""
    history = get_history(agent, manager) if isinstance(agent, ConversableAgent) else None
    length = len(history or ())
    try:
        yield from run_loop(Send(manager, agent, message, False, True))
    except BaseException:
        if history is not None and len(history) == length:
            history.append(heard)
        raise


def _may_hear(group: Group, agent: Agent, message: Message, receivers: list[str] | None) -> bool:
    if receivers is not None and agent.name not in receivers:
        return False
    return group.visible_to is None or bool(group.visible_to(message, agent))


def _uses_builtin_send(manager: AgentCore) -> bool:
    """Whether nothing happens when the manager sends but that two histories grow."""
    own, kind = vars(manager), type(manager)
    hooks = manager.hook_lists
    return (
        not runtime_logging.is_logging
        and manager.silent is not False
        and not (hooks["process_message_before_send"] or hooks["a_process_message_before_send"])
        and all(
            name not in own and getattr(kind, name) is ORIGINAL_METHODS[name]
            for name in ("send", "a_send", "_append_oai_message")
        )
    )


def _uses_builtin_receive(kind: type) -> bool:
    """Whether nothing happens when such an agent receives but that its history grows."""
    return issubclass(kind, ConversableAgent) and all(getattr(kind, name) is ORIGINAL_METHODS[name] for name in _OWN)
