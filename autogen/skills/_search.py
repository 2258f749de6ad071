"""Searching folders, archives and packages for skills."""

from __future__ import annotations

import importlib.resources
import os
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from ._reading import FILE, MAX_FILES, MAX_TOTAL_BYTES, Skill, read_skill
from .errors import SkillError

_MAX_DEPTH = 6
_MAX_FOLDERS = 2_000
_ARCHIVES = (".zip", ".skill")
# Searched below the working directory and the user's home; the first is the folder of the open form.
_USUAL = (".agents/skills", ".claude/skills")
_OTHER_PROJECT = (".github/skills", ".gemini/skills")
_OTHER_USER = (".codex/skills", ".copilot/skills", ".gemini/skills")


def list_usual_folders(*, all_products: bool = False) -> list[Path]:
    """Return the folders of skills that exist in the usual positions: those of the project, then those of the user.

    Nothing in them is used before somebody names it.

    Args:
        all_products: True to search the folders of further products, too.
    """
    project = Path.cwd()
    parents = [project]
    while not (parents[-1] / ".git").exists() and parents[-1] != parents[-1].parent:
        parents.append(parents[-1].parent)
    # Outside of a repository only the folder itself is the project's.
    bases = parents if (parents[-1] / ".git").exists() else [project]
    rows = [base / name for base in bases for name in (*_USUAL, *(_OTHER_PROJECT if all_products else ()))]
    rows += [Path.home() / name for name in (*_USUAL, *(_OTHER_USER if all_products else ()))]
    return [folder for folder in dict.fromkeys(rows) if folder.is_dir()]


def find_skills(source: str | os.PathLike[str], *, unpack_to: Path | None = None) -> tuple[list[Skill], list[str]]:
    """Read the skills of a source.

    Args:
        source: The folder of a skill, a folder of such folders, an archive (`.zip`, `.skill`), or `package:folder` for those
            of an installed package.
        unpack_to: Folder into which an archive is unpacked.

    Returns:
        The skills, sorted by folder, and the reasons why others are not used.

    Raises:
        SkillError: if the source does not exist, is a harmful archive, or an archive without a folder to unpack it to.
    """
    path = _locate(source, unpack_to)
    if (path / FILE).is_file():
        return [read_skill(path)], []
    skills, problems = [], []
    for folder in _list_folders(path):
        try:
            skills.append(read_skill(folder))
        except (SkillError, OSError) as error:
            problems.append(str(error))
    return skills, problems


def _locate(source: str | os.PathLike[str], unpack_to: Path | None) -> Path:
    path = Path(source)
    if path.is_dir():
        return path
    if path.suffix.lower() in _ARCHIVES and path.is_file():
        if unpack_to is None:
            raise SkillError(f"{path} is an archive: name a folder to unpack it to.")
        unpack(path, unpack_to)
        return unpack_to
    package, colon, folder = os.fspath(source).partition(":")
    if colon and package.replace(".", "").isidentifier():
        try:
            found = Path(str(importlib.resources.files(package))) / folder
        except ModuleNotFoundError:
            raise SkillError(f"There is no package {package!r}, which {source!r} names.") from None
        if found.is_dir():
            return found
    raise SkillError(f"There are no skills at {source!s}: name a folder, an archive, or package:folder.")


def _list_folders(path: Path) -> Iterator[Path]:
    for count, (base, folders, names) in enumerate(os.walk(path), 1):
        if count > _MAX_FOLDERS:
            raise SkillError(f"{path} has more than {_MAX_FOLDERS:,} folders.")
        folders.sort()
        if FILE in names:
            # The folders of a skill are its own.
            folders.clear()
            yield Path(base)
        elif len(Path(base).relative_to(path).parts) >= _MAX_DEPTH:
            folders.clear()


def unpack(archive: Path, target: Path) -> None:
    """Unpack an archive of skills.

    Raises:
        SkillError: if it is not an archive, a name leads out of the folder, or it is too large.
    """
    try:
        with zipfile.ZipFile(archive) as file:
            members = file.infolist()
            if len(members) > MAX_FILES:
                raise SkillError(f"{archive} has more than {MAX_FILES:,} files.")
            if sum(member.file_size for member in members) > MAX_TOTAL_BYTES:
                raise SkillError(f"The files of {archive} have more than {MAX_TOTAL_BYTES:,} bytes.")
            for member in members:
                name = PurePosixPath(member.filename.replace("\\", "/"))
                mode = member.external_attr >> 16
                if name.is_absolute() or ".." in name.parts or ":" in member.filename or stat.S_ISLNK(mode):
                    raise SkillError(f"{archive} has a name that leads out of it: {member.filename!r}.")
            for member in members:
                _unpack_member(file, member, target)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise SkillError(f"{archive} can't be unpacked: {error}") from None


def _unpack_member(file: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
    path = Path(target, *PurePosixPath(member.filename.replace("\\", "/")).parts)
    if member.is_dir():
        path.mkdir(parents=True, exist_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    # The size of the head may lie.
    with file.open(member) as source:
        data = source.read(member.file_size + 1)
    if len(data) > member.file_size:
        raise SkillError(f"{file.filename} has a file that is larger than it says: {member.filename!r}.")
    path.write_bytes(data)
    if (member.external_attr >> 16) & 0o111:
        path.chmod(0o755)
