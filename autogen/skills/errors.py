"""Errors about skills."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["SkillError", "SkillNotTrusted"]


class SkillError(ValueError):
    """Raised for a folder that can't be read as a skill."""


class SkillNotTrusted(SkillError):
    """Raised for skills that nobody has accepted yet, or that have changed since.

    Attributes:
        names: Their names.
    """

    def __init__(self, names: Sequence[str], lock: str) -> None:
        self.names = list(names)
        self.lock = lock
        listed = ", ".join(repr(name) for name in self.names)
        super().__init__(
            f"Nobody has accepted these skills as they are now: {listed}. Look at them with `autogen skills show FOLDER`, "
            f"and accept them with `autogen skills trust FOLDER --lock {lock}`."
        )

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.names, self.lock)
