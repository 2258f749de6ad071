"""Capabilities: what can be added to an agent that exists, and removed again. Each is imported from its own module."""

from ...._lazy_imports import attach as _lazy

__getattr__, __dir__, _ = _lazy(
    globals(),
    {},
    (
        "agent_capability",
        "context_handling",
        "generate_images",
        "memory",
        "plan",
        "skills",
        "teachability",
        "text_compressors",
        "tools_capability",
        "transform_messages",
        "transforms",
        "transforms_util",
        "vision_capability",
    ),
)
