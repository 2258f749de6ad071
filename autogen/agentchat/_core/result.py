"""Chat specs and results: validation, reasons why a chat ended, repetitions, cost."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from dataclasses import fields as dataclass_fields
from enum import Enum
from types import SimpleNamespace
from typing import Any, cast

from ..._journal import Pending
from ..._jsonable import to_jsonable
from ..._mistakes import find_close, suggest, trim_stop
from ...oai._usage.ledger import UsageLedger
from ...oai.client import OpenAIWrapper
from ...types import ChatCost, ChatMessage, ChatQueue, ChatSpec, UsageSummary
from ..agent import Agent, Message
from .result_views import format_cost, format_line, format_table


class StopReason(str, Enum):
    """Reasons why a chat ended."""

    TERMINATION_MESSAGE = "termination_message"
    """`is_termination_msg` was true of the last message."""
    MAX_CONSECUTIVE_AUTO_REPLY = "max_consecutive_auto_reply"
    """An agent reached its limit of automatic replies."""
    MAX_TURNS = "max_turns"
    """The number of turns given to `initiate_chat` was reached."""
    HUMAN_EXIT = "human_exit"
    """A human typed `exit`."""
    MAX_ROUND = "max_round"
    """The maximum number of messages of the group chat was reached."""
    TERMINATE_TARGET = "terminate_target"
    """A hand-off or an after-work ended the group chat."""
    NO_ELIGIBLE_SPEAKER = "no_eligible_speaker"
    """No agent of the group chat may speak next."""
    STOPPED = "stopped"
    """The chat was stopped through its `ChatControl`, or reached its deadline."""
    WAITING = "waiting"
    """The chat waits for an answer; `stop_detail` says for which. Start it again with the same checkpoint to resume it."""
    BUDGET = "budget"
    """The budget of the chat or an agent was spent; `BudgetExceeded` was raised."""
    REFUSAL = "refusal"
    """The last message is a model's refusal; `stop_detail` has its text."""
    GUARDRAIL = "guardrail"
    """A guardrail ended the chat; `stop_detail` says which, and why."""
    TOOL_RESULT = "tool_result"
    """The result of a tool is the answer of an agent that works alone, see `reflect` of `run`."""
    NO_REPLY = "no_reply"
    """An agent had no reply."""

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class ChatSource:
    """A document, or a part of a document, that a chat relies on.

    Attributes:
        source: Path or address.
        id: Id of the part in its store; empty for a citation of something that nobody was shown.
        number: Number under which it was shown.
        headings: Headings above it: "Installation > Linux".
        page: Page that it begins on.
        in_context: True if it was shown to the agents; False if it was only cited.
        cited: True if an answer cites it.
    """

    source: str
    id: str = ""
    number: int = 0
    headings: str = ""
    page: int | None = None
    in_context: bool = True
    cited: bool = False

    @property
    def label(self) -> str:
        """The source with its headings and page, as a line: "guide.md § Installation, p. 3"."""
        headings = f" § {self.headings}" if self.headings else ""
        return f"{self.source or 'unknown source'}{headings}" + (f", p. {self.page}" if self.page is not None else "")


@dataclass(repr=False)
class ChatResult:
    """Result of a chat.

    Attributes:
        chat_id: Number of the chat in a queue.
        chat_history: Messages, as the agent that started the chat has them.
        summary: Summary made by `summary_method`.
        cost: Cost in USD and tokens by model of this chat, with the chats inside it, with and without responses from the
            cache. `gather_usage_summary` has the sums of agents over all their chats.
        human_input: Texts typed by humans.
        stop_reason: Why the chat ended.
        stop_detail: Reason given by an agent's condition, see `autogen.agentchat.conditions`; the guardrail that ended the
            chat; or the answers for which it waits.
        summary_error: Why a requested summary by a model is missing.
        carryover: Carryover from earlier chats.
        repetitions: How often agents sent the same message in a row, by their names; without those that rarely did.
        value: Parsed answer: the object of the last message that was made by a `response_format`, or of the `output_type`
            of `run`; None if there is none.
        pending: Open questions of a chat that waits; see `Recording.answer`.
        sources: Documents that the agents were shown, and those that answers cite.
        intermediate_answers: Answers that asked for other documents; their messages are not in the history.
    """

    chat_id: int | None = None
    chat_history: list[ChatMessage] = None  # type: ignore[assignment]
    summary: Any = None
    cost: ChatCost = None  # type: ignore[assignment]
    human_input: list[str] = None  # type: ignore[assignment]
    stop_reason: StopReason | None = None
    summary_error: str | None = None
    carryover: Any = None
    repetitions: dict[str, int] = field(default_factory=dict)
    stop_detail: str | None = None
    value: Any = None
    pending: list[Pending] = field(default_factory=list)
    sources: list[ChatSource] = field(default_factory=list)
    intermediate_answers: list[str] = field(default_factory=list)

    def __repr__(self) -> str:
        parts = {
            "chat_id": self.chat_id,
            "messages": len(self.chat_history or ()),
            "stop_reason": self.stop_reason and self.stop_reason.value,
            "cost": format_cost(self.cost),
            "value": self.value,
            "summary": self.summary,
        }
        return format_line("ChatResult", parts)

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON; `from_dict` restores it. A `value` that is an object becomes the dict of its fields."""
        # Each for itself: a value that JSON can't hold is replaced as a whole.
        return {item.name: to_jsonable(getattr(self, item.name)) for item in dataclass_fields(self)}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> ChatResult:
        """Restore a result that `to_dict` returned.

        Raises:
            ValueError: It is not a result.
        """
        try:
            result = cls(**stored)
            result.stop_reason = None if result.stop_reason is None else StopReason(result.stop_reason)
            result.pending = [Pending.from_dict(question) for question in result.pending]
            result.sources = [ChatSource(**source) for source in cast("list[Any]", result.sources)]
        except (TypeError, ValueError) as error:
            raise ValueError(f"The stored result of a chat is damaged: {trim_stop(error)}.") from error
        return result

    def _repr_html_(self) -> str:
        parts = (self.stop_reason and f"ended by {self.stop_reason.value}", format_cost(self.cost), self.stop_detail)
        return format_table(self.chat_history or (), ", ".join(filter(None, parts)))


SUMMARY_METHODS = ("last_msg", "reflection_with_llm")


def consolidate_chat_info(
    chat_info: ChatSpec | ChatQueue | Mapping[str, object], uniform_sender: Agent | None = None
) -> None:
    """Validate the specs of one or several chats. Nothing is changed.

    Args:
        chat_info: Spec, or list of specs; see `initiate_chats`.
        uniform_sender: Sender of all chats; None if each spec has its own.

    Raises:
        AssertionError: if a sender or recipient is missing, or a summary method is not available.
    """
    entries = [chat_info] if isinstance(chat_info, Mapping) else chat_info
    for entry in entries:
        # Assertions, because 0.2 programs catch them.
        sender = uniform_sender or entry.get("sender")
        recipient = entry.get("recipient")
        for role, agent in (("sender", sender), ("recipient", recipient)):
            close = next((key for key in entry if find_close(key, [role])), None)
            hint = f" Did you mean {role!r} by {close!r}?" if close else ""
            assert agent is not None, f"A chat needs a {role}, got the keys {', '.join(sorted(entry))}.{hint}"
        method = entry.get("summary_method")
        is_known = method is None or callable(method) or method in SUMMARY_METHODS
        hint = suggest(method, SUMMARY_METHODS) if isinstance(method, str) else ""
        text = f"summary_method must be 'last_msg', 'reflection_with_llm', a callable or None, got {method!r}.{hint}"
        assert is_known, text
        if method == "reflection_with_llm":
            has_model = any(
                getattr(agent, "client", None) or getattr(agent, "_awaits_model", False) for agent in (sender, recipient)
            )
            assert has_model, "The summary method 'reflection_with_llm' needs a model: give an agent an llm_config."


def gather_usage_summary(agents: Iterable[object]) -> ChatCost:
    """Add up the usage of the agents' models since they were made or reset.

    An agent that is given twice counts once.

    Args:
        agents: Agents; those without a model cost nothing.

    Returns:
        `usage_including_cached_inference` and `usage_excluding_cached_inference`, each with `total_cost` (USD) and, by
        model, cost and tokens.
    """
    # Agents may share a client, and its usage counts once.
    found = (getattr(agent, "client", None) for agent in agents)
    clients = {id(client): client for client in found if client}.values()
    return {
        "usage_including_cached_inference": _add_up(client.total_usage_summary for client in clients),
        "usage_excluding_cached_inference": _add_up(client.actual_usage_summary for client in clients),
    }


def gather_chat_usage(ledger: UsageLedger, clients: Iterable[object], before: Mapping[int, ChatCost]) -> ChatCost:
    """Return the usage of one chat.

    Args:
        ledger: Ledger of the chat, in which `OpenAIWrapper` records its requests.
        clients: Clients of its agents.
        before: Usage of the clients that know no ledger when the chat began, by id; see `gather_foreign_usage`.
    """
    after = gather_foreign_usage(clients)
    kinds: dict[str, list[UsageSummary | None]] = {
        "usage_including_cached_inference": [ledger.total],
        "usage_excluding_cached_inference": [ledger.actual],
    }
    for key, usage in after.items():
        for kind, usages in kinds.items():
            start = before[key][kind] if key in before else {}  # type: ignore[literal-required]
            usages.append(_subtract(usage[kind], start))  # type: ignore[literal-required]
    return {kind: _add_up(usages) for kind, usages in kinds.items()}  # type: ignore[return-value]


def gather_foreign_usage(clients: Iterable[object]) -> dict[int, ChatCost]:
    """Return the usage of the clients that a program has assigned in place of an `OpenAIWrapper`, by id."""
    foreign = {id(client): client for client in clients if not isinstance(client, OpenAIWrapper)}
    reporting = {key: client for key, client in foreign.items() if hasattr(client, "total_usage_summary")}
    return {key: gather_usage_summary([SimpleNamespace(client=client)]) for key, client in reporting.items()}


def _subtract(usage: UsageSummary, before: UsageSummary) -> UsageSummary:
    return {
        key: _subtract(value, before.get(key) or {}) if isinstance(value, dict) else value - (before.get(key) or 0)
        for key, value in usage.items()
    }


def _add_up(usages: Iterable[UsageSummary | None]) -> UsageSummary:
    total: UsageSummary = {"total_cost": 0}
    for usage in usages:
        for model, amounts in (usage or {}).items():
            if model == "total_cost":
                total["total_cost"] += amounts
                continue
            # A client of the program may report other figures than tokens.
            sums = total.setdefault(model, dict.fromkeys(amounts, 0))
            for kind, amount in amounts.items():
                sums[kind] = sums.get(kind, 0) + amount
    return total


logger = logging.getLogger("autogen.agentchat.conversable_agent")

REPORTED_TIMES = 3
"""Number of equal messages in a row that is logged."""

EMPTY_MESSAGES = "only empty messages: none of its reply functions has a reply, so it sends its default_auto_reply"


class RepeatCounter:
    """Last message of an agent to a peer, and how often it was sent in a row.

    Attributes:
        fingerprint: Fingerprint of the last message.
        times: How often it was sent in a row.
        longest: Longest run of equal messages.
    """

    __slots__ = ("fingerprint", "longest", "times")

    def __init__(self, fingerprint: object) -> None:
        self.fingerprint = fingerprint
        self.times = self.longest = 1

    def count(self, fingerprint: object) -> int:
        """Count the next message; return how often in a row it was sent."""
        if fingerprint != self.fingerprint:
            self.fingerprint, self.times = fingerprint, 1
            return 1
        self.times = times = self.times + 1
        # Faster than `max`, and this runs on every message.
        if times > self.longest:
            self.longest = times
        return times


def count_message(counters: MutableMapping[Agent, RepeatCounter], agent: Agent, peer: Agent, message: Message | str) -> None:
    """Count a message of `agent` to `peer`. The third equal message in a row is logged."""
    # Text is its own fingerprint, which is the usual case.
    fingerprint = message if isinstance(message, str) else message_fingerprint(message)
    counter = counters.get(peer)
    if counter is None:
        counters[peer] = RepeatCounter(fingerprint)
    # Exactly, so that a longer run is not logged again.
    elif counter.count(fingerprint) == REPORTED_TIMES:
        logger.warning(
            "Agent %r sends %s, %d times in a row, to %r. "
            "is_termination_msg, max_turns or max_consecutive_auto_reply can end such a chat.",
            agent.name,
            f"the same message: {fingerprint!r:.200}" if fingerprint else EMPTY_MESSAGES,
            REPORTED_TIMES,
            peer.name,
        )


def find_repetitions(counters: Iterable[tuple[str, RepeatCounter | None]]) -> dict[str, int]:
    """Return how often agents sent the same message in a row, by their names; without those that rarely did."""
    runs = [(name, counter.longest) for name, counter in counters if counter is not None]
    return {name: times for name, times in sorted(runs, key=lambda run: run[1]) if times >= REPORTED_TIMES}


def message_fingerprint(message: Message) -> object:
    """Return a value that equal messages share: their content and calls. The ids of calls always differ."""
    calls = [call.get("function") for call in message.get("tool_calls") or () if call]
    if call := message.get("function_call"):
        calls.append(call)
    return (message.get("content"), calls) if calls else message.get("content")
