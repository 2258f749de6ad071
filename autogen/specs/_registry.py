"""The types of components: how a config becomes an object, and an object a config."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from ._origins import find_config
from ._protocols import Build, Config, JSONObject, LiveObject, Writer
from .errors import Problem, SpecError
from .fields import ComponentConfig

if TYPE_CHECKING:
    from ._needs import NeedsCollector

T = TypeVar("T", bound=type)

# The components of this package: imported when the registry is first read. A document names none of them by module.
_SHIPPED = "autogen._components"


class ComponentType(ABC):
    """A type of components.

    Attributes:
        name: Name in documents, such as `assistant`.
        kind: What it is: `model`, `agent`, `chat`, `condition`, `executor`, `tool`, `context` or another word.
        version: Version of its config.
        target: Class of its objects as `module:Class`; empty for objects that `matches` recognises.
        config_model: Schema of its config.
        label: Name for people.
        description: One sentence for people.
        example: A config.
    """

    name: str
    kind: str
    version: int = 1
    target: str = ""
    config_model: type[ComponentConfig]
    label: str = ""
    description: str = ""
    example: JSONObject = MappingProxyType({})

    def matches(self, obj: object) -> bool:
        """Return True for an object that is written as this type: by default one of exactly the class `target`."""
        return f"{type(obj).__module__}:{type(obj).__qualname__}" == self.target

    @abstractmethod
    def make(self, config: Any, build: Build) -> LiveObject:
        """Make the object. Components that it needs while it is made are those of `build.get_part`.

        Args:
            config: The config as an object of `config_model`.
            build: The other parts, secrets and Python objects of the document.
        """

    def connect(self, obj: LiveObject, config: Any, build: Build) -> None:  # noqa: B027
        """Connect an object to others after all have been made. Components may refer to each other in circles here."""

    @abstractmethod
    def write(self, obj: LiveObject, writer: Writer) -> Config:
        """Return the config of an object.

        Raises:
            SpecError: if a config can't hold it.
        """

    def collect_needs(self, config: Any, needs: NeedsCollector) -> None:  # noqa: B027
        """Note what the component wants of this machine, besides secrets and Python objects, which are seen anyway."""

    def get_upgrade(self, version: int) -> Callable[[Config], Config] | None:
        """Return the method `upgrade_from_<version>`; None if there is none."""
        step: Callable[[Config], Config] | None = getattr(self, f"upgrade_from_{version}", None)
        return step

    def upgrade(self, config: Config, version: int) -> Config:
        """Return an older config in the form of today, by the methods `upgrade_from_1`, `upgrade_from_2`...

        Args:
            config: The config.
            version: Its version.

        Raises:
            SpecError: if a version has no such method.
        """
        for number in range(version, self.version):
            step = self.get_upgrade(number)
            if step is None:
                raise SpecError(f"{self.name!r} can't be upgraded from version {number}.")
            config = step(dict(config))
        return config


class KeptComponentType(ComponentType):
    """A type whose objects can't be asked for their settings: those of documents are written as they were built."""

    def write(self, obj: LiveObject, writer: Writer) -> Config:
        """Return the config that the object was built from.

        Raises:
            SpecError: if it was not built from a document.
        """
        config = find_config(obj)
        if config is None:
            hint = f"describe it in the document as {self.name!r}, and build it from there"
            raise SpecError([Problem("", f"a {self.label} that a program made can't be written", hint)])
        return dict(config)


class _ClassComponent(ComponentType):
    """The type of a class of a program, which reads and writes its config itself."""

    def __init__(self, cls: type, name: str, kind: str, version: int, config_model: type[ComponentConfig]) -> None:
        self.name, self.kind, self.version = name, kind, version
        self.config_model = config_model
        self.label = cls.__name__
        self.description = (cls.__doc__ or "").strip().split("\n")[0]
        self._class: Any = cls

    def matches(self, obj: object) -> bool:
        return type(obj) is self._class

    def make(self, config: ComponentConfig, build: Build) -> LiveObject:
        return self._class.from_config(config, build)

    def write(self, obj: LiveObject, writer: Writer) -> Config:
        return dict(obj.to_config())

    def get_upgrade(self, version: int) -> Callable[[Config], Config] | None:
        step: Callable[[Config], Config] | None = getattr(self._class, f"upgrade_from_{version}", None)
        return step


@dataclass(frozen=True)
class ComponentInfo:
    """A type of components, for editors.

    Attributes:
        name: Name in documents.
        kind: What it is.
        version: Version of its config.
        label: Name for people.
        description: One sentence for people.
        schema: JSON schema of its config.
        example: A config.
    """

    name: str
    kind: str
    version: int
    label: str
    description: str
    schema: dict[str, Any] = field(repr=False)
    example: JSONObject = field(repr=False)


_types: dict[str, ComponentType] = {}


def register_type(component_type: ComponentType) -> None:
    """Register a type of components.

    Raises:
        ValueError: if another type has its name.
    """
    known = _types.get(component_type.name)
    if known is not None and known is not component_type:
        raise ValueError(f"There is another type of components with the name {component_type.name!r}.")
    _types[component_type.name] = component_type


def component(
    name: str, *, kind: str, version: int = 1, config: type[ComponentConfig] = ComponentConfig
) -> Callable[[T], T]:
    """Make a class writable as a component of documents.

    The class needs `to_config(self) -> dict`, and a class method `from_config(cls, config, build)`. Upgrades of earlier
    versions are static methods `upgrade_from_1(config)`, `upgrade_from_2(config)`...

    Args:
        name: Name in documents. That of an extension begins with its own name and a dot.
        kind: What it is: `agent`, `tool`, `condition` or another word.
        version: Version of the config.
        config: Schema of the config.

    Raises:
        TypeError: if the class lacks a method.
        ValueError: if another type has the name.

    >>> @component("acme.greeter", kind="greeter")  # doctest: +SKIP
    ... class Greeter: ...
    """

    def register(cls: T) -> T:
        for method in ("to_config", "from_config"):
            if not callable(getattr(cls, method, None)):
                raise TypeError(f"A component needs a method {method!r}: {cls.__name__} has none.")
        register_type(_ClassComponent(cls, name, kind, version, config))
        return cls

    return register


@cache
def _load_shipped_types() -> None:
    importlib.import_module(_SHIPPED)


def get_types() -> Mapping[str, ComponentType]:
    """Return the registered types by name."""
    _load_shipped_types()
    return _types


def find_type_of(obj: object) -> ComponentType | None:
    """Return the type that an object is written as; None if it has none."""
    return next((each for each in get_types().values() if each.matches(obj)), None)


def components(kind: str | None = None) -> list[ComponentInfo]:
    """Return what documents may consist of, sorted by kind and name.

    Args:
        kind: Only those of this kind.
    """
    infos = [
        ComponentInfo(
            each.name,
            each.kind,
            each.version,
            each.label or each.name,
            each.description,
            each.config_model.model_json_schema(),
            each.example,
        )
        for each in get_types().values()
        if kind in (None, each.kind)
    ]
    return sorted(infos, key=lambda info: (info.kind, info.name))
