"""AG2's ready-made agents, under its paths."""
