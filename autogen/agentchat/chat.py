"""Results of chats, and queues of chats."""

from ..types import ChatCost as CostDict
from ._chats.sequence import Prerequisite, a_initiate_chats, initiate_chats
from ._core.result import ChatResult, ChatSource, StopReason

__all__ = ["ChatResult", "ChatSource", "CostDict", "Prerequisite", "StopReason", "a_initiate_chats", "initiate_chats"]
