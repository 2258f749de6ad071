"""A real browser for agents: Chromium, which reaches only the addresses that a `FetchPolicy` allows.

A host runs Chromium, by Playwright, in a thread of its own, because Playwright's synchronous form refuses to work where an
event loop runs, as in a notebook. Each session has cookies and a proxy of its own. The proxy resolves names, checks the
addresses and connects to those that it has checked, so all that a page loads is checked: frames and web sockets, too.

>>> from autogen.browser import open_session
>>> with open_session() as session:  # doctest: +SKIP
...     view = session.open_page("https://example.org")
...     print(view.title)
Example Domain
"""

from __future__ import annotations

from ._errors import BrowserError, BrowserMissing
from ._executable import find_browser
from ._host import LaunchOptions
from ._session import BrowserSession, open_session
from ._views import Element, PageView

__all__ = [
    "BrowserError",
    "BrowserMissing",
    "BrowserSession",
    "Element",
    "LaunchOptions",
    "PageView",
    "find_browser",
    "open_session",
]
