"""The check of a document: all of its faults at once. Nothing is built or imported because a document names it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from .._mistakes import suggest
from .._secrets import is_secret_name, redact
from ._documents import MAX_PARTS, Document, find_excess, iterate_values, join_pointer
from ._needs import Needs, NeedsCollector
from ._protocols import Config, JSONObject
from ._registry import ComponentType, get_types
from .errors import Problem, SpecError
from .fields import ComponentConfig, is_python_object, is_secret

FORMAT = 1
"""Version of the document itself."""

_KEYS = ("autogen", "name", "description", "start", "parts", "view", "runnable")
_COMPONENT_KEYS = ("type", "version", "config")
_ID = re.compile(r"[a-z][a-z0-9_]{0,31}:[^\s/~:]{1,128}")
_MAX_QUOTED = 60


class CheckedDocument:
    """A document without faults.

    Attributes:
        content: The document in today's versions.
        configs: The configs of its components, by the pointers of the components.
        types: The types of its components, by the same pointers.
    """

    def __init__(self, content: Document) -> None:
        self.content = content
        self.configs: dict[str, ComponentConfig] = {}
        self.types: dict[str, ComponentType] = {}
        # Within a document that was copied once, an object has one pointer.
        self.pointers = {id(value): pointer for pointer, value in iterate_values(content) if isinstance(value, dict)}


def check_spec(doc: JSONObject) -> list[Problem]:
    """Check a document, and return all of its faults: none if it can be built.

    Values that may be secrets are never quoted. The document is not changed.

    Args:
        doc: The document.

    >>> check_spec({"autogen": 1, "parts": {"model:main": {"type": "lm_config"}}})
    [Problem(pointer='/parts/model:main/type', message="unknown type 'lm_config'.", hint="did you mean 'llm_config'?")]
    """
    return check(doc)[1]


def check(doc: JSONObject) -> tuple[CheckedDocument | None, list[Problem]]:
    """Check a document, and return what was read of it, and its faults. With faults of its structure nothing was read."""
    if problems := find_excess(doc):
        return None, problems
    content = _copy(doc)
    problems = list(_check_structure(content))
    if problems:
        return None, problems
    problems = list(_upgrade_all(content))
    checked = CheckedDocument(content)
    checker = _Checker(checked, problems)
    for identifier, part in content["parts"].items():
        if isinstance(part, dict):
            checker.check_component(part, join_pointer("/parts", identifier))
    checker.check_rest()
    return checked, problems


def _copy(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, (list, tuple)) else value


def _check_structure(doc: Document) -> Iterator[Problem]:
    version = doc.get("autogen")
    if type(version) is not int or version < 1:
        yield Problem("/autogen", f"must be the format of the document, {FORMAT}", 'begin with "autogen": 1')
    elif version > FORMAT:
        yield Problem("/autogen", f"has the format {version}, this version reads {FORMAT}", "use a newer version of autogen")
    for key in doc.keys() - set(_KEYS):
        yield Problem(join_pointer("", key), f"unknown key {quote(key)}.", suggest(key, _KEYS).strip().lower())
    for key in ("name", "description"):
        if not isinstance(doc.get(key, ""), str):
            yield Problem(f"/{key}", "must be a text")
    if doc.get("runnable", True) is not True:
        yield Problem("/runnable", "has parts that could not be written, and can't be built")
    parts = doc.get("parts")
    if not isinstance(parts, dict):
        yield Problem("/parts", "must be an object of components by id")
        return
    if len(parts) > MAX_PARTS:
        yield Problem("/parts", f"has {len(parts):,} parts, at most {MAX_PARTS:,} are allowed")
        return
    for identifier, part in parts.items():
        pointer = join_pointer("/parts", identifier)
        if not _ID.fullmatch(identifier):
            yield Problem(pointer, "the id must have the form kind:name, such as agent:writer")
        if not isinstance(part, dict):
            yield Problem(pointer, "must be a component", '{"type": ..., "config": {...}}')
    yield from _check_start(doc.get("start"), parts)


def _check_start(start: object, parts: JSONObject) -> Iterator[Problem]:
    """Check that the entry names parts that are there."""
    if start is None:
        return
    try:
        identifiers = list_start(start)
    except SpecError:
        yield Problem("/start", "must be one kind with the name of a part, or a list of names", '{"chat": "main"}')
        return
    for identifier in identifiers:
        if identifier not in parts:
            yield Problem("/start", f"there is no part {quote(identifier)}.", suggest(identifier, parts).strip().lower())


def list_start(start: object) -> list[str]:
    """Return the ids that `start` names: `{"chat": "main"}` names `chat:main`, a list of names several.

    Raises:
        SpecError: if it has another form.
    """
    if isinstance(start, Mapping) and len(start) == 1:
        [(kind, names)] = start.items()
        names = [names] if isinstance(names, str) else names
        if isinstance(names, list) and all(isinstance(name, str) for name in names):
            return [f"{kind}:{name}" for name in names]
    raise SpecError([Problem("/start", "must be one kind with the name of a part, or a list of names")])


def quote(value: object) -> str:
    """Return a value of a document for a message: short, and without secrets."""
    return repr(str(redact(str(value)))[:_MAX_QUOTED])


def _upgrade_all(doc: Document) -> Iterator[Problem]:
    """Upgrade the parts in place."""
    for identifier, part in doc["parts"].items():
        component_type = get_types().get(part.get("type")) if isinstance(part.get("type"), str) else None
        version, config = part.get("version", 1), part.get("config", {})
        if component_type is None or type(version) is not int or not isinstance(config, dict):
            continue
        if 1 <= version < component_type.version:
            try:
                part["config"], part["version"] = component_type.upgrade(config, version), component_type.version
            except (SpecError, LookupError, TypeError, ValueError) as error:
                yield Problem(join_pointer("/parts", identifier), f"can't be upgraded from version {version}: {error}")


class _Checker:
    """Checks components, and those within them."""

    def __init__(self, checked: CheckedDocument, problems: list[Problem]) -> None:
        self._checked = checked
        self._problems = problems
        self._parts: JSONObject = checked.content["parts"]
        self._types = get_types()

    def check_component(self, component: JSONObject, pointer: str) -> None:
        """Check a component and those within it."""
        for key in component.keys() - set(_COMPONENT_KEYS):
            self._add(join_pointer(pointer, key), f"unknown key {quote(key)}.", suggest(key, _COMPONENT_KEYS))
        name = component.get("type")
        component_type = self._types.get(name) if isinstance(name, str) else None
        if component_type is None:
            hint = suggest(name, self._types) if isinstance(name, str) else f"one of {', '.join(sorted(self._types))}"
            self._add(f"{pointer}/type", f"unknown type {quote(name)}." if name is not None else "is missing", hint)
            return
        version = component.get("version", 1)
        if type(version) is not int or version < 1:
            self._add(f"{pointer}/version", "must be a positive integer")
            return
        if version > component_type.version:
            text = f"has version {version} of {name!r}, this version of autogen reads {component_type.version}"
            self._add(f"{pointer}/version", text, "use a newer version of autogen")
            return
        self._check_config(component.get("config", {}), component_type, pointer)

    def _check_config(self, content: object, component_type: ComponentType, pointer: str) -> None:
        try:
            config = component_type.config_model.model_validate(content, context=self)
        except ValidationError as error:
            for fault in error.errors(include_url=False, include_context=False, include_input=False):
                self._add_fault(fault, component_type, f"{pointer}/config")
            return
        self._checked.configs[pointer] = config
        self._checked.types[pointer] = component_type

    def _add_fault(self, fault: Any, component_type: ComponentType, pointer: str) -> None:
        at = join_pointer(pointer, *fault["loc"])
        if fault["type"] == "extra_forbidden":
            key = str(fault["loc"][-1])
            # Of nested models the names of the keys are not at hand.
            known = component_type.config_model.model_fields if len(fault["loc"]) == 1 else ()
            self._add(at, f"unknown key {quote(key)}.", suggest(key, known))
            return
        message = str(fault["msg"]).removeprefix("Value error, ")
        self._add(at, "is missing" if fault["type"] == "missing" else message[:1].lower() + message[1:])

    def visit_part(self, value: JSONObject, kinds: tuple[str, ...]) -> None:
        """Check a component that a config refers to, or has within it.

        Raises:
            ValueError: if the reference leads nowhere, or to a part of another kind.
        """
        if "ref" not in value:
            self._require_kind(value.get("type"), kinds)
            self.check_component(value, self._checked.pointers.get(id(value), ""))
            return
        if set(value) != {"ref"} or not isinstance(value["ref"], str):
            raise ValueError('A reference has one key: {"ref": ID}.')
        target = self._parts.get(value["ref"])
        if not isinstance(target, dict):
            raise ValueError(f"There is no part {quote(value['ref'])}.{suggest(value['ref'], self._parts)}")
        self._require_kind(target.get("type"), kinds)

    def _require_kind(self, name: object, kinds: tuple[str, ...]) -> None:
        component_type = self._types.get(name) if isinstance(name, str) else None
        # An unknown type is a fault of its own.
        if component_type is not None and component_type.kind not in kinds:
            wanted = " or ".join(kinds)
            raise ValueError(f"Must be of the kind {wanted}, {component_type.name!r} is of the kind {component_type.kind}.")

    def check_rest(self) -> None:
        """Check that no secret stands in the document in clear."""
        for pointer, value in iterate_values(self._checked.content["parts"], "/parts"):
            if not isinstance(value, dict) or is_secret(value):
                continue
            for key, item in value.items():
                # Settings such as headers are secret as a whole; names of secrets may stand within them.
                texts = item.values() if isinstance(item, dict) and not is_secret(item) else [item]
                if is_secret_name(key) and any(isinstance(text, str) and text for text in texts):
                    hint = f'put the value into a secret: "{key}": {{"secret": "NAME"}}'
                    self._add(join_pointer(pointer, key), "is a secret, and stands in the document in clear", hint)

    def _add(self, pointer: str, message: str, hint: str = "") -> None:
        hint = hint.strip()
        problem = Problem(pointer, message, hint[:1].lower() + hint[1:])
        if problem not in self._problems:
            self._problems.append(problem)


def needs(doc: JSONObject) -> Needs:
    """Return what a document wants of the machine that builds it. Nothing is built, imported or looked up.

    Raises:
        SpecError: if the document has faults.
    """
    checked, problems = check(doc)
    if checked is None or problems:
        raise SpecError(problems)
    return collect_needs(checked)


def collect_needs(checked: CheckedDocument) -> Needs:
    """Return what a checked document wants."""
    collector = NeedsCollector()
    for _, value in iterate_values(checked.content["parts"]):
        if is_secret(value):
            collector.add("secrets", value["secret"])  # type: ignore[index]
        elif is_python_object(value):
            collector.add("modules", value["python"].partition(":")[0])  # type: ignore[index]
    for pointer, config in checked.configs.items():
        checked.types[pointer].collect_needs(config, collector)
    return collector.get_needs()


def upgrade(doc: JSONObject) -> Document:
    """Return a document with its parts in today's versions. The document itself is not changed.

    Raises:
        SpecError: if it has faults.
    """
    checked, problems = check(doc)
    if checked is None or problems:
        raise SpecError(problems)
    return checked.content


def schema(kind: str | None = None) -> Config:
    """Return the JSON Schema (2020-12) of documents, for editors.

    Args:
        kind: Only parts of this kind are allowed.
    """
    types = [each for each in get_types().values() if kind in (None, each.kind)]
    definitions = {}
    for each in types:
        config = each.config_model.model_json_schema()
        definitions.update(config.pop("$defs", {}))
        definitions[each.name] = {
            "type": "object",
            "description": each.description,
            "properties": {"type": {"const": each.name}, "version": {"type": "integer", "minimum": 1}, "config": config},
            "required": ["type"],
            "additionalProperties": False,
        }
    component = {"oneOf": [{"$ref": f"#/$defs/{each.name}"} for each in types]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A document of agents",
        "type": "object",
        "properties": {
            "autogen": {"const": FORMAT},
            "name": {"type": "string"},
            "description": {"type": "string"},
            "start": {"type": "object", "minProperties": 1, "maxProperties": 1},
            "parts": {"type": "object", "additionalProperties": component, "maxProperties": MAX_PARTS},
            "view": {"type": "object"},
            "runnable": {"type": "boolean"},
        },
        "required": ["autogen", "parts"],
        "additionalProperties": False,
        "$defs": definitions,
    }
