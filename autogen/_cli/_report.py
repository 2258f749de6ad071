"""What people want to know of a recorded chat: who cost what, what was slow, what failed, why it ended."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from ._turns import Conversation, RecordedOperation, Turn, read, text

SLOW = 5  # turns that are named as the slowest

WHY = {
    "termination_message": "A message said that the chat is over.",
    "max_consecutive_auto_reply": "An agent had used up its automatic replies.",
    "max_turns": "The chat had as many turns as it was given.",
    "human_exit": "A human typed 'exit'.",
    "max_round": "The group had as many rounds as it was given.",
    "terminate_target": "A hand-off says that the group chat ends.",
    "no_eligible_speaker": "Nobody in the group may speak next.",
    "stopped": "It was stopped, or its deadline was over.",
    "budget": "What it may spend was spent.",
    "no_reply": "An agent had nothing to say.",
}


@dataclass
class Totals:
    """Sums, for one agent or for all.

    Attributes:
        cost: What was spent on models, in USD.
        unpriced: How many answers are not in it, as nobody knows their price.
        saved: What answers from the cache cost once.
        seconds: The time that its models, tools and code took.
        waited: The time that humans took.
    """

    agent: str = ""
    messages: int = 0
    requests: int = 0
    cached: int = 0
    failures: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0
    unpriced: int = 0
    saved: float = 0.0
    tools: int = 0
    tools_failed: int = 0
    code: int = 0
    code_failed: int = 0
    seconds: float = 0.0
    waited: float = 0.0

    def add(self, work: RecordedOperation) -> None:
        """Count something that was done."""
        about = work.about
        if work.kind == "human":
            self.waited += work.seconds or 0.0
            return
        self.seconds += work.seconds or 0.0
        if work.kind == "tool":
            self.tools += 1
            self.tools_failed += work.failed
        elif work.kind == "code":
            self.code += 1
            self.code_failed += work.failed
        elif about["cached"]:
            self.cached += 1
            self.saved += about["cost"]
        else:
            self.requests += 1
            self.failures += work.failed
            self.prompt_tokens += about["prompt_tokens"]
            self.completion_tokens += about["completion_tokens"]
            self.cost += about["cost"]
            self.unpriced += not about["price_known"]


@dataclass
class Slow:
    """A turn that took long: how long without the human, and what took longest of it."""

    number: str
    author: str
    seconds: float
    mostly: str


@dataclass
class Report:
    """What is shown of a recorded chat.

    Attributes:
        state: `ended`, `failed` (by an error) or `open`: the recording ends before the chat does.
        why: A sentence about that.
        reason: The `stop_reason`, or the error.
        seconds: From the beginning to the end, without breaks in which no process was at work.
        agents: The sums for each agent, the most expensive first.
        slowest: The slowest turns, the slowest first.
        unfinished: What was begun and has no result, in words.
    """

    talk: Conversation
    state: str
    why: str
    reason: str
    summary: str
    seconds: float
    total: Totals
    agents: list[Totals]
    slowest: list[Slow]
    unfinished: list[str] = field(default_factory=list)

    @property
    def participants(self) -> list[str]:
        """Who speaks in the chat itself, in the order of their first words."""
        return list(dict.fromkeys(turn.author for turn in self.talk.turns))

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The messages of the chat itself, as `sequence_diagram` takes them."""
        return [{**turn.message, "name": turn.author} for turn in self.talk.turns]

    def find(self, wanted: str) -> Turn | None:
        """The turn of this number."""
        return next((turn for turn, _ in turns_of(self.talk) if turn.number == wanted), None)

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON has it."""
        return asdict(self)

    @staticmethod
    def turn_to_dict(turn: Turn) -> dict[str, Any]:
        """One turn as JSON has it."""
        return asdict(turn)


def report(events: Iterable[Any], steps: Sequence[Mapping[str, Any]] = (), chat_id: str | None = None) -> Report:
    """What is to be told of a chat.

    Args:
        events: As `Recording.events` gives them.
        steps: As `Recording.steps` gives them.
        chat_id: The outermost chat; by default that of the first event.
    """
    talk = read(events, chat_id)
    state, why, reason, summary = _ending(talk)
    agents = _by_agent(talk)
    total = Totals()
    for one in agents:
        for name, value in vars(one).items():
            if name != "agent":
                setattr(total, name, getattr(total, name) + value)
    seconds = sum(turn.seconds for turn in talk.turns) + talk.rest_seconds
    return Report(
        talk=talk,
        state=state,
        why=why,
        reason=reason,
        summary=summary,
        seconds=seconds,
        total=total,
        agents=sorted(agents, key=lambda one: (one.cost, one.prompt_tokens + one.completion_tokens), reverse=True),
        slowest=_slowest(talk),
        unfinished=[] if state == "ended" else [*_under_way(talk), *_unfinished(steps)],
    )


def turns_of(talk: Conversation, depth: int = 0) -> Iterator[tuple[Turn, int]]:
    """All turns in the order in which they were said, and how deep their chats are in others."""
    for turn in talk.turns:
        for chat in turn.chats:
            yield from turns_of(chat, depth + 1)
        yield turn, depth
    for chat in talk.rest_chats:
        yield from turns_of(chat, depth + 1)


def work_of(talk: Conversation) -> Iterator[RecordedOperation]:
    """All that was done in a chat, and in the chats within it."""
    for turn in talk.turns:
        yield from turn.work
        for chat in turn.chats:
            yield from work_of(chat)
    yield from talk.rest
    for chat in talk.rest_chats:
        yield from work_of(chat)


def waited(turn: Turn) -> float:
    """How long humans took on the way to a message."""
    works = [*turn.work, *(one for chat in turn.chats for one in work_of(chat))]
    return min(turn.seconds, sum(one.seconds or 0.0 for one in works if one.kind == "human"))


def shares(told: Report) -> tuple[str, list[float]]:
    """By what the agents are compared, and each one's part of the highest.

    It is `tokens` where nothing cost anything, or where it is not known what something cost.
    """
    costs = [one.cost for one in told.agents]
    used = [float(one.prompt_tokens + one.completion_tokens) for one in told.agents]
    measure, values = ("cost", costs) if any(costs) and not told.total.unpriced else ("tokens", used)
    highest = max(values, default=0.0)
    return measure, [value / highest if highest > 0 else 0.0 for value in values]


def named(work: RecordedOperation) -> str:
    """What something that was done is called."""
    about = work.about
    if work.kind == "tool":
        return f"the tool {about['name']}"
    if work.kind == "code":
        languages = ", ".join(dict.fromkeys(language or "code" for language, _ in about["blocks"]))
        return f"running {languages or 'code'}"
    if work.kind == "human":
        return "the human"
    return f"asking {about['model'] or 'a model'}"


def _ending(talk: Conversation) -> tuple[str, str, str, str]:
    """State, sentence, reason, summary."""
    if talk.ended is None:
        return "open", "The recording stops here: the process ended, or the chat still goes on.", "", ""
    if talk.ended.get("error") is not None:
        return "failed", "It ended by an error.", text(talk.ended["error"]), ""
    reason = text(talk.ended.get("stop_reason"))
    summary = talk.ended.get("summary")
    if isinstance(summary, dict):
        summary = summary.get("content")
    return "ended", WHY.get(reason, "It ended."), reason, text(summary)


def _by_agent(talk: Conversation) -> list[Totals]:
    sums: dict[str, Totals] = {}
    for turn, _ in turns_of(talk):
        sums.setdefault(turn.author, Totals(turn.author)).messages += 1
    for work in work_of(talk):
        sums.setdefault(work.agent, Totals(work.agent)).add(work)
    return list(sums.values())


def _slowest(talk: Conversation) -> list[Slow]:
    found = [
        Slow(turn.number, turn.author, turn.seconds - waited(turn), _mostly(turn))
        for turn, _ in turns_of(talk)
        if turn.seconds - waited(turn) >= 0.001
    ]
    return sorted(found, key=lambda one: one.seconds, reverse=True)[:SLOW]


def _mostly(turn: Turn) -> str:
    """What took longest on the way to a message."""
    took: dict[str, float] = {}
    for work in turn.work:
        if work.kind != "human":
            what = named(work) + (" (failed)" if work.failed else "")
            took[what] = took.get(what, 0.0) + (work.seconds or 0.0)
    for chat in turn.chats:
        what = f"the chat of {chat.initiator} and {chat.recipient}"
        took[what] = took.get(what, 0.0) + sum(one.seconds for one in chat.turns) + chat.rest_seconds
    what = max(took, key=lambda one: took[one], default="")
    return what if what and took[what] >= 0.1 * turn.seconds else ""


def _under_way(talk: Conversation) -> list[str]:
    """What has no end in the events."""
    return [f"{named(work)}, for {work.agent}" for work in work_of(talk) if work.seconds is None]


def _unfinished(steps: Sequence[Mapping[str, Any]]) -> list[str]:
    """Steps that no event tells of, as they are answers of the program's own reply functions.

    Those with steps within them stay open by design: they are done again, and what is within them is read.
    """
    told = []
    for step in steps:
        within = f"{step['scope']}/{step['kind']}:{step['about']}#"
        outer = any(str(one["scope"]).startswith(within) for one in steps)
        if step["kind"] == "reply" and not step["finished"] and not outer:
            told.append(f"the reply function {step['about']}")
    return told


__all__ = ["Report", "Slow", "Totals", "report", "shares", "turns_of", "waited", "work_of"]
