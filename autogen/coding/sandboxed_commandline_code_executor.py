"""Code execution on this machine, isolated by Linux namespaces, without the weight of Docker."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

from ._bubblewrap import SandboxView, build_command, check_machine, check_work_dir, find_python_files, locate_python
from ._processes.runner import ProgramResult, run_program
from ._seccomp import make_keyring_replacer, open_filter
from .func_with_reqs import UserFunction
from .local_commandline_code_executor import Limits, LocalCommandLineCodeExecutor

__all__ = ["SandboxedCommandLineCodeExecutor"]

_HOME = "/tmp"
_UNSAFE_VARIABLES = ("TMPDIR", "TEMP", "TMP", "XDG_RUNTIME_DIR", "DISPLAY")

# Shells and bubblewrap report a signal as an exit code: this base plus its number.
_SIGNAL_BASE = 128
_LAST_SIGNAL = 64


class SandboxedCommandLineCodeExecutor(LocalCommandLineCodeExecutor):
    """Executor that runs each block as a program in its own sandbox (Linux, with `bubblewrap` installed).

    It requires no daemon, no image and no privileges, and takes a few milliseconds per block. A program sees:

    - its work directory at the same path, writable;
    - the system's programs and libraries, and the Python that runs blocks with its packages, read-only;
    - a private `/tmp` (its home too) and `/dev/shm`, in memory, deleted when it ends;
    - no other files: not the home directory, nor keys, nor sockets of services;
    - no other processes: it can't read their environment or signal them, and all its children end with it;
    - no kernel keyrings of the user;
    - no network, unless `network=True`: then this machine's network, including its services on loopback.

    The kernel refuses it what code has no use for: keyrings, tracing, BPF, performance counters, mounts, namespaces, kernel
    modules, input typed into a terminal, and set-user-ID and set-group-ID bits of files.

    Parameters, results and limits are otherwise those of `LocalCommandLineCodeExecutor`. Packages must be installed
    beforehand, or with the network enabled and their folder in `writable`.

    Not prevented: a program uses the disk of its work directory, down to `Limits.free_disk`, and it shares the kernel. To
    defend against attacks on the kernel itself, use a virtual machine.

    >>> executor = SandboxedCommandLineCodeExecutor(work_dir="coding")  # doctest: +SKIP
    >>> user = UserProxyAgent("user", code_execution_config={"executor": executor})  # doctest: +SKIP
    """

    def __init__(
        self,
        timeout: int = 60,
        virtual_env_context: SimpleNamespace | None = None,
        work_dir: Path | str | None = None,
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
        """Initialise the executor and check that sandboxes work on this machine.

        Args:
            timeout: Seconds for each block.
            virtual_env_context: The virtual environment that runs Python blocks; see `create_virtual_env`.
            work_dir: The directory in which the code is written and run. It is created if missing. By default a new folder
                in the user's cache directory; the output of a run names it if there are new files in it.
            functions: Functions that blocks may import; see `with_requirements`.
            functions_module: The module from which they are imported.
            execution_policies: For each language, whether its blocks are run, or only saved.
            environment: Environment variables of the programs, besides the safe variables of this process.
            limits: Resource limits of the programs. `seconds` is ignored, `timeout` applies.
            network: Whether the programs see the network.
            readable: Additional readable files and folders.
            writable: Additional writable files and folders.

        Raises:
            RuntimeError: if this machine can't create a sandbox; the message explains the changes required.
            ValueError: if the timeout is less than 1, the module's name is not an identifier, or the work directory
                contains the home directory or a system folder.
            FileNotFoundError: if a path in `readable` or `writable` does not exist, or the work directory can't be created.
        """
        check_machine()
        if work_dir is not None:
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
        writable_paths = [Path(path).resolve(strict=True) for path in writable]
        python_files = find_python_files(self._get_program("python"), *prefixes)
        # A read-only mount inside of a writable folder would make part of it read-only.
        read_only = [path for path in python_files if not any(path.is_relative_to(folder) for folder in writable_paths)]
        self._view = SandboxView(
            work_dir=self._work_dir.resolve(),
            read=[*read_only, *(Path(path).resolve(strict=True) for path in readable)],
            write=writable_paths,
            network=network,
        )
        self._real_paths = self._view.resolve_paths()

    def _launch(self, command: Sequence[str], settings: Mapping[str, str] = {}) -> ProgramResult:
        # Earlier code may have replaced a folder by a link to a folder outside of the sandbox.
        if self._view.resolve_paths() != self._real_paths or self._work_dir.resolve() != self._view.work_dir:
            raise OSError("the folders of the sandbox were replaced since it was created")
        with open_filter() as filter_file:
            try:
                sandboxed = build_command(self._view, command, filter_file)
            except RuntimeError as error:
                # Bubblewrap was uninstalled meanwhile.
                raise OSError(str(error)) from error
            result = run_program(
                sandboxed,
                cwd=self._work_dir,
                env={**settings, **self._build_environment()},
                limits=self._limits,
                descriptors=[filter_file],
                prepare=make_keyring_replacer(),
            )
        if not result.timed_out and _SIGNAL_BASE < result.exit_code <= _SIGNAL_BASE + _LAST_SIGNAL:
            return replace(result, exit_code=_SIGNAL_BASE - result.exit_code)
        return result

    def _locate(self, program: str) -> str:
        return str(locate_python(program))

    def _build_environment(self) -> dict[str, str]:
        """Return the environment of generated code, without variables that refer to paths outside of the sandbox."""
        inherited = super()._build_environment()
        safe = {name: value for name, value in inherited.items() if name not in _UNSAFE_VARIABLES}
        return {**safe, "HOME": _HOME, **self._environment}
