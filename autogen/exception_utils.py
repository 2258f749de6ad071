"""Exceptions that programs may want to catch.

Exception
    AgentNameConflict       several agents of a chat have the same name
    NoEligibleSpeaker       no member of a group chat may speak
    SenderRequired          a reply function is triggered by a name, and there is no sender
    InvalidCarryOverType    a carryover is neither text nor a list
    UndefinedNextAgent      the selected next speaker is not a member of the group
    ChatInProgress          a chat of the same agents runs already
    BudgetExceeded          the budget of an agent or a chat is used up
    UnknownPrice            a request of an unknown price was not sent, because the cost is limited
    ModelToolNotSupportedError  a model can't call tools
    GuardrailTripped        a guardrail objects whose consequence is an exception

AG2's names of the first five end with `Error`.
"""

from __future__ import annotations

from typing import Any


class AgentNameConflict(Exception):
    """Raised when several agents of a chat have the same name."""

    def __init__(self, msg: str = "Several agents have the same name.", *args: object, **kwargs: object) -> None:
        super().__init__(msg, *args, **kwargs)


class NoEligibleSpeaker(Exception):
    """Raised when no member of a group chat may speak."""

    def __init__(self, message: str = "No eligible speakers.") -> None:
        self.message = message
        super().__init__(message)


class SenderRequired(Exception):
    """Raised when a reply function is triggered by a name, and there is no sender."""

    def __init__(self, message: str = "Sender is required but not provided.") -> None:
        self.message = message
        super().__init__(message)


class InvalidCarryOverType(Exception):
    """Raised when a carryover is neither text nor a list."""

    def __init__(self, message: str = "A carryover must be a string or a list of items.") -> None:
        self.message = message
        super().__init__(message)


class UndefinedNextAgent(Exception):
    """Raised when the selected next speaker is not a member of the group."""

    def __init__(self, message: str = "The next agent is not one of the agents of this chat.") -> None:
        self.message = message
        super().__init__(message)


class ChatInProgress(RuntimeError):
    """Raised when a chat starts while another chat of the same agents runs: their histories would be mixed.

    Attributes:
        sender: Name of the agent that starts the chat.
        recipient: Name of the other agent.
        others: Names of the agents of the chat that runs.
    """

    def __init__(self, sender: str, recipient: str, *others: str) -> None:
        self.sender, self.recipient, self.others = sender, recipient, others
        names = " and ".join(map(repr, others or (sender, recipient)))
        super().__init__(
            f"{sender!r} can't start a chat with {recipient!r}: a chat of {names} runs already, and histories would mix. "
            "Give each chat agents of its own: `sender.clone().initiate_chat(recipient.clone(), ...)`, or a function that "
            "makes them."
        )

    def __reduce__(self) -> tuple[type[ChatInProgress], tuple[str, ...]]:
        # The default passes the message as the only argument.
        return type(self), (self.sender, self.recipient, *self.others)


class BudgetExceeded(Exception):
    """Raised when the budget of an agent or a chat is used up. No further request was sent, and histories are complete.

    Attributes:
        owner: `agent`, `chat`, or `run` for the budget of `map_chats`.
        setting: The limit that was reached: `max_cost` (USD) or `max_tokens_total`.
        spent: The amount spent.
        limit: The value of the limit.
        needed: The most that the next request may take, if that was more than what was left; else None.
        on_budget: `next` if endpoints of other prices were to be tried, and none is left; `stop` otherwise.
        result: The result of the chat so far; None without a chat.
    """

    def __init__(self, owner: str, setting: str, spent: float, limit: float, needed: float | None = None) -> None:
        self.owner, self.setting, self.spent, self.limit, self.needed = owner, setting, spent, limit, needed
        self.on_budget = "stop"
        self.result: Any = None
        state = f"{setting} is {limit:g}, and {spent:g} are spent"
        if needed is not None and spent < limit:
            super().__init__(f"The {owner}'s budget is too small for the next request: {state}; it may take {needed:g}.")
        else:
            super().__init__(f"The {owner}'s budget is used up: {state}.")

    def __reduce__(self) -> tuple[type[BudgetExceeded], tuple[Any, ...]]:
        # The default passes the message as the only argument.
        return type(self), (self.owner, self.setting, self.spent, self.limit, self.needed)


class UnknownPrice(BudgetExceeded):
    """Raised in place of a request whose price is unknown, while the cost is limited."""

    def __init__(self, model: str, owner: str = "agent") -> None:
        super().__init__(owner, "max_cost", 0.0, 0.0)
        self.model = model
        self.args = (
            f'The price of {model} is unknown, so max_cost can\'t be kept. Put "price": [input, output] (USD per 1,000 '
            'tokens) into its config, or "unknown_price": "free".',
        )

    def __reduce__(self) -> tuple[type[BudgetExceeded], tuple[Any, ...]]:
        return type(self), (self.model, self.owner)


class ModelToolNotSupportedError(Exception):
    """Raised when tools are given to a model that can't call tools."""

    def __init__(self, model: str) -> None:
        self.model = model
        super().__init__(f"The model {model!r} can't call tools.")

    def __reduce__(self) -> tuple[type[ModelToolNotSupportedError], tuple[str]]:
        # The default passes the message as the only argument.
        return type(self), (self.model,)


class GuardrailTripped(Exception):
    """Raised if a guardrail trips whose consequence is `raise`.

    Attributes:
        guardrail: Name of the guardrail.
        on: Stage at which it tripped.
        why: Its reason.
    """

    def __init__(self, guardrail: str, on: str, why: str) -> None:
        self.guardrail, self.on, self.why = guardrail, on, why
        super().__init__(f"The guardrail {guardrail!r} tripped on the {on}: {why}")

    def __reduce__(self) -> tuple[type[GuardrailTripped], tuple[str, str, str]]:
        # The default passes the message as the only argument.
        return type(self), (self.guardrail, self.on, self.why)


AgentNameConflictError = AgentNameConflict
NoEligibleSpeakerError = NoEligibleSpeaker
SenderRequiredError = SenderRequired
InvalidCarryOverTypeError = InvalidCarryOverType
UndefinedNextAgentError = UndefinedNextAgent
