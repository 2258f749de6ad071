"""Results of chats, and queues of chats."""

from ._queue import Prerequisite, a_initiate_chats, initiate_chats
from ._result import ChatResult, StopReason

__all__ = ["ChatResult", "Prerequisite", "StopReason", "a_initiate_chats", "initiate_chats"]
