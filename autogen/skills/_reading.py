"""Reading a skill: its head, its text, its files and their digest."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .._extras import require
from .._untrusted import clean_text
from .errors import SkillError

FILE = "SKILL.md"
MAX_BYTES = 256_000
MAX_FILES = 2_000
MAX_TOTAL_BYTES = 50_000_000
MAX_NAME = 64
MAX_DESCRIPTION = 1_024
MAX_COMPATIBILITY = 500
_MAX_DEPTH = 6

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_HEAD = re.compile(r"\A---[ \t]*\n(.*?)^---[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_COLON = re.compile(r"^([A-Za-z][\w-]*):[ \t]+([^\"'\[{|>\n].*:.*)$", re.MULTILINE)
# A leading `!` before a command in backquotes asks other products to run it when the skill is loaded.
_LOAD_COMMAND = re.compile(r"!`[^`\n]+`")
_KNOWN = ("name", "description", "license", "compatibility", "metadata", "allowed-tools", "disable-model-invocation")


@dataclass(frozen=True)
class Skill:
    """A skill.

    Attributes:
        name: Its name.
        description: Its use, and the occasions for it.
        body: Its text, without the head.
        folder: Its folder.
        files: Its other files, as paths relative to the folder, sorted.
        digest: SHA-256 over the paths, the executable bits and the contents of all files.
        license: Its licence; None if it has none.
        compatibility: Its needs: programs, network, a product; None if it names none.
        metadata: Further texts, such as `version` and `author`.
        allowed_tools: Names of tools that its author wants to be approved beforehand. They are information: nothing is
            approved by them.
        is_hidden: True if the list for the model leaves it out, and only the human calls it.
        extra: Fields of single products, as they are.
        problems: Deviations from the open form.
    """

    name: str
    description: str
    body: str = field(repr=False)
    folder: Path
    files: tuple[str, ...] = field(repr=False)
    digest: str
    license: str | None = None
    compatibility: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict, repr=False)
    allowed_tools: tuple[str, ...] = ()
    is_hidden: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)
    problems: tuple[str, ...] = ()


def read_skill(folder: str | os.PathLike[str]) -> Skill:
    """Read the skill of a folder. Small faults are noted in `problems`; nothing of the skill is run.

    Args:
        folder: The folder, which has a file `SKILL.md`.

    Raises:
        SkillError: if there is no such file, it has no description, or the folder is too large.
        OSError: if a file can't be read.
        ImportError: if the extra `skills` is not installed.
    """
    folder = Path(folder)
    path = folder / FILE
    if not path.is_file():
        raise SkillError(f"{folder} is not a skill: it has no {FILE}.")
    head, body, problems = _split(_read_text(path), folder.name)
    description = head.get("description")
    if not isinstance(description, str) or not description.strip():
        raise SkillError(f"{path} has no description: nobody knows when to use the skill.")
    name = head.get("name")
    if not isinstance(name, str) or not name:
        problems.append("it has no name; that of the folder is used")
        name = folder.name
    rows = list(list_files(folder))
    problems += _check_head(head, name, folder.name)
    if _LOAD_COMMAND.search(body):
        problems.append("it has commands that other products run when the skill is loaded; they are not run")
    tools = head.get("allowed-tools")
    return Skill(
        name=clean_text(name),
        description=clean_text(description).strip(),
        # Files are named relative to the folder of the skill.
        body=clean_text(body).strip().replace("${CLAUDE_SKILL_DIR}/", "").replace("${CLAUDE_SKILL_DIR}", "."),
        folder=folder,
        files=tuple(relative for relative, _ in rows if relative != FILE),
        digest=_make_digest(folder, rows),
        license=_get_text(head, "license"),
        compatibility=_get_text(head, "compatibility"),
        metadata=_get_metadata(head.get("metadata"), problems),
        allowed_tools=tuple(tools.split() if isinstance(tools, str) else map(str, tools) if isinstance(tools, list) else ()),
        is_hidden=head.get("disable-model-invocation") is True,
        extra={key: value for key, value in head.items() if key not in _KNOWN},
        problems=tuple(problems),
    )


def check_skill(folder: str | os.PathLike[str]) -> list[str]:
    """Return the deviations of a skill from the open form, those that make it useless included; none if it is fine.

    Args:
        folder: The folder.

    Raises:
        OSError: if a file can't be read.
    """
    try:
        skill = read_skill(folder)
    except SkillError as error:
        return [str(error)]
    extra = [f"the field {key!r} is not part of the open form" for key in skill.extra]
    return [*skill.problems, *extra]


def _read_text(path: Path) -> str:
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise SkillError(f"{path} has more than {MAX_BYTES:,} bytes.")
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise SkillError(f"{path} is not UTF-8: {error.reason} at byte {error.start}.") from None


def _split(text: str, name: str) -> tuple[dict[str, Any], str, list[str]]:
    """Return the head, the text behind it, and faults that were mended."""
    match = _HEAD.match(text)
    if match is None:
        raise SkillError(f"{name}/{FILE} has no head: YAML between two lines `---` at its beginning.")
    problems = []
    try:
        head = _load_yaml(match[1])
    except ValueError:
        # A colon in a text without quotes is the most common mistake.
        quoted = _COLON.sub(lambda line: f"{line[1]}: {_quote(line[2])}", match[1])
        try:
            head = _load_yaml(quoted)
        except ValueError as error:
            raise SkillError(f"{name}/{FILE}: the head is not YAML: {error}") from None
        problems.append("a text with a colon has no quotes")
    if not isinstance(head, dict):
        raise SkillError(f"{name}/{FILE}: the head must be fields with values.")
    return {str(key): value for key, value in head.items()}, text[match.end() :], problems


def _quote(text: str) -> str:
    return "'" + text.strip().replace("'", "''") + "'"


def _load_yaml(text: str) -> Any:
    yaml = require("yaml", extra="skills", feature="A skill")

    class Loader(yaml.SafeLoader):  # type: ignore[misc, name-defined]
        # Each occurrence of an alias would be another copy: a short head could fill the memory.
        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.events.AliasEvent):
                raise ValueError("it has an alias")
            return super().compose_node(parent, index)

    try:
        return yaml.load(text, Loader)
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(" ".join(str(error).split())) from None


def _check_head(head: Mapping[str, Any], name: str, folder: str) -> list[str]:
    problems = []
    if len(name) > MAX_NAME or not _NAME.fullmatch(name):
        problems.append(f"the name must have 1 to {MAX_NAME} of a-z, 0-9 and single hyphens between them")
    if name != folder:
        problems.append(f"the name {name!r} differs from that of the folder, {folder!r}")
    if len(str(head["description"])) > MAX_DESCRIPTION:
        problems.append(f"the description has more than {MAX_DESCRIPTION:,} characters")
    if len(_get_text(head, "compatibility") or "") > MAX_COMPATIBILITY:
        problems.append(f"the compatibility has more than {MAX_COMPATIBILITY} characters")
    return problems


def _get_text(head: Mapping[str, Any], key: str) -> str | None:
    value = head.get(key)
    return None if value is None else clean_text(str(value))


def _get_metadata(value: object, problems: list[str]) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        problems.append("the metadata must be texts by name")
        return {}
    return {str(key): str(item) for key, item in value.items()}


def list_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield the files of a skill with their relative paths, sorted. Links that lead out of the folder are passed over.

    Raises:
        SkillError: if there are too many files, or they are too large.
    """
    root = folder.resolve()
    rows, total = [], 0
    for base, folders, names in os.walk(folder):
        depth = len(Path(base).relative_to(folder).parts)
        folders[:] = sorted(name for name in folders if name != ".git") if depth < _MAX_DEPTH else []
        for name in names:
            path = Path(base, name)
            if not path.is_file() or not path.resolve().is_relative_to(root):
                continue
            total += path.stat().st_size
            rows.append((path.relative_to(folder).as_posix(), path))
            if len(rows) > MAX_FILES:
                raise SkillError(f"{folder} has more than {MAX_FILES:,} files.")
            if total > MAX_TOTAL_BYTES:
                raise SkillError(f"The files of {folder} have more than {MAX_TOTAL_BYTES:,} bytes.")
    yield from sorted(rows)


def _make_digest(folder: Path, rows: list[tuple[str, Path]]) -> str:
    digest = hashlib.sha256()
    for relative, path in rows:
        is_executable = os.name == "posix" and bool(path.stat().st_mode & 0o111)
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{relative}\0{'x' if is_executable else '-'}\0{content}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()
