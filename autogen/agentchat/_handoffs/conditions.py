"""Conditions of hand-offs: judged by a model, or evaluated on data; and the hand-offs that they decide."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeGuard

from ..._steps import is_coroutine_function
from .._core.messages import assert_valid_name
from ..agent import Agent, Message
from .context_expression import ContextExpression
from .context_variables import ContextStr
from .targets import TargetLike, TransitionTarget, as_target

Variables: TypeAlias = Mapping[str, Any]
"""Values of context variables by name."""

ConditionFunction: TypeAlias = Callable[[Any, list[Message]], object]
"""A sync function of the agent that may hand over, and the conversation."""


class LLMCondition:
    """A condition that a model judges by its text. A subclass overrides `text`, or AG2's `get_prompt`."""

    def text(self, agent: Any, messages: list[Message], variables: Variables) -> str:
        """Return the text.

        Args:
            agent: Agent that may hand over.
            messages: Conversation.
            variables: Context variables.
        """
        return self.get_prompt(agent, messages)

    def get_prompt(self, agent: Any, messages: list[Message]) -> str:
        """Return the text, with the context variables of the agent.

        Args:
            agent: Agent that may hand over.
            messages: Conversation.
        """
        _require_override(self, LLMCondition.text, "text", "get_prompt")
        return self.text(agent, messages, agent.context_variables)


@dataclass(frozen=True)
class StringLLMCondition(LLMCondition):
    """A fixed text."""

    prompt: str

    def __post_init__(self) -> None:
        if not isinstance(self.prompt, str) or not self.prompt.strip():
            raise TypeError(f"The condition must be a text that says when the model hands over, got {self.prompt!r}.")

    def text(self, agent: object, messages: list[Message], variables: Variables) -> str:
        """Return the text; see `LLMCondition.text`."""
        return self.prompt


@dataclass(frozen=True)
class ContextStrLLMCondition(LLMCondition):
    """A text with placeholders for context variables."""

    context_str: ContextStr

    def __post_init__(self) -> None:
        if isinstance(self.context_str, str):
            # A frozen dataclass refuses plain assignments.
            object.__setattr__(self, "context_str", ContextStr(self.context_str))
        if not isinstance(self.context_str, ContextStr):
            raise TypeError(f"ContextStrLLMCondition takes a ContextStr, got {self.context_str!r}.")

    def text(self, agent: object, messages: list[Message], variables: Variables) -> str:
        """Return the text with the values of the variables; see `LLMCondition.text`."""
        return self.context_str.format(variables)


@dataclass(frozen=True)
class _FunctionLLMCondition(LLMCondition):
    function: ConditionFunction

    def text(self, agent: Agent, messages: list[Message], variables: Variables) -> str:
        # Checked here, because an endpoint would refuse the tool with an obscure error.
        text = self.function(agent, messages)
        if not isinstance(text, str):
            raise TypeError(f"The function of a condition of agent {agent.name!r} must return text, got {text!r}.")
        return text


class DataCondition(ABC):
    """A condition on data."""

    @abstractmethod
    def holds(self, agent: Any, messages: list[Message], variables: Variables) -> bool:
        """Return True if the condition holds.

        Args:
            agent: Agent that may hand over.
            messages: Conversation.
            variables: Context variables.
        """


class ContextCondition(DataCondition):
    """A condition on data that decides a hand-off. A subclass has `holds`, or AG2's `evaluate`."""

    def holds(self, agent: Any, messages: list[Message], variables: Variables) -> bool:
        """Return True if the condition holds; see `DataCondition.holds`."""
        return self.evaluate(variables)

    def evaluate(self, context_variables: Variables) -> bool:
        """Return True if the condition holds for these variables."""
        _require_override(self, ContextCondition.holds, "holds", "evaluate")
        return self.holds(None, [], context_variables)


class AvailableCondition(DataCondition):
    """A condition on data that decides whether a hand-off is offered. A subclass has `holds`, or AG2's `is_available`."""

    def holds(self, agent: Any, messages: list[Message], variables: Variables) -> bool:
        """Return True if the condition holds; see `DataCondition.holds`."""
        return self.is_available(agent, messages)

    def is_available(self, agent: Any, messages: list[Message]) -> bool:
        """Return True if the hand-off is offered, with the context variables of the agent."""
        _require_override(self, AvailableCondition.holds, "holds", "is_available")
        return self.holds(agent, messages, agent.context_variables)


def _require_override(condition: object, builtin: object, *methods: str) -> None:
    if getattr(type(condition), methods[0]) is builtin:
        raise NotImplementedError(f"{type(condition).__name__} must define {' or '.join(methods)}.")


@dataclass(frozen=True)
class StringContextCondition(ContextCondition):
    """True if a context variable is set and true."""

    variable_name: str

    def __post_init__(self) -> None:
        _validate_variable_name(self, self.variable_name)

    def holds(self, agent: object, messages: list[Message], variables: Variables) -> bool:
        """Return True if the variable is true; see `DataCondition.holds`."""
        # A variable that is not set is false.
        return bool(variables.get(self.variable_name))


@dataclass(frozen=True)
class StringAvailableCondition(AvailableCondition):
    """True if a context variable is set and true."""

    context_variable: str

    def __post_init__(self) -> None:
        _validate_variable_name(self, self.context_variable)

    def holds(self, agent: object, messages: list[Message], variables: Variables) -> bool:
        """Return True if the variable is true; see `DataCondition.holds`."""
        return bool(variables.get(self.context_variable))


def _validate_variable_name(condition: DataCondition, name: object) -> None:
    if not isinstance(name, str):
        raise TypeError(f"{type(condition).__name__} takes the name of a context variable, got {name!r}.")


@dataclass(frozen=True)
class _ExpressionCondition(DataCondition):
    expression: ContextExpression

    def __post_init__(self) -> None:
        if isinstance(self.expression, str):
            object.__setattr__(self, "expression", ContextExpression(self.expression))
        if not isinstance(self.expression, ContextExpression):
            raise TypeError(f"{type(self).__name__} takes a ContextExpression, got {self.expression!r}.")

    def holds(self, agent: object, messages: list[Message], variables: Variables) -> bool:
        """Return True if the expression is true of the context variables."""
        return self.expression.evaluate(variables)


@dataclass(frozen=True)
class ExpressionContextCondition(_ExpressionCondition, ContextCondition):
    """True if an expression is true of the context variables."""


@dataclass(frozen=True)
class ExpressionAvailableCondition(_ExpressionCondition, AvailableCondition):
    """True if an expression is true of the context variables."""


@dataclass(frozen=True)
class _FunctionCondition(DataCondition):
    function: ConditionFunction

    def holds(self, agent: object, messages: list[Message], variables: Variables) -> bool:
        return bool(self.function(agent, messages))


LLMConditionLike: TypeAlias = LLMCondition | ContextStr | str | ConditionFunction
"""A condition for a model, or an object that is converted to one."""

DataConditionLike: TypeAlias = DataCondition | ContextExpression | str | ConditionFunction | None
"""A condition on data, or an object that is converted to one; None for always."""


# Not a generated constructor: it takes more types than the attributes have.
@dataclass(init=False)
class OnCondition:
    """A hand-off that the agent's model decides: the model has a tool for it, described by the condition.

    Args:
        target: Target or agent.
        condition: When to hand over, for the model: text, a `ContextStr`, a condition, or a function `(agent, messages)`
            that returns text.
        available: Condition to offer the hand-off: the name of a context variable, a `ContextExpression`, a condition, a
            function `(agent, messages)`, or None for always.
        llm_function_name: Name of the tool; by default `transfer_to_<target>_<number>`.

    Raises:
        TypeError: if an argument has an invalid type.
        ValueError: if the name of the tool is invalid.

    >>> OnCondition(AgentNameTarget("refund"), "The customer wants their money back.")  # doctest: +SKIP
    """

    target: TransitionTarget
    condition: LLMCondition
    available: DataCondition | None
    llm_function_name: str | None

    def __init__(
        self,
        target: TargetLike,
        condition: LLMConditionLike,
        available: DataConditionLike = None,
        llm_function_name: str | None = None,
    ) -> None:
        self.target = as_target(target)
        self.condition = _as_llm_condition(condition)
        self.available = _as_data_condition(available)
        self.llm_function_name = None if llm_function_name is None else assert_valid_name(llm_function_name)

    def has_target_type(self, target_type: type[TransitionTarget]) -> bool:
        """Return True if the target has a type."""
        return isinstance(self.target, target_type)


@dataclass(init=False)
class OnContextCondition:
    """A hand-off that data decides, without a model.

    Args:
        target: Target or agent.
        condition: When to hand over: the name of a context variable, a `ContextExpression`, a condition, a function
            `(agent, messages)`, or None for always.
        available: Condition to check the hand-off at all, like `condition`.

    Raises:
        TypeError: if an argument has an invalid type.
    """

    target: TransitionTarget
    condition: DataCondition | None
    available: DataCondition | None

    def __init__(self, target: TargetLike, condition: DataConditionLike = None, available: DataConditionLike = None) -> None:
        self.target = as_target(target)
        self.condition = _as_data_condition(condition)
        self.available = _as_data_condition(available)

    def has_target_type(self, target_type: type[TransitionTarget]) -> bool:
        """Return True if the target has a type."""
        return isinstance(self.target, target_type)


def is_available(
    rule: OnCondition | OnContextCondition, agent: Agent, messages: list[Message], variables: Variables
) -> bool:
    """Return True if a hand-off is available now. Others are neither offered to the model nor evaluated.

    Args:
        rule: Hand-off.
        agent: Agent that may hand over.
        messages: Conversation.
        variables: Context variables.
    """
    return rule.available is None or rule.available.holds(agent, messages, variables)


def _as_llm_condition(value: object) -> LLMCondition:
    if isinstance(value, LLMCondition):
        return value
    if isinstance(value, str):
        return StringLLMCondition(value)
    if isinstance(value, ContextStr):
        return ContextStrLLMCondition(value)
    if _is_function(value):
        return _FunctionLLMCondition(value)
    raise TypeError(
        f"A condition for a model must be a text, a ContextStr or a sync function that returns text, got {value!r}."
    )


def _as_data_condition(value: object) -> DataCondition | None:
    if value is None or isinstance(value, DataCondition):
        return value
    if isinstance(value, str):
        return StringContextCondition(value)
    if isinstance(value, ContextExpression):
        return ExpressionContextCondition(value)
    # Last, because the other kinds may be callable, too.
    if _is_function(value):
        return _FunctionCondition(value)
    raise TypeError(
        f"A condition on data must be the name of a context variable, a ContextExpression or a sync function, got {value!r}."
    )


def _is_function(value: object) -> TypeGuard[ConditionFunction]:
    # Classes and agents may be callable, and are mistakes here.
    is_other_kind = isinstance(value, (type, LLMCondition, TransitionTarget, Agent))
    return callable(value) and not is_other_kind and not is_coroutine_function(value)
