"""Helpers of the executors: quiet installs, and the file name that a block asks for."""

from __future__ import annotations

import re
from pathlib import Path

from ._workspace import resolve_name

filename_patterns = [
    re.compile(r"^<!-- (filename:)?(.+?) -->", re.DOTALL),
    re.compile(r"^/\* (filename:)?(.+?) \*/", re.DOTALL),
    re.compile(r"^// (filename:)?(.+?)$", re.DOTALL),
    re.compile(r"^# (filename:)?(.+?)$", re.DOTALL),
]
"""First lines that may name a file; the name is the last group."""

_SHELLS = ("bash", "shell", "sh", "pwsh", "powershell", "ps1")
_LOOKS_LIKE_A_FILE = re.compile(r"[^\s<>:\"|?*]+\.[A-Za-z][A-Za-z0-9_]{0,9}")  # `3.14` does not


def silence_pip(code: str, lang: str) -> str:
    """Make `pip install` lines print nothing but errors."""
    if lang == "python":
        command = r"^! ?pip install"
    elif lang in _SHELLS:
        command = r"^pip install"
    else:
        return code
    lines = [line if "-qqq" in line else re.sub(command, r"\g<0> -qqq", line) for line in code.split("\n")]
    return "\n".join(lines)


def _get_file_name_from_content(code: str, workspace_path: Path) -> str | None:
    """The file name in the first line of code, relative to the workspace; None if it names none.

    Raises:
        ValueError: The name leads out of the workspace, also by a link.
    """
    name = requested_name(code)
    return None if name is None else resolve_name(workspace_path, name)


def requested_name(code: str) -> str | None:
    """The file name in the first line of code, as it stands there; None if it names none.

    Without the word `filename:` a comment is a name only if it looks like one: a single word with an extension.
    """
    first = code.split("\n", 1)[0].strip()
    for pattern in filename_patterns:
        match = pattern.match(first)
        if match is None:
            continue
        name = match[2].strip()
        if not match[1] and not _LOOKS_LIKE_A_FILE.fullmatch(name):
            return None
        return name
    return None
