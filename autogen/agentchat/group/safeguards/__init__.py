"""AG2's safeguard policies: rules about the texts that agents pass to each other, to models, tools and users."""

from .api import apply_safeguard_policy, reset_safeguard_policy
from .enforcer import SafeguardEnforcer
from .events import SafeguardEvent

__all__ = ["SafeguardEnforcer", "SafeguardEvent", "apply_safeguard_policy", "reset_safeguard_policy"]
