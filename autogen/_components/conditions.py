"""Conditions that end chats in documents."""

from __future__ import annotations

import re
from functools import reduce
from typing import TYPE_CHECKING, Any

from pydantic import Field, model_validator

from ..agentchat import conditions
from ..specs._protocols import Build, Config, JSONObject, LiveObject, Writer
from ..specs._registry import ComponentType
from ..specs.errors import Problem, SpecError
from ..specs.fields import ComponentConfig
from ._parts import ConditionPart

if TYPE_CHECKING:
    from typing_extensions import Self


class EmptyConfig(ComponentConfig):
    """Schema of a component without settings."""


class CountConfig(ComponentConfig):
    """Schema of a condition with a number."""

    n: int = Field(ge=1)


class CostConfig(ComponentConfig):
    """Schema of a condition with an amount."""

    usd: float = Field(gt=0)


class DurationConfig(ComponentConfig):
    """Schema of a condition with a duration."""

    seconds: float = Field(gt=0)


class NameConfig(ComponentConfig):
    """Schema of a condition with the name of a function."""

    name: str = Field(min_length=1)


class PlainConditionType(ComponentType):
    """The type of conditions whose arguments are attributes of the same names."""

    kind = "condition"

    def __init__(self, name: str, cls: type, config_model: type[ComponentConfig], example: JSONObject) -> None:
        self.name = name
        self.target = f"{cls.__module__}:{cls.__qualname__}"
        self.config_model = config_model
        self.label = cls.__name__
        self.description = (cls.__doc__ or "").split("\n")[0]
        self.example = example
        self._class = cls

    def make(self, config: ComponentConfig, build: Build) -> LiveObject:
        """Make the condition."""
        return self._class(**config.model_dump())

    def write(self, obj: LiveObject, writer: Writer) -> Config:
        """Write its arguments."""
        return {name: getattr(obj, name) for name in self.config_model.model_fields}


class TextMentionConfig(ComponentConfig):
    """Schema of `text_mention`: a text or a pattern, and the possible authors."""

    text: str | None = Field(default=None, min_length=1)
    pattern: str | None = Field(default=None, min_length=1)
    sources: list[str] | None = None

    @model_validator(mode="after")
    def _check_text(self) -> Self:
        if (self.text is None) == (self.pattern is None):
            raise ValueError("Either a text or a pattern is needed.")
        if self.pattern is not None:
            try:
                re.compile(self.pattern)
            except re.error as error:
                raise ValueError(f"The pattern is not a regular expression: {error}") from None
        return self


class TextMentionType(PlainConditionType):
    """The type of `TextMention`."""

    def make(self, config: TextMentionConfig, build: Build) -> LiveObject:  # type: ignore[override]
        """Make the condition."""
        text = re.compile(config.pattern) if config.pattern is not None else config.text
        return conditions.TextMention(text or "", config.sources)

    def write(self, obj: conditions.TextMention, writer: Writer) -> Config:
        """Write its text or pattern."""
        if isinstance(obj.text, str):
            config: Config = {"text": obj.text}
        elif obj.text.flags & ~(re.UNICODE | re.DEBUG):
            hint = "put them into the pattern, such as (?im) at its beginning"
            raise SpecError([Problem("", "the flags of a pattern can't be written", hint)])
        else:
            config = {"pattern": obj.text.pattern}
        return config if obj.sources is None else {**config, "sources": list(obj.sources)}


class TargetsConfig(ComponentConfig):
    """Schema of `handoff`: names of agents, none for any hand-off."""

    targets: list[str] = []


class HandoffType(PlainConditionType):
    """The type of `Handoff`."""

    def make(self, config: TargetsConfig, build: Build) -> LiveObject:  # type: ignore[override]
        """Make the condition."""
        return conditions.Handoff(*config.targets)

    def write(self, obj: conditions.Handoff, writer: Writer) -> Config:
        """Write the names of the agents."""
        return {"targets": list(obj.targets)} if obj.targets else {}


class CombinationConfig(ComponentConfig):
    """Schema of conditions that are combined."""

    of: list[ConditionPart] = Field(min_length=2)


class NegationConfig(ComponentConfig):
    """Schema of the negation of a condition."""

    of: ConditionPart


class CombinationType(ComponentType):
    """The type of `a | b` and `a & b`."""

    kind = "condition"
    config_model = CombinationConfig

    def __init__(self, name: str, description: str) -> None:
        self.name = name
        self.label = name.capitalize()
        self.description = description
        self.example = {
            "of": [{"type": "max_messages", "config": {"n": 20}}, {"type": "timeout", "config": {"seconds": 60}}]
        }
        sample: Any = self._combine([conditions.MaxMessages(1), conditions.MaxMessages(2)])
        self._class = type(sample)

    def matches(self, obj: object) -> bool:
        """Return True for a combination of this kind."""
        return type(obj) is self._class

    def _combine(self, parts: list[Any]) -> Any:
        return reduce(lambda a, b: a | b if self.name == "any" else a & b, parts)

    def make(self, config: CombinationConfig, build: Build) -> LiveObject:
        """Combine the conditions."""
        return self._combine(build.get_parts(config.of))

    def write(self, obj: LiveObject, writer: Writer) -> Config:
        """Write the conditions; `(a | b) | c` is one list."""
        return {"of": [writer.write_inline(part) for part in self._list_parts(obj)]}

    def _list_parts(self, obj: LiveObject) -> list[LiveObject]:
        first, *rest = obj.parts
        return [*(self._list_parts(first) if self.matches(first) else [first]), *rest]


class NegationType(ComponentType):
    """The type of `~a`."""

    name = "not"
    kind = "condition"
    config_model = NegationConfig
    label = "Not"
    description = "True while a condition is false."
    example = {"of": {"type": "max_messages", "config": {"n": 3}}}

    def matches(self, obj: object) -> bool:
        """Return True for a negation."""
        return type(obj) is type(~conditions.MaxMessages(1))

    def make(self, config: NegationConfig, build: Build) -> LiveObject:
        """Negate the condition."""
        return ~build.get_part(config.of)

    def write(self, obj: LiveObject, writer: Writer) -> Config:
        """Write the condition."""
        return {"of": writer.write_inline(obj.parts[0])}


CONDITION_TYPES = (
    PlainConditionType("max_messages", conditions.MaxMessages, CountConfig, {"n": 20}),
    TextMentionType("text_mention", conditions.TextMention, TextMentionConfig, {"text": "APPROVE"}),
    PlainConditionType("max_tokens", conditions.MaxTokens, CountConfig, {"n": 50_000}),
    PlainConditionType("max_cost", conditions.MaxCost, CostConfig, {"usd": 0.5}),
    PlainConditionType("timeout", conditions.Timeout, DurationConfig, {"seconds": 60}),
    PlainConditionType("function_call", conditions.FunctionCall, NameConfig, {"name": "submit"}),
    HandoffType("handoff", conditions.Handoff, TargetsConfig, {"targets": ["critic"]}),
    PlainConditionType("external_stop", conditions.ExternalStop, EmptyConfig, {}),
    PlainConditionType("no_progress", conditions.NoProgress, CountConfig, {"n": 3}),
    PlainConditionType("refused", conditions.Refused, CountConfig, {"n": 1}),
    CombinationType("any", "True when any of several conditions is."),
    CombinationType("all", "True when all of several conditions have been."),
    NegationType(),
)
