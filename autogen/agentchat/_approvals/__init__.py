"""Approvals of tool calls: the policies of tools, rules in files, and models that review."""
