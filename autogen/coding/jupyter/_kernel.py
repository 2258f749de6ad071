"""One cell in a kernel, run within a time limit: it ends if the caller is cancelled or the kernel dies."""

from __future__ import annotations

import time
from typing import Protocol

from ..._threads import is_cancelled
from .._constants import TIMEOUT_MSG
from .._processes.runner import POLL_INTERVAL, TIMEOUT_EXIT_CODE
from ._cell import Cell, Message

GRACE = 3.0  # seconds for an interrupted cell to end, and for its last messages to arrive
START_TIMEOUT = 60.0  # seconds

TIMEOUT_ERROR = "ERROR: Timeout waiting for output from code block"
INTERRUPTED = "The block was interrupted. The kernel kept the variables of earlier blocks."
RESTARTED = "The kernel has been restarted: the variables of earlier blocks are gone."


class Oversized(int):
    """The size in bytes of a message that is too large to be read."""


class Kernel(Protocol):
    """A connection to a kernel."""

    def send(self, kind: str, content: Message) -> str:
        """Send a request. Return its id."""
        ...

    def receive(self, seconds: float) -> Message | Oversized | None:
        """Return the next message (`{}` if it is malformed), or None if there is none in time."""
        ...

    def find_failure(self) -> str | None:
        """Return why the kernel can't be used any more, or None while it runs."""
        ...

    def read_tail(self) -> str:
        """Return the last output of the kernel's process itself."""
        ...

    def interrupt(self) -> None:
        """Interrupt the running cell."""
        ...

    def restart(self) -> None:
        """Kill the kernel and start another, without waiting until that is ready."""
        ...

    def prepare(self) -> bool:
        """Wait until the kernel is ready. Return True if it lost its variables since the last cell.

        Raises:
            RuntimeError: if the kernel can't be started.
        """
        ...


def wait_until_ready(kernel: Kernel, seconds: float = START_TIMEOUT) -> None:
    """Wait until a kernel answers on all channels.

    Raises:
        RuntimeError: if the kernel dies, or does not answer in time. The message has the end of its output.
    """
    deadline = time.monotonic() + seconds
    request_ids: set[str | None] = set()
    pause = 0.05
    while time.monotonic() < deadline:
        # Messages get lost while the channels are being connected, so the request is repeated.
        request_ids.add(kernel.send("kernel_info_request", {}))
        pause = min(2 * pause, 1.0)
        end = time.monotonic() + pause
        while (remaining := end - time.monotonic()) > 0:
            message = kernel.receive(remaining)
            # The output channel is the last to be connected.
            if isinstance(message, dict) and message.get("channel") == "iopub" and _get_parent(message) in request_ids:
                return
        if reason := kernel.find_failure():
            raise RuntimeError(f"The kernel could not be started: {reason}.\n{kernel.read_tail()}".rstrip())
    raise RuntimeError(f"The kernel did not answer within {seconds:g} seconds.\n{kernel.read_tail()}".rstrip())


def run_cell(kernel: Kernel, code: str, seconds: float) -> Cell:
    """Run code as one cell.

    Args:
        kernel: The kernel.
        code: The code.
        seconds: The time limit.

    Returns:
        The cell. A timeout and the death of the kernel are results too; afterwards the kernel can run the next cell.

    Raises:
        RuntimeError: if the kernel can't be started.
    """
    has_restarted = kernel.prepare()
    content = {
        "code": code.encode("utf-8", "replace").decode(),
        "silent": False,
        "store_history": True,
        "user_expressions": {},
        "allow_stdin": False,
        # With True the kernel may reject a cell that arrives while it aborts the previous cell.
        "stop_on_error": False,
    }
    cell = Cell(
        kernel.send("execute_request", content), note=f"The kernel had ended. {RESTARTED}" if has_restarted else None
    )
    try:
        _collect_outputs(kernel, cell, seconds)
    # Mostly Ctrl-C. The kernel must not go on with the cell.
    except BaseException:
        kernel.interrupt()
        raise
    return cell


def _collect_outputs(kernel: Kernel, cell: Cell, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    interruption: str | None = None
    last_message = time.monotonic()
    while not cell.done:
        now = time.monotonic()
        if interruption is None and (now >= deadline or is_cancelled()):
            interruption = _format_timeout(seconds) if now >= deadline else "ERROR: The call was cancelled."
            kernel.interrupt()
            # An event loop that sleeps in `await` notices the interrupt only when a message wakes it.
            kernel.send("kernel_info_request", {})
            deadline = now + GRACE
        elif now >= deadline:
            _restart_kernel(kernel, cell, interruption or "")
            return
        message = kernel.receive(max(0.0, min(POLL_INTERVAL, deadline - now)))
        if message is not None:
            last_message = time.monotonic() if _add_message(cell, message) else last_message
        elif (reason := kernel.find_failure()) is not None or cell.kernel_died:
            # The kernel may have sent outputs before it died.
            while (message := kernel.receive(0)) is not None:
                _add_message(cell, message)
            _restart_kernel(
                kernel, cell, interruption or f"ERROR: The kernel died: {reason or 'the server noticed its end'}."
            )
            return
        # The last messages may have been lost in a flood of messages.
        elif (cell.has_reply or cell.is_idle) and time.monotonic() - last_message > GRACE:
            break
    if interruption is not None:
        _set_error(cell, f"{interruption} {INTERRUPTED}")
    elif cell.exit_requested:
        kernel.restart()
        cell.error = f"The block ended the kernel. {RESTARTED}"


def _add_message(cell: Cell, message: Message | Oversized) -> bool:
    """Add a message to a cell. Return True if it belongs to the cell, as far as that can be known."""
    if isinstance(message, Oversized):
        cell.skip(message)
        return True
    return cell.add(message)


def _restart_kernel(kernel: Kernel, cell: Cell, reason: str) -> None:
    try:
        kernel.restart()
        _set_error(cell, f"{reason} {RESTARTED}")
    except (RuntimeError, OSError) as error:
        _set_error(cell, f"{reason} It can't be restarted: {error}")


def _format_timeout(seconds: float) -> str:
    return f"{TIMEOUT_ERROR}: it took longer than {seconds:g} seconds."


def _set_error(cell: Cell, text: str) -> None:
    # All executors report a timeout by the same exit code and the same last line.
    timed_out = text.startswith(TIMEOUT_ERROR)
    cell.exit_code = TIMEOUT_EXIT_CODE if timed_out else 1
    cell.error = f"{text}\n{TIMEOUT_MSG}" if timed_out else text


def _get_parent(message: Message) -> object:
    header = message.get("parent_header")
    return header.get("msg_id") if isinstance(header, dict) else None
