"""Subprocesses: limits, environment, process trees, and bounded output."""
