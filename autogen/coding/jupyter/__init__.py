"""Code executors for Jupyter kernels, which keep their variables from block to block."""

from typing import TYPE_CHECKING

from ..._lazy_imports import attach as _lazy

# For editors and type checkers.
if TYPE_CHECKING:
    from .base import JupyterConnectable as JupyterConnectable
    from .base import JupyterConnectionInfo as JupyterConnectionInfo
    from .docker_jupyter_server import DockerJupyterServer as DockerJupyterServer
    from .embedded_ipython_code_executor import EmbeddedIPythonCodeExecutor as EmbeddedIPythonCodeExecutor
    from .jupyter_client import JupyterClient as JupyterClient
    from .jupyter_code_executor import JupyterCodeExecutor as JupyterCodeExecutor
    from .local_jupyter_server import LocalJupyterServer as LocalJupyterServer

# For the interpreter, which imports a module when one of its names is first used.
_HOME = {
    "JupyterConnectable": "base",
    "JupyterConnectionInfo": "base",
    "JupyterClient": "jupyter_client",
    "LocalJupyterServer": "local_jupyter_server",
    "DockerJupyterServer": "docker_jupyter_server",
    "EmbeddedIPythonCodeExecutor": "embedded_ipython_code_executor",
    "JupyterCodeExecutor": "jupyter_code_executor",
}

__getattr__, __dir__, __all__ = _lazy(globals(), _HOME)
