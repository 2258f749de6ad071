"""Config lists from an environment variable, a file or a JSON text, with comments and variables."""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar, cast

from ..._secret_string import hide_secrets
from ..._secrets import redact
from .lists import explain_mismatches, filter_config

if TYPE_CHECKING:
    from ...types import ConfigEntry

T = TypeVar("T")

logger = logging.getLogger("autogen.oai.openai_utils")

_STRING_OR_COMMENT = re.compile(r'"(?:[^"\\\n]|\\.)*"|//[^\n]*')
_VARIABLE = re.compile(r"(\$?)\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
_TOKEN = re.compile(r"""("(?:[^"\\]|\\.)*"?|'[^']*'?|[^\s\[\]{}:,"']+)(\s*:)?""")
# Keys whose values may be shown from a line of broken JSON.
_PUBLIC_KEYS = {"model", "api_type", "api_version", "base_url"}
_PLAIN_VALUE = re.compile(r"""["']?[\w./:@+ -]{0,80}["']?""")
_LITERALS = re.compile(r"true|false|null|None|True|False|-?\d{1,6}(\.\d{1,6})?")


class _Source(NamedTuple):
    """A text with a config list, and the beginning of messages about it."""

    text: str
    name: str


class _MissingVariable(NamedTuple):
    """A variable that isn't set, and the key of the value that refers to it."""

    key: str
    variable: str


def config_list_from_json(
    env_or_file: str,
    file_location: str | None = "",
    filter_dict: Mapping[str, object] | None = None,
) -> list[ConfigEntry]:
    """Read a config list.

    Comments begin with `//`. In a value, `${NAME}` is replaced by an environment variable, `${NAME:-text}` by `text` if the
    variable is missing or empty, and `$${` by `${`. So no key has to be in the file. An entry that the filter removes may
    refer to variables that are not set. Keys in the result are strings with a masked `repr`.

    Args:
        env_or_file: The name of an environment variable that holds JSON or the path of a file; if it is not set, the name
            of a file, with or without its `.json`; or the JSON text itself.
        file_location: The directory of that file.
        filter_dict: The accepted values for each key; see `filter_config`. If no entry passes, the list is empty, and a
            warning says why.

    Raises:
        FileNotFoundError: if neither a variable nor a file exists. The text lists where it was looked for.
        json.JSONDecodeError: if the text is not JSON. The text has the position.
        ValueError: if the JSON is not a list of objects, or a variable is not set.

    >>> config_list_from_json('[{"model": "gpt-4o", "api_key": "${MY_KEY:-none}"}, {"model": "b"}]', None, {"model": ["b"]})
    [{'model': 'b'}]
    """
    source = _find_source(os.fspath(env_or_file), file_location)
    raw = _parse(source)
    if not isinstance(raw, list) or not all(isinstance(entry, dict) for entry in raw):
        raise ValueError(f"{source.name} must hold a JSON list of objects, one for each endpoint: [{{...}}, {{...}}]")
    entries: list[dict[str, object]] = []
    missing: list[list[_MissingVariable]] = []
    for raw_entry in raw:
        missing.append([])
        entries.append(_expand_variables(raw_entry, missing[-1]))
    filtered = filter_config(entries, filter_dict)
    # Only now: entries that the filter removes may refer to variables that are not set.
    for number, (entry, variables) in enumerate(zip(entries, missing, strict=True), start=1):
        if variables and any(entry is other for other in filtered):
            raise ValueError(_describe_missing(source, number, entry, variables))
    if filter_dict and entries and not filtered:
        reasons = explain_mismatches(entries, filter_dict)
        logger.warning("%s: no entry passes the filter %s.\n%s", source.name, redact(dict(filter_dict)), reasons)
    return [cast("ConfigEntry", hide_secrets(entry)) for entry in filtered]


def _find_source(env_or_file: str, file_location: str | None) -> _Source:
    value = os.environ.get(env_or_file)
    if value:
        path = Path(value)
        if _is_file(path):
            return _Source(_read(path), f"The file {path} (named by the environment variable {env_or_file})")
        return _Source(value, f"The environment variable {env_or_file}")
    path = Path(file_location or "", env_or_file)
    # The file of exactly that name comes first, then its name with or without `.json`.
    variant = path.with_suffix("") if path.suffix == ".json" else Path(f"{path}.json")
    for candidate in (path, variant):
        if _is_file(candidate):
            return _Source(_read(candidate), f"The file {candidate}")
    # After the variable and the files, because a file may have any name.
    if env_or_file.lstrip().startswith(("[", "{", "//")):
        return _Source(env_or_file, "The given text")
    raise FileNotFoundError(
        f"No config list was found. The environment variable {redact(env_or_file)} is not set, and there is neither a file "
        f"{redact(str(path.absolute()))} nor {variant.name}.{_list_similar_files(path)} OAI_CONFIG_LIST_sample in the "
        "project's repository shows the form."
    )


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        # The "path" may be JSON: too long for a name, or with characters that no name may have.
        return False


def _read(path: Path) -> str:
    data = path.read_bytes()
    try:
        # Editors write a byte order mark, or UTF-16.
        return data.decode(json.detect_encoding(data))
    except UnicodeDecodeError as error:
        raise ValueError(f"The file {path} is not text in UTF-8: {error.reason} at byte {error.start}.") from None


def _list_similar_files(path: Path) -> str:
    try:
        names = sorted(file.name for file in path.parent.iterdir() if file.name.lower().startswith(path.stem.lower()))
    except OSError:
        return f" The directory {path.parent.absolute()} can't be read."
    return f" There is: {', '.join(names[:5])}." if names and path.stem else ""


def _parse(source: _Source) -> object:
    """Parse JSON with comments.

    Raises:
        json.JSONDecodeError: if it is not JSON. Neither its text nor its `doc` has secrets.
    """

    def blank_comment(match: re.Match[str]) -> str:
        return match[0] if match[0].startswith('"') else " " * len(match[0])

    # Comments become blanks, so that positions in errors stay right.
    text = _STRING_OR_COMMENT.sub(blank_comment, source.text.removeprefix("\ufeff"))
    problem, position = "", 0
    try:
        return cast("object", json.loads(text))
    except json.JSONDecodeError as error:
        problem, position = error.msg.removesuffix(" at"), error.pos
    except RecursionError:
        problem = "it is nested too deeply"
    # The exception carries its document along, and this one holds keys. It is also raised outside of the `except` block,
    # because the original exception would be its context.
    masked = re.sub(r"[^\n]", "*", text)
    start = text.rfind("\n", 0, position) + 1
    line = _mask_line(text[start:].partition("\n")[0], position - start)
    is_path = source.name.startswith("The environment") and not text.lstrip().startswith(("[", "{"))
    neither = " (nor the path of a file that exists)" if is_path else ""
    raise json.JSONDecodeError(f"{source.name} is not valid JSON{neither}: {problem} at <here> in {line}", masked, position)


def _mask_line(line: str, column: int) -> str:
    """Return a line of broken JSON with its keys and few of its values: any other value may be a secret."""
    sides, end, last_key = ["", ""], 0, ""
    for match in _TOKEN.finditer(line):
        text, colon = match[1], match[2] or ""
        is_key = colon and re.fullmatch(r"""["']?[A-Za-z_]\w{0,30}["']?""", text)
        is_plain = _LITERALS.fullmatch(text) or (last_key in _PUBLIC_KEYS and _PLAIN_VALUE.fullmatch(text))
        token = (text if is_key or is_plain else '"***"') + colon
        # The error's column may lie between two tokens; it must not move into a masked token.
        cut = min(max(column, end), match.start())
        sides[0] += line[end:cut]
        sides[1] += line[cut : match.start()]
        sides[match.start() >= column] += token
        end, last_key = match.end(), text.strip("\"'") if is_key else ""
    cut = max(column, end)
    before, after = (str(redact(side)) for side in (sides[0] + line[end:cut], sides[1] + line[cut:]))
    return f"{before[-100:]} <here> {after[:100]}".strip()


def _expand_variables(value: T, missing: list[_MissingVariable], key: str = "") -> T:
    """Return a copy of JSON with variables replaced, and add the variables that are not set to `missing`."""
    if isinstance(value, dict):
        items = {name: _expand_variables(item, missing, f"{key}.{name}" if key else name) for name, item in value.items()}
        return cast("T", items)
    if isinstance(value, list):
        return cast("T", [_expand_variables(item, missing, f"{key}[{index}]") for index, item in enumerate(value)])
    if not isinstance(value, str):
        return value

    def expand(match: re.Match[str]) -> str:
        escaped, name, default = match.groups()
        if escaped:
            return match[0][1:]
        variable = os.environ.get(name)
        if default is not None:
            return variable or str(default)
        if variable is None:
            missing.append(_MissingVariable(key, name))
        return match[0] if variable is None else variable

    return cast("T", _VARIABLE.sub(expand, value))


def _describe_missing(source: _Source, number: int, entry: Mapping[str, object], missing: list[_MissingVariable]) -> str:
    needs = ", ".join(f"{key!r} needs {variable}" for key, variable in missing)
    return (
        f"{source.name}, entry {number} ({redact(str(entry.get('model', 'no model')))}): an environment variable is not "
        f"set: {needs}. Set it, or write ${{NAME:-text}} for a default."
    )
