"""Running code in a pod of a Kubernetes cluster."""

from __future__ import annotations

import atexit
import posixpath
import uuid
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from .._command_line_executor import CommandLineExecutor, format_result, run_until_failure
from .._workspace import OUTSIDE_MESSAGE, make_file_name
from ..base import CodeBlock, CommandLineCodeResult
from ..utils import requested_name, silence_pip
from ._pod import Pod, api_client, own_namespace, plain_pod

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

    The pod is asked for without a token of the cluster, so that code has no rights there. Limits of memory and processor,
    a user, a network policy: give a `pod_spec`. The image needs `sh`, `timeout`, `head` and what runs the blocks. A process
    that leaves its group lives on in the pod.
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
        """
        Args:
            image: The container image.
            pod_name: The name of the pod; a new one by default.
            namespace: Where the pod is made; by default that of the pod that this process runs in.
            pod_spec: The whole pod, instead of image, name and namespace. Its container must stay alive by itself.
            container_name: The container that runs the code.
            timeout: Seconds for each block, and for the pod to start.
            work_dir: Where the code is written and run, in the pod. It is made if it is missing.
            kube_config_file: How to reach the cluster; by default `KUBECONFIG`, `~/.kube/config`, or that of this pod.
            stop_container: Whether the pod is deleted when this process ends.
            execution_policies: For each language whether its blocks are run, or only saved.

        Raises:
            ImportError: The extra `kubernetes` is not installed.
            kubernetes.config.ConfigException: No cluster is configured.
            ValueError: The timeout is less than 1, no namespace is known, the pod has no such container, it can't be made,
                or does not run in time.
        """
        client = api_client(kube_config_file)
        super().__init__(timeout, work_dir, execution_policies)
        self._container_name = container_name or "autogen-code-exec"
        wanted = self._wanted(image, pod_name, namespace, pod_spec)
        self._running = Pod(client, wanted, self._container_name, timeout)
        self._pod = self._running.made
        if stop_container:
            atexit.register(self._running.delete)

    def _wanted(self, image: str, pod_name: str | None, namespace: str | None, pod_spec: V1Pod | None) -> Any:
        in_spec = pod_spec.metadata.namespace if pod_spec is not None and pod_spec.metadata else None
        namespace = in_spec or namespace or own_namespace()
        if not namespace:
            raise ValueError("Namespace where the pod will be launched must be provided")
        name = pod_name or f"autogen-code-exec-{uuid.uuid4()}"
        if pod_spec is None:
            return plain_pod(name, namespace, image, self._container_name)
        names = [container.name for container in pod_spec.spec.containers] if pod_spec.spec else []
        if self._container_name not in names:
            raise ValueError(f"The pod has no container {self._container_name!r}; its containers are {names}.")
        wanted = plain_pod(name, namespace, image, self._container_name)
        if pod_spec.metadata is not None:
            wanted.metadata = pod_spec.metadata
            wanted.metadata.namespace = namespace
            wanted.metadata.name = pod_spec.metadata.name or name
        wanted.spec = pod_spec.spec
        return wanted

    def execute_code_blocks(self, code_blocks: list[CodeBlock]) -> CommandLineCodeResult:
        """Run the blocks in order, until one fails.

        Returns:
            The exit code of the last block run (124: its time was up), all output, and the file of the first block, in the
            pod. No error in the code or of the cluster is raised: it is a result.

        Raises:
            ValueError: There are no blocks.
        """
        if not code_blocks:
            raise ValueError("No code blocks to execute.")
        exit_code, output, files = run_until_failure(code_blocks, self._tried)
        return CommandLineCodeResult(exit_code=exit_code, output=output, code_file=files[0] if files else None)

    def _tried(self, block: CodeBlock) -> tuple[int, str, str | None]:
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
        work_dir = self._work_dir.as_posix()
        try:
            name = _inside(work_dir, requested_name(code) or make_file_name(code, _EXTENSIONS.get(language, language)))
        except ValueError:
            return 1, OUTSIDE_MESSAGE, None
        file = posixpath.join(work_dir, name)
        folder, last = posixpath.split(name)
        problem = self._running.write(work_dir, folder or ".", last, code.encode("utf-8", "replace"))
        if problem is not None:
            return 1, f"The code can't be saved: {problem}", None
        if not self.execution_policies.get(language, False):
            return 0, f"Code saved to {file}\n", file
        if language not in _PROGRAMS:
            return 1, f"The {language} block can't be run: no program is known for it.", file
        finished = self._running.run(work_dir, [_PROGRAMS[language], file], self._limits)
        return *format_result(finished), file

    def stop(self) -> None:
        """Delete the pod."""
        self._running.delete()
        atexit.unregister(self._running.delete)

    def restart(self) -> None:
        """Nothing to restart: each block is a process of its own, and what it wrote stays in the pod."""

    def __enter__(self) -> PodCommandLineCodeExecutor:
        """The executor itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Delete the pod."""
        self.stop()


def _inside(work_dir: str, name: str) -> str:
    """A file name relative to the work directory. Links are not followed here: they are the pod's.

    Raises:
        ValueError: It leads out of the work directory.
    """
    path = posixpath.normpath(posixpath.join(work_dir, name))
    relative = posixpath.relpath(path, work_dir)
    if "\0" in name or relative == "." or relative.split("/")[0] == "..":
        raise ValueError(f"The file name {name!r} is not in the workspace.")
    return relative
