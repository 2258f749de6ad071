"""Definitions of hand-offs: targets, conditions and context variables, which know agents by their protocol only."""
