"""What a `GroupChat` must be like before it is used."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from ...graph_utils import check_graph_validity, invert_disallowed_to_allowed
from .._core.internals import group_internals
from .._core.protocols import Group
from ..agent import Agent

logger = logging.getLogger("autogen.agentchat.groupchat")

TRANSITION_TYPES = ["allowed", "disallowed", None]


def check(group: Group) -> None:
    """Put the fields into their final form, in the order in which mistakes are reported.

    Raises:
        ValueError: A field has a value that is not possible; the text names it.
    """
    _check_transitions(group)
    group.allowed_speaker_transitions_dict = transitions(group)
    check_graph_validity(group.allowed_speaker_transitions_dict, group.agents)
    _check_text(group, "select_speaker_message_template")
    group.select_speaker_prompt_template = group.select_speaker_prompt_template or None
    for field in (
        "role_for_select_speaker_messages",
        "select_speaker_auto_multiple_template",
        "select_speaker_auto_none_template",
    ):
        _check_text(group, field)
    retries = group.max_retries_for_selecting_speaker
    if not isinstance(retries, int):
        raise ValueError(f"max_retries_for_selecting_speaker must be an int, not {retries!r}.")
    if retries < 0:
        raise ValueError(f"max_retries_for_selecting_speaker must be greater than or equal to 0, not {retries}.")
    group_internals(group).transforms = _transforms(group.select_speaker_transform_messages)
    if not isinstance(group.select_speaker_auto_verbose, bool):
        raise ValueError(f"select_speaker_auto_verbose must be a bool, not {group.select_speaker_auto_verbose!r}.")


def _check_transitions(group: Group) -> None:
    repeat, given = group.allow_repeat_speaker, group.allowed_or_disallowed_speaker_transitions
    if repeat is not None and not isinstance(repeat, (bool, list)):
        raise ValueError(f"allow_repeat_speaker must be a bool or a list of Agents, not {repeat!r}.")
    kind = group.speaker_transitions_type
    if isinstance(kind, str):
        kind = group.speaker_transitions_type = kind.lower()
    if kind not in TRANSITION_TYPES:
        raise ValueError(f"speaker_transitions_type is {kind!r}; it must be one of {TRANSITION_TYPES}.")
    if repeat is None and given is None:
        group.allow_repeat_speaker = True
    if repeat is not None and given is not None:
        raise ValueError(
            "allow_repeat_speaker and allowed_or_disallowed_speaker_transitions are both given: set one to None. "
            "With transitions, an agent may speak again if it may follow itself."
        )
    if given is not None and kind is None:
        raise ValueError("With allowed_or_disallowed_speaker_transitions, speaker_transitions_type must be given.")


def transitions(group: Group) -> dict[Agent, list[Agent]]:
    """Who may speak after whom.

    Raises:
        ValueError: Somebody is mentioned who is no member.
    """
    members, given = group.agents, group.allowed_or_disallowed_speaker_transitions
    if given is None:
        repeat = group.allow_repeat_speaker
        again = members if repeat is True else repeat or []
        _check_members(group, "allow_repeat_speaker", again)
        repeaters = {id(agent) for agent in again}
        return {
            agent: [*(other for other in members if other is not agent), *([agent] if id(agent) in repeaters else [])]
            for agent in members
        }
    if group.speaker_transitions_type == "allowed" or not isinstance(given, dict):
        return given
    _check_members(group, "allowed_or_disallowed_speaker_transitions", given)
    for agent, refused in given.items():
        if not isinstance(refused, list):
            raise ValueError(f"The agents that may not follow {agent.name} must be a list, not a {type(refused).__name__}.")
    return invert_disallowed_to_allowed(given, members)


def _check_members(group: Group, field: str, agents: Any) -> None:
    members = {id(agent) for agent in group.agents}
    for agent in agents:
        if id(agent) not in members:
            raise ValueError(f"{field} mentions {getattr(agent, 'name', agent)!r}, who is not one of the agents.")


def _check_text(group: Group, field: str) -> None:
    if not getattr(group, field):
        raise ValueError(f"{field} cannot be empty or None.")


def _transforms(given: Any) -> Any:
    """What changes the messages that a model sees which chooses the speaker.

    Raises:
        ValueError: It is something else.
    """
    if given is None or callable(getattr(given, "_transform_messages", None)):
        return given
    raise ValueError("select_speaker_transform_messages must be None or MessageTransforms.")


def about(agent: Agent) -> str:
    """An agent's description, as others are told it."""
    return str(agent.description or "").strip()


def warn_of_silent_agents(group: Group, agents: Iterable[Agent]) -> None:
    """Warn of agents without a description, once in the life of the group."""
    for agent in agents:
        if not about(agent) and agent.name not in group_internals(group).reported_agents:
            group_internals(group).reported_agents.add(agent.name)
            logger.warning("The agent %r has no description: others don't know what it is good for.", agent.name)


def warn_of_descriptions(group: Group) -> None:
    """Warn, once in the life of the group, of descriptions by which a model can't tell its members apart."""
    if group_internals(group).has_checked_descriptions:
        return
    group_internals(group).has_checked_descriptions = True
    warn_of_silent_agents(group, group.agents)
    same = defaultdict(list)
    for agent in group.agents:
        same[about(agent)].append(agent.name)
    for text, names in same.items():
        if text and len(names) > 1:
            told = ", ".join(names)
            logger.warning("The agents %s have the same description, so a model can't tell them apart: %.80r.", told, text)
