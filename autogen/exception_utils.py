"""Errors that users meet.

Exception
    AgentNameConflict       two agents of one chat bear one name
    NoEligibleSpeaker       a group chat has nobody left who may speak
    SenderRequired          a reply function is triggered by a name, and there is no sender
    InvalidCarryOverType    a carry-over is neither text nor a list
    UndefinedNextAgent      the one who was named to speak next is no member
    BudgetExceeded          what an agent or a chat may spend is spent
"""

from typing import Any


class AgentNameConflict(Exception):
    """Two agents of one chat bear one name."""

    def __init__(self, msg: str = "Several agents have the same name.", *args: Any, **kwargs: Any) -> None:
        super().__init__(msg, *args, **kwargs)


class NoEligibleSpeaker(Exception):
    """A group chat has nobody left who may speak."""

    def __init__(self, message: str = "No eligible speakers.") -> None:
        self.message = message
        super().__init__(message)


class SenderRequired(Exception):
    """A reply function is triggered by a name, and there is no sender."""

    def __init__(self, message: str = "Sender is required but not provided.") -> None:
        self.message = message
        super().__init__(message)


class InvalidCarryOverType(Exception):
    """A carry-over is neither text nor a list."""

    def __init__(self, message: str = "A carryover must be a string or a list of items.") -> None:
        self.message = message
        super().__init__(message)


class UndefinedNextAgent(Exception):
    """The one who was named to speak next is no member."""

    def __init__(self, message: str = "The next agent is not one of the agents of this chat.") -> None:
        self.message = message
        super().__init__(message)


class BudgetExceeded(Exception):
    """What an agent or a chat may spend is spent. Nothing was asked that would have cost more; the histories are whole.

    Attributes:
        owner: `agent` or `chat`.
        setting: The limit that was reached: `max_cost` (USD) or `max_tokens_total`.
        spent: What was spent.
        limit: What could be spent.
        result: What the chat had come to; None where there was no chat.
    """

    def __init__(self, owner: str, setting: str, spent: float, limit: float) -> None:
        self.owner, self.setting, self.spent, self.limit = owner, setting, spent, limit
        self.result: Any = None
        super().__init__(f"The {owner}'s budget is used up: {setting} is {limit:g}, and {spent:g} are spent.")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.owner, self.setting, self.spent, self.limit)
