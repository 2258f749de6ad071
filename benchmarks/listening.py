"""What events and tracing cost a scripted turn; the cases are those of `benchmarks.events`."""

from __future__ import annotations

import logging
import random
import statistics
import sys
import timeit
from collections.abc import Callable

from autogen import events

from .events import CASES, COLOURS, TURNS, microseconds_a_turn, tracer_provider
from .kit import Row, Setting

CHECKS = 16  # how often a turn of two messages looks whether anybody listens, rounded up


def listening(setting: Setting) -> list[Row]:
    """A turn with nobody listening, with a listener, and with tracing."""
    logging.disable(logging.WARNING)
    cases = [name for name in CASES if name != "tracing" or _has_tracing()]
    pairs = [(name, colour) for name in cases for colour in COLOURS]
    samples: dict[tuple[str, str], list[float]] = {pair: [] for pair in pairs}
    try:
        for _ in range(4 * setting.rounds + 1):
            for name, colour in random.sample(pairs, len(pairs)):
                with CASES[name]():
                    samples[name, colour].append(microseconds_a_turn(colour))
    finally:
        logging.disable(logging.NOTSET)
    best = {pair: min(found) for pair, found in samples.items()}
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
            limit=f"{CHECKS} looks at `events.has_listeners` of {look * 1e3:.0f} ns each: {off:.2%} of the turn.",
            more={"samples": {str(pair): found for pair, found in samples.items()}},
        )
    ]
    floors = _floors(turn)
    for name in cases:
        if not name.startswith("nobody"):
            shares = [best[name, colour] / best["nobody", colour] - 1 for colour in COLOURS]
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


def _floors(turn: float) -> dict[str, str]:
    """What the costs of listening can't be less than."""
    told: list[events.Event] = []
    with events.subscribe(told.append):
        microseconds_a_turn("sync")
    number = len(told) / TURNS
    made = _microseconds(lambda: events.ReplyEnded(agent="a", function="f", final=False, seconds=0.0))
    floors = {
        "one listener, of everything": f"{number:.0f} events a turn; to make their objects alone takes {made:.2f} us each, "
        f"{number * made / turn:.0%} of the turn."
    }
    if _has_tracing():
        alone = _microseconds(_span())
        floors["tracing"] = (
            f"OpenTelemetry's SDK alone takes {alone:.0f} us for a span with as many attributes, "
            f"{alone / turn:.0%} of the turn."
        )
    return floors


def _microseconds(function: Callable[[], object]) -> float:
    return min(timeit.repeat(function, number=1000, repeat=9)) / 1000 * 1e6


def _span() -> Callable[[], object]:
    """A request's span as `autogen.tracing` makes it, without anything of ours."""
    from opentelemetry import context, trace

    tracer = tracer_provider().get_tracer("floor")
    asked = {f"gen_ai.asked.{number}": "about as long" for number in range(6)}
    answered = {f"gen_ai.answered.{number}": "about as long" for number in range(7)}

    def span() -> None:
        one = tracer.start_span("chat", kind=trace.SpanKind.CLIENT, attributes=asked)
        before = context.attach(trace.set_span_in_context(one))
        one.set_attributes(answered)
        one.end()
        context.detach(before)

    return span


def _has_tracing() -> bool:
    try:
        import opentelemetry.sdk.trace  # noqa: F401
    except ImportError:
        print("tracing: the SDK of OpenTelemetry is not installed", file=sys.stderr)
        return False
    return True
