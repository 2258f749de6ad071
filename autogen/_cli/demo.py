"""`autogen demo`: two agents solve a small task with the embedded model."""

from __future__ import annotations

import tempfile
import time
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.syntax import Syntax
from rich.text import Text

from ..agentchat import AssistantAgent, ChatResult, UserProxyAgent
from ..coding.approval import visible
from ..coding.base import CodeBlock, CodeResult, CommandLineCodeResult
from ..coding.local_commandline_code_executor import LocalCommandLineCodeExecutor
from ..oai._local import embedded, weights
from .models import pull_with_progress

MODEL = "smollm2-135m"
TASK = "Write Python code that prints the sum of the numbers from 1 to 100."
ANSWER = "5050"

# A model of this size only follows short instructions; AssistantAgent's own system message is for larger models.
INSTRUCTIONS = (
    "You write Python. Answer with one short, complete python code block that prints its result. No input(). No explanation."
)
TRY_AGAIN = "Answer with one complete python code block that prints the result."


class RecordingExecutor(LocalCommandLineCodeExecutor):
    """A local executor that keeps its runs."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.runs: list[tuple[list[CodeBlock], CodeResult]] = []

    def execute_code_blocks(self, code_blocks: list[CodeBlock]) -> CommandLineCodeResult:
        """Run the blocks, and keep them with their result."""
        result = super().execute_code_blocks(code_blocks)
        self.runs.append((code_blocks, result))
        return result


def run_demo(task: str | None = None) -> int:
    """Let two agents solve a task, and return the exit code: 0 if code ran and succeeded."""
    # A missing package is reported before the weights are downloaded.
    embedded.load_llama_cpp()
    console = Console(soft_wrap=True, highlight=False)
    if MODEL not in weights.list_installed():
        pull_with_progress(MODEL)
    row = weights.CATALOGUE[MODEL]
    console.print(
        f"[bold]Model:[/] {MODEL} ({row.size / 1e6:.0f} MB, {row.licence}), running in this process. "
        "No API key, nothing leaves this machine."
    )
    with tempfile.TemporaryDirectory(prefix="autogen-demo-") as folder:
        executor = RecordingExecutor(work_dir=folder, timeout=20)
        console.print(f"[bold]Code:[/]  runs on this machine, in {folder}, without your environment's secrets.\n")
        started = time.perf_counter()
        result = _solve(task or TASK, executor)
        return _print_report(console, result, executor, time.perf_counter() - started, ANSWER if task is None else None)


def _solve(task: str, executor: RecordingExecutor) -> ChatResult:
    config = {"model": MODEL, "api_type": "local", "temperature": 0, "max_tokens": 400}
    assistant = AssistantAgent(
        "assistant",
        INSTRUCTIONS,
        {"config_list": [config], "cache_seed": None},
        is_termination_msg=lambda message: str(message.get("content")).startswith("exitcode: 0"),
    )
    user = UserProxyAgent(
        "user",
        human_input_mode="NEVER",
        code_execution_config={"executor": executor},
        default_auto_reply=TRY_AGAIN,
        max_consecutive_auto_reply=4,
    )
    return user.initiate_chat(assistant, message=task)


def _print_report(
    console: Console, result: ChatResult, executor: RecordingExecutor, seconds: float, answer: str | None
) -> int:
    usage = result.cost["usage_including_cached_inference"].get(MODEL, {})
    tokens = usage.get("completion_tokens", 0)
    console.print(
        f"\n[bold]Result:[/] {len(result.chat_history)} messages, {tokens} tokens written, {seconds:.1f} s, cost 0."
    )
    if not executor.runs:
        console.print("[yellow]The model wrote no code that could be run. Try again, or another task.[/]")
        return 1
    blocks, run = executor.runs[-1]
    code = "\n\n".join(block.code for block in blocks)
    console.print(
        Panel(Syntax(visible(code), blocks[0].language or "text", word_wrap=True), title="ran", title_align="left")
    )
    title = f"printed (exit code {run.exit_code})"
    console.print(Panel(Text(visible(run.output.rstrip()) or "(nothing)"), title=title, title_align="left", highlight=False))
    if answer is not None:
        is_right = answer in run.output
        console.print(
            f"The right answer is {answer}: " + ("[green]the agents have it.[/]" if is_right else "[yellow]not quite.[/]")
        )
    return 0 if run.exit_code == 0 else 1
