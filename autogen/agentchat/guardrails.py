"""Guardrails: checks on what comes in, what goes out, and what a tool is called with.

>>> from autogen.agentchat.guardrails import Tripped, pii
>>> def check_amount(call):
...     return Tripped("more than 100 euros") if call.arguments.get("euros", 0) > 100 else None
>>> agent.register_guardrail(check_amount, on="tool")  # doctest: +SKIP
>>> agent.register_guardrail(pii(), on="output")  # doctest: +SKIP
"""

from ..exception_utils import GuardrailTripped
from ._guardrails.bundle import Guardrails
from ._guardrails.checks import GuardedCall, Tripped
from ._guardrails.classic import LLMGuardrail, RegexGuardrail
from ._guardrails.detectors import injection, max_length, pii, secrets

__all__ = [
    "GuardedCall",
    "GuardrailTripped",
    "Guardrails",
    "LLMGuardrail",
    "RegexGuardrail",
    "Tripped",
    "injection",
    "max_length",
    "pii",
    "secrets",
]
