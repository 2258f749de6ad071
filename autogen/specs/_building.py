"""Building the objects that a document describes."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from ._checking import CheckedDocument, check, collect_needs, list_start, quote
from ._documents import join_pointer
from ._needs import Consent
from ._origins import remember_config
from ._protocols import LiveObject
from ._registry import KeptComponentType
from ._secret_names import remember_name
from .errors import Problem, SpecError
from .fields import is_python_object, is_secret

SecretSource: TypeAlias = Mapping[str, str] | Callable[[str], str | None]


def from_spec(
    doc: Mapping[str, Any],
    *,
    consent: Consent | None = None,
    secrets: SecretSource | None = None,
    resources: Mapping[str, object] | None = None,
    folder: str | os.PathLike[str] | None = None,
) -> Any:
    """Build what a document describes: the part or the parts that its `start` names, or all of its parts by id.

    The document is checked first, then the consent; only then anything is imported or built.

    Args:
        doc: The document.
        consent: What the document may want of this machine; nothing by default. See `needs`.
        secrets: Values of secrets by name, or a function of a name; the environment if None.
        resources: Objects in place of parts, by id.
        folder: Folder that relative paths start from; the current one if None.

    Returns:
        The object of an only part, a list for several; without `start` a dict of all parts by id.

    Raises:
        SpecError: if the document has faults, a secret is missing, or a part can't be built.
        ConsentNeeded: if it wants more than `consent` permits.

    >>> manager = from_spec(load("writers.yaml"))  # doctest: +SKIP
    """
    resources = dict(resources or {})
    checked, problems = check(doc)
    if checked is None or problems:
        raise SpecError(problems)
    parts = checked.content["parts"]
    if unknown := [identifier for identifier in resources if identifier not in parts]:
        raise SpecError([Problem("", f"resources: there is no part {quote(identifier)}") for identifier in unknown])
    (consent or Consent()).require(collect_needs(checked))
    build = DocumentBuild(checked, secrets, resources, Path(folder) if folder is not None else Path())
    start = checked.content.get("start")
    identifiers = list(parts) if start is None else list_start(start)
    built = {identifier: build.get_part({"ref": identifier}) for identifier in identifiers}
    build.connect_all()
    if start is None:
        return built
    return list(built.values()) if isinstance(next(iter(start.values())), list) else built[identifiers[0]]


class DocumentBuild:
    """The parts of a document while they are made. Types of components get it."""

    def __init__(
        self,
        checked: CheckedDocument,
        secrets: SecretSource | None,
        resources: Mapping[str, object],
        folder: Path,
    ) -> None:
        self._checked = checked
        self._secrets: SecretSource = os.environ if secrets is None else secrets
        self._folder = folder
        self._made: dict[str, object] = {join_pointer("/parts", key): value for key, value in resources.items()}
        self._unfinished: list[str] = []
        self._to_connect: list[str] = []

    def get_part(self, value: Mapping[str, Any]) -> Any:
        """Return the object of a reference or of a component; it is made when it is first needed.

        Raises:
            SpecError: if it can't be made, or needs itself.
        """
        pointer = join_pointer("/parts", value["ref"]) if "ref" in value else self._checked.pointers[id(value)]
        if pointer in self._made:
            return self._made[pointer]
        if pointer in self._unfinished:
            circle = " -> ".join([*self._unfinished[self._unfinished.index(pointer) :], pointer])
            raise SpecError([Problem(pointer, f"needs itself: {circle}")])
        self._unfinished.append(pointer)
        try:
            component_type = self._checked.types[pointer]
            self._made[pointer] = component_type.make(self._checked.configs[pointer], self)
        except SpecError:
            raise
        except (ImportError, LookupError, OSError, RuntimeError, TypeError, ValueError) as error:
            raise SpecError([Problem(pointer, f"can't be built: {error}")]) from error
        finally:
            self._unfinished.pop()
        if isinstance(component_type, KeptComponentType):
            remember_config(self._made[pointer], self._checked.configs[pointer].model_dump(exclude_unset=True))
        self._to_connect.append(pointer)
        return self._made[pointer]

    def get_parts(self, values: list[Any]) -> list[LiveObject]:
        """Return the objects of several."""
        return [self.get_part(value) for value in values]

    def connect_all(self) -> None:
        """Connect the parts that were made, and those that are made for it."""
        while self._to_connect:
            pointer = self._to_connect.pop(0)
            self._checked.types[pointer].connect(self._made[pointer], self._checked.configs[pointer], self)

    def get_secret(self, value: Mapping[str, Any]) -> str:
        """Return the value of a secret.

        Raises:
            SpecError: if there is none.
        """
        name = value["secret"]
        text = self._secrets(name) if callable(self._secrets) else self._secrets.get(name)
        if text is None:
            raise SpecError([Problem("", f"the secret {name!r} is missing", f"set the environment variable {name}")])
        remember_name(text, name)
        return text

    def import_object(self, value: Mapping[str, Any]) -> Any:
        """Return an object of Python.

        Raises:
            SpecError: if it can't be imported.
        """
        module, _, name = value["python"].partition(":")
        try:
            found: Any = importlib.import_module(module)
            for attribute in name.split("."):
                found = getattr(found, attribute)
        except (ImportError, AttributeError) as error:
            raise SpecError([Problem("", f"{value['python']!r} can't be imported: {error}")]) from error
        return found

    def get_path(self, text: str) -> Path:
        """Return a path of the document, which may be relative to its folder."""
        return self._folder / Path(text).expanduser()

    def resolve(self, value: Any) -> Any:
        """Return a copy of JSON with the values of secrets and the objects of Python in it."""
        if is_secret(value):
            return self.get_secret(value)
        if is_python_object(value):
            return self.import_object(value)
        if isinstance(value, Mapping):
            return {key: self.resolve(item) for key, item in value.items()}
        return [self.resolve(item) for item in value] if isinstance(value, list) else value
