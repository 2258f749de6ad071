"""Errors that users meet.

Exception
    AgentNameConflict       two agents of one chat bear one name
    NoEligibleSpeaker       a group chat has nobody left who may speak
    SenderRequired          a reply function is triggered by a name, and there is no sender
    InvalidCarryOverType    a carry-over is neither text nor a list
    UndefinedNextAgent      the one who was named to speak next is no member
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
