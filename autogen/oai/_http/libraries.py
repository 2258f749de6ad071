"""The HTTP libraries below the installed SDK: `httpx2` and `httpcore2`, or `httpx` and `httpcore` in older versions.

This module imports the SDK; import it where a client is made.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING

import openai

if TYPE_CHECKING:
    import httpcore2 as httpcore
    import httpx2 as httpx
else:
    # Both generations may be installed: use the base class's, on which the SDK is built.
    _LIBRARY = next(base for base in openai.DefaultHttpxClient.__mro__ if base.__module__.startswith("httpx"))
    httpx = sys.modules[_LIBRARY.__module__.partition(".")[0]]
    httpcore = import_module(httpx.__name__.replace("httpx", "httpcore"))

__all__ = ["httpcore", "httpx"]
