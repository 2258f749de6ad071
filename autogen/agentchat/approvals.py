"""Approvals: tools that are called after somebody, or a rule, has approved the call.

>>> def check_amount(call):
...     return True if call.arguments["euros"] <= 50 else "human"
>>> @user.register_for_execution(approve=check_amount)  # doctest: +SKIP
... def pay(euros: int) -> str: ...
"""

from .._journal import AlreadyAnswered, Answer, NotAnApprover, Pending, QuestionExpired
from ._approvals.extract import Extract
from ._approvals.labels import trusted
from ._approvals.policy import Ask, Edit, require_approval
from ._approvals.preview import preview_diff
from ._approvals.reviewer import Reviewer
from ._approvals.rules import Rules
from ._guardrails.checks import GuardedCall

__all__ = [
    "AlreadyAnswered",
    "Answer",
    "Ask",
    "Edit",
    "Extract",
    "GuardedCall",
    "NotAnApprover",
    "Pending",
    "QuestionExpired",
    "Reviewer",
    "Rules",
    "preview_diff",
    "require_approval",
    "trusted",
]
