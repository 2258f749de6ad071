"""Validation of a `GroupChat`."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable
from typing import TypeVar

from ...graph_utils import check_graph_validity, invert_disallowed_to_allowed
from .._core.internals import group_internals
from .._core.protocols import Group
from ..agent import Agent

logger = logging.getLogger("autogen.agentchat.groupchat")

T = TypeVar("T")

TRANSITION_TYPES = ["allowed", "disallowed", None]


def validate_group(group: Group) -> None:
    """Validate the fields of a group and bring them into their final form.

    Raises:
        ValueError: A field has an invalid value; the message names the field.
    """
    _validate_transitions(group)
    group.allowed_speaker_transitions_dict = build_transitions(group)
    check_graph_validity(group.allowed_speaker_transitions_dict, group.agents)
    _require_text(group, "select_speaker_message_template")
    group.select_speaker_prompt_template = group.select_speaker_prompt_template or None
    for field in (
        "role_for_select_speaker_messages",
        "select_speaker_auto_multiple_template",
        "select_speaker_auto_none_template",
    ):
        _require_text(group, field)
    retries = group.max_retries_for_selecting_speaker
    if not isinstance(retries, int):
        raise ValueError(f"max_retries_for_selecting_speaker must be an int, got {retries!r}.")
    if retries < 0:
        raise ValueError(f"max_retries_for_selecting_speaker must be greater than or equal to 0, got {retries}.")
    group_internals(group).transforms = _validate_transforms(group.select_speaker_transform_messages)
    if not isinstance(group.select_speaker_auto_verbose, bool):
        raise ValueError(f"select_speaker_auto_verbose must be a bool, got {group.select_speaker_auto_verbose!r}.")


def _validate_transitions(group: Group) -> None:
    repeat, transitions = group.allow_repeat_speaker, group.allowed_or_disallowed_speaker_transitions
    if repeat is not None and not isinstance(repeat, (bool, list)):
        raise ValueError(f"allow_repeat_speaker must be a bool or a list of Agents, got {repeat!r}.")
    kind = group.speaker_transitions_type
    if isinstance(kind, str):
        kind = group.speaker_transitions_type = kind.lower()
    if kind not in TRANSITION_TYPES:
        raise ValueError(f"speaker_transitions_type must be one of {TRANSITION_TYPES}, got {kind!r}.")
    if repeat is None and transitions is None:
        group.allow_repeat_speaker = True
    if repeat is not None and transitions is not None:
        raise ValueError(
            "allow_repeat_speaker and allowed_or_disallowed_speaker_transitions are both given: set one to None. "
            "With transitions, an agent may speak again if it may follow itself."
        )
    if transitions is not None and kind is None:
        raise ValueError("With allowed_or_disallowed_speaker_transitions, speaker_transitions_type must be given.")


def build_transitions(group: Group) -> dict[Agent, list[Agent]]:
    """Return the agents that may follow each agent.

    Raises:
        ValueError: An agent in the fields is not a member.
    """
    members, transitions = group.agents, group.allowed_or_disallowed_speaker_transitions
    if transitions is None:
        repeat = group.allow_repeat_speaker
        repeatable = members if repeat is True else repeat or []
        _require_members(group, "allow_repeat_speaker", repeatable)
        repeaters = {id(agent) for agent in repeatable}
        return {
            agent: [*(other for other in members if other is not agent), *([agent] if id(agent) in repeaters else [])]
            for agent in members
        }
    if group.speaker_transitions_type == "allowed" or not isinstance(transitions, dict):
        return transitions
    _require_members(group, "allowed_or_disallowed_speaker_transitions", transitions)
    for agent, excluded in transitions.items():
        if not isinstance(excluded, list):
            raise ValueError(f"The agents that may not follow {agent.name} must be a list, got a {type(excluded).__name__}.")
    return invert_disallowed_to_allowed(transitions, members)


def _require_members(group: Group, field: str, agents: Iterable[Agent]) -> None:
    members = {id(agent) for agent in group.agents}
    for agent in agents:
        if id(agent) not in members:
            raise ValueError(f"{field} mentions {getattr(agent, 'name', agent)!r}, who is not one of the agents.")


def _require_text(group: Group, field: str) -> None:
    if not getattr(group, field):
        raise ValueError(f"{field} cannot be empty or None.")


def _validate_transforms(transforms: T) -> T:
    """Return the transforms of the messages that the selecting model sees.

    Raises:
        ValueError: They are neither None nor message transforms.
    """
    if transforms is None or callable(getattr(transforms, "_transform_messages", None)):
        return transforms
    raise ValueError("select_speaker_transform_messages must be None or MessageTransforms.")


def get_description(agent: Agent) -> str:
    """Return the description of an agent, as other agents see it."""
    return str(agent.description or "").strip()


def warn_of_missing_descriptions(group: Group, agents: Iterable[Agent]) -> None:
    """Warn about agents without a description, once per group and agent."""
    for agent in agents:
        if not get_description(agent) and agent.name not in group_internals(group).reported_agents:
            group_internals(group).reported_agents.add(agent.name)
            logger.warning(
                "The agent %r has no description: the model that selects speakers can't tell when it should speak.",
                agent.name,
            )


def warn_of_equal_descriptions(group: Group) -> None:
    """Warn once per group about members whose descriptions are equal or missing."""
    if group_internals(group).has_checked_descriptions:
        return
    group_internals(group).has_checked_descriptions = True
    warn_of_missing_descriptions(group, group.agents)
    names_by_description = defaultdict(list)
    for agent in group.agents:
        names_by_description[get_description(agent)].append(agent.name)
    for text, names in names_by_description.items():
        if text and len(names) > 1:
            joined = ", ".join(names)
            logger.warning("The agents %s have the same description, so a model can't tell them apart: %.80r.", joined, text)
