"""Cloning, saving and loading of a whole group chat."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from .._agent.group_member import rebind_handoffs
from .._agent.snapshot import VERSION, State, StateError, check_document, encode_messages
from .._core.internals import internals
from .._core.protocols import Group, GroupManager
from .._core.selection_strategy import SelectionMethod, get_selection_method
from ..agent import Agent


def clone_group(group: Group) -> Group:
    """Make a group of clones of the members, with an empty record.

    Transitions, selection method and hand-offs lead to the clones.
    """
    clones = {id(agent): agent.clone() if hasattr(agent, "clone") else agent for agent in group.agents}

    def get_clone(agent: Agent) -> Agent:
        return clones.get(id(agent), agent)

    def get_clones(agents: Iterable[Agent]) -> list[Agent]:
        return [get_clone(agent) for agent in agents]

    method, repeat = group.speaker_selection_method, group.allow_repeat_speaker
    transitions = group.allowed_or_disallowed_speaker_transitions
    clone: Group = replace(
        group,  # type: ignore[type-var]
        agents=get_clones(group.agents),
        messages=[],
        speaker_selection_method=method.rebind(get_clone) if isinstance(method, SelectionMethod) else method,
        # With transitions the field was derived from them.
        allow_repeat_speaker=get_clones(repeat) if isinstance(repeat, list) else None if transitions else repeat,
        allowed_or_disallowed_speaker_transitions=transitions
        and {get_clone(agent): get_clones(followers) for agent, followers in transitions.items()},
    )
    for agent in clone.agents:
        rebind_handoffs(agent, get_clone)
    return clone


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
        "selection": get_selection_method(group).save_state(),
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
        get_selection_method(group).load_state(state["selection"], group)
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
