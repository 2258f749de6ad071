"""A run of a group chat: who speaks is heard by all, then the next speaker is chosen.

Messages are built once and held by reference: a round costs two appends for each listener, however long the talk is.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from .. import runtime_logging
from .._drive import Steps, ask
from ..exception_utils import NoEligibleSpeaker
from ..formatting_utils import colored
from ..io.base import IOStream
from ._clear_history import clear_as_told
from ._exchange import Hear, Say, exchange
from ._messages import stored_form
from ._overrides import BOOK
from ._result import StopReason
from ._two_agents import using_cache
from .agent import Agent, Message
from .conversable_agent import ConversableAgent

if TYPE_CHECKING:
    from .groupchat import GroupChat

logger = logging.getLogger("autogen.agentchat.groupchat")

_BY_THE_BOOK = ("receive", "a_receive", "_process_received_message", "_append_oai_message", "_message_to_dict")


def run(manager: ConversableAgent, group: GroupChat, messages: list[Message], sender: Agent) -> Steps[tuple[bool, None]]:
    """Hold the talk that begins with the last message, until somebody ends it or the rounds are used up."""
    silent = getattr(manager, "_silent", False)
    if group.send_introductions and group.max_round:
        yield from _introduce(manager, group)
    members = [agent for agent in group.agents if hasattr(agent, "client_cache")]
    cache = getattr(manager, "client_cache", None)
    with using_cache(cache, *(members if cache is not None else ())):
        manager._stop_reasons[sender] = yield from _talk(manager, group, messages[-1], sender, silent)
    return True, None


def _introduce(manager: ConversableAgent, group: GroupChat) -> Steps[None]:
    for agent in group.agents:
        yield from exchange(Say(manager, agent, group.introductions_msg(), False, True))


def _talk(manager: ConversableAgent, group: GroupChat, message: Message, speaker: Agent, silent: bool) -> Steps[StopReason]:
    for round_number in range(1, group.max_round + 1):
        manager._last_speaker = speaker
        spoken = message.get("content")
        group.append(message, speaker)
        heard = {**message, "content": spoken} if isinstance(spoken, list) else message  # the record has text only
        yield from broadcast(manager, group, heard, speaker)
        if manager._is_termination_msg(message):
            return StopReason.TERMINATION_MESSAGE
        if round_number == group.max_round:
            break
        try:
            speaker, reply = yield from _next_turn(manager, group, speaker, silent)
        except NoEligibleSpeaker as error:
            logger.warning("The group chat ends: %s", error)
            return StopReason.NO_ELIGIBLE_SPEAKER
        if reply is None:
            reasons: dict[Any, StopReason] = getattr(speaker, "_stop_reasons", {})
            return reasons.get(manager) or StopReason.NO_REPLY
        if group.enable_clear_history and isinstance(reply, dict):
            reply = clear_as_told(manager, group, reply)
        message = yield from _said_to(manager, group, reply, speaker, silent)
    return StopReason.MAX_ROUND


def _next_turn(manager: ConversableAgent, group: GroupChat, last: Agent, silent: bool) -> Steps[tuple[Agent, Any]]:
    """Choose the next speaker, who answers. On Ctrl-C the administrator takes over, if there is one."""
    try:
        speaker = yield from group._next_speaker(last, manager)
        if not silent:
            IOStream.get_default().print(colored(f"\nNext speaker: {speaker.name}\n", "green"), flush=True)
        reply = yield from ask(speaker.generate_reply, speaker.a_generate_reply, sender=manager)
    except KeyboardInterrupt:
        admin = group.agent_by_name(group.admin_name)
        if admin is None:
            raise
        speaker = admin
        reply = yield from ask(speaker.generate_reply, speaker.a_generate_reply, sender=manager)
    return speaker, reply


def _said_to(manager: ConversableAgent, group: GroupChat, reply: Any, speaker: Agent, silent: bool) -> Steps[Message]:
    """Let the speaker send its reply to the manager; returns it as the manager has it."""
    history = manager._history(speaker)
    before = len(history)
    if isinstance(speaker, ConversableAgent):
        yield from exchange(Say(speaker, manager, reply, False, silent))
    else:
        yield from exchange(Hear(manager, speaker, reply, False, silent))
    if len(history) == before:  # an override kept it back
        raise ValueError(f"{speaker.name!r} answered, but did not send its answer to {manager.name!r}.")
    message = history[-1]
    if isinstance(reply, dict) and reply.get("receivers") is not None:
        message["receivers"] = list(reply["receivers"])
    return message


def broadcast(manager: ConversableAgent, group: GroupChat, message: Message, speaker: Agent) -> Steps[None]:
    """Let all members but the speaker hear a message, or those that it is for."""
    receivers = message.get("receivers")
    shared: Any = None  # the two forms in which it is kept: by the manager, and by the members
    sends_by_the_book = _sends_by_the_book(manager)
    for agent in group.agents:
        if agent is speaker or not _may_hear(group, agent, message, receivers):
            continue
        if not (sends_by_the_book and _hears_by_the_book(agent)):
            yield from exchange(Say(manager, agent, message, False, True))
            continue
        if shared is None:
            shared = (stored_form(message, "assistant", manager.name), stored_form(message, "user", manager.name))
        manager._history(agent).append(shared[0])
        agent._history(manager).append(shared[1])  # type: ignore[attr-defined]


def _may_hear(group: GroupChat, agent: Agent, message: Message, receivers: list[str] | None) -> bool:
    if receivers is not None and agent.name not in receivers:
        return False
    return group.visible_to is None or bool(group.visible_to(message, agent))


def _sends_by_the_book(manager: ConversableAgent) -> bool:
    """Whether nothing happens when the manager sends but that two histories grow."""
    own, kind = vars(manager), type(manager)
    hooks = manager.hook_lists
    return (
        not runtime_logging.is_logging
        and manager.silent is not False
        and not (hooks["process_message_before_send"] or hooks["a_process_message_before_send"])
        and all(name not in own and getattr(kind, name) is BOOK[name] for name in ("send", "a_send", "_append_oai_message"))
    )


def _hears_by_the_book(agent: Any) -> bool:
    own, kind = vars(agent), type(agent)
    return isinstance(agent, ConversableAgent) and all(
        name not in own and getattr(kind, name) is BOOK[name] for name in _BY_THE_BOOK
    )
