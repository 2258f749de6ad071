"""Measurements. Each module prints a table: `python -m benchmarks.turns`."""
