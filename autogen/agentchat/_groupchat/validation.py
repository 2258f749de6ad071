"""Validation of a `GroupChat`."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Iterable
from types import FunctionType
from typing import TypeVar

from ...graph_utils import check_graph_validity, invert_disallowed_to_allowed
from .._contexts.transform import check_transform
from .._core.internals import group_internals, is_conversable
from .._core.protocols import Group
from .._core.selection_strategy import check_policies
from .._core.termination import call_predicate, is_default_termination
from ..agent import Agent, Message

logger = logging.getLogger("autogen.agentchat.groupchat")

T = TypeVar("T")

TRANSITION_TYPES = ["allowed", "disallowed", None]


def validate_group(group: Group) -> None:
    """Validate the fields of a group and bring them into their final form.

    Raises:
        ValueError: A field has an invalid value; the message names the field.
    """
    _validate_members(group)
    _validate_transitions(group)
    check_policies(group.eligibility_policies)
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
    if group.select_speaker_model_context is not None:
        check_transform(group.select_speaker_model_context, "select_speaker_model_context")
    if not isinstance(group.select_speaker_auto_verbose, bool):
        raise ValueError(f"select_speaker_auto_verbose must be a bool, got {group.select_speaker_auto_verbose!r}.")


def require_group(group: object) -> None:
    """Require a group chat.

    Raises:
        TypeError: It is something else.
    """
    # By its attributes: a program may have a class of its own.
    if not hasattr(group, "agents"):
        hint = ": GroupChatManager(GroupChat(agents))" if isinstance(group, (list, tuple)) else ""
        raise TypeError(f"groupchat must be a GroupChat, got {group!r}{hint}.")


def _validate_members(group: Group) -> None:
    if not isinstance(group.agents, (list, tuple)):
        raise ValueError(f"agents must be a list of agents, got {group.agents!r}.")
    for agent in group.agents:
        if not hasattr(agent, "name"):
            raise ValueError(f"agents must be a list of agents, got {agent!r} in it.")
    # An error would end programs of 0.2, which get along with them in `round_robin`.
    for name, count in Counter(agent.name for agent in group.agents).items():
        if count > 1:
            logger.warning(
                "%d agents of the group have the name %r: their messages look the same. Rename them.", count, name
            )
    if not hasattr(group.messages, "append"):
        raise ValueError(f"messages must be a list, got {group.messages!r}.")
    # Infinity counts, too.
    if not isinstance(group.max_round, (int, float)):
        raise ValueError(f"max_round must be a number, got {group.max_round!r}.")


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


def warn_of_idle_test(group: Group, speaker: Agent, message: Message) -> None:
    """Log once per agent that its message passes its own termination test, which nobody applies in a group."""
    if not is_conversable(speaker) or speaker not in group.agents or speaker.name in group_internals(group).reported_tests:
        return
    test = speaker._is_termination_msg
    # A condition would count the message.
    if type(test) is not FunctionType or test is is_default_termination:
        return
    try:
        passes = call_predicate(test, message)
    except Exception as error:  # noqa: BLE001 - it is written for messages of other agents
        logger.debug("The termination test of %r fails on its own message: %s", speaker.name, error)
        return
    if passes:
        group_internals(group).reported_tests.add(speaker.name)
        logger.warning(
            "The message of %r passes its own is_termination_msg, which ends nothing in a group chat: the test of the "
            "GroupChatManager is applied. Pass is_termination_msg to the manager.",
            speaker.name,
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
            logger.warning("The agents %s have the same description, so a model can't tell them apart: %.80r", joined, text)
