"""Creation of executors from a configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from .base import CodeExecutionConfig, CodeExecutor
from .local_commandline_code_executor import LocalCommandLineCodeExecutor

__all__ = ["CodeExecutorFactory"]


class CodeExecutorFactory:
    """Factory of executors."""

    @staticmethod
    def create(code_execution_config: CodeExecutionConfig) -> CodeExecutor:
        """Return the executor of a `code_execution_config`, created if the config holds only its name.

        A name such as "acme.box" is that of an extension's executor, whose arguments stand under the same name.

        Raises:
            ValueError: if the executor is unknown.
            ExtensionError: if the extension can't be loaded, or has no such executor.
        """
        executor: object = code_execution_config.get("executor")
        if isinstance(executor, CodeExecutor):
            return executor
        if executor == "commandline-local":
            return LocalCommandLineCodeExecutor(**code_execution_config.get("commandline-local", {}))
        if executor == "ipython-embedded":
            from .jupyter.embedded_ipython_code_executor import EmbeddedIPythonCodeExecutor

            return EmbeddedIPythonCodeExecutor(**code_execution_config.get("ipython-embedded", {}))
        if executor == "jupyter":
            from .jupyter.jupyter_code_executor import JupyterCodeExecutor

            options = dict(code_execution_config.get("jupyter", {}))
            if "jupyter_server" not in options:
                from .jupyter.local_jupyter_server import LocalJupyterServer

                options["jupyter_server"] = LocalJupyterServer()
            return JupyterCodeExecutor(**options)
        if isinstance(executor, str) and "." in executor:
            from ..extensions import find_part

            options = cast("Mapping[str, Any]", code_execution_config).get(executor, {})
            return cast("CodeExecutor", find_part("executors", executor)(**options))
        raise ValueError(f"Unknown code executor {executor}")
