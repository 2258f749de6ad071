"""How the parts of a report are told in a line each, in the terminal and on a page alike."""

from __future__ import annotations

from datetime import datetime

from ..agentchat._diagrams.steps import format_arguments as arguments_of
from ._report import Report, Totals, waited
from ._turns import RecordedOperation, Turn

LONGEST = 160  # characters of a call


def duration(seconds: float | None) -> str:
    """A time, as exact as people want it."""
    if seconds is None:
        return "no end"
    if seconds < 0.1:
        return f"{1000 * seconds:.0f} ms" if seconds >= 0.001 else "under 1 ms"
    if seconds < 10:
        return f"{seconds:.2f} s"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"


def money(cost: float) -> str:
    """A cost in USD."""
    return "0 USD" if not cost else "less than 0.0001 USD" if 0 < cost < 0.0001 else f"{cost:.4f} USD"


def spent(cost: float, unpriced: int) -> str:
    """A sum of costs, which may lack those that nobody knows."""
    if not unpriced:
        return money(cost)
    return f"{money(cost)} ({unpriced:,} without a known price)" if cost else "price unknown"


def moment(at: float) -> str:
    """A date and a time of day, here."""
    try:
        return datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z").strip()
    except (OSError, OverflowError, ValueError):
        return "at an unknown time"


def counted(count: int, one: str, many: str = "") -> str:
    """A number with its noun."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def tokens(totals: Totals) -> str:
    """Tokens in and out."""
    return f"{totals.prompt_tokens:,} + {totals.completion_tokens:,}"


def headline(told: Report) -> str:
    """The whole chat in a line."""
    total = told.total
    parts = [counted(len(told.talk.turns), "message"), duration(told.seconds)]
    if total.requests or total.cached:
        parts.append(f"requests: {requests(total)}")
    if total.prompt_tokens or total.completion_tokens:
        parts.append(f"{tokens(total)} tokens")
    parts.append(spent(total.cost, total.unpriced))
    if total.waited >= 1:
        parts.append(f"{duration(total.waited)} of humans")
    if told.talk.restarts:
        parts.append(f"taken up again {counted(told.talk.restarts, 'time')}")
    return ", ".join(parts)


def requests(totals: Totals) -> str:
    """How often models were asked, and how that went."""
    besides = [f"{totals.failures} failed"] * bool(totals.failures) + [f"{totals.cached} cached"] * bool(totals.cached)
    return f"{totals.requests:,}" + (f" ({', '.join(besides)})" if besides else "")


def attempts(count: int, failed: int) -> str:
    """How often something was done; empty if it never was."""
    return f"{count:,} ({failed:,} failed)" if failed else f"{count:,}" if count else ""


def ending(told: Report) -> str:
    """Why the chat ended, with the word for it or the error."""
    return f"{told.why} ({told.reason})" if told.state == "ended" and told.reason else f"{told.why} {told.reason}".strip()


def facts(turn: Turn) -> list[str]:
    """What there is to say of a turn besides its text: time, cost, why this speaker, who answered."""
    parts = [duration(turn.seconds)] if turn.seconds >= 0.005 else []
    human = waited(turn)
    if human >= 0.005:
        parts.append(f"{duration(human)} of it a human")
    asked = [one.about for one in turn.work if one.kind == "model" and not one.about["cached"]]
    cost, unpriced = sum(about["cost"] for about in asked), sum(not about["price_known"] for about in asked)
    if cost or unpriced:
        parts.append(spent(cost, unpriced))
    if turn.why:
        parts.append(turn.why)
    return parts


def call(name: str, arguments: str) -> str:
    """A call of a tool, as Python would write it, on one line and not too long."""
    whole = _whole_call(name, arguments)
    return whole if len(whole) <= LONGEST else whole[: LONGEST - 1] + "…"


def _whole_call(name: str, arguments: str) -> str:
    return f"{name}({arguments_of(arguments)})"


def work_line(work: RecordedOperation) -> str:
    """Something that was done, without what came of it."""
    about, took = work.about, duration(work.seconds)
    if work.kind == "tool":
        state = "no result was recorded" if work.seconds is None else f"{'failed' if work.failed else 'returned'}, {took}"
        return f"{call(about['name'], about['arguments'])}: {state}"
    if work.kind == "code":
        languages = ", ".join(dict.fromkeys(language or "code" for language, _ in about["blocks"])) or "code"
        state = "no end was recorded" if work.seconds is None else f"exit code {about['exit_code']}, {took}"
        return f"ran {languages}: {state}"
    if work.kind == "human":
        state = "no answer was recorded" if work.seconds is None else f"answered after {took}"
        return f"a human was asked: {state}"
    model = about["model"] or "a model"
    if work.seconds is None:
        return f"{model}: no answer was recorded"
    if work.failed:
        return f"{model}: failed after {took}, then {about['then'] or 'nothing more'}"
    used = f"{about['prompt_tokens']:,} + {about['completion_tokens']:,} tokens"
    if about["cached"]:
        saved = f", which cost {money(about['cost'])} once" if about["cost"] else ""
        return f"{model}: from the cache, {used}{saved}"
    again = f", at request {about['attempt']}" if about["attempt"] > 1 else ""
    return f"{model}: {used}, {spent(about['cost'], not about['price_known'])}, {took}{again}"


def details(work: RecordedOperation) -> list[tuple[str, str]]:
    """What came of it: titles and texts, those that are not empty."""
    about = work.about
    if work.kind == "tool":
        whole = len(_whole_call(about["name"], about["arguments"])) <= LONGEST
        pairs = [("arguments", "" if whole else about["arguments"]), ("result", about.get("content", ""))]
    elif work.kind == "code":
        pairs = [*((language or "code", code) for language, code in about["blocks"]), ("output", about.get("output", ""))]
    elif work.kind == "human":
        answer = about["text"] or ("(Enter)" if work.seconds is not None else "")
        pairs = [("question", about["prompt"]), ("answer", answer)]
    else:
        endpoint = "" if about["endpoint"] in about["error"] else about["endpoint"]
        pairs = [("endpoint", endpoint), ("error", about["error"])]
    return [(title, content) for title, content in pairs if content.strip()]
