"""Code in messages: finding it, guessing its language, running it; and whether Docker is there for that."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
import venv
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from ._lazy_imports import attach as _lazy
from .coding import _docker_engine
from .coding._environment import child_environment
from .coding._fences import fences
from .coding._process import Limits, run
from .coding._workspace import OUTSIDE, inside, temporary_name, write_code

if TYPE_CHECKING:  # read by editors and type checkers
    from ._code_writing import _FUNC_COMPLETION_PROMPT as _FUNC_COMPLETION_PROMPT
    from ._code_writing import _FUNC_COMPLETION_STOP as _FUNC_COMPLETION_STOP
    from ._code_writing import _GENERATE_ASSERTIONS_CONFIG as _GENERATE_ASSERTIONS_CONFIG
    from ._code_writing import _IMPLEMENT_CONFIGS as _IMPLEMENT_CONFIGS
    from ._code_writing import _IMPROVE_CODE_CONFIG as _IMPROVE_CODE_CONFIG
    from ._code_writing import _IMPROVE_FUNCTION_CONFIG as _IMPROVE_FUNCTION_CONFIG
    from ._code_writing import PassAssertionFilter as PassAssertionFilter
    from ._code_writing import eval_function_completions as eval_function_completions
    from ._code_writing import generate_assertions as generate_assertions
    from ._code_writing import generate_code as generate_code
    from ._code_writing import implement as implement
    from ._code_writing import improve_code as improve_code
    from ._code_writing import improve_function as improve_function

DEFAULT_MODEL = "gpt-4"
FAST_MODEL = "gpt-3.5-turbo"
UNKNOWN = "unknown"
TIMEOUT_MSG = "Timeout"
DEFAULT_TIMEOUT = 600  # seconds
WIN32 = sys.platform == "win32"
PATH_SEPARATOR = "\\" if WIN32 else "/"
PYTHON_VARIANTS = ["python", "Python", "py"]
WORKING_DIR = os.path.join(os.path.dirname(os.path.realpath(__file__)), "extensions")
CODE_BLOCK_PATTERN = r"```[ \t]*(?:(\w+)[ \t]*)?\r?\n(.*?)\r?\n[ \t]*```"
"""A fenced block: its language and its body. For `re.findall(..., flags=re.DOTALL)`."""
SENTINEL = object()

_YES, _NO = ("1", "true", "yes", "t"), ("0", "false", "no", "f")

_WRITING = (  # what a model writes: resolved at first use, as it needs models
    "PassAssertionFilter",
    "_FUNC_COMPLETION_PROMPT",
    "_FUNC_COMPLETION_STOP",
    "_GENERATE_ASSERTIONS_CONFIG",
    "_IMPLEMENT_CONFIGS",
    "_IMPROVE_CODE_CONFIG",
    "_IMPROVE_FUNCTION_CONFIG",
    "eval_function_completions",
    "generate_assertions",
    "generate_code",
    "implement",
    "improve_code",
    "improve_function",
)
__getattr__, __dir__, _ = _lazy(globals(), dict.fromkeys(_WRITING, "._code_writing"))  # a room beside this one

logger = logging.getLogger(__name__)


def content_str(content: Any) -> str:
    """A message's content as text; an image becomes `<image>`.

    Raises:
        TypeError, AssertionError, ValueError, KeyError: It is neither text nor a list of content parts.
    """
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise TypeError(f"content must be None, a str or a list, not a {type(content).__name__}.")
    return "".join(_part_text(part) for part in content)


def _part_text(part: Any) -> str:
    if not isinstance(part, dict):
        raise TypeError(f"A content part must be a dict, not a {type(part).__name__}.")
    assert "type" in part, "Wrong content format: a part has no 'type'."
    if part["type"] == "text":
        return str(part["text"])
    if part["type"] == "image_url":
        return "<image>"
    raise ValueError(f"Wrong content format: unknown type {part['type']!r}.")


def infer_lang(code: str) -> str:
    """Guess the language of code: `sh`, `python` or `unknown`."""
    if code.startswith(("python ", "pip", "python3 ")):
        return "sh"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of code that is not ours
            compile(code, "<code>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, OverflowError, MemoryError, RecursionError):  # the last three: too deeply nested
        return UNKNOWN
    return "python"


def extract_code(
    text: Any, pattern: str = CODE_BLOCK_PATTERN, detect_single_line_code: bool = False
) -> list[tuple[str, str]]:
    """The code blocks of a message, as `(language, code)` pairs.

    Args:
        text: The content of a message.
        pattern: What a block looks like.
        detect_single_line_code: Also take `inline` code.

    Returns:
        The blocks; `[("unknown", text)]` if there is none, or `[]` with `detect_single_line_code`.
    """
    text = content_str(text)
    if detect_single_line_code:
        return _with_inline_code(text)
    if pattern == CODE_BLOCK_PATTERN:
        blocks = [(fence.language, fence.code) for fence in fences(text)]
    else:
        blocks = re.findall(pattern, text, flags=re.DOTALL)
    return blocks or [(UNKNOWN, text)]


def _with_inline_code(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    end = 0
    for fence in fences(text):
        found += _inline_code(text[end : fence.start])
        found.append((fence.language, fence.code.strip()))
        end = fence.end
    return found + _inline_code(text[end:])


def _inline_code(text: str) -> list[tuple[str, str]]:
    return [("", code.strip()) for code in re.findall("`([^`]+)`", text)]


def is_docker_running() -> bool:
    """Whether a Docker engine answers: Docker, Podman, Colima or a rootless one, at `DOCKER_HOST` or where they listen."""
    return _docker_engine.is_running()


def in_docker_container() -> bool:
    """Whether this process is in a Docker container."""
    return os.path.exists("/.dockerenv")


def decide_use_docker(use_docker: Any) -> Any:
    """`use_docker` as given, or as the environment variable AUTOGEN_USE_DOCKER says if it is None.

    Raises:
        ValueError: The variable is neither yes, no nor `None`.
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


def check_can_use_docker_or_throw(use_docker: Any) -> None:
    """Refuse to go on where code is to run in Docker, and no Docker is there.

    Raises:
        RuntimeError: No engine answers. The text says where it was looked for, and names the ways out.
    """
    if use_docker and not in_docker_container() and not is_docker_running():
        raise RuntimeError(_docker_engine.no_engine())


def get_powershell_command() -> str | None:
    """The command that starts PowerShell here.

    Raises:
        FileNotFoundError: There is none.
    """
    for command in ("powershell", "pwsh"):
        try:
            asked = subprocess.run([command, "$PSVersionTable.PSVersion.Major"], capture_output=True, check=False)
        except FileNotFoundError:
            continue
        return command if asked.returncode == 0 else None
    raise FileNotFoundError("Neither powershell nor pwsh is installed.")


def _cmd(lang: str) -> str:
    """The program that runs a language."""
    if lang in PYTHON_VARIANTS:
        return "python"
    if lang.startswith("python") or lang in ("bash", "sh"):
        return lang
    if lang == "shell":
        return "sh"
    if lang == "javascript":
        return "node"
    if lang in ("ps1", "pwsh", "powershell"):
        command = get_powershell_command()
        if command is None:
            raise FileNotFoundError("PowerShell is installed, and does not start.")
        return command
    raise NotImplementedError(f"{lang} not recognized in code execution")


def create_virtual_env(dir_path: str, **env_args: Any) -> SimpleNamespace:
    """Make a virtual environment; keywords are those of `venv.EnvBuilder`, by default with pip."""
    builder = venv.EnvBuilder(**(env_args or {"with_pip": True}))
    builder.create(dir_path)
    return builder.ensure_directories(dir_path)


def execute_code(
    code: str | None = None,
    timeout: int | None = None,
    filename: str | None = None,
    work_dir: str | None = None,
    use_docker: Any = SENTINEL,
    lang: str = "python",
) -> tuple[int, str, str | None]:
    """Run code, or a file, in Docker or on this machine.

    Args:
        code: The code; None to run the file as it is.
        timeout: Seconds; 600 by default.
        filename: Its file, relative to `work_dir`; a temporary one by default.
        work_dir: Where it runs; a folder of this package by default.
        use_docker: Whether to run in Docker, or the image, or images of which the first there is is used.
        lang: Its language.

    Returns:
        Exit code (1 when its time was up), output, and the Docker image that holds what it installed.

    Raises:
        AssertionError: There are neither code nor file.
        RuntimeError: It is to run in Docker, and no Docker is there.
        NotImplementedError: There is no program for the language.
    """
    if code is None and filename is None:
        logger.error("execute_code needs code or a filename.")
        raise AssertionError("execute_code needs code or a filename.")
    use_docker = decide_use_docker(None) if use_docker is SENTINEL else use_docker
    check_can_use_docker_or_throw(use_docker)
    if WIN32 and lang in ("sh", "shell") and not use_docker:
        lang = "ps1"
    folder = Path(work_dir or WORKING_DIR)
    folder.mkdir(parents=True, exist_ok=True)
    folder = folder.resolve()
    try:
        name = inside(folder, filename or temporary_name(lang))
        file = folder / name if code is None else write_code(folder, name, code)
    except ValueError:
        return 1, OUTSIDE, None
    except OSError as error:
        return 1, f"The code can't be saved as {filename!r}: {error.strerror or error}", None
    limits = Limits(seconds=timeout or DEFAULT_TIMEOUT)
    try:
        if use_docker and not in_docker_container():
            from .coding._docker_run import run_in_docker

            return run_in_docker(_cmd(lang), Path(name), folder, use_docker, limits)
        if use_docker:
            logger.warning("This process is in a container: code runs beside it, and not in a container of its own.")
        return *_run_here(lang, file, folder, limits, hidden=filename is None), None
    finally:
        if filename is None:
            file.unlink(missing_ok=True)


def _run_here(lang: str, file: Path, folder: Path, limits: Limits, *, hidden: bool) -> tuple[int, str]:
    """Run a file. What a failed run prints names it relative to the folder; a hidden file is not named at all."""
    try:
        program = sys.executable if lang.startswith("python") or lang in PYTHON_VARIANTS else _cmd(lang)
        finished = run([program, str(file)], cwd=folder, env=child_environment(), limits=limits)
    except OSError as error:
        return 1, f"The {lang} code can't be run: {error}"
    if finished.timed_out:
        return 1, TIMEOUT_MSG
    if finished.exit_code == 0:
        return 0, finished.output
    if hidden:
        return finished.exit_code, finished.output.replace(str(file), "").replace(file.name, "")
    return finished.exit_code, finished.output.replace(str(folder) + PATH_SEPARATOR, "")


def timeout_handler(signum: int, frame: Any) -> None:
    """A signal handler that raises `TimeoutError`."""
    raise TimeoutError("Timed out!")


def _sanitize_filename_for_docker_tag(filename: str) -> str:
    """A file name as a tag of a Docker image."""
    tag = re.sub(r"[^a-zA-Z0-9_.-]", "_", filename)
    return (f"_{tag[1:]}" if tag[:1] in (".", "-") else tag)[:128]
