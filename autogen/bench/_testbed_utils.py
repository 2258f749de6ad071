"""The module that programs of AutoGenBench import as `testbed_utils`; it is copied beside them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timezone
from pathlib import Path

from autogen.agentchat.conversable_agent import ConversableAgent

__all__ = ["finalize", "init"]


def init() -> None:
    """Write the time of the beginning."""
    _append_time("started")


def finalize(agents: Iterable[ConversableAgent]) -> None:
    """Write the messages of agents and the time of the end.

    Args:
        agents: Agents of the scenario.
    """
    for agent in agents:
        messages = {peer.name: history for peer, history in agent.chat_messages.items()}
        # A message may hold objects of the program.
        text = json.dumps(messages, indent=2, default=str)
        Path(f"{agent.name}_messages.json").write_text(text, encoding="utf-8")
    _append_time("finished")


def _append_time(event: str) -> None:
    with Path("timestamp.txt").open("a", encoding="utf-8") as file:
        file.write(f"{event}: {datetime.now(timezone.utc).isoformat()}\n")
