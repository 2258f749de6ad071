"""Scenarios of AutoGenBench: a program in the work directory, which ends with a line that says that its tests passed."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..coding._processes.environment import build_child_environment
from ..coding._processes.limits import Limits as ProgramLimits
from ..coding._processes.runner import run_program
from ._model_proxy import ModelProxy
from ._runs import RunContext
from .cases import Case

MARKER = "ALL TESTS PASSED !#!#"
PASSED = "passed"
SECONDS = 1800.0
_LOG = "console_log.txt"
_SHOWN = 1000  # characters of the log in an answer
_FIRST, _LAST = ("global_init.sh", "scenario_init.sh"), ("scenario_finalize.sh", "global_finalize.sh")


def run_scenario(case: Case, context: RunContext) -> str:
    """Run a scenario, with its scripts before and after it, and return `passed` or the failure.

    Its programs get a config list with a key that is valid on this machine until the run ends. The marker of success gets
    a word in each file of the scenario that is drawn for this run, so that a model that writes the marker has not passed.

    Args:
        case: Case, as `read_autogenbench` makes it.
        context: Surroundings of the run.

    Raises:
        ValueError: if the run is not in a process of its own, or has no config of models.
    """
    # A thread that is abandoned would leave its programs behind.
    if context.isolation != "process":
        raise ValueError(f"A scenario of AutoGenBench needs isolation='process', got {context.isolation!r}.")
    if not context.llm_config:
        raise ValueError("A scenario of AutoGenBench needs models: pass llm_config, or use --model or --config.")
    folder = context.work_dir
    # AutoGenBench puts it beside each scenario; one of the user's is left as it is.
    helper = folder / "testbed_utils.py"
    if not helper.exists():
        shutil.copyfile(Path(__file__).with_name("_testbed_utils.py"), helper)
    marker = f"{MARKER} {secrets.token_hex(16)}"
    _replace_marker(folder, marker)
    with ModelProxy(context.llm_config) as proxy, (folder / _LOG).open("w", encoding="utf-8") as log:
        environment = _build_environment(proxy)
        codes = {}
        for command in _list_commands(folder):
            result = run_program(command, cwd=folder, env=environment, limits=ProgramLimits(seconds=SECONDS))
            log.write(result.output)
            codes[command[-1]] = result.exit_code
    text = (folder / _LOG).read_text(encoding="utf-8")
    # A scenario that fails after the line has not passed.
    if codes["scenario.py"] == 0 and any(line.strip() == marker for line in text.splitlines()):
        return PASSED
    # The word is of no use to anybody, and would differ in each run.
    shown = text.replace(marker, MARKER).strip()[-_SHOWN:]
    return f"exit code {codes['scenario.py']}, tests not passed: {shown}"


def _list_commands(folder: Path) -> Iterator[list[str]]:
    shell = shutil.which("bash") or shutil.which("sh")
    for name in _FIRST:
        if shell and (folder / name).exists():
            yield [shell, name]
    yield [sys.executable, "scenario.py"]
    for name in _LAST:
        if shell and (folder / name).exists():
            yield [shell, name]


def _replace_marker(folder: Path, marker: str) -> None:
    # Prompts stay as they are: what a model reads, it can write.
    for path in [*folder.rglob("*.py"), *folder.rglob("*.sh")]:
        content = path.read_bytes()
        if MARKER.encode() in content:
            path.write_bytes(content.replace(MARKER.encode(), marker.encode()))


def _build_environment(proxy: ModelProxy) -> dict[str, str]:
    config_list: list[dict[str, Any]] = proxy.config_list
    return build_child_environment(
        {
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "OAI_CONFIG_LIST": json.dumps(config_list),
            # For programs that make clients of their own.
            "OPENAI_API_KEY": config_list[0]["api_key"],
            "OPENAI_BASE_URL": proxy.base_url,
            "AUTOGEN_TESTBED_SETTING": "Native",
        }
    )
