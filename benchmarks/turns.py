"""The framework's cost of a turn: scripted replies, from 100 to 100,000 turns, in sync and async chats.

python -m benchmarks.turns
"""

from __future__ import annotations

import asyncio
import statistics
import time

from autogen import ConversableAgent

TURNS = (100, 1_000, 10_000, 100_000)
ROUNDS = 3


def make_pair() -> tuple[ConversableAgent, ConversableAgent]:
    """Make two agents that answer at once, without an end."""
    options = {"human_input_mode": "NEVER", "llm_config": False, "max_consecutive_auto_reply": 10**9, "silent": True}
    return ConversableAgent("a", default_auto_reply="x", **options), ConversableAgent("b", default_auto_reply="y", **options)


def measure_turn(turns: int, mode: str) -> float:
    """Return the time of a chat divided by its turns, in microseconds."""
    a, b = make_pair()
    started = time.perf_counter()
    if mode == "sync":
        a.initiate_chat(b, message="go", max_turns=turns)
    else:
        asyncio.run(a.a_initiate_chat(b, message="go", max_turns=turns))
    return (time.perf_counter() - started) / turns * 1e6


def main() -> None:
    """Measure, interleaved, and print medians."""
    samples: dict[tuple[int, str], list[float]] = {}
    for _ in range(ROUNDS):
        for turns in TURNS:
            for mode in ("sync", "async"):
                samples.setdefault((turns, mode), []).append(measure_turn(turns, mode))
    print(f"{'turns':>8}  {'sync':>8}  {'async':>8}   microseconds a turn (two messages), median of {ROUNDS}")
    for turns in TURNS:
        medians = [statistics.median(samples[turns, mode]) for mode in ("sync", "async")]
        print(f"{turns:>8}  {medians[0]:>8.1f}  {medians[1]:>8.1f}")


if __name__ == "__main__":
    main()
