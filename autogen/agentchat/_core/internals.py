"""State of agents and group chats that is not public, and the detection of overridden methods.

`internals(agent)` holds the bookkeeping of this package. The other accessors read private attributes of AutoGen 0.2, which
programs read and assign too. Most are an `attrgetter`, which runs in C: some are called on every message.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from functools import partial
from inspect import isawaitable
from operator import attrgetter
from typing import Any, Literal, TypeGuard, TypeVar

from ..._steps import Steps, hide_from_tracebacks, invoke, is_coroutine_function, run_async
from ..._threads import run_in_thread
from ..agent import Agent, Message
from .protocols import AgentCore, Group
from .result import RepeatCounter, StopReason
from .token_display import TokenDisplay


@dataclass(slots=True)
class AgentInternals:
    """Bookkeeping of one agent, created on first access.

    Attributes:
        stop_reasons: Why the last chat with each peer ended.
        repeat_counters: Last message to each peer, and how often it was sent in a row.
        stop_details: More about the reason, by peer.
        closing: Peer whose chat ends with the next message, and the name of the guardrail that ends it.
        redirection: Target of a guardrail that tripped on a member's turn, and its name, for the manager of a group chat.
        summary_errors: Why the chat with a peer has no summary.
        checked_tools: Names of tools already checked for a missing counterpart.
        offered_functions: Tools behind the signatures that the model knows, by key of the config and name.
        offered_function: Tool of the signature that is being added; None for a signature without a function.
        ui_tools: Tools that a user interface gave to the agent.
        last_speaker: Author of the message being answered, for the manager of a group chat.
        group: Group chat that the agent manages, if any.
        is_resumed: True if the group chat was resumed and has not started again since.
        reply_peer: Agent that the current reply of the model is for; None for a program.
        token_display: Display of the last reply that arrived as a stream.
        approvals: Calls, and tools, that a human has approved for as long as the agent is not reset.
        reply_plan: Reply functions to call, cached while the list of reply functions stays the same.
    """

    stop_reasons: dict[Agent | None, StopReason] = field(default_factory=dict)
    repeat_counters: dict[Agent, RepeatCounter] = field(default_factory=dict)
    stop_details: dict[Agent | None, str] = field(default_factory=dict)
    closing: tuple[Agent, str] | None = None
    redirection: tuple[Any, str] | None = None
    summary_errors: dict[Agent, str] = field(default_factory=dict)
    checked_tools: set[str] = field(default_factory=set)
    offered_functions: dict[tuple[str, str], object] = field(default_factory=dict)
    offered_function: object = None
    ui_tools: list[Any] = field(default_factory=list)
    last_speaker: Agent | None = None
    group: Group | None = None
    is_resumed: bool = False
    reply_peer: Agent | None = None
    token_display: TokenDisplay | None = None
    approvals: set[tuple[str, ...]] = field(default_factory=set)
    reply_plan: Any = None

    def start_chat(self, peer: Agent) -> None:
        """Forget the outcome of the last chat with `peer`."""
        self.stop_reasons.pop(peer, None)
        self.stop_details.pop(peer, None)
        self.redirection = self.closing = None
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
        has_reported_model: True if it was reported that no model selects the speakers.
        reported_tests: Names of agents already reported for a termination test that ends nothing.
        manager: Manager of the chat that runs; None without one.
    """

    auto_reason: str = ""
    client: tuple[Any, Any] | None = None
    transforms: Any = None
    reported_agents: set[str] = field(default_factory=set)
    has_checked_descriptions: bool = False
    has_reported_model: bool = False
    reported_tests: set[str] = field(default_factory=set)
    manager: AgentCore | None = None


# One attribute for both: an agent is never a group.
internals: Callable[[AgentCore], AgentInternals] = attrgetter("_internals")
group_internals: Callable[[Group], GroupInternals] = attrgetter("_internals")

# Names of 0.2. Programs assign them too, so no value is cached here.
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


T = TypeVar("T")

ASYNC_OPENINGS: dict[Any, Callable[..., Any]] = {}
"""Functions that make the first message of a chat, with the variants that async chats call in their stead."""

ORIGINAL_METHODS: dict[str, Any] = {}
"""Methods of `ConversableAgent` by name, as it defined them. Kept apart from the class, because a tracing package may wrap
methods of the class."""


_method_sets: list[MethodSet] = []


def store_original_methods(agent_class: type) -> None:
    """Fill the table with the methods of the class that has all of them."""
    ORIGINAL_METHODS.update({name: getattr(agent_class, name) for name in dir(agent_class)})
    for method_set in _method_sets:
        method_set.load_originals()


class MethodSet:
    """Methods that are checked for overrides together, on each message: one lookup at the class, one at the instance.

    Attributes:
        names: Names of the methods.
    """

    def __init__(self, *names: str) -> None:
        self.names = names
        self._get = attrgetter(*names)
        self._originals: tuple[object, ...] = ()
        _method_sets.append(self)
        # The table is filled after this module is loaded.
        if ORIGINAL_METHODS:
            self.load_originals()

    def load_originals(self) -> None:
        """Look the methods up in the table."""
        self._originals = tuple(ORIGINAL_METHODS[name] for name in self.names)

    def is_class_untouched(self, agent_class: type) -> bool:
        """Return True if a class overrides no method, which its instances still may."""
        try:
            return bool(self._get(agent_class) == self._originals)
        except AttributeError:
            return False

    def is_untouched(self, agent: object) -> bool:
        """Return True if no method is overridden, patched or wrapped. False for an agent of another kind."""
        # Not by `is_class_untouched`: this runs several times for each message. For the same reason the function is a
        # local variable, which Python 3.11 calls faster than an attribute.
        get = self._get
        try:
            if get(type(agent)) != self._originals:
                return False
            return vars(agent).keys().isdisjoint(self.names)
        # An agent of another kind has not all of the methods, or no `__dict__`.
        except AttributeError:
            return False


SENDING = MethodSet("send", "a_send")
RECEIVING = MethodSet("receive", "a_receive")
ANSWERING = MethodSet(
    "generate_reply",
    "a_generate_reply",
    "process_last_received_message",
    "a_process_last_received_message",
    "process_all_messages_before_reply",
    "a_process_all_messages_before_reply",
)
BEFORE_SENDING = MethodSet("_process_message_before_send", "_a_process_message_before_send")
TALKING = MethodSet(*SENDING.names, *RECEIVING.names, *ANSWERING.names, *BEFORE_SENDING.names)


def is_overridden(agent: object, method: str) -> bool:
    """Return True if a subclass, the instance or a patch of the class overrides a method of `ConversableAgent`."""
    return method in vars(agent) or getattr(type(agent), method, None) is not ORIGINAL_METHODS[method]


def as_async_method(agent: object, method: str, steps: Callable[..., Steps[T]]) -> Callable[..., Awaitable[T]]:
    """Return the async version of a method that is public in its sync form alone.

    Args:
        agent: Agent.
        method: Name of the method; an override of it runs in a thread, unless it is a coroutine function.
        steps: Built-in implementation, for a method that is not overridden.
    """
    if is_overridden(agent, method):
        return partial(_await_override, getattr(agent, method))

    return partial(_run_steps, steps)


@hide_from_tracebacks
async def _await_override(override: Callable[..., Any], *args: object, **kwargs: object) -> Any:
    # A coroutine function is awaited, though the method is a sync one.
    if is_coroutine_function(override):
        return await override(*args, **kwargs)
    result = await run_in_thread(override, *args, **kwargs)
    return await result if isawaitable(result) else result


@hide_from_tracebacks
async def _run_steps(steps: Callable[..., Steps[T]], *args: object, **kwargs: object) -> T:
    return await run_async(steps(*args, **kwargs))


@hide_from_tracebacks
def invoke_overridable(agent: AgentCore, method: str, steps: Callable[..., Steps[T]], *args: object) -> Steps[T]:
    """Call a method that programs override and that is public in its sync form alone.

    Args:
        agent: Agent.
        method: Name of the method.
        steps: Built-in implementation, for async callers if the method is not overridden.
        *args: Arguments of the method.
    """
    result: T = yield from invoke(getattr(agent, method), as_async_method(agent, method, steps), *args)
    return result
