"""A text browser over Selenium, for programs that have it."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from .._extras import require
from .._steps import Steps, to_thread
from ..fetching import FetchedResource, FetchPolicy
from ._pages import Page
from .requests_markdown_browser import RequestsMarkdownBrowser

__all__ = ["SeleniumMarkdownBrowser"]

IS_SELENIUM_ENABLED = find_spec("selenium") is not None
"""True if the package is installed."""


class SeleniumMarkdownBrowser(RequestsMarkdownBrowser):
    """A text browser whose pages are loaded by Chrome, driven by Selenium.

    The policy decides about the address alone: Chrome makes the connections, so a name that changes its address, a redirect
    or the page itself may reach other addresses. `PlaywrightMarkdownBrowser` has no such gap.

    Args:
        **kwargs: The arguments of `RequestsMarkdownBrowser`. Headers are not sent.

    Raises:
        ImportError: if Selenium is not installed.
    """

    def __init__(self, **kwargs: Any) -> None:
        webdriver = require("selenium.webdriver", feature="SeleniumMarkdownBrowser")
        super().__init__(**kwargs)
        options = webdriver.ChromeOptions()
        options.add_argument("--headless=new")
        self._driver = webdriver.Chrome(options=options)

    def close(self) -> None:
        """End the browser."""
        self._driver.quit()

    def _load_page(self, address: str, policy: FetchPolicy) -> Steps[Page]:
        from .._extras import httpx

        if address.lower().startswith("file:"):
            return (yield from super()._load_page(address, policy))
        url = httpx.URL(address)
        policy.check_url(url)
        yield from to_thread(policy.resolve, url.host, url.port or 80)
        html = yield from to_thread(self._load_html, address)
        headers = {"content-type": "text/html; charset=utf-8"}
        resource = FetchedResource(
            self._driver.current_url, 200, headers, html[: policy.max_bytes].encode("utf-8", "replace")
        )
        return (yield from to_thread(self._convert, resource))

    def _load_html(self, address: str) -> str:
        self._driver.get(address)
        return str(self._driver.page_source)
