"""Creation of executors from a configuration."""

from __future__ import annotations

from .base import CodeExecutionConfig, CodeExecutor
from .local_commandline_code_executor import LocalCommandLineCodeExecutor

__all__ = ["CodeExecutorFactory"]


class CodeExecutorFactory:
    """Factory of executors."""

    @staticmethod
    def create(code_execution_config: CodeExecutionConfig) -> CodeExecutor:
        """Return the executor of a `code_execution_config`, created if the config holds only its name.

        Raises:
            ValueError: if the executor is unknown.
        """
        executor = code_execution_config.get("executor")
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
        raise ValueError(f"Unknown code executor {executor}")
