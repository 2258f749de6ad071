"""A text browser over a real browser: pages that need JavaScript are there, too."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from .._extras import require
from .._mistakes import suggest
from .._steps import Steps, invoke, run_async, run_sync, to_thread
from ..browser import BrowserSession, LaunchOptions, PageView
from ..fetching import FetchedResource, FetchPolicy
from ._pages import Page
from .requests_markdown_browser import RequestsMarkdownBrowser

__all__ = ["PlaywrightMarkdownBrowser"]

IS_PLAYWRIGHT_ENABLED = find_spec("playwright") is not None
"""True if the package is installed."""

LAUNCH_ARGUMENTS = ("executable_path", "headless", "args", "chromium_sandbox")


class PlaywrightMarkdownBrowser(RequestsMarkdownBrowser):
    """A text browser whose pages are loaded by Chromium, which reaches only the addresses that the policy allows.

    The browser runs beside this process, shared by all; each `PlaywrightMarkdownBrowser` has cookies of its own. Close it
    after use, or use it as a context manager.

    Args:
        launch_args: How the browser is started, as Playwright names it: `executable_path`, `headless`, `args`, and
            `chromium_sandbox`, which is True here unless `allow_unsandboxed_browser` is.
        executable_path: The path of the browser; None to search for it, see `autogen.browser.find_browser`.
        allow_unsandboxed_browser: True to start it without its own sandbox, as root in a container has to.
        **kwargs: The arguments of `RequestsMarkdownBrowser`. Headers are not sent.

    Attributes:
        session: The session of the browser: it can click, fill in forms and take pictures. Call `update` afterwards.

    Raises:
        ImportError: if the extra is not installed.
        ValueError: if `launch_args` has an argument that means nothing.
    """

    def __init__(
        self,
        launch_args: Mapping[str, Any] = {},
        *,
        executable_path: str | None = None,
        allow_unsandboxed_browser: bool = False,
        **kwargs: Any,
    ) -> None:
        require("playwright", extra="browser", feature="PlaywrightMarkdownBrowser")
        for name in launch_args:
            if name not in LAUNCH_ARGUMENTS:
                raise ValueError(f"launch_args has no {name!r}.{suggest(name, LAUNCH_ARGUMENTS)}")
        super().__init__(**kwargs)
        options = LaunchOptions(
            executable_path or launch_args.get("executable_path"),
            launch_args.get("headless", True),
            allow_unsandboxed_browser or launch_args.get("chromium_sandbox") is False,
            tuple(launch_args.get("args", ())),
        )
        self.session = BrowserSession(self._policy, options)

    def update(self) -> str:
        """Read the page as it is now in the browser, after a click, say, and return its first part."""
        return run_sync(self._update())

    async def a_update(self) -> str:
        """Async version of `update`."""
        return await run_async(self._update())

    def close(self) -> None:
        """Close the page and forget its cookies."""
        self.session.close()

    async def a_close(self) -> None:
        """Async version of `close`."""
        await self.session.a_close()

    def __enter__(self) -> PlaywrightMarkdownBrowser:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _load_page(self, address: str, policy: FetchPolicy) -> Steps[Page]:
        if address.lower().startswith("file:"):
            # Chromium would read other files for the page.
            return (yield from super()._load_page(address, policy))
        view = yield from self.session.open_page_step(address)
        return (yield from self._read_view(view))

    def _update(self) -> Steps[str]:
        view = yield from invoke(self.session.look, self.session.a_look)
        page = yield from self._read_view(view)
        return self._show(page, view.address)

    def _read_view(self, view: PageView) -> Steps[Page]:
        """Convert the view of a page, or the file that was there in its position."""
        if view.download is not None:
            content = yield from to_thread(view.download.read_bytes)
            resource = FetchedResource(view.download.as_uri().replace("file://", "https://download"), 200, {}, content)
            page = yield from to_thread(self._convert, resource)
        else:
            status = view.status or 200
            resource = FetchedResource(
                view.address, status, {"content-type": "text/html; charset=utf-8"}, view.html.encode()
            )
            page = yield from to_thread(self._convert, resource)
        notes = [*view.notes, *view.refused[:5]]
        text = page.text + "".join(f"\n\n({note})" for note in notes)
        return dataclasses.replace(page, text=text, address=view.address)
