"""State of agents and group chats that is not public, and the functions that reach it.

`internals(agent)` holds the bookkeeping of this package. The other accessors read private attributes of AutoGen 0.2, which
programs read and assign too. Most are an `attrgetter`, which runs in C: some are called on every message.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Literal, TypeGuard

from ..agent import Agent, Message
from .protocols import AgentCore, Group
from .repetition import RepeatCounter
from .result import StopReason


@dataclass(slots=True)
class AgentInternals:
    """Bookkeeping of one agent, created on first access.

    Attributes:
        stop_reasons: Why the last chat with each peer ended.
        repeat_counters: Last message to each peer, and how often it was sent in a row.
        summary_errors: Why the chat with a peer has no summary.
        checked_tools: Names of tools already checked for a missing counterpart.
        offered_functions: Functions behind the signatures that the model knows, by key of the config and name.
        offered_function: Function of the signature that is being added; None for a signature without a function.
        last_speaker: Author of the message being answered, for the manager of a group chat.
        group: Group chat that the agent manages, if any.
        is_resumed: True if the group chat was resumed and has not started again since.
        reply_plan: Reply functions to call, cached while the list of reply functions stays the same.
    """

    stop_reasons: dict[Agent | None, StopReason] = field(default_factory=dict)
    repeat_counters: dict[Agent, RepeatCounter] = field(default_factory=dict)
    summary_errors: dict[Agent, str] = field(default_factory=dict)
    checked_tools: set[str] = field(default_factory=set)
    offered_functions: dict[tuple[str, str], object] = field(default_factory=dict)
    offered_function: object = None
    last_speaker: Agent | None = None
    group: Group | None = None
    is_resumed: bool = False
    reply_plan: Any = None

    def start_chat(self, peer: Agent) -> None:
        """Forget the outcome of the last chat with `peer`."""
        self.stop_reasons.pop(peer, None)
        self.repeat_counters.pop(peer, None)
        self.summary_errors.pop(peer, None)


@dataclass(slots=True)
class GroupInternals:
    """Bookkeeping of one group chat, created on first access.

    Attributes:
        auto_reason: Why the last speaker selected by a model was selected.
        client: Config of the group's own model and the client made from it.
        transforms: Validated transforms of the messages shown to the selecting model.
        reported_agents: Names of agents already reported for a missing description.
        has_checked_descriptions: True if the descriptions were checked for duplicates.
    """

    auto_reason: str = ""
    client: tuple[Any, Any] | None = None
    transforms: Any = None
    reported_agents: set[str] = field(default_factory=set)
    has_checked_descriptions: bool = False


# one attribute for both: an agent is never a group
internals: Callable[[AgentCore], AgentInternals] = attrgetter("_internals")
group_internals: Callable[[Group], GroupInternals] = attrgetter("_internals")

# names of 0.2. Programs assign them too, so no value is cached here.
get_histories: Callable[[AgentCore], MutableMapping[Agent | None, list[Message]]] = attrgetter("_oai_messages")
get_system_messages: Callable[[AgentCore], list[Message]] = attrgetter("_oai_system_message")
get_reply_rows: Callable[[AgentCore], list[dict[str, Any]]] = attrgetter("_reply_func_list")
get_reply_counts: Callable[[AgentCore], MutableMapping[Agent | None, int]] = attrgetter("_consecutive_auto_reply_counter")
get_reply_limits: Callable[[AgentCore], MutableMapping[Agent | None, int]] = attrgetter("_max_consecutive_auto_reply_dict")
get_default_reply: Callable[[AgentCore], str | Message | None] = attrgetter("_default_auto_reply")
get_code_config: Callable[[AgentCore], dict[str, Any] | Literal[False]] = attrgetter("_code_execution_config")
get_human_inputs: Callable[[AgentCore], list[str]] = attrgetter("_human_input")


def get_history(agent: AgentCore, peer: Agent | None) -> list[Message]:
    """Return the live history of `agent` with `peer`; a new one for a new peer, even if a plain dict holds them."""
    return get_histories(agent).setdefault(peer, [])


def get_conversation(agent: AgentCore, messages: list[Message] | None, sender: Agent | None) -> list[Message]:
    """Return `messages`, or the history of `agent` with `sender` if None."""
    return get_history(agent, sender) if messages is None else messages


def get_managed_group(agent: object) -> Group | None:
    """Return the group chat that an agent of any kind manages; None if it manages none."""
    return internals(agent).group if is_conversable(agent) else None


def is_conversable(agent: object) -> TypeGuard[AgentCore]:
    """Return True if `agent` derives from `ConversableAgent`, which packages below it can't import."""
    return isinstance(getattr(agent, "_internals", None), AgentInternals)
