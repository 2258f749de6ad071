"""The functions of `autogen.code_utils` that run code without an executor, and decide about Docker."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

from ._constants import (
    DEFAULT_TIMEOUT,
    PATH_SEPARATOR,
    PYTHON_VARIANTS,
    SENTINEL,
    TIMEOUT_MSG,
    WIN32,
    WORKING_DIR,
    UseDocker,
)
from ._default_folder import create_process_folder, describe_files
from ._docker.engine import explain_missing_engine, is_running
from ._output_files import find_changes, snapshot
from ._processes.environment import build_child_environment
from ._processes.runner import Limits, run_program
from ._programs import get_command
from ._workspace import OUTSIDE_MESSAGE, clear_set_id_bits, make_temporary_name, resolve_name, write_code

# 0.2 programs configure the logger by this name.
logger = logging.getLogger("autogen.code_utils")

_YES, _NO = ("1", "true", "yes", "t"), ("0", "false", "no", "f")


def is_docker_running() -> bool:
    """Return True if a Docker engine responds.

    Docker, Podman, Colima and rootless engines are found, at `DOCKER_HOST` or at their default addresses.
    """
    return is_running()


def in_docker_container() -> bool:
    """Return True if this process runs in a Docker container."""
    return os.path.exists("/.dockerenv")


def decide_use_docker(use_docker: UseDocker) -> UseDocker:
    """Return `use_docker`; the value of the environment variable AUTOGEN_USE_DOCKER replaces None.

    Raises:
        ValueError: if the variable is not a boolean word or `None`.
    """
    if use_docker is not None:
        return use_docker
    value = os.environ.get("AUTOGEN_USE_DOCKER", "True")
    word = value.lower()
    if word in (*_YES, *_NO):
        return word in _YES
    if word == "none":
        return None
    raise ValueError(f"Invalid value for AUTOGEN_USE_DOCKER: {value}. It must be one of {', '.join((*_YES, *_NO, 'none'))}.")


def check_can_use_docker_or_throw(
    use_docker: UseDocker,
    *,
    is_in_container: Callable[[], bool] = in_docker_container,
    is_engine_running: Callable[[], bool] = is_docker_running,
) -> None:
    """Check that Docker is available if code is to run in it. In a container, where it isn't used, there is a warning.

    Raises:
        RuntimeError: if no engine responds. The message lists the addresses tried and the alternatives.
    """
    if use_docker and is_in_container():
        warn_of_container()
    elif use_docker and not is_engine_running():
        raise RuntimeError(explain_missing_engine())


# Once: the check is made for each agent and each run.
@cache
def warn_of_container() -> None:
    """Warn that code runs beside this process."""
    logger.warning(
        "This process runs in a container: code runs next to it, with its rights and files, not in a container of its own. "
        'code_execution_config={"use_docker": False} says that this is meant. To isolate the code, install bubblewrap '
        '(apt-get install bubblewrap) and use {"executor": SandboxedCommandLineCodeExecutor()}, from autogen.coding.'
    )


def execute_code(
    code: str | None = None,
    timeout: float | None = None,
    filename: str | None = None,
    work_dir: str | None = None,
    use_docker: UseDocker = SENTINEL,
    lang: str = "python",
    *,
    default_folder: str = WORKING_DIR,
    check_docker: Callable[[UseDocker], None] = check_can_use_docker_or_throw,
    is_in_container: Callable[[], bool] = in_docker_container,
) -> tuple[int, str, str | None]:
    """Run code or a file; see `autogen.code_utils.execute_code` for the first six parameters.

    `default_folder` is the work directory if there is no other; `check_docker` must raise if Docker is required but
    unavailable; `is_in_container` tells whether this process runs in a container.
    """
    if code is None and filename is None:
        logger.error("execute_code requires code or a filename.")
        raise AssertionError("execute_code requires code or a filename.")
    use_docker = decide_use_docker(None) if use_docker is SENTINEL else use_docker
    check_docker(use_docker)
    # Windows has no `sh`; PowerShell runs simple commands.
    if WIN32 and lang in ("sh", "shell") and not use_docker:
        lang = "ps1"
    folder = Path(work_dir or default_folder)
    if work_dir:
        folder.mkdir(parents=True, exist_ok=True)
    else:
        create_process_folder(folder)
    folder = folder.resolve()
    before = None if work_dir else snapshot(folder)
    try:
        name = resolve_name(folder, filename or make_temporary_name(lang))
        file = folder / name if code is None else write_code(folder, name, code)
    except ValueError:
        return 1, OUTSIDE_MESSAGE, None
    except OSError as error:
        return 1, f"The code can't be saved as {filename!r}: {error.strerror or error}", None
    limits = Limits(seconds=timeout or DEFAULT_TIMEOUT)
    try:
        if use_docker and not is_in_container():
            from ._docker.one_shot import run_in_docker

            exit_code, output, image = run_in_docker(get_command(lang), Path(name), folder, use_docker, limits)
            clear_set_id_bits(folder)
        else:
            exit_code, output = _run_locally(lang, file, folder, limits, is_temporary=filename is None)
            image = None
        # Programs compare the output of a run that timed out.
        if before is not None and output != TIMEOUT_MSG:
            output += describe_files(folder, find_changes(before, snapshot(folder), exclude=[file]))
        return exit_code, output, image
    finally:
        if filename is None:
            file.unlink(missing_ok=True)


def _run_locally(lang: str, file: Path, folder: Path, limits: Limits, *, is_temporary: bool) -> tuple[int, str]:
    """Run a file on this machine, and strip the path of the folder from the output of a failed run."""
    try:
        program = sys.executable if lang.startswith("python") or lang in PYTHON_VARIANTS else get_command(lang)
        result = run_program([program, str(file)], cwd=folder, env=build_child_environment(), limits=limits)
    except OSError as error:
        return 1, f"The {lang} code can't be run: {error}"
    if result.timed_out:
        return 1, TIMEOUT_MSG
    if result.exit_code == 0:
        return 0, result.output
    # A model must not refer to a temporary file by name: it is deleted after the run.
    if is_temporary:
        return result.exit_code, result.output.replace(str(file), "").replace(file.name, "")
    return result.exit_code, result.output.replace(str(folder) + PATH_SEPARATOR, "")


def timeout_handler(signum: int, frame: object) -> None:
    """Raise `TimeoutError`: a signal handler, for `signal.SIGALRM`."""
    raise TimeoutError("Timed out!")


def sanitize_docker_tag(filename: str) -> str:
    """Convert a file name to a valid tag of a Docker image."""
    tag = re.sub(r"[^a-zA-Z0-9_.-]", "_", filename)
    return (f"_{tag[1:]}" if tag[:1] in (".", "-") else tag)[:128]
