"""Helpers of the executors: quiet installs, and file names requested in code."""

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
"""Patterns of a first line that may request a file name, which is the last group."""

_SHELLS = ("bash", "shell", "sh", "pwsh", "powershell", "ps1")

# A single word with an extension that starts with a letter, so that `3.14` does not match.
_FILE_NAME = re.compile(r"[^\s<>:\"|?*]+\.[A-Za-z][A-Za-z0-9_]{0,9}")


def silence_pip(code: str, lang: str) -> str:
    """Add options to `pip install` lines, so that they print only errors."""
    if lang == "python":
        command = r"^! ?pip install"
    elif lang in _SHELLS:
        command = r"^pip install"
    else:
        return code
    lines = [line if "-qqq" in line else re.sub(command, r"\g<0> -qqq", line) for line in code.split("\n")]
    return "\n".join(lines)


def _get_file_name_from_content(code: str, workspace_path: Path) -> str | None:
    """Return the file name requested in the first line of code, relative to the workspace, or None.

    Raises:
        ValueError: if the name leads out of the workspace, directly or through a link.
    """
    name = requested_name(code)
    return None if name is None else resolve_name(workspace_path, name)


def requested_name(code: str) -> str | None:
    """Return the file name requested in the first line of code, unresolved, or None.

    A comment without `filename:` is a file name only if it is a single word with an extension.
    """
    first_line = code.split("\n", 1)[0].strip()
    for pattern in filename_patterns:
        match = pattern.match(first_line)
        if match is None:
            continue
        name = match[2].strip()
        if match[1]:
            return unquote(name)
        return name if is_file_name(name) else None
    return None


def is_file_name(text: str) -> bool:
    """Return True if a text is a single word with an extension."""
    return _FILE_NAME.fullmatch(text) is not None


def unquote(name: str) -> str:
    """Remove the quotes or backticks around a file name."""
    return name[1:-1] if len(name) > 2 and name[0] == name[-1] and name[0] in "\"'`" else name
