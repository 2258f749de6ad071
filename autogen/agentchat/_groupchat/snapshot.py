"""The state of a group chat as a plain document, with its manager and its members."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .._agent.snapshot import VERSION, State, StateError, check_document, encode_messages
from .._core.internals import internals
from .._core.protocols import GroupManager
from .._core.selection_strategy import get_selection_strategy
from ..agent import Agent


def save_group(manager: GroupManager, manager_state: State) -> State:
    """Return the state of a group chat: its record, its manager and its members, including their own groups."""
    group, last_speaker = manager.groupchat, internals(manager).last_speaker
    return {
        "type": "group",
        "version": VERSION,
        "name": manager.name,
        "messages": encode_messages(manager.name, group.messages),
        "last_speaker": last_speaker.name if last_speaker else None,
        "manager": manager_state,
        "members": {agent.name: agent.save_state() for agent in group.agents if hasattr(agent, "save_state")},
        "selection": get_selection_strategy(group).save_state(),
    }


def load_group(
    manager: GroupManager,
    state: Mapping[str, Any],
    peers: Iterable[Agent],
    save_manager: Callable[[], State],
    load_manager: Callable[[Mapping[str, Any], Iterable[Agent]], None],
) -> None:
    """Restore the state of a group chat. If it can't be used, nothing is changed.

    Args:
        manager: Manager of the group.
        state: Document made by `save_group`.
        peers: Agents outside of the group that members have conversations with.
        save_manager: Saves the state of the manager alone.
        load_manager: Restores the state of the manager alone.

    Raises:
        StateError: if it is not a state of a group with this name and these members, or a peer is missing.
    """
    check_document(state, "group", manager.name)
    group = manager.groupchat
    savable: list[Any] = [agent for agent in group.agents if hasattr(agent, "load_state")]
    names = [agent.name for agent in savable]
    if sorted(names) != sorted(state["members"]) or len(set(names)) < len(names):
        raise StateError(f"The state is of the members {', '.join(state['members'])}; the group has {', '.join(names)}.")
    everybody = [*peers, manager, *group.nested_agents()]
    before = save_group(manager, save_manager())
    try:
        _load_agents(state, savable, everybody, load_manager)
    except StateError:
        _load_agents(before, savable, everybody, load_manager)
        raise
    group.messages[:] = [dict(message) for message in state["messages"]]
    # Members of a chat in progress have been introduced.
    group.send_introductions = group.send_introductions and not group.messages
    if state.get("selection"):
        get_selection_strategy(group).load_state(state["selection"], group)
    last_speaker = state["last_speaker"]
    internals(manager).last_speaker = next((agent for agent in everybody if agent.name == last_speaker), None)


def _load_agents(
    state: Mapping[str, Any],
    members: Iterable[Any],
    everybody: list[Agent],
    load_manager: Callable[[Mapping[str, Any], Iterable[Agent]], None],
) -> None:
    load_manager(state["manager"], everybody)
    for agent in members:
        agent.load_state(state["members"][agent.name], everybody)
