"""What agents remember, as a plain document: to be kept anywhere, and brought back into new agents of the same names.

Models, tools, code and keys are no part of it: they belong to the program.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from .._core.result import StopReason
from .._core.selection_strategy import method_of
from ..agent import Agent, Message

if TYPE_CHECKING:
    from ..groupchat import GroupChatManager
    from .histories import HistoriesMixin

VERSION = 1

State = dict[str, Any]


class StateError(ValueError):
    """A document is no state of this agent, or of a version that is not known."""


def of_agent(agent: HistoriesMixin) -> State:
    """The state of an agent.

    Raises:
        TypeError: A message holds something that JSON can't.
        StateError: Two peers have the same name.
    """
    histories = {_peer(peer): messages for peer, messages in agent._oai_messages.items()}
    if len(histories) < len(agent._oai_messages):
        raise StateError(f"{agent.name!r} has talked to several agents of one name: their histories can't be told apart.")
    return {
        "type": "agent",
        "version": VERSION,
        "name": agent.name,
        "system_message": agent._oai_system_message[0]["content"],
        "description": agent._description,
        "histories": {peer: _as_json(agent, messages) for peer, messages in histories.items()},
        "auto_replies": {_peer(peer): count for peer, count in agent._consecutive_auto_reply_counter.items()},
        "limit": agent._max_consecutive_auto_reply,
        "limits": {_peer(peer): limit for peer, limit in agent._max_consecutive_auto_reply_dict.items()},
        "replies_at_receive": {_peer(peer): bool(answers) for peer, answers in agent.reply_at_receive.items()},
        "stop_reasons": {_peer(peer): reason.value for peer, reason in agent._stop_reasons.items()},
        "human_input": list(agent._human_input),
    }


def into_agent(agent: HistoriesMixin, state: Mapping[str, Any], peers: Iterable[Agent]) -> None:
    """Bring a state back. Nothing is changed if it can't be.

    Raises:
        StateError: It is no state of an agent of this name, or a peer is missing.
    """
    _check(state, "agent", agent.name)
    known: dict[str, Any] = {"": None, **{peer.name: peer for peer in peers}}
    mappings = {key: state[key] for key in ("histories", "auto_replies", "limits", "replies_at_receive", "stop_reasons")}
    if missing := sorted({name for mapping in mappings.values() for name in mapping} - known.keys()):
        raise StateError(f"{agent.name!r} has talked to {', '.join(missing)}: give these agents, too.")
    found = {key: {known[name]: value for name, value in mapping.items()} for key, mapping in mappings.items()}
    agent._oai_messages.clear()
    for peer, messages in found["histories"].items():
        agent._oai_messages[peer] = [dict(message) for message in messages]
    agent._oai_system_message[0]["content"] = state["system_message"]
    agent._description = state["description"]
    agent._max_consecutive_auto_reply = state["limit"]
    for mine, key in (
        (agent._consecutive_auto_reply_counter, "auto_replies"),
        (agent._max_consecutive_auto_reply_dict, "limits"),
        (agent.reply_at_receive, "replies_at_receive"),
    ):
        mine.clear()
        mine.update(found[key])
    agent._stop_reasons = {peer: StopReason(reason) for peer, reason in found["stop_reasons"].items()}
    agent._human_input = list(state["human_input"])


def of_group(manager: GroupChatManager) -> State:
    """The state of a group chat: its record, its manager and its members, groups among them with all theirs."""
    group = manager.groupchat
    return {
        "type": "group",
        "version": VERSION,
        "name": manager.name,
        "messages": _as_json(manager, group.messages),
        "last_speaker": manager._last_speaker.name if manager._last_speaker else None,
        "manager": of_agent(manager),
        "members": {agent.name: agent.save_state() for agent in group.agents if hasattr(agent, "save_state")},
        "selection": method_of(group).save_state(),
    }


def into_group(manager: GroupChatManager, state: Mapping[str, Any], peers: Iterable[Agent]) -> None:
    """Bring the state of a group chat back. Nothing is changed if it can't be.

    Raises:
        StateError: It is no state of a group of this name and of these members, or a peer is missing.
    """
    _check(state, "group", manager.name)
    group = manager.groupchat
    savable = [agent for agent in group.agents if hasattr(agent, "load_state")]
    names = [agent.name for agent in savable]
    if sorted(names) != sorted(state["members"]) or len(set(names)) < len(names):
        raise StateError(f"The state is of the members {', '.join(state['members'])}; the group has {', '.join(names)}.")
    everybody = [*peers, manager, *group.nested_agents()]
    before = of_group(manager)
    try:
        into_agent(manager, state["manager"], everybody)
        for agent in savable:
            agent.load_state(state["members"][agent.name], everybody)
    except StateError:
        into_agent(manager, before["manager"], everybody)
        for agent in savable:
            agent.load_state(before["members"][agent.name], everybody)
        raise
    group.messages[:] = [dict(message) for message in state["messages"]]
    group.send_introductions = group.send_introductions and not group.messages  # they were made
    if state.get("selection"):
        method_of(group).load_state(state["selection"], group)
    last = state["last_speaker"]
    manager._last_speaker = next((agent for agent in everybody if agent.name == last), None)


def _check(state: Mapping[str, Any], kind: str, name: str) -> None:
    found = state.get("type") if isinstance(state, Mapping) else None
    if found != kind:
        raise StateError(f"This is no state of {'an agent' if kind == 'agent' else 'a group chat'}: its type is {found!r}.")
    if state.get("version") != VERSION:
        raise StateError(f"The state has version {state.get('version')!r}; this program knows version {VERSION}.")
    if state.get("name") != name:
        raise StateError(f"The state is that of {state.get('name')!r}, and not of {name!r}.")


def _peer(peer: Agent | None) -> str:
    return "" if peer is None else peer.name


def _as_json(agent: HistoriesMixin, messages: list[Message]) -> list[Message]:
    """The messages as JSON has them.

    Raises:
        TypeError: One holds something that JSON can't.
    """
    for place, message in enumerate(messages):
        try:
            json.dumps(message)
        except (TypeError, ValueError) as error:
            raise TypeError(f"Message {place} of {agent.name!r} can't be saved: {error}") from None
    return json.loads(json.dumps(messages))  # type: ignore[no-any-return]
