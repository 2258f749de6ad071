r"""AG2's guardrails. An agent gets them by `register_input_guardrail` and `register_output_guardrail`.

>>> guardrail = RegexGuardrail("no-ids", r"\\bID-\\d+\\b", AgentTarget(reviewer))  # doctest: +SKIP
>>> agent.register_output_guardrail(guardrail)  # doctest: +SKIP
"""

from .._guardrails.classic import Guardrail, GuardrailCheckResult, GuardrailResult, LLMGuardrail, RegexGuardrail

__all__ = ["Guardrail", "GuardrailCheckResult", "GuardrailResult", "LLMGuardrail", "RegexGuardrail"]
