"""What a round of a group chat costs the framework: scripted replies, 3 to 100 members, in both kinds of chat.

It is CPU time: nothing waits here, and a busy machine does not matter so much.

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


def members(number: int) -> list[ConversableAgent]:
    """Agents that answer at once, for ever, never twice the same."""
    words = itertools.count()

    def answer(*_: object, **__: object) -> tuple[bool, str]:
        return True, f"{next(words)} {'x' * 200}"

    options = {"human_input_mode": "NEVER", "llm_config": False, "max_consecutive_auto_reply": 10**9, "silent": True}
    made = [ConversableAgent(f"agent_{place}", **options) for place in range(number)]
    for agent in made:
        agent.register_reply([Agent, None], answer, position=2)  # after the check of what ends a chat
    return made


def microseconds_a_round(number: int, rounds: int, colour: str) -> float:
    """The time of one chat, divided by its rounds."""
    agents = members(number)
    group = GroupChat(agents, [], rounds, speaker_selection_method="round_robin")
    manager = GroupChatManager(group, llm_config=False, silent=True)
    started = time.process_time()
    if colour == "sync":
        agents[0].initiate_chat(manager, message="go", silent=True)
    else:
        asyncio.run(agents[0].a_initiate_chat(manager, message="go", silent=True))
    return (time.process_time() - started) / rounds * 1e6


def milliseconds_to_build(number: int) -> float:
    """The time to make a group of this size, of agents that are there."""
    agents = members(number)
    started = time.process_time()
    GroupChat(agents, [])
    return (time.process_time() - started) * 1e3


def main() -> None:
    """Measure, interleaved, and print medians."""
    samples: dict[tuple[int, int, str], list[float]] = {}
    built: dict[int, list[float]] = {}
    for _ in range(SAMPLES):
        for number, rounds, colour in itertools.product(MEMBERS, ROUNDS, ("sync", "async")):
            samples.setdefault((number, rounds, colour), []).append(microseconds_a_round(number, rounds, colour))
        for number in BUILT:
            built.setdefault(number, []).append(milliseconds_to_build(number))
    print(f"{'members':>8}  {'rounds':>7}  {'sync':>8}  {'async':>8}   microseconds a round, median of {SAMPLES}")
    for number, rounds in itertools.product(MEMBERS, ROUNDS):
        medians = [statistics.median(samples[number, rounds, colour]) for colour in ("sync", "async")]
        print(f"{number:>8}  {rounds:>7}  {medians[0]:>8.1f}  {medians[1]:>8.1f}")
    few, many = (statistics.median(samples[number, ROUNDS[-1], "sync"]) for number in (MEMBERS[0], MEMBERS[-1]))
    print(f"a member more costs {(many - few) / (MEMBERS[-1] - MEMBERS[0]):.2f} microseconds a round")
    for number in BUILT:
        print(f"a group of {number} agents is made in {statistics.median(built[number]):.1f} milliseconds")


if __name__ == "__main__":
    main()
