"""Code blocks run as cells, and the files made from their outputs."""

from __future__ import annotations

import base64
import binascii
import os
import re
import uuid
from collections.abc import Sequence
from pathlib import Path

from .._output_files import find_changes, snapshot
from ..base import CodeBlock, IPythonCodeResult
from ..utils import silence_pip
from ._cell import DataItem, truncate
from ._kernel import Kernel, run_cell

EXTENSIONS = {
    "image/png": "png", "image/jpeg": "jpg", "image/gif": "gif", "image/webp": "webp", "image/bmp": "bmp",
    "image/tiff": "tif", "image/svg+xml": "svg", "text/html": "html", "text/markdown": "md", "text/latex": "tex",
    "application/pdf": "pdf", "application/json": "json", "application/javascript": "js",
    "audio/wav": "wav", "audio/mpeg": "mp3", "audio/ogg": "ogg", "video/mp4": "mp4", "video/webm": "webm",
}  # fmt: skip
TEXT_TYPES = ("text/", "image/svg+xml", "application/javascript")
KERNEL_LANGUAGES = ("", "python", "py", "python3", "ipython", "r", "julia")
MAX_FILES = 200  # per call

_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_PIP = re.compile(r"^%pip install(?!.*-qqq)", re.MULTILINE)


def run_blocks(
    kernel: Kernel, blocks: Sequence[CodeBlock], *, seconds: float, output_dir: Path, exclude: Sequence[Path] = ()
) -> IPythonCodeResult:
    """Run blocks in order, until one fails.

    Args:
        kernel: The kernel.
        blocks: The blocks. Their language is ignored, since the kernel has a fixed language.
        seconds: The time limit of each block.
        output_dir: The folder for images and other outputs that aren't text.
        exclude: Files in `output_dir` that are not reported, since they change for other reasons.

    Returns:
        The exit code, the output, and the files: saved outputs, and new or changed files in `output_dir`.
    """
    texts: list[str] = []
    files: list[Path] = []
    exit_code = 0
    before = snapshot(output_dir)
    for block in blocks:
        try:
            cell = run_cell(kernel, _silence_installs(block), seconds)
        except (RuntimeError, OSError) as error:
            exit_code = 1
            texts.append(f"ERROR: {error}")
            break
        exit_code = cell.exit_code
        for part in cell.iter_parts():
            texts.append(part if isinstance(part, str) else _save_item(part, output_dir, files))
        if exit_code != 0:
            texts += _suggest_language(block)
            break
    changes = find_changes(before, snapshot(output_dir), exclude=[*files, *exclude])
    output = truncate("\n".join(texts))
    return IPythonCodeResult(exit_code=exit_code, output=output, output_files=[*map(str, files), *changes])


def validate_output_dir(folder: Path | str) -> Path:
    """Return the folder as a path.

    Raises:
        ValueError: if the folder does not exist.
    """
    if not Path(folder).is_dir():
        raise ValueError(f"Output directory {folder} does not exist.")
    return Path(folder)


def _silence_installs(block: CodeBlock) -> str:
    """Make `pip install` print errors only, as a shell command, as a magic, and as IPython's bare `pip`."""
    code = _PIP.sub("%pip install -qqq", silence_pip(block.code, "python"))
    return silence_pip(code, block.language.lower())


def _suggest_language(block: CodeBlock) -> list[str]:
    """Return a hint for a failed block in another language, which the kernel ran as its own."""
    if block.language.lower() in KERNEL_LANGUAGES:
        return []
    return [
        f"The block is marked as {block.language}, but the kernel ran it as its own language. "
        "Use !command or %%bash for shell commands."
    ]


def _save_item(item: DataItem, output_dir: Path, files: list[Path]) -> str:
    """Save an output to a file, append the path to `files`, and return a line for the text output."""
    kind = {"text/html": "HTML"}.get(item.mime_type, "Image" if item.mime_type.startswith("image/") else item.mime_type)
    if len(files) >= MAX_FILES:
        return f"{kind} data is not saved: the limit of {MAX_FILES} files is reached."
    is_text = item.mime_type.startswith(TEXT_TYPES) or item.mime_type.endswith("json") or item.mime_type not in EXTENSIONS
    try:
        # Generated code can't guess the name, so it can't put a link there beforehand.
        path = output_dir.resolve() / f"{uuid.uuid4().hex}.{EXTENSIONS.get(item.mime_type, 'txt')}"
        data = item.data.encode("utf-8", "replace") if is_text else base64.b64decode(item.data)
        with os.fdopen(os.open(path, _NEW_FILE, 0o644), "wb") as file:
            file.write(data)
    except (OSError, binascii.Error, ValueError) as error:
        return f"{kind} data can't be saved: {error}"
    files.append(path)
    return f"{kind} data saved to {path}"
