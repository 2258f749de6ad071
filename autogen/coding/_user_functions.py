"""User-defined functions for generated code: their module and required packages."""

from __future__ import annotations

import os
import string
from collections.abc import Mapping, Sequence
from pathlib import Path

from ._processes.runner import ProgramResult
from ._workspace import write_code
from .func_with_reqs import UserFunction, _build_python_functions_file, required_packages, to_stub


class FunctionProvider:
    """A mixin for executors whose Python blocks may import user-defined functions."""

    # The attributes of the executor.
    execution_policies: dict[str, bool]
    _work_dir: Path

    FUNCTION_PROMPT_TEMPLATE = """Your Python code can use the functions below, besides the standard library and installed \
packages. They are in the module `$module_name`. To use a function called `foo`, write `from $module_name import foo`.

$functions"""

    def _set_functions(self, functions: Sequence[UserFunction], functions_module: str) -> None:
        """Set the functions and the name of their module. The first run installs them.

        Raises:
            ValueError: if the name is not an identifier.
            TypeError: if `functions` is not a sequence.
        """
        if not functions_module.isidentifier():
            raise ValueError("Module name must be a valid Python identifier")
        self._functions = [*functions]
        self._functions_module = functions_module
        self._setup_functions_complete = not self._functions

    @property
    def functions_module(self) -> str:
        """The module from which user-defined functions are imported."""
        return self._functions_module

    @property
    def functions(self) -> list[UserFunction]:
        """The user-defined functions."""
        return self._functions

    def format_functions_for_prompt(self, prompt_template: str = FUNCTION_PROMPT_TEMPLATE) -> str:
        """Describe the user-defined functions for a model.

        Args:
            prompt_template: The text, with the placeholders `$module_name` and `$functions`; `$$` is a dollar sign.

        Raises:
            KeyError: if the text contains another placeholder.
        """
        stubs = "\n\n".join(to_stub(func) for func in self._functions)
        return string.Template(prompt_template).substitute(module_name=self._functions_module, functions=stubs)

    def _get_program(self, language: str) -> str:
        raise NotImplementedError

    def _launch_setup(self, command: Sequence[str], settings: Mapping[str, str]) -> ProgramResult:
        """Run a program in the work directory like a code block, with additional environment variables."""
        raise NotImplementedError

    def _ensure_functions(self) -> None:
        """Install the functions, unless they are installed."""
        if not self._setup_functions_complete:
            self._setup_functions()

    # 0.2's name: programs override it to install functions in another way.
    def _setup_functions(self) -> None:
        """Write the module of the functions, install required packages, and try to import it.

        Raises:
            ValueError: if a function is not self-contained, an installation fails, or the module can't be imported.
        """
        python, name = self._get_program("python"), f"{self._functions_module}.py"
        write_code(self._work_dir, name, _build_python_functions_file(self._functions))
        if packages := required_packages(self._functions):
            # Settings such as PIP_INDEX_URL may hold credentials: only pip gets them, generated code does not.
            pip_variables = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
            installation = self._launch_setup([python, "-m", "pip", "install", *packages], pip_variables)
            if installation.timed_out:
                raise ValueError("Pip install timed out")
            if installation.exit_code != 0:
                raise ValueError(f"Pip install failed. {installation.output}")
        if self.execution_policies.get("python", False):
            import_run = self._launch_setup([python, name], {})
            if import_run.exit_code != 0:
                raise ValueError(f"Functions failed to load: {import_run.output}")
        self._setup_functions_complete = True
