"""AG2's path for the events of hand-offs."""
