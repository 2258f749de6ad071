"""A program that is killed: it holds chats in processes of their own, and kills each where it is told to.

python killed_chat.py URL

Reads a JSON object a line: `file` (the checkpoint), and where to kill: `calls` (the process kills itself when it has called
so many functions), `seconds` (it is killed from outside after that time), or neither. Answers a JSON object a line:
`killed`, and where the chat came to its end `histories` of all agents, `seconds` and `calls`. Each is held by a fork, so
that the imports are paid once.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import openai

from autogen import AssistantAgent, GroupChat, GroupChatManager, UserProxyAgent, register_function
from autogen.coding import LocalCommandLineCodeExecutor

MEMBERS = ("planner", "coder", "runner")


def hold(url: str, file: str) -> dict[str, Any]:
    """A group chat with selection by a model, a tool and code; what all its agents remember of it."""
    entry = {"model": "m", "base_url": url, "api_key": "none", "max_retries": 0}
    llm_config = {"config_list": [entry], "cache_seed": None}
    executor = LocalCommandLineCodeExecutor(work_dir=file + ".work", timeout=60)
    planner, coder = (AssistantAgent(name, f"You are the {name}.", llm_config=llm_config) for name in MEMBERS[:2])
    runner = UserProxyAgent("runner", human_input_mode="NEVER", code_execution_config={"executor": executor})
    user = UserProxyAgent("user", human_input_mode="NEVER", code_execution_config=False)

    def measure(what: str) -> str:
        with open(file + ".measured", "a") as log:
            log.write(what + "\n")
        return f"{what} is {len(what)} long"

    register_function(measure, caller=planner, executor=runner, description="Measure a word.")
    group = GroupChat([planner, coder, runner], max_round=12, speaker_selection_method="auto")
    manager = GroupChatManager(group, llm_config=llm_config, silent=True)
    result = user.initiate_chat(manager, message="begin", checkpoint=file, on_unfinished="rerun", silent=True)
    told = {agent.name: agent.chat_messages[manager] for agent in (planner, coder, runner, user)}
    return {"group": group.messages, "result": result.chat_history, "reason": result.stop_reason, **told}


def count_calls(limit: float) -> list[int]:
    """Count the calls of functions from now on, and die at one of them."""
    made = [0]

    def profile(frame: Any, event: str, what: Any) -> None:
        if event in ("call", "c_call"):
            made[0] += 1
            if made[0] > limit:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(profile)
    return made


def life(url: str, order: dict[str, Any], answer: Path) -> None:
    """Hold the chat in this process, as far as it comes."""
    made = [0] if order.get("seconds") else count_calls(order.get("calls", math.inf))
    with contextlib.redirect_stdout(io.StringIO()):
        histories = hold(url, order["file"])
    sys.setprofile(None)
    answer.write_text(json.dumps({"killed": False, "histories": histories, "calls": made[0]}))


def obey(url: str, order: dict[str, Any]) -> dict[str, Any]:
    """Hold the chat in a fork. Returns what became of it."""
    answer = Path(order["file"] + ".answer")
    answer.unlink(missing_ok=True)
    started = time.monotonic()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
            life(url, order, answer)
            status = 0
        finally:
            os._exit(status)
    if order.get("seconds") and signal.sigtimedwait({signal.SIGCHLD}, order["seconds"]) is None:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    signal.sigtimedwait({signal.SIGCHLD}, 0)  # the one of this child, if it has not been taken above
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return {"killed": True}
    assert status == 0, f"the chat failed: {status}"
    return {**json.loads(answer.read_text()), "seconds": time.monotonic() - started}


if __name__ == "__main__":
    _ = openai.OpenAI(api_key="none").chat.completions  # imports what a request needs
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    for line in sys.stdin:
        print(json.dumps(obey(sys.argv[1], json.loads(line))), flush=True)
