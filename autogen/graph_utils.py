"""Who may speak after whom: graphs of speaker transitions, as a dict from each agent to those that may follow it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from ._extras import require
from .agentchat.agent import Agent

Transitions = dict[Any, list[Any]]

logger = logging.getLogger(__name__)


def has_self_loops(allowed_speaker_transitions: Transitions) -> bool:
    """Whether an agent may follow itself."""
    return any(agent in following for agent, following in allowed_speaker_transitions.items())


def check_graph_validity(allowed_speaker_transitions_dict: Transitions, agents: Sequence[Agent]) -> None:
    """Refuse a graph that can't be used, and warn of one that looks like a mistake.

    Raises:
        ValueError: It is no dict of lists, one of its agents is not in `agents`, or something in a list is no agent.
    """
    graph = allowed_speaker_transitions_dict
    if not isinstance(graph, dict):
        raise ValueError(f"Speaker transitions must be a dict, not a {type(graph).__name__}.")
    for agent, following in graph.items():
        if not isinstance(following, list):
            raise ValueError(f"The agents that may follow {_name(agent)} must be a list, not a {type(following).__name__}.")
    members = set(agents)
    for agent in graph:
        if agent not in members:
            raise ValueError(f"{_name(agent)} has transitions, but is not one of the agents.")
    proven: set[int] = set()  # the check is structural and slow; in a big graph each agent is met hundreds of times
    for agent, following in graph.items():
        for other in following:
            if id(other) not in proven and not isinstance(other, Agent):
                raise ValueError(f"What may follow {_name(agent)} must be agents, not {other!r}.")
            proven.add(id(other))
    _warn_of_mistakes(graph, members)


def _warn_of_mistakes(graph: Transitions, members: set[Any]) -> None:
    followers = {other for following in graph.values() for other in following}
    mentioned = followers | graph.keys()
    isolated = {agent for agent in members - followers if not graph.get(agent)}
    if isolated:
        logging.warning("The graph has isolated agents, that nobody follows and that follow nobody: %s", _names(isolated))
    if mentioned != members:
        text = "The agents of the transitions do not match agents: these are in one of them only: %s"
        logging.warning(text, _names(mentioned ^ members))
    for agent, following in graph.items():
        if len(set(following)) < len(following):
            twice = {other for other in following if following.count(other) > 1}
            logging.warning("The transitions of %s have duplicate agents: %s", _name(agent), _names(twice))


def invert_disallowed_to_allowed(disallowed_speaker_transitions_dict: Transitions, agents: Sequence[Agent]) -> Transitions:
    """All transitions but those that are disallowed, an agent's to itself among them.

    Raises:
        KeyError: An agent with disallowed transitions is not one of `agents`.
    """
    allowed = {agent: list(agents) for agent in agents}
    for agent, refused in disallowed_speaker_transitions_dict.items():
        without = set(refused)
        allowed[agent] = [other for other in allowed[agent] if other not in without]
    return allowed


def visualize_speaker_transitions_dict(
    speaker_transitions_dict: Transitions, agents: Sequence[Agent], export_path: str | None = None
) -> None:
    """Draw the graph, into a file or on the screen.

    Args:
        speaker_transitions_dict: For each agent those that may speak after it.
        agents: The members.
        export_path: The file; None shows the graph on the screen.

    Raises:
        ImportError: networkx or matplotlib is not installed.
    """
    try:
        networkx = require("networkx", extra="graph", feature="Drawing speaker transitions")
        pyplot = require("matplotlib.pyplot", extra="graph", feature="Drawing speaker transitions")
    except ImportError as error:
        logger.critical("%s", error)
        raise
    graph = networkx.DiGraph()
    graph.add_nodes_from(agent.name for agent in agents)
    graph.add_edges_from((a.name, b.name) for a, following in speaker_transitions_dict.items() for b in following)
    figure = pyplot.figure(figsize=(8, 6))
    networkx.draw(graph, networkx.circular_layout(graph), with_labels=True, node_color="lightblue", node_size=2500)
    if export_path is not None:
        pyplot.savefig(export_path)
    else:
        pyplot.show()
    pyplot.close(figure)


def _name(agent: Any) -> str:
    return str(getattr(agent, "name", agent))


def _names(agents: Any) -> str:
    return ", ".join(sorted(_name(agent) for agent in agents))
