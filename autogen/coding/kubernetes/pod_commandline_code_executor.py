"""A code executor for a pod of a Kubernetes cluster."""

from __future__ import annotations

import atexit
import posixpath
import uuid
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from .._command_line_executor import CommandLineExecutor, format_result, run_until_failure
from .._workspace import OUTSIDE_MESSAGE, make_file_name
from ..base import CodeBlock, CommandLineCodeResult
from ..utils import requested_name, silence_pip
from ._pod import Pod, build_pod_spec, get_own_namespace, make_api_client

if TYPE_CHECKING:
    from kubernetes.client import V1Pod

__all__ = ["PodCommandLineCodeExecutor"]

_PROGRAMS = {
    "bash": "bash", "shell": "sh", "sh": "sh", "python": "python", "javascript": "node",
    "pwsh": "pwsh", "powershell": "pwsh", "ps1": "pwsh",
}  # fmt: skip
_EXTENSIONS = {"javascript": "js", "bash": "sh", "shell": "sh", "python": "py"}


class PodCommandLineCodeExecutor(CommandLineExecutor):
    """Runs code blocks as programs in a pod, which lives as long as the executor.

    >>> with PodCommandLineCodeExecutor(namespace="agents") as executor:  # doctest: +SKIP
    ...     user = UserProxyAgent("user", code_execution_config={"executor": executor})

    The pod gets no token of the cluster, so that code has no rights there. Use a `pod_spec` for limits of memory and CPU, a
    user or a network policy. The image needs `sh`, `timeout`, `head` and the programs that run the blocks. A process that
    leaves its process group lives on in the pod.
    """

    DEFAULT_EXECUTION_POLICY = {
        **dict.fromkeys(["bash", "shell", "sh", "python"], True),
        **dict.fromkeys(["javascript", "html", "css", "pwsh", "powershell", "ps1"], False),
    }
    LANGUAGE_ALIASES = {"py": "python", "js": "javascript"}

    def __init__(
        self,
        image: str = "python:3-slim",
        pod_name: str | None = None,
        namespace: str | None = None,
        pod_spec: V1Pod | None = None,
        container_name: str | None = "autogen-code-exec",
        timeout: int = 60,
        work_dir: Path | str = Path("/workspace"),
        kube_config_file: str | None = None,
        stop_container: bool = True,
        execution_policies: dict[str, bool] | None = None,
    ) -> None:
        """Create the pod, and wait until it runs.

        Args:
            image: The container image.
            pod_name: The name of the pod; by default a random name.
            namespace: The namespace of the pod; by default that of the pod that runs this process.
            pod_spec: The definition of the pod, instead of image, name and namespace. Its container must stay alive by
                itself.
            container_name: The container that runs the code.
            timeout: Seconds for each block, and for the pod to start.
            work_dir: The working directory in the pod. It is created if it does not exist.
            kube_config_file: The kube config of the cluster; by default `KUBECONFIG`, `~/.kube/config`, or that of this pod.
            stop_container: Delete the pod when this process ends.
            execution_policies: For each language, whether its blocks are run (True) or only saved (False).

        Raises:
            ImportError: if the extra `kubernetes` is not installed.
            kubernetes.config.ConfigException: If no cluster is configured.
            ValueError: if the timeout is less than 1, the namespace is missing, the pod has no such container, or the pod
                can't be created or does not run in time.
        """
        client = make_api_client(kube_config_file)
        super().__init__(timeout, work_dir, execution_policies)
        self._container_name = container_name or "autogen-code-exec"
        self._running = Pod(client, self._complete_spec(image, pod_name, namespace, pod_spec), self._container_name, timeout)
        self._pod = self._running.created
        if stop_container:
            atexit.register(self._running.delete)

    def _complete_spec(self, image: str, pod_name: str | None, namespace: str | None, pod_spec: V1Pod | None) -> V1Pod:
        """Add a name and a namespace to the definition of the pod, or build a whole definition.

        Raises:
            ValueError: if the namespace is missing, or the pod has no such container.
        """
        spec_namespace = pod_spec.metadata.namespace if pod_spec is not None and pod_spec.metadata else None
        namespace = spec_namespace or namespace or get_own_namespace()
        if not namespace:
            raise ValueError("Namespace where the pod will be launched must be provided")
        name = pod_name or f"autogen-code-exec-{uuid.uuid4()}"
        spec = build_pod_spec(name, namespace, image, self._container_name)
        if pod_spec is None:
            return spec
        names = [container.name for container in pod_spec.spec.containers] if pod_spec.spec else []
        if self._container_name not in names:
            raise ValueError(f"The pod has no container {self._container_name!r}; its containers are {names}.")
        if pod_spec.metadata is not None:
            spec.metadata = pod_spec.metadata
            spec.metadata.namespace = namespace
            spec.metadata.name = pod_spec.metadata.name or name
        spec.spec = pod_spec.spec
        return spec

    def execute_code_blocks(self, code_blocks: list[CodeBlock]) -> CommandLineCodeResult:
        """Run the blocks in order, until one fails.

        Errors in the code and errors of the cluster are results, not exceptions.

        Returns:
            The exit code of the last block (124 after a timeout), all output, and the file of the first block, in the pod.

        Raises:
            ValueError: if `code_blocks` is empty.
        """
        if not code_blocks:
            raise ValueError("No code blocks to execute.")
        exit_code, output, files = run_until_failure(code_blocks, self._try_execute)
        return CommandLineCodeResult(exit_code=exit_code, output=output, code_file=files[0] if files else None)

    def _try_execute(self, block: CodeBlock) -> tuple[int, str, str | None]:
        try:
            return self._execute(block)
        except OSError as error:
            return 1, f"The code can't be run: {error}", None

    def _execute(self, block: CodeBlock) -> tuple[int, str, str | None]:
        language = block.language.lower()
        code = silence_pip(block.code, language)
        language = self.LANGUAGE_ALIASES.get(language, language)
        if language not in self.DEFAULT_EXECUTION_POLICY:
            return 1, f"Unsupported language {language}\n", None
        # Paths of the pod are POSIX paths, whatever the system of this process.
        work_dir = self._work_dir.as_posix()
        try:
            name = _resolve_name(work_dir, requested_name(code) or make_file_name(code, _EXTENSIONS.get(language, language)))
        except ValueError:
            return 1, OUTSIDE_MESSAGE, None
        path = posixpath.join(work_dir, name)
        folder, file_name = posixpath.split(name)
        problem = self._running.write(work_dir, folder or ".", file_name, code.encode("utf-8", "replace"))
        if problem is not None:
            return 1, f"The code can't be saved: {problem}", None
        if not self.execution_policies.get(language, False):
            return 0, f"Code saved to {path}\n", path
        if language not in _PROGRAMS:
            return 1, f"The {language} block can't be run: no program is known for this language.", path
        result = self._running.run(work_dir, [_PROGRAMS[language], path], self._limits)
        return *format_result(result), path

    def stop(self) -> None:
        """Delete the pod."""
        self._running.delete()
        atexit.unregister(self._running.delete)

    def restart(self) -> None:
        """Do nothing: each block is a process of its own, and files stay in the pod."""

    def __enter__(self) -> PodCommandLineCodeExecutor:
        """Return the executor itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Delete the pod."""
        self.stop()


def _resolve_name(work_dir: str, name: str) -> str:
    """Return a file name relative to the working directory.

    Links are not resolved, since they are in the pod and lead to files of the pod.

    Raises:
        ValueError: if the name leads out of the working directory.
    """
    path = posixpath.normpath(posixpath.join(work_dir, name))
    relative = posixpath.relpath(path, work_dir)
    if "\0" in name or relative == "." or relative.split("/")[0] == "..":
        raise ValueError(f"The file name {name!r} is not in the workspace.")
    return relative
