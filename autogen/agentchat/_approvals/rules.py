"""`Rules`: approvals by the tool and its arguments, from a file or a list. Nothing in them is evaluated as code."""

from __future__ import annotations

import json
import operator
import os
import posixpath
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..._folders import replace_file
from ..._mistakes import suggest, trim_stop
from ..._steps import Steps, invoke, run_sync, sync_and_async
from .._guardrails.checks import GuardedCall
from .policy import Ask

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_THEN = ("allow", "deny", "ask")
_KEYS = ("tool", "when", "then", "why")
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
    "==": operator.eq,
    "!=": operator.ne,
}
_CONDITION = re.compile(r"\s*([A-Za-z_]\w*(?:\.\w+)*)\s*(<=|>=|==|!=|!~|<|>|~)\s*(.+?)\s*", re.DOTALL)


class _Condition(NamedTuple):
    """A comparison of an argument. It does not hold for an argument that is missing, or of another type.

    Attributes:
        path: Name of the argument, and keys within it.
        operator: The sign.
        value: The value on the right; for globs the compiled pattern.
    """

    path: tuple[str, ...]
    operator: str
    value: Any

    def holds(self, arguments: Mapping[str, Any]) -> bool:
        value: Any = arguments
        for key in self.path:
            if not isinstance(value, Mapping) or key not in value:
                return False
            value = value[key]
        if self.operator in ("~", "!~"):
            return isinstance(value, str) and bool(self.value.fullmatch(_normalize(value))) is (self.operator == "~")
        # A bool is an int for Python, and 1 == True.
        if not isinstance(value, type(self.value)) and not (_is_number(value) and _is_number(self.value)):
            return False
        return isinstance(value, bool) is isinstance(self.value, bool) and _COMPARISONS[self.operator](value, self.value)


class _Rule(NamedTuple):
    """A rule: the first whose tool and conditions fit decides.

    Attributes:
        tool: Pattern of the tool's name.
        when: Conditions, which must all hold.
        then: `allow`, `deny` or `ask`.
        why: Words for the model that is denied a call, or for the human who is asked.
    """

    tool: re.Pattern[str]
    when: tuple[_Condition, ...]
    then: str
    why: str

    def fits(self, call: GuardedCall) -> bool:
        return self.tool.fullmatch(call.name) is not None and all(item.holds(call.arguments) for item in self.when)


class Rules:
    """Rules about tool calls, from a TOML file with tables `[[rule]]`, or from a list of dicts.

    A rule has a `tool` (a name or a glob; all tools if missing), `when` (a comparison or a list of these, which must all
    hold), `then` (`allow`, `deny` or `ask`) and `why`. The first rule that fits decides; where none fits, a human is asked.

    A comparison is `amount <= 50` with one of `<= >= < > == !=`, or `path ~ "work/**"` with a glob, and `!~` for texts that
    don't match. `*` matches within a folder, `**` at any depth; `..` in a path is resolved first. A comparison does not
    hold if the argument is missing or has another type.

    Args:
        source: The file, or the rules.
        otherwise: Decision where no rule fits: `ask`, `deny` or `allow`; or a function of the call, such as a `Reviewer`.

    Attributes:
        path: The file; None for a list.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if a rule is not valid; the message has its number.

    >>> rules = Rules([{"tool": "pay", "when": "euros <= 50", "then": "allow"}])
    """

    def __init__(self, source: str | os.PathLike[str] | Iterable[Mapping[str, Any]], *, otherwise: Any = "ask") -> None:
        if not callable(otherwise) and otherwise not in _THEN:
            hint = suggest(str(otherwise), _THEN)
            raise ValueError(f"otherwise must be 'allow', 'deny', 'ask' or a function of the call, got {otherwise!r}.{hint}")
        self.path = Path(source) if isinstance(source, (str, os.PathLike)) else None
        self._otherwise = otherwise
        name = "The rules" if self.path is None else str(self.path)
        items = source if self.path is None else _read_file(self.path)
        self._rules = [_parse_rule(item, f"{name}, rule {index}") for index, item in enumerate(items, 1)]  # type: ignore[arg-type]

    def __repr__(self) -> str:
        return f"Rules({str(self.path)!r})" if self.path else f"Rules({len(self._rules)} rules)"

    def __call__(self, call: GuardedCall) -> Any:
        """Decide about a call: True, a text that refuses it, or `Ask`."""
        return run_sync(self._decide_step(call))

    def _decide_step(self, call: GuardedCall) -> Steps[Any]:
        rule = next((rule for rule in self._rules if rule.fits(call)), None)
        if rule is not None:
            return _convert(rule.then, rule.why)
        if callable(self._otherwise):
            return (yield from apply_rule(self._otherwise, call))
        return _convert(self._otherwise, "")

    def allow_tool(self, tool: str) -> None:
        """Add a rule at the end of the file that allows all calls of a tool that no other rule decides about.

        Raises:
            TypeError: if the rules don't come from a file.
            OSError: if it can't be written.
            ValueError: if it was changed and is not valid any more.
        """
        if self.path is None:
            raise TypeError("Rules from a list have no file to which a rule can be added.")
        pattern = re.sub(r"[*?\[]", r"[\g<0>]", tool)
        text = self.path.read_text(encoding="utf-8").rstrip("\n")
        text += f'\n\n[[rule]]\ntool = {json.dumps(pattern)}\nthen = "allow"\n'
        rules = [_parse_rule(item, f"{self.path}, rule {index}") for index, item in enumerate(_parse(text, self.path), 1)]
        with replace_file(self.path, self.path.stat().st_mode & 0o777) as file:
            file.write(text.encode())
        self._rules = rules


def apply_rule(rule: Callable[[GuardedCall], Any], call: GuardedCall) -> Steps[Any]:
    """Apply a rule of any form to a call."""
    steps = getattr(rule, "_decide_step", None)
    if steps is not None:
        return (yield from steps(call))
    return (yield from invoke(*sync_and_async(rule), call))


def _convert(then: str, why: str) -> Any:
    return True if then == "allow" else Ask(why) if then == "ask" else (why or False)


def _read_file(path: Path) -> list[Any]:
    return _parse(path.read_text(encoding="utf-8"), path)


def _parse(text: str, path: Path) -> list[Any]:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path} is not TOML: {trim_stop(error)}.") from None
    for key in document:
        if key != "rule":
            raise ValueError(f"{path} has an unknown key {key!r}: it must have tables [[rule]].{suggest(key, ['rule'])}")
    rules = document.get("rule", [])
    if not isinstance(rules, list):
        raise ValueError(f"{path} must have tables [[rule]], got a table [rule].")
    return rules


def _parse_rule(item: Any, position: str) -> _Rule:
    if not isinstance(item, Mapping):
        raise ValueError(f"{position} must be a table, got {item!r:.100}.")
    for key in item:
        if key not in _KEYS:
            raise ValueError(f"{position} has an unknown key {key!r}.{suggest(str(key), _KEYS)}")
    then = item.get("then")
    if then not in _THEN:
        raise ValueError(f"{position}: then must be 'allow', 'deny' or 'ask', got {then!r}.{suggest(str(then), _THEN)}")
    tool, why = item.get("tool", "*"), item.get("why", "")
    if not isinstance(tool, str) or not isinstance(why, str) or not tool:
        raise ValueError(f"{position}: tool and why must be texts, got {tool!r} and {why!r}.")
    when = item.get("when", [])
    conditions = [when] if isinstance(when, str) else when
    if not isinstance(conditions, (list, tuple)):
        raise ValueError(f"{position}: when must be a comparison or a list of comparisons, got {when!r}.")
    return _Rule(_compile_glob(tool), tuple(_parse_condition(text, position) for text in conditions), then, why)


def _parse_condition(text: Any, position: str) -> _Condition:
    match = _CONDITION.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"{position}: a comparison must be like 'amount <= 50' or 'path ~ \"work/**\"', got {text!r}.")
    name, sign, literal = match.groups()
    try:
        value = tomllib.loads(f"value = {literal}")["value"]
    except tomllib.TOMLDecodeError:
        raise ValueError(f"{position}: {literal} in {text!r} must be a number, a bool or a text in quotes.") from None
    is_glob = sign in ("~", "!~")
    if not isinstance(value, str) if is_glob else not isinstance(value, (str, int, float, bool)):
        raise ValueError(f"{position}: {literal} in {text!r} must be {'a text in quotes' if is_glob else 'a scalar'}.")
    return _Condition(tuple(name.split(".")), sign, _compile_glob(_normalize(value)) if is_glob else value)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _normalize(text: str) -> str:
    """Resolve `.` and `..` in a path, so that no path leads out of the folder that a glob names."""
    return posixpath.normpath(text.replace("\\", "/")) if "/" in text or "\\" in text else text


def _compile_glob(glob: str) -> re.Pattern[str]:
    parts = {"**": ".*", "*": "[^/]*", "?": "[^/]"}
    pattern = "".join(
        parts.get(piece) or (piece if _is_class(piece) else re.escape(piece))
        for piece in re.findall(r"\*\*|\*|\?|\[[^\]]\]|.", glob, re.DOTALL)
    )
    return re.compile(pattern, re.DOTALL)


def _is_class(piece: str) -> bool:
    return len(piece) == 3 and piece[0] == "["
