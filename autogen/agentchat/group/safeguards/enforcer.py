"""The class behind safeguard policies."""

from ..._guardrails.enforcer import SafeguardEnforcer

__all__ = ["SafeguardEnforcer"]
