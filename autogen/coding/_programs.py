"""Programs that run code: the command of each language, PowerShell, and virtual environments."""

from __future__ import annotations

import subprocess
import venv
from types import SimpleNamespace
from typing import Any

from ._constants import PYTHON_VARIANTS


def get_command(lang: str) -> str:
    """Return the program that runs a language.

    Raises:
        NotImplementedError: if the language is not supported.
        FileNotFoundError: if PowerShell is needed and not usable.
    """
    if lang in PYTHON_VARIANTS:
        return "python"
    # A language such as `python3.12` names its interpreter.
    if lang.startswith("python") or lang in ("bash", "sh"):
        return lang
    if lang == "shell":
        return "sh"
    if lang == "javascript":
        return "node"
    if lang in ("ps1", "pwsh", "powershell"):
        command = get_powershell_command()
        if command is None:
            raise FileNotFoundError("PowerShell is installed but does not start.")
        return command
    raise NotImplementedError(f"{lang} not recognized in code execution")


def get_powershell_command() -> str | None:
    """Return the command that starts PowerShell; None if it is installed but fails.

    Raises:
        FileNotFoundError: if PowerShell is not installed.
    """
    for command in ("powershell", "pwsh"):
        try:
            completed = subprocess.run([command, "$PSVersionTable.PSVersion.Major"], capture_output=True, check=False)
        except FileNotFoundError:
            continue
        return command if completed.returncode == 0 else None
    raise FileNotFoundError("Neither powershell nor pwsh is installed.")


def create_virtual_env(dir_path: str, **env_args: Any) -> SimpleNamespace:
    """Create a virtual environment.

    Args:
        dir_path: The folder of the environment.
        **env_args: Arguments of `venv.EnvBuilder`; by default `with_pip=True`.

    Returns:
        The context of the environment: its paths and its interpreter, for an executor's `virtual_env_context`.
    """
    builder = venv.EnvBuilder(**(env_args or {"with_pip": True}))
    builder.create(dir_path)
    return builder.ensure_directories(dir_path)
