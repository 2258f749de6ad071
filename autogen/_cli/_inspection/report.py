"""The report of a recorded chat: costs for each agent, slow turns, failures, and the reason of its end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from operator import attrgetter

from ...events import ChatWaiting, CodeStarted, Event
from ...events._history import fold
from ...events._observations import CODE, HUMAN, MODEL, TOOL, Conversation, RecordedOperation, Totals, Turn, get_text

# Number of turns that are listed as the slowest.
SLOW = 5

REASONS = {
    "termination_message": "A message said that the chat is over.",
    "max_consecutive_auto_reply": "An agent had used up its automatic replies.",
    "max_turns": "The chat had as many turns as it was given.",
    "human_exit": "A human typed 'exit'.",
    "max_round": "The group had as many rounds as it was given.",
    "terminate_target": "A hand-off says that the group chat ends.",
    "refusal": "The model refused to go on.",
    "guardrail": "A guardrail ended the chat.",
    "tool_result": "The result of a tool is the answer.",
    "no_eligible_speaker": "Nobody in the group may speak next.",
    "stopped": "It was stopped, or its deadline was over.",
    "budget": "Its budget was spent.",
    "no_reply": "An agent had nothing to say.",
    "waiting": "It waits for an answer.",
}

# Keys of JSON, and the attributes behind them.
_CHAT_KEYS = {
    **{name: name for name in ("initiator", "recipient", "at", "turns", "restarts")},
    "ended": "end",
    "rest": "pending.work",
    "rest_chats": "pending.chats",
    "rest_seconds": "pending.seconds",
    "next_speaker": "pending.speaker",
}
_TURN_KEYS = [
    *("number", "author", "recipient", "text", "calls", "results", "at", "seconds"),
    *("function", "why", "work", "chats", "message"),
]
_OPERATION_KEYS = ["kind", "agent", "id", "parent", "at", "seconds", "failed"]
# An operation has these, even if an event of it is missing.
_DEFAULTS: dict[str, dict[str, object]] = {
    CODE: {"blocks": [], "output": "", "exit_code": None},
    HUMAN: {"prompt": "", "text": ""},
    MODEL: {
        **dict.fromkeys(("model", "endpoint", "error", "then"), ""),
        **dict.fromkeys(("attempt", "prompt_tokens", "completion_tokens", "cost"), 0),
        "cached": False,
        "price_known": True,
    },
    TOOL: {"name": "", "arguments": "", "content": ""},
}


@dataclass
class SlowTurn:
    """A turn that took long.

    Attributes:
        seconds: Duration without the time of humans.
        mostly: Label of the operation that took longest; empty if none took a large part.
    """

    number: str
    author: str
    seconds: float
    mostly: str


@dataclass
class Report:
    """The report of a recorded chat.

    Attributes:
        conversation: The chat.
        state: `ended`, `failed` (by an error) or `open` (the recording ends before the chat does).
        why: Sentence about the state.
        reason: The stop reason, or the error.
        seconds: Duration, without breaks in which no process was running.
        total: Sums of all agents.
        agents: Sums for each agent, the most expensive first.
        slowest: The slowest turns, the slowest first.
        unfinished: Descriptions of operations without a result.
    """

    conversation: Conversation
    state: str
    why: str
    reason: str
    summary: str
    seconds: float
    total: Totals
    agents: list[Totals]
    slowest: list[SlowTurn]
    unfinished: list[str] = field(default_factory=list)

    @property
    def participants(self) -> list[str]:
        """Names of the agents that speak in the chat itself, in the order of their first messages."""
        return list(dict.fromkeys(turn.author for turn in self.conversation.turns))

    @property
    def messages(self) -> list[dict[str, object]]:
        """The messages of the chat itself, as `sequence_diagram` takes them."""
        return [{**turn.message, "name": turn.author} for turn in self.conversation.turns]

    def find_turn(self, number: str) -> Turn | None:
        """Return the turn with a number; None if there is none."""
        return next((turn for turn in iterate_turns(self.conversation) if turn.number == number), None)

    def to_dict(self) -> dict[str, object]:
        """Return the report as JSON."""
        values = {item.name: getattr(self, item.name) for item in fields(self) if item.name != "conversation"}
        return {"talk": to_json(self.conversation), **{name: to_json(value) for name, value in values.items()}}


def build_report(events: Iterable[object], steps: Sequence[Mapping[str, object]] = (), chat_id: str | None = None) -> Report:
    """Build the report of a recorded chat.

    Args:
        events: Events, as in `Recording.events`.
        steps: Steps, as in `Recording.steps`.
        chat_id: Id of the outermost chat; None for that of the first event.
    """
    chat = fold(events, chat_id)
    state, why, reason, summary = _get_ending(chat)
    agents: dict[str, Totals] = {}
    total = Totals()
    for turn in iterate_turns(chat):
        for sums in (total, agents.setdefault(turn.author, Totals(turn.author))):
            sums.messages += 1
    for operation in iterate_operations(chat):
        for sums in (total, agents.setdefault(operation.agent, Totals(operation.agent))):
            sums.add(operation)
    by_cost = sorted(
        agents.values(), key=lambda sums: (sums.cost, sums.prompt_tokens + sums.completion_tokens), reverse=True
    )
    return Report(
        conversation=chat,
        state=state,
        why=why,
        reason=reason,
        summary=summary,
        seconds=_get_duration(chat),
        total=total,
        agents=by_cost,
        slowest=_find_slowest(chat),
        unfinished=[] if state == "ended" else [*_describe_open_operations(chat), *_describe_open_steps(steps)],
    )


def iterate_turns(chat: Conversation) -> Iterator[Turn]:
    """Yield all turns, also of inner chats, in the order of their messages."""
    for turn in (*chat.turns, chat.pending):
        for inner in turn.chats:
            yield from iterate_turns(inner)
        if turn is not chat.pending:
            yield turn


def iterate_operations(chat: Conversation) -> Iterator[RecordedOperation]:
    """Yield all model requests, tool calls, code runs, ... of a chat and its inner chats."""
    for turn in (*chat.turns, chat.pending):
        yield from turn.work
        for inner in turn.chats:
            yield from iterate_operations(inner)


def get_human_time(turn: Turn) -> float:
    """Return the seconds in which a turn waited for humans."""
    operations = [*turn.work, *(operation for chat in turn.chats for operation in iterate_operations(chat))]
    # Questions of concurrent chats overlap.
    return min(turn.seconds, sum(operation.seconds or 0.0 for operation in operations if operation.kind == HUMAN))


def compare_agents(report: Report) -> tuple[str, list[float]]:
    """Return the measure by which agents are compared, and for each agent its part of the highest value.

    The measure is `cost`, or `tokens` if nothing had a cost or if a price is unknown.
    """
    costs = [sums.cost for sums in report.agents]
    tokens = [float(sums.prompt_tokens + sums.completion_tokens) for sums in report.agents]
    # A price that nobody knows is not 0.
    measure, values = ("cost", costs) if any(costs) and not report.total.unpriced else ("tokens", tokens)
    highest = max(values, default=0.0)
    return measure, [value / highest if highest > 0 else 0.0 for value in values]


def get_model(operation: RecordedOperation) -> str:
    """Return the name of the requested model."""
    return str(operation.about.get("model") or "")


def get_languages(operation: RecordedOperation) -> str:
    """Return the languages of a code run, separated by commas."""
    blocks = operation.started.blocks if isinstance(operation.started, CodeStarted) else []
    return ", ".join(dict.fromkeys(language or "code" for language, *_ in blocks)) or "code"


def _get_label(operation: RecordedOperation) -> str:
    labels = {TOOL: f"the tool {operation.name}", HUMAN: "the human"}
    if operation.kind == CODE:
        return f"running {get_languages(operation)}"
    if operation.kind == MODEL:
        return f"requests to {get_model(operation) or 'a model'}"
    return labels.get(operation.kind) or f"{operation.kind} {operation.name}".strip()


def _get_ending(chat: Conversation) -> tuple[str, str, str, str]:
    """Return the state of a chat, a sentence about it, its reason, and the summary."""
    end = chat.end
    if isinstance(chat.ended, ChatWaiting):
        return "open", "It waits for an answer:", ", ".join(chat.ended.reasons) or "the reason is not recorded", ""
    if end is None:
        return "open", "The recording stops here: the process ended, or the chat still goes on.", "", ""
    if end.error is not None:
        return "failed", "It ended with an error.", end.error, ""
    reason = end.stop_reason or ""
    # A custom summary method may return a message.
    summary = end.summary.get("content") if isinstance(end.summary, dict) else end.summary
    return "ended", REASONS.get(reason, "It ended."), reason, get_text(summary)


def _get_duration(chat: Conversation) -> float:
    return sum(turn.seconds for turn in (*chat.turns, chat.pending))


def _find_slowest(chat: Conversation) -> list[SlowTurn]:
    turns = [(turn, turn.seconds - get_human_time(turn)) for turn in iterate_turns(chat)]
    # Shorter turns are never a problem.
    slow = [(turn, seconds) for turn, seconds in turns if seconds >= 0.001]
    slow.sort(key=lambda pair: pair[1], reverse=True)
    return [SlowTurn(turn.number, turn.author, seconds, _find_longest(turn)) for turn, seconds in slow[:SLOW]]


def _find_longest(turn: Turn) -> str:
    """Return the label of the operations of a turn that took longest together."""
    durations: dict[str, float] = {}
    for operation in turn.work:
        if operation.kind != HUMAN:
            label = _get_label(operation) + (" (failed)" if operation.failed else "")
            durations[label] = durations.get(label, 0.0) + (operation.seconds or 0.0)
    for chat in turn.chats:
        label = f"the chat of {chat.initiator} and {chat.recipient}"
        durations[label] = durations.get(label, 0.0) + _get_duration(chat)
    longest = max(durations, key=lambda label: durations[label], default="")
    # A label that explains less than a tenth would mislead.
    return longest if longest and durations[longest] >= 0.1 * turn.seconds else ""


def _describe_open_operations(chat: Conversation) -> list[str]:
    return [f"{_get_label(item)}, for {item.agent}" for item in iterate_operations(chat) if item.seconds is None]


def _describe_open_steps(steps: Sequence[Mapping[str, object]]) -> list[str]:
    """Describe the program's own reply functions that have no result.

    A function that contains other steps stays open by design: it runs again, and the steps in it are replayed.
    """
    scopes = [str(step["scope"]) for step in steps]
    return [
        f"the reply function {step['about']}"
        for step in steps
        if step["kind"] == "reply"
        and not step["finished"]
        and not any(scope.startswith(f"{step['scope']}/{step['kind']}:{step['about']}#") for scope in scopes)
    ]


def to_json(node: object) -> object:
    """Convert a part of a report to JSON."""
    if isinstance(node, (list, tuple)):
        return list(map(to_json, node))
    if isinstance(node, Event):
        return node.to_dict()
    if isinstance(node, (Totals, SlowTurn)):
        return asdict(node)
    if isinstance(node, Conversation):
        return {key: to_json(attrgetter(path)(node)) for key, path in _CHAT_KEYS.items()}
    if isinstance(node, Turn):
        return {key: to_json(getattr(node, key)) for key in _TURN_KEYS}
    if isinstance(node, RecordedOperation):
        about = {**_DEFAULTS.get(node.kind, {}), **node.about}
        return {**{key: getattr(node, key) for key in _OPERATION_KEYS}, "about": about}
    return node
