r"""AG2's environments: the Python that runs the code of a tool, and the folder in which it runs.

They are context managers, and current inside their `with` block.

>>> with SystemPythonEnvironment() as environment, WorkingDirectory.create_tmp() as folder:  # doctest: +SKIP
...     result = await environment.execute_code("print(6 * 7)", os.path.join(folder.path, "script.py"))
>>> result  # doctest: +SKIP
{'success': True, 'stdout': '42\n', 'stderr': '', 'returncode': 0}
"""

from .docker_python_environment import DockerPythonEnvironment
from .python_environment import PythonEnvironment
from .system_python_environment import SystemPythonEnvironment
from .venv_python_environment import VenvPythonEnvironment
from .working_directory import WorkingDirectory

__all__ = [
    "DockerPythonEnvironment",
    "PythonEnvironment",
    "SystemPythonEnvironment",
    "VenvPythonEnvironment",
    "WorkingDirectory",
]
