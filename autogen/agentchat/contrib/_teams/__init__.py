"""Teams that a model plans: the plan, libraries of experts, and the agents that are made of them."""
