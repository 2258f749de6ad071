"""Applying and removing safeguard policies."""

from ..._guardrails.enforcer import apply_safeguard_policy, reset_safeguard_policy

__all__ = ["apply_safeguard_policy", "reset_safeguard_policy"]
