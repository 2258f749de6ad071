"""Running code in a Docker container."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import uuid
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from ._command_line_executor import CommandLineExecutor, format_result, run_until_failure
from ._docker.containers import (
    KEPT_LABEL,
    OWNER_LABEL,
    SETTINGS_LABEL,
    Isolation,
    check_mount,
    end_container,
    get_first_available,
    remove_leftovers,
    restart_container,
)
from ._docker.containers import get_process_label as _this_process
from ._docker.containers import hash_settings as _digest
from ._docker.containers import start_container as _start
from ._docker.containers import wait_for_ready as _wait_for_ready
from ._docker.engine import connect
from ._docker.execution import run_in_container
from ._output_files import find_changes, snapshot
from ._processes.limits import Limits as Limits
from ._workspace import OUTSIDE_MESSAGE, make_file_name, write_code
from .base import CodeBlock, CommandLineCodeResult
from .local_commandline_code_executor import LocalCommandLineCodeExecutor
from .utils import _get_file_name_from_content, silence_pip

logger = logging.getLogger(__name__)

__all__ = ["DockerCommandLineCodeExecutor"]

_PROGRAMS = {  # those of the image, whatever there is on this machine
    "shell": "sh",
    "javascript": "node",
    **dict.fromkeys(["ps1", "pwsh", "powershell"], "pwsh"),
}
_NOT_PROGRAMS = ("html", "css")


class DockerCommandLineCodeExecutor(CommandLineExecutor):
    """Runs code blocks as programs in a Docker container, which is started once and stays until `stop()`.

    Only the work directory is shared with the container. What blocks install or write elsewhere in it is there for later
    blocks; what they start is killed when the block ends. The code has no rights beyond those of its user, and limited
    memory, processors and processes. It runs as the user of this process, or as root if that is who this is: see `user`.

    Docker, Docker Desktop, Podman, Colima and rootless engines are found by themselves; `DOCKER_HOST` names another.

    It may be used from several threads: one block runs after the other. An asynchronous chat that is cancelled kills the
    block. The container is stopped at the latest when the program ends; if that is killed, when the next one starts.

    >>> with DockerCommandLineCodeExecutor(work_dir="coding") as executor:  # doctest: +SKIP
    ...     executor.execute_code_blocks([CodeBlock(language="python", code="print(6 * 7)")])
    CommandLineCodeResult(exit_code=0, output='42\\n', code_file='coding/tmp_code_....py')
    """

    DEFAULT_EXECUTION_POLICY = dict(LocalCommandLineCodeExecutor.DEFAULT_EXECUTION_POLICY)
    LANGUAGE_ALIASES = {"py": "python", "js": "javascript"}

    def __init__(
        self,
        image: str = "python:3-slim",
        container_name: str | None = None,
        timeout: int = 60,
        work_dir: Path | str = Path("."),
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
    ) -> None:
        """
        Args:
            image: The image. It is pulled if it isn't there.
            container_name: The container's name; by default one that no other has.
            timeout: Seconds for each block.
            work_dir: Where the code is written, and what the container sees as `/workspace`. It is made if it is missing.
            bind_dir: The work directory as the engine sees it, if this program runs in a container itself.
            auto_remove: Whether the container is removed when it is stopped.
            stop_container: Whether it is stopped when this object goes, at the latest with this program. Otherwise it stays
                until `stop()`.
            execution_policies: For each language whether its blocks are run, or only saved.
            network: Whether the code has a network; or the name of a Docker network.
            user: Who runs the code, as `docker run --user` takes it, such as `"nobody"`, `"1000:1000"` or `"root"`; `""`
                for the image's own. By default the user of this process, so that files in the work directory have the right
                owner.
            limits: What the code may use: `memory` of all its programs together, 2 GB by default; `processes` likewise. The
                time in it does not count: `timeout` does.
            cpus: How many processors; None for all.
            read_only: Whether the code can write to the work directory and `/tmp` only.
            capabilities: Rights of root that are kept, such as `"CHOWN"`; none by default. Programs like `apt-get` need
                `user="root"` and CHOWN, DAC_OVERRIDE, FOWNER, SETGID and SETUID.
            environment: Variables for the programs. None of this process's is handed on.
            reuse: Whether to share the container, which needs a name, with all executors of the same settings that say so
                too. It is stopped by the one that made it.

        Raises:
            ValueError: The timeout is less than 1; the container does not start; the engine does not see the work directory;
                there is no name to share, or the container of that name was made with other settings.
            FileNotFoundError, FileExistsError: The work directory can't be made.
            docker.errors.DockerException: No engine answers: the text says what to do. Or it refuses: there is no such
                image, or the name is taken.
        """
        limits = limits or Isolation().limits
        super().__init__(timeout, work_dir, execution_policies, limits)
        if reuse and not container_name:
            raise ValueError("reuse=True needs a container_name: that is how the container is found.")
        self._work_dir.mkdir(exist_ok=True)
        self._bind_dir = self._work_dir if bind_dir is None else Path(bind_dir)
        self._environment = dict(environment or {})
        self._shared = reuse
        self._lock = threading.Lock()
        self._keep = not auto_remove
        self._isolation = Isolation(limits, cpus, user, network, read_only, tuple(capabilities))
        name = container_name or f"autogen-code-exec-{uuid.uuid4()}"
        self._client = connect()
        try:
            remove_leftovers(self._client)
            self._container, self._is_ours = self._found_or_made(image, name, stop_container)
        except BaseException:
            self._client.close()
            raise
        stopped = self._container.id if stop_container and self._is_ours else None
        self._finish = weakref.finalize(self, _finish, os.getpid(), self._client, stopped, self._keep)

    def _found_or_made(self, image: str, name: str, stop_container: bool) -> tuple[Any, bool]:
        """The container, running, and whether it was made here."""
        import docker

        image = get_first_available(self._client, [image])
        folder = self._bind_dir.resolve()
        digest = _digest(image, folder, self._isolation)
        if self._shared:
            with contextlib.suppress(docker.errors.NotFound):
                return self._found(name, digest), False
        labels = {SETTINGS_LABEL: digest} if self._shared else {}
        if stop_container:
            labels |= {OWNER_LABEL: _this_process(), **({KEPT_LABEL: "yes"} if self._keep else {})}
        try:
            container = _start(self._client, image, name, folder, self._isolation, labels=labels, auto_remove=not self._keep)
        except docker.errors.APIError as error:
            if not self._shared or error.status_code != 409:
                raise
            return self._found(name, digest), False  # somebody else made it in between
        try:
            _wait_for_ready(container)
            if self._bind_dir is self._work_dir:
                check_mount(container, self._work_dir)
        except BaseException:
            end_container(self._client, container.id, keep=False)
            raise
        return container, True

    def _found(self, name: str, digest: str) -> Any:
        container = self._client.containers.get(name)
        if container.labels.get(SETTINGS_LABEL) != digest:
            raise ValueError(
                f"The container {name!r} was made with other settings, or not to be shared. Take the same image, work "
                "directory, limits, user and network, with reuse=True; or another name."
            )
        if container.status in ("exited", "created"):
            container.start()
            container.reload()
        _wait_for_ready(container)
        return container

    @property
    def bind_dir(self) -> Path:
        """The work directory as the engine sees it."""
        return self._bind_dir

    def execute_code_blocks(self, code_blocks: list[CodeBlock]) -> CommandLineCodeResult:
        """Run the blocks in order, until one fails.

        Returns:
            The exit code of the last block run (124: its time was up), all output, the file of the first block, and the
            files that the blocks made or changed in the work directory. No error in the code or its file name is raised:
            it is a result.

        Raises:
            ValueError: There are no blocks.
            docker.errors.NotFound: The container was stopped.
            docker.errors.APIError: The engine fails.
        """
        if not code_blocks:
            raise ValueError("No code blocks to execute.")
        before = snapshot(self._work_dir)
        exit_code, output, names = run_until_failure(code_blocks, self._execute)
        folder = self._work_dir.resolve()
        return CommandLineCodeResult(
            exit_code=exit_code,
            output=output,
            code_file=str(self._work_dir / names[0]) if names else None,
            output_files=find_changes(before, snapshot(folder), but=[folder / name for name in names]),
        )

    def _execute(self, block: CodeBlock) -> tuple[int, str, str | None]:
        language = block.language.lower()
        language = self.LANGUAGE_ALIASES.get(language, language)
        if language not in self.DEFAULT_EXECUTION_POLICY:
            return 1, f"Unsupported language {language}\n", None
        code = silence_pip(block.code, language)
        try:
            name = _get_file_name_from_content(code, self._work_dir) or make_file_name(code, language)
            written = write_code(self._work_dir, name, code)
        except ValueError:
            return 1, OUTSIDE_MESSAGE, None
        except OSError as error:
            return 1, f"The code can't be saved: {error.strerror or error}", None
        if not self.execution_policies.get(language, False):
            return 0, f"Code saved to {written}\n", name
        if language in _NOT_PROGRAMS:
            return 1, f"The {language} block can't be run: there is no program for it. It is saved in {written}\n", name
        return *self._run(language, name), name

    def _run(self, language: str, name: str) -> tuple[int, str]:
        command = [_PROGRAMS.get(language, language), Path(name).as_posix()]
        # Alone in its container a block is followed by killing everything there, so the next one has to wait.
        with contextlib.nullcontext() if self._shared else self._lock:
            finished = run_in_container(self._container, command, env=self._environment, limits=self._limits, shared=self._shared)
        return format_result(finished)

    def restart(self) -> None:
        """Start the container anew: what runs in it is lost, its files stay.

        Raises:
            ValueError: It does not run any more.
            docker.errors.NotFound: It was stopped.
        """
        restart_container(self._container)

    def stop(self) -> None:
        """Stop the container. A shared one that another executor made is only let go of. Again, this does nothing."""
        if not self._is_ours:
            return
        self._is_ours = False
        end_container(self._client, self._container.id, keep=self._keep)

    def __enter__(self) -> DockerCommandLineCodeExecutor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop the container, also with `stop_container=False`."""
        self.stop()


def _finish(made_in: int, client: Any, container: str | None, keep: bool) -> None:
    """What is done when an executor goes, or the program ends; not in a fork of the program that ends before it."""
    if made_in != os.getpid():
        return
    import docker

    try:
        if container is not None:
            end_container(client, container, keep=keep)
    except (docker.errors.DockerException, OSError) as error:  # an OSError of its HTTP library: the engine has gone
        logger.warning("The container %s can't be stopped: %s", container, error)
    finally:
        client.close()
