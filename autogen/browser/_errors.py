"""Exceptions of `autogen.browser`."""

from __future__ import annotations


class BrowserError(OSError):
    """Raised if the browser can't do something: a page that does not load, an element that is not there."""


class BrowserMissing(BrowserError):
    """Raised if there is no browser on this machine, or it does not start."""
