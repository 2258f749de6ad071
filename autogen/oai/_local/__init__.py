"""Local models: weights, and a server in this process."""
