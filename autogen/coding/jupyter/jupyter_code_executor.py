"""Running code in a kernel of a Jupyter server."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path
from types import TracebackType

from ..base import CodeBlock, CodeExecutor, CodeExtractor, IPythonCodeResult
from ..markdown_code_extractor import MarkdownCodeExtractor
from ._blocks import validate_output_dir, run_blocks
from ._watchdog import call_when_dropped
from .base import JupyterConnectable, JupyterConnectionInfo
from .jupyter_client import JupyterClient, JupyterKernelClient
from .local_jupyter_server import LocalJupyterServer

__all__ = ["JupyterCodeExecutor"]


class JupyterCodeExecutor(CodeExecutor):
    """Runs code blocks as cells of a kernel that a Jupyter server starts: what one block defines the next one sees.

    Where the server is decides how isolated that is: `DockerJupyterServer` runs one in a container, `LocalJupyterServer`
    without isolation. Several executors may share a server; each has a kernel of its own, which ends with the executor.

    A block whose time is up is interrupted, and the variables are kept. If that does not help, or if the kernel dies, it is
    restarted, and the result says so.

    >>> with LocalJupyterServer() as server, JupyterCodeExecutor(server) as executor:  # doctest: +SKIP
    ...     executor.execute_code_blocks([CodeBlock(language="python", code="6 * 7")])
    IPythonCodeResult(exit_code=0, output='42', output_files=[])
    """

    def __init__(
        self,
        jupyter_server: JupyterConnectable | JupyterConnectionInfo,
        kernel_name: str = "python3",
        timeout: int = 60,
        output_dir: Path | str = Path("."),
    ) -> None:
        """
        Args:
            jupyter_server: The server, or where it is.
            kernel_name: Which of its kinds of kernels.
            timeout: Seconds for each block.
            output_dir: Where images and the like are saved. It must exist.

        Raises:
            ValueError: One of these is wrong; the server does not have this kernel.
            OSError: The server can't be reached, or refuses (`requests.exceptions.ConnectionError`, `HTTPError`).
        """
        if timeout < 1:
            raise ValueError("Timeout must be greater than or equal to 1.")
        if isinstance(jupyter_server, JupyterConnectionInfo):
            info = jupyter_server
        elif isinstance(jupyter_server, JupyterConnectable):
            info = jupyter_server.connection_info
        else:
            raise ValueError("jupyter_server must be a JupyterConnectable or JupyterConnectionInfo.")
        self._server = jupyter_server  # it must not be dropped before this
        self._timeout = timeout
        self._kernel_name = kernel_name
        self._output_dir = validate_output_dir(output_dir)
        self._jupyter_client = JupyterClient(info)
        self._server_files = jupyter_server.log_files if isinstance(jupyter_server, LocalJupyterServer) else []
        self._lock = threading.RLock()
        known = self._jupyter_client.list_kernel_specs()["kernelspecs"]
        if kernel_name not in known:
            raise ValueError(f"Kernel {kernel_name} is not installed. The server has {', '.join(sorted(known)) or 'none'}.")
        self._start()

    @property
    def timeout(self) -> int:
        """Seconds for each block."""
        return self._timeout

    @property
    def code_extractor(self) -> CodeExtractor:
        """Finds fenced code blocks."""
        return MarkdownCodeExtractor()

    def execute_code_blocks(self, code_blocks: list[CodeBlock]) -> IPythonCodeResult:
        """Run the blocks in order, until one fails.

        Returns:
            The exit code of the last block run (124: its time was up), what was printed and shown, and the files: images and
            the like that were shown, and what else is new or changed in `output_dir`. No error in the code is raised, nor
            that the kernel or the server is gone: it is a result.
        """
        with self._lock:
            if not self._end.alive:
                return IPythonCodeResult(exit_code=1, output="ERROR: This executor was stopped. restart() starts it again.")
            return run_blocks(
                self._kernel, code_blocks, seconds=self._timeout, output_dir=self._output_dir, ignore=self._server_files
            )

    def restart(self) -> None:
        """Begin with a fresh kernel.

        Raises:
            OSError: The server can't be reached, or refuses.
        """
        with self._lock:
            self.stop()
            self._start()

    def stop(self) -> None:
        """End the kernel. A block that another thread waits for ends with it."""
        self._end()

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
        self._end = call_when_dropped(self, _end_kernel, self._jupyter_client, self._kernel, self._kernel_id)


def _end_kernel(client: JupyterClient, kernel: JupyterKernelClient, kernel_id: str) -> None:
    """End a kernel, if its server is still there."""
    kernel.stop()
    if client.is_ready():
        with contextlib.suppress(OSError):  # it has ended by itself, or the server goes down
            client.delete_kernel(kernel_id)
    client.close()
