"""Two ways to run the items of a run at once: threads for functions, tasks for coroutine functions."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context, copy_context
from functools import partial

from .._steps import run_async, run_sync
from ..agentchat._core.display import silence
from ._items import Entry
from ._mapping import ChatMapping


class ThreadDriver:
    """Threads that run one item after another. They are daemons: the end of the program doesn't wait."""

    def __init__(self, mapping: ChatMapping) -> None:
        self._mapping = mapping
        self._context = copy_context()
        self._lock = threading.Lock()
        self._running = 0

    def start(self) -> None:
        """Start the first thread; each starts the next one if there is another item."""
        self._running = 1
        self._start_thread(self._open)

    def _start_thread(self, target: Callable[[], None]) -> None:
        # A context can't be entered twice at the same time.
        context: Context = self._context.copy()
        threading.Thread(target=context.run, args=(target,), name="autogen-chats", daemon=True).start()

    def _open(self) -> None:
        try:
            self._mapping.open()
        except BaseException as error:  # noqa: BLE001 - the reader of the results gets it
            self._mapping.stop(error)
        self._work(1)

    def _work(self, number: int) -> None:
        mapping = self._mapping
        try:
            with silence(True):
                while (entry := mapping.take()) is not None:
                    if number and number < mapping.options.limit:
                        with self._lock:
                            self._running += 1
                        self._start_thread(partial(self._work, number + 1))
                    # It has a successor.
                    number = 0
                    run_sync(mapping.run_entry(entry))
        # Recorded by the mapping: there is nobody to catch it in this thread.
        except BaseException as error:  # noqa: BLE001
            mapping.stop(error)
        finally:
            with self._lock:
                self._running -= 1
                is_last = not self._running
            if is_last:
                mapping.close()

    def stop(self) -> None:
        """Stop the run. Its threads end when their chats do."""
        self._mapping.stop()


class TaskDriver:
    """Tasks of an event loop that run one item after another."""

    def __init__(self, mapping: ChatMapping) -> None:
        self._mapping = mapping
        self._context = copy_context()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._main: asyncio.Task[None] | None = None
        self._lock = threading.Lock()
        self._is_stopped = False

    def start_here(self) -> None:
        """Start in the event loop of the caller."""
        loop = asyncio.get_running_loop()
        self._context.run(loop.create_task, self._run())

    def start_thread(self) -> None:
        """Start in an event loop of its own, in a thread."""
        arguments = (lambda: asyncio.run(self._run()),)
        threading.Thread(target=self._context.run, args=arguments, name="autogen-chats", daemon=True).start()

    async def _run(self) -> None:
        mapping = self._mapping
        with self._lock:
            self._loop, self._main = asyncio.get_running_loop(), asyncio.current_task()
        try:
            if self._is_stopped:
                return
            mapping.open()
            with silence(True):
                workers: list[asyncio.Task[None]] = []
                try:
                    while len(workers) < mapping.options.limit and (entry := mapping.take()) is not None:
                        workers.append(asyncio.create_task(self._work(entry)))
                        # The first chats begin before the last items are taken.
                        await asyncio.sleep(0)
                    await asyncio.gather(*workers)
                finally:
                    for worker in workers:
                        worker.cancel()
                    await asyncio.gather(*workers, return_exceptions=True)
        except asyncio.CancelledError:
            mapping.stop()
        except BaseException as error:  # noqa: BLE001 - the reader of the results gets it
            mapping.stop(error)
        finally:
            mapping.close()

    async def _work(self, first: Entry) -> None:
        entry: Entry | None = first
        while entry is not None:
            await run_async(self._mapping.run_entry(entry))
            entry = self._mapping.take()

    def stop(self) -> None:
        """Stop the run: its tasks are cancelled."""
        self._mapping.stop()
        with self._lock:
            loop, main = self._loop, self._main
            is_first, self._is_stopped = not self._is_stopped, True
        if main is not None and loop is not None and is_first and not main.done():
            # The loop may have ended since.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(main.cancel)
