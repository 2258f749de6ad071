"""The functions of an `AgentOptimizer`: how a model edits them, how they are checked and run, and their versions."""
