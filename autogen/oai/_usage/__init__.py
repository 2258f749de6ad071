"""Token counts, prices and cost of responses."""
