"""Running code blocks in a kernel, one cell each, and keeping what they show."""

from __future__ import annotations

import base64
import binascii
import os
import re
import uuid
from collections.abc import Sequence
from pathlib import Path

from .._output_files import changed, snapshot
from ..base import CodeBlock, IPythonCodeResult
from ..utils import silence_pip
from ._cell import Cell, DataItem, _cut
from ._kernel import Kernel, run_cell

EXTENSIONS = {
    "image/png": "png", "image/jpeg": "jpg", "image/gif": "gif", "image/webp": "webp", "image/bmp": "bmp",
    "image/tiff": "tif", "image/svg+xml": "svg", "text/html": "html", "text/markdown": "md", "text/latex": "tex",
    "application/pdf": "pdf", "application/json": "json", "application/javascript": "js",
    "audio/wav": "wav", "audio/mpeg": "mp3", "audio/ogg": "ogg", "video/mp4": "mp4", "video/webm": "webm",
}  # fmt: skip
MARKUP = ("text/", "image/svg+xml", "application/javascript")
KERNEL_LANGUAGES = ("", "python", "py", "python3", "ipython", "r", "julia")
MOST_FILES = 200  # of one call

_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_PIP = re.compile(r"^%pip install(?!.*-qqq)", re.MULTILINE)


def run_blocks(
    kernel: Kernel, blocks: Sequence[CodeBlock], *, seconds: float, output_dir: Path, but: Sequence[Path] = ()
) -> IPythonCodeResult:
    """Run blocks in order, until one fails.

    Args:
        kernel: Where they run.
        blocks: The blocks. Their language does not count: the kernel's does.
        seconds: The time for each.
        output_dir: Where the images and the like that they show are saved.
        but: Files in it that change for other reasons.

    Returns:
        Exit code and output, and the files: what was shown, and what else is new or changed in `output_dir`.
    """
    texts: list[str] = []
    files: list[Path] = []
    exit_code = 0
    before = snapshot(output_dir)
    for block in blocks:
        try:
            cell = run_cell(kernel, _quiet(block), seconds)
        except (RuntimeError, OSError) as error:
            exit_code = 1
            texts.append(f"ERROR: {error}")
            break
        exit_code = cell.exit_code
        texts += _told(cell, output_dir, files)
        if exit_code != 0:
            texts += _hint(block)
            break
    others = changed(before, snapshot(output_dir), but=[*files, *but])
    output = _cut("\n".join(texts))
    return IPythonCodeResult(exit_code=exit_code, output=output, output_files=[*map(str, files), *others])


def checked_output_dir(folder: Path | str) -> Path:
    """A folder that is there.

    Raises:
        ValueError: It is not.
    """
    if not Path(folder).is_dir():
        raise ValueError(f"Output directory {folder} does not exist.")
    return Path(folder)


def _quiet(block: CodeBlock) -> str:
    """`pip install` prints errors only: as a command of a shell, as a magic, and as the word that IPython makes one of."""
    code = _PIP.sub("%pip install -qqq", silence_pip(block.code, "python"))
    return silence_pip(code, block.language.lower())


def _hint(block: CodeBlock) -> list[str]:
    """What may have gone wrong with a block in another language: it was run all the same."""
    if block.language.lower() in KERNEL_LANGUAGES:
        return []
    return [
        f"The block says that it is {block.language}. The kernel ran it as its own language; !command and %%bash run others."
    ]


def _told(cell: Cell, output_dir: Path, files: list[Path]) -> list[str]:
    """The parts of a cell as text; what is no text is saved."""
    return [part if isinstance(part, str) else _saved(part, output_dir, files) for part in cell.parts()]


def _saved(item: DataItem, output_dir: Path, files: list[Path]) -> str:
    kind = {"text/html": "HTML"}.get(item.mime_type, "Image" if item.mime_type.startswith("image/") else item.mime_type)
    if len(files) >= MOST_FILES:
        return f"{kind} data is not saved: there are {MOST_FILES} files already."
    text = item.mime_type.startswith(MARKUP) or item.mime_type.endswith("json") or item.mime_type not in EXTENSIONS
    try:
        data = item.data.encode("utf-8", "replace") if text else base64.b64decode(item.data)
        path = output_dir.resolve() / f"{uuid.uuid4().hex}.{EXTENSIONS.get(item.mime_type, 'txt')}"  # no name to prepare for
        with os.fdopen(os.open(path, _NEW_FILE, 0o644), "wb") as file:
            file.write(data)
    except (OSError, binascii.Error, ValueError) as error:
        return f"{kind} data can't be saved: {error}"
    files.append(path)
    return f"{kind} data saved to {path}"
