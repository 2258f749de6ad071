"""Writing of code files, confined to a work directory.

Earlier code may have replaced a file by a link, a pipe, or a hard link to a file elsewhere. So an existing file is never
opened: the code is written to a new file, which then replaces the old one. Each folder is opened relative to its parent.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

OUTSIDE_MESSAGE = "Filename is not in the workspace"
"""Output of a block with a file name that leads out of the work directory."""

_NEW_FILE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
_FOLDER_FLAGS = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)


def make_file_name(code: str, language: str) -> str:
    """Make the file name of a block without an explicit name; equal code has the same name."""
    digest = hashlib.md5(code.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()
    return f"tmp_code_{digest}.{_get_extension(language)}"


def make_temporary_name(language: str) -> str:
    """Make a file name unique to this run, for a file that is deleted afterwards."""
    return f"tmp_code_{uuid.uuid4().hex}.{_get_extension(language)}"


def resolve_name(work_dir: Path, name: str) -> str:
    """Resolve all links in a file name, and return it relative to the work directory.

    Raises:
        ValueError: if the name leads out of the work directory, or is not a valid file name.
    """
    try:
        workspace = work_dir.resolve()
        path = (workspace / name).resolve()
    except (OSError, RuntimeError) as error:
        # Before Python 3.13 a cycle of links raises a RuntimeError.
        raise ValueError(f"The file name {name!r} can't be resolved: {error}") from error
    if not path.is_relative_to(workspace):
        raise ValueError(f"The file name {name!r} is not in the workspace.")
    return str(path.relative_to(workspace))


def write_code(work_dir: Path, name: str, code: str) -> Path:
    """Write code to a file in the work directory, and create missing parent folders.

    An existing file or link at the path is replaced, not followed. A link instead of a folder is refused.

    Returns:
        The file's absolute path.

    Raises:
        OSError: if the file can't be written, or a parent folder is a link.
    """
    parts = Path(name).parts
    if not parts:
        raise OSError(f"{name!r} is the work directory itself.")
    workspace, (*folders, last) = work_dir.resolve(), parts
    if os.open in os.supports_dir_fd:
        with _open_folder(workspace, folders) as descriptor:
            _write_file(last, code, descriptor)
    else:
        _write_file(str(_enter_folder(workspace, folders) / last), code, None)
    return workspace / name


def _get_extension(language: str) -> str:
    return "py" if language.startswith("python") else language


@contextlib.contextmanager
def _open_folder(workspace: Path, folders: list[str]) -> Iterator[int]:
    """Open the last of nested folders, creating missing ones, and yield its file descriptor."""
    # An open descriptor is not affected by renames: the code can't exchange a folder for a link meanwhile.
    descriptor = os.open(workspace, _FOLDER_FLAGS)
    try:
        for folder in folders:
            with contextlib.suppress(FileExistsError):
                os.mkdir(folder, dir_fd=descriptor)
            parent, descriptor = descriptor, os.open(folder, _FOLDER_FLAGS, dir_fd=descriptor)
            os.close(parent)
        yield descriptor
    finally:
        os.close(descriptor)


def _enter_folder(workspace: Path, folders: list[str]) -> Path:
    """Return the last of nested folders, creating missing ones, on systems without folder descriptors."""
    path = workspace
    for folder in folders:
        path = path / folder
        if path.is_symlink():
            raise OSError(f"{path} is a link: code is not written through links.")
        path.mkdir(exist_ok=True)
    return path


def _write_file(path: str, code: str, folder: int | None) -> None:
    """Write a new file and rename it to `path`, which is relative to an opened folder if there is one."""
    new_path = os.path.join(os.path.dirname(path), f".{uuid.uuid4().hex}.tmp")
    descriptor = os.open(new_path, _NEW_FILE_FLAGS, 0o644, dir_fd=folder)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace", newline="") as file:
            file.write(code)
        os.replace(new_path, path, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        os.unlink(new_path, dir_fd=folder)
        raise
