"""The wording of the parts of a report, for the terminal and the page."""

from __future__ import annotations

from datetime import datetime

from ...agentchat._diagrams.story import format_arguments
from ...agentchat._diagrams.tree import draw_text
from ...events import (
    CodeEnded,
    CodeStarted,
    HumanAnswered,
    HumanAsked,
    ModelAnswered,
    ModelFailed,
    ReasoningTree,
    ToolCalled,
    ToolReturned,
)
from ...events._observations import CODE, HUMAN, MODEL, TOOL, RecordedOperation, Totals, Turn
from .report import Report, get_human_time, get_languages, get_model

# Characters of a tool call in one line.
LONGEST = 160


def format_duration(seconds: float | None) -> str:
    """Format a duration, with a precision that fits its size."""
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


def format_money(cost: float) -> str:
    """Format a cost in USD."""
    return "0 USD" if not cost else "less than 0.0001 USD" if 0 < cost < 0.0001 else f"{cost:.4f} USD"


def format_cost(cost: float, unpriced: int) -> str:
    """Format a sum of costs in USD that lacks those of `unpriced` responses."""
    if not unpriced:
        return format_money(cost)
    return f"{format_money(cost)} ({unpriced:,} without a known price)" if cost else "price unknown"


def format_time(at: float) -> str:
    """Format a time as local date and time of day."""
    try:
        return datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z").strip()
    # A recording may have any number there.
    except (OSError, OverflowError, ValueError):
        return "at an unknown time"


def count(number: int, noun: str) -> str:
    """Format a number with a noun that has a regular plural."""
    return f"{number:,} {noun if number == 1 else noun + 's'}"


def format_tokens(totals: Totals) -> str:
    """Format the numbers of tokens of requests and responses."""
    return f"{totals.prompt_tokens:,} + {totals.completion_tokens:,}"


def format_requests(totals: Totals) -> str:
    """Format the number of requests to models, with those that failed or were cached."""
    counts = [(totals.failures, "failed"), (totals.cached, "cached")]
    details = ", ".join(f"{number} {label}" for number, label in counts if number)
    return f"{totals.requests:,}" + (f" ({details})" if details else "")


def format_attempts(number: int, failed: int) -> str:
    """Format a number of attempts, with those that failed; empty for none."""
    return f"{number:,} ({failed:,} failed)" if failed else f"{number:,}" if number else ""


def format_headline(report: Report) -> str:
    """Format the totals of a chat in one line."""
    total, chat = report.total, report.conversation
    parts = [count(len(chat.turns), "message"), format_duration(report.seconds)]
    if total.requests or total.cached:
        parts.append(f"requests: {format_requests(total)}")
    if total.prompt_tokens or total.completion_tokens:
        parts.append(f"{format_tokens(total)} tokens")
    parts.append(format_cost(total.cost, total.unpriced))
    if total.waited >= 1:
        parts.append(f"{format_duration(total.waited)} of humans")
    if chat.restarts:
        parts.append(f"resumed {count(chat.restarts, 'time')}")
    return ", ".join(parts)


def format_ending(report: Report) -> str:
    """Format the reason why a chat ended."""
    if report.state == "ended" and report.reason:
        return f"{report.why} ({report.reason})"
    return f"{report.why} {report.reason}".strip()


def list_facts(turn: Turn) -> list[str]:
    """Return the facts about a turn besides its text: duration, cost, and why this agent spoke."""
    # Below 5 ms the duration is noise.
    facts = [format_duration(turn.seconds)] if turn.seconds >= 0.005 else []
    human = get_human_time(turn)
    if human >= 0.005:
        facts.append(f"{format_duration(human)} of it a human")
    sums = Totals()
    for operation in turn.work:
        sums.add(operation)
    if sums.cost or sums.unpriced:
        facts.append(format_cost(sums.cost, sums.unpriced))
    if turn.why:
        facts.append(turn.why)
    return facts


def has_only_results(turn: Turn) -> bool:
    """Return True if the text of a turn only repeats the results of its tool calls."""
    # Without recorded calls the text is all there is.
    return bool(turn.results) and any(operation.kind == TOOL for operation in turn.work)


def format_call(name: str, arguments: str) -> str:
    """Format a tool call as in Python, on one line and not too long."""
    call = _format_whole_call(name, arguments)
    return call if len(call) <= LONGEST else call[: LONGEST - 1] + "…"


def _format_whole_call(name: str, arguments: str) -> str:
    return f"{name}({format_arguments(arguments)})"


def _get_arguments(operation: RecordedOperation) -> str:
    started = operation.started
    return str(started.arguments or "") if isinstance(started, ToolCalled) else ""


def format_operation(operation: RecordedOperation) -> str:
    """Format an operation in one line, without its results."""
    ended, took, kind = operation.ended, format_duration(operation.seconds), operation.kind
    if kind == MODEL:
        return f"{get_model(operation) or 'a model'}: {_format_response(operation)}"
    if kind == TOOL:
        state = f"{'failed' if operation.failed else 'returned'}, {took}" if ended else "no result was recorded"
        return f"{format_call(operation.name, _get_arguments(operation))}: {state}"
    if kind == CODE:
        state = f"exit code {ended.exit_code}, {took}" if isinstance(ended, CodeEnded) else "no end was recorded"
        return f"ran {get_languages(operation)}: {state}"
    if kind == HUMAN:
        return f"a human was asked: {f'answered, {took}' if ended else 'no answer was recorded'}"
    # An operation of an extension, or of a later version.
    label = " ".join(filter(None, [kind.replace("_", " "), operation.name]))
    return f"{label}: {took}" if ended and operation.started else label


def _format_response(operation: RecordedOperation) -> str:
    took, response = format_duration(operation.seconds), operation.ended
    if isinstance(response, ModelFailed):
        return f"failed after {took}, then {response.then or 'nothing more'}"
    if not isinstance(response, ModelAnswered):
        return "no response was recorded"
    usage = f"{response.prompt_tokens:,} + {response.completion_tokens:,} tokens"
    if response.cached:
        return f"from the cache, {usage}" + (f", which cost {format_money(response.cost)} once" if response.cost else "")
    if response.cached_tokens:
        usage += f" ({response.cached_tokens:,} from the prompt cache)"
    if response.cache_miss:
        usage += f" (prompt cache missed: {response.cache_miss.replace('_', ' ')})"
    attempt = f", attempt {response.attempt}" if response.attempt > 1 else ""
    return f"{usage}, {format_cost(response.cost, not response.price_known)}, {took}{attempt}"


def list_details(operation: RecordedOperation) -> list[tuple[str, str]]:
    """Return the inputs and results of an operation that are not empty, as pairs of title and text."""
    started, ended, kind = operation.started, operation.ended, operation.kind
    if kind == TOOL:
        arguments = _get_arguments(operation)
        # Shortened arguments are repeated in full.
        is_whole = len(_format_whole_call(operation.name, arguments)) <= LONGEST
        details = [
            ("arguments", "" if is_whole else arguments),
            ("result", ended.content if isinstance(ended, ToolReturned) else ""),
        ]
    elif kind == CODE:
        details = (
            [(language or "code", code) for language, code in started.blocks] if isinstance(started, CodeStarted) else []
        )
        details.append(("output", ended.output if isinstance(ended, CodeEnded) else ""))
    elif kind == HUMAN:
        # An empty answer is an answer.
        answer = (ended.text or "(Enter)") if isinstance(ended, HumanAnswered) else ""
        details = [("question", started.prompt if isinstance(started, HumanAsked) else ""), ("answer", answer)]
    elif kind == MODEL:
        # Most errors name their endpoint.
        error, endpoint = (str(operation.about.get(key) or "") for key in ("error", "endpoint"))
        hosted = (ended.hosted or []) if isinstance(ended, ModelAnswered) else []
        details = [
            ("endpoint", "" if endpoint in error else endpoint),
            ("error", error),
            ("tools of the vendor", "\n".join(map(str, hosted))),
        ]
    elif isinstance(ended, ReasoningTree):
        requests = f"{count(ended.calls, 'request')}, {format_money(ended.cost)}"
        details = [("requests", requests), ("ended by", ended.stopped_by or ""), ("thoughts", draw_text(ended.tree))]
    else:
        details = [(key.replace("_", " "), str(value)) for key, value in operation.about.items() if key != "name"]
    return [(title, text) for title, text in details if text.strip()]
