"""Search for a browser on this machine."""

from __future__ import annotations

import os
import shutil

from ._errors import BrowserMissing

COMMANDS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "msedge", "microsoft-edge")
VARIABLE = "AUTOGEN_BROWSER"


def find_browser(executable_path: str | None = None, *, own: str | None = None) -> str:
    """Return the path of a browser of the Chromium family.

    Args:
        executable_path: Its path, if the program knows it; None to search: the environment variable `AUTOGEN_BROWSER`,
            Playwright's own download, and then the path for commands.
        own: The path of Playwright's own download, there or not.

    Raises:
        BrowserMissing: if there is none.
    """
    for source, path in (("executable_path", executable_path), (VARIABLE, os.environ.get(VARIABLE))):
        if path:
            command = shutil.which(path)
            if command is None:
                raise BrowserMissing(f"{source} must be the path of a browser, got {path!r}.")
            return command
    if own and os.access(own, os.X_OK):
        return own
    command = next(filter(None, map(shutil.which, COMMANDS)), None)
    if command is None:
        raise BrowserMissing(
            f"There is no browser: none of {', '.join(COMMANDS)} is on the path. Install Chromium by the package manager of "
            f"this machine, run `playwright install chromium`, or set {VARIABLE} to the path of a browser."
        )
    return command
