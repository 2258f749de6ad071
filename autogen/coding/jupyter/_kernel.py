"""Running one cell in a kernel: it ends when its time is up, when nobody waits for it, or when the kernel dies."""

from __future__ import annotations

import time
from typing import Protocol

from ..._threads import is_cancelled
from ...code_utils import TIMEOUT_MSG
from .._process import POLL_INTERVAL, TIMEOUT_EXIT_CODE
from ._cell import Cell, Message

GRACE = 3.0  # seconds in which a cell that is interrupted comes to an end, or the last of its messages arrives
READY = 60.0  # seconds in which a kernel has started

TOO_LONG = "ERROR: Timeout waiting for output from code block"
INTERRUPTED = "The block was interrupted. The kernel kept the variables of earlier blocks."
RESTARTED = "The kernel has been restarted: the variables of earlier blocks are gone."


class Oversized(int):
    """The size of a message that is too large to be read."""


class Kernel(Protocol):
    """A kernel, whatever the way to it is."""

    def send(self, kind: str, content: Message) -> str:
        """Send a request; returns its id."""
        ...

    def receive(self, seconds: float) -> Message | Oversized | None:
        """The next message of the kernel; None if there is none in this time, or one that can't be understood."""
        ...

    def trouble(self) -> str | None:
        """Why the kernel does not run any more; None if it runs."""
        ...

    def last_words(self) -> str:
        """What the kernel's process printed itself."""
        ...

    def interrupt(self) -> None:
        """Interrupt the cell that runs."""
        ...

    def restart(self) -> None:
        """End the kernel, and begin to start it anew."""
        ...

    def prepare(self) -> bool:
        """Wait until it is ready; says whether it has lost its variables since the last cell.

        Raises:
            RuntimeError: It is not, and won't be.
        """
        ...


def wait_for(kernel: Kernel, seconds: float = READY) -> None:
    """Wait until a kernel answers, on all of its channels.

    Raises:
        RuntimeError: It dies, or does not answer in time. The message has its last words.
    """
    deadline = time.monotonic() + seconds
    asked: set[str | None] = set()
    pause = 0.05
    while time.monotonic() < deadline:
        asked.add(kernel.send("kernel_info_request", {}))  # an answer may get lost while channels are being connected
        pause = min(2 * pause, 1.0)
        end = time.monotonic() + pause
        while (left := end - time.monotonic()) > 0:
            message = kernel.receive(left)
            if isinstance(message, dict) and message.get("channel") == "iopub" and _parent(message) in asked:
                return
        if reason := kernel.trouble():
            raise RuntimeError(f"The kernel could not be started: {reason}.\n{kernel.last_words()}".rstrip())
    raise RuntimeError(f"The kernel did not answer within {seconds:g} seconds.\n{kernel.last_words()}".rstrip())


def run_cell(kernel: Kernel, code: str, seconds: float) -> Cell:
    """Run code as one cell.

    Returns:
        What came of it. That the time is up, or that the kernel dies, is a result too: the kernel is ready for another.

    Raises:
        RuntimeError: The kernel can't be started.
    """
    has_forgotten = kernel.prepare()
    content = {
        "code": code.encode("utf-8", "replace").decode(),
        "silent": False,
        "store_history": True,
        "user_expressions": {},
        "allow_stdin": False,
        "stop_on_error": False,  # else it may refuse a block that comes while it gives up the one before
    }
    cell = Cell(
        kernel.send("execute_request", content), note=f"The kernel had ended. {RESTARTED}" if has_forgotten else None
    )
    try:
        _follow(kernel, cell, seconds)
    except BaseException:  # Ctrl-C, mostly: the kernel must not go on with it
        kernel.interrupt()
        raise
    return cell


def _follow(kernel: Kernel, cell: Cell, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    stopped: str | None = None
    last_news = time.monotonic()
    while not cell.done:
        now = time.monotonic()
        if stopped is None and (now >= deadline or is_cancelled()):
            stopped = _too_long(seconds) if now >= deadline else "ERROR: Nobody waits for this block any more."
            kernel.interrupt()
            kernel.send("kernel_info_request", {})  # wakes an event loop that sleeps on, as one does in `await`
            deadline = now + GRACE
        elif now >= deadline:
            _give_up(kernel, cell, stopped or "")
            return
        message = kernel.receive(max(0.0, min(POLL_INTERVAL, deadline - now)))
        if message is not None:
            last_news = _taken(cell, message) or last_news
        elif (reason := kernel.trouble()) is not None or cell.gone:
            _drain(kernel, cell)
            _give_up(kernel, cell, stopped or f"ERROR: The kernel died: {reason or 'the server noticed its end'}.")
            return
        elif (cell.replied or cell.idle) and time.monotonic() - last_news > GRACE:
            break  # the rest got lost in a flood of messages
    if stopped is not None:
        _set_error(cell, f"{stopped} {INTERRUPTED}")
    elif cell.asked_to_end:
        kernel.restart()
        cell.error = f"The block ended the kernel. {RESTARTED}"


def _taken(cell: Cell, message: Message | Oversized) -> float | None:
    """When it was that a message belonged to this cell."""
    if isinstance(message, Oversized):
        cell.skip(message)
        return time.monotonic()
    return time.monotonic() if cell.take(message) else None


def _drain(kernel: Kernel, cell: Cell) -> None:
    """Take what a kernel that died had sent before."""
    while (message := kernel.receive(0)) is not None:
        _taken(cell, message)


def _too_long(seconds: float) -> str:
    return f"{TOO_LONG}: it took longer than {seconds:g} seconds."


def _give_up(kernel: Kernel, cell: Cell, why: str) -> None:
    try:
        kernel.restart()
        _set_error(cell, f"{why} {RESTARTED}")
    except (RuntimeError, OSError) as error:
        _set_error(cell, f"{why} It can't be restarted: {error}")


def _set_error(cell: Cell, text: str) -> None:
    """All executors say in the same way that time was up: by an exit code, and by the last word."""
    time_was_up = text.startswith(TOO_LONG)
    cell.exit_code = TIMEOUT_EXIT_CODE if time_was_up else 1
    cell.error = f"{text}\n{TIMEOUT_MSG}" if time_was_up else text


def _parent(message: Message) -> str | None:
    header = message.get("parent_header")
    return header.get("msg_id") if isinstance(header, dict) else None
