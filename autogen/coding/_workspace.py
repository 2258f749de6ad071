"""Writing code into a work directory, and nowhere else."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)


def automatic_name(code: str, language: str) -> str:
    """The file name of a block that names none: the same code has the same file."""
    extension = "py" if language.startswith("python") else language
    digest = hashlib.md5(code.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()
    return f"tmp_code_{digest}.{extension}"


def write_code(work_dir: Path, name: str, code: str) -> Path:
    """Write code to a file of the work directory; missing folders on the way are made.

    A link in the place of the file, or of a folder on the way, is not followed: earlier code may have put it there.

    Raises:
        OSError: The file can't be written, or there is a link on the way.
    """
    parts = Path(name).parts
    if not parts:
        raise OSError(f"{name!r} is the work directory itself.")
    folder, (*way, last) = work_dir.resolve(), parts
    for part in way:
        folder = folder / part
        if folder.is_symlink():
            raise OSError(f"{folder} is a link: code is not written through links.")
        folder.mkdir(exist_ok=True)
    path = folder / last
    if path.is_symlink():
        path.unlink()
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _NO_FOLLOW
    with os.fdopen(os.open(path, flags, 0o644), "w", encoding="utf-8", errors="replace", newline="") as file:
        file.write(code)
    return path
