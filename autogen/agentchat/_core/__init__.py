"""Building blocks that all rooms of `agentchat` share."""
