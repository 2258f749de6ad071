"""Making new skills, and archives of them."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

from .._folders import replace_file
from ._reading import FILE, check_skill, list_files
from .errors import SkillError

# The same skill gives the same archive.
_DATE = (1980, 1, 1, 0, 0, 0)
_TEMPLATE = """---
name: {name}
description: Does X with Y. Use it when the user asks for X.
---

# {title}

1. First step.
2. Run `scripts/example.py`, which prints JSON.
"""


def create_skill(name: str, folder: str | os.PathLike[str] = ".") -> Path:
    """Write the folder of a new skill, to be filled in.

    Args:
        name: Its name: a-z, 0-9 and single hyphens.
        folder: Folder in which the new folder is made.

    Returns:
        The new folder.

    Raises:
        SkillError: if the name has another form.
        FileExistsError: if there is such a folder.
    """
    path = Path(folder, name)
    if Path(name).name != name:
        raise SkillError(f"The name of a skill must not be a path, got {name!r}.")
    path.mkdir(parents=True)
    (path / FILE).write_text(_TEMPLATE.format(name=name, title=name.replace("-", " ").capitalize()), encoding="utf-8")
    if problems := check_skill(path):
        (path / FILE).unlink()
        path.rmdir()
        raise SkillError(f"{name!r} can't be the name of a skill: {problems[0]}.")
    return path


def pack_skill(folder: str | os.PathLike[str], target: str | os.PathLike[str]) -> Path:
    """Write a skill as an archive that other products read, too.

    Args:
        folder: The folder of the skill.
        target: The archive, or a folder for `NAME.skill`.

    Raises:
        SkillError: if the skill deviates from the open form.
        OSError: if the archive can't be written.
    """
    folder, target = Path(folder), Path(target)
    if problems := check_skill(folder):
        raise SkillError(f"{folder} deviates from the open form: {'; '.join(problems)}.")
    if target.is_dir():
        target /= f"{folder.resolve().name}.skill"
    with replace_file(target, mode=0o644) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for relative, path in list_files(folder):
            info = zipfile.ZipInfo(f"{folder.resolve().name}/{relative}", _DATE)
            info.external_attr = (path.stat().st_mode & 0o777 | 0o100000) << 16
            archive.writestr(info, path.read_bytes(), zipfile.ZIP_DEFLATED)
    return target
