"""The document while it is read or written, as types of components see it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, TypeAlias

JSONObject: TypeAlias = Mapping[str, Any]
"""An object of JSON."""

Config: TypeAlias = dict[str, Any]
"""A config as JSON."""

LiveObject: TypeAlias = Any
"""An object that a part of a document describes: an agent, a condition, a function..."""


class Build(Protocol):
    """The other parts, the secrets and the Python objects of a document whose parts are being made."""

    def get_part(self, value: JSONObject) -> LiveObject:
        """Return the object of a reference or of a component; it is made when it is first needed.

        Args:
            value: The reference or the component, as it is in a config.

        Raises:
            SpecError: if it can't be made, or needs itself.
        """

    def get_parts(self, values: list[Any]) -> list[LiveObject]:
        """Return the objects of several references or components."""

    def get_secret(self, value: JSONObject) -> str:
        """Return the value of a secret.

        Args:
            value: Its name: `{"secret": NAME}`.

        Raises:
            SpecError: if it is missing.
        """

    def import_object(self, value: JSONObject) -> LiveObject:
        """Return an object of Python.

        Args:
            value: Its name: `{"python": "package.module:name"}`.

        Raises:
            SpecError: if it can't be imported.
        """

    def get_path(self, text: str) -> Path:
        """Return a path of the document, which may be relative to its folder."""

    def resolve(self, value: Any) -> Any:
        """Return a copy of JSON with the values of secrets and the objects of Python in it."""


class Writer(Protocol):
    """The document that an object is being written into."""

    def write_part(self, obj: object) -> dict[str, str]:
        """Write an object as a part of its own, once, and return a reference to it."""

    def write_inline(self, obj: object) -> Config:
        """Write an object that nothing else refers to, and return it as a component."""

    def write_shared(self, obj: object, slug: str) -> dict[str, str]:
        """Write an object as a part, or refer to an equal one.

        Args:
            obj: The object.
            slug: Name of the part.
        """

    def write_python(self, obj: Any) -> dict[str, str]:
        """Write the name of a function or another object that can be imported.

        Raises:
            SpecError: if it can't be imported.
        """

    def write_settings(self, settings: JSONObject, owner: str) -> Config:
        """Write settings as JSON: secrets and functions by their names.

        Args:
            settings: The settings.
            owner: Beginning of the names of secrets that have none yet, such as `OPENAI`.
        """
