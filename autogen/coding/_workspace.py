"""Writing code into a work directory, and nowhere else.

Earlier code may have put anything in the place of a file: a link, a pipe, another name of a file elsewhere. Nothing that
is there is opened: the code goes to a new file, which then takes the place. Folders are opened one from the other.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

OUTSIDE_MESSAGE = "Filename is not in the workspace"
"""What a model is told about a file name that leads out."""

_NEW_FILE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
_FOLDER_FLAGS = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)


def make_file_name(code: str, language: str) -> str:
    """The file name of a block that names none: the same code has the same file."""
    digest = hashlib.md5(code.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()
    return f"tmp_code_{digest}.{_get_extension(language)}"


def make_temporary_name(language: str) -> str:
    """A file name that no other run has, for a file that is deleted afterwards."""
    return f"tmp_code_{uuid.uuid4().hex}.{_get_extension(language)}"


def resolve_name(work_dir: Path, name: str) -> str:
    """A file name relative to the work directory, once all links are followed.

    Raises:
        ValueError: It leads out of the work directory, or can't be a name at all.
    """
    try:
        workspace = work_dir.resolve()
        path = (workspace / name).resolve()
    except (OSError, RuntimeError) as error:  # links in a circle: a RuntimeError before Python 3.13
        raise ValueError(f"The file name {name!r} leads nowhere: {error}") from error
    if not path.is_relative_to(workspace):
        raise ValueError(f"The file name {name!r} is not in the workspace.")
    return str(path.relative_to(workspace))


def write_code(work_dir: Path, name: str, code: str) -> Path:
    """Write code to a file of the work directory; missing folders on the way are made.

    Whatever is in the place of the file is replaced, and not followed. A link in the place of a folder is refused.

    Returns:
        The file's absolute path.

    Raises:
        OSError: The file can't be written, or there is a link on the way.
    """
    parts = Path(name).parts
    if not parts:
        raise OSError(f"{name!r} is the work directory itself.")
    workspace, (*way, last) = work_dir.resolve(), parts
    if os.open in os.supports_dir_fd:
        with _open_folder(workspace, way) as folder:
            _write_file(last, code, folder)
    else:
        _write_file(str(_enter_folder(workspace, way) / last), code, None)
    return workspace / name


def _get_extension(language: str) -> str:
    return "py" if language.startswith("python") else language


@contextlib.contextmanager
def _open_folder(workspace: Path, way: list[str]) -> Iterator[int]:
    """The last folder of the way, opened: what happens to its name from now on does not matter."""
    folder = os.open(workspace, _FOLDER_FLAGS)
    try:
        for part in way:
            with contextlib.suppress(FileExistsError):
                os.mkdir(part, dir_fd=folder)
            outer, folder = folder, os.open(part, _FOLDER_FLAGS, dir_fd=folder)
            os.close(outer)
        yield folder
    finally:
        os.close(folder)


def _enter_folder(workspace: Path, way: list[str]) -> Path:
    """The last folder of the way, on systems where folders can't be opened."""
    for part in way:
        workspace = workspace / part
        if workspace.is_symlink():
            raise OSError(f"{workspace} is a link: code is not written through links.")
        workspace.mkdir(exist_ok=True)
    return workspace


def _write_file(path: str, code: str, folder: int | None) -> None:
    """Write a new file, and let it take the place of `path`, which is relative to an opened folder if there is one."""
    new = os.path.join(os.path.dirname(path), f".{uuid.uuid4().hex}.tmp")
    descriptor = os.open(new, _NEW_FILE_FLAGS, 0o644, dir_fd=folder)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace", newline="") as file:
            file.write(code)
        os.replace(new, path, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        os.unlink(new, dir_fd=folder)
        raise
