"""Constants of code execution, public as `autogen.code_utils.<NAME>`."""

from __future__ import annotations

import sys
from typing import Any, TypeAlias

from ._default_folder import name_default_folder

DEFAULT_MODEL = "gpt-4"
FAST_MODEL = "gpt-3.5-turbo"
UNKNOWN = "unknown"
TIMEOUT_MSG = "Timeout"
DEFAULT_TIMEOUT = 600  # seconds
WIN32 = sys.platform == "win32"
PATH_SEPARATOR = "\\" if WIN32 else "/"
PYTHON_VARIANTS = ["python", "Python", "py"]
WORKING_DIR = str(name_default_folder())
"""The folder of code without an executor and without a `work_dir`, for this process. It is created on first use."""
CODE_BLOCK_PATTERN = r"```[ \t]*(?:(\w+)[ \t]*)?\r?\n(.*?)\r?\n[ \t]*```"
"""Regular expression for a fenced block: its language and its code. Use with `re.findall(..., flags=re.DOTALL)`."""

SENTINEL: Any = object()
"""Default of `use_docker`: the environment variable `AUTOGEN_USE_DOCKER` decides."""

UseDocker: TypeAlias = bool | str | list[str] | None
"""Whether to use Docker, or an image, or images in order of preference; None if undecided."""
