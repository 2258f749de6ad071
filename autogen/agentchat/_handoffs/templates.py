"""Templates with placeholders for context variables. Nothing in them is evaluated, and they never raise."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from string import Formatter

# A name with any number of keys or indices, a conversion, and a format: `{user[address][0]!r:>10}`.
_PLACEHOLDER = r"\{([A-Za-z_]\w*)((?:\[[^\[\]{}]+\])*)(?:!([rsa]))?(?::([^{}]*))?\}"
_IN_ANY_TEXT = re.compile(r"\{\{([A-Za-z_]\w*)\}\}|" + _PLACEHOLDER)
_IN_FORMAT_STRING = re.compile(r"(\{\{|\}\})|" + _PLACEHOLDER)
# A field as `str.format` takes it. Attributes are recognised, but not read.
_FIELD = re.compile(r"[A-Za-z_]\w*(?:\.\w+|\[[^\[\]]+\])*")
_CONVERSIONS: Mapping[str, Callable[[object], str]] = {"r": repr, "s": str, "a": ascii}


@dataclass(frozen=True)
class ContextStr:
    """A text with placeholders for context variables.

    A placeholder `{name}` is replaced if the variable is set, with a format if it has one (`{price:.2f}`). `{user[name]}`
    and `{orders[0]}` read an item of a variable, at any depth.

    In a text that is a valid format string of Python, `{{` and `}}` stand for braces. In any other text, such as one with
    JSON in it, braces stay as they are, and `{{name}}` stands for the text `{name}`. Placeholders of unknown variables and
    attributes stay as they are. Values are not searched for placeholders, and nothing in a template is evaluated.

    >>> ContextStr("Dear {name}, {this} is {name.upper}.").format({"name": "Ada"})
    'Dear Ada, {this} is {name.upper}.'
    >>> ContextStr('{who[name]} answers {{"a": 1}}.').format({"who": {"name": "Ada"}})
    'Ada answers {"a": 1}.'
    """

    template: str

    def __post_init__(self) -> None:
        if not isinstance(self.template, str):
            raise TypeError(f"A template must be text, got {self.template!r}.")

    def format(self, context_variables: Mapping[str, object]) -> str:
        """Return the text with the values of these variables."""
        is_format_string = _is_format_string(self.template)

        def get_value(match: re.Match[str]) -> str:
            escaped, name, keys, conversion, format_spec = match.groups()
            if escaped:
                return escaped[0] if is_format_string else f"{{{escaped}}}"
            with suppress(LookupError, TypeError, ValueError):
                value = _get_item(context_variables, [name, *re.findall(r"\[([^\]]+)\]", keys)])
                if conversion:
                    value = _CONVERSIONS[conversion](value)
                return format(value, format_spec) if format_spec else str(value)
            # An unknown variable, or a format that does not fit its value.
            return match[0]

        return (_IN_FORMAT_STRING if is_format_string else _IN_ANY_TEXT).sub(get_value, self.template)

    @property
    def names(self) -> list[str]:
        """Names of the variables."""
        pattern = _IN_FORMAT_STRING if _is_format_string(self.template) else _IN_ANY_TEXT
        return [match[2] for match in pattern.finditer(self.template) if match[2]]


def _is_format_string(template: str) -> bool:
    try:
        fields = [(name, spec or "") for _, name, spec, _ in Formatter().parse(template) if name is not None]
    # Braces without a counterpart.
    except ValueError:
        return False
    return all(_FIELD.fullmatch(name) and not set("{}") & set(spec) for name, spec in fields)


def _get_item(value: object, keys: list[str]) -> object:
    """Return a nested item. Only mappings and sequences are read, because any other object may run code.

    Raises:
        LookupError: if there is no such item.
    """
    for key in keys:
        if isinstance(value, Mapping):
            # As in a format string, digits are a number; a mapping that JSON made has text.
            value = value[int(key) if key.isdecimal() and key not in value else key]
        elif isinstance(value, Sequence) and not isinstance(value, (str, bytes)) and key.isdecimal():
            value = value[int(key)]
        else:
            raise LookupError(key)
    return value
