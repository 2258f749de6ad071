"""Running code in Jupyter kernels, which keep their variables from block to block."""

from typing import TYPE_CHECKING

from ..._lazy_imports import attach as _lazy

if TYPE_CHECKING:  # read by editors and type checkers
    from .base import JupyterConnectable as JupyterConnectable
    from .base import JupyterConnectionInfo as JupyterConnectionInfo
    from .docker_jupyter_server import DockerJupyterServer as DockerJupyterServer
    from .embedded_ipython_code_executor import EmbeddedIPythonCodeExecutor as EmbeddedIPythonCodeExecutor
    from .jupyter_client import JupyterClient as JupyterClient
    from .jupyter_code_executor import JupyterCodeExecutor as JupyterCodeExecutor
    from .local_jupyter_server import LocalJupyterServer as LocalJupyterServer

_HOME = {  # read by the interpreter, when a name is first used
    "JupyterConnectable": "base",
    "JupyterConnectionInfo": "base",
    "JupyterClient": "jupyter_client",
    "LocalJupyterServer": "local_jupyter_server",
    "DockerJupyterServer": "docker_jupyter_server",
    "EmbeddedIPythonCodeExecutor": "embedded_ipython_code_executor",
    "JupyterCodeExecutor": "jupyter_code_executor",
}

__getattr__, __dir__, __all__ = _lazy(globals(), _HOME)
