"""Agents of special kinds, and capabilities that can be added to agents. Each is imported from its own module."""

from ..._lazy_imports import attach as _lazy

__getattr__, __dir__, _ = _lazy(
    globals(),
    {},
    (
        "agent_builder",
        "agent_eval",
        "agent_optimizer",
        "capabilities",
        "captainagent",
        "compressible_agent",
        "gpt_assistant_agent",
        "img_utils",
        "llava_agent",
        "math_user_proxy_agent",
        "multimodal_conversable_agent",
        "openai_responses_agent",
        "reasoning_agent",
        "society_of_mind_agent",
        "swarm_agent",
        "teachable_agent",
        "text_analyzer_agent",
    ),
)
