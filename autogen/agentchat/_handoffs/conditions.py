"""When an agent hands over: conditions that a model judges by their text, and conditions on data."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..._steps import is_coroutine_function
from .._core.messages import assert_valid_name
from ..agent import Agent, Message
from .context_expression import ContextExpression
from .context_variables import ContextStr
from .targets import TransitionTarget, as_target

Variables = Mapping[str, Any]


class LLMCondition(ABC):
    """A condition that a model judges by its text. Its methods get the agent, the messages and the context variables."""

    @abstractmethod
    def text(self, agent: Any, messages: list[Message], variables: Variables) -> str:
        """The text.

        Args:
            agent: Who may hand over.
            messages: The conversation.
            variables: The context variables.
        """


@dataclass(frozen=True)
class StringLLMCondition(LLMCondition):
    """A fixed text."""

    prompt: str

    def __post_init__(self) -> None:
        if not isinstance(self.prompt, str) or not self.prompt.strip():
            raise TypeError(f"The condition must be text that says when the model hands over, not {self.prompt!r}.")

    def text(self, agent: Any, messages: list[Message], variables: Variables) -> str:
        """The text; see `LLMCondition.text`."""
        return self.prompt


@dataclass(frozen=True)
class ContextStrLLMCondition(LLMCondition):
    """A text with placeholders for context variables."""

    context_str: ContextStr

    def __post_init__(self) -> None:
        if isinstance(self.context_str, str):
            object.__setattr__(self, "context_str", ContextStr(self.context_str))
        if not isinstance(self.context_str, ContextStr):
            raise TypeError(f"ContextStrLLMCondition takes a ContextStr, not {self.context_str!r}.")

    def text(self, agent: Any, messages: list[Message], variables: Variables) -> str:
        """The text, filled in; see `LLMCondition.text`."""
        return self.context_str.format(variables)


@dataclass(frozen=True)
class _LLMFunction(LLMCondition):
    function: Callable[[Any, list[Message]], str]

    def text(self, agent: Any, messages: list[Message], variables: Variables) -> str:
        text = self.function(agent, messages)
        if not isinstance(text, str):
            raise TypeError(f"The function of a condition of agent {agent.name!r} must give text, not {text!r}.")
        return text


class DataCondition(ABC):
    """A condition on data."""

    @abstractmethod
    def holds(self, agent: Any, messages: list[Message], variables: Variables) -> bool:
        """Whether it holds.

        Args:
            agent: Who may hand over.
            messages: The conversation.
            variables: The context variables.
        """


class ContextCondition(DataCondition):
    """A condition on data that decides a hand-off."""


class AvailableCondition(DataCondition):
    """A condition on data that decides whether a hand-off is offered."""


@dataclass(frozen=True)
class _OfVariable(DataCondition):
    variable_name: str

    def __post_init__(self) -> None:
        if not isinstance(self.variable_name, str):
            raise TypeError(f"{type(self).__name__} takes the name of a context variable, not {self.variable_name!r}.")

    def holds(self, agent: Any, messages: list[Message], variables: Variables) -> bool:
        """Whether the variable is true; one that is not set is not."""
        return bool(variables.get(self.variable_name))


@dataclass(frozen=True)
class StringContextCondition(_OfVariable, ContextCondition):
    """That a context variable is true; one that is not set is not."""


@dataclass(frozen=True)
class StringAvailableCondition(AvailableCondition):
    """That a context variable is true; one that is not set is not."""

    context_variable: str

    def __post_init__(self) -> None:
        _OfVariable(self.context_variable)

    def holds(self, agent: Any, messages: list[Message], variables: Variables) -> bool:
        """Whether the variable is true; see `DataCondition.holds`."""
        return _OfVariable(self.context_variable).holds(agent, messages, variables)


@dataclass(frozen=True)
class _OfExpression(DataCondition):
    expression: ContextExpression

    def __post_init__(self) -> None:
        if isinstance(self.expression, str):
            object.__setattr__(self, "expression", ContextExpression(self.expression))
        if not isinstance(self.expression, ContextExpression):
            raise TypeError(f"{type(self).__name__} takes a ContextExpression, not {self.expression!r}.")

    def holds(self, agent: Any, messages: list[Message], variables: Variables) -> bool:
        """Whether the expression is true of the context variables."""
        return self.expression.evaluate(variables)


@dataclass(frozen=True)
class ExpressionContextCondition(_OfExpression, ContextCondition):
    """That an expression is true of the context variables."""


@dataclass(frozen=True)
class ExpressionAvailableCondition(_OfExpression, AvailableCondition):
    """That an expression is true of the context variables."""


@dataclass(frozen=True)
class _DataFunction(DataCondition):
    function: Callable[[Any, list[Message]], Any]

    def holds(self, agent: Any, messages: list[Message], variables: Variables) -> bool:
        return bool(self.function(agent, messages))


@dataclass
class OnCondition:
    """A hand-off that the agent's model decides: it has a tool for it, described by the condition.

    Args:
        target: Where it leads: a target or an agent.
        condition: When, for the model: text, a `ContextStr`, a condition, or a function `(agent, messages)` giving text.
        available: Whether it is offered: the name of a context variable, a `ContextExpression`, a condition, a function
            `(agent, messages)`, or None for always.
        llm_function_name: The name of the tool; by default `transfer_to_<target>_<number>`.

    Raises:
        TypeError, ValueError: An argument is of another kind.

    >>> OnCondition(AgentNameTarget("refund"), "The customer wants their money back.")  # doctest: +SKIP
    """

    target: Any
    condition: Any
    available: Any = None
    llm_function_name: str | None = None

    def __post_init__(self) -> None:
        self.target: TransitionTarget = as_target(self.target)
        self.condition: LLMCondition = _as_llm_condition(self.condition)
        self.available: DataCondition | None = _as_data_condition(self.available)
        if self.llm_function_name is not None:
            assert_valid_name(self.llm_function_name)


@dataclass
class OnContextCondition:
    """A hand-off that data decides; no model is asked.

    Args:
        target: Where it leads: a target or an agent.
        condition: When: the name of a context variable, a `ContextExpression`, a condition, a function
            `(agent, messages)`, or None for always.
        available: Whether it is looked at; as the condition.

    Raises:
        TypeError: An argument is of another kind.
    """

    target: Any
    condition: Any = None
    available: Any = None

    def __post_init__(self) -> None:
        self.target: TransitionTarget = as_target(self.target)
        self.condition: DataCondition | None = _as_data_condition(self.condition)
        self.available: DataCondition | None = _as_data_condition(self.available)


def is_available(rule: OnCondition | OnContextCondition, agent: Any, messages: list[Message], variables: Variables) -> bool:
    """Whether a hand-off is offered, or looked at.

    Args:
        rule: The hand-off.
        agent: Who may hand over.
        messages: The conversation.
        variables: The context variables.
    """
    return rule.available is None or rule.available.holds(agent, messages, variables)


def _as_llm_condition(value: Any) -> LLMCondition:
    if isinstance(value, LLMCondition):
        return value
    if isinstance(value, str):
        return StringLLMCondition(value)
    if isinstance(value, ContextStr):
        return ContextStrLLMCondition(value)
    if _is_function(value):
        return _LLMFunction(value)
    raise TypeError(f"A condition for a model is text, a ContextStr or a plain function that gives text, not {value!r}.")


def _as_data_condition(value: Any) -> DataCondition | None:
    if value is None or isinstance(value, DataCondition):
        return value
    if isinstance(value, str):
        return StringContextCondition(value)
    if isinstance(value, ContextExpression):
        return ExpressionContextCondition(value)
    if _is_function(value):
        return _DataFunction(value)
    raise TypeError(
        f"A condition on data is the name of a context variable, a ContextExpression or a plain function, not {value!r}."
    )


def _is_function(value: Any) -> bool:
    refused = isinstance(value, (type, LLMCondition, TransitionTarget, Agent))
    return callable(value) and not refused and not is_coroutine_function(value)
