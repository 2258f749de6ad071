"""Guardrails: checks on the messages, calls and code that pass through an agent. Public names: `agentchat.guardrails`."""
