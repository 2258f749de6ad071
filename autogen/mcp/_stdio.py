"""The transport to a server that is a program: lines of JSON, of limited length.

The program is started without this process's variables, and it is killed with its descendants.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import subprocess
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import IO, TYPE_CHECKING, Any

from .._secrets import redact
from ..coding._processes.descendants import mark_environment
from ..coding._processes.limits import Limits
from ..coding._processes.runner import kill_tree, make_group_options
from ._servers import StdioServerParams

if TYPE_CHECKING:
    from mcp.client._transport import TransportStreams

logger = logging.getLogger(__name__)

MAX_ERROR_BYTES = 4096
# Seconds for a program to end by itself when its input is closed.
EXIT_GRACE = 2.0
ERROR_GRACE = 1.0
_NO_LIMITS = Limits(processes=None, file_size=None, free_disk=None)


class _Tail:
    """The end of a program's stderr."""

    def __init__(self) -> None:
        self._data = bytearray()
        self.is_complete = threading.Event()

    def read(self, pipe: IO[bytes]) -> None:
        with pipe:
            while chunk := os.read(pipe.fileno(), 65536):
                self._data += chunk
                del self._data[:-MAX_ERROR_BYTES]
        self.is_complete.set()

    @property
    def text(self) -> str:
        return str(redact(self._data.decode("utf-8", "replace").strip()))


class StdioTransport:
    """A program and the streams of its messages.

    Args:
        params: Its parameters.
        limit: Maximum number of bytes of a message.
        fail: Called with a sentence if it breaks the protocol.
    """

    def __init__(self, params: StdioServerParams, limit: int, fail: Callable[[str], None]) -> None:
        self._params = params
        self._limit = limit
        self._fail = fail
        self._tail = _Tail()
        self._is_writing = False
        self._has_warned = False

    @property
    def errors(self) -> str:
        """The end of its stderr."""
        return self._tail.text

    async def wait_for_errors(self) -> None:
        """Wait a moment for the last words of a program that has ended."""
        await asyncio.to_thread(self._tail.is_complete.wait, ERROR_GRACE)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[TransportStreams]:
        """Start the program, and end it at the end of the block.

        Raises:
            OSError: if it can't be started.
        """
        import anyio

        loop = asyncio.get_running_loop()
        process, marker = self._start()
        incoming, read_stream = anyio.create_memory_object_stream[Any](0)
        write_stream, outgoing = anyio.create_memory_object_stream[Any](0)
        threads = [
            threading.Thread(target=self._read_messages, args=(process, incoming, loop), daemon=True),
            threading.Thread(target=self._tail.read, args=(process.stderr,), daemon=True),
        ]
        for thread in threads:
            thread.start()
        writer = asyncio.create_task(self._write_messages(process, outgoing))
        try:
            yield read_stream, write_stream
        finally:
            # A cancelled block must not leave the program behind.
            await asyncio.shield(self._stop(process, marker, writer, threads, read_stream, write_stream))

    def _start(self) -> tuple[subprocess.Popen[bytes], str]:
        from mcp.client.stdio import get_default_environment

        params = self._params
        marker, env = mark_environment({**get_default_environment(), **(params.env or {})})
        process = subprocess.Popen(
            # On Windows, `npx` is a script whose ending has to be found.
            [shutil.which(params.command, path=env.get("PATH")) or params.command, *params.args],
            cwd=params.cwd,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=-1,
            **make_group_options(_NO_LIMITS),
        )
        return process, marker

    def _read_messages(self, process: subprocess.Popen[bytes], incoming: Any, loop: asyncio.AbstractEventLoop) -> None:
        """Pass the messages of the program on, in a thread, until it ends or breaks the protocol."""
        assert process.stdout is not None
        # The loop may be closed, or the other end of the stream.
        with contextlib.suppress(RuntimeError, asyncio.CancelledError, ValueError, OSError):
            try:
                while line := process.stdout.readline(self._limit + 1):
                    if len(line) > self._limit:
                        self._fail(f"it sent a message of more than {self._limit:,} bytes")
                        break
                    if (message := self._parse(line)) is not None and not self._send(message, incoming, loop):
                        break
            finally:
                loop.call_soon_threadsafe(incoming.close)

    @staticmethod
    def _send(message: Any, incoming: Any, loop: asyncio.AbstractEventLoop) -> bool:
        import anyio

        try:
            asyncio.run_coroutine_threadsafe(incoming.send(message), loop).result()
        except (anyio.ClosedResourceError, anyio.BrokenResourceError):
            return False
        return True

    def _parse(self, line: bytes) -> Any:
        """Return the message of a line; None for other text."""
        import mcp.types
        from mcp.shared.message import SessionMessage

        if not line.strip():
            return None
        try:
            text = line.decode(self._params.encoding, "replace")
            return SessionMessage(mcp.types.jsonrpc_message_adapter.validate_json(text, by_name=False))
        except ValueError:
            if not self._has_warned:
                self._has_warned = True
                start = str(redact(line[:200].decode("utf-8", "replace").strip()))
                logger.warning("An MCP server prints lines besides its messages; the first begins with %r.", start)
            return None

    async def _write_messages(self, process: subprocess.Popen[bytes], outgoing: Any) -> None:
        async with outgoing:
            async for item in outgoing:
                line = item.message.model_dump_json(by_alias=True, exclude_unset=True) + "\n"
                self._is_writing = True
                try:
                    await asyncio.to_thread(_write, process, line.encode(self._params.encoding, "replace"))
                except (OSError, ValueError):
                    # The program has closed its input: the reader notices its end.
                    return
                self._is_writing = False

    async def _stop(
        self,
        process: subprocess.Popen[bytes],
        marker: str,
        writer: asyncio.Task[None],
        threads: list[threading.Thread],
        *streams: Any,
    ) -> None:
        for stream in streams:
            stream.close()
        # A file can't be closed while another thread writes to it.
        if not self._is_writing:
            await asyncio.wait([writer], timeout=EXIT_GRACE)
            with contextlib.suppress(OSError, ValueError):
                process.stdin.close()  # type: ignore[union-attr]
            with contextlib.suppress(subprocess.TimeoutExpired):
                await asyncio.to_thread(process.wait, EXIT_GRACE)
        await asyncio.to_thread(kill_tree, process, marker)
        with contextlib.suppress(subprocess.TimeoutExpired):
            await asyncio.to_thread(process.wait, EXIT_GRACE)
        await asyncio.wait([writer], timeout=EXIT_GRACE)
        for thread in threads:
            await asyncio.to_thread(thread.join, EXIT_GRACE)
        # A process that escaped keeps the pipes open; its threads are daemons, and end with it.
        if not any(thread.is_alive() for thread in threads):
            for pipe in (process.stdin, process.stdout, process.stderr):
                with contextlib.suppress(OSError, ValueError):
                    pipe.close()  # type: ignore[union-attr]


def _write(process: subprocess.Popen[bytes], data: bytes) -> None:
    assert process.stdin is not None
    process.stdin.write(data)
    process.stdin.flush()
