"""What listening costs: a scripted turn with nobody listening, with one listener, with tracing, with a view.

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
COLOURS = ("sync", "async")
KINDS = events.resolve_types([events.Event]) - {events.Event}


def listening(**options: object) -> Callable[[], AbstractContextManager[None]]:
    """One listener, that does next to nothing."""
    return lambda: events.subscribe(lambda event: None, **options)  # type: ignore[arg-type]


def tracer_provider() -> Any:
    """The SDK of OpenTelemetry, with an exporter that takes everything and keeps nothing."""
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter(out=io.StringIO(), formatter=lambda span: "")))
    return provider


def tracing() -> AbstractContextManager[None]:
    """Chats as spans."""
    from autogen.tracing import trace

    return trace(tracer_provider())


def viewing() -> AbstractContextManager[None]:
    """A view on a file."""
    from rich.console import Console

    from autogen.terminal import view

    return view(Console(file=open(os.devnull, "w")))


CASES: dict[str, Callable[[], AbstractContextManager[None]]] = {
    "nobody": contextlib.nullcontext,
    "nobody, again": contextlib.nullcontext,  # how far two that are the same are apart
    "one listener, of messages": listening(types=["message_sent"]),
    "one listener, of all but replies": listening(types=[kind for kind in KINDS if not kind.type.startswith("reply")]),
    "one listener, of everything": listening(),
    "tracing": tracing,
    "a view": viewing,
}


def microseconds_a_turn(colour: str) -> float:
    """The processor time of one chat, divided by its turns. Each turn asks a scripted model."""
    counter = iter(range(TURNS))
    model = ScriptedModel(lambda messages: f"number {next(counter)}")
    options = {"human_input_mode": "NEVER", "max_consecutive_auto_reply": 10**9, "silent": True}
    a = ConversableAgent("a", default_auto_reply="x", llm_config=False, **options)
    b = ConversableAgent("b", llm_config=model.llm_config, **options)
    began = time.thread_time()
    if colour == "sync":
        a.initiate_chat(b, message="go", max_turns=TURNS)
    else:
        asyncio.run(a.a_initiate_chat(b, message="go", max_turns=TURNS))
    return (time.thread_time() - began) / TURNS * 1e6


def main() -> None:
    """Measure, interleaved in random order; print the best of each, and how much more than nobody that is."""
    logging.disable(logging.WARNING)
    samples: dict[tuple[str, str], list[float]] = {}
    pairs = [(name, colour) for name in CASES for colour in COLOURS]
    for _ in range(ROUNDS):
        for name, colour in random.sample(pairs, len(pairs)):
            with CASES[name]():
                samples.setdefault((name, colour), []).append(microseconds_a_turn(colour))
    best = {pair: min(times) for pair, times in samples.items()}
    print(f"{'':34}{'sync':>14}{'async':>16}   microseconds a turn, best of {ROUNDS}")
    for name in CASES:
        cells = (
            f"{best[name, colour]:>8.1f} {best[name, colour] / best['nobody', colour] - 1:>+6.1%}" for colour in COLOURS
        )
        print(f"{name:<34}{'  '.join(cells)}")


if __name__ == "__main__":
    main()
