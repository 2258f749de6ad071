"""The browser host: a thread with an event loop, in which Chromium is driven for all sessions with the same options."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import logging
import os
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from .._extras import require
from ._errors import BrowserMissing
from ._executable import find_browser

if TYPE_CHECKING:
    from playwright.async_api import Browser, Playwright

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

IDLE_SECONDS = 60.0
STOP_SECONDS = 5.0
# The proxy sees connections of TCP alone. A page must not find a way around it, and the browser asks for nothing of its own.
ARGUMENTS = (
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--disable-quic",
    "--dns-prefetch-disable",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-pings",
)


@dataclass(frozen=True)
class LaunchOptions:
    """Options of the browser's start.

    Attributes:
        executable_path: The path of the browser; None to search for it, see `find_browser`.
        headless: False to show its window.
        allow_unsandboxed_browser: True to start it without its own sandbox. A program that runs as root, in a container, has
            to say so, because Chromium's sandbox doesn't work there; nowhere else should it.
        arguments: Further arguments of its command line.
    """

    executable_path: str | None = None
    headless: bool = True
    allow_unsandboxed_browser: bool = False
    arguments: tuple[str, ...] = ()


class BrowserHost:
    """A browser in a thread. It starts with the first call, and stops a minute after the last session was closed.

    Args:
        options: How the browser is started.
    """

    def __init__(self, options: LaunchOptions) -> None:
        self._options = options
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._browser: Browser | None = None
        self._playwright: Playwright | None = None
        self._launching: asyncio.Lock | None = None
        self._sessions = 0
        self._idle: asyncio.TimerHandle | None = None

    def submit(self, function: Callable[P, Coroutine[object, object, T]], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run a coroutine function in the host's thread."""
        with self._lock:
            if self._loop is None:
                self._loop = self._start_thread()
            return asyncio.run_coroutine_threadsafe(function(*args, **kwargs), self._loop)

    def run(self, function: Callable[P, Coroutine[object, object, T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a coroutine function in the host's thread and return its result."""
        future = self.submit(function, *args, **kwargs)
        try:
            return future.result()
        finally:
            # After KeyboardInterrupt, nobody waits for it.
            future.cancel()

    async def a_run(self, function: Callable[P, Coroutine[object, object, T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Async version of `run`."""
        return await asyncio.wrap_future(self.submit(function, *args, **kwargs))

    async def get_browser(self) -> Browser:
        """Return the browser, started if it doesn't run. Called in the host's thread.

        Raises:
            BrowserMissing: if there is none, or it doesn't start.
            ImportError: if the extra is not installed.
        """
        if self._launching is None:
            self._launching = asyncio.Lock()
        async with self._launching:
            if self._browser is None or not self._browser.is_connected():
                self._browser = await self._launch()
            return self._browser

    def count_session(self, change: int) -> None:
        """Count a session that is opened or closed. Called in the host's thread."""
        self._sessions += change
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        if self._sessions == 0 and self._loop is not None:
            self._idle = self._loop.call_later(IDLE_SECONDS, self._stop_if_idle)

    def stop(self) -> None:
        """Close the browser and end the thread. A later call starts both again."""
        with self._lock:
            loop, self._loop = self._loop, None
        if loop is not None:
            closing = asyncio.run_coroutine_threadsafe(self._close(), loop)
            with contextlib.suppress(TimeoutError, asyncio.TimeoutError):
                closing.result(STOP_SECONDS)
            loop.call_soon_threadsafe(loop.stop)

    def _stop_if_idle(self) -> None:
        if self._sessions == 0:
            # It waits for this loop.
            threading.Thread(target=self.stop, name="autogen-browser-stop", daemon=True).start()

    def _start_thread(self) -> asyncio.AbstractEventLoop:
        loop = asyncio.new_event_loop()
        threading.Thread(target=self._run_loop, args=(loop,), name="autogen-browser", daemon=True).start()
        return loop

    def _run_loop(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_forever()
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()

    async def _launch(self) -> Browser:
        require("playwright", extra="browser", feature="A real browser")
        from playwright.async_api import Error, async_playwright

        if self._playwright is None:
            self._playwright = await async_playwright().start()
        options = self._options
        path = find_browser(options.executable_path, own=self._playwright.chromium.executable_path)
        if not options.allow_unsandboxed_browser and hasattr(os, "geteuid") and os.geteuid() == 0:
            raise BrowserMissing(
                "Chromium's sandbox doesn't work for root. Run the program as another user, or pass "
                "allow_unsandboxed_browser=True if it runs in a container."
            )
        try:
            return await self._playwright.chromium.launch(
                executable_path=path,
                headless=options.headless,
                chromium_sandbox=not options.allow_unsandboxed_browser,
                args=[*ARGUMENTS, *options.arguments],
                handle_sigint=False,
            )
        except Error as error:
            logger.debug("The browser did not start:", exc_info=error)
            raise BrowserMissing(f"The browser {path} does not start: {error.message.splitlines()[0]}") from error

    async def _close(self) -> None:
        browser, self._browser = self._browser, None
        playwright, self._playwright = self._playwright, None
        self._launching = None
        for closing in (browser.close if browser else None, playwright.stop if playwright else None):
            if closing is not None:
                await close_quietly(closing)


async def close_quietly(close: Callable[[], Awaitable[object]]) -> None:
    """Close something that may have died already."""
    from playwright.async_api import Error

    try:
        await close()
    except (Error, OSError) as error:
        logger.debug("A part of the browser was gone when it was closed:", exc_info=error)


_hosts: dict[LaunchOptions, BrowserHost] = {}
_hosts_lock = threading.Lock()


def get_host(options: LaunchOptions) -> BrowserHost:
    """Return the host of this process for some options."""
    with _hosts_lock:
        host = _hosts.get(options)
        if host is None:
            host = _hosts[options] = BrowserHost(options)
        return host


def stop_hosts() -> None:
    """Stop all browsers of this process."""
    for host in list(_hosts.values()):
        host.stop()


atexit.register(stop_hosts)
