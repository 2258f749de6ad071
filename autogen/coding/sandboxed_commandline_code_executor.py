"""Running code on this machine, isolated by the Linux kernel: between nothing and Docker."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

from ._bubblewrap import SandboxView, build_command, check_machine, check_work_dir, find_python_files
from ._processes.runner import ProgramResult
from .func_with_reqs import UserFunction
from .local_commandline_code_executor import Limits, LocalCommandLineCodeExecutor

__all__ = ["SandboxedCommandLineCodeExecutor"]

_HOME = "/tmp"
_LEADS_OUTSIDE = ("TMPDIR", "TEMP", "TMP", "XDG_RUNTIME_DIR", "DISPLAY")
_SIGNALLED = 128  # a shell, and bubblewrap, tell of a signal by this and its number
_LAST_SIGNAL = 64


class SandboxedCommandLineCodeExecutor(LocalCommandLineCodeExecutor):
    """Runs code blocks as programs on this machine, each in a sandbox of its own (Linux, with `bubblewrap` installed).

    It needs no daemon, no image and no rights, and costs some milliseconds a block. A program sees:

    - its work directory, at the same path, and may write there;
    - the system's programs and libraries, and the Python that runs blocks with its packages, to read;
    - a `/tmp` (its home, too) and a `/dev/shm` of its own, in memory, gone when it ends;
    - no other file: not the home directory, nor keys, nor sockets of services;
    - no other process: it can't read their environment, nor signal them, and all it starts ends with it;
    - no network, unless `network=True`: then that of this machine, its own services on loopback included.

    In all else it is a `LocalCommandLineCodeExecutor`: the same parameters, results and limits. Packages are installed
    beforehand, or with the network on and their folder in `writable`.

    What it does not stop: a program fills the disk by way of its work directory, and the kernel is shared. Where attacks
    on the kernel itself are to be feared, a virtual machine is the tool.

    >>> executor = SandboxedCommandLineCodeExecutor(work_dir="coding")  # doctest: +SKIP
    >>> user = UserProxyAgent("user", code_execution_config={"executor": executor})  # doctest: +SKIP
    """

    def __init__(
        self,
        timeout: int = 60,
        virtual_env_context: SimpleNamespace | None = None,
        work_dir: Path | str = Path("."),
        functions: Sequence[UserFunction] = [],
        functions_module: str = "functions",
        execution_policies: dict[str, bool] | None = None,
        *,
        environment: Mapping[str, str] | None = None,
        limits: Limits | None = None,
        network: bool = False,
        readable: Sequence[Path | str] = (),
        writable: Sequence[Path | str] = (),
    ) -> None:
        """
        Args:
            timeout: Seconds for each block.
            virtual_env_context: The virtual environment whose Python runs the blocks; see `create_virtual_env`.
            work_dir: Where the code is written and run. It is made if it is missing.
            functions: Functions that blocks may import; see `with_requirements`.
            functions_module: The module they are imported from.
            execution_policies: For each language whether its blocks are run, or only saved.
            environment: Variables for the programs, besides the harmless ones of this process.
            limits: What the programs may use. The time in it does not count: `timeout` does.
            network: Whether the programs see the network.
            readable: More files and folders that they may read.
            writable: More files and folders that they may write to.

        Raises:
            RuntimeError: This machine can't make a sandbox; the message says what to change.
            ValueError: The timeout is less than 1, the module's name is no identifier, or the work directory holds what
                code must not change (the home directory, or a folder of the system).
            FileNotFoundError: A path to be readable or writable does not exist, or the work directory can't be made.
        """
        check_machine()
        check_work_dir(Path(work_dir).resolve())
        super().__init__(
            timeout,
            virtual_env_context,
            work_dir,
            functions,
            functions_module,
            execution_policies,
            environment=environment,
            limits=limits,
        )
        prefixes = () if virtual_env_context else (sys.prefix, sys.base_prefix, sys.base_exec_prefix)
        write = [Path(path).resolve(strict=True) for path in writable]
        python = find_python_files(self._program("python"), *prefixes)
        closed = [path for path in python if not any(path.is_relative_to(opened) for opened in write)]
        self._view = SandboxView(
            work_dir=self._work_dir.resolve(),
            read=[*closed, *(Path(path).resolve(strict=True) for path in readable)],
            write=write,
            network=network,
        )
        self._real_paths = self._view.resolve_paths()

    def _launch(self, command: Sequence[str], settings: Mapping[str, str] = {}) -> ProgramResult:
        if self._view.resolve_paths() != self._real_paths or self._work_dir.resolve() != self._view.work_dir:
            raise OSError("the folders of the sandbox lead elsewhere than when it was made")  # by a link of earlier code
        try:
            sandboxed = build_command(self._view, command)
        except RuntimeError as error:  # bubblewrap was removed meanwhile
            raise OSError(str(error)) from error
        finished = super()._launch(sandboxed, settings)
        if not finished.timed_out and _SIGNALLED < finished.exit_code <= _SIGNALLED + _LAST_SIGNAL:
            return replace(finished, exit_code=_SIGNALLED - finished.exit_code)
        return finished

    def _child_environment(self) -> dict[str, str]:
        """That of generated code, without what leads out of the sandbox."""
        inherited = super()._child_environment()
        own = {name: value for name, value in inherited.items() if name not in _LEADS_OUTSIDE}
        return {**own, "HOME": _HOME, **self._environment}
