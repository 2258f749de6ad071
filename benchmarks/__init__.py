"""Benchmarks of this package: `python -m benchmarks`, or a part of them: `python -m benchmarks.turns`."""
