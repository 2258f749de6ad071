"""The cost of events and tracing in a scripted turn; the cases are those of `benchmarks.events`."""

from __future__ import annotations

import logging
import random
import statistics
import sys
import timeit
from collections.abc import Callable

from autogen import events

from .events import CASES, MODES, TURNS, make_tracer_provider, measure_turn
from .kit import Row, Setting

# a turn of two messages checks so many times for listeners, rounded up
CHECKS = 16


def measure_listening(setting: Setting) -> list[Row]:
    """Measure a turn without a listener, with a listener, and with tracing."""
    logging.disable(logging.WARNING)
    cases = [name for name in CASES if name != "tracing" or _has_tracing()]
    pairs = [(name, mode) for name in cases for mode in MODES]
    samples: dict[tuple[str, str], list[float]] = {pair: [] for pair in pairs}
    try:
        for _ in range(4 * setting.rounds + 1):
            for name, mode in random.sample(pairs, len(pairs)):
                with CASES[name]():
                    samples[name, mode].append(measure_turn(mode))
    finally:
        logging.disable(logging.NOTSET)
    best = {pair: min(times) for pair, times in samples.items()}
    turn = best["nobody", "sync"]
    look = min(timeit.repeat("events.has_listeners", "from autogen import events", number=100_000)) / 100_000 * 1e6
    off = CHECKS * look / turn
    rows = [
        Row(
            "events and tracing off, a scripted turn with a model",
            turn,
            "us",
            goal="under 2% of the turn",
            met=off < 0.02,
            limit=f"{CHECKS} checks of `events.has_listeners` of {look * 1e3:.0f} ns each: {off:.2%} of the turn.",
            more={"samples": {str(pair): times for pair, times in samples.items()}},
        )
    ]
    floors = _describe_floors(turn)
    for name in cases:
        if not name.startswith("nobody"):
            shares = [best[name, mode] / best["nobody", mode] - 1 for mode in MODES]
            rows.append(
                Row(
                    f"the same, with {name}",
                    best[name, "sync"],
                    "us",
                    turn,
                    "nobody listens",
                    goal=GOALS.get(name),
                    met=statistics.mean(shares) < 0.1 if name in GOALS else None,
                    limit=f"{shares[0]:+.1%}, asynchronous {shares[1]:+.1%}. {floors.get(name, '')}",
                )
            )
    return rows


GOALS = dict.fromkeys(("one listener, of everything", "tracing"), "under 10% of the turn")


def _describe_floors(turn: float) -> dict[str, str]:
    """Describe the lower bounds of the costs, by case."""
    received: list[events.Event] = []
    with events.subscribe(received.append):
        measure_turn("sync")
    number = len(received) / TURNS
    construction = _measure_call(lambda: events.ReplyEnded(agent="a", function="f", final=False, seconds=0.0))
    floors = {
        "one listener, of everything": f"{number:.0f} events a turn; their construction alone takes "
        f"{construction:.2f} us each, {number * construction / turn:.0%} of the turn."
    }
    if _has_tracing():
        alone = _measure_call(_make_span_case())
        floors["tracing"] = (
            f"OpenTelemetry's SDK alone takes {alone:.0f} us for a span with as many attributes, "
            f"{alone / turn:.0%} of the turn."
        )
    return floors


def _measure_call(function: Callable[[], object]) -> float:
    return min(timeit.repeat(function, number=1000, repeat=9)) / 1000 * 1e6


def _make_span_case() -> Callable[[], object]:
    """Return a function that makes the span of a request as `autogen.tracing` does, by the SDK alone."""
    from opentelemetry import context, trace

    tracer = make_tracer_provider().get_tracer("floor")
    request = {f"gen_ai.asked.{number}": "about as long" for number in range(6)}
    response = {f"gen_ai.answered.{number}": "about as long" for number in range(7)}

    def make_span() -> None:
        span = tracer.start_span("chat", kind=trace.SpanKind.CLIENT, attributes=request)
        before = context.attach(trace.set_span_in_context(span))
        span.set_attributes(response)
        span.end()
        context.detach(before)

    return make_span


def _has_tracing() -> bool:
    try:
        import opentelemetry.sdk.trace  # noqa: F401
    except ImportError:
        print("tracing: the SDK of OpenTelemetry is not installed", file=sys.stderr)
        return False
    return True
