"""`autogen skills`: skills listed, looked at, accepted and compared."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from ..coding.approval import visible
from ..skills import Skill, SkillLock, find_skills, list_usual_folders


@contextmanager
def _open(source: str) -> Iterator[list[Skill]]:
    with tempfile.TemporaryDirectory(prefix="autogen-skills-") as folder:
        skills, problems = find_skills(source, unpack_to=Path(folder))
        for problem in problems:
            print(visible(problem), file=sys.stderr)
        yield skills


def list_skills(source: str | None, lock: Path, all_products: bool) -> int:
    """Print skills in a table. The exit code is 1 if there are none."""
    sources = [source] if source else list(map(str, list_usual_folders(all_products=all_products)))
    table = Table(Column("skill", no_wrap=True), "description", "folder", "accepted", box=None, padding=(0, 2, 0, 0))
    accepted = SkillLock(lock)
    for each in sources:
        with _open(each) as skills:
            for skill in skills:
                state = "yes" if accepted.is_accepted(skill) else "no"
                cells = (skill.name, " ".join(skill.description.split())[:200], str(skill.folder), state)
                table.add_row(*(Text(visible(cell)) for cell in cells))
    if not table.row_count:
        print("There are no skills" + (f" at {source}." if source else " in the usual folders."), file=sys.stderr)
        return 1
    Console(soft_wrap=True).print(table)
    return 0


def show_skills(source: str) -> int:
    """Print skills with all that they have."""
    with _open(source) as skills:
        for skill in skills:
            rows = {
                "name": skill.name,
                "description": skill.description,
                "compatibility": skill.compatibility,
                "allowed tools": ", ".join(skill.allowed_tools),
                "digest": skill.digest,
                "files": ", ".join(skill.files),
                "problems": "; ".join(skill.problems),
            }
            for name, value in rows.items():
                if value:
                    print(f"{name}: {visible(value)}")
            # As it is in the file: what is hidden from readers is what a person must see.
            print(f"\n{visible((skill.folder / 'SKILL.md').read_text(encoding='utf-8-sig'))}\n")
    return 0


def trust_skills(source: str, lock: Path) -> int:
    """Accept skills as they are now. The exit code is 1 if there are none."""
    with _open(source) as skills:
        SkillLock(lock).accept(skills)
        for skill in skills:
            print(f"{visible(skill.name)} {skill.digest[:16]} is accepted in {lock}.")
        return 0 if skills else 1


def verify_skills(source: str, lock: Path) -> int:
    """Print which skills are new, and which have changed. The exit code is 1 if one is or has."""
    digests = SkillLock(lock).read()
    code = 0
    with _open(source) as skills:
        for skill in skills:
            if digests.get(skill.name) != skill.digest:
                code = 1
                print(f"{visible(skill.name)} {'has changed' if skill.name in digests else 'is new'}.")
    return code
