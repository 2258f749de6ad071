"""`autogen chat`: an assistant and a user proxy solve a task."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

from rich.console import Console

from .. import terminal
from ..agentchat import AssistantAgent, UserProxyAgent
from ..agentchat.conversable_agent import HumanInputMode
from ..coding.local_commandline_code_executor import LocalCommandLineCodeExecutor
from .choice import choose_model

WORK_DIR = Path("coding")


def run_chat(
    task: str,
    config: str | None,
    model: str | None,
    human: HumanInputMode,
    docker: bool,
    max_turns: int | None,
    view: bool = False,
) -> int:
    """Run the chat, and return the exit code.

    Args:
        task: First message.
        config: Name of a config list; None for the default.
        model: Name of a model in it; None for all.
        human: When the human is asked.
        docker: True to run code in Docker, False for this machine.
        max_turns: Maximum number of turns; None for no limit.
        view: True to show the chat in a live view.
    """
    # Standard output is for the chat.
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    choice = choose_model(config, model)
    console.print(f"[bold]Model:[/] {choice.label}")
    assistant = AssistantAgent("assistant", llm_config={"config_list": choice.config_list, "cache_seed": None})
    user = UserProxyAgent(
        "user",
        human_input_mode=human,
        is_termination_msg=lambda message: str(message.get("content") or "").rstrip().endswith("TERMINATE"),
        code_execution_config=_make_code_config(docker),
        # Two programs must not talk to each other forever.
        max_consecutive_auto_reply=None if human != "NEVER" else 10,
    )
    with terminal.view() if view else nullcontext():
        result = user.initiate_chat(assistant, message=task, max_turns=max_turns)
    cost = result.cost["usage_excluding_cached_inference"]["total_cost"]
    console.print(f"[bold]Ended:[/] {result.stop_reason}, {len(result.chat_history)} messages, {cost:.4f} USD.")
    return 0


def _make_code_config(docker: bool) -> dict[str, object]:
    if docker:
        return {"use_docker": True, "work_dir": str(WORK_DIR)}
    WORK_DIR.mkdir(exist_ok=True)
    return {"executor": LocalCommandLineCodeExecutor(work_dir=WORK_DIR)}
