"""The cost of events: a scripted turn without a listener, with a listener, with tracing, with a view.

python -m benchmarks.events
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
import os
import random
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from autogen import ConversableAgent, events
from autogen.testing import ScriptedModel

TURNS = 100
ROUNDS = 41
MODES = ("sync", "async")
KINDS = events.resolve_types([events.Event]) - {events.Event}


def make_listener(**options: object) -> Callable[[], AbstractContextManager[None]]:
    """Make a case: a listener that does next to nothing."""
    return lambda: events.subscribe(lambda event: None, **options)  # type: ignore[arg-type]


def make_tracer_provider() -> Any:
    """Make a tracer provider of OpenTelemetry's SDK, with an exporter that keeps nothing."""
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter(out=io.StringIO(), formatter=lambda span: "")))
    return provider


def start_tracing() -> AbstractContextManager[None]:
    """Export the chats of a `with` block as spans."""
    from autogen.tracing import trace

    return trace(make_tracer_provider())


def start_view() -> AbstractContextManager[None]:
    """Show the chats of a `with` block in a file."""
    from rich.console import Console

    from autogen.terminal import view

    return view(Console(file=open(os.devnull, "w")))


CASES: dict[str, Callable[[], AbstractContextManager[None]]] = {
    "nobody": contextlib.nullcontext,
    # the difference of two equal cases is the noise
    "nobody, again": contextlib.nullcontext,
    "one listener, of messages": make_listener(types=["message_sent"]),
    "one listener, of all but replies": make_listener(types=[kind for kind in KINDS if not kind.type.startswith("reply")]),
    "one listener, of everything": make_listener(),
    "tracing": start_tracing,
    "a view": start_view,
}


def measure_turn(mode: str) -> float:
    """Return the CPU time of a chat divided by its turns, in microseconds. Each turn requests a scripted model."""
    counter = iter(range(TURNS))
    model = ScriptedModel(lambda messages: f"number {next(counter)}")
    options = {"human_input_mode": "NEVER", "max_consecutive_auto_reply": 10**9, "silent": True}
    a = ConversableAgent("a", default_auto_reply="x", llm_config=False, **options)
    b = ConversableAgent("b", llm_config=model.llm_config, **options)
    began = time.thread_time()
    if mode == "sync":
        a.initiate_chat(b, message="go", max_turns=TURNS)
    else:
        asyncio.run(a.a_initiate_chat(b, message="go", max_turns=TURNS))
    return (time.thread_time() - began) / TURNS * 1e6


def main() -> None:
    """Measure, interleaved in random order; print the best of each case, and its excess over a chat without a listener."""
    logging.disable(logging.WARNING)
    samples: dict[tuple[str, str], list[float]] = {}
    pairs = [(name, mode) for name in CASES for mode in MODES]
    for _ in range(ROUNDS):
        for name, mode in random.sample(pairs, len(pairs)):
            with CASES[name]():
                samples.setdefault((name, mode), []).append(measure_turn(mode))
    best = {pair: min(times) for pair, times in samples.items()}
    print(f"{'':34}{'sync':>14}{'async':>16}   microseconds a turn, best of {ROUNDS}")
    for name in CASES:
        cells = (f"{best[name, mode]:>8.1f} {best[name, mode] / best['nobody', mode] - 1:>+6.1%}" for mode in MODES)
        print(f"{name:<34}{'  '.join(cells)}")


if __name__ == "__main__":
    main()
