"""Code in messages: extraction, language guessing, execution, and Docker detection.

The implementation is in `autogen.coding`; the functions that call a model are imported on first use.
"""

from __future__ import annotations

from importlib import import_module as _import_module
from typing import TYPE_CHECKING
from typing import Any as _Any

from ._lazy_imports import attach as _attach
from .coding import _legacy
from .coding._constants import CODE_BLOCK_PATTERN as CODE_BLOCK_PATTERN
from .coding._constants import DEFAULT_MODEL as DEFAULT_MODEL
from .coding._constants import DEFAULT_TIMEOUT as DEFAULT_TIMEOUT
from .coding._constants import FAST_MODEL as FAST_MODEL
from .coding._constants import PATH_SEPARATOR as PATH_SEPARATOR
from .coding._constants import PYTHON_VARIANTS as PYTHON_VARIANTS
from .coding._constants import SENTINEL as SENTINEL
from .coding._constants import TIMEOUT_MSG as TIMEOUT_MSG
from .coding._constants import UNKNOWN as UNKNOWN
from .coding._constants import WIN32 as WIN32
from .coding._constants import WORKING_DIR as WORKING_DIR
from .coding._constants import UseDocker as _UseDocker
from .coding._extraction import content_str as content_str
from .coding._extraction import extract_code as extract_code
from .coding._extraction import infer_lang as infer_lang
from .coding._legacy import decide_use_docker as decide_use_docker
from .coding._legacy import in_docker_container as in_docker_container
from .coding._legacy import is_docker_running as is_docker_running
from .coding._legacy import logger as logger
from .coding._legacy import sanitize_docker_tag as _sanitize_filename_for_docker_tag  # noqa: F401
from .coding._legacy import timeout_handler as timeout_handler
from .coding._programs import create_virtual_env as create_virtual_env
from .coding._programs import get_command as _cmd  # noqa: F401
from .coding._programs import get_powershell_command as get_powershell_command

# Read by editors and type checkers.
if TYPE_CHECKING:
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

# Resolved on first use: these functions call a model, and importing the SDK takes time.
_MODEL_FUNCTIONS = (
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
_load_function, __dir__, _ = _attach(globals(), dict.fromkeys(_MODEL_FUNCTIONS, "._code_writing"))


def __getattr__(name: str) -> _Any:
    # A module that a test puts here is used instead of Docker's SDK. None if it isn't installed, as in 0.2.
    if name == "docker":
        try:
            return _import_module("docker")
        except ImportError:
            return None
    return _load_function(name)


# The two functions below pass on names of this module, and do so at call time: programs and tests replace
# `in_docker_container`, `is_docker_running`, `DEFAULT_TIMEOUT` and `WORKING_DIR` here.


def check_can_use_docker_or_throw(use_docker: _UseDocker) -> None:
    """Check that Docker is available if code is to run in it.

    Raises:
        RuntimeError: if no engine responds. The message lists the addresses tried and the alternatives.
    """
    _legacy.check_can_use_docker_or_throw(
        use_docker, is_in_container=in_docker_container, is_engine_running=is_docker_running
    )


def execute_code(
    code: str | None = None,
    timeout: int | None = None,
    filename: str | None = None,
    work_dir: str | None = None,
    use_docker: _UseDocker = SENTINEL,
    lang: str = "python",
) -> tuple[int, str, str | None]:
    """Run code, or a file, in Docker or on this machine.

    Args:
        code: The code; None to run the existing file.
        timeout: Time limit in seconds; 600 by default.
        filename: The name of the file, relative to `work_dir`; a temporary file by default.
        work_dir: The work directory; by default a new folder of this process in the user's cache directory, `WORKING_DIR`,
            which the output of a run names if there are new files in it.
        use_docker: Whether to run in Docker, or the image, or images in order of preference. By default the environment
            variable AUTOGEN_USE_DOCKER decides.
        lang: The language of the code.

    Returns:
        The exit code (1 after a timeout), the output, and the Docker image that contains packages installed by the run.

    Raises:
        AssertionError: if neither code nor filename is set.
        RuntimeError: if Docker is required and no engine responds.
        NotImplementedError: if the language is not supported.
    """
    return _legacy.execute_code(
        code,
        timeout or DEFAULT_TIMEOUT,
        filename,
        work_dir,
        use_docker,
        lang,
        default_folder=WORKING_DIR,
        check_docker=check_can_use_docker_or_throw,
        is_in_container=in_docker_container,
    )
