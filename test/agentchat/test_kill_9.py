"""A chat with models, a tool, code and chosen speakers, killed at random moments, ends as if nothing had happened."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from autogen.recording import Recording
from autogen.testing import OpenAIServer, ScriptedModel, tool_call

NEXT = {"user": "planner", "planner": "coder", "coder": "runner", "runner": "planner"}
WORDS = ["apple", None, "cherry"]


def answer(messages: list[dict[str, Any]]) -> Any:
    """What the models say, each by what it has been told."""
    role = messages[0]["content"]
    said = sum(message["role"] == "assistant" for message in messages)
    if role == "You are the planner.":
        word = WORDS[said] if said < len(WORDS) else None
        return tool_call("measure", call_id=f"call-{said}", what=word) if word else f"Part {said}: the program, please."
    if role == "You are the coder.":
        return "```sh\necho $((6 * 7))\n```" if said else "```python\nprint(sum(range(10)))\n```"
    return NEXT[messages[-2]["name"]]  # the manager asks who is next


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer(ScriptedModel(answer)) as server:
        yield server


@pytest.fixture
def hold(server: OpenAIServer) -> Iterator[Callable[..., dict[str, Any]]]:
    """Hold the chat in a process of its own, and kill it where told."""
    command = [sys.executable, str(Path(__file__).with_name("killed_chat.py")), server.base_url]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as program:
        assert program.stdin
        assert program.stdout

        def hold(file: Path, **kill: float) -> dict[str, Any]:
            program.stdin.write(json.dumps({"file": str(file), **kill}) + "\n")
            program.stdin.flush()
            line = program.stdout.readline()
            return json.loads(line) if line else pytest.fail(program.stderr.read())

        yield hold
        program.stdin.close()


def milestones(file: Path) -> list[tuple[str, Any]]:
    """What the file keeps of the course of the chats: each of them begun, said and ended once."""
    told = [event for event in Recording(file).events if event["type"] in ("chat_started", "message_sent", "chat_ended")]
    names = {chat: number for number, chat in enumerate(dict.fromkeys(event["chat"] for event in told))}
    return [(event["type"], names[event["chat"]], event.get("message")) for event in told]


@pytest.mark.timeout(600)
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no kill -9, and no fork")
@pytest.mark.parametrize(
    ("unit", "total"),
    [("calls", 4), *(pytest.param(unit, 100, marks=pytest.mark.slow) for unit in ("calls", "seconds"))],
)
def test_killed_at_random_moments(server, hold, tmp_path, unit, total):
    undisturbed = hold(tmp_path / "undisturbed.db")
    speakers = [message["name"] for message in undisturbed["histories"]["group"]]
    assert {"planner", "coder", "runner"} < set(speakers)
    assert speakers.count("runner") == 4
    paid, moments, kills, chats = len(server.requests), random.Random(unit), 0, 0
    while kills < total:
        chats += 1
        file, deaths, before = tmp_path / f"{chats}.db", 0, len(server.requests)
        while (last := hold(file, **{unit: 1.3 * moments.random() * undisturbed[unit]}))["killed"]:
            deaths += 1
        kills += deaths
        assert last["histories"] == undisturbed["histories"], f"chat {chats}, after {deaths} deaths"
        assert paid <= len(server.requests) - before <= paid + deaths, "a finished answer was paid again"
        measured = Counter(Path(f"{file}.measured").read_text().split())
        assert set(measured) == {word for word in WORDS if word}
        assert milestones(file) == milestones(tmp_path / "undisturbed.db")
        assert measured.total() <= len(measured) + deaths, "a finished call was made again"
    assert chats > total / 10, "they were killed so early and often that little was tested"
