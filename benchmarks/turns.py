"""What a turn of a chat costs the framework: scripted replies, from 100 to 100,000 turns, in both kinds of chat.

python -m benchmarks.turns
"""

from __future__ import annotations

import asyncio
import statistics
import time

from autogen import ConversableAgent

TURNS = (100, 1_000, 10_000, 100_000)
ROUNDS = 3


def pair() -> tuple[ConversableAgent, ConversableAgent]:
    """Two agents that answer at once, for ever."""
    options = {"human_input_mode": "NEVER", "llm_config": False, "max_consecutive_auto_reply": 10**9, "silent": True}
    return ConversableAgent("a", default_auto_reply="x", **options), ConversableAgent("b", default_auto_reply="y", **options)


def microseconds_a_turn(turns: int, colour: str) -> float:
    """The time of one chat, divided by its turns."""
    a, b = pair()
    started = time.perf_counter()
    if colour == "sync":
        a.initiate_chat(b, message="go", max_turns=turns)
    else:
        asyncio.run(a.a_initiate_chat(b, message="go", max_turns=turns))
    return (time.perf_counter() - started) / turns * 1e6


def main() -> None:
    """Measure, interleaved, and print medians."""
    samples: dict[tuple[int, str], list[float]] = {}
    for _ in range(ROUNDS):
        for turns in TURNS:
            for colour in ("sync", "async"):
                samples.setdefault((turns, colour), []).append(microseconds_a_turn(turns, colour))
    print(f"{'turns':>8}  {'sync':>8}  {'async':>8}   microseconds a turn (two messages), median of {ROUNDS}")
    for turns in TURNS:
        medians = [statistics.median(samples[turns, colour]) for colour in ("sync", "async")]
        print(f"{turns:>8}  {medians[0]:>8.1f}  {medians[1]:>8.1f}")


if __name__ == "__main__":
    main()
