"""Agents for another session: the same definition, with nothing remembered."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from .._core import unmatched_tools
from .._core.selection_strategy import SelectionMethod
from .._core.termination import BoundCondition, bind_condition
from .._replies.registry import copy_config

if TYPE_CHECKING:
    from ..groupchat import GroupChatManager
    from .histories import HistoriesMixin

A = TypeVar("A", bound="HistoriesMixin")
G = TypeVar("G", bound="GroupChatManager")


def of_agent(agent: A) -> A:
    """An agent of the same class, name, model, tools, hooks and reply functions."""
    twin = copy.copy(agent)
    twin._oai_messages = defaultdict(list)
    twin._oai_system_message = [dict(message) for message in agent._oai_system_message]
    twin._consecutive_auto_reply_counter = defaultdict(int)
    twin._max_consecutive_auto_reply_dict = defaultdict(partial(general_limit, twin))
    twin.reply_at_receive = defaultdict(bool)
    twin._human_input, twin._finished_chats = [], []
    twin._stop_reasons, twin._repeat_counters, twin._summary_errors = {}, {}, {}
    twin._last_speaker = twin.client_cache = None
    twin._checked_tools = set(agent._checked_tools)
    twin._function_map = dict(agent._function_map)
    twin.hook_lists = {point: list(hooks) for point, hooks in agent.hook_lists.items()}
    twin._reply_func_list = [{**row, "config": copy_config(row["init_config"])} for row in agent._reply_func_list]
    twin.llm_config = copy.deepcopy(agent.llm_config)
    if hasattr(agent.client, "rebuilt"):
        twin.client = agent.client.rebuilt(**twin.llm_config)  # type: ignore[arg-type]
        twin.client.begin_anew()
    if isinstance(agent._is_termination_msg, BoundCondition):
        twin._is_termination_msg = bind_condition(agent._is_termination_msg.condition)
    vars(twin).pop("_own_variables", None)
    _hand_over(twin, lambda one: one)
    unmatched_tools.remember(twin)
    return twin


def of_group(manager: G) -> G:
    """A manager with a group of its own, whose members are of the same definitions."""
    group = manager.groupchat
    members = {id(agent): agent.clone() if hasattr(agent, "clone") else agent for agent in group.agents}

    def mine(agents: Any) -> Any:
        return [members.get(id(agent), agent) for agent in agents]

    def place(agent: Any) -> Any:
        return members.get(id(agent), agent)

    method: Any = group.speaker_selection_method
    given, repeat = group.allowed_or_disallowed_speaker_transitions, group.allow_repeat_speaker
    own = replace(
        group,
        agents=mine(group.agents),
        messages=[],
        speaker_selection_method=method.for_members(place) if isinstance(method, SelectionMethod) else method,
        allow_repeat_speaker=mine(repeat) if isinstance(repeat, list) else None if given else repeat,
        allowed_or_disallowed_speaker_transitions=given and {mine([one])[0]: mine(after) for one, after in given.items()},
    )
    for agent in own.agents:
        _hand_over(agent, place)
    twin = of_agent(manager)
    twin._groupchat = own
    for row in twin._reply_func_list:
        if row["init_config"] is group:
            row["init_config"] = row["config"] = own
    return twin


def _hand_over(agent: Any, place: Callable[[Any], Any]) -> None:
    """Give an agent hand-offs of its own, to those who take the places of the others."""
    handoffs: Any = vars(agent).get("handoffs") if hasattr(agent, "__dict__") else None
    if hasattr(handoffs, "for_members"):
        agent.handoffs = handoffs.for_members(place)


def general_limit(agent: HistoriesMixin) -> int:
    """The limit of automatic replies for a peer that has none of its own."""
    return agent.max_consecutive_auto_reply()
