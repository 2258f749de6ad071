"""A Docker container."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..coding._workspace import write_code
from .python_environment import PythonEnvironment
from .working_directory import WorkingDirectory

if TYPE_CHECKING:
    from ..coding import DockerCommandLineCodeExecutor
    from ..coding._processes.runner import ProgramResult

__all__ = ["DockerPythonEnvironment"]

_INSTALLATION_TIMEOUT = 600  # seconds


class DockerPythonEnvironment(PythonEnvironment):
    """A Python in a Docker container, which runs as in `DockerCommandLineCodeExecutor` while the `with` block does.

    The folder of the code is the `WorkingDirectory` that is current when the block begins, or else a temporary folder;
    the container sees it as its current directory, and nothing else of this machine but the volumes.

    Args:
        image: The image. It is pulled if it is not present.
        container_name_prefix: Beginning of the container's name.
        volumes: Further folders: their paths in the container, by those on this machine.
        environment: Environment variables of the programs. None of this process's variables are passed on.
        network: Name of a Docker network, `none` for no network; None for the default network.
        pip_packages: Packages to install when the container has started.
        requirements_file: A file of requirements to install.
        dockerfile: A Dockerfile, from which an image is built in place of `image`.
        build_args: Arguments of this build.
        cleanup_container: False to keep the container, stopped, after the block.
        keep_container_running: True to leave the container running after the block.
        container_startup_timeout: Seconds in which the container has to start.
    """

    def __init__(
        self,
        image: str = "python:3.11-slim",
        container_name_prefix: str = "ag2_docker_env_",
        volumes: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
        network: str | None = None,
        pip_packages: Sequence[str] | None = None,
        requirements_file: str | None = None,
        dockerfile: str | None = None,
        build_args: Mapping[str, str] | None = None,
        cleanup_container: bool = True,
        keep_container_running: bool = False,
        container_startup_timeout: int = 30,
    ) -> None:
        super().__init__()
        self.image = image
        self.container_name_prefix = container_name_prefix
        self.volumes = dict(volumes or {})
        self.environment = dict(environment or {})
        self.network = network
        self.pip_packages = list(pip_packages or [])
        self.requirements_file = requirements_file
        self.dockerfile = dockerfile
        self.build_args = dict(build_args or {})
        self.cleanup_container = cleanup_container
        self.keep_container_running = keep_container_running
        self.container_startup_timeout = container_startup_timeout
        self._executor: DockerCommandLineCodeExecutor | None = None
        self._temporary_folder: str | None = None

    def get_executable(self) -> str:
        """Return the name of the Python in the container.

        Raises:
            RuntimeError: outside of the `with` block.
        """
        self._get_executor()
        return "python"

    def _get_executor(self) -> DockerCommandLineCodeExecutor:
        if self._executor is None:
            raise RuntimeError("A DockerPythonEnvironment has its container inside its `with` block: use it there.")
        return self._executor

    def _setup_environment(self) -> None:
        from ..coding import DockerCommandLineCodeExecutor

        directory = WorkingDirectory.get_current_working_directory()
        if directory is None:
            self._temporary_folder = tempfile.mkdtemp(prefix="autogen-docker-")
        try:
            image = self.image if self.dockerfile is None else self._build_image(self.dockerfile)
            self._executor = DockerCommandLineCodeExecutor(
                image,
                f"{self.container_name_prefix}{uuid.uuid4().hex[:12]}",
                work_dir=self._temporary_folder if directory is None else directory.path,
                auto_remove=self.cleanup_container,
                stop_container=not self.keep_container_running,
                network=True if self.network is None else self.network,
                environment=self.environment,
                volumes=self.volumes,
                startup_timeout=self.container_startup_timeout,
            )
            self._install_packages()
        except BaseException:
            if self._executor is not None:
                self._executor.stop()
            self._forget_container()
            raise

    def _build_image(self, dockerfile: str) -> str:
        from ..coding._docker.engine import connect

        path = Path(dockerfile).absolute()
        client = connect()
        try:
            # The build sees the folder of its file, as `docker build` does.
            image, _ = client.images.build(
                path=str(path.parent), dockerfile=path.name, buildargs=self.build_args, rm=True, forcerm=True
            )
            return str(image.id)
        finally:
            client.close()

    def _install_packages(self) -> None:
        executor = self._get_executor()
        requirements = list(self.pip_packages)
        if self.requirements_file is not None:
            name = f"requirements-{uuid.uuid4().hex[:8]}.txt"
            file = write_code(executor.work_dir, name, Path(self.requirements_file).read_text(encoding="utf-8"))
        else:
            name, file = "", None
        try:
            options = [*requirements, *(["-r", name] if name else [])]
            if not options:
                return
            # The container is there for these packages alone, so nothing of a distribution can break.
            command = ["env", "PIP_BREAK_SYSTEM_PACKAGES=1", "python", "-m", "pip", "install", "--quiet", *options]
            result = executor.run_program(command, timeout=_INSTALLATION_TIMEOUT)
            if result.exit_code != 0:
                raise RuntimeError(f"The packages can't be installed: {(result.errors or result.output).strip()}")
        finally:
            if file is not None:
                file.unlink(missing_ok=True)

    def _cleanup_environment(self) -> None:
        if not self.keep_container_running:
            self._get_executor().stop()
        self._forget_container()

    def _forget_container(self) -> None:
        self._executor = None
        # A container that goes on running needs its folder.
        if self._temporary_folder is not None and not self.keep_container_running:
            shutil.rmtree(self._temporary_folder, ignore_errors=True)
        self._temporary_folder = None

    def _run_script(self, code: str, script: Path, folder: Path, timeout: float) -> ProgramResult:
        executor = self._get_executor()
        work_dir = Path(executor.work_dir).absolute()
        # A file elsewhere on this machine is not in the container.
        name = script.relative_to(work_dir) if script.is_relative_to(work_dir) else Path(script.name)
        write_code(work_dir, str(name), code)
        return executor.run_program([self.get_executable(), name.as_posix()], timeout=timeout)
