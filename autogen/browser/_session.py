"""A session: a browser context with cookies, a page and a proxy of its own."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, ParamSpec, TypeVar
from urllib.parse import urlsplit

from .._steps import Call, Steps, run_async, run_sync
from ..fetching import AddressRefused, FetchPolicy, get_default_policy
from ._errors import BrowserError
from ._host import BrowserHost, LaunchOptions, close_quietly, get_host
from ._proxy import ConnectingProxy
from ._views import VISIBLE_HTML, PageView, parse_elements

if TYPE_CHECKING:
    from playwright.async_api import BrowserContext, Dialog, Download, Locator, Page

P = ParamSpec("P")
T = TypeVar("T")

SETTLE_SECONDS = 5.0
ACTION_SECONDS = 10.0
ACTION_DELAY = 0.3
VIEWPORT = (1440, 900)


class BrowserSession:
    """A page in a browser, with cookies of its own. Each method has an async version with the prefix `a_`.

    Args:
        policy: The addresses that pages may reach; None for the rules of the process.
        options: How the browser is started; None for the defaults.
        viewport: Width and height of the window in pixels.

    Use it as a context manager, or call `close`.
    """

    def __init__(
        self,
        policy: FetchPolicy | None = None,
        options: LaunchOptions | None = None,
        *,
        viewport: tuple[int, int] = VIEWPORT,
    ) -> None:
        self._policy = policy or get_default_policy()
        self._host: BrowserHost = get_host(options or LaunchOptions())
        self._viewport = viewport
        self._context: BrowserContext | None = None
        self._proxy: ConnectingProxy | None = None
        self._page: Page | None = None
        self._downloads: list[Download] = []
        self._download_added = asyncio.Event()
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._notes: list[str] = []

    def open_page(self, url: str) -> PageView:
        """Load a page, wait until it is quiet, and return its view.

        Args:
            url: Its address: `http` or `https`.

        Raises:
            AddressRefused: if the policy does not allow it.
            BrowserError: if it can't be loaded.
            BrowserMissing: if there is no browser.
            ImportError: if the extra is not installed.
        """
        return run_sync(self.open_page_step(url))

    async def a_open_page(self, url: str) -> PageView:
        """Async version of `open_page`."""
        return await run_async(self.open_page_step(url))

    def open_page_step(self, url: str) -> Steps[PageView]:
        """Load a page: the step of `open_page` and `a_open_page`.

        Args:
            url: As there.
        """
        return (yield from self._run(self._open_page, url))

    def look(self) -> PageView:
        """Return the view of the page as it is now."""
        return run_sync(self._run(self._look))

    async def a_look(self) -> PageView:
        """Async version of `look`."""
        return await run_async(self._run(self._look))

    def click(self, ref: str) -> PageView:
        """Click an element of the last view, and return the view that follows.

        Args:
            ref: The element's `ref`.

        Raises:
            BrowserError: if there is no such element, or it can't be clicked.
        """
        return run_sync(self._run(self._click, ref))

    async def a_click(self, ref: str) -> PageView:
        """Async version of `click`."""
        return await run_async(self._run(self._click, ref))

    def fill(self, ref: str, text: str) -> PageView:
        """Write a text into a field of the last view, and return the view that follows. Nothing is submitted.

        Args:
            ref: The field's `ref`.
            text: The text.

        Raises:
            BrowserError: if there is no such field, or it can't be filled.
        """
        return run_sync(self._run(self._fill, ref, text))

    async def a_fill(self, ref: str, text: str) -> PageView:
        """Async version of `fill`."""
        return await run_async(self._run(self._fill, ref, text))

    def press(self, key: str) -> PageView:
        """Press a key, such as "Enter", where the focus is, and return the view that follows.

        Args:
            key: The name of the key.

        Raises:
            BrowserError: if there is no such key.
        """
        return run_sync(self._run(self._press, key))

    async def a_press(self, key: str) -> PageView:
        """Async version of `press`."""
        return await run_async(self._run(self._press, key))

    def screenshot(self) -> bytes:
        """Return a picture of the visible part of the page, as PNG."""
        return run_sync(self._run(self._take_screenshot))

    async def a_screenshot(self) -> bytes:
        """Async version of `screenshot`."""
        return await run_async(self._run(self._take_screenshot))

    def close(self) -> None:
        """Close the page and forget its cookies. A session that is used again begins afresh."""
        if self._proxy is not None:
            self._host.run(self._close)

    async def a_close(self) -> None:
        """Async version of `close`."""
        if self._proxy is not None:
            await self._host.a_run(self._close)

    def __enter__(self) -> BrowserSession:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    async def __aenter__(self) -> BrowserSession:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.a_close()

    def _run(self, function: Callable[P, Coroutine[object, object, T]], *args: P.args, **kwargs: P.kwargs) -> Steps[T]:
        """Run a method in the host's thread. Those below run there."""
        # The type checker can't see through two functions that take a function with its arguments.
        result: T = yield Call(self._host.run, self._host.a_run, (self._guard, function, *args), kwargs)
        return result

    async def _guard(self, function: Callable[P, Coroutine[object, object, T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a method, and put the browser's errors into words."""
        page = await self._get_page()
        from playwright.async_api import Error

        try:
            return await function(*args, **kwargs)
        except Error as error:
            text = error.message.splitlines()[0].removeprefix("Page.").strip()
            if page.is_closed() or self._context is None or self._context.browser is None:
                text = "the browser has ended"
            reasons = self._take_reasons()
            if reasons:
                raise AddressRefused(reasons[-1]) from error
            raise BrowserError(f"The browser can't do this: {text}") from error

    async def _get_page(self) -> Page:
        """Return the page, in a browser that runs."""
        browser = await self._host.get_browser()
        page, context = self._page, self._context
        if page is not None and not page.is_closed() and context is not None and context.browser is browser:
            return page
        if self._proxy is not None:
            await self._close()
            self._notes.append(
                "The page was gone, because the browser or the page crashed; this is a new page without cookies."
            )
        self._host.count_session(+1)
        self._proxy = ConnectingProxy(self._policy)
        await self._proxy.start()
        width, height = self._viewport
        self._context = await browser.new_context(
            # The exception makes Chromium ask the proxy for this machine's addresses, too.
            proxy={"server": self._proxy.url, "bypass": "<-loopback>"},
            service_workers="block",
            viewport={"width": width, "height": height},
        )
        self._context.on("page", self._adopt_page)
        page = await self._context.new_page()
        self._adopt_page(page)
        return page

    def _adopt_page(self, page: Page) -> None:
        """Make a page the current page: the first, or a window that a page has opened."""
        if page is not self._page:
            self._page = page
            page.on("download", self._add_download)
            page.on("dialog", self._dismiss_dialog)
            page.on("crash", lambda crashed: crashed.close())

    def _add_download(self, download: Download) -> None:
        # Playwright can't take a built-in method as a listener.
        self._downloads.append(download)
        self._download_added.set()

    async def _dismiss_dialog(self, dialog: Dialog) -> None:
        self._notes.append(f"The page showed a dialog, which was dismissed: {dialog.message[:500]}")
        await close_quietly(dialog.dismiss)

    async def _open_page(self, url: str) -> PageView:
        try:
            parts = urlsplit(url)
            self._policy.check_host(parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80), url)
        except ValueError as error:
            raise AddressRefused(f"{url[:200]} is not an address: {error}") from error
        if parts.scheme not in ("http", "https"):
            raise AddressRefused(f"{url[:200]} is not opened: only http and https are allowed.")
        self._downloads.clear()
        self._download_added.clear()
        self._take_reasons()
        status = await self._go_to(url)
        view = await self._look(status)
        return replace(view, address=url) if view.download is not None else view

    async def _go_to(self, url: str) -> int | None:
        """Go to an address, and return the HTTP status; None if there is none, or a download began."""
        from playwright.async_api import Error

        for is_last in (False, True):
            page = await self._get_page()
            try:
                response = await page.goto(url, timeout=self._policy.timeout * 1000, wait_until="domcontentloaded")
            except Error as error:
                if "Download is starting" in error.message:
                    await asyncio.wait_for(self._download_added.wait(), SETTLE_SECONDS)
                    return None
                # The page of an error may come late, after a navigation that failed.
                if is_last or "interrupted by another navigation" not in error.message:
                    raise
                # The interrupted navigation may still be under way, and would interrupt the next one in this page.
                self._adopt_page(await page.context.new_page())
                await page.close()
            else:
                return response.status if response is not None else None
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def _look(self, status: int | None = None) -> PageView:
        """Return the view of the page, when it is quiet."""
        from playwright.async_api import Error

        for is_last in (False, False, False, True):
            try:
                return await self._read_page(status)
            except Error as error:
                # A navigation began meanwhile, and its page is the page to look at.
                if is_last or "context was destroyed" not in error.message:
                    raise
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def _look_after_action(self) -> PageView:
        assert self._page is not None
        # A navigation, or a new window, does not begin at once.
        await self._page.wait_for_timeout(ACTION_DELAY * 1000)
        return await self._look()

    async def _read_page(self, status: int | None) -> PageView:
        page = self._page
        assert page is not None
        from playwright.async_api import TimeoutError as PlaywrightTimeout

        # Some pages are never quiet.
        with contextlib.suppress(PlaywrightTimeout):
            await page.wait_for_load_state("networkidle", timeout=SETTLE_SECONDS * 1000)
        download = await self._save_download() if self._downloads else None
        html = await page.evaluate(VISIBLE_HTML)
        snapshot = await page.aria_snapshot(mode="ai")
        notes, self._notes = tuple(self._notes), []
        return PageView(
            page.url,
            await page.title(),
            status,
            str(html)[: self._policy.max_bytes],
            parse_elements(snapshot),
            download,
            self._take_reasons(),
            notes,
        )

    def _take_reasons(self) -> tuple[str, ...]:
        """Return the reasons of refused requests since the last call."""
        if self._proxy is None:
            return ()
        reasons = tuple(dict.fromkeys(self._proxy.refused))
        self._proxy.refused.clear()
        return reasons

    async def _save_download(self) -> Path:
        """Save the last download in a folder of this session, and return its path.

        Raises:
            BrowserError: if it is too large.
        """
        download = self._downloads[-1]
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="autogen-browser-")
        name = Path(download.suggested_filename).name or "download"
        path = Path(self._folder.name, name)
        await download.save_as(path)
        if path.stat().st_size > self._policy.max_bytes:
            path.unlink()
            raise BrowserError(f"The file {name} is larger than {self._policy.max_bytes:,} bytes, the limit of the policy.")
        return path

    def _find_element(self, ref: str) -> Locator:
        assert self._page is not None
        if not str(ref).isalnum():
            raise BrowserError(f"An element's ref is a word such as e12, got {ref!r}.")
        return self._page.locator(f"aria-ref={ref}")

    async def _click(self, ref: str) -> PageView:
        await self._find_element(ref).click(timeout=ACTION_SECONDS * 1000)
        return await self._look_after_action()

    async def _fill(self, ref: str, text: str) -> PageView:
        await self._find_element(ref).fill(text, timeout=ACTION_SECONDS * 1000)
        return await self._look()

    async def _press(self, key: str) -> PageView:
        assert self._page is not None
        await self._page.keyboard.press(key)
        return await self._look_after_action()

    async def _take_screenshot(self) -> bytes:
        assert self._page is not None
        return await self._page.screenshot()

    async def _close(self) -> None:
        context, self._context = self._context, None
        proxy, self._proxy = self._proxy, None
        folder, self._folder = self._folder, None
        self._page = None
        self._downloads.clear()
        if context is not None:
            await close_quietly(context.close)
        if proxy is not None:
            await proxy.stop()
            self._host.count_session(-1)
        if folder is not None:
            folder.cleanup()


def open_session(
    policy: FetchPolicy | None = None,
    *,
    executable_path: str | None = None,
    headless: bool = True,
    allow_unsandboxed_browser: bool = False,
    viewport: tuple[int, int] = VIEWPORT,
) -> BrowserSession:
    """Return a new session. The browser starts with its first page, and is shared with other sessions.

    Args:
        policy: The addresses that pages may reach; None for the rules of the process.
        executable_path: The path of the browser; None to search for it.
        headless: False to show its window.
        allow_unsandboxed_browser: True to start it without its own sandbox, as root in a container has to.
        viewport: Width and height of the window in pixels.
    """
    options = LaunchOptions(executable_path, headless, allow_unsandboxed_browser)
    return BrowserSession(policy, options, viewport=viewport)
