"""A code executor for kernels of a Jupyter server."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path
from types import TracebackType

from .._default_folder import describe_files, make_default_folder
from ..base import CodeBlock, CodeExecutor, CodeExtractor, IPythonCodeResult
from ..markdown_code_extractor import MarkdownCodeExtractor
from ._blocks import run_blocks, validate_output_dir
from ._watchdog import call_when_dropped
from .base import JupyterConnectable, JupyterConnectionInfo
from .jupyter_client import JupyterClient, JupyterKernelClient
from .local_jupyter_server import LocalJupyterServer

__all__ = ["JupyterCodeExecutor"]


class JupyterCodeExecutor(CodeExecutor):
    """Runs code blocks as cells of a kernel on a Jupyter server. Later blocks see the variables of earlier blocks.

    The server determines the isolation: `DockerJupyterServer` runs in a container, `LocalJupyterServer` has none. Several
    executors may share a server. Each has its own kernel, which ends with the executor.

    A block that exceeds the time limit is interrupted, and the variables are kept. If that fails, or if the kernel dies, the
    kernel is restarted, and the result says so.

    >>> with LocalJupyterServer() as server, JupyterCodeExecutor(server) as executor:  # doctest: +SKIP
    ...     executor.execute_code_blocks([CodeBlock(language="python", code="6 * 7")])
    IPythonCodeResult(exit_code=0, output='42', output_files=[])
    """

    def __init__(
        self,
        jupyter_server: JupyterConnectable | JupyterConnectionInfo,
        kernel_name: str = "python3",
        timeout: int = 60,
        output_dir: Path | str | None = None,
    ) -> None:
        """Start a kernel on the server.

        Args:
            jupyter_server: The server, or its address.
            kernel_name: The name of a kernel that is installed on the server.
            timeout: Seconds for each block.
            output_dir: An existing folder, for images and other outputs that aren't text. By default the folder in which
                the kernels of a `LocalJupyterServer` run, or else a new folder in the user's cache directory; the output of
                a run names it if there are new files in it.

        Raises:
            ValueError: if an argument is invalid, or the kernel is not installed.
            OSError: if the server can't be reached (`requests.exceptions.ConnectionError`), or rejects a request
                (`requests.exceptions.HTTPError`).
        """
        if timeout < 1:
            raise ValueError("Timeout must be greater than or equal to 1.")
        if isinstance(jupyter_server, JupyterConnectionInfo):
            info = jupyter_server
        elif isinstance(jupyter_server, JupyterConnectable):
            info = jupyter_server.connection_info
        else:
            raise ValueError("jupyter_server must be a JupyterConnectable or JupyterConnectionInfo.")
        # A server ends when it is dropped, so the executor keeps it.
        self._server = jupyter_server
        self._timeout = timeout
        self._kernel_name = kernel_name
        self._has_default_folder = output_dir is None
        if output_dir is None:
            if isinstance(jupyter_server, LocalJupyterServer):
                output_dir = jupyter_server.work_dir
            else:
                output_dir = make_default_folder(self)
        self._output_dir = validate_output_dir(output_dir)
        self._jupyter_client = JupyterClient(info)
        self._server_files = jupyter_server.log_files if isinstance(jupyter_server, LocalJupyterServer) else []
        self._lock = threading.RLock()
        installed = self._jupyter_client.list_kernel_specs()["kernelspecs"]
        if kernel_name not in installed:
            names = ", ".join(sorted(installed)) or "none"
            raise ValueError(f"Kernel {kernel_name} is not installed. The server has {names}.")
        self._start()

    @property
    def timeout(self) -> int:
        """The seconds for each block."""
        return self._timeout

    @property
    def code_extractor(self) -> CodeExtractor:
        """The extractor, which finds fenced code blocks."""
        return MarkdownCodeExtractor()

    def execute_code_blocks(self, code_blocks: list[CodeBlock]) -> IPythonCodeResult:
        """Run the blocks in order, until one fails.

        Errors in the code, a kernel that died and a lost server are results, not exceptions.

        Returns:
            The exit code of the last block (124 after a timeout), the printed and displayed text, and the files: saved
            outputs, and new or changed files in `output_dir`.
        """
        with self._lock:
            if not self._stop.alive:
                return IPythonCodeResult(
                    exit_code=1, output="ERROR: This executor was stopped. Call restart() to use it again."
                )
            result = run_blocks(
                self._kernel, code_blocks, seconds=self._timeout, output_dir=self._output_dir, exclude=self._server_files
            )
        if self._has_default_folder:
            result.output += describe_files(self._output_dir, result.output_files)
        return result

    def restart(self) -> None:
        """Replace the kernel with a fresh kernel.

        Raises:
            OSError: if the server can't be reached, or rejects a request.
        """
        with self._lock:
            self.stop()
            self._start()

    def stop(self) -> None:
        """Shut down the kernel. This also ends a call of another thread."""
        self._stop()

    def __enter__(self) -> JupyterCodeExecutor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _start(self) -> None:
        self._kernel_id = self._jupyter_client.start_kernel(self._kernel_name)
        try:
            self._kernel = self._jupyter_client.get_kernel_client(self._kernel_id)
        except BaseException:
            self._jupyter_client.delete_kernel(self._kernel_id)
            raise
        self._stop = call_when_dropped(self, _shut_down, self._jupyter_client, self._kernel, self._kernel_id)


def _shut_down(client: JupyterClient, kernel: JupyterKernelClient, kernel_id: str) -> None:
    """Shut down a kernel, if its server still answers."""
    kernel.stop()
    if client.is_ready():
        # The kernel may have ended by itself, and the server may be about to end.
        with contextlib.suppress(OSError):
            client.delete_kernel(kernel_id)
    client.close()
