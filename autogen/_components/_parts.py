"""The types of fields that hold components."""

from __future__ import annotations

from typing import Annotated, Any

from ..specs.fields import Part

AgentPart = Annotated[Any, Part("agent")]
ChatPart = Annotated[Any, Part("chat")]
ConditionPart = Annotated[Any, Part("condition")]
ContextPart = Annotated[Any, Part("context")]
ExecutorPart = Annotated[Any, Part("executor")]
ModelPart = Annotated[Any, Part("model", allows_false=True)]
ToolPart = Annotated[Any, Part("tool")]
