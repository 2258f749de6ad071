"""Writing of code files, confined to a work directory.

Earlier code may have replaced a file by a link, a pipe, or a hard link to a file elsewhere. So an existing file is never
opened: the code is written to a new file, which then replaces the old one. Each folder is opened relative to its parent.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import stat
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

logger = logging.getLogger(__name__)

OUTSIDE_MESSAGE = "Filename is not in the workspace"
"""Output of a block with a file name that leads out of the work directory."""

_NEW_FILE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
_SET_ID_BITS = stat.S_ISUID | stat.S_ISGID
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


def write_code(work_dir: Path, name: str, code: str | bytes) -> Path:
    """Write code, or other content, to a file in the work directory, and create missing parent folders.

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


def clear_set_id_bits(folder: Path) -> None:
    """Clear the set-user-ID and set-group-ID bits of the files in a folder that code could write to.

    With such a bit, every user of this machine could run a program of that code with the rights of the file's owner.
    Failures are logged.
    """
    # Windows has no such bits.
    if not hasattr(os, "O_NOFOLLOW"):
        return
    try:
        descriptor = os.open(folder, _FOLDER_FLAGS)
    except OSError:
        # Code may remove its work directory.
        return
    # The folders on the way down: identity, and names of the subfolders that are still to be visited. Only the last is
    # open, since they may be nested more deeply than files can be opened at once.
    way = [(_get_identity(descriptor), _clear_files(descriptor))]
    try:
        while way:
            identity, subfolders = way[-1]
            if _get_identity(descriptor) != identity:
                raise OSError("folders were moved meanwhile")
            name = subfolders.pop() if subfolders else ".."
            if name == ".." and len(way) == 1:
                return
            try:
                other = _open_subfolder(name, descriptor)
            except (FileNotFoundError, NotADirectoryError):
                # It was deleted or exchanged meanwhile.
                continue
            os.close(descriptor)
            descriptor = other
            if name == "..":
                way.pop()
            else:
                way.append((_get_identity(descriptor), _clear_files(descriptor)))
    except OSError as error:
        logger.warning("The set-user-ID bits of files in %s can't all be cleared: %s", folder, error)
    finally:
        os.close(descriptor)


def _open_subfolder(name: str, folder: int) -> int:
    try:
        return os.open(name, _FOLDER_FLAGS, dir_fd=folder)
    except PermissionError:
        # Code may have made its folder unreadable for its owner, but not for others.
        _change_mode(name, folder, lambda mode: mode | stat.S_IRWXU)
        return os.open(name, _FOLDER_FLAGS, dir_fd=folder)


def _get_identity(descriptor: int) -> tuple[int, int]:
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino


def _clear_files(folder: int) -> list[str]:
    """Clear the bits of the files directly in an open folder, and return the names of its subfolders."""
    subfolders = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                subfolders.append(entry.name)
            elif entry.is_file(follow_symlinks=False):
                try:
                    _clear_set_id_bits(entry.name, folder)
                except FileNotFoundError:
                    # It was deleted meanwhile.
                    continue
                except OSError as error:
                    logger.warning("The set-user-ID bit of %r can't be cleared: %s", entry.name, error.strerror)
    return subfolders


def _clear_set_id_bits(name: str, folder: int) -> None:
    if os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode & _SET_ID_BITS:
        _change_mode(name, folder, lambda mode: mode & ~_SET_ID_BITS)


def _change_mode(name: str, folder: int, change: Callable[[int], int]) -> None:
    # Code that still runs may have exchanged the file for a link meanwhile.
    flags = getattr(os, "O_PATH", os.O_RDONLY | os.O_NONBLOCK) | os.O_NOFOLLOW
    descriptor = os.open(name, flags, dir_fd=folder)
    try:
        mode = os.fstat(descriptor).st_mode
        # `O_PATH` opens links too, and what it opens can be changed by this path only.
        if not stat.S_ISLNK(mode):
            os.chmod(f"/proc/self/fd/{descriptor}" if hasattr(os, "O_PATH") else descriptor, change(stat.S_IMODE(mode)))
    finally:
        os.close(descriptor)


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


def _write_file(path: str, code: str | bytes, folder: int | None) -> None:
    """Write a new file and rename it to `path`, which is relative to an opened folder if there is one."""
    new_path = os.path.join(os.path.dirname(path), f".{uuid.uuid4().hex}.tmp")
    descriptor = os.open(new_path, _NEW_FILE_FLAGS, 0o644, dir_fd=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(code.encode("utf-8", "replace") if isinstance(code, str) else code)
        os.replace(new_path, path, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        os.unlink(new_path, dir_fd=folder)
        raise
