"""Memory of agents: the analysis of what was said, the form in which models see memories, and the methods of agents."""
