"""Documents as text: limits, JSON and YAML, the canonical form and the digest."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections.abc import Container, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from .._extras import require
from .._folders import replace_file
from .errors import Problem, SpecError

Document: TypeAlias = dict[str, Any]

MAX_BYTES = 2_000_000
MAX_DEPTH = 40
MAX_PARTS = 2_000
# A document of two megabytes has fewer values. Aliases of YAML make a small file as large as this.
_MAX_VALUES = 500_000
# Up to here floats are exact integers.
_MAX_EXACT = 2**53
_NO_SLUG = re.compile(r"[\s/~:]+")
_YAML_SUFFIXES = (".yaml", ".yml")


def load(path: str | os.PathLike[str]) -> Document:
    """Load a document from a file: YAML by its suffix, else JSON.

    It is not checked; see `check_spec`.

    Raises:
        OSError: if the file can't be read.
        SpecError: if it is too large, or not the text of an object.
    """
    path = Path(path)
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise SpecError(f"{path.name} has more than {MAX_BYTES:,} bytes.")
    return parse(data, is_yaml=path.suffix.lower() in _YAML_SUFFIXES, name=path.name)


def parse(data: bytes, *, is_yaml: bool = False, name: str = "The document") -> Document:
    """Parse a document.

    Args:
        data: The text in UTF-8.
        is_yaml: True for YAML, False for JSON.
        name: Name of the document in messages.

    Raises:
        SpecError: if it is not the text of an object, or exceeds a limit.
    """
    try:
        text = data.decode("utf-8-sig")
        content = _parse_yaml(text) if is_yaml else json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise SpecError(f"{name} is nested too deeply: at most {MAX_DEPTH} levels are allowed.") from None
    except ValueError as error:
        raise SpecError(f"{name} can't be read: {error}") from None
    if problems := find_excess(content):
        raise SpecError(problems)
    return dict(content)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number of JSON")


def _parse_yaml(text: str) -> Any:
    yaml = require("yaml", extra="specs", feature="A document in YAML")

    # Dates would become objects that JSON doesn't have, and `<<` merges mappings: neither has a meaning in a document.
    class Loader(yaml.SafeLoader):  # type: ignore[misc, name-defined]
        yaml_implicit_resolvers = {
            first: [(tag, pattern) for tag, pattern in resolvers if tag.rpartition(":")[2] not in ("timestamp", "merge")]
            for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
        }

    try:
        return yaml.load(text, Loader)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None


def find_excess(content: object) -> list[Problem]:
    """Return the limits that a document exceeds, and values that JSON doesn't have. Nothing of it is copied.

    Args:
        content: The document, as it was parsed or made by a program.
    """
    if not isinstance(content, Mapping):
        return [Problem("", f"must be an object, got {type(content).__name__}")]
    problems: list[Problem] = []
    # Each occurrence of a value counts: a mapping of YAML that refers to itself, or to others many times, ends here.
    stack: list[tuple[str, object, int]] = [("", content, 0)]
    count = 0
    while stack and not problems:
        pointer, value, depth = stack.pop()
        count += 1
        if depth > MAX_DEPTH:
            problems.append(Problem(pointer, f"is nested too deeply: at most {MAX_DEPTH} levels are allowed"))
        elif count > _MAX_VALUES:
            problems.append(Problem("", f"has more than {_MAX_VALUES:,} values"))
        elif isinstance(value, Mapping):
            if not all(isinstance(key, str) for key in value):
                problems.append(Problem(pointer, "has a key that is not a text"))
            else:
                stack += [(join_pointer(pointer, key), item, depth + 1) for key, item in value.items()]
        elif isinstance(value, (list, tuple)):
            stack += [(f"{pointer}/{index}", item, depth + 1) for index, item in enumerate(value)]
        elif isinstance(value, float) and not math.isfinite(value):
            problems.append(Problem(pointer, "must be a finite number"))
        elif not isinstance(value, (str, int, float, bool, type(None))):
            problems.append(Problem(pointer, f"is a {type(value).__name__}, which JSON doesn't have"))
    return problems


def join_pointer(pointer: str, *steps: str | int) -> str:
    """Append steps to a JSON pointer.

    >>> join_pointer("/parts", "model:a/b", 0)
    '/parts/model:a~1b/0'
    """
    return pointer + "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


def make_id(kind: str, slug: str, taken: Container[str]) -> str:
    """Return a new id for a part: `agent:writer`, `agent:writer-2`...

    Args:
        kind: Kind of the part.
        slug: Name of the part; characters that ids don't have are replaced.
        taken: The ids that there are.
    """
    base = f"{kind}:{_NO_SLUG.sub('-', slug)[:100] or 'main'}"
    identifier, number = base, 1
    while identifier in taken:
        number += 1
        identifier = f"{base}-{number}"
    return identifier


def iterate_values(value: object, pointer: str = "") -> Iterator[tuple[str, object]]:
    """Yield each value within a document with its pointer, itself first."""
    yield pointer, value
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from iterate_values(item, join_pointer(pointer, key))
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from iterate_values(item, f"{pointer}/{index}")


def canonicalize(doc: Mapping[str, Any]) -> str:
    """Return a document as canonical JSON: sorted keys, two spaces of indentation, a line feed at the end.

    Documents that mean the same have the same canonical form.

    Raises:
        SpecError: if JSON can't hold it, or it exceeds a limit.
    """
    if problems := find_excess(doc):
        raise SpecError(problems)
    return json.dumps(_shorten_numbers(doc), indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def _shorten_numbers(value: Any) -> Any:
    """Return a copy of JSON in which whole numbers are integers: 3.0 and 3 are one number there."""
    if isinstance(value, Mapping):
        return {key: _shorten_numbers(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_shorten_numbers(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < _MAX_EXACT else value


def digest(doc: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a document as hexadecimal digits. Positions in an editor (`view`) don't count.

    Raises:
        SpecError: as for `canonicalize`.
    """
    content = canonicalize({key: value for key, value in doc.items() if key != "view"})
    return hashlib.sha256(content.encode()).hexdigest()


def save_text(text: str, path: Path) -> None:
    """Write a file whole or not at all."""
    with replace_file(path, mode=0o644) as file:
        file.write(text.encode())


def dump(doc: Mapping[str, Any], path: Path) -> str:
    """Return a document as text in the form that the suffix of a path names.

    Raises:
        SpecError: as for `canonicalize`.
    """
    text = canonicalize(doc)
    if path.suffix.lower() not in _YAML_SUFFIXES:
        return text
    yaml = require("yaml", extra="specs", feature="A document in YAML")
    dumped: str = yaml.safe_dump(json.loads(text), sort_keys=True, allow_unicode=True, width=120)
    return dumped
