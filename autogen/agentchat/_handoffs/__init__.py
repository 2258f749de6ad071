"""Hand-offs: their definitions (targets, conditions, context variables), and the decisions about them.

The next speaker is decided in `selector`. In a turn, `member_turn` offers the hand-offs to the model as tools and resolves
the calls. The public names are in `autogen.agentchat.group`.
"""
