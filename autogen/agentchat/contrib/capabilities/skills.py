"""`Skills`: a capability with which an agent reads folders of instructions when it needs them, and runs their scripts."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from pathlib import Path
from typing import Any, Literal
from weakref import finalize

from .... import events
from ...._mistakes import suggest
from ...._untrusted import shorten
from ....coding.base import CodeBlock, CodeExecutor
from ....skills import Skill, SkillError, SkillLock, find_skills
from ....skills._reading import FILE, list_files
from ....tools.tool import Tool
from ...agent import Agent
from ...conversable_agent import ConversableAgent
from .agent_capability import AgentCapability

__all__ = ["Skills"]

Trust = Literal["locked", "folder"]

RULE = (
    "You have skills: instructions for certain tasks. If one of them fits the task, call use_skill with its name before you "
    "begin, and follow it."
)
_MAX_FILES_SHOWN = 100
_MAX_LINE = 2_000
_MAX_OUTPUT = 20_000
_RUNNERS = {".py": "python", ".sh": "sh", ".bash": "bash"}
# Runs a script without a shell between the arguments and the program.
_PROGRAM = """\
import subprocess, sys
command = {command!r}
if command[0] == "python":
    command[0] = sys.executable
done = subprocess.run(command, input={stdin!r}, text=True, encoding="utf-8")
sys.exit(done.returncode)
"""


class Skills(AgentCapability):
    """Skills of an agent: names and descriptions in its system message, texts and files when its model asks for them.

    The agent executes the tools itself. Skills of a source that nobody has accepted are not used: see `SkillLock`.

    Args:
        *sources: Folders of skills, folders of a single skill, archives, or `package:folder`.
        trust: `locked` for skills that are in the lock file as they are now; `folder` for all that the sources have, which
            the program vouches for.
        lock: The lock file.
        executor: Executor of the scripts; None for the executor of the agent's code. Without one scripts are only read.
        user_call: Beginning of a message with which the human calls a skill: `/pdf merge these` for the skill `pdf`.
        max_listed: Maximum number of skills in the system message; of more, the model searches by `find_skill`.
        approve: Who must approve the runs of scripts, as for `register_for_execution`.

    Attributes:
        skills: The skills by name.
        problems: Reasons why folders of the sources are not used, and skills that hide others of their name.

    Raises:
        SkillNotTrusted: if skills have not been accepted as they are.
        SkillError: if a source does not exist.
        ValueError: if `trust` has another value.

    >>> Skills("skills", trust="folder").add_to_agent(agent)  # doctest: +SKIP
    """

    def __init__(
        self,
        *sources: str | os.PathLike[str],
        trust: Trust = "locked",
        lock: str | os.PathLike[str] = "skills.lock.json",
        executor: CodeExecutor | None = None,
        user_call: str = "/",
        max_listed: int = 50,
        approve: Any = None,
    ) -> None:
        super().__init__()
        if trust not in ("locked", "folder"):
            raise ValueError(f'trust must be "locked" or "folder", got {trust!r}.')
        if not user_call:
            raise ValueError("user_call must not be empty: any message would call a skill.")
        self.skills: dict[str, Skill] = {}
        self.problems: list[str] = []
        self._executor = executor
        self._user_call = user_call
        self._max_listed = max_listed
        self._approve = approve
        for source in sources:
            self._add_source(source)
        if trust == "locked":
            SkillLock(lock).require(self.skills.values())

    def _add_source(self, source: str | os.PathLike[str]) -> None:
        unpacked = None
        if Path(source).is_file():
            unpacked = Path(tempfile.mkdtemp(prefix="autogen-skills-"))
            finalize(self, shutil.rmtree, unpacked, ignore_errors=True)
        skills, problems = find_skills(source, unpack_to=unpacked)
        self.problems += problems
        for skill in skills:
            if skill.name in self.skills:
                self.problems.append(f"{skill.folder} is not used: {self.skills[skill.name].folder} has the same name")
            else:
                self.skills[skill.name] = skill

    def add_to_agent(self, agent: ConversableAgent) -> None:
        """Give the skills to an agent: a list in its system message, and tools that it executes itself."""
        offered = [skill for _, skill in sorted(self.skills.items()) if not skill.is_hidden]
        is_listed = len(offered) <= self._max_listed
        if offered:
            lines = [f"- {skill.name}: {' '.join(skill.description.split())}" for skill in offered]
            text = "\n".join([RULE, *lines]) if is_listed else f"{RULE} Search for them by find_skill."
            self.append_system_text(agent, f"\n\n{text}")
        for tool in self._make_tools(agent, offered, is_listed):
            self.register_tool(agent, tool)
        self.register_hook(agent, "process_last_received_message", lambda content: self._answer_call(agent, content))

    def _make_tools(self, agent: ConversableAgent, offered: list[Skill], is_listed: bool) -> list[Tool]:
        names = [skill.name for skill in offered]
        tools = []
        if offered:
            schema = {
                "type": "object",
                "properties": {"name": {"type": "string", **({"enum": names} if is_listed else {})}},
                "required": ["name"],
            }
            tools.append(
                Tool(
                    name="use_skill",
                    description="Return the instructions of a skill, and the names of its files.",
                    func_or_tool=lambda name: self._use(agent, name),
                    parameters_json_schema=schema,
                )
            )
        if offered and not is_listed:
            tools.append(Tool(func_or_tool=self.find_skill))
        if any(skill.files for skill in self.skills.values()):
            tools.append(Tool(func_or_tool=self.read_skill_file))
            if self._get_executor(agent) is not None:

                def run_skill_script(skill: str, script: str, args: list[str] | None = None, stdin: str = "") -> str:
                    """Run a script of a skill.

                    Args:
                        skill: Name of the skill.
                        script: Path of the script within the skill, such as scripts/convert.py.
                        args: Arguments of the script.
                        stdin: Its input.
                    """
                    return self._run(agent, skill, script, args or [], stdin)

                tools.append(Tool(func_or_tool=run_skill_script, approve=self._approve))
        return tools

    def find_skill(self, query: str) -> str:
        """Search the skills by words, and return names with descriptions.

        Args:
            query: Words of the task.
        """
        words = {word for word in query.lower().split() if len(word) > 2}
        rows = [(sum(word in f"{s.name} {s.description}".lower() for word in words), s) for s in self.skills.values()]
        found = sorted((row for row in rows if row[0] and not row[1].is_hidden), key=lambda row: (-row[0], row[1].name))
        lines = [f"{skill.name}: {' '.join(skill.description.split())}" for _, skill in found[:10]]
        return "\n".join(lines) or "No skill has these words."

    def _use(self, agent: ConversableAgent, name: str) -> str:
        skill = self._get(name)
        begin = f"<skill name={skill.name!r} digest={skill.digest[:16]}>"
        if any(begin in str(message.get("content")) for messages in agent.chat_messages.values() for message in messages):
            return f"The instructions of {skill.name!r} are in this conversation already."
        return self._format(agent, skill)

    def _format(self, agent: Agent, skill: Skill) -> str:
        events.emit(events.SkillUsed(agent=agent.name, skill=skill.name, digest=skill.digest))
        files = list(skill.files[:_MAX_FILES_SHOWN])
        if len(skill.files) > len(files):
            files.append(f"and {len(skill.files) - len(files)} more")
        listed = f"\n\nFiles of the skill: {', '.join(files)}" if files else ""
        return f"<skill name={skill.name!r} digest={skill.digest[:16]}>\n{skill.body}{listed}\n</skill>"

    def _answer_call(self, agent: Agent, content: Any) -> Any:
        """Append the text of a skill to a message that calls it."""
        if not isinstance(content, str) or not content.startswith(self._user_call):
            return content
        skill = self.skills.get(content[len(self._user_call) :].partition(" ")[0].strip())
        return content if skill is None else f"{content}\n\n{self._format(agent, skill)}"

    def read_skill_file(self, skill: str, path: str, offset: int = 1, limit: int = 200) -> str:
        """Read lines of a file of a skill.

        Args:
            skill: Name of the skill.
            path: Path of the file within the skill.
            offset: Number of the first line, from 1.
            limit: Maximum number of lines.
        """
        target = self._get_file(self._get(skill), path)
        try:
            lines = target.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            return f"{path} is not a text; it has {target.stat().st_size:,} bytes."
        first = max(offset, 1)
        shown = lines[first - 1 : first - 1 + max(limit, 1)]
        head = f"lines {first}-{first - 1 + len(shown)} of {len(lines):,}"
        return "\n".join([head, *(f"{number:>4}\t{line[:_MAX_LINE]}" for number, line in enumerate(shown, first))])

    def _get(self, name: str) -> Skill:
        if name not in self.skills:
            raise SkillError(f"There is no skill {name!r}.{suggest(name, self.skills)}")
        return self.skills[name]

    def _get_file(self, skill: Skill, path: str) -> Path:
        if path not in (*skill.files, FILE):
            raise SkillError(f"The skill {skill.name!r} has no file {path!r}.{suggest(path, skill.files)}")
        return skill.folder / path

    def _get_executor(self, agent: ConversableAgent) -> CodeExecutor | None:
        return self._executor or agent.code_executor

    def _run(self, agent: ConversableAgent, name: str, script: str, arguments: list[str], stdin: str) -> str:
        skill = self._get(name)
        self._get_file(skill, script)
        runner = _RUNNERS.get(Path(script).suffix)
        if runner is None:
            raise SkillError(f"Scripts end with {', '.join(_RUNNERS)}; {script!r} can't be run.")
        executor = self._get_executor(agent)
        work_dir = getattr(executor, "work_dir", None)
        if executor is None or work_dir is None:
            raise SkillError("Scripts of skills need an executor with a work directory.")
        folder = self._copy(skill, Path(work_dir))
        command = [runner, f"{folder}/{script}", *arguments]
        program = _PROGRAM.format(command=command, stdin=stdin)
        result = executor.execute_code_blocks([CodeBlock(language="python", code=program)])
        output = shorten(result.output, _MAX_OUTPUT, " from the output of the script")
        return output if result.exit_code == 0 else f"The script failed with exit code {result.exit_code}:\n{output}"

    def _copy(self, skill: Skill, work_dir: Path) -> str:
        """Copy a skill into the work directory, read-only, and return the relative path of the copy.

        It is made again for each run: earlier code may have changed it.
        """
        relative = f".skills/{skill.name}-{skill.digest[:8]}"
        target = work_dir / relative
        for path in (target.parent, target):
            if path.is_symlink():
                path.unlink()
        if target.exists():
            _make_writable(target)
            shutil.rmtree(target)
        for name, path in list_files(skill.folder):
            copy = target / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
            copy.chmod(0o555 if path.stat().st_mode & stat.S_IXUSR else 0o444)
        return relative


def _make_writable(folder: Path) -> None:
    for base, _, names in os.walk(folder):
        os.chmod(base, 0o755)
        for name in names:
            path = Path(base, name)
            if not path.is_symlink():
                path.chmod(0o644)
