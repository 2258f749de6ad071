"""Which files of a folder a program has made or changed: told by a look before it runs, and one after."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

MAX_ENTRIES = 10_000  # entries of a folder and all in it; a look at these takes some 20 milliseconds
MAX_REPORTED = 1_000
SKIPPED_FOLDERS = frozenset({"__pycache__", "node_modules"})

Files = dict[str, tuple[int, int, int]]  # by path, what changes when a file does


class Snapshot(NamedTuple):
    """The files that lie directly in a folder, and those in folders of it; None where there are too many to look at."""

    top: Files | None
    below: Files | None


def snapshot(folder: Path) -> Snapshot:
    """The files in a folder.

    Links, pipes and the like are no files here: whoever opens what is listed must not be led elsewhere. What is in hidden
    folders and caches is passed over.
    """
    waiting, top = _scan_folder(str(folder.resolve()))
    if top is None:
        return Snapshot(None, None)
    below: Files = {}
    seen = len(top)
    for path in waiting:  # it grows meanwhile
        inner, files = _scan_folder(path)
        seen += 1 + len(files or ())
        if files is None or seen > MAX_ENTRIES:
            return Snapshot(top, None)
        waiting += inner
        below |= files
    return Snapshot(top, below)


def find_changes(before: Snapshot, after: Snapshot, *, but: Collection[Path] = ()) -> list[str]:
    """The paths of new and changed files, sorted, without those of the blocks themselves."""
    own = {str(path) for path in but}
    found = [
        path
        for old, new in zip(before, after, strict=True)
        if old is not None and new is not None
        for path, stamp in new.items()
        if old.get(path) != stamp and path not in own
    ]
    return sorted(found)[:MAX_REPORTED]


def _scan_folder(folder: str) -> tuple[list[str], Files | None]:
    """The folders in a folder, and its files. What can't be read, or is gone meanwhile, is not there."""
    inner: list[str] = []
    files: Files = {}
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if len(inner) + len(files) > MAX_ENTRIES:
                    return [], None
                if not _is_utf8(entry.name):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    if not entry.name.startswith(".") and entry.name not in SKIPPED_FOLDERS:
                        inner.append(entry.path)
                elif entry.is_file(follow_symlinks=False):
                    stat = entry.stat(follow_symlinks=False)
                    files[entry.path] = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
    except OSError:
        return inner, files
    return inner, files


def _is_utf8(name: str) -> bool:
    """Whether a name can be told: one of bytes that are no UTF-8 can't."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
