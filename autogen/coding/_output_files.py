"""Detection of files that a program created or changed, by snapshots of its folder before and after the run."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple, TypeAlias

# A snapshot of this many entries takes about 20 milliseconds.
MAX_ENTRIES = 10_000
MAX_REPORTED = 1_000
SKIPPED_FOLDERS = frozenset({"__pycache__", "node_modules"})

Files: TypeAlias = dict[str, tuple[int, int, int]]
"""Modification time, size and inode of each file, by path."""


class Snapshot(NamedTuple):
    """The files directly in a folder, and those in its subfolders; None where there are too many."""

    top: Files | None
    below: Files | None


def snapshot(folder: Path) -> Snapshot:
    """Return the regular files in a folder, except those in hidden folders and caches.

    Links, pipes and the like are left out: opening a reported file must not lead out of the folder.
    """
    pending, top = _scan_folder(str(folder.resolve()))
    if top is None:
        return Snapshot(None, None)
    below: Files = {}
    count = len(top)
    # The list grows during the loop.
    for path in pending:
        subfolders, files = _scan_folder(path)
        count += 1 + len(files or ())
        if files is None or count > MAX_ENTRIES:
            return Snapshot(top, None)
        pending += subfolders
        below |= files
    return Snapshot(top, below)


def find_changes(before: Snapshot, after: Snapshot, *, exclude: Collection[Path] = ()) -> list[str]:
    """Return the sorted paths of new and changed files, at most `MAX_REPORTED`.

    Args:
        before: The snapshot before the run.
        after: The snapshot after the run.
        exclude: Files to leave out, such as those of the code blocks.
    """
    excluded = {str(path) for path in exclude}
    changed = [
        path
        for old, new in zip(before, after, strict=True)
        if old is not None and new is not None
        for path, stamp in new.items()
        if old.get(path) != stamp and path not in excluded
    ]
    return sorted(changed)[:MAX_REPORTED]


def _scan_folder(folder: str) -> tuple[list[str], Files | None]:
    """Return the subfolders and files of a folder; None for the files if there are too many."""
    subfolders: list[str] = []
    files: Files = {}
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if len(subfolders) + len(files) > MAX_ENTRIES:
                    return [], None
                if not _is_utf8(entry.name):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    if not entry.name.startswith(".") and entry.name not in SKIPPED_FOLDERS:
                        subfolders.append(entry.path)
                elif entry.is_file(follow_symlinks=False):
                    stat = entry.stat(follow_symlinks=False)
                    files[entry.path] = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
    except OSError:
        # The folder is unreadable, or was deleted meanwhile.
        return subfolders, files
    return subfolders, files


def _is_utf8(name: str) -> bool:
    """Return True if a file name is valid Unicode; other names can't be serialised in a result."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
