"""The components of this package that documents may consist of; see `autogen.specs`."""

from __future__ import annotations

from ..specs._registry import register_type
from .agents import AGENT_TYPES
from .chats import CHAT_TYPES
from .conditions import CONDITION_TYPES
from .contexts import CONTEXT_TYPES
from .executors import EXECUTOR_TYPES
from .models import MODEL_TYPES
from .patterns import PATTERN_TYPES
from .toolkits import TOOLKIT_TYPES
from .tools import TOOL_TYPES

for _type in (
    *(*MODEL_TYPES, *AGENT_TYPES, *CHAT_TYPES, *PATTERN_TYPES, *CONDITION_TYPES, *EXECUTOR_TYPES),
    *(*TOOL_TYPES, *TOOLKIT_TYPES, *CONTEXT_TYPES),
):
    register_type(_type)
