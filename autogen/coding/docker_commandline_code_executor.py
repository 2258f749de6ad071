"""Code execution in a Docker container."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import uuid
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from ._command_line_executor import CommandLineExecutor, format_result, run_until_failure
from ._docker.containers import (
    DEFAULT_LIMITS,
    Isolation,
    check_mount,
    get_first_available,
    hash_settings,
    restart_container,
    start_container,
)
from ._docker.containers import wait_for_ready as _wait_for_ready
from ._docker.engine import connect
from ._docker.execution import run_in_container
from ._docker.ownership import (
    KEPT_LABEL,
    OWNER_LABEL,
    SETTINGS_LABEL,
    end_container,
    get_process_label,
    remove_leftovers,
)
from ._output_files import find_changes, snapshot
from ._processes.limits import Limits as Limits
from ._processes.runner import ProgramResult
from ._user_functions import FunctionProvider
from ._workspace import OUTSIDE_MESSAGE, clear_set_id_bits, make_file_name, write_code
from .base import CodeBlock, CommandLineCodeResult
from .func_with_reqs import UserFunction
from .local_commandline_code_executor import LocalCommandLineCodeExecutor
from .utils import _get_file_name_from_content, silence_pip

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

logger = logging.getLogger(__name__)

__all__ = ["DockerCommandLineCodeExecutor"]

# The programs of the image, independent of those on this machine.
_PROGRAMS = {
    "shell": "sh",
    "javascript": "node",
    **dict.fromkeys(["ps1", "pwsh", "powershell"], "pwsh"),
}
_NOT_EXECUTABLE = ("html", "css")


class DockerCommandLineCodeExecutor(FunctionProvider, CommandLineExecutor):
    r"""Executor that runs code blocks as programs in a Docker container, which runs until `stop()`.

    Only the work directory is shared with the container. Files that blocks install or write elsewhere remain for later
    blocks; processes that a block starts are killed when it ends. The code has no capabilities, and limited memory,
    processors and processes. It runs as the user of this process; see `user`.

    Docker, Docker Desktop, Podman, Colima and rootless engines are found automatically; `DOCKER_HOST` selects another.

    The executor is thread-safe: blocks run one after another. Cancelling an async chat kills the running block. The
    container is stopped when the program ends at the latest; if the program is killed, when the next one starts.

    >>> with DockerCommandLineCodeExecutor(work_dir="coding") as executor:  # doctest: +SKIP
    ...     executor.execute_code_blocks([CodeBlock(language="python", code="print(6 * 7)")])
    CommandLineCodeResult(exit_code=0, output='42\n', code_file='coding/tmp_code_....py')
    """

    DEFAULT_EXECUTION_POLICY = dict(LocalCommandLineCodeExecutor.DEFAULT_EXECUTION_POLICY)
    LANGUAGE_ALIASES = {"py": "python", "js": "javascript"}

    def __init__(
        self,
        image: str = "python:3-slim",
        container_name: str | None = None,
        timeout: int = 60,
        work_dir: Path | str | None = None,
        bind_dir: Path | str | None = None,
        auto_remove: bool = True,
        stop_container: bool = True,
        execution_policies: dict[str, bool] | None = None,
        *,
        network: bool | str = True,
        user: str | None = None,
        limits: Limits | None = None,
        cpus: float | None = 1.0,
        read_only: bool = False,
        capabilities: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        reuse: bool = False,
        functions: Sequence[UserFunction] = [],
        functions_module: str = "functions",
        volumes: Mapping[str, str] | Mapping[Path, str] | None = None,
        startup_timeout: float = 60,
    ) -> None:
        """Start the container, or connect to a shared container.

        Args:
            image: The image. It is pulled if it is not present.
            container_name: The container's name; a unique name by default.
            timeout: Seconds for each block.
            work_dir: The directory of the code, mounted in the container as `/workspace`. It is created if missing. By
                default a new folder in the user's cache directory, or for `reuse` that of the container's name; the output
                of a run names it if there are new files in it.
            bind_dir: The path of the work directory on the engine's machine, if this program runs in a container itself.
            auto_remove: Whether the container is removed when it is stopped.
            stop_container: Whether the container is stopped when this object is garbage-collected, or when the program
                ends. Otherwise it runs until `stop()`.
            execution_policies: For each language, whether its blocks are run, or only saved.
            network: Whether the code has network access; or the name of a Docker network.
            user: User of the code in the form of `docker run --user`, such as `"nobody"`, `"1000:1000"` or `"root"`; `""`
                for the image's user. By default the user of this process, so that files in the work directory have the
                right owner.
            limits: Resource limits: `memory` and `processes` apply to all programs in the container together; memory is
                2 GB by default. `seconds` is ignored, `timeout` applies.
            cpus: Number of processors; None for all.
            read_only: Whether the code can write only to the work directory and `/tmp`.
            capabilities: Capabilities of root to keep, such as `"CHOWN"`; none by default. Programs like `apt-get` need
                `user="root"` and CHOWN, DAC_OVERRIDE, FOWNER, SETGID and SETUID.
            environment: Environment variables of the programs. None of this process's variables are passed on.
            reuse: Whether to share the container, by its name, with other executors that have the same settings and
                `reuse=True`. The executor that created it stops it.
            functions: Functions that blocks may import; see `with_requirements`. The first run installs them in the
                container.
            functions_module: The module from which they are imported.
            volumes: Further folders that the code may read and write: their paths in the container, by those on the
                engine's machine.
            startup_timeout: Seconds in which the container has to start.

        Raises:
            ValueError: if the timeout is less than 1, the module's name is not an identifier, the container does not
                start, the engine does not see the work directory, `reuse` is set without a name, or the named container
                has other settings.
            TypeError: if `functions` is not a sequence.
            FileNotFoundError, FileExistsError: if the work directory can't be created.
            docker.errors.DockerException: If no engine responds (the message lists alternatives), the image is not
                available, or the name is taken.
        """
        limits = limits or DEFAULT_LIMITS
        if reuse and not container_name:
            raise ValueError("reuse=True requires a container_name, by which executors find the shared container.")
        # Executors that share a container share its folder.
        shared_name = f"container-{container_name}" if reuse else None
        super().__init__(timeout, work_dir, execution_policies, limits, default_name=shared_name)
        self._set_functions(functions, functions_module)
        self._work_dir.mkdir(exist_ok=True)
        self._bind_dir = self._work_dir if bind_dir is None else Path(bind_dir)
        self._environment = dict(environment or {})
        self._shared = reuse
        self._lock = threading.Lock()
        self._keep = not auto_remove
        self._isolation = Isolation(limits, cpus, user, network, read_only, tuple(capabilities))
        if volumes:
            folders = tuple((str(Path(source).absolute()), path) for source, path in volumes.items())
            self._isolation = replace(self._isolation, volumes=folders)
        self._startup_timeout = startup_timeout
        name = container_name or f"autogen-code-exec-{uuid.uuid4()}"
        self._client = connect()
        try:
            remove_leftovers(self._client)
            self._container, self._is_ours = self._get_or_create_container(image, name, stop_container)
        except BaseException:
            self._client.close()
            raise
        container_id = self._container.id if stop_container and self._is_ours else None
        self._finish = weakref.finalize(self, _stop_at_exit, os.getpid(), self._client, container_id, self._keep)

    def _get_or_create_container(self, image: str, name: str, stop_container: bool) -> tuple[Container, bool]:
        """Return the running container, and whether it was created here."""
        import docker

        image = get_first_available(self._client, [image])
        folder = self._bind_dir.resolve()
        digest = hash_settings(image, folder, self._isolation)
        if self._shared:
            with contextlib.suppress(docker.errors.NotFound):
                return self._get_shared_container(name, digest), False
        labels = {SETTINGS_LABEL: digest} if self._shared else {}
        if stop_container:
            labels |= {OWNER_LABEL: get_process_label(), **({KEPT_LABEL: "yes"} if self._keep else {})}
        # The executor removes the container that it stops: left to do so itself, a busy engine may remove it in a restart.
        auto_remove = not (self._keep or stop_container)
        try:
            container = start_container(
                self._client, image, name, folder, self._isolation, labels=labels, auto_remove=auto_remove
            )
        except docker.errors.APIError as error:
            # A conflict: another executor created the shared container in the meantime.
            if not self._shared or error.status_code != 409:
                raise
            return self._get_shared_container(name, digest), False
        try:
            _wait_for_ready(container, self._startup_timeout)
            if self._bind_dir is self._work_dir:
                check_mount(container, self._work_dir)
        except BaseException:
            end_container(self._client, container.id, keep=False)
            raise
        return container, True

    def _get_shared_container(self, name: str, digest: str) -> Container:
        container = self._client.containers.get(name)
        if container.labels.get(SETTINGS_LABEL) != digest:
            raise ValueError(
                f"The container {name!r} was created with other settings, or without reuse=True. Use the same image, work "
                "directory, limits, user and network, or another container_name."
            )
        # An owner with auto_remove=False leaves a stopped container.
        if container.status in ("exited", "created"):
            container.start()
            container.reload()
        _wait_for_ready(container)
        return container

    @property
    def bind_dir(self) -> Path:
        """The work directory as seen by the engine."""
        return self._bind_dir

    def execute_code_blocks(self, code_blocks: list[CodeBlock]) -> CommandLineCodeResult:
        """Run the blocks in order until a block fails.

        Returns:
            The exit code of the last block run (124 after a timeout), the output of all blocks, the file of the first
            block, and the files in the work directory that the blocks created or changed. Errors in the code or its file
            name are reported in the result, not raised.

        Raises:
            ValueError: if `code_blocks` is empty, or the user-defined functions can't be installed.
            docker.errors.NotFound: If the container was stopped.
            docker.errors.APIError: If the engine fails.
        """
        if not code_blocks:
            raise ValueError("No code blocks to execute.")
        self._ensure_functions()
        before = snapshot(self._work_dir)
        exit_code, output, names = run_until_failure(code_blocks, self._execute)
        clear_set_id_bits(self._work_dir)
        folder = self._work_dir.resolve()
        changes = find_changes(before, snapshot(folder), exclude=[folder / name for name in names])
        return CommandLineCodeResult(
            exit_code=exit_code,
            output=output + self._describe_files(changes),
            code_file=str(self._work_dir / names[0]) if names else None,
            output_files=changes,
        )

    def _execute(self, block: CodeBlock) -> tuple[int, str, str | None]:
        language = block.language.lower()
        language = self.LANGUAGE_ALIASES.get(language, language)
        if language not in self.DEFAULT_EXECUTION_POLICY:
            return 1, f"Unsupported language {language}\n", None
        code = silence_pip(block.code, language)
        try:
            name = _get_file_name_from_content(code, self._work_dir) or make_file_name(code, language)
            file = write_code(self._work_dir, name, code)
        except ValueError:
            return 1, OUTSIDE_MESSAGE, None
        except OSError as error:
            return 1, f"The code can't be saved: {error.strerror or error}", None
        if not self.execution_policies.get(language, False):
            return 0, f"Code saved to {file}\n", name
        if language in _NOT_EXECUTABLE:
            return 1, f"The {language} block can't be run: no program runs it. It is saved in {file}\n", name
        return *self._run(language, name), name

    def _run(self, language: str, name: str) -> tuple[int, str]:
        return format_result(self._launch([self._get_program(language), Path(name).as_posix()]))

    def _get_program(self, language: str) -> str:
        return _PROGRAMS.get(language, language)

    def _launch_setup(self, command: Sequence[str], settings: Mapping[str, str]) -> ProgramResult:
        return self._launch(command, settings)

    def _launch(
        self,
        command: Sequence[str],
        settings: Mapping[str, str] = {},
        limits: Limits | None = None,
        split: bool = False,
    ) -> ProgramResult:
        # After a block all processes in an unshared container are killed, so blocks must not run concurrently.
        with contextlib.nullcontext() if self._shared else self._lock:
            return run_in_container(
                self._container,
                command,
                env={**settings, **self._environment},
                limits=limits or self._limits,
                folder=self._work_dir,
                shared=self._shared,
                split=split,
            )

    def run_program(self, command: Sequence[str], *, timeout: float | None = None) -> ProgramResult:
        """Run a program in the container, with the work directory as its current directory.

        Args:
            command: The program and its arguments.
            timeout: Seconds; None for those of a block.

        Returns:
            Its `exit_code` (124 after a timeout), `output` and `errors`, the texts of stdout and stderr.

        Raises:
            docker.errors.NotFound: If the container was stopped.
            docker.errors.APIError: If the engine fails.
        """
        limits = self._limits if timeout is None else replace(self._limits, seconds=timeout)
        return self._launch(command, limits=limits, split=True)

    def restart(self) -> None:
        """Restart the container: its processes are killed, its files are kept.

        Raises:
            ValueError: if the container does not run afterwards.
            docker.errors.NotFound: If the container was stopped.
        """
        restart_container(self._container)

    def stop(self) -> None:
        """Stop the container, unless another executor created it. A no-op if it is stopped."""
        if not self._is_ours:
            return
        self._is_ours = False
        end_container(self._client, self._container.id, keep=self._keep)

    def __enter__(self) -> DockerCommandLineCodeExecutor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop the container, even with `stop_container=False`."""
        self.stop()


def _stop_at_exit(creator_pid: int, client: DockerClient, container_id: str | None, keep: bool) -> None:
    """Stop the container and close the client when the executor is garbage-collected or the program ends."""
    # A fork of the program must not stop the container when it ends.
    if creator_pid != os.getpid():
        return
    import docker

    try:
        if container_id is not None:
            end_container(client, container_id, keep=keep)
    except (docker.errors.DockerException, OSError) as error:
        # The SDK's HTTP library raises an OSError if the engine was stopped.
        logger.warning("The container %s can't be stopped: %s", container_id, error)
    finally:
        client.close()
