"""The file that says which skills a person has accepted, by their digests."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

from .._folders import replace_file
from ._reading import Skill
from .errors import SkillError, SkillNotTrusted

LOCK_FILE = "skills.lock.json"
_VERSION = 1


class SkillLock:
    """The skills that a person has accepted: names with digests, in a file that belongs under version control.

    Args:
        path: The file, which may not exist yet.

    >>> lock = SkillLock("skills.lock.json")  # doctest: +SKIP
    >>> lock.accept([read_skill("skills/pdf")])  # doctest: +SKIP
    """

    def __init__(self, path: str | os.PathLike[str] = LOCK_FILE) -> None:
        self.path = Path(path)

    def read(self) -> dict[str, str]:
        """Return the digests by name; none if there is no file.

        Raises:
            SkillError: if the file has another form.
        """
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise SkillError(f"{self.path} is not a lock file: {error}") from None
        digests = content.get("skills") if isinstance(content, dict) and content.get("version") == _VERSION else None
        if not isinstance(digests, dict) or not all(isinstance(value, str) for value in digests.values()):
            raise SkillError(f"{self.path} is not a lock file of version {_VERSION}.")
        return digests

    def is_accepted(self, skill: Skill) -> bool:
        """Return True if the skill was accepted as it is now."""
        return self.read().get(skill.name) == skill.digest

    def accept(self, skills: Iterable[Skill]) -> None:
        """Accept skills as they are now, and write the file.

        Raises:
            OSError: if the file can't be written.
        """
        digests = {**self.read(), **{skill.name: skill.digest for skill in skills}}
        content = {"version": _VERSION, "skills": dict(sorted(digests.items()))}
        with replace_file(self.path, mode=0o644) as file:
            file.write((json.dumps(content, indent=2) + "\n").encode())

    def require(self, skills: Iterable[Skill]) -> None:
        """Check that all skills were accepted as they are now.

        Raises:
            SkillNotTrusted: if some were not.
        """
        digests = self.read()
        names = [skill.name for skill in skills if digests.get(skill.name) != skill.digest]
        if names:
            raise SkillNotTrusted(names, str(self.path))
