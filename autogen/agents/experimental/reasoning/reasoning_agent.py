"""AG2's path of `ReasoningAgent`; see `autogen.agentchat.contrib.reasoning_agent`."""

from ....agentchat.contrib.reasoning_agent import (
    ReasoningAgent,
    ThinkNode,
    extract_rlhf_preference_dataset,
    extract_sft_dataset,
)

__all__ = ["ReasoningAgent", "ThinkNode", "extract_rlhf_preference_dataset", "extract_sft_dataset"]
