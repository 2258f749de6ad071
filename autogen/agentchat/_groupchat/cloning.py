"""Cloning of a group chat."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from .._agent.group_member import rebind_handoffs
from .._core.protocols import Group
from .._core.selection_strategy import SelectionStrategy
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
        speaker_selection_method=method.rebind(get_clone) if isinstance(method, SelectionStrategy) else method,
        # With transitions the field was derived from them.
        allow_repeat_speaker=get_clones(repeat) if isinstance(repeat, list) else None if transitions else repeat,
        allowed_or_disallowed_speaker_transitions=transitions
        and {get_clone(agent): get_clones(followers) for agent, followers in transitions.items()},
    )
    for agent in clone.agents:
        rebind_handoffs(agent, get_clone)
    return clone
