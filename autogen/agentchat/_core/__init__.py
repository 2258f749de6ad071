"""Building blocks of all packages of `agentchat`."""
