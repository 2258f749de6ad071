"""A guard for the cost of a scripted turn, in instructions of the interpreter. No clock, so no noise.

A turn is a message and its answer. The cost of the chat itself is left out by the difference of two chats. Counted are the
instructions of this package's own code; the number differs from one version of Python to the next.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import autogen
from autogen import ConversableAgent
from autogen.agentchat._approvals.labels import usage

PACKAGE = str(Path(autogen.__file__).parent) + os.sep
TURNS = 20
TOLERANCE = 0.03

INSTRUCTIONS = {(3, 10): 1792, (3, 11): 1809, (3, 12): 1730, (3, 13): 1751}
"""Instructions for a turn, sync or async, by version of Python. `python test/test_instruction_count.py` counts them."""


def instructions(run: Callable[[], object]) -> int:
    """Count the instructions of this package that a call takes."""
    count = 0

    def within(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        count += event == "opcode"
        return within

    def entered(frame: FrameType, event: str, argument: Any) -> Any:
        if not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        return within

    before = sys.gettrace()
    gc.collect()
    gc.disable()
    sys.settrace(entered)
    try:
        run()
    finally:
        sys.settrace(before)
        gc.enable()
    return count


def chat(turns: int, mode: str) -> Callable[[], object]:
    """Make a chat of two agents that answer at once."""
    options = {"human_input_mode": "NEVER", "llm_config": False, "max_consecutive_auto_reply": 10**9, "silent": True}
    a, b = (ConversableAgent(name, default_auto_reply=name, **options) for name in "ab")
    if mode == "sync":
        return lambda: a.initiate_chat(b, message="go", max_turns=turns, silent=True)
    return lambda: asyncio.run(a.a_initiate_chat(b, message="go", max_turns=turns, silent=True))


def instructions_a_turn(mode: str) -> int:
    """Count the instructions that one more turn takes."""
    # a first chat fills the caches
    instructions(chat(TURNS, mode))
    once, twice = (instructions(chat(turns, mode)) for turns in (TURNS, 2 * TURNS))
    return round((twice - once) / TURNS)


@pytest.fixture(params=[False, True], ids=["plain", "labels"])
def are_tools_labelled(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Labels of the tools of this process, which have work to do in each reply."""
    monkeypatch.setattr(usage, "is_on", request.param)


@pytest.mark.slow
def test_a_scripted_turn_takes_no_more_instructions_than_it_did(mode, monkeypatch):
    # Another test of this process may have labels.
    monkeypatch.setattr(usage, "is_on", False)
    limit = INSTRUCTIONS.get(sys.version_info[:2])
    if limit is None:
        pytest.skip(f"no number is stored for Python {sys.version_info.major}.{sys.version_info.minor}; see CONTRIBUTING.md")
    now = instructions_a_turn(mode)
    assert now <= limit * (1 + TOLERANCE), (
        f"A turn takes {now} instructions; it was {limit}. Find out what came in, or store the new number with the "
        "reason in the commit."
    )


@pytest.mark.slow
def test_the_count_is_the_same_each_time(mode):
    assert instructions_a_turn(mode) == instructions_a_turn(mode)


@pytest.mark.slow
@pytest.mark.usefixtures("are_tools_labelled")
def test_the_cost_of_a_turn_does_not_grow_with_the_chat(mode):
    instructions(chat(TURNS, mode))
    counts = [instructions(chat(turns, mode)) for turns in (TURNS, 2 * TURNS, 10 * TURNS, 11 * TURNS)]
    assert counts[3] - counts[2] == counts[1] - counts[0]


if __name__ == "__main__":
    print(f"{sys.version_info[:2]}: { ({mode: instructions_a_turn(mode) for mode in ('sync', 'async')}) },")
