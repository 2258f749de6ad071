"""The framework's cost of a round of a group chat: scripted replies, 3 to 100 members, in sync and async chats.

CPU time is measured, because it depends less on the load of the machine.

python -m benchmarks.groupchat
"""

from __future__ import annotations

import asyncio
import itertools
import statistics
import time

from autogen import Agent, ConversableAgent, GroupChat, GroupChatManager

MEMBERS = (3, 10, 100)
ROUNDS = (10, 1_000)
BUILT = (100, 400)
SAMPLES = 5


def make_members(number: int) -> list[ConversableAgent]:
    """Make agents that answer at once, without an end, and never repeat themselves."""
    words = itertools.count()

    def answer(*_: object, **__: object) -> tuple[bool, str]:
        return True, f"{next(words)} {'x' * 200}"

    options = {"human_input_mode": "NEVER", "llm_config": False, "max_consecutive_auto_reply": 10**9, "silent": True}
    agents = [ConversableAgent(f"agent_{index}", **options) for index in range(number)]
    for agent in agents:
        # position 2 is after the check for the end of the chat
        agent.register_reply([Agent, None], answer, position=2)
    return agents


def measure_round(number: int, rounds: int, mode: str) -> float:
    """Return the CPU time of a chat divided by its rounds, in microseconds."""
    agents = make_members(number)
    group = GroupChat(agents, [], rounds, speaker_selection_method="round_robin")
    manager = GroupChatManager(group, llm_config=False, silent=True)
    started = time.process_time()
    if mode == "sync":
        agents[0].initiate_chat(manager, message="go", silent=True)
    else:
        asyncio.run(agents[0].a_initiate_chat(manager, message="go", silent=True))
    return (time.process_time() - started) / rounds * 1e6


def measure_build(number: int) -> float:
    """Return the CPU time to make a group of existing agents, in milliseconds."""
    agents = make_members(number)
    started = time.process_time()
    GroupChat(agents, [])
    return (time.process_time() - started) * 1e3


def main() -> None:
    """Measure, interleaved, and print medians."""
    samples: dict[tuple[int, int, str], list[float]] = {}
    built: dict[int, list[float]] = {}
    for _ in range(SAMPLES):
        for number, rounds, mode in itertools.product(MEMBERS, ROUNDS, ("sync", "async")):
            samples.setdefault((number, rounds, mode), []).append(measure_round(number, rounds, mode))
        for number in BUILT:
            built.setdefault(number, []).append(measure_build(number))
    print(f"{'members':>8}  {'rounds':>7}  {'sync':>8}  {'async':>8}   microseconds a round, median of {SAMPLES}")
    for number, rounds in itertools.product(MEMBERS, ROUNDS):
        medians = [statistics.median(samples[number, rounds, mode]) for mode in ("sync", "async")]
        print(f"{number:>8}  {rounds:>7}  {medians[0]:>8.1f}  {medians[1]:>8.1f}")
    few, many = (statistics.median(samples[number, ROUNDS[-1], "sync"]) for number in (MEMBERS[0], MEMBERS[-1]))
    print(f"a member more costs {(many - few) / (MEMBERS[-1] - MEMBERS[0]):.2f} microseconds a round")
    for number in BUILT:
        print(f"a group of {number} agents is made in {statistics.median(built[number]):.1f} milliseconds")


if __name__ == "__main__":
    main()
