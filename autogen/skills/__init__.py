"""Skills: folders with a `SKILL.md`, in the open form that many agents read. Needs the extra `skills`.

`read_skill` reads one, `find_skills` searches folders, `SkillLock` knows which of them a person has accepted. Agents get
them by `autogen.agentchat.contrib.capabilities.Skills`.
"""

from ._lock import SkillLock
from ._reading import Skill, check_skill, read_skill
from ._search import find_skills, list_usual_folders
from ._writing import create_skill, pack_skill
from .errors import SkillError, SkillNotTrusted

__all__ = [
    "Skill",
    "SkillError",
    "SkillLock",
    "SkillNotTrusted",
    "check_skill",
    "create_skill",
    "find_skills",
    "list_usual_folders",
    "pack_skill",
    "read_skill",
]
