"""`TransformChatHistory`, the name that `TransformMessages` had in early versions of 0.2."""

from __future__ import annotations

from ...._mistakes import warn_caller
from ..._contexts.counting import get_counter
from .transform_messages import TransformMessages
from .transforms import MessageHistoryLimiter, MessageTokenLimiter
from .transforms_util import DEFAULT_MODEL


class TransformChatHistory(TransformMessages):
    """Deprecated form of `TransformMessages` with a `MessageHistoryLimiter` and a `MessageTokenLimiter`.

    Args:
        max_tokens_per_message: Maximum number of tokens of each message; None for no limit.
        max_messages: Maximum number of messages; None for no limit.
        max_tokens: Maximum number of tokens of all messages; None for no limit.

    Raises:
        ValueError: if a limit has an invalid value.
    """

    def __init__(
        self, *, max_tokens_per_message: int | None = None, max_messages: int | None = None, max_tokens: int | None = None
    ) -> None:
        warn_caller(
            "TransformChatHistory is deprecated: use TransformMessages with the limiters of `transforms`.",
            DeprecationWarning,
        )
        limits = [MessageHistoryLimiter(max_messages), MessageTokenLimiter(max_tokens_per_message, max_tokens, model=None)]
        super().__init__(transforms=limits)


def truncate_str_to_tokens(text: str, max_tokens: int, model: str = DEFAULT_MODEL) -> str:
    """Return the start of a text, of at most `max_tokens` tokens of a model."""
    return get_counter(model).cut(text, max_tokens)
