"""Graphs of speaker transitions: dicts from each agent to the list of agents that may speak next."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, TypeVar, runtime_checkable

from ._extras import require

logger = logging.getLogger(__name__)


# Smaller than `agentchat.Agent`, so that this module does not depend on the agents that use it.
@runtime_checkable
class Speaker(Protocol):
    """An object with a name: a node of the graph."""

    @property
    def name(self) -> str:
        """The name of the speaker."""
        ...


S = TypeVar("S", bound=Speaker)


def has_self_loops(allowed_speaker_transitions: Mapping[S, Sequence[S]]) -> bool:
    """Return True if an agent may speak twice in a row."""
    return any(agent in successors for agent, successors in allowed_speaker_transitions.items())


def check_graph_validity(allowed_speaker_transitions_dict: Mapping[S, Sequence[S]], agents: Sequence[S]) -> None:
    """Validate a graph, and log warnings about probable mistakes.

    Args:
        allowed_speaker_transitions_dict: For each agent, the agents that may speak next.
        agents: The members of the group.

    Raises:
        ValueError: if the graph is not a dict of lists, has an agent that is not in `agents`, or allows a transition to an
            object that is not an agent.
    """
    graph = allowed_speaker_transitions_dict
    if not isinstance(graph, dict):
        raise ValueError(f"Speaker transitions must be a dict, not a {type(graph).__name__}.")
    for agent, successors in graph.items():
        if not isinstance(successors, list):
            raise ValueError(
                f"The agents that may follow {_get_name(agent)} must be a list, not a {type(successors).__name__}."
            )
    members = set(agents)
    for agent in graph:
        if agent not in members:
            raise ValueError(f"{_get_name(agent)} has transitions, but is not one of the agents.")
    # Checks against a protocol are slow, and each agent occurs many times in a large graph.
    checked: set[int] = set()
    for agent, successors in graph.items():
        for successor in successors:
            if id(successor) not in checked and not isinstance(successor, Speaker):
                raise ValueError(f"The agents that may follow {_get_name(agent)} must be agents, not {successor!r}.")
            checked.add(id(successor))
    _warn_of_mistakes(graph, members)


def _warn_of_mistakes(graph: Mapping[S, Sequence[S]], members: set[S]) -> None:
    targets = {successor for successors in graph.values() for successor in successors}
    mentioned = targets | graph.keys()
    isolated = {agent for agent in members - targets if not graph.get(agent)}
    if isolated:
        logging.warning("The graph has isolated agents, with no transition to or from another: %s", _list_names(isolated))
    if mentioned != members:
        text = "The agents of the transitions do not match agents: these are in one of them only: %s"
        logging.warning(text, _list_names(mentioned ^ members))
    for agent, successors in graph.items():
        if len(set(successors)) < len(successors):
            duplicates = {successor for successor in successors if successors.count(successor) > 1}
            logging.warning("The transitions of %s have duplicate agents: %s", _get_name(agent), _list_names(duplicates))


def invert_disallowed_to_allowed(
    disallowed_speaker_transitions_dict: Mapping[S, Sequence[S]], agents: Sequence[S]
) -> dict[S, list[S]]:
    """Return all transitions that are not disallowed, including those from an agent to itself.

    Args:
        disallowed_speaker_transitions_dict: For each agent, the agents that may not speak next.
        agents: The members of the group.

    Raises:
        KeyError: if an agent with disallowed transitions is not in `agents`.
    """
    allowed = {agent: list(agents) for agent in agents}
    for agent, successors in disallowed_speaker_transitions_dict.items():
        disallowed = set(successors)
        allowed[agent] = [successor for successor in allowed[agent] if successor not in disallowed]
    return allowed


def visualize_speaker_transitions_dict(
    speaker_transitions_dict: Mapping[S, Sequence[S]], agents: Sequence[S], export_path: str | None = None
) -> None:
    """Draw the graph into a file or on the screen.

    Args:
        speaker_transitions_dict: For each agent, the agents that may speak next.
        agents: The members of the group.
        export_path: The path of the image file; None for the screen.

    Raises:
        ImportError: if networkx or matplotlib is not installed.
    """
    try:
        networkx = require("networkx", extra="graph", feature="Drawing speaker transitions")
        pyplot = require("matplotlib.pyplot", extra="graph", feature="Drawing speaker transitions")
    # As in 0.2, the log says so too.
    except ImportError as error:
        logger.critical("%s", error)
        raise
    graph = networkx.DiGraph()
    graph.add_nodes_from(agent.name for agent in agents)
    graph.add_edges_from((a.name, b.name) for a, successors in speaker_transitions_dict.items() for b in successors)
    figure = pyplot.figure(figsize=(8, 6))
    networkx.draw(graph, networkx.circular_layout(graph), with_labels=True, node_color="lightblue", node_size=2500)
    if export_path is not None:
        pyplot.savefig(export_path)
    else:
        pyplot.show()
    pyplot.close(figure)


def _get_name(agent: object) -> str:
    return str(getattr(agent, "name", agent))


def _list_names(agents: Iterable[object]) -> str:
    return ", ".join(sorted(map(_get_name, agents)))
