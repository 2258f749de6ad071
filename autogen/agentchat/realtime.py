"""AG2's path for realtime agents, which are not here: importing it says why."""

raise ImportError(
    "Realtime agents are left out: AG2 itself removed them in 0.11, and they need a live audio service.", name=__name__
)
