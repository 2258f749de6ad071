"""Calls as a human reads them before an approval: their arguments, and `preview_diff`, the change of a file."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from ..._secrets import redact
from ...operations import fingerprint

MAX_PREVIEW = 20_000  # characters
_MAX_SHOWN = 2_000  # characters
_MAX_FILE = 2_000_000  # bytes


def preview_diff(
    path: str = "path",
    content: str = "content",
    *,
    old: str | None = None,
    new: str | None = None,
    folder: str | os.PathLike[str] = ".",
) -> Callable[..., str]:
    """Return a function for `preview=` of a tool that changes a file: whoever approves a call reads a unified diff.

    If the file has changed by the time of the answer, the answer doesn't count for the new question.

    Args:
        path: Name of the argument with the path of the file.
        content: Name of the argument with the new content of the file.
        old: Name of the argument with a text that is replaced, for a tool that does not get the whole content.
        new: Name of the argument with the new text.
        folder: Folder of the tool's files. No file outside of it is read.

    Raises:
        ValueError: if one of `old` and `new` is missing.

    >>> @user.register_for_execution(approve="human", preview=preview_diff(folder="work"))  # doctest: +SKIP
    ... def write_file(path: str, content: str) -> str: ...
    """
    if (old is None) is not (new is None):
        raise ValueError(f"preview_diff needs both old and new, or neither, got {old!r} and {new!r}.")

    def preview(**arguments: object) -> str:
        name = str(arguments.get(path, ""))
        before = _read(name, Path(folder))
        if before is None:
            return f"({name} is not a text file in the folder of the tool: its change can't be shown.)"
        after = str(arguments.get(content, ""))
        if old is not None and new is not None:
            replaced = str(arguments.get(old, ""))
            if not replaced or replaced not in before:
                return f"(The text to replace is not in {name}.)"
            after = before.replace(replaced, str(arguments.get(new, "")))
        return make_diff(name, before, after) or f"({name} does not change.)"

    return preview


def make_diff(name: str, before: str, after: str) -> str:
    """Return the change of a text as a unified diff; empty without one."""
    old_lines, new_lines = before.splitlines(), after.splitlines()
    lines = list(difflib.unified_diff(old_lines, new_lines, name, f"{name} (after the call)", lineterm=""))
    # A diff compares lines without their ends.
    if not lines and before != after:
        return f"({name}: only line ends change.)"
    return "\n".join(lines)


def _read(name: str, folder: Path) -> str | None:
    """Return the text of a file, empty if it is new; None if it is outside of the folder, too large, or no text."""
    try:
        root = folder.resolve()
        file = (root / name).resolve()
        # The path is the model's, and the human's screen may be shared.
        if not name or not file.is_relative_to(root):
            return None
        if not file.exists():
            return ""
        if not file.is_file() or file.stat().st_size > _MAX_FILE:
            return None
        return file.read_text(encoding="utf-8")
    # ValueError: a null character in the name, or bytes that are not UTF-8.
    except (OSError, ValueError):
        return None


def show_arguments(arguments: Mapping[str, object]) -> str:
    """Return the arguments of a call for a human, with secrets masked; long ones are folded, with their digest."""
    # Needs pydantic.
    from ...coding.approval import visible

    shown = json.dumps(redact(arguments), ensure_ascii=False, default=str)
    if len(shown) > _MAX_SHOWN:
        shown = f"{shown[:_MAX_SHOWN]}... ({len(shown)} characters, digest {fingerprint(arguments)})"
    return visible(shown)


def call_preview(preview: Callable[..., str | None], arguments: Mapping[str, object]) -> str:
    """Return the text of a preview for the human; a preview that fails is reported in it."""
    try:
        text = preview(**arguments)
    except Exception as error:  # noqa: BLE001 - the program's function may raise anything, and the human reads it
        text = f"(The preview failed: {type(error).__name__}: {error})"
    shown = str(redact(text or ""))
    return (
        shown if len(shown) <= MAX_PREVIEW else f"{shown[:MAX_PREVIEW]}\n[... {len(shown) - MAX_PREVIEW:,} more characters]"
    )
