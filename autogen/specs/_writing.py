"""Writing objects as documents."""

from __future__ import annotations

import importlib
import inspect
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from .._secrets import is_secret_name
from .._steps import get_callable_name
from ._checking import FORMAT
from ._documents import Document, canonicalize, make_id
from ._protocols import Config, JSONObject, LiveObject
from ._registry import ComponentType, find_type_of
from ._secret_names import find_name
from .errors import Problem, SpecError


def to_spec(
    obj: object, *, opaque: Literal["error", "mark"] = "error", name: str | None = None, description: str | None = None
) -> Document:
    """Write an agent, a manager or a list of them, a chat, a condition, a config or an executor as a document.

    Secrets are written by name: that of the document they came from, or of the environment variable that has the value.

    Args:
        obj: The object.
        opaque: `error` to raise an error for what a document can't hold; `mark` to write a placeholder, and
            `runnable: false` into the document.
        name: Name of the document.
        description: Purpose of the document.

    Raises:
        SpecError: if something can't be written; its problems name everything.

    >>> save(to_spec(manager), "writers.yaml")  # doctest: +SKIP
    """
    writer = DocumentWriter()
    # A queue of chats is a list, too, and one part.
    is_list = isinstance(obj, (list, tuple)) and find_type_of(obj) is None
    objects: Sequence[object] = obj if is_list and isinstance(obj, (list, tuple)) else [obj]
    ids = [writer.write_part(each)["ref"] for each in objects]
    writer.write_pending()
    if writer.problems and opaque == "error":
        raise SpecError(writer.problems)
    kinds = {identifier.partition(":")[0] for identifier in ids}
    doc: Document = {"autogen": FORMAT, "parts": writer.parts}
    doc |= {key: value for key, value in (("name", name), ("description", description)) if value is not None}
    if len(kinds) == 1:
        names = [identifier.partition(":")[2] for identifier in ids]
        doc["start"] = {kinds.pop(): names if is_list else names[0]}
    if writer.problems:
        doc["runnable"] = False
    loaded: Document = json.loads(canonicalize(doc))
    return loaded


class DocumentWriter:
    """The parts of a document while they are written. Types of components get it.

    Attributes:
        parts: Parts by id.
        problems: What could not be written.
    """

    def __init__(self) -> None:
        self.parts: Config = {}
        self.problems: list[Problem] = []
        # Objects by id, kept alive so that the id is not used again.
        self._written: dict[int, tuple[object, str]] = {}
        self._equal: dict[str, str] = {}
        self._pending: list[tuple[str, object, ComponentType]] = []

    def write_part(self, obj: object) -> dict[str, str]:
        """Write an object as a part of its own, once, and return a reference to it."""
        if id(obj) in self._written:
            return {"ref": self._written[id(obj)][1]}
        component_type = find_type_of(obj)
        if component_type is None:
            identifier = self._make_id("foreign", type(obj).__name__)
            self.parts[identifier] = {"type": type(obj).__name__, "config": {}}
            self._add_unwritable(obj, f"/parts/{identifier}")
        else:
            identifier = self._make_id(component_type.kind, _get_slug(obj, component_type))
            # It keeps its position in the document while others are written.
            self.parts[identifier] = {}
            self._pending.append((identifier, obj, component_type))
        self._written[id(obj)] = obj, identifier
        return {"ref": identifier}

    def write_pending(self) -> None:
        """Write the configs of the parts, and of those that they refer to."""
        while self._pending:
            identifier, obj, component_type = self._pending.pop(0)
            self.parts[identifier] = self._write_component(obj, component_type, f"/parts/{identifier}")

    def write_inline(self, obj: object) -> Config:
        """Write an object that nothing else refers to within the config that is being written."""
        component_type = find_type_of(obj)
        if component_type is None:
            self._add_unwritable(obj, "")
            return {"type": type(obj).__name__, "config": {}}
        return self._write_component(obj, component_type, "")

    def write_shared(self, obj: object, slug: str) -> dict[str, str]:
        """Write an object as a part, or refer to an equal one: agents have equal copies of one config."""
        component_type = find_type_of(obj)
        if component_type is None:
            return self.write_part(obj)
        written = self._write_component(obj, component_type, "")
        content = canonicalize(written)
        if content not in self._equal:
            self._equal[content] = self._make_id(component_type.kind, slug)
            self.parts[self._equal[content]] = written
        return {"ref": self._equal[content]}

    def _write_component(self, obj: object, component_type: ComponentType, pointer: str) -> Config:
        try:
            config = component_type.write(obj, self)
        except SpecError as error:
            self.problems += [
                Problem(pointer + problem.pointer, problem.message, problem.hint) for problem in error.problems
            ]
            config = {}
        return {"type": component_type.name, "version": component_type.version, "config": config}

    def write_python(self, obj: LiveObject) -> dict[str, str]:
        """Write the name of a function or another object that can be imported.

        Raises:
            SpecError: if it can't.
        """
        module, name = getattr(obj, "__module__", None), getattr(obj, "__qualname__", None)
        found: Any = None
        if isinstance(module, str) and isinstance(name, str) and module != "__main__" and "<" not in name:
            try:
                found = importlib.import_module(module)
                for attribute in name.split("."):
                    found = getattr(found, attribute)
            except (ImportError, AttributeError):
                found = None
        # A decorator may have wrapped the one, or the other.
        if found is None or inspect.unwrap(found) is not inspect.unwrap(obj):
            text = f"{get_callable_name(obj)!r} can't be written: no module has it under its name"
            raise SpecError([Problem("", text, "define it at the top of a module that can be imported")])
        return {"python": f"{module}:{name}"}

    def write_settings(self, settings: JSONObject, owner: str) -> Config:
        """Write settings as JSON: values under a secret name as names of secrets, functions by their names.

        Args:
            settings: The settings.
            owner: Beginning of the names of secrets that have none yet, such as `OPENAI`.
        """
        return {key: self._write_value(key, value, owner) for key, value in settings.items()}

    def _write_value(self, key: str, value: Any, owner: str) -> Any:
        if isinstance(value, Mapping):
            if is_secret_name(key):
                return {name: self._write_secret(name, text, owner) for name, text in value.items()}
            return self.write_settings(value, owner)
        if isinstance(value, (list, tuple)):
            return [self._write_value(key, item, owner) for item in value]
        if is_secret_name(key) and isinstance(value, str) and value:
            return self._write_secret(key, value, owner)
        if value is None or isinstance(value, (str, int, float, bool)):
            return str(value) if isinstance(value, str) else value
        try:
            return self.write_python(value)
        except SpecError:
            text = f"{key!r} can't be written: it is a {type(value).__name__}"
            self.problems.append(Problem("", text, "leave it out, or pass it as a resource when the document is built"))
            return None

    def _write_secret(self, key: str, value: str, owner: str) -> dict[str, str]:
        default = re.sub(r"\W", "_", f"{owner}_{key}").upper()
        return {"secret": find_name(str(value), default)}

    def _make_id(self, kind: str, slug: str) -> str:
        identifier = make_id(kind, slug, self.parts)
        self.parts[identifier] = {}
        return identifier

    def _add_unwritable(self, obj: object, pointer: str) -> None:
        cls = type(obj)
        hint = (
            f'to make it a component put @component("{cls.__name__.lower()}", kind=...) above the class, and give it'
            " to_config(self) -> dict and a class method from_config(cls, config, build)"
        )
        self.problems.append(Problem(pointer, f"{cls.__module__}.{cls.__qualname__} is not a component", hint))


def _get_slug(obj: object, component_type: ComponentType) -> str:
    name = getattr(obj, "name", None)
    return name if isinstance(name, str) and name else component_type.name
