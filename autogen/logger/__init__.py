"""Runtime logging: who records what the agents and models do."""
