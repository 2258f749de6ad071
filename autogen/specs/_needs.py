"""Needs of a document, and the consent of the caller to them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from pathlib import PurePath
from urllib.parse import urlsplit

from ._protocols import Config
from .errors import Problem, SpecError

# Types of executors that run code with the rights of the user.
_WITHOUT_WALL = ("local", "jupyter")


@dataclass(frozen=True)
class Needs:
    """Demands of a document on the machine that builds it.

    Attributes:
        secrets: Names of secrets.
        hosts: Hosts that requests go to, with their ports.
        commands: Command lines of programs that are started, such as MCP servers.
        modules: Modules of Python that are imported.
        code: Names of tools whose source is in the document.
        executors: Types of executors of code; `local` and `jupyter` run it on this machine without a
            wall.
        folders: Folders and files outside the folder of the document.
        browser: True if a browser is started.
        models: Names of models, which may cost money.
    """

    secrets: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    code: tuple[str, ...] = ()
    executors: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    browser: bool = False
    models: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return any(getattr(self, each.name) for each in fields(self))


class ConsentNeeded(SpecError):
    """Raised for a document that wants more of this machine than the caller permits.

    Attributes:
        needs: Everything that is missing in the consent.
    """

    def __init__(self, problems: Sequence[Problem], needs: Needs) -> None:
        super().__init__(problems)
        self.needs = needs

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.problems, self.needs)


@dataclass(frozen=True)
class Consent:
    """Permissions of a document; by default it has none.

    Attributes:
        modules: Modules of Python that may be imported; a package stands for all of its modules.
        commands: Command lines that may be started.
        hosts: Hosts that requests may go to, as in `Needs.hosts`.
        code: True if tools whose source is in the document may run in an executor with a wall.
        local_code: True if code may run on this machine without a wall.
        folders: Folders that may be read and written, with everything in them.
    """

    modules: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    code: bool = False
    local_code: bool = False
    folders: tuple[str, ...] = ()
    _permits_all: bool = field(default=False, repr=False)

    def __post_init__(self) -> None:
        for name in ("modules", "commands", "hosts", "folders"):
            value = getattr(self, name)
            if isinstance(value, str):
                raise TypeError(f"Consent.{name} must be a tuple of texts, got the text {value!r}.")
            object.__setattr__(self, name, tuple(map(str, value)))

    @classmethod
    def everything(cls) -> Consent:
        """Return the consent to everything: the document is trusted like a program."""
        return cls(code=True, local_code=True, _permits_all=True)

    def require(self, needs: Needs) -> None:
        """Check that everything that a document wants is permitted. Secrets and models need no consent.

        Raises:
            ConsentNeeded: if something is not.
        """
        if self._permits_all:
            return
        missing = Needs(
            hosts=tuple(host for host in needs.hosts if host not in self.hosts),
            commands=tuple(command for command in needs.commands if command not in self.commands),
            modules=tuple(module for module in needs.modules if not self._permits_module(module)),
            code=() if self.code else needs.code,
            executors=tuple(name for name in needs.executors if name in _WITHOUT_WALL and not self.local_code),
            folders=tuple(folder for folder in needs.folders if not self._permits_folder(folder)),
        )
        if missing:
            raise ConsentNeeded(list(_describe_missing(missing)), missing)

    def _permits_module(self, module: str) -> bool:
        return any(module == permitted or module.startswith(f"{permitted}.") for permitted in self.modules)

    def _permits_folder(self, folder: str) -> bool:
        path = PurePath(os.path.normpath(folder))
        return any(path.is_relative_to(os.path.normpath(permitted)) for permitted in self.folders)


def _describe_missing(missing: Needs) -> Iterable[Problem]:
    rows = (
        ("wants to send requests to", missing.hosts, "Consent(hosts=...)"),
        ("wants to start", missing.commands, "Consent(commands=...)"),
        ("wants to import", missing.modules, "Consent(modules=...)"),
        ("has the source of the tool", missing.code, "Consent(code=True)"),
        ("wants to run code on this machine by the executor", missing.executors, "Consent(local_code=True)"),
        ("wants to use", missing.folders, "Consent(folders=...)"),
    )
    for text, values, hint in rows:
        for value in values:
            yield Problem("", f"{text} {value!r}", f"permit it by {hint}")


class NeedsCollector:
    """Collects the needs of a document, each once and in order."""

    def __init__(self) -> None:
        self._found: dict[str, dict[str, None]] = {each.name: {} for each in fields(Needs) if each.name != "browser"}
        self._browser = False

    def add(self, name: str, *values: str) -> None:
        """Add values of one field of `Needs`."""
        self._found[name].update(dict.fromkeys(values))

    def add_browser(self) -> None:
        """Add a browser."""
        self._browser = True

    def add_address(self, address: str) -> None:
        """Add the host of an address; its credentials are left out."""
        parts = urlsplit(address if "://" in address else f"//{address}")
        self.add("hosts", parts.netloc.rpartition("@")[2] or address)

    def add_path(self, path: str) -> None:
        """Add a file or folder, unless it is within the folder of the document."""
        if PurePath(path).is_absolute() or ".." in PurePath(path).parts or path.startswith("~"):
            self.add("folders", path)

    def get_needs(self) -> Needs:
        """Return what was collected."""
        found: Config = {name: tuple(values) for name, values in self._found.items()}
        return Needs(**found, browser=self._browser)
