"""Where config lists are read from: an environment variable, a file, or text; with comments and variables in it."""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..._secret_text import with_secrets_hidden
from ..._secrets import redact
from .lists import filter_config, explain_mismatches

logger = logging.getLogger("autogen.oai.openai_utils")

_STRING_OR_COMMENT = re.compile(r'"(?:[^"\\\n]|\\.)*"|//[^\n]*')
_VARIABLE = re.compile(r"(\$?)\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
_TOKEN = re.compile(r"""("(?:[^"\\]|\\.)*"?|'[^']*'?|[^\s\[\]{}:,"']+)(\s*:)?""")
_SHOWN_VALUES = {"model", "api_type", "api_version", "base_url"}  # of a line that is no JSON
_PLAIN_VALUE = re.compile(r"""["']?[\w./:@+ -]{0,80}["']?""")
_LITERALS = re.compile(r"true|false|null|None|True|False|-?\d{1,6}(\.\d{1,6})?")


class _Source(NamedTuple):
    text: str
    name: str  # as a message begins with it


def config_list_from_json(
    env_or_file: str,
    file_location: str | None = "",
    filter_dict: Mapping[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """Read a config list.

    Comments begin with `//`. In a value, `${NAME}` stands for an environment variable, `${NAME:-text}` for one that may be
    missing or empty, and `$${` for `${` itself. So no key has to be in the file. An entry that the filter removes may name
    variables that are not set. Keys in the result are strings whose `repr` hides them.

    Args:
        env_or_file: The name of an environment variable that holds JSON or the path of a file; if it is not set, the name
            of a file, with or without its `.json`; or JSON itself.
        file_location: The folder of that file.
        filter_dict: See `filter_config`. If it leaves nothing, that is logged, and the list is empty.

    Raises:
        FileNotFoundError: There is no such thing. The text says where was looked.
        json.JSONDecodeError: It is not JSON. The text says where.
        ValueError: It is no list of dicts, or a variable in it is not set.

    >>> config_list_from_json('[{"model": "gpt-4o", "api_key": "${MY_KEY:-none}"}, {"model": "b"}]', None, {"model": ["b"]})
    [{'model': 'b'}]
    """
    source = _found(os.fspath(env_or_file), file_location)
    entries = _parsed(source)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ValueError(f"{source.name} must hold a JSON list of objects, one for each endpoint: [{{...}}, {{...}}]")
    read = [_filled_in(entry) for entry in entries]
    kept = filter_config([entry for entry, _ in read], filter_dict)
    for number, (entry, missing) in enumerate(read, start=1):
        if missing and any(entry is one for one in kept):
            raise ValueError(_told_missing(source, number, entry, missing))
    if filter_dict and entries and not kept:
        reasons = explain_mismatches([entry for entry, _ in read], filter_dict)
        logger.warning("%s: no entry passes the filter %s.\n%s", source.name, redact(dict(filter_dict)), reasons)
    return [with_secrets_hidden(entry) for entry in kept]


def _found(env_or_file: str, file_location: str | None) -> _Source:
    value = os.environ.get(env_or_file)
    if value:
        path = Path(value)
        if _is_file(path):
            return _Source(_decoded(path), f"The file {path} (named by the environment variable {env_or_file})")
        return _Source(value, f"The environment variable {env_or_file}")
    path = Path(file_location or "", env_or_file)
    other = path.with_suffix("") if path.suffix == ".json" else Path(f"{path}.json")
    for candidate in (path, other):
        if _is_file(candidate):
            return _Source(_decoded(candidate), f"The file {candidate}")
    if env_or_file.lstrip().startswith(("[", "{", "//")):
        return _Source(env_or_file, "The given text")
    raise FileNotFoundError(
        f"No config list was found. The environment variable {redact(env_or_file)} is not set, and there is neither a file "
        f"{redact(str(path.absolute()))} nor {other.name}.{_near(path)} OAI_CONFIG_LIST_sample in the project's repository "
        "shows the form."
    )


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # JSON can be too long for a name, or hold what no name may
        return False


def _decoded(path: Path) -> str:
    data = path.read_bytes()
    try:
        return data.decode(json.detect_encoding(data))  # editors write a byte order mark, or UTF-16
    except UnicodeDecodeError as error:
        raise ValueError(f"The file {path} is not text in UTF-8: {error.reason} at byte {error.start}.") from None


def _near(path: Path) -> str:
    """Files that may be the one that was meant."""
    try:
        names = sorted(one.name for one in path.parent.iterdir() if one.name.lower().startswith(path.stem.lower()))
    except OSError:
        return f" The folder {path.parent.absolute()} can't be read."
    return f" There is: {', '.join(names[:5])}." if names and path.stem else ""


def _parsed(source: _Source) -> Any:
    def without_comment(match: re.Match[str]) -> str:
        return match[0] if match[0].startswith('"') else " " * len(match[0])

    text = _STRING_OR_COMMENT.sub(without_comment, source.text.removeprefix("\ufeff"))
    problem, place = "", 0
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        problem, place = error.msg.removesuffix(" at"), error.pos
    except RecursionError:
        problem = "it is nested too deeply"
    hidden = re.sub(r"[^\n]", "*", text)  # errors carry their document along, and this one has keys in it
    start = text.rfind("\n", 0, place) + 1
    line = _shown(text[start:].partition("\n")[0], place - start)
    is_path = source.name.startswith("The environment") and not text.lstrip().startswith(("[", "{"))
    neither = " (nor the path of a file that exists)" if is_path else ""
    raise json.JSONDecodeError(f"{source.name} is not valid JSON{neither}: {problem} at <here> in {line}", hidden, place)


def _shown(line: str, column: int) -> str:
    """A line of broken JSON with its keys, and few of its values: in what is broken, anything may be a secret."""
    sides, end, last_key = ["", ""], 0, ""
    for match in _TOKEN.finditer(line):
        text, colon = match[1], match[2] or ""
        is_key = colon and re.fullmatch(r"""["']?[A-Za-z_]\w{0,30}["']?""", text)
        is_plain = _LITERALS.fullmatch(text) or (last_key in _SHOWN_VALUES and _PLAIN_VALUE.fullmatch(text))
        piece = (text if is_key or is_plain else '"***"') + colon
        cut = min(max(column, end), match.start())
        sides[0] += line[end:cut]
        sides[1] += line[cut : match.start()]
        sides[match.start() >= column] += piece
        end, last_key = match.end(), text.strip("\"'") if is_key else ""
    cut = max(column, end)
    before, after = (str(redact(side)) for side in (sides[0] + line[end:cut], sides[1] + line[cut:]))
    return f"{before[-100:]} <here> {after[:100]}".strip()


def _filled_in(entry: dict[str, Any]) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """An entry with its variables replaced, and those that are not set: (key, variable)."""
    missing: list[tuple[str, str]] = []

    def filled(value: Any, key: str) -> Any:
        if isinstance(value, dict):
            return {name: filled(item, f"{key}.{name}" if key else name) for name, item in value.items()}
        if isinstance(value, list):
            return [filled(item, f"{key}[{index}]") for index, item in enumerate(value)]
        return _VARIABLE.sub(lambda match: replaced(match, key), value) if isinstance(value, str) else value

    def replaced(match: re.Match[str], key: str) -> str:
        escaped, name, default = match.groups()
        if escaped:
            return match[0][1:]
        value = os.environ.get(name)
        if default is not None:
            return value or str(default)
        if value is None:
            missing.append((key, name))
        return match[0] if value is None else value

    return filled(entry, ""), missing


def _told_missing(source: _Source, number: int, entry: dict[str, Any], missing: list[tuple[str, str]]) -> str:
    what = ", ".join(f"{key!r} needs {name}" for key, name in missing)
    return (
        f"{source.name}, entry {number} ({redact(str(entry.get('model', 'no model')))}): an environment variable is not "
        f"set: {what}. Set it, or write ${{NAME:-text}} for a value to fall back to."
    )
