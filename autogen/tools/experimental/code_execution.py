"""AG2's tool that runs Python code in an environment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

from pydantic import BaseModel, Field

from ...environments import PythonEnvironment, WorkingDirectory
from ..tool import Tool

__all__ = ["PythonCodeExecutionTool"]


class CodeExecutionRequest(BaseModel):
    """Code that a model wants to run.

    Attributes:
        code: The code.
        libraries: Libraries that it needs.
    """

    code: Annotated[str, Field(description="Python code to run. Print what you want to know.")]
    libraries: Annotated[list[str], Field(description="Names of the libraries that the code imports.")] = []


class PythonCodeExecutionTool(Tool):
    """The tool `python_execute_code`: a model runs Python code in an environment, as a program of its own.

    Args:
        timeout: Seconds for the code.
        working_directory: Folder in which it runs; None for that which is current.
        python_environment: Environment; None for that which is current.

    Raises:
        AssertionError: if there is no working directory or no environment, neither given nor current.

    >>> with SystemPythonEnvironment(), WorkingDirectory.create_tmp():  # doctest: +SKIP
    ...     agent.run("What is 2**100?", tools=PythonCodeExecutionTool())
    """

    def __init__(
        self,
        *,
        timeout: int = 30,
        working_directory: WorkingDirectory | None = None,
        python_environment: PythonEnvironment | None = None,
    ) -> None:
        directory = WorkingDirectory.get_current_working_directory(working_directory)
        environment = PythonEnvironment.get_current_python_environment(python_environment)
        assert directory is not None, "PythonCodeExecutionTool needs a working_directory, or the block of one."
        assert environment is not None, "PythonCodeExecutionTool needs a python_environment, or the block of one."

        async def execute_code(
            code_execution_request: Annotated[CodeExecutionRequest, "The code, and the libraries that it needs."],
        ) -> dict[str, Any]:
            # A name of its own, because several calls may run at once.
            script = Path(directory.path, f"script_{uuid4().hex[:12]}.py")
            with directory.use():
                result = await environment.execute_code(code_execution_request.code, str(script), timeout)
            if code_execution_request.libraries:
                names = ", ".join(code_execution_request.libraries)
                result["note"] = f"This tool installs nothing. These libraries were used if they are installed: {names}."
            return result

        super().__init__(
            name="python_execute_code",
            description="Run Python code and return what it prints.",
            func_or_tool=execute_code,
        )
