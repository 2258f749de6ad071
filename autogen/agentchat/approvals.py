"""Approvals: tools that are called after somebody, or a rule, has approved the call.

>>> def check_amount(call):
...     return True if call.arguments["euros"] <= 50 else "human"
>>> @user.register_for_execution(approve=check_amount)  # doctest: +SKIP
... def pay(euros: int) -> str: ...
"""

from .._journal import AlreadyAnswered, Answer, Pending
from ._guardrails.checks import GuardedCall
from ._replies.approval import Edit, require_approval

__all__ = ["AlreadyAnswered", "Answer", "Edit", "GuardedCall", "Pending", "require_approval"]
