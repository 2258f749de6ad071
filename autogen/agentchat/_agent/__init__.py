"""The parts of `ConversableAgent`: state, histories, tools, hooks, turns."""
