"""AG2's ready-made tools."""

from typing import TYPE_CHECKING

from ..._lazy_imports import attach as _lazy

# For editors and type checkers.
if TYPE_CHECKING:
    from .code_execution import PythonCodeExecutionTool as PythonCodeExecutionTool

# For the interpreter: the module of each name, imported when the name is first used.
_HOME = {"PythonCodeExecutionTool": "code_execution"}

__getattr__, __dir__, __all__ = _lazy(globals(), _HOME)
