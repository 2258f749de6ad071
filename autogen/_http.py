"""The HTTP library that the `openai` SDK depends on, for downloads. Import this module where it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx2 as httpx
else:
    # Version 3 of the SDK replaced httpx by its successor. Both have the API that this package uses.
    try:
        import httpx2 as httpx
    except ModuleNotFoundError:
        import httpx

__all__ = ["httpx"]
